# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of instance groups. Private to this collection: it may change at any time."""

from __future__ import annotations

import textwrap


def _under(text: str, depth: int) -> str:
    """A block of YAML, moved to ``depth`` levels of two blanks."""
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "  " * depth)


_BATCH = """
type:
  description: Whether C(value) counts instances or is a percentage of the group.
  type: str
  required: true
  choices: [INSTANCE_COUNT, CAPACITY_PERCENTAGE]
value:
  description: How many.
  type: int
  required: true
"""

_DEPLOYMENT = f"""
deployment_config:
  description: How instances are updated in turn.
  type: dict
  suboptions:
    rolling_update_policy:
      description: Sizes of the batches.
      type: dict
      suboptions:
        maximum_batch_size:
          description: How much of the group is updated at a time.
          type: dict
          required: true
          suboptions:
{_under(_BATCH, 6)}
        rollback_maximum_batch_size:
          description: How much of the group is rolled back at a time.
          type: dict
          suboptions:
{_under(_BATCH, 6)}
    wait_interval_in_seconds:
      description: Seconds between two batches, 0 to 3600.
      type: int
    auto_rollback_configuration:
      description: CloudWatch alarms that stop the update and roll it back.
      type: list
      elements: dict
      suboptions:
        alarm_name:
          description: Name of the alarm.
          type: str
          required: true
"""

_STORAGE = """
instance_storage_configs:
  description:
    - Storage of each instance, at most four entries; each entry has exactly one of the suboptions.
    - Applies to instances that are launched after it was set.
  type: list
  elements: dict
  suboptions:
    ebs_volume_config:
      description: An EBS volume. Without C(root_volume) it is a further one, mounted at C(/opt/sagemaker).
      type: dict
      suboptions:
        volume_size_in_gb:
          description: Size in GB, 1 to 16384. Not for the root volume.
          type: int
        volume_kms_key_id:
          description: Id or ARN of the KMS key that encrypts the volume.
          type: str
        root_volume:
          description: It is the root volume, which takes a key and no size.
          type: bool
    fsx_lustre_config:
      description: An FSx for Lustre file system. The cluster needs O(vpc_config).
      type: dict
      suboptions:
        dns_name:
          description: DNS name of the file system.
          type: str
          required: true
        mount_name:
          description: Mount name of the file system.
          type: str
          required: true
        mount_path:
          description: Where it is mounted, V(/fsx) unless given.
          type: str
    fsx_open_zfs_config:
      description: An FSx for OpenZFS file system. The cluster needs O(vpc_config).
      type: dict
      suboptions:
        dns_name:
          description: DNS name of the file system.
          type: str
          required: true
        mount_path:
          description: Where it is mounted, V(/home) unless given.
          type: str
"""

_VPC = """
security_group_ids:
  description: One to five security groups. Each has to allow all traffic to and from itself.
  type: list
  elements: str
  required: true
subnets:
  description: One to sixteen private subnets.
  type: list
  elements: str
  required: true
"""

_COMMON = f"""
instance_group_name:
  description: Name of the group, unique in the cluster; 1 to 63 letters, digits and inner hyphens.
  type: str
  required: true
instance_count:
  description:
    - How many instances the group is to have, 0 to 6758. Required for a group that is new.
    - Fewer than it has needs O(allow_scale_down).
  type: int
execution_role:
  description:
    - ARN of the role that the instances take. It has to trust C(sagemaker.amazonaws.com).
    - Required for a group that is new; it can't be changed later.
  type: str
threads_per_core:
  description: V(1) switches multithreading off, V(2) on. It can't be changed later.
  type: int
{_STORAGE.strip()}
on_start_deep_health_checks:
  description: Deep health checks that an instance has to pass before it joins.
  type: list
  elements: str
  choices: [InstanceStress, InstanceConnectivity, MultiNodeTrainingValidation]
training_plan_arn:
  description: ARN of the training plan whose reserved capacity the group uses.
  type: str
override_vpc_config:
  description: Network of this group, where it isn't the cluster's. It can't be changed later.
  type: dict
  suboptions:
{_under(_VPC, 2)}
scheduled_update_config:
  description: When the service updates the instances' software by itself.
  type: dict
  suboptions:
    schedule_expression:
      description: A cron expression, for example V(cron(0 3 ? * SUN *)).
      type: str
      required: true
{_under(_DEPLOYMENT, 2)}
"""

_GROUP_ONLY = f"""
min_instance_count:
  description:
    - How many instances must be there for the group to work, 0 to 6758.
    - When they aren't within three hours, the service rolls the group back.
  type: int
instance_type:
  description:
    - Type of the instances, for example V(ml.p5.48xlarge). It can't be changed later.
    - Give either this or C(instance_requirements).
  type: str
instance_requirements:
  description: Instance types of a group that takes what can be had.
  type: dict
  suboptions:
    instance_types:
      description: Up to twenty types, the preferred ones first. A type stays as long as instances of it run.
      type: list
      elements: str
      required: true
life_cycle_config:
  description:
    - The scripts that configure an instance. See M(podforge.hyperpod.hyperpod_lifecycle), which stages them.
    - May be left out for Slurm clusters; the service then configures the instances as its image foresees.
  type: dict
  suboptions:
    source_s3_uri:
      description:
        - Prefix in S3 that holds the scripts; a slash at its end makes no difference.
        - Instances that are launched after a change get the scripts of the new prefix; those that run keep theirs.
      type: str
    on_create:
      description: Entry script that does all of the configuration. Excludes C(on_init_complete).
      type: str
    on_init_complete:
      description: Entry script that runs after the service's own configuration. Excludes C(on_create).
      type: str
image_id:
  description: Id of the AMI, or V(default), which is never compared with what the cluster has.
  type: str
image_release_version:
  description: Version of the HyperPod AMI, for example V(1.2.3).
  type: str
auto_patch_config:
  description: How the service patches the instances by itself.
  type: dict
  suboptions:
    patching_strategy:
      description: When an instance may be patched. V(DrainFirst) is for EKS only.
      type: str
      required: true
      choices: [WhenIdle, WhenAllIdle, DrainFirst]
    patch_schedule:
      description: When the next patch is due.
      type: dict
      suboptions:
        next_patch_date:
          description: Time in ISO 8601, UTC unless it names a zone.
          type: str
{_under(_DEPLOYMENT, 2)}
    idle_wait_window_in_seconds:
      description: How long to wait for idle instances, 3600 to 2160000 seconds.
      type: int
    drain_policy:
      description: How instances are drained.
      type: dict
      suboptions:
        drain_timeout_in_seconds:
          description: How long draining may take, 0 to 5400 seconds.
          type: int
        on_drain_timeout:
          description: What happens then.
          type: str
          choices: [Force, Skip]
kubernetes_config:
  description: Labels and taints of the nodes, EKS only.
  type: dict
  suboptions:
    labels:
      description: Labels by key. Keys are left as they are. The labels given are all that there are to be.
      type: dict
    taints:
      description: The taints given are all that there are to be.
      type: list
      elements: dict
      suboptions:
        key:
          description: Key of the taint.
          type: str
          required: true
        value:
          description: Value of the taint.
          type: str
        effect:
          description: What the taint does.
          type: str
          required: true
          choices: [NoSchedule, PreferNoSchedule, NoExecute]
slurm_config:
  description:
    - What the group is in a Slurm cluster. One group is the controller, at most one is for logins.
    - Excludes a C(provisioning_parameters.json) in the lifecycle prefix.
  type: dict
  suboptions:
    node_type:
      description: Kind of the nodes. It can't be changed later.
      type: str
      required: true
      choices: [Controller, Login, Compute]
    partition_names:
      description: Name of the partition, for C(Compute) groups only, which need one.
      type: list
      elements: str
capacity_requirements:
  description: Kind of capacity; exactly one of the suboptions. It can't be changed later.
  type: dict
  suboptions:
    spot:
      description: Spot instances. The value is an empty dictionary.
      type: dict
    on_demand:
      description: On-demand instances. The value is an empty dictionary.
      type: dict
network_interface:
  description: Network interfaces of the instances.
  type: dict
  suboptions:
    interface_type:
      description: Kind of the EFA interfaces.
      type: str
      choices: [efa, efa-only]
"""

_ENVIRONMENT_LUSTRE = """
size_in_gib:
  description: Size in GiB, 1200 to 100800.
  type: int
  required: true
per_unit_storage_throughput:
  description: Throughput in MB/s for each TiB, 125 to 1000.
  type: int
  required: true
"""


class ModuleDocFragment:
    """The options ``instance_groups`` and those of restricted ones."""

    # Put together, as the same suboptions stand in several places; validate-modules judges the whole.
    DOCUMENTATION: str = f"""
options:
  instance_groups:
    description:
      - Groups of like instances, told apart by their names.
      - A group that the cluster has and that is not listed is left alone, unless O(purge_instance_groups) says else.
    type: list
    elements: dict
    suboptions:
{_under(_COMMON, 3)}
{_under(_GROUP_ONLY, 3)}
  restricted_instance_groups:
    description: Groups for jobs in an isolated environment (for example Amazon Nova). They have no lifecycle scripts.
    type: list
    elements: dict
    suboptions:
{_under(_COMMON, 3)}
      instance_type:
        description: Type of the instances. Required for a group that is new; it can't be changed later.
        type: str
      environment_config:
        description: Environment of the group.
        type: dict
        suboptions:
          fsx_lustre_config:
            description: The file system that the service makes for the group.
            type: dict
            suboptions:
{_under(_ENVIRONMENT_LUSTRE, 7)}
  restricted_instance_groups_config:
    description: What the restricted groups share.
    type: dict
    suboptions:
      shared_environment_config:
        description: Their environment.
        type: dict
        required: true
        suboptions:
          fsx_lustre_deletion_policy:
            description: What becomes of the file system.
            type: str
            required: true
            choices: [DeleteIfNotUsed, Keep]
          fsx_lustre_config:
            description: The file system that the service makes for the groups.
            type: dict
            required: true
            suboptions:
{_under(_ENVIRONMENT_LUSTRE, 7)}
  vpc_config:
    description: Network of the cluster. It can't be changed later.
    type: dict
    suboptions:
{_under(_VPC, 3)}
"""

    # For modules that update software.
    DEPLOYMENT: str = f"""
options:
{_under(_DEPLOYMENT, 1)}
"""
