# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the fields of a cluster's description. Pure: nothing is looked up.

Each function yields what is wrong, in the order the service would find it; the caller refuses with the first.
Sources: API reference of CreateCluster and its types; Developer Guide, "SageMaker HyperPod references" (SlurmConfig,
Orchestrator.Slurm, InstanceStorageConfigs) and "Continuous provisioning for enhanced cluster operations with Slurm".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import messages
from local_cloud.hyperpod.roles import COMPUTE
from local_cloud.hyperpod.roles import CONTROLLER
from local_cloud.hyperpod.roles import LOGIN
from local_cloud.hyperpod.rules_group import group_findings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping

MAX_GROUPS = 100
MAX_TAGS = 50
MANY_CONTROLLERS = "More than one controller node is not supported when NodeProvisioningMode is Continuous."


def require(findings: Iterable[str]) -> None:
    """Raise a ValidationException for the first finding, if there is one."""
    for finding in findings:
        raise messages.invalid(finding)


def create_findings(params: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the parameters of CreateCluster."""
    groups = params.get("InstanceGroups", [])
    restricted = params.get("RestrictedInstanceGroups", [])
    yield from _duplicates([*groups, *restricted])
    yield from cluster_findings(params, groups, restricted)
    yield from tag_findings(params.get("Tags", []))


def cluster_findings(
    settings: Mapping[str, Any], groups: list[dict[str, Any]], restricted: list[dict[str, Any]]
) -> Iterator[str]:
    """What is wrong with a cluster of these settings and groups; also used on the outcome of an update."""
    yield from orchestrator_findings(settings)
    eks = "Eks" in settings.get("Orchestrator", {})
    if len(groups) + len(restricted) > MAX_GROUPS:
        yield f"A cluster can have at most {MAX_GROUPS} instance groups."
    if eks:
        yield from _eks_findings(settings, groups)
    else:
        yield from _slurm_findings(settings, groups, restricted)
    for group in [*groups, *restricted]:
        yield from group_findings(group, settings)
    if not eks:
        yield from _topology_findings(settings, groups)
    yield from _autoscaling_findings(settings, eks)


def orchestrator_findings(settings: Mapping[str, Any]) -> Iterator[str]:
    """Orchestrator: exactly one member, and what each admits."""
    if "Orchestrator" not in settings:
        return
    orchestrator = settings["Orchestrator"]
    if len(orchestrator) != 1:
        yield "Orchestrator must specify exactly one of Eks or Slurm."
        return
    slurm = orchestrator.get("Slurm", {})
    continuous = settings.get("NodeProvisioningMode") == "Continuous"
    if continuous and "SlurmConfigStrategy" in slurm:
        yield "SlurmConfigStrategy is not supported when NodeProvisioningMode is Continuous."
    if "AccountingDatabase" in slurm and not continuous:
        yield "AccountingDatabase is only supported when NodeProvisioningMode is Continuous."


def tag_findings(tags: list[dict[str, str]]) -> Iterator[str]:
    """Tags: unique keys, none of the reserved prefix."""
    counted = Counter(tag["Key"] for tag in tags)
    for key, count in counted.items():
        if count > 1:
            yield f"Duplicate tag keys found. Tag key {key} is specified more than once."
        if key.lower().startswith("aws:"):
            yield f"Tag key {key} is not valid: keys that start with aws: are reserved for system use."


def _duplicates(groups: list[dict[str, Any]]) -> Iterator[str]:
    counted = Counter(group["InstanceGroupName"] for group in groups)
    for name, count in counted.items():
        if count > 1:
            yield f"Instance group names must be unique within a cluster. Duplicate instance group name: {name}."


def _eks_findings(settings: Mapping[str, Any], groups: list[dict[str, Any]]) -> Iterator[str]:
    if "VpcConfig" not in settings:
        yield "VpcConfig is required for clusters orchestrated by Amazon EKS."
    for group in groups:
        name = group["InstanceGroupName"]
        if "SlurmConfig" in group:
            yield f"SlurmConfig is not supported for clusters orchestrated by Amazon EKS. Instance group: {name}."
        lifecycle = group.get("LifeCycleConfig")
        if lifecycle is None or "OnCreate" not in lifecycle:
            yield (
                "LifeCycleConfig with OnCreate is required for every instance group of a cluster orchestrated by "
                f"Amazon EKS. Instance group: {name}."
            )


def _slurm_findings(
    settings: Mapping[str, Any], groups: list[dict[str, Any]], restricted: list[dict[str, Any]]
) -> Iterator[str]:
    if restricted or "RestrictedInstanceGroupsConfig" in settings:
        yield "RestrictedInstanceGroups are only supported for clusters orchestrated by Amazon EKS."
    if not groups:
        yield "InstanceGroups must contain at least one instance group for clusters orchestrated by Slurm."
    if "TieredStorageConfig" in settings:
        yield "TieredStorageConfig is only supported for clusters orchestrated by Amazon EKS."
    for group in groups:
        name = group["InstanceGroupName"]
        if "KubernetesConfig" in group:
            yield f"KubernetesConfig is only supported for clusters orchestrated by Amazon EKS. Instance group: {name}."
        patch = group.get("AutoPatchConfig", {})
        if patch.get("PatchingStrategy") == "DrainFirst":
            yield f"PatchingStrategy DrainFirst is only supported for Amazon EKS clusters. Instance group: {name}."


def _topology_findings(settings: Mapping[str, Any], groups: list[dict[str, Any]]) -> Iterator[str]:
    """The Slurm roles of the groups together."""
    continuous = settings.get("NodeProvisioningMode") == "Continuous"
    without = [g["InstanceGroupName"] for g in groups if "SlurmConfig" not in g]
    if len(without) == len(groups):
        if continuous:
            yield (
                "SlurmConfig is required in every instance group when NodeProvisioningMode is Continuous: clusters "
                "that rely on provisioning_parameters.json are not compatible with continuous provisioning."
            )
        if any("FsxLustreConfig" in c or "FsxOpenZfsConfig" in c for g in groups for c in _storage(g)):
            yield (
                "FsxLustreConfig and FsxOpenZfsConfig require an instance group with SlurmConfig and NodeType "
                "Controller."
            )
        return
    if without:
        yield f"Update required to use SlurmConfig in InstanceGroups. Missing in: {', '.join(without)}."
    for group in groups:
        yield from _partition_findings(group)
    controllers = [g for g in groups if g.get("SlurmConfig", {}).get("NodeType") == CONTROLLER]
    logins = [g for g in groups if g.get("SlurmConfig", {}).get("NodeType") == LOGIN]
    if not controllers:
        yield "Exactly one instance group must have SlurmConfig NodeType Controller. No controller group found."
    elif len(controllers) > 1:
        yield (
            "Exactly one instance group must have SlurmConfig NodeType Controller. "
            f"Found {len(controllers)} controller groups."
        )
    elif controllers[0]["InstanceCount"] == 0:
        yield "The instance group with SlurmConfig NodeType Controller must have an InstanceCount of at least 1."
    elif continuous and controllers[0]["InstanceCount"] > 1:
        yield MANY_CONTROLLERS
    if len(logins) > 1:
        yield f"At most one instance group can have SlurmConfig NodeType Login. Found {len(logins)} login groups."


def _partition_findings(group: dict[str, Any]) -> Iterator[str]:
    config = group.get("SlurmConfig", {})
    name = group["InstanceGroupName"]
    if config.get("NodeType") == COMPUTE and not config.get("PartitionNames"):
        yield f"PartitionNames is required in SlurmConfig for NodeType Compute. Instance group: {name}."
    if config.get("NodeType") in (CONTROLLER, LOGIN) and config.get("PartitionNames"):
        yield f"PartitionNames is not allowed in SlurmConfig for NodeType {config['NodeType']}. Instance group: {name}."


def _autoscaling_findings(settings: Mapping[str, Any], eks: bool) -> Iterator[str]:
    autoscaling = settings.get("AutoScaling")
    if autoscaling is None or autoscaling["Mode"] == "Disable":
        return
    if not eks or settings.get("NodeProvisioningMode") != "Continuous":
        yield (
            "AutoScaling is only supported for clusters orchestrated by Amazon EKS with NodeProvisioningMode "
            "Continuous."
        )
    if "ClusterRole" not in settings:
        yield "ClusterRole is required when AutoScaling is enabled."


def _storage(group: dict[str, Any]) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = group.get("InstanceStorageConfigs", [])
    return configs
