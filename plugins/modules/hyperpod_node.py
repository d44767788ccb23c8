#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_node
version_added: 0.1.0
short_description: Reboot, replace, delete and add nodes of Amazon SageMaker HyperPod clusters
description:
  - Acts on single nodes of a cluster, in as many calls as the limits of the API ask for (25 nodes to reboot or replace,
    99 to delete, 50 to add), and waits until the nodes are where they are to be.
  - What becomes of each node is told in RV(nodes). When some fail, the others are waited for all the same, and the
    module fails then, with each failed node, the events since it began and the end of the first failed node's lifecycle
    log.
author:
  - podforge contributors (@podforge)
options:
  state:
    description:
      - V(rebooted) restarts the nodes. They keep their ids, addresses and disks. As with a restarted service, each run
        does it again.
      - V(replaced) gives the nodes other hardware. B(All that is on their disks is lost.) The lifecycle script runs
        again. Each run does it again. The service wants the cluster to have been patched once, see
        M(podforge.hyperpod.hyperpod_software), and refuses the Slurm controller.
      - V(absent) deletes the nodes and lowers the counts of their groups. A node that isn't there is no change, one
        that is leaving already is waited for. The service refuses the Slurm controller.
      - V(added) adds nodes to O(instance_group), where the cluster's C(node_provisioning_mode) is C(Continuous). With
        O(target_count) only as many as are missing; with O(count) each run adds that many, unless O(client_token)
        says that it is the same wish.
    type: str
    required: true
    choices: [absent, added, rebooted, replaced]
  nodes:
    description:
      - The nodes, each by its instance id (C(i-0123456789abcdef0)), logical id, host name (C(ip-10-1-2-3), with or
        without domain, or C(hyperpod-i-0123456789abcdef0) on EKS) or IP address. Required unless O(state=added).
      - Nothing is done when one of them doesn't exist, unless O(state=absent).
    type: list
    elements: str
  instance_group:
    description: Group that nodes are added to.
    type: str
  count:
    description: How many nodes to add, at least 1.
    type: int
  target_count:
    description: How many nodes the group is to have at least. More than that is no reason to delete any.
    type: int
  availability_zones:
    description: Zones to add nodes in, for groups with several.
    type: list
    elements: str
  instance_types:
    description: Types to add nodes of, for groups with several.
    type: list
    elements: str
  client_token:
    description:
      - Any text of up to 64 printable characters without blanks that names this wish to add O(count) nodes. The same
        token adds nothing a second time, for eight hours.
    type: str
  wait_timeout:
    description:
      - Seconds to wait, for all that is done together. A reboot takes minutes, a replacement 20 to 30, and in
        C(Continuous) mode the service tries again by itself when there is no capacity.
    type: int
    default: 7200
extends_documentation_fragment:
  - podforge.hyperpod._waiting
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_hyperpod
attributes:
  check_mode:
    support: full
    details: [Stops after the plan. What the service alone can judge is not known then.]
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=absent) and O(target_count) describe a state. O(state=rebooted) and O(state=replaced) are actions.
        Adding O(count) nodes is an action too, unless there is O(client_token).
notes:
  - "Required IAM actions: C(sagemaker:DescribeCluster), C(sagemaker:ListClusterNodes); for O(state=rebooted)
    C(sagemaker:BatchRebootClusterNodes), for O(state=replaced) C(sagemaker:BatchReplaceClusterNodes), for
    O(state=absent) C(sagemaker:BatchDeleteClusterNodes), for O(state=added) C(sagemaker:BatchAddClusterNodes)."
  - "Optional IAM actions, for progress and the reasons of a failure: C(sagemaker:ListClusterEvents),
    C(sagemaker:DescribeClusterEvent), C(logs:DescribeLogStreams) and C(logs:GetLogEvents) on
    C(/aws/sagemaker/Clusters/*)."
  - In clusters with the legacy form C(provisioning_parameters.json) only the service knows which group is the
    controller's. It refuses the whole call then, and nothing of that call is done.
  - When an answer of the service gets lost and the call has to be repeated, nodes that the service then calls in use
    are taken for accepted. Whether they are is seen while waiting.
seealso:
  - module: podforge.hyperpod.hyperpod_cluster
  - module: podforge.hyperpod.hyperpod_cluster_info
  - module: podforge.hyperpod.hyperpod_software
"""

EXAMPLES = r"""
- name: Restart two nodes
  podforge.hyperpod.hyperpod_node:
    cluster_name: demo
    region: us-west-2
    state: rebooted
    nodes: [i-0123456789abcdef0, ip-10-198-0-12]

- name: List the nodes
  podforge.hyperpod.hyperpod_cluster_info:
    names: [demo]
    region: us-west-2
    include_nodes: true
  register: found

- name: Replace what has failed, at most two hours
  podforge.hyperpod.hyperpod_node:
    cluster_name: demo
    region: us-west-2
    state: replaced
    nodes: "{{ failed | map(attribute='instance_id') }}"
    wait_timeout: 7200
  vars:
    failed: "{{ found.clusters[0].nodes | selectattr('instance_status.status', 'eq', 'Failure') }}"
  when: failed | length > 0

- name: See which nodes would go
  podforge.hyperpod.hyperpod_node:
    cluster_name: demo
    region: us-west-2
    state: absent
    nodes: [10.198.0.12]
  check_mode: true

- name: Have at least sixteen workers
  podforge.hyperpod.hyperpod_node:
    cluster_name: demo
    region: us-west-2
    state: added
    instance_group: worker-group-1
    target_count: 16
"""

RETURN = r"""
nodes:
  description: What became of each node, in the order of O(nodes).
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    name:
      description: The node as it was asked for; of added ones the logical id.
      returned: always
      type: str
      sample: ip-10-198-0-12
    result:
      description:
        - C(rebooted), C(replaced), C(absent) or C(added); C(failed); C(requested) when it was not waited for.
        - In check mode what it would be.
      returned: always
      type: str
      sample: rebooted
    instance_group_name:
      description: Group of the node.
      returned: when the node is there
      type: str
    instance_id:
      description: Id of the instance, of a replaced node the new one.
      returned: when the node is there
      type: str
      sample: i-0123456789abcdef0
    previous_instance_id:
      description: Id of the instance before.
      returned: when it is another one now
      type: str
    node_logical_id:
      description: What stays with the node when its instance is replaced.
      returned: when the node is there
      type: str
    hostname:
      description: Host name without domain.
      returned: when the node is there
      type: str
      sample: ip-10-198-0-12
    status:
      description: Status of the instance as it was seen last.
      returned: when the node is there
      type: str
      sample: Running
    code:
      description: The service's code of the error.
      returned: when the node failed
      type: str
      sample: InvalidInstanceStatus
    message:
      description: What the service says about the node.
      returned: when it said something that still holds
      type: str
calls:
  description: The calls that changed something, or would in check mode.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    operation:
      description: Name of the call in the API.
      type: str
      sample: BatchRebootClusterNodes
    reason:
      description: Why it is made.
      type: str
      sample: 2 nodes are to be rebooted
failure:
  description: What is known about the reason, as in M(podforge.hyperpod.hyperpod_cluster).
  returned: when nodes failed, or time was up
  type: dict
error:
  description: Code and message of the service, and likely C(causes), each with its fix, where its words are known.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import node_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_run import NodesTask


def main() -> None:
    """Entry point."""
    launch(
        node_spec(),
        lambda module: NodesTask(module).run(),
        required_if=[
            ("state", "absent", ["nodes"]),
            ("state", "rebooted", ["nodes"]),
            ("state", "replaced", ["nodes"]),
            ("state", "added", ["instance_group"]),
            ("state", "added", ["count", "target_count"], True),
        ],
        mutually_exclusive=[("nodes", "instance_group"), ("count", "target_count"), ("client_token", "target_count")],
        required_by=dict.fromkeys(("count", "target_count", "client_token"), "instance_group"),
    )


if __name__ == "__main__":
    main()
