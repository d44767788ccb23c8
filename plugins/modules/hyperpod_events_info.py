#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_events_info
version_added: 0.1.0
short_description: Tell what happened in an Amazon SageMaker HyperPod cluster
description:
  - Lists the newest events of a cluster, oldest first, and tells for warnings and errors why they happened, which the
    service tells for each event alone.
  - The service keeps events of clusters in C(Continuous) mode only; of others there are none, with a warning. A cluster
    that doesn't exist has no events.
author:
  - podforge contributors (@podforge)
options:
  cluster_name:
    description: Name or ARN of the cluster.
    type: str
    required: true
    aliases: [cluster]
  instance_group:
    description: Only events of this group.
    type: str
  node:
    description: Only events of this node, by instance id, logical id, host name (C(ip-10-1-2-3)) or IP address.
    type: str
  resource_type:
    description: Only events of this kind of thing.
    type: str
    choices: [Cluster, InstanceGroup, Instance]
  operation_id:
    description: Only events of this operation.
    type: str
  since:
    description: Only events after this time, ISO 8601, or how long ago, e.g. V(90s), V(30m), V(2h), V(7d).
    type: str
  until:
    description: Only events before this time, in the same forms.
    type: str
  levels:
    description: Only events of these levels.
    type: list
    elements: str
    choices: [Info, Warn, Error]
  limit:
    description: At most so many events.
    type: int
    default: 100
  detail:
    description:
      - For which events RV(events[].failure_message) and RV(events[].metadata) are fetched, one more call for each.
      - V(problems) are those of level C(Warn) and C(Error).
    type: str
    choices: [none, problems, all]
    default: problems
  calls_per_second:
    description: How many such calls to begin in a second at most. The service's limit holds for the whole account.
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
  - "Required IAM actions: C(sagemaker:ListClusterEvents); C(sagemaker:DescribeClusterEvent) unless O(detail=none);
    C(sagemaker:ListClusterNodes) with O(node), unless that is an instance id."
seealso:
  - module: podforge.hyperpod.hyperpod_logs_info
  - module: podforge.hyperpod.hyperpod_cluster_info
"""

EXAMPLES = r"""
- name: See why workers did not come up in the last two hours
  podforge.hyperpod.hyperpod_events_info:
    cluster_name: demo
    region: us-west-2
    instance_group: worker-group-1
    levels: [Warn, Error]
    since: 2h
  register: found

- name: Show the reasons
  ansible.builtin.debug:
    msg: "{{ found.events | selectattr('failure_message', 'defined') | map(attribute='failure_message') | unique }}"
"""

RETURN = r"""
events:
  description: The events, oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    event_id:
      description: Id of the event.
      returned: always
      type: str
    event_time:
      description: When it happened, ISO 8601.
      returned: always
      type: str
      sample: '2026-11-22T18:00:00Z'
    event_level:
      description: C(Info), C(Warn) or C(Error).
      returned: always
      type: str
    resource_type:
      description: C(Cluster), C(InstanceGroup) or C(Instance).
      returned: always
      type: str
    instance_group_name:
      description: Group concerned.
      returned: when it concerns one
      type: str
    instance_id:
      description: Instance concerned.
      returned: when it concerns one
      type: str
    description:
      description: What happened.
      returned: always
      type: str
    failure_message:
      description: Why it happened, as the service says.
      returned: with O(detail), when it says so
      type: str
    causes:
      description: Likely C(cause) and C(fix), where the message is a known one.
      returned: with RV(events[].failure_message)
      type: list
      elements: dict
    metadata:
      description: All else that the service tells of the event, in snake_case.
      returned: with O(detail)
      type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import events_info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.events import events
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch


def main() -> None:
    """Entry point."""
    launch(events_info_spec(), lambda module: {"events": events(module)})


if __name__ == "__main__":
    main()
