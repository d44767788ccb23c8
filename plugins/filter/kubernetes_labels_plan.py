# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_labels_plan
short_description: Which labels and taints workers of Kubernetes lack or have too many
version_added: 0.1.0
description:
  - Compares labels and taints of Node objects with those that all workers of a cluster are to have. Of what they have
    too many, only what was set before (O(noted)) is taken away.
  - Masters, and nodes that are not of the cluster, are left alone.
author: podforge contributors (@podforge)
options:
  _input:
    description: Node objects of Kubernetes.
    type: list
    elements: dict
    required: true
  cluster_nodes:
    description:
      - The nodes of the cluster, as M(podforge.hyperpod.hyperpod_cluster_info) with C(include_nodes) returns them.
    type: list
    elements: dict
    required: true
  labels:
    description: Labels that nodes may give themselves.
    type: dict
    default: {}
  taints:
    description: Taints (C(key), C(value), C(effect)).
    type: list
    elements: dict
    default: []
  restricted:
    description: Labels that nodes may not give themselves.
    type: dict
    default: {}
  noted:
    description: What was set before, as C(end) of an earlier plan.
    type: dict
    default: {}
positional: cluster_nodes
"""

EXAMPLES = r"""
- name: See what is to be changed
  ansible.builtin.debug:
    msg: "{{ (kubernetes.resources | podforge.hyperpod.kubernetes_labels_plan(
      hyperpod.clusters[0].nodes, labels={'team': 'vision'})).said }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), which are empty when it can be; C(patches) of Node objects, and what they do in words (C(said)).
    - C(begin) and C(end), what is to be noted before the patches and after them.
  type: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import nodes
from ..module_utils._kubernetes import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping


def kubernetes_labels_plan(
    kubernetes_nodes: Iterable[Mapping[str, Any]],
    cluster_nodes: Iterable[Mapping[str, Any]],
    *,
    labels: Mapping[str, Any] | None = None,
    taints: Iterable[Mapping[str, Any]] = (),
    restricted: Mapping[str, Any] | None = None,
    noted: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What has to be changed."""
    members = nodes.known_of_members(cluster_nodes)
    found = settings.fleet(
        settings.settings_of(labels or {}, taints),
        settings.settings_of(restricted or {}, ()).labels,
        kubernetes_nodes,
        {part for member in members for part in (member.name, member.address) if part},
        settings.noted_of(noted or {}),
    )
    return asdict(found)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_labels_plan": kubernetes_labels_plan}
