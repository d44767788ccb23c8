# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_groups
short_description: Instance groups of a description with role and lifecycle files
version_added: 0.1.0
description:
  - Completes the instance groups that M(podforge.hyperpod.hyperpod_description) returns with what is only known when it
    has been made, for M(podforge.hyperpod.hyperpod_cluster).
author: podforge contributors (@podforge)
options:
  _input:
    description: The description.
    type: dict
    required: true
  execution_role_arn:
    description: Role of the groups that name none.
    type: str
  source_s3_uri:
    description:
      - Place of the lifecycle files for all groups; they replace those of the description.
      - Left out, the groups keep theirs.
    type: str
  entry:
    description:
      - Entry script below O(source_s3_uri). It runs as C(on_init_complete) in groups whose description says so, else as
        C(on_create).
    type: str
    default: on_create.sh
"""

EXAMPLES = r"""
- name: Create the cluster
  podforge.hyperpod.hyperpod_cluster:
    name: "{{ described.description.cluster_name }}"
    instance_groups: >-
      {{ described.description | podforge.hyperpod.cluster_groups(
           execution_role_arn='arn:aws:iam::123456789012:role/node', source_s3_uri='s3://sagemaker-demo/bundle') }}
"""

RETURN = r"""
_value:
  description: The instance groups.
  type: list
  elements: dict
"""

from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping


def cluster_groups(
    description: Mapping[str, Any],
    execution_role_arn: str | None = None,
    source_s3_uri: str | None = None,
    entry: str = "on_create.sh",
) -> list[dict[str, Any]]:
    """Instance groups with role and lifecycle files."""
    try:
        groups = description["cluster"]["instance_groups"]
    except (KeyError, TypeError) as error:
        message = "podforge.hyperpod.cluster_groups wants the description that hyperpod_description returns"
        raise AnsibleFilterError(message) from error
    return [_complete(group, execution_role_arn, source_s3_uri, entry) for group in groups]


def _complete(group: Mapping[str, Any], role: str | None, uri: str | None, entry: str) -> dict[str, Any]:
    result = dict(group)
    if role and not result.get("execution_role"):
        result["execution_role"] = role
    if uri:
        when = "on_init_complete" if (group.get("life_cycle_config") or {}).get("on_init_complete") else "on_create"
        result["life_cycle_config"] = {"source_s3_uri": uri, when: entry}
    return result


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"cluster_groups": cluster_groups}
