# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_replacement
short_description: What has still to be done to replace a node of Kubernetes
version_added: 0.1.0
description:
  - Says, from the node's object, the instance and a note of how it began, what is left to do for a replacement that may
    have been stopped anywhere.
author: podforge contributors (@podforge)
options:
  _input:
    description: Name of the node.
    type: str
    required: true
  kubernetes_nodes:
    description: Node objects of Kubernetes.
    type: list
    elements: dict
    required: true
  cluster_nodes:
    description: The nodes of the cluster, as M(podforge.hyperpod.hyperpod_cluster_info) returns them.
    type: list
    elements: dict
    required: true
  mark:
    description: What was noted when the replacement began, C(instance_id), C(machine) and C(cordoned); empty when it
      begins now.
    type: dict
    default: {}
positional: kubernetes_nodes, cluster_nodes, mark
"""

EXAMPLES = r"""
- name: See what is left to do
  ansible.builtin.debug:
    msg: "{{ 'ip-10-1-0-12' | podforge.hyperpod.kubernetes_replacement(found.resources, hyperpod.clusters[0].nodes) }}"
"""

RETURN = r"""
_value:
  description:
    - C(problem) (empty when there is none), C(instance_id) and C(machine) that have to go, and whether the node is to
      be drained (C(drain)), its object removed (C(remove)), and the service asked for another instance (C(replace)).
    - C(cordoned) is whether it took no pods before.
  type: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._hyperpod.members import Member
from ..module_utils._hyperpod.members import choose
from ..module_utils._kubernetes import nodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping


def kubernetes_replacement(
    name: str,
    kubernetes_nodes: Iterable[Mapping[str, Any]],
    cluster_nodes: Iterable[Mapping[str, Any]],
    mark: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What is left to do."""
    node = next((nodes.node_of(one) for one in kubernetes_nodes if one["metadata"]["name"] == name), None)
    member = choose([name], [_member(one) for one in cluster_nodes]).found.get(name)
    return asdict(nodes.replacement(name, node, member, mark or None))


def _member(node: Mapping[str, Any]) -> Member:
    """A node as hyperpod_cluster_info returns it."""
    return Member(
        key=str(node.get("node_logical_id") or node.get("instance_id")),
        instance_id=node.get("instance_id") or None,
        logical_id=node.get("node_logical_id") or None,
        group=str(node.get("instance_group_name", "")),
        instance_type=str(node.get("instance_type", "")),
        hostname=str(node.get("private_dns_hostname") or "").split(".", 1)[0] or None,
        status=str((node.get("instance_status") or {}).get("status", "")),
        message=None,
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_replacement": kubernetes_replacement}
