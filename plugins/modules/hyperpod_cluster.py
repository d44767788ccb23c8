#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_cluster
version_added: 0.1.0
short_description: Create, update and delete Amazon SageMaker HyperPod clusters
description:
  - Creates a HyperPod cluster, updates and scales it, sets its tags, waits until it is in service, and deletes it.
  - A cluster that exists is compared with what is wanted, and updated by one call where it differs. Only options that
    are given count; one that is left out stays as it is, at any depth, and so does a group that is not listed. Any
    other list that is given is all that there is to be.
  - What the service can't change, and what would end instances without having been allowed to, is refused before
    anything is changed, all of it at once, each with the way around.
  - What is under way already is joined. A cluster that is being created is waited for; one that is being deleted is
    waited for and then made again. A run that was interrupted goes on when it is started again.
  - While it waits it shows a line when something changes, and one a minute otherwise.
author:
  - podforge contributors (@podforge)
options:
  name:
    description: Name of the cluster, 1 to 63 letters, digits and inner hyphens.
    type: str
    required: true
    aliases: [cluster_name]
  state:
    description:
      - V(present) - the cluster exists and, with O(wait=true), is in service.
      - V(absent) - the cluster doesn't exist. Its instances and all that is on them are lost. While the service is
        busy with the cluster and refuses to delete it, the deletion is tried again.
    type: str
    choices: [present, absent]
    default: present
  orchestrator:
    description: What runs the jobs; exactly one of the suboptions. Slurm, with the service's defaults, when left out.
    type: dict
    suboptions:
      eks:
        description: An EKS cluster.
        type: dict
        suboptions:
          cluster_arn:
            description: ARN of the EKS cluster.
            type: str
            required: true
      slurm:
        description: Slurm.
        type: dict
        suboptions:
          slurm_config_strategy:
            description:
              - Whose mapping of partitions to nodes holds when C(slurm.conf) was edited.
              - V(Managed) refuses updates then, V(Overwrite) takes the service's, V(Merge) keeps both.
            type: str
            choices: [Overwrite, Managed, Merge]
          accounting_database:
            description: An external database for accounting. Needs O(node_provisioning_mode=Continuous).
            type: dict
            suboptions:
              endpoint:
                description: Host name of the database.
                type: str
                required: true
              port:
                description: Its port.
                type: int
              name:
                description: Name of the database.
                type: str
              secret_arn:
                description: ARN of the secret in Secrets Manager that holds user and password.
                type: str
                required: true
  node_recovery:
    description: Whether the service replaces and reboots faulty nodes by itself. V(None) is text, not C(null).
    type: str
    choices: [Automatic, 'None']
  tiered_storage_config:
    description: Checkpoints in the instances' memory.
    type: dict
    suboptions:
      mode:
        description: Whether it is used.
        type: str
        required: true
        choices: [Enable, Disable]
      instance_memory_allocation_percentage:
        description: How much of the memory, 0 to 100 percent.
        type: int
  node_provisioning_mode:
    description:
      - V(Continuous) launches instances one by one and retries those that fail. The cluster is in service as soon as
        its controller is; O(wait=true) goes on until each group has all of its instances.
      - Left out, the cluster is made as a whole, or fails as a whole.
    type: str
    choices: [Continuous]
  cluster_role:
    description: ARN of the role that the service takes for scaling.
    type: str
  auto_scaling:
    description: Scaling by the service, EKS only.
    type: dict
    suboptions:
      mode:
        description: Whether it is used.
        type: str
        required: true
        choices: [Enable, Disable]
      auto_scaler_type:
        description: What scales.
        type: str
        choices: [Karpenter]
  purge_instance_groups:
    description:
      - Delete groups of the cluster that are not listed, with all of their instances and what is on them.
      - O(instance_groups) and O(restricted_instance_groups) count for themselves. Of a list that is left out, no group
        is deleted.
    type: bool
    default: false
  allow_scale_down:
    description:
      - Let a group have fewer instances than it has. Instances that are too many are terminated, with all that is on
        them. The service chooses which; to choose yourself, delete nodes by their ids.
    type: bool
    default: false
  recreate_failed:
    description:
      - Delete a cluster whose creation failed, and make it again.
      - Applies only to a cluster with status C(Failed) that holds no instance, which is how the service leaves a
        creation that it rolled back. A cluster that was in service, and holds instances therefore, is never deleted
        by this, whatever its status.
    type: bool
    default: false
  wait:
    description: Wait until the cluster is in service, or gone.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait, for all that is done together.
    type: int
    default: 7200
  wait_delay:
    description: Seconds between two looks at the cluster.
    type: int
    default: 30
  progress:
    description:
      - Show how far the cluster is while waiting. The variable C(hyperpod_progress=false) switches it off too.
      - Nothing is shown in tasks with C(no_log), and in asynchronous ones.
    type: bool
    default: true
  _resume:
    description: Internal. By this the action plugin has a wait done in slices. Leave it out in playbooks.
    type: dict
extends_documentation_fragment:
  - podforge.hyperpod._instance_groups
  - amazon.aws.tags
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
notes:
  - "Required IAM actions: C(sagemaker:DescribeCluster), C(sagemaker:ListTags), C(sagemaker:CreateCluster),
    C(sagemaker:UpdateCluster), C(sagemaker:AddTags), C(sagemaker:DeleteTags), C(sagemaker:DeleteCluster),
    and C(iam:PassRole) on the execution roles."
  - "Optional IAM actions, for progress and the reasons of a failure: C(sagemaker:ListClusterNodes),
    C(sagemaker:ListClusterEvents), C(sagemaker:DescribeClusterEvent), C(logs:DescribeLogStreams) and
    C(logs:GetLogEvents) on C(/aws/sagemaker/Clusters/*)."
  - C(image_id) and C(image_release_version) are those that a group is made with. For a group that exists they can only
    be compared, as instances get another image by the call UpdateClusterSoftware.
  - CreateCluster itself needs permissions on what it uses (EC2 networks, EKS, KMS), see the documentation of AWS.
seealso:
  - module: podforge.hyperpod.hyperpod_cluster_info
  - module: podforge.hyperpod.hyperpod_lifecycle
  - name: CreateCluster
    description: The call of the API, and what its values mean.
    link: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html
"""

EXAMPLES = r"""
- name: Make a Slurm cluster and wait until it is in service
  podforge.hyperpod.hyperpod_cluster:
    name: demo
    region: us-west-2
    orchestrator:
      slurm:
        slurm_config_strategy: Managed
    vpc_config:
      security_group_ids: [sg-0123456789abcdef0]
      subnets: [subnet-0123456789abcdef0]
    instance_groups:
      - instance_group_name: controller-machine
        instance_type: ml.c5.xlarge
        instance_count: 1
        execution_role: arn:aws:iam::111122223333:role/podforge-demo-node
        life_cycle_config:
          source_s3_uri: s3://sagemaker-podforge-demo/lifecycle/0123abcd
          on_create: on_create.sh
        slurm_config:
          node_type: Controller
      - instance_group_name: worker-group-1
        instance_type: ml.p5.48xlarge
        instance_count: 2
        execution_role: arn:aws:iam::111122223333:role/podforge-demo-node
        life_cycle_config:
          source_s3_uri: s3://sagemaker-podforge-demo/lifecycle/0123abcd
          on_create: on_create.sh
        instance_storage_configs:
          - ebs_volume_config:
              volume_size_in_gb: 500
        slurm_config:
          node_type: Compute
          partition_names: [p1]
    tags:
      project: demo

- name: Add instances to a group, with other lifecycle scripts from now on, and leave all else as it is
  podforge.hyperpod.hyperpod_cluster:
    name: demo
    region: us-west-2
    instance_groups:
      - instance_group_name: worker-group-1
        instance_count: 4
        life_cycle_config:
          source_s3_uri: s3://sagemaker-podforge-demo/lifecycle/4567cdef

- name: See what it would take to have just one, smaller group of workers, and change nothing
  podforge.hyperpod.hyperpod_cluster:
    name: demo
    region: us-west-2
    instance_groups:
      - instance_group_name: controller-machine
      - instance_group_name: worker-group-1
        instance_count: 1
    purge_instance_groups: true
    allow_scale_down: true
  check_mode: true
  diff: true

- name: Set one tag and leave all else as it is
  podforge.hyperpod.hyperpod_cluster:
    name: demo
    region: us-west-2
    tags: {owner: research}
    purge_tags: false

- name: Delete the cluster, with at most an hour of patience
  podforge.hyperpod.hyperpod_cluster: {name: demo, region: us-west-2, state: absent, wait_timeout: 3600}
"""

RETURN = r"""
cluster:
  description:
    - The cluster as DescribeCluster tells it, in snake_case, with its tags; empty when it is absent.
    - In check mode, what the cluster will be in the form of the options.
    - On failure, the cluster as it was seen last.
  returned: always
  type: dict
  contains:
    cluster_arn:
      description: ARN of the cluster; it ends in the cluster's id.
      returned: outside of check mode
      type: str
      sample: arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456
    cluster_name:
      description: Name of the cluster.
      returned: outside of check mode
      type: str
      sample: demo
    cluster_status:
      description: Status as the service names it, C(InService) when all is well.
      returned: outside of check mode
      type: str
      sample: InService
    creation_time:
      description: When the cluster was made, ISO 8601.
      returned: outside of check mode
      type: str
      sample: '2026-11-22T18:00:00Z'
    failure_message:
      description: What the service says about the last failure.
      returned: when there was one
      type: str
    instance_groups:
      description: Groups by name, with C(current_count), C(target_count), C(status) and all that was set for them.
      returned: always
      type: list
      elements: dict
    vpc_config:
      description: Network of the cluster.
      returned: when it has one
      type: dict
    tags:
      description: Tags of the cluster.
      returned: unless the module failed
      type: dict
calls:
  description: The calls that changed something, or would in check mode.
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    operation:
      description: Name of the call in the API.
      type: str
      sample: CreateCluster
    reason:
      description: Why it is made.
      type: str
      sample: it does not exist yet
differences:
  description: Where the cluster differed from what is wanted, which was changed, would be in check mode, or is refused.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The option.
      type: str
      sample: instance_groups[worker-group-1].instance_count
    current:
      description: What the cluster had; empty for a group that is new.
      type: raw
    desired:
      description: What is wanted; empty for a group that is deleted.
      type: raw
failure:
  description: What is known about the reason.
  returned: when the cluster failed, or time was up
  type: dict
  contains:
    message:
      description: What the service says; empty when it says nothing, as when only time was up.
      type: str
    instance_groups:
      description: Names of the groups concerned.
      type: list
      elements: str
    nodes:
      description: Nodes that failed, with their messages.
      type: list
      elements: dict
    events:
      description: Warnings and errors among the cluster's events since the change began, in Continuous mode.
      type: list
      elements: dict
    log:
      description: The last lines of the lifecycle log of the first node that failed.
      type: dict
    causes:
      description: Likely causes, each with its fix.
      type: list
      elements: dict
    unread:
      description: What could not be read, and why.
      type: list
      elements: str
error:
  description: Code and message of the service, and likely C(causes), each with its fix, where its words are known.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import cluster_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.run import run


def main() -> None:
    """Entry point."""
    launch(cluster_spec(), run)


if __name__ == "__main__":
    main()
