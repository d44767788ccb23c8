# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_upgrade_plan
short_description: Which nodes an upgrade of Kubernetes has still to do
version_added: 0.1.0
description:
  - Says which nodes are to be upgraded to a version, masters and workers apart, or why that can't be. One minor version
    at a time, and never back.
author: podforge contributors (@podforge)
options:
  _input:
    description: The version wanted, a minor one (V(1.33)) or a patch (V(1.33.2)).
    type: str
    required: true
  server:
    description: Version of the API server.
    type: str
    required: true
  kubernetes_nodes:
    description: Node objects of Kubernetes.
    type: list
    elements: dict
    required: true
  again:
    description: Nodes that have the version already, too.
    type: bool
    default: false
positional: server, kubernetes_nodes
"""

EXAMPLES = r"""
- name: See what is to be upgraded
  ansible.builtin.debug:
    msg: "{{ '1.33' | podforge.hyperpod.kubernetes_upgrade_plan('v1.32.4', kubernetes.resources) }}"
"""

RETURN = r"""
_value:
  description: C(problem) (empty when there is none), and names of C(masters) and C(workers) to upgrade.
  type: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import nodes
from ..module_utils._kubernetes import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping


def kubernetes_upgrade_plan(
    target: str, server: str, kubernetes_nodes: Iterable[Mapping[str, Any]], *, again: bool = False
) -> dict[str, Any]:
    """Whom to upgrade."""
    found = upgrade.plan(str(target), server, [nodes.node_of(one) for one in kubernetes_nodes], again=again)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(found).items()}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_upgrade_plan": kubernetes_upgrade_plan}
