# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_networks
short_description: Networks that a Kubernetes cluster was made with
version_added: 0.1.0
description:
  - Reads the networks of pods, services and nodes out of kubeadm's ClusterConfiguration, in any of its versions.
author: podforge contributors (@podforge)
options:
  _input:
    description: ClusterConfiguration, as a dictionary.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the networks
  ansible.builtin.set_fact:
    networks: "{{ kubeadm_config.data.ClusterConfiguration | from_yaml | podforge.hyperpod.kubernetes_networks }}"
"""

RETURN = r"""
_value:
  description: C(pod_cidr), C(service_cidr), and C(node_prefix), the length of each node's part.
  type: dict
"""

from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import network

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping


def kubernetes_networks(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The networks."""
    return network.of_cluster(configuration)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_networks": kubernetes_networks}
