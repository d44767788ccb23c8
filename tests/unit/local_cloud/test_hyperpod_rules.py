# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every cross-field rule: one wrong input each, next to a right one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hyperpod_world import group
from hyperpod_world import groups

from local_cloud.hyperpod.rules import create_findings

VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
EKS = {"Eks": {"ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/k"}}
LUSTRE = {"FsxLustreConfig": {"DnsName": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com", "MountName": "abc"}}
ZFS = {"FsxOpenZfsConfig": {"DnsName": "fs-0123456789abcdef1.fsx.us-west-2.amazonaws.com"}}


def slurm(**more: Any) -> dict[str, Any]:
    return {"ClusterName": "demo", "InstanceGroups": groups(), "VpcConfig": VPC, **more}


def eks(**more: Any) -> dict[str, Any]:
    return {
        "ClusterName": "demo",
        "InstanceGroups": [group("work", 2)],
        "VpcConfig": VPC,
        "Orchestrator": EKS,
        **more,
    }


def with_worker(**more: Any) -> dict[str, Any]:
    params = slurm()
    params["InstanceGroups"][2] = group("work", 2, "Compute", **more)
    return params


def continuous(worker: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    params = with_worker(**(worker or {}))
    return {**params, "NodeProvisioningMode": "Continuous", **more}


RIGHT = {
    "slurm": slurm(),
    "slurm strategy": slurm(Orchestrator={"Slurm": {"SlurmConfigStrategy": "Merge"}}),
    "legacy": slurm(InstanceGroups=[group("a", 1), group("b", 2)]),
    "no vpc": {"ClusterName": "demo", "InstanceGroups": groups()},
    "eks": eks(),
    "continuous": continuous({"MinInstanceCount": 1}, Orchestrator={"Slurm": {}}),
    "continuous eks without groups": {
        "ClusterName": "demo",
        "VpcConfig": VPC,
        "Orchestrator": EKS,
        "NodeProvisioningMode": "Continuous",
    },
    "image only": with_worker(LifeCycleConfig=None),
    "on init complete": with_worker(LifeCycleConfig={"SourceS3Uri": "s3://b/p", "OnInitComplete": "x.sh"}),
    "storage": with_worker(InstanceStorageConfigs=[LUSTRE, ZFS, {"EbsVolumeConfig": {"VolumeSizeInGB": 500}}]),
    "root volume": with_worker(
        InstanceStorageConfigs=[{"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "key"}}]
    ),
    "flexible": continuous({"InstanceType": None, "InstanceRequirements": {"InstanceTypes": ["ml.c5.xlarge"]}}),
    "accounting": continuous(
        Orchestrator={"Slurm": {"AccountingDatabase": {"Endpoint": "db", "SecretArn": "arn"}}},
    ),
    "autoscaling": eks(
        NodeProvisioningMode="Continuous",
        AutoScaling={"Mode": "Enable", "AutoScalerType": "Karpenter"},
        ClusterRole="arn:aws:iam::123456789012:role/scaler",
    ),
}


@pytest.mark.parametrize("params", RIGHT.values(), ids=RIGHT)
def test_right_requests_pass(params: dict[str, Any]) -> None:
    assert list(create_findings(params)) == []


def replaced(index: int, spec: dict[str, Any]) -> dict[str, Any]:
    params = slurm()
    params["InstanceGroups"][index] = spec
    return params


WRONG: list[tuple[dict[str, Any], str]] = [
    (slurm(InstanceGroups=[*groups(), group("work", 1, "Compute")]), "Duplicate instance group name: work"),
    (slurm(Orchestrator={}), "exactly one of Eks or Slurm"),
    (slurm(Orchestrator={**EKS, "Slurm": {}}), "exactly one of Eks or Slurm"),
    (slurm(InstanceGroups=groups()[1:]), "No controller group found"),
    (slurm(InstanceGroups=[*groups(), group("c2", 1, "Controller")]), "Found 2 controller groups"),
    (slurm(InstanceGroups=[*groups(), group("l2", 1, "Login")]), "Found 2 login groups"),
    (slurm(InstanceGroups=[]), "at least one instance group"),
    (replaced(0, group("ctl", 0, "Controller")), "at least 1"),
    (replaced(2, group("work", 1, SlurmConfig={"NodeType": "Compute"})), "PartitionNames is required"),
    (replaced(2, group("work", 1, SlurmConfig={"NodeType": "Compute", "PartitionNames": []})), "is required"),
    (replaced(1, group("login", 1, SlurmConfig={"NodeType": "Login", "PartitionNames": ["x"]})), "not allowed"),
    (replaced(0, group("ctl", 1, SlurmConfig={"NodeType": "Controller", "PartitionNames": ["x"]})), "not allowed"),
    (replaced(2, group("work", 1)), "Update required to use SlurmConfig in InstanceGroups"),
    (with_worker(LifeCycleConfig={}), "provided but empty"),
    (
        with_worker(LifeCycleConfig={"SourceS3Uri": "s3://b", "OnCreate": "a", "OnInitComplete": "b"}),
        "mutually exclusive",
    ),
    (with_worker(LifeCycleConfig={"OnCreate": "a"}), "SourceS3Uri is required"),
    (with_worker(LifeCycleConfig={"SourceS3Uri": "s3://b"}), "one of OnCreate or OnInitComplete"),
    (with_worker(LifeCycleConfig={"SourceS3Uri": "s3://b", "OnCreate": " \n"}), "must not be blank"),
    (with_worker(MinInstanceCount=1), "MinInstanceCount is only supported"),
    (continuous({"MinInstanceCount": 3}), "must not be larger than InstanceCount"),
    (with_worker(InstanceType=None), "One of InstanceType or InstanceRequirements"),
    (continuous({"InstanceRequirements": {"InstanceTypes": ["ml.c5.large"]}}), "mutually exclusive"),
    (
        with_worker(InstanceType=None, InstanceRequirements={"InstanceTypes": ["ml.c5.large"]}),
        "InstanceRequirements is only supported",
    ),
    (
        continuous({"InstanceType": None, "InstanceRequirements": {"InstanceTypes": ["ml.c5.large"] * 2}}),
        "more than once",
    ),
    (with_worker(CapacityRequirements={"Spot": {}, "OnDemand": {}}), "only one of Spot or OnDemand"),
    (with_worker(InstanceStorageConfigs=[LUSTRE, LUSTRE]), "at most one FsxLustreConfig"),
    (with_worker(InstanceStorageConfigs=[ZFS, ZFS]), "at most one FsxOpenZfsConfig"),
    (
        {"ClusterName": "d", "InstanceGroups": with_worker(InstanceStorageConfigs=[LUSTRE])["InstanceGroups"]},
        "requires VpcConfig",
    ),
    (
        with_worker(
            InstanceStorageConfigs=[LUSTRE, {"FsxOpenZfsConfig": {**ZFS["FsxOpenZfsConfig"], "MountPath": "/fsx"}}]
        ),
        "can't share a MountPath",
    ),
    (slurm(InstanceGroups=[group("a", 1, InstanceStorageConfigs=[LUSTRE])]), "require an instance group with"),
    (
        with_worker(
            InstanceStorageConfigs=[
                {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "k", "VolumeSizeInGB": 9}}
            ]
        ),
        "VolumeSizeInGB can't be specified",
    ),
    (with_worker(InstanceStorageConfigs=[{"EbsVolumeConfig": {"RootVolume": True}}]), "VolumeKmsKeyId is required"),
    (with_worker(InstanceStorageConfigs=[{"EbsVolumeConfig": {}}]), "VolumeSizeInGB is required"),
    (with_worker(InstanceStorageConfigs=[{"EbsVolumeConfig": {"VolumeSizeInGB": 9}}] * 2), "at most one Ebs"),
    ({"ClusterName": "d", "InstanceGroups": [group("a", 1, OverrideVpcConfig=VPC)]}, "OverrideVpcConfig requires"),
    (with_worker(ImageId="ami-12345678", ImageReleaseVersion="1.0.0"), "mutually exclusive"),
    (with_worker(ImageReleaseVersion="9.9.9"), "ImageReleaseVersion 9.9.9 is not available"),
    (
        eks(InstanceGroups=[group("w", 1, AutoPatchConfig={"PatchingStrategy": "DrainFirst"})]),
        "DrainFirst requires MaximumBatchSize",
    ),
    (with_worker(ScheduledUpdateConfig={"ScheduleExpression": "daily"}), "not a valid cron expression"),
    (
        with_worker(
            ScheduledUpdateConfig={
                "ScheduleExpression": "cron(0 0 1 * ? *)",
                "DeploymentConfig": {
                    "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENTAGE", "Value": 101}}
                },
            }
        ),
        "between 1 and 100",
    ),
    (with_worker(AutoPatchConfig={"PatchingStrategy": "DrainFirst"}), "DrainFirst is only supported"),
    (with_worker(AutoPatchConfig={"PatchingStrategy": "WhenIdle", "DrainPolicy": {}}), "DrainPolicy is valid only"),
    (
        eks(
            InstanceGroups=[
                group("w", 1, AutoPatchConfig={"PatchingStrategy": "DrainFirst", "IdleWaitWindowInSeconds": 3600})
            ]
        ),
        "IdleWaitWindowInSeconds applies only",
    ),
    (with_worker(KubernetesConfig={"Labels": {}}), "KubernetesConfig is only supported"),
    (slurm(RestrictedInstanceGroups=[group("r", 1)]), "RestrictedInstanceGroups are only supported"),
    (slurm(TieredStorageConfig={"Mode": "Enable"}), "TieredStorageConfig is only supported"),
    (slurm(AutoScaling={"Mode": "Enable"}, ClusterRole="arn"), "AutoScaling is only supported"),
    (eks(NodeProvisioningMode="Continuous", AutoScaling={"Mode": "Enable"}), "ClusterRole is required"),
    (eks(InstanceGroups=[group("w", 1, LifeCycleConfig=None)]), "LifeCycleConfig with OnCreate is required"),
    (
        eks(InstanceGroups=[group("w", 1, LifeCycleConfig={"SourceS3Uri": "s3://b", "OnInitComplete": "x"})]),
        "LifeCycleConfig with OnCreate is required",
    ),
    (eks(InstanceGroups=[group("w", 1, "Compute")]), "SlurmConfig is not supported"),
    ({"ClusterName": "d", "InstanceGroups": [group("w", 1)], "Orchestrator": EKS}, "VpcConfig is required"),
    (continuous(Orchestrator={"Slurm": {"SlurmConfigStrategy": "Merge"}}), "SlurmConfigStrategy is not supported"),
    (
        slurm(Orchestrator={"Slurm": {"AccountingDatabase": {"Endpoint": "db", "SecretArn": "arn"}}}),
        "AccountingDatabase is only supported",
    ),
    (
        slurm(InstanceGroups=[group("a", 1)], NodeProvisioningMode="Continuous"),
        "SlurmConfig is required in every instance group",
    ),
    (
        slurm(
            InstanceGroups=[group("ctl", 2, "Controller"), group("work", 1, "Compute")],
            NodeProvisioningMode="Continuous",
        ),
        "More than one controller",
    ),
    (slurm(Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]), "Duplicate tag keys"),
    (slurm(Tags=[{"Key": "aws:x", "Value": "1"}]), "reserved for system use"),
    (
        eks(InstanceGroups=[group(f"g{i}", 1) for i in range(101)]),
        "at most 100 instance groups",
    ),
]


@pytest.mark.parametrize(("params", "text"), WRONG, ids=[text for _dummy, text in WRONG])
def test_wrong_requests_are_refused(params: dict[str, Any], text: str) -> None:
    findings = list(create_findings(params))
    assert findings, "nothing found"
    assert text in findings[0], findings


def test_findings_leave_the_request_alone() -> None:
    for params, _dummy in WRONG:
        before = copy.deepcopy(params)
        list(create_findings(params))
        assert params == before
