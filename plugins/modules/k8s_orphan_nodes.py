#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_orphan_nodes
version_added: 0.1.0
short_description: Which nodes of Kubernetes have no instance in the cluster any more
description:
  - Compares Kubernetes' nodes with those of the HyperPod cluster, and says which are left over. It asks nobody and
    changes nothing; C(playbooks/k8s_orphan_nodes.yml) of this collection removes what it finds.
  - A node that has a name or an internal address of the cluster's is none. Masters never are, nor are nodes while one
    of their instance group has no name yet, for it may be the same one, being replaced.
  - Nodes that are Ready are somebody's. They stay unless O(include_ready) is set.
  - When no node at all is of the cluster, the module fails, since the kubeconfig is likely that of another one.
author:
  - podforge contributors (@podforge)
options:
  kubernetes_nodes:
    description: Node objects, as RV(kubernetes.core.k8s_info#module:resources) has them.
    type: list
    elements: dict
    required: true
  cluster_nodes:
    description:
      - The nodes of the cluster, as M(podforge.hyperpod.hyperpod_cluster_info) with C(include_nodes) returns them.
    type: list
    elements: dict
  resource_config:
    description: Or C(/opt/ml/config/resource_config.json) of the controller, where it is current, as a dictionary.
    type: dict
  include_ready:
    description: Nodes that are Ready, too.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
  platform:
    description: Any.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Read the nodes of Kubernetes
  kubernetes.core.k8s_info:
    kind: Node
  register: kubernetes

- name: Read the nodes of the cluster
  podforge.hyperpod.hyperpod_cluster_info:
    names: [demo]
    include_nodes: true
  register: hyperpod

- name: See who is left over
  podforge.hyperpod.k8s_orphan_nodes:
    kubernetes_nodes: "{{ kubernetes.resources }}"
    cluster_nodes: "{{ hyperpod.clusters[0].nodes }}"
  register: left
"""

RETURN = r"""
orphans:
  description: Names of the nodes that are left over.
  returned: success
  type: list
  elements: str
  sample: [ip-10-1-0-12]
drainable:
  description: Those of them whose kubelet still answers, so that their pods can be evicted.
  returned: success
  type: list
  elements: str
kept:
  description: Nodes that are not of the cluster and stay, each with the reason.
  returned: success
  type: dict
  sample: {"ip-10-1-0-13": "it is Ready, so that somebody runs it"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import nodes


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "kubernetes_nodes": {"type": "list", "elements": "dict", "required": True},
            "cluster_nodes": {"type": "list", "elements": "dict"},
            "resource_config": {"type": "dict"},
            "include_ready": {"type": "bool", "default": False},
        },
        required_one_of=[("cluster_nodes", "resource_config")],
        mutually_exclusive=[("cluster_nodes", "resource_config")],
        supports_check_mode=True,
    )
    params = module.params
    known = (
        nodes.known_of_config(params["resource_config"])
        if params["cluster_nodes"] is None
        else nodes.known_of_members(params["cluster_nodes"])
    )
    there = [nodes.node_of(node) for node in params["kubernetes_nodes"]]
    found = nodes.orphans(there, known, include_ready=params["include_ready"])
    if found.problem:
        module.fail_json(msg=found.problem)
    module.exit_json(changed=False, orphans=list(found.remove), drainable=list(found.drain), kept=dict(found.keep))


if __name__ == "__main__":
    main()
