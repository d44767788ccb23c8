# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of CreateCluster and UpdateCluster as one table, of which all else is made.

Source: the service model of SageMaker in botocore 1.44.5, shapes CreateClusterRequest, UpdateClusterRequest and
DescribeClusterResponse. A unit test compares the table with the installed model and fails when the service knows a
field that is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from .naming import snake

# The oldest botocore in which all fields of the table were seen.
COMPLETE_BOTOCORE = "1.44.5"


@dataclass(frozen=True)
class Field:
    """One input of the API.

    Attributes:
        api: name in the request.
        kind: ``str``, ``int``, ``bool``, ``timestamp``, ``strings`` (list), ``dict``, ``dicts`` (list), ``map`` (keys
            are the user's own and stay as they are) or ``empty`` (a structure that has no members so far).
        fields: members of a ``dict`` or of the items of ``dicts``.
        union: exactly one member may be set.
        exclusive: option names of which at most one may be set.
        choices: values, where they are stable; instance types are not.
        ordered: the order of ``strings`` has a meaning.
        key: option names that tell the items of ``dicts`` apart; a union's items are told apart by their member.
        additive: items that exist and are not wished for are no difference.
        described_as: names in the answer of DescribeCluster, where they differ; the first that is there counts.
    """

    api: str
    kind: str = "str"
    fields: tuple[Field, ...] = ()
    required: bool = False
    union: bool = False
    exclusive: tuple[tuple[str, ...], ...] = ()
    choices: tuple[str, ...] = ()
    ordered: bool = False
    key: tuple[str, ...] = ()
    additive: bool = False
    described_as: tuple[str, ...] = ()
    option: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "option", snake(self.api))


def _desired(name: str) -> tuple[str, ...]:
    """DescribeCluster tells what is wanted and what is there already; what is wanted is what was asked for."""
    return (f"Desired{name}", f"Current{name}")


VPC_FIELDS = (
    Field("SecurityGroupIds", "strings", required=True),
    Field("Subnets", "strings", required=True),
)

_BATCH_SIZE = (
    Field("Type", required=True, choices=("INSTANCE_COUNT", "CAPACITY_PERCENTAGE")),
    Field("Value", "int", required=True),
)

DEPLOYMENT_CONFIG = Field(
    "DeploymentConfig",
    "dict",
    (
        Field(
            "RollingUpdatePolicy",
            "dict",
            (
                Field("MaximumBatchSize", "dict", _BATCH_SIZE, required=True),
                Field("RollbackMaximumBatchSize", "dict", _BATCH_SIZE),
            ),
        ),
        Field("WaitIntervalInSeconds", "int"),
        Field("AutoRollbackConfiguration", "dicts", (Field("AlarmName", required=True),), key=("alarm_name",)),
    ),
)

_STORAGE = Field(
    "InstanceStorageConfigs",
    "dicts",
    (
        Field(
            "EbsVolumeConfig",
            "dict",
            (Field("VolumeSizeInGB", "int"), Field("VolumeKmsKeyId"), Field("RootVolume", "bool")),
        ),
        Field(
            "FsxLustreConfig",
            "dict",
            (Field("DnsName", required=True), Field("MountName", required=True), Field("MountPath")),
        ),
        Field("FsxOpenZfsConfig", "dict", (Field("DnsName", required=True), Field("MountPath"))),
    ),
    union=True,
)

_SCHEDULED_UPDATE = Field(
    "ScheduledUpdateConfig", "dict", (Field("ScheduleExpression", required=True), DEPLOYMENT_CONFIG)
)

_DEEP_HEALTH_CHECKS = Field(
    "OnStartDeepHealthChecks",
    "strings",
    choices=("InstanceStress", "InstanceConnectivity", "MultiNodeTrainingValidation"),
)

_OVERRIDE_VPC = Field("OverrideVpcConfig", "dict", VPC_FIELDS)

INSTANCE_GROUPS = Field(
    "InstanceGroups",
    "dicts",
    (
        Field("InstanceGroupName", required=True),
        Field("InstanceCount", "int", required=True, described_as=("TargetCount",)),
        Field("MinInstanceCount", "int", described_as=("MinCount",)),
        Field("InstanceType"),
        Field(
            "InstanceRequirements",
            "dict",
            (Field("InstanceTypes", "strings", required=True, ordered=True, described_as=_desired("InstanceTypes")),),
        ),
        Field(
            "LifeCycleConfig",
            "dict",
            (Field("SourceS3Uri"), Field("OnCreate"), Field("OnInitComplete")),
            exclusive=(("on_create", "on_init_complete"),),
        ),
        Field("ExecutionRole", required=True),
        Field("ThreadsPerCore", "int"),
        _STORAGE,
        _DEEP_HEALTH_CHECKS,
        Field("TrainingPlanArn"),
        _OVERRIDE_VPC,
        _SCHEDULED_UPDATE,
        Field("ImageId", described_as=_desired("ImageId")),
        Field(
            "AutoPatchConfig",
            "dict",
            (
                Field("PatchingStrategy", required=True, choices=("WhenIdle", "WhenAllIdle", "DrainFirst")),
                Field(
                    "PatchSchedule",
                    "dict",
                    (Field("NextPatchDate", "timestamp"),),
                    described_as=_desired("PatchSchedule"),
                ),
                DEPLOYMENT_CONFIG,
                Field("IdleWaitWindowInSeconds", "int"),
                Field(
                    "DrainPolicy",
                    "dict",
                    (Field("DrainTimeoutInSeconds", "int"), Field("OnDrainTimeout", choices=("Force", "Skip"))),
                ),
            ),
        ),
        Field("ImageReleaseVersion", described_as=_desired("ImageReleaseVersion")),
        Field(
            "KubernetesConfig",
            "dict",
            (
                Field("Labels", "map", described_as=_desired("Labels")),
                Field(
                    "Taints",
                    "dicts",
                    (
                        Field("Key", required=True),
                        Field("Value"),
                        Field("Effect", required=True, choices=("NoSchedule", "PreferNoSchedule", "NoExecute")),
                    ),
                    key=("key", "effect"),
                    described_as=_desired("Taints"),
                ),
            ),
        ),
        Field(
            "SlurmConfig",
            "dict",
            (
                Field("NodeType", required=True, choices=("Controller", "Login", "Compute")),
                Field("PartitionNames", "strings"),
            ),
        ),
        Field("CapacityRequirements", "dict", (Field("Spot", "empty"), Field("OnDemand", "empty")), union=True),
        Field("NetworkInterface", "dict", (Field("InterfaceType", choices=("efa", "efa-only")),)),
    ),
    key=("instance_group_name",),
    additive=True,
    exclusive=(("instance_type", "instance_requirements"),),
)

_ENVIRONMENT_LUSTRE = (
    Field("SizeInGiB", "int", required=True),
    Field("PerUnitStorageThroughput", "int", required=True),
)

RESTRICTED_INSTANCE_GROUPS = Field(
    "RestrictedInstanceGroups",
    "dicts",
    (
        Field("InstanceGroupName", required=True),
        Field("InstanceCount", "int", required=True, described_as=("TargetCount",)),
        Field("InstanceType", required=True),
        Field("ExecutionRole", required=True),
        Field("ThreadsPerCore", "int"),
        _STORAGE,
        _DEEP_HEALTH_CHECKS,
        Field("TrainingPlanArn"),
        _OVERRIDE_VPC,
        _SCHEDULED_UPDATE,
        Field("EnvironmentConfig", "dict", (Field("FSxLustreConfig", "dict", _ENVIRONMENT_LUSTRE),)),
    ),
    key=("instance_group_name",),
    additive=True,
)

RESTRICTED_INSTANCE_GROUPS_CONFIG = Field(
    "RestrictedInstanceGroupsConfig",
    "dict",
    (
        Field(
            "SharedEnvironmentConfig",
            "dict",
            (
                Field(
                    "FSxLustreDeletionPolicy",
                    required=True,
                    choices=("DeleteIfNotUsed", "Keep"),
                    described_as=_desired("FSxLustreDeletionPolicy"),
                ),
                Field(
                    "FSxLustreConfig",
                    "dict",
                    _ENVIRONMENT_LUSTRE,
                    required=True,
                    described_as=_desired("FSxLustreConfig"),
                ),
            ),
            required=True,
        ),
    ),
)

ORCHESTRATOR = Field(
    "Orchestrator",
    "dict",
    (
        Field("Eks", "dict", (Field("ClusterArn", required=True),)),
        Field(
            "Slurm",
            "dict",
            (
                Field("SlurmConfigStrategy", choices=("Overwrite", "Managed", "Merge")),
                Field(
                    "AccountingDatabase",
                    "dict",
                    (
                        Field("Endpoint", required=True),
                        Field("Port", "int"),
                        Field("Name"),
                        Field("SecretArn", required=True),
                    ),
                ),
            ),
        ),
    ),
    union=True,
)

# ClusterName and Tags are options of their own kind (name, tags) and stand in argspec.py.
CLUSTER_FIELDS = (
    INSTANCE_GROUPS,
    RESTRICTED_INSTANCE_GROUPS,
    RESTRICTED_INSTANCE_GROUPS_CONFIG,
    Field("VpcConfig", "dict", VPC_FIELDS),
    ORCHESTRATOR,
    Field("NodeRecovery", choices=("Automatic", "None")),
    Field(
        "TieredStorageConfig",
        "dict",
        (
            Field("Mode", required=True, choices=("Enable", "Disable")),
            Field("InstanceMemoryAllocationPercentage", "int"),
        ),
    ),
    Field("NodeProvisioningMode", choices=("Continuous",)),
    Field("ClusterRole"),
    Field(
        "AutoScaling",
        "dict",
        (
            Field("Mode", required=True, choices=("Enable", "Disable")),
            Field("AutoScalerType", choices=("Karpenter",)),
        ),
    ),
)
