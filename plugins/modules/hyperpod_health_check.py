#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_health_check
version_added: 0.1.0
short_description: Check nodes of Amazon SageMaker HyperPod clusters deeply
description:
  - Starts deep health checks, waits until they are over and tells the outcome for each node.
  - Nodes are out of use while they are checked, about two hours, and the service reboots or replaces those that do not
    pass. Nodes without accelerators have nothing to check and are skipped.
  - As with a restarted service, each run checks again. A check of the same nodes and of the same kind that is under way
    is joined.
author:
  - podforge contributors (@podforge)
options:
  deep_health_checks:
    description: What to check.
    type: list
    elements: str
    required: true
    choices: [InstanceStress, InstanceConnectivity, MultiNodeTrainingValidation]
  instance_groups:
    description: Groups to check all nodes of. All groups, when neither this nor O(nodes) is given.
    type: list
    elements: str
  nodes:
    description: Nodes to check, each by instance id, logical id, host name (C(ip-10-1-2-3)) or IP address.
    type: list
    elements: str
  fail_on_unhealthy:
    description: Fail when a node did not pass. RV(nodes) tells the outcome in any case.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait, for all that is done together.
    type: int
    default: 14400
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
    details: [Tells which nodes would be checked.]
  diff_mode:
    support: full
  idempotent:
    support: none
    details: [Each run checks again.]
notes:
  - "Required IAM actions: C(sagemaker:DescribeCluster), C(sagemaker:ListClusterNodes),
    C(sagemaker:ListClusterOperations), C(sagemaker:DescribeClusterOperation),
    C(sagemaker:StartClusterHealthCheck)."
  - "Optional IAM actions, for the results of nodes that did not pass and other reasons of a failure:
    C(sagemaker:ListClusterEvents), C(sagemaker:DescribeClusterEvent), C(logs:DescribeLogStreams) and
    C(logs:GetLogEvents) on C(/aws/sagemaker/Clusters/*)."
seealso:
  - module: podforge.hyperpod.hyperpod_logs_info
  - module: podforge.hyperpod.hyperpod_node
"""

EXAMPLES = r"""
- name: Check all workers
  podforge.hyperpod.hyperpod_health_check:
    cluster_name: demo
    region: us-west-2
    deep_health_checks: [InstanceStress, InstanceConnectivity]
    instance_groups: [worker-group-1]
  register: checked

- name: Check one node and go on whatever the outcome is
  podforge.hyperpod.hyperpod_health_check:
    cluster_name: demo
    region: us-west-2
    deep_health_checks: [InstanceStress]
    nodes: [ip-10-198-0-12]
    fail_on_unhealthy: false
"""

RETURN = r"""
nodes:
  description: The nodes that were checked.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    result:
      description:
        - C(passed); C(failed); C(replaced), when the service gave the node another instance because it did not pass;
          C(skipped), when it was not checked; C(requested), when it was not waited for.
      returned: always
      type: str
      sample: passed
    instance_group_name:
      description: Group of the node.
      returned: always
      type: str
    instance_id:
      description: Id of the instance.
      returned: always
      type: str
      sample: i-0123456789abcdef0
    previous_instance_id:
      description: Id of the instance that did not pass.
      returned: when the node has another one now
      type: str
    instance_type:
      description: Type of the instance.
      returned: always
      type: str
      sample: ml.p5.48xlarge
    hostname:
      description: Host name without domain.
      returned: always
      type: str
    status:
      description: Status of the instance as it was seen last.
      returned: always
      type: str
      sample: Running
    message:
      description: What the service says about the node.
      returned: when it said something that still holds
      type: str
    log:
      description: The last lines of the results in CloudWatch Logs, for the first five nodes that did not pass.
      returned: when there are any
      type: list
      elements: str
calls:
  description: The calls that changed something, or would in check mode.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    operation:
      description: Name of the call in the API.
      type: str
      sample: StartClusterHealthCheck
    reason:
      description: Why it is made.
      type: str
      sample: nodes of worker-group-1 are to be checked
failure:
  description: What is known about the reason, as in M(podforge.hyperpod.hyperpod_cluster).
  returned: when nodes did not pass, or time was up
  type: dict
error:
  description: Code and message of the service, and likely C(causes), each with its fix, where its words are known.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import health_check_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health_run import HealthTask
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch


def main() -> None:
    """Entry point."""
    launch(health_check_spec(), lambda module: HealthTask(module).run())


if __name__ == "__main__":
    main()
