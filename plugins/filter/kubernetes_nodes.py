# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_nodes
short_description: Nodes of Kubernetes in short
version_added: 0.1.0
description:
  - Makes a flat dictionary of each Node object.
author: podforge contributors (@podforge)
options:
  _input:
    description: Node objects.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: See who is Ready
  ansible.builtin.debug:
    msg: "{{ ready | map(attribute='name') | list }}"
  vars:
    ready: "{{ found.resources | podforge.hyperpod.kubernetes_nodes | selectattr('ready', 'eq', 'True') }}"
"""

RETURN = r"""
_value:
  description:
    - Of each node C(name), C(addresses), C(group), C(master), C(ready) (V(True), V(False), V(Unknown)), C(machine),
      which is another one when it has been replaced, C(version) of its kubelet, C(unschedulable), and C(unfinished),
      which is empty unless k8s_upgrade.yml has left it halfway.
  type: list
  elements: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import nodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping


def kubernetes_nodes(objects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The nodes."""
    found = [asdict(nodes.node_of(one)) for one in objects]
    return [{**node, "addresses": sorted(node["addresses"])} for node in found]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_nodes": kubernetes_nodes}
