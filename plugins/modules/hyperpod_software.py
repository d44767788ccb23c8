#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_software
version_added: 0.1.0
short_description: Update the software (AMI) of Amazon SageMaker HyperPod clusters
description:
  - Gives the nodes of instance groups another image, all at once or in batches, and waits until each group is updated
    or rolled back.
  - B(What is on the nodes' root volumes is lost), and the lifecycle scripts run again. When they fail, the service
    tries again some times and then puts the old image back; the module fails with the reason, the events since it began
    and the end of the first failed node's lifecycle log.
  - Nothing is done where the wanted image is in use already. An update to just this image that is under way is joined,
    another one is waited for.
author:
  - podforge contributors (@podforge)
options:
  instance_groups:
    description: Groups to update; all, when left out.
    type: list
    elements: dict
    suboptions:
      instance_group_name:
        description: Name of the group.
        type: str
        required: true
      image_release_version:
        description: Release of the image, e.g. V(1.2.0). The newest, when left out. Excludes O(image_id).
        type: str
  image_id:
    description:
      - An AMI (C(ami-...)), or V(default) for the service's own newest image.
      - A group that has an AMI of yours needs this; without it the service refuses the update.
    type: str
  force:
    description:
      - Update groups too that are on the wanted image. Their nodes are set up anew then, so each run changes something.
      - Where neither a release nor an AMI is asked for, a group is on the wanted image when the service calls it
        C(UpToDate). It can't tell an AMI of yours from one of its own; to go from yours to V(default), use this.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait, for all that is done together. An update takes 30 to 60 minutes for each batch.
    type: int
    default: 14400
extends_documentation_fragment:
  - podforge.hyperpod._waiting
  - podforge.hyperpod._instance_groups.deployment
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
    support: full
    details: ["With O(force=true) each run updates again."]
notes:
  - "Required IAM actions: C(sagemaker:DescribeCluster), C(sagemaker:UpdateClusterSoftware)."
  - "Optional IAM actions, for progress and the reasons of a failure: C(sagemaker:ListClusterNodes),
    C(sagemaker:ListClusterEvents), C(sagemaker:DescribeClusterEvent), C(logs:DescribeLogStreams) and
    C(logs:GetLogEvents) on C(/aws/sagemaker/Clusters/*)."
  - The service keeps the status of a group's last update, and a node's last message, when all is well again. The module
    tells those of its own update from older ones.
seealso:
  - module: podforge.hyperpod.hyperpod_cluster
  - module: podforge.hyperpod.hyperpod_node
  - name: Update the software of a cluster
    description: What an update does, and what to save before.
    link: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-operate-slurm-cli-command-update-cluster-software.html
"""

EXAMPLES = r"""
- name: Bring all groups to the newest image
  podforge.hyperpod.hyperpod_software:
    cluster_name: demo
    region: us-west-2

- name: Bring the workers to a release, a quarter at a time, and back again when an alarm goes off
  podforge.hyperpod.hyperpod_software:
    cluster_name: demo
    region: us-west-2
    instance_groups:
      - instance_group_name: worker-group-1
        image_release_version: 1.2.0
    deployment_config:
      rolling_update_policy:
        maximum_batch_size:
          type: CAPACITY_PERCENTAGE
          value: 25
      wait_interval_in_seconds: 300
      auto_rollback_configuration:
        - alarm_name: demo-nodes-unhealthy

- name: Show what an update would do
  podforge.hyperpod.hyperpod_software:
    cluster_name: demo
    region: us-west-2
    image_id: ami-0123456789abcdef0
  check_mode: true
  diff: true
"""

RETURN = r"""
instance_groups:
  description: The groups that were asked for.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    instance_group_name:
      description: Name of the group.
      returned: always
      type: str
    result:
      description: C(updated), C(unchanged), C(failed), or C(requested) when it was not waited for.
      returned: always
      type: str
      sample: updated
    software_update_status:
      description: Status of the group's last update, as the service names it.
      returned: always
      type: str
      sample: Succeeded
    image_id:
      description: AMI in use.
      returned: always
      type: str
      sample: ami-0123456789abcdef0
    image_release_version:
      description: Release in use.
      returned: always
      type: str
      sample: 1.2.0
    image_version_status:
      description: What the service thinks of it.
      returned: always
      type: str
      sample: UpToDate
calls:
  description: The call that changed something, or would in check mode.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    operation:
      description: Name of the call in the API.
      type: str
      sample: UpdateClusterSoftware
    reason:
      description: Why it is made.
      type: str
      sample: software of worker-group-1 is to be updated
failure:
  description: What is known about the reason, as in M(podforge.hyperpod.hyperpod_cluster).
  returned: when the update failed, or time was up
  type: dict
error:
  description: Code and message of the service, and likely C(causes), each with its fix, where its words are known.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import software_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software_run import SoftwareTask


def main() -> None:
    """Entry point."""
    launch(software_spec(), lambda module: SoftwareTask(module).run())


if __name__ == "__main__":
    main()
