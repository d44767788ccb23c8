#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kubeadm_join
version_added: 0.1.0
short_description: Join this node to a Kubernetes cluster
description:
  - Waits for the secret that M(podforge.hyperpod.kubeadm_join_secret) keeps, and for the API that it names, and joins
    with the CA pinned. What it waits for is told apart in the log, and bounded by O(timeout).
  - A node that has joined already is not changed, but for O(labels). One that has joined another cluster is refused.
    One whose join was killed half way is reset and joined again.
  - A node that takes the place of another one joins under its name, as soon as the other one is not Ready any more.
  - The token is in no command line, result or log. The file that kubeadm reads it from is root's, and is removed.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
  - boto3, in the system's Python or in that of the lifecycle bundle
  - kubeadm, kubelet and kubectl on the node
options:
  secret:
    description: Name of the secret.
    type: str
    required: true
  region:
    description: AWS region of the secret.
    type: str
    required: true
  version:
    description: Version of Kubernetes, by which the form of kubeadm's configuration is chosen.
    type: str
    required: true
  node_name:
    description: Name of the node.
    type: str
    required: true
  address:
    description: Address of the node.
    type: str
    required: true
  labels:
    description:
      - Labels of the node. They are set when it joins, and brought back when they differ later. What the node has set
        itself (an annotation remembers it) and is not named any more is taken away, others' labels never are.
      - Once C(playbooks/k8s_labels.yml) of this collection has changed labels of the node, those are left to it,
        but for instance type, instance group, and zone.
    type: dict
    default: {}
  taints:
    description: Taints of the node (C(key), C(value), C(effect)) when it joins. Nodes may not change them later;
      C(playbooks/k8s_labels.yml) does.
    type: list
    elements: dict
    default: []
  kubelet_args:
    description: Further arguments of kubelet.
    type: dict
    default: {}
  ignore_preflight:
    description: Checks of kubeadm before it joins that are not to stop it, such as V(NumCPU).
    type: list
    elements: str
    default: []
  masters:
    description:
      - Names of all nodes that are to be masters, of which this is one, in an order that is the same on all of them.
        Empty on a worker.
      - The first of them is told to make the cluster, while there is no secret. All others, and a first one that comes
        when there is a cluster, become masters of it, one after the other; a member of etcd that has this node's name
        or address, or that of a master that is no more, is removed before.
      - One that a backup is restored on meanwhile waits for the end of that, and has joined then.
    type: list
    elements: str
    default: []
  encryption:
    description: Whether a master must wait for the key that the cluster's secrets are encrypted with.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the secret and the API, together.
    type: int
    default: 1800
  log:
    description: A file that gets a line whenever the reason of waiting changes, and each minute.
    type: path
attributes:
  check_mode:
    description: Predicts the change without making it. What would be waited for is not.
    support: full
  diff_mode:
    description: Shows labels.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Linux.
    support: full
    platforms: linux
"""

EXAMPLES = r"""
- name: Join
  podforge.hyperpod.kubeadm_join:
    secret: hyperpod-k8s-0a1b2c3d4e5f
    region: us-west-2
    version: "1.32"
    node_name: ip-10-1-0-11
    address: 10.1.0.11
    labels:
      node.kubernetes.io/instance-type: p5.48xlarge
"""

RETURN = r"""
state:
  description: What the node was, V(new), V(half) (a join was killed) or V(joined).
  returned: success
  type: str
makes_it:
  description: The cluster is to be made by this node, which has not joined.
  returned: success
  type: bool
waited:
  description: Seconds of waiting by reason.
  returned: success
  type: dict
  sample: {"missing": 12.3}
labels:
  description: Labels that the Node object did not have, and with null those that are taken away.
  returned: success
  type: dict
"""

import random
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import KubernetesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import join_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import joining
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import settings
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.master import Master
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.worker import KUBELET_CONF
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.worker import Worker
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint


def other_cluster(given: joining.Invitation, kubeconfig: str) -> str:
    """What is wrong when the node belongs to another cluster; empty: it doesn't."""
    own = joining.ca_of(kubeconfig)
    if not own or own == given.ca_hash:
        return ""
    return (
        f"this node has joined a cluster whose CA is {own}, and the secret is of one with {given.ca_hash}. "
        "Fix: correct the secret's name; or, to leave the other cluster and lose its pods on this node, run "
        "kubeadm reset -f here, and this again"
    )


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Look, wait, join; the result for exit_json."""
    params = module.params
    worker = (Master if params["masters"] else Worker)(module.run_command, params)
    kubeconfig, state = worker.look()
    if module.check_mode and state != "joined":
        return {"changed": True, "state": state, "waited": {}, "labels": {}, "makes_it": False}
    if not module.check_mode:
        worker.tidy()
    need_boto3(params["secret"])
    # Whoever waits for the secret tells of each refusal, and has pauses of its own. "adaptive" would measure its pauses
    # by the time of day, and sleep for an hour when chrony sets a clock back by one.
    client = join_secret.client_of(params["region"], attempts=2, mode="standard")
    if state == "joined":
        given = worker.ask(client)
        if isinstance(given, joining.Invitation):
            problem = other_cluster(given, kubeconfig or "")
            if problem:
                raise KubernetesError(problem)
        else:
            module.warn(f"this node has joined, but others could not: {given.text}")
        return labelled(module, worker)
    if state == "half":
        worker.begin_anew()
    worker.join(client, random.SystemRandom().random)
    if isinstance(worker, Master) and worker.makes_it:
        return {"changed": False, "state": state, "waited": worker.waited, "labels": {}, "makes_it": True}
    # kubelet gives its labels to a new Node object only, and that of the node before may still be there
    return {**labelled(module, worker), "changed": True, "state": state, "waited": worker.waited}


def labelled(module: AnsibleModule, worker: Worker) -> dict[str, t.Any]:
    """Labels of a node that has joined, brought to what they should be by the node's own right."""
    node = worker.node()
    changes, note, left = settings.by_node(node, module.params["labels"]) if node else ({}, None, [])
    if not node:
        module.warn(f"labels could not be compared: the API does not answer, or does not know {KUBELET_CONF}")
    if left:
        module.warn(f"labels {', '.join(left)}: left as {settings.ADMINISTRATOR} has set them; run that playbook again")
    wanted = bool(changes) or note is not None
    if wanted and not module.check_mode:
        worker.describe(changes, note)
    there = (node.get("metadata") or {}).get("labels") or {}
    return {
        "changed": wanted,
        "state": "joined",
        "waited": {},
        "makes_it": False,
        "labels": changes,
        "diff": {"before": {key: there.get(key) for key in changes}, "after": changes},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            # a name, not the secret itself
            "secret": {"type": "str", "required": True, "no_log": False},
            "region": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "node_name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "labels": {"type": "dict", "default": {}},
            "taints": {"type": "list", "elements": "dict", "default": []},
            "kubelet_args": {"type": "dict", "default": {}},
            "ignore_preflight": {"type": "list", "elements": "str", "default": []},
            "masters": {"type": "list", "elements": "str", "default": []},
            "encryption": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 1800},
            "log": {"type": "path"},
        },
        supports_check_mode=True,
    )
    module.params["labels"] = {str(key): str(value) for key, value in module.params["labels"].items()}
    try:
        result = run(module)
    except (KubernetesError, SourceError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error, "/etc/kubernetes", missing="run the role kubeadm_common first"))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
