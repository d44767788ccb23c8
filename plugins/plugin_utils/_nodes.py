# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: from what the service answers to hosts, variables and groups. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._hyperpod.members import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

ALL_GROUP = "hyperpod"
_NODE_TYPES = {"Controller": "controller", "Login": "login", "Compute": "compute"}
_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True)
class Host:
    """One node: its variables (with their prefix ``hyperpod_`` or ``ansible_``) and the groups that it is in."""

    variables: dict[str, Any]
    groups: tuple[str, ...]


def identifier(text: str) -> str:
    """A group name that ansible-core takes everywhere: letters, digits and underscores."""
    return _NOT_IDENTIFIER.sub("_", text)


def plain(value: Any) -> Any:
    """An answer of the service as JSON has it, so that it can be cached: times as ISO 8601 text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != "ResponseMetadata"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def hosts(clusters: Iterable[Mapping[str, Any]]) -> list[Host]:
    """The nodes of raw results, sorted so that the inventory is stable.

    Args:
        clusters: one mapping for each cluster with ``region``, ``summary`` (of ListClusters), ``cluster`` (of
            DescribeCluster), ``nodes`` (of ListClusterNodes) and ``provisioning_parameters`` (or None).
    """
    result = [_host(cluster, node) for cluster in clusters for node in cluster["nodes"]]
    return sorted(result, key=lambda host: (host.variables["hyperpod_cluster_arn"], _sort_key(host)))


def _sort_key(host: Host) -> tuple[str, str]:
    variables = host.variables
    return variables["hyperpod_instance_group"], str(variables.get("hyperpod_instance_id") or "")


def roles(cluster: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """``controller``, ``login`` or ``compute`` by instance group, as SlurmConfig or the legacy form says."""
    result: dict[str, str] = {}
    for group in cluster.get("InstanceGroups") or []:
        config = group.get("SlurmConfig") or {}
        if config.get("NodeType") in _NODE_TYPES:
            result[group["InstanceGroupName"]] = _NODE_TYPES[config["NodeType"]]
    if result or not parameters:
        return result
    for group in parameters.get("worker_groups") or []:
        result[str(group.get("instance_group_name"))] = "compute"
    for key, role in (("login_group", "login"), ("controller_group", "controller")):
        if parameters.get(key):
            result[str(parameters[key])] = role
    return result


def partitions(cluster: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Slurm partitions by instance group."""
    result = {
        group["InstanceGroupName"]: list((group.get("SlurmConfig") or {}).get("PartitionNames") or [])
        for group in cluster.get("InstanceGroups") or []
    }
    for group in (parameters or {}).get("worker_groups") or []:
        result.setdefault(str(group.get("instance_group_name")), []).append(str(group.get("partition_name")))
    return result


def legacy_sources(cluster: Mapping[str, Any]) -> list[str]:
    """Where provisioning_parameters.json can be, for a cluster without SlurmConfig."""
    groups = cluster.get("InstanceGroups") or []
    if any(group.get("SlurmConfig") for group in groups):
        return []
    uris = {(group.get("LifeCycleConfig") or {}).get("SourceS3Uri") for group in groups}
    return sorted(uri for uri in uris if uri)


def ssm_target(cluster_id: str, group: str, instance_id: str) -> str:
    """The target of an SSM session.

    Source: "Access your SageMaker HyperPod cluster nodes" (AWS documentation): the id is the last part of the ARN.
    """
    return f"sagemaker-cluster:{cluster_id}_{group}-{instance_id}"


def container_name(cloud: str, hostname: str, instance_id: str) -> str:
    """The container of a node of local_cloud, see docs/architecture.md."""
    return f"podforge-{cloud}-{hostname}-{instance_id[-5:]}"


def _host(cluster: Mapping[str, Any], node: Mapping[str, Any]) -> Host:
    described, parameters = cluster["cluster"], cluster.get("provisioning_parameters")
    name, arn = cluster["summary"]["ClusterName"], cluster["summary"]["ClusterArn"]
    group, instance_id = node["InstanceGroupName"], node.get("InstanceId") or ""
    cluster_id = arn.rsplit("/", 1)[-1]
    role = roles(described, parameters).get(group)
    status = (node.get("InstanceStatus") or {}).get("Status") or "Unknown"
    hostname = (node.get("PrivateDnsHostname") or "").split(".", 1)[0]
    variables = {
        "cluster_name": name,
        "cluster_arn": arn,
        "cluster_id": cluster_id,
        "cluster_status": cluster["summary"].get("ClusterStatus"),
        "region": cluster["region"],
        "instance_group": group,
        "instance_id": instance_id or None,
        "instance_type": node.get("InstanceType"),
        "node_logical_id": node.get("NodeLogicalId"),
        "status": status,
        "status_message": (node.get("InstanceStatus") or {}).get("Message"),
        "private_dns_hostname": node.get("PrivateDnsHostname"),
        "hostname": hostname or None,
        "ip_address": address_of(hostname),
        "launch_time": node.get("LaunchTime"),
        "last_software_update_time": node.get("LastSoftwareUpdateTime"),
        "image_release_version": node.get("CurrentImageReleaseVersion"),
        "image_version_status": node.get("ImageVersionStatus"),
        "role": role,
        "partitions": partitions(described, parameters).get(group, []),
        "ssm_target": ssm_target(cluster_id, group, instance_id) if instance_id else None,
    }
    groups = [
        ALL_GROUP,
        f"hyperpod_cluster_{name}",
        f"hyperpod_instance_group_{group}",
        f"hyperpod_type_{node.get('InstanceType')}",
        f"hyperpod_status_{status}",
    ]
    if role:
        groups.append(f"hyperpod_role_{role}")
    return Host(
        {f"hyperpod_{key}": value for key, value in variables.items() if value is not None},
        tuple(identifier(name).lower() if name.startswith("hyperpod_status_") else identifier(name) for name in groups),
    )


def names(found: Sequence[Host], wanted: Sequence[str]) -> list[str]:
    """The inventory name of each host.

    The first of ``wanted`` (variables without their prefix) that a host has, is taken; a name that two hosts would
    share is no name, and they take the next. The instance id, else a number in the cluster, is the last resort.
    """
    result = [""] * len(found)
    for key in (*wanted, "instance_id", "node_logical_id"):
        candidates = [str(host.variables.get(f"hyperpod_{key}") or "") for host in found]
        counts = Counter(candidates)
        for index, candidate in enumerate(candidates):
            if not result[index] and candidate and counts[candidate] == 1 and candidate not in result:
                result[index] = candidate
    for index, host in enumerate(found):
        if not result[index]:
            result[index] = f"{host.variables['hyperpod_cluster_name']}-{index}"
    return result


def connection_variables(host: Host, connection: str, cloud: str) -> dict[str, Any]:
    """How Ansible reaches a host: ``local_cloud`` (its container), ``ssm_target`` (amazon.aws.aws_ssm) or ``none``."""
    variables = host.variables
    instance_id = variables.get("hyperpod_instance_id")
    if connection == "local_cloud" and instance_id and variables.get("hyperpod_hostname"):
        return {
            "ansible_connection": "podforge.hyperpod.podman",
            "ansible_host": container_name(cloud, variables["hyperpod_hostname"], instance_id),
        }
    if connection == "ssm_target" and instance_id:
        return {
            "ansible_connection": "amazon.aws.aws_ssm",
            "ansible_aws_ssm_instance_id": variables["hyperpod_ssm_target"],
            "ansible_aws_ssm_region": variables["hyperpod_region"],
        }
    return {}
