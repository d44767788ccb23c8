# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the calls that change an existing cluster.

Pure; sources as in rules.py, the API reference of each call, and the Developer Guide, "Updating SageMaker HyperPod
cluster configuration" (what a group keeps, InstanceRequirements) and "Scaling down a SageMaker HyperPod cluster" (one
group stays).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import images
from local_cloud.hyperpod import roles
from local_cloud.hyperpod.rules import MANY_CONTROLLERS
from local_cloud.hyperpod.rules import cluster_findings
from local_cloud.hyperpod.rules_group import deployment_findings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Group

MAX_REPLACE = 25
MAX_DELETE = 99
MAX_ADD = 50
# Members of a group that stay as they were created, when they are given.
IMMUTABLE = ("OverrideVpcConfig", "CapacityRequirements")
# Members that have to be given as they were created, and what stands for those left out.
KEPT = {"InstanceType": None, "ExecutionRole": None, "ThreadsPerCore": 1}


def update_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    """What is wrong with the parameters of UpdateCluster, for this cluster."""
    if "VpcConfig" in params:
        yield "VpcConfig can't be updated. Specify OverrideVpcConfig for new instance groups instead."
    if not set(params) - {"ClusterName"}:
        yield "At least one member to update must be specified."
    given = [*params.get("InstanceGroups", []), *params.get("RestrictedInstanceGroups", [])]
    counted = Counter(group["InstanceGroupName"] for group in given)
    for name, count in counted.items():
        if count > 1:
            yield f"Instance group names must be unique within a cluster. Duplicate instance group name: {name}."
    to_delete = params.get("InstanceGroupsToDelete", [])
    for name in to_delete:
        if name not in cluster.groups:
            yield f"Instance group {name} in InstanceGroupsToDelete does not exist in cluster {cluster.name}."
        if name in counted:
            yield f"Instance group {name} can't be both in InstanceGroups and in InstanceGroupsToDelete."
    if to_delete and not set(cluster.groups) - set(to_delete) | set(counted):
        yield "A cluster must always maintain at least one instance group."
    yield from _settings_findings(params, cluster)
    for group in given:
        if group["InstanceGroupName"] in cluster.groups:
            yield from _immutable_findings(group, cluster.groups[group["InstanceGroupName"]])
            yield from _requirements_findings(group, cluster)
    settings, groups, restricted = merged(params, cluster)
    yield from cluster_findings(settings, groups, restricted)
    for spec in groups:
        name = spec["InstanceGroupName"]
        if name in cluster.groups and "SlurmConfig" in cluster.groups[name].spec and "SlurmConfig" not in spec:
            yield f"SlurmConfig of an existing instance group can't be removed. Instance group: {name}."


def merged(
    params: Mapping[str, Any], cluster: Cluster
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Settings, groups and restricted groups as they are after the update."""
    settings = {**cluster.settings, **updated_settings(params)}
    lists: list[list[dict[str, Any]]] = []
    for member, restricted in (("InstanceGroups", False), ("RestrictedInstanceGroups", True)):
        specs = {g.name: current_spec(g) for g in cluster.groups.values() if g.restricted == restricted}
        for spec in params.get(member, []):
            name = spec["InstanceGroupName"]
            specs[name] = kept(spec, cluster.groups[name]) if name in cluster.groups else spec
        for name in params.get("InstanceGroupsToDelete", []):
            specs.pop(name, None)
        lists.append(list(specs.values()))
    return settings, lists[0], lists[1]


def kept(spec: dict[str, Any], group: Group) -> dict[str, Any]:
    """The specification that an update gives an existing group: what can't be changed stays when it is left out."""
    return {**{member: group.spec[member] for member in IMMUTABLE if member in group.spec}, **spec}


def current_spec(group: Group) -> dict[str, Any]:
    """The specification of a group with the counts that hold now."""
    spec = {**group.spec, "InstanceCount": group.target}
    if "MinInstanceCount" in spec:
        spec["MinInstanceCount"] = min(group.minimum, group.target)
    return spec


def updated_settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """Cluster-level members that UpdateCluster replaces."""
    members = (
        "NodeRecovery",
        "TieredStorageConfig",
        "ClusterRole",
        "AutoScaling",
        "Orchestrator",
        "RestrictedInstanceGroupsConfig",
    )
    return {member: params[member] for member in members if member in params}


def _settings_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    if "NodeProvisioningMode" in params and not cluster.continuous:
        yield "NodeProvisioningMode of an existing cluster can't be changed."
    if "Orchestrator" in params:
        new, old = params["Orchestrator"], cluster.settings.get("Orchestrator", {"Slurm": {}})
        if "Eks" in new and new != old:
            yield "The Eks orchestrator configuration of an existing cluster can't be changed."
        if set(new) != set(old):
            yield "The orchestrator of an existing cluster can't be changed."
    scaling = cluster.settings.get("AutoScaling", {}).get("Mode") == "Enable"
    if scaling and params.get("ClusterRole", cluster.settings.get("ClusterRole")) != cluster.settings.get(
        "ClusterRole"
    ):
        yield "ClusterRole can't be updated while autoscaling is enabled."


def _immutable_findings(spec: dict[str, Any], group: Group) -> Iterator[str]:
    name = group.name
    old = group.spec
    for member, default in KEPT.items():
        if spec.get(member, default) != old.get(member, default):
            yield f"{member} of an existing instance group can't be changed. Instance group: {name}."
    new_type = spec.get("SlurmConfig", {}).get("NodeType")
    old_type = old.get("SlurmConfig", {}).get("NodeType")
    if old_type and new_type and new_type != old_type:
        yield f"NodeType in SlurmConfig is immutable. Create a new instance group instead. Instance group: {name}."
    if "ImageId" in spec and spec["ImageId"] not in (old.get("ImageId", "default"), group.image_id):
        yield (
            "ImageId of an existing instance group can't be changed by UpdateCluster. Use UpdateClusterSoftware with "
            f"ImageId. Instance group: {name}."
        )
    if spec.get("ImageReleaseVersion", group.release) not in (old.get("ImageReleaseVersion"), group.release):
        yield (
            "ImageReleaseVersion of an existing instance group can't be changed by UpdateCluster. Use "
            f"UpdateClusterSoftware with ImageReleaseVersion. Instance group: {name}."
        )
    for member in IMMUTABLE:
        if member in spec and spec[member] != old.get(member):
            yield f"{member} of an existing instance group can't be changed. Instance group: {name}."


def _requirements_findings(spec: dict[str, Any], cluster: Cluster) -> Iterator[str]:
    """InstanceRequirements come and go with the group; a type goes when no node has it any more."""
    group = cluster.groups[spec["InstanceGroupName"]]
    if ("InstanceRequirements" in spec) != ("InstanceRequirements" in group.spec):
        yield (
            "InstanceType and InstanceRequirements can't be switched for an existing instance group. Instance group: "
            f"{group.name}."
        )
    elif "InstanceRequirements" in spec:
        used = {node.instance_type for node in cluster.nodes.values() if node.group == group.name}
        gone = sorted(used - set(spec["InstanceRequirements"]["InstanceTypes"]))
        if gone:
            yield f"Instance types with active nodes can't be removed: {', '.join(gone)}. Instance group: {group.name}."


def software_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    """What is wrong with the parameters of UpdateClusterSoftware."""
    named = [group["InstanceGroupName"] for group in params.get("InstanceGroups", [])]
    for name in dict.fromkeys(named):
        if name not in cluster.groups:
            yield f"Instance group {name} does not exist in cluster {cluster.name}."
        if named.count(name) > 1:
            yield f"Instance group {name} is specified more than once."
    versions = any("ImageReleaseVersion" in group for group in params.get("InstanceGroups", []))
    if versions and params.get("ImageId", "default") != "default":
        yield "ImageId and ImageReleaseVersion are mutually exclusive."
    orchestrator = images.orchestrator_of(cluster.settings)
    for item in params.get("InstanceGroups", []):
        yield from images.release_findings(orchestrator, item)
    for name in named or list(cluster.groups):
        group = cluster.groups.get(name)
        if group and "ImageId" not in params and images.is_custom(cluster.region, orchestrator, group.image_id):
            yield f"Instance group {name} uses a custom AMI: specify ImageId, or default for the latest HyperPod AMI."
    yield from deployment_findings(params.get("DeploymentConfig", {}))
    if cluster.continuous:
        for name in named or list(cluster.groups):
            group = cluster.groups.get(name)
            if group is not None and group.status in ("Creating", "Updating") and group.minimum_by is not None:
                yield f"Instance group {name} is in {group.status} status: its MinInstanceCount is not met yet."


def replace_findings(params: Mapping[str, Any], cluster: Cluster, verb: str) -> Iterator[str]:
    """Rules of BatchReplaceClusterNodes and BatchRebootClusterNodes (``verb``: replaced, rebooted)."""
    yield from _ids_findings(params, cluster)
    for member in ("NodeIds", "NodeLogicalIds"):
        if len(params.get(member, [])) > MAX_REPLACE:
            yield f"At most {MAX_REPLACE} nodes can be {verb} in one request."
    if verb == "replaced":
        yield from _controller_findings(params, cluster, verb)
    if cluster.status != "InService":
        yield f"Cluster {cluster.name} must be in InService status for nodes to be {verb}. Status: {cluster.status}."


def delete_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    """Rules of BatchDeleteClusterNodes."""
    yield from _ids_findings(params, cluster)
    if len(params.get("NodeIds", [])) + len(params.get("NodeLogicalIds", [])) > MAX_DELETE:
        yield f"At most {MAX_DELETE} nodes can be deleted in one request."
    yield from _controller_findings(params, cluster, "deleted")
    if cluster.status != "InService":
        yield f"Cluster {cluster.name} must be in InService status for nodes to be deleted. Status: {cluster.status}."


def add_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    """Rules of BatchAddClusterNodes."""
    if not cluster.continuous:
        yield "BatchAddClusterNodes is only supported for clusters with NodeProvisioningMode Continuous."
    total = sum(item["IncrementTargetCountBy"] for item in params["NodesToAdd"])
    if total > MAX_ADD:
        yield f"At most {MAX_ADD} nodes can be added in one request. Requested: {total}."
    types = roles.of(cluster).types
    if any(types.get(item["InstanceGroupName"]) == roles.CONTROLLER for item in params["NodesToAdd"]):
        yield MANY_CONTROLLERS


def events_findings(cluster: Cluster) -> Iterator[str]:
    """Rules of ListClusterEvents and DescribeClusterEvent."""
    if not cluster.continuous:
        yield "Cluster events are only supported for clusters with NodeProvisioningMode Continuous."


def health_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    """Rules of StartClusterHealthCheck."""
    ids = {node.instance_id: node.group for node in cluster.nodes.values()}
    for item in params["DeepHealthCheckConfigurations"]:
        name = item["InstanceGroupName"]
        if name not in cluster.groups:
            yield f"Instance group {name} does not exist in cluster {cluster.name}."
        for instance_id in item.get("InstanceIds", []):
            if ids.get(instance_id) != name:
                yield f"Instance {instance_id} does not exist in instance group {name}."
    if cluster.status != "InService":
        yield f"Cluster {cluster.name} must be in InService status for health checks. Status: {cluster.status}."


def _ids_findings(params: Mapping[str, Any], cluster: Cluster) -> Iterator[str]:
    if not params.get("NodeIds") and not params.get("NodeLogicalIds"):
        yield "Either NodeIds or NodeLogicalIds must be provided."
    if params.get("NodeLogicalIds") and not cluster.continuous:
        yield "NodeLogicalIds is only supported for clusters with NodeProvisioningMode Continuous. Use NodeIds instead."


def _controller_findings(params: Mapping[str, Any], cluster: Cluster, verb: str) -> Iterator[str]:
    types = roles.of(cluster).types
    wanted = {*params.get("NodeIds", []), *params.get("NodeLogicalIds", [])}
    for node in cluster.nodes.values():
        if types.get(node.group) == roles.CONTROLLER and wanted & {node.instance_id, node.key}:
            yield f"Instance {node.instance_id} is configured as a Slurm controller node and can't be {verb}."
