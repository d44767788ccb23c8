# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the fields of one instance group. Pure; sources as in rules.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

_CRON = re.compile(r"^cron\((\S+ ){5}\S+\)$")
_DEFAULT_MOUNTS = {"FsxLustreConfig": "/fsx", "FsxOpenZfsConfig": "/home"}


def group_findings(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a group of a cluster with these settings."""
    name = group["InstanceGroupName"]
    for finding in (
        *_counts(group, settings),
        *_types(group, settings),
        *_lifecycle(group),
        *_storage(group, settings),
        *_network(group, settings),
        *_image(group, settings),
        *_patching(group),
    ):
        yield f"{finding} Instance group: {name}."


def deployment_findings(config: Mapping[str, Any]) -> Iterator[str]:
    """DeploymentConfig: percentages end at 100."""
    policy = config.get("RollingUpdatePolicy", {})
    for member in ("MaximumBatchSize", "RollbackMaximumBatchSize"):
        size = policy.get(member, {})
        if size.get("Type") == "CAPACITY_PERCENTAGE" and size["Value"] > 100:
            yield f"{member} of Type CAPACITY_PERCENTAGE must have a Value between 1 and 100."


def _counts(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    minimum = group.get("MinInstanceCount")
    if minimum is None:
        return
    if settings.get("NodeProvisioningMode") != "Continuous":
        yield "MinInstanceCount is only supported when NodeProvisioningMode is Continuous."
    if minimum > group["InstanceCount"]:
        yield f"MinInstanceCount ({minimum}) must not be larger than InstanceCount ({group['InstanceCount']})."


def _types(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    requirements = group.get("InstanceRequirements")
    if "InstanceType" in group and requirements is not None:
        yield "InstanceType and InstanceRequirements are mutually exclusive."
    if "InstanceType" not in group and requirements is None:
        yield "One of InstanceType or InstanceRequirements must be specified."
    if requirements is not None:
        if settings.get("NodeProvisioningMode") != "Continuous":
            yield "InstanceRequirements is only supported when NodeProvisioningMode is Continuous."
        if len(set(requirements["InstanceTypes"])) < len(requirements["InstanceTypes"]):
            yield "InstanceRequirements must not name an instance type more than once."
    if len(group.get("CapacityRequirements", {})) > 1:
        yield "CapacityRequirements must specify only one of Spot or OnDemand."


def _lifecycle(group: dict[str, Any]) -> Iterator[str]:
    lifecycle = group.get("LifeCycleConfig")
    if lifecycle is None:
        return
    scripts = [member for member in ("OnCreate", "OnInitComplete") if member in lifecycle]
    if not lifecycle:
        yield "LifeCycleConfig is provided but empty."
    elif len(scripts) > 1:
        yield "OnCreate and OnInitComplete are mutually exclusive in LifeCycleConfig."
    elif "SourceS3Uri" not in lifecycle:
        yield "LifeCycleConfig is incomplete: SourceS3Uri is required."
    elif not scripts:
        yield "LifeCycleConfig is incomplete: one of OnCreate or OnInitComplete is required."
    for member in scripts:
        if not lifecycle[member].strip():
            yield f"{member} in LifeCycleConfig must not be blank."


def _storage(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    configs = group.get("InstanceStorageConfigs", [])
    for kind in ("FsxLustreConfig", "FsxOpenZfsConfig"):
        count = sum(kind in config for config in configs)
        if count > 1:
            yield f"InstanceStorageConfigs can have at most one {kind}."
        if count and "VpcConfig" not in settings and "OverrideVpcConfig" not in group:
            yield f"{kind} requires VpcConfig: file systems can't be reached from the platform's VPC."
    mounts = [
        config[kind].get("MountPath", default)
        for config in configs
        for kind, default in _DEFAULT_MOUNTS.items()
        if kind in config
    ]
    if len(set(mounts)) < len(mounts):
        yield f"File systems can't share a MountPath: {', '.join(mounts)}."
    yield from _volumes([config["EbsVolumeConfig"] for config in configs if "EbsVolumeConfig" in config])


def _volumes(volumes: list[dict[str, Any]]) -> Iterator[str]:
    root = [v for v in volumes if v.get("RootVolume")]
    secondary = [v for v in volumes if not v.get("RootVolume")]
    if len(root) > 1 or len(secondary) > 1:
        yield "InstanceStorageConfigs can have at most one EbsVolumeConfig for each of the root and secondary volume."
    for volume in root:
        if "VolumeSizeInGB" in volume:
            yield "VolumeSizeInGB can't be specified when RootVolume is true."
        if not volume.get("VolumeKmsKeyId"):
            yield "VolumeKmsKeyId is required when RootVolume is true."
    for volume in secondary:
        if "VolumeSizeInGB" not in volume:
            yield "VolumeSizeInGB is required in EbsVolumeConfig unless RootVolume is true."


def _network(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    if "OverrideVpcConfig" in group and "VpcConfig" not in settings:
        yield "OverrideVpcConfig requires VpcConfig of the cluster."


def _image(group: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    yield from images.release_findings(images.orchestrator_of(settings), group)
    if group.get("ImageId", "default") != "default" and "ImageReleaseVersion" in group:
        yield "ImageId and ImageReleaseVersion are mutually exclusive."


def _patching(group: dict[str, Any]) -> Iterator[str]:
    expression = group.get("ScheduledUpdateConfig", {}).get("ScheduleExpression")
    if expression is not None and not _CRON.match(expression):
        yield f"ScheduleExpression {expression} is not a valid cron expression."
    yield from deployment_findings(group.get("ScheduledUpdateConfig", {}).get("DeploymentConfig", {}))
    patch = group.get("AutoPatchConfig")
    if patch is None:
        return
    yield from deployment_findings(patch.get("DeploymentConfig", {}))
    drain = patch["PatchingStrategy"] == "DrainFirst"
    if "DrainPolicy" in patch and not drain:
        yield "DrainPolicy is valid only when PatchingStrategy is DrainFirst."
    if "IdleWaitWindowInSeconds" in patch and drain:
        yield "IdleWaitWindowInSeconds applies only to the PatchingStrategy WhenIdle and WhenAllIdle."
    if drain and "MaximumBatchSize" not in patch.get("DeploymentConfig", {}).get("RollingUpdatePolicy", {}):
        yield "PatchingStrategy DrainFirst requires MaximumBatchSize in DeploymentConfig."
