# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, groups and nodes as the Describe and List operations show them. Pure."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import images
from local_cloud.hyperpod.images import orchestrator_of
from local_cloud.hyperpod.members import instance_types
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Event
    from local_cloud.hyperpod.model import Group
    from local_cloud.hyperpod.model import Node
    from local_cloud.hyperpod.model import Operation

_STATUS = {
    Phase.CHECK: "DeepHealthCheckInProgress",
    Phase.HEALTH: "DeepHealthCheckInProgress",
    Phase.RUN: "Running",
    Phase.REIMAGE: "SystemUpdating",
    Phase.REPLACE: "ShuttingDown",
    Phase.TERMINATE: "ShuttingDown",
    Phase.DRAIN: "ShuttingDown",
    Phase.FAILED: "Failure",
}
_SPEC_MEMBERS = (
    "InstanceType",
    "LifeCycleConfig",
    "ExecutionRole",
    "ThreadsPerCore",
    "InstanceStorageConfigs",
    "OnStartDeepHealthChecks",
    "TrainingPlanArn",
    "OverrideVpcConfig",
    "ScheduledUpdateConfig",
    "CapacityRequirements",
    "SlurmConfig",
    "NetworkInterface",
    "EnvironmentConfig",
)
_NODE_MEMBERS = (
    "LifeCycleConfig",
    "OverrideVpcConfig",
    "ThreadsPerCore",
    "InstanceStorageConfigs",
    "NetworkInterface",
)


def when(seconds: float) -> datetime.datetime:
    """Epoch seconds as the service model's timestamp."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def node_status(node: Node) -> str:
    """InstanceStatus.Status."""
    updating = node.purpose in (Purpose.UPDATE, Purpose.ROLLBACK)
    if updating and (node.phase in (Phase.BOOT, Phase.LIFECYCLE) or (node.phase is Phase.FAILED and node.deadline)):
        return "SystemUpdating"
    return _STATUS.get(node.phase, "Pending")


def instance_id(cluster: Cluster, node: Node) -> str | None:
    """The instance behind a node; in continuous clusters there is none before it is launched."""
    if cluster.continuous and node.phase in (Phase.WAIT, Phase.LAUNCH):
        return None
    return node.instance_id


def cluster_details(cluster: Cluster, plans: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Output of DescribeCluster; ``plans``: training plan ARN -> status."""
    members: dict[str, list[Node]] = {name: [] for name in cluster.groups}
    for node in cluster.nodes.values():
        members.setdefault(node.group, []).append(node)
    result: dict[str, Any] = {
        "ClusterArn": cluster.arn,
        "ClusterName": cluster.name,
        "ClusterStatus": cluster.status,
        "CreationTime": when(cluster.created),
        "InstanceGroups": [],
    }
    if cluster.failure_message:
        result["FailureMessage"] = cluster.failure_message
    for group in cluster.groups.values():
        details = _group(cluster, group, members[group.name])
        if plans and group.spec.get("TrainingPlanArn") in plans:
            details["TrainingPlanStatus"] = plans[group.spec["TrainingPlanArn"]]
        result.setdefault("RestrictedInstanceGroups" if group.restricted else "InstanceGroups", []).append(details)
    result.update(cluster.settings)
    if "RestrictedInstanceGroupsConfig" in cluster.settings:
        result["RestrictedInstanceGroupsConfig"] = _shared(cluster.settings["RestrictedInstanceGroupsConfig"])
    if "AutoScaling" in cluster.settings:
        status = "InService" if cluster.settings["AutoScaling"]["Mode"] == "Enable" else "Deleting"
        result["AutoScaling"] = {**cluster.settings["AutoScaling"], "Status": status}
    return result


def cluster_summary(cluster: Cluster) -> dict[str, Any]:
    """One of ClusterSummaries."""
    result = {
        "ClusterArn": cluster.arn,
        "ClusterName": cluster.name,
        "CreationTime": when(cluster.created),
        "ClusterStatus": cluster.status,
    }
    plans = sorted({g.spec["TrainingPlanArn"] for g in cluster.groups.values() if "TrainingPlanArn" in g.spec})
    if plans:
        result["TrainingPlanArns"] = plans
    statuses = {images.version_status(orchestrator_of(cluster.settings), g.release) for g in cluster.groups.values()}
    if statuses:
        result["ImageVersionStatus"] = "UpdateAvailable" if "UpdateAvailable" in statuses else "UpToDate"
    return result


def node_summary(cluster: Cluster, node: Node, logical: bool) -> dict[str, Any]:
    """One of ClusterNodeSummaries."""
    result: dict[str, Any] = {
        "InstanceGroupName": node.group,
        "InstanceId": instance_id(cluster, node) or "",
        "InstanceType": node.instance_type,
        "LaunchTime": when(node.created),
        "InstanceStatus": _instance_status(node),
        "PrivateDnsHostname": _dns(cluster, node),
        "CurrentImageReleaseVersion": _current_image(node)[1],
        "ImageVersionStatus": images.version_status(orchestrator_of(cluster.settings), _current_image(node)[1]),
    }
    if logical:
        result["NodeLogicalId"] = node.key
    if node.updated is not None:
        result["LastSoftwareUpdateTime"] = when(node.updated)
    return result


def node_details(cluster: Cluster, node: Node) -> dict[str, Any]:
    """NodeDetails of DescribeClusterNode."""
    group = cluster.groups.get(node.group)
    result = node_summary(cluster, node, logical=True)
    if not result["InstanceId"]:
        del result["InstanceId"]
    result.update({member: node.spec[member] for member in _NODE_MEMBERS if member in node.spec})
    desired = group.desired_image if group and group.updating else (node.image_id, node.release)
    result.update(
        PrivatePrimaryIp=node.placement.ip_address,
        Placement={
            "AvailabilityZone": node.placement.availability_zone,
            "AvailabilityZoneId": node.placement.availability_zone_id,
        },
        CurrentImageId=_current_image(node)[0],
        DesiredImageId=desired[0],
        DesiredImageReleaseVersion=desired[1],
        CapacityType="Spot" if "Spot" in node.spec.get("CapacityRequirements", {}) else "OnDemand",
    )
    kubernetes = (group.spec if group else node.spec).get("KubernetesConfig")
    if kubernetes is not None:
        result["KubernetesConfig"] = _kubernetes(kubernetes, node.joined)
    return result


def event_summary(cluster: Cluster, event: Event) -> dict[str, Any]:
    """One of ListClusterEvents' Events."""
    optional = {
        "InstanceGroupName": event.group,
        "InstanceId": event.instance_id,
        "OperationId": event.operation_id,
    }
    return {
        "EventId": event.event_id,
        "ClusterArn": cluster.arn,
        "ClusterName": cluster.name,
        "ResourceType": event.resource_type,
        "EventTime": when(event.time),
        "Description": event.description,
        "EventLevel": event.level,
        **{name: value for name, value in optional.items() if value is not None},
    }


def event_details(cluster: Cluster, event: Event) -> dict[str, Any]:
    """EventDetails of DescribeClusterEvent."""
    result = event_summary(cluster, event)
    if event.metadata is not None:
        result["EventDetails"] = {"EventMetadata": event.metadata}
    return result


def operation_summary(cluster: Cluster, operation: Operation) -> dict[str, Any]:
    """One of ClusterOperationSummaries."""
    return {
        "OperationId": operation.operation_id,
        "ClusterArn": cluster.arn,
        "Type": operation.type,
        "Status": operation.status,
        "CreationTime": when(operation.created),
    }


def operation_details(cluster: Cluster, operation: Operation) -> dict[str, Any]:
    """Output of DescribeClusterOperation."""
    result = operation_summary(cluster, operation)
    if operation.scaling:
        result["ScalingDetails"] = list(operation.scaling)
    if operation.health:
        result["DeepHealthCheckDetails"] = list(operation.health)
    return result


def _group(cluster: Cluster, group: Group, nodes: list[Node]) -> dict[str, Any]:
    details: dict[str, Any] = {
        "CurrentCount": sum(n.joined and n.phase not in (Phase.TERMINATE, Phase.DRAIN) for n in nodes),
        "TargetCount": group.target,
        "InstanceGroupName": group.name,
        "Status": _group_status(group, nodes),
    }
    details.update({member: group.spec[member] for member in _SPEC_MEMBERS if member in group.spec})
    if group.restricted:
        return details
    _flexible(group, nodes, details)
    if "MinInstanceCount" in group.spec:
        details["MinCount"] = group.minimum
    update = group.update
    current, desired = (group.image_id, group.release), group.desired_image
    if update is not None and update.status == "RollbackInProgress":
        # During a rollback the two swap values.
        current = (update.image_id, update.release)
    details.update(
        CurrentImageId=current[0],
        DesiredImageId=desired[0],
        CurrentImageReleaseVersion=current[1],
        DesiredImageReleaseVersion=desired[1],
        ImageVersionStatus=images.version_status(orchestrator_of(cluster.settings), current[1]),
    )
    if update is not None:
        details["SoftwareUpdateStatus"] = update.status
        details["TargetStateCount"] = sum(n.phase is Phase.RUN and (n.image_id, n.release) == desired for n in nodes)
        if group.updating and update.config:
            details["ActiveSoftwareUpdateConfig"] = update.config
    if "KubernetesConfig" in group.spec:
        details["KubernetesConfig"] = _kubernetes(group.spec["KubernetesConfig"], current=True)
    if "AutoPatchConfig" in group.spec:
        details["AutoPatchConfig"] = _auto_patch(group.spec["AutoPatchConfig"])
    active = sum(
        o.type == "Scaling"
        and any(s["InstanceGroupName"] == group.name and s["Status"] == "InProgress" for s in o.scaling)
        for o in cluster.operations
    )
    if active:
        details["ActiveOperations"] = {"Scaling": active}
    return details


def _flexible(group: Group, nodes: list[Node], details: dict[str, Any]) -> None:
    if "InstanceRequirements" not in group.spec:
        return
    types = instance_types(group.spec)
    details["InstanceRequirements"] = {"CurrentInstanceTypes": types, "DesiredInstanceTypes": types}
    details["InstanceTypeDetails"] = [
        {
            "InstanceType": kind,
            "CurrentCount": sum(n.joined and n.instance_type == kind for n in nodes),
            "ThreadsPerCore": group.spec.get("ThreadsPerCore", 1),
        }
        for kind in types
    ]


def _group_status(group: Group, nodes: list[Node]) -> str:
    """InService is Degraded while instances are unhealthy and nothing is done about it any more."""
    lost = any(n.phase is Phase.FAILED and n.deadline is None for n in nodes)
    return "Degraded" if group.status == "InService" and lost else group.status


def _current_image(node: Node) -> tuple[str, str]:
    """(image id, release) that a node runs: the old one until it has booted the new root volume."""
    if node.previous_image is not None and node.phase in (Phase.REIMAGE, Phase.BOOT):
        return node.previous_image
    return node.image_id, node.release


def _instance_status(node: Node) -> dict[str, str]:
    status = {"Status": node_status(node)}
    if node.message:
        status["Message"] = node.message
    return status


def _dns(cluster: Cluster, node: Node) -> str:
    """Private DNS name (Amazon VPC User Guide, "DNS attributes": us-east-1 has its own domain)."""
    domain = "ec2.internal" if cluster.region == "us-east-1" else f"{cluster.region}.compute.internal"
    return f"{node.hostname}.{domain}"


def _kubernetes(config: dict[str, Any], current: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for member in ("Labels", "Taints"):
        if member in config:
            result[f"Desired{member}"] = config[member]
            if current:
                result[f"Current{member}"] = config[member]
    return result


def _shared(config: dict[str, Any]) -> dict[str, Any]:
    """RestrictedInstanceGroupsConfig: what is wanted is there at once."""
    environment = config["SharedEnvironmentConfig"].items()
    told = {f"{which}{member}": value for member, value in environment for which in ("Current", "Desired")}
    return {"SharedEnvironmentConfig": told}


def _auto_patch(config: dict[str, Any]) -> dict[str, Any]:
    result = {name: value for name, value in config.items() if name != "PatchSchedule"}
    if "PatchSchedule" in config:
        result.update(CurrentPatchSchedule=config["PatchSchedule"], DesiredPatchSchedule=config["PatchSchedule"])
    return result
