#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_logs_info
version_added: 0.1.0
short_description: Read the logs of nodes of an Amazon SageMaker HyperPod cluster
description:
  - Reads from CloudWatch Logs what lifecycle scripts, the health monitoring agent and deep health checks wrote, of all
    nodes or of some. Logs of instances that are gone are found too.
  - A cluster that doesn't exist has no logs, unless O(cluster_id) is given.
author:
  - podforge contributors (@podforge)
options:
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
    aliases: [cluster]
  cluster_id:
    description:
      - Id of the cluster, the end of its ARN, for a cluster that is deleted. Without it the cluster is looked up.
    type: str
  kinds:
    description: Which logs.
    type: list
    elements: str
    choices: [lifecycle, health_agent, deep_health_check]
    default: [lifecycle]
  instance_groups:
    description: Logs of nodes of these groups.
    type: list
    elements: str
  nodes:
    description:
      - Logs of these nodes, each by instance id, logical id, host name (C(ip-10-1-2-3)) or IP address. Former ones go
        by instance id.
      - With O(instance_groups) as well, logs of both.
    type: list
    elements: str
  since:
    description: Only lines after this time, ISO 8601, or how long ago, e.g. V(90s), V(30m), V(2h), V(7d).
    type: str
  tail:
    description: At most so many lines of each log, the last ones; V(0) for all.
    type: int
    default: 100
  calls_per_second:
    description: How many logs to begin to read in a second at most. The service's limit holds for the whole account.
    type: float
    default: 10.0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_hyperpod
notes:
  - "Required IAM actions: C(logs:DescribeLogStreams) and C(logs:GetLogEvents) on C(/aws/sagemaker/Clusters/*);
    C(sagemaker:DescribeCluster) unless O(cluster_id) is given; C(sagemaker:ListClusterNodes) with O(nodes) that are not
    instance ids, and for the deep health checks of O(instance_groups)."
seealso:
  - module: podforge.hyperpod.hyperpod_events_info
  - module: podforge.hyperpod.hyperpod_health_check
"""

EXAMPLES = r"""
- name: See how the lifecycle scripts of the workers ended
  podforge.hyperpod.hyperpod_logs_info:
    cluster_name: demo
    region: us-west-2
    instance_groups: [worker-group-1]
    tail: 20
  register: found

- name: Show the end of each
  ansible.builtin.debug:
    msg: "{{ item.lines }}"
  loop: "{{ found.logs }}"
  loop_control:
    label: "{{ item.instance_id }}"

- name: Read all that the health monitoring agent of one node wrote in the last hour
  podforge.hyperpod.hyperpod_logs_info:
    cluster_name: demo
    region: us-west-2
    kinds: [health_agent, deep_health_check]
    nodes: [ip-10-198-0-12]
    since: 1h
    tail: 0
"""

RETURN = r"""
logs:
  description: The logs, by kind, group and instance.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: One of O(kinds).
      returned: always
      type: str
      sample: lifecycle
    log_group:
      description: Log group in CloudWatch Logs.
      returned: always
      type: str
      sample: /aws/sagemaker/Clusters/demo/abc123def456
    stream:
      description: Log stream.
      returned: always
      type: str
      sample: LifecycleConfig/worker-group-1/i-0123456789abcdef0
    instance_group_name:
      description: Group of the node; C(null) for deep health checks, whose streams don't tell it.
      returned: always
      type: str
    instance_id:
      description: Instance that wrote it.
      returned: always
      type: str
    first_event_time:
      description: Time of the first line, ISO 8601; C(null) when there is none.
      returned: always
      type: str
    last_event_time:
      description: Time of the last line, ISO 8601; C(null) when there is none.
      returned: always
      type: str
    lines:
      description: The lines, oldest first.
      returned: always
      type: list
      elements: str
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import logs_info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.node_logs import logs


def main() -> None:
    """Entry point."""
    launch(logs_info_spec(), lambda module: {"logs": logs(module)})


if __name__ == "__main__":
    main()
