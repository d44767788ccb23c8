# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files below /opt/ml/config, as pure functions of the cluster.

Fields as found on real nodes: ``Instances`` of an empty group is null, ``InstanceLabel`` is null for types without
topology, ``AgentIpAddress`` belongs to the service's network and ``CustomerIpAddress`` to the customer's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import roles as slurm_roles
from local_cloud.hyperpod.instance_types import has_topology
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Node

if TYPE_CHECKING:
    from local_cloud.hyperpod.model import Cluster

FOLDER = "/opt/ml/config"


@dataclass(frozen=True)
class EksFacts:
    """What nodes of an EKS cluster are told about it."""

    name: str
    endpoint: str
    certificate_authority: str
    service_ipv4_cidr: str


def render(cluster: Cluster, eks: EksFacts | None = None) -> dict[str, Any]:
    """resource_config.json as it is now."""
    kubernetes = cluster.eks
    members: dict[str, list[Node]] = {name: [] for name in cluster.groups}
    for node in cluster.nodes.values():
        if node.group in members and node.phase not in LEAVING:
            members[node.group].append(node)
    groups = [
        {
            "Name": group.name,
            "InstanceType": _group_type(group.spec),
            "Instances": [_instance(n, kubernetes) for n in sorted(members[group.name], key=_number)] or None,
        }
        for group in cluster.groups.values()
    ]
    config: dict[str, Any] = {
        "ClusterConfig": {"ClusterArn": cluster.arn, "ClusterName": cluster.name},
        "ClusterType": "Kubernetes" if kubernetes else "Slurm",
    }
    if eks is not None:
        config["KubernetesConfig"] = {
            "EksClusterName": eks.name,
            "EksClusterEndpoint": eks.endpoint,
            "EksClusterCertificateAuthority": eks.certificate_authority,
            "EksServiceIpv4Cidr": eks.service_ipv4_cidr,
        }
    elif not kubernetes:
        addresses = controllers(cluster)
        config["SlurmConfig"] = {
            "PrimaryControllerIp": addresses[0] if addresses else "",
            "SecondaryControllerIps": addresses[1:],
        }
    config["InstanceGroups"] = groups
    return config


def controllers(cluster: Cluster) -> list[str]:
    """Customer addresses of the Slurm controllers, the primary first."""
    types = slurm_roles.of(cluster).types
    nodes = [
        n for n in cluster.nodes.values() if types.get(n.group) == slurm_roles.CONTROLLER and n.phase not in LEAVING
    ]
    return [n.placement.ip_address for n in sorted(nodes, key=_number)]


def files(cluster: Cluster, node: Node, resource: str) -> dict[str, dict[str, str]]:
    """Every file that the node is given: path -> content, mode, owner, group.

    ``resource`` is the text of its resource_config.json, which may be older than the cluster is.
    """
    uri = f"s3://sagemaker-{cluster.region}-cluster-config/{cluster.cluster_id}/resource_config.json"
    lifecycle = node.spec.get("LifeCycleConfig") or {}
    contents: dict[str, str] = {
        "resource_config.json": resource,
        "life_cycle_config.json": to_text(
            {
                "S3Uri": lifecycle.get("SourceS3Uri", ""),
                "OnCreate": lifecycle.get("OnCreate", ""),
                "OnInitComplete": lifecycle.get("OnInitComplete", ""),
            }
        ),
    }
    if not cluster.eks:
        contents["host_agent.json"] = to_text({"ResourceConfigS3Uri": uri})
        roles = slurm_roles.of(cluster)
        form = _form(cluster, roles)
        if form is not None:
            contents[slurm_roles.FORM_NAME] = form
        if roles.types.get(node.group) == slurm_roles.CONTROLLER:
            contents["cluster_agent.json"] = to_text(_cluster_agent(cluster, uri))
    result = {
        f"{FOLDER}/{name}": {"content": text, "mode": "0640", "owner": "root", "group": "root"}
        for name, text in contents.items()
    }
    if not cluster.eks:
        result["/etc/munge/munge.key"] = {
            "content": cluster.munge_key,
            "mode": "0400",
            "owner": "munge",
            "group": "munge",
        }
    return result


def to_text(value: Any) -> str:
    """JSON as it lies on the node."""
    return json.dumps(value, indent=2) + "\n"


def _form(cluster: Cluster, roles: slurm_roles.SlurmRoles) -> str | None:
    if roles.form == "legacy":
        return cluster.legacy
    if roles.form == "api":
        return to_text(slurm_roles.form_of(roles, {n: g.spec for n, g in cluster.groups.items()}))
    return None


def _cluster_agent(cluster: Cluster, uri: str) -> dict[str, Any]:
    types = [_group_type(g.spec) for g in cluster.groups.values()]
    topology = any(has_topology(t) for t in types)
    return {
        "ResourceConfigS3Uri": uri,
        "SlurmConfiguration": {
            "EnableTopology": topology,
            "TopologyLabel": "network-node-layer" if topology else "",
            "UseInstanceNames": False,
            "CreateMagneticReservations": False,
        },
    }


def _instance(node: Node, kubernetes: bool) -> dict[str, Any]:
    return {
        "InstanceName": f"hyperpod-{node.instance_id}" if kubernetes else node.name,
        "AgentIpAddress": node.placement.agent_ip_address,
        "CustomerIpAddress": node.placement.ip_address,
        "InstanceId": node.instance_id,
        "InstanceLabel": _label(node) if has_topology(node.instance_type) else None,
    }


def _label(node: Node) -> dict[str, str]:
    """Three network layers, wide to narrow: the nodes of a subnet share the first two, 16 of them the third."""
    zone = node.placement.availability_zone_id

    def layer(*parts: object) -> str:
        return "nn-" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:17]

    return {
        "network-node-layer-1": layer(zone),
        "network-node-layer-2": layer(zone, node.instance_type),
        "network-node-layer-3": layer(zone, node.instance_type, (node.index - 1) // 16),
    }


def _group_type(spec: dict[str, Any]) -> str:
    return str(spec.get("InstanceType") or spec["InstanceRequirements"]["InstanceTypes"][0])


def _number(node: Node) -> int:
    return node.index
