# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_network_problems
short_description: Whether networks of pods and services fit
version_added: 0.1.0
description:
  - Checks the networks of pods and services against each other, the VPC, addresses of nodes, and the number of nodes.
author: podforge contributors (@podforge)
options:
  _input:
    description: Network of the pods, such as V(10.244.0.0/16).
    type: str
    required: true
  service_cidr:
    description: Network of the services.
    type: str
    required: true
  node_prefix:
    description: Length of the prefix of each node's part of the pods' network.
    type: int
    required: true
  nodes:
    description: How many nodes there are, or will be.
    type: int
    required: true
  vpc_cidrs:
    description: Blocks of the VPC, as far as they are known.
    type: list
    elements: str
    default: []
  addresses:
    description: Addresses of nodes by name.
    type: dict
    default: {}
positional: service_cidr, node_prefix, nodes
"""

EXAMPLES = r"""
- name: Check the networks
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('; ') }}"
  vars:
    problems: "{{ '10.244.0.0/16' | podforge.hyperpod.kubernetes_network_problems('10.96.0.0/12', 24, 300) }}"
"""

RETURN = r"""
_value:
  description: What is wrong, each with a network that would do; empty when all is well.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import network

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence


def kubernetes_network_problems(
    pod_cidr: str,
    service_cidr: str,
    node_prefix: int,
    nodes: int,
    *,
    vpc_cidrs: Sequence[str] = (),
    addresses: Mapping[str, str] | None = None,
) -> list[str]:
    """What is wrong with them."""
    return network.problems(
        pod_cidr, service_cidr, int(node_prefix), int(nodes), vpc_cidrs=vpc_cidrs, addresses=addresses
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_network_problems": kubernetes_network_problems}
