# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""resource_config.json, the service's inventory of the cluster as a node sees it. Private to this collection.

The file is not specified by AWS; its fields are those that the published lifecycle scripts read
(awslabs/awsome-distributed-ai, LifecycleScripts/base-config/lifecycle_script.py) and what clusters show:
C(Instances) is null or missing for an empty group, C(ClusterType) and C(SlurmConfig) are newer than the rest.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .documents import JsonDict
from .documents import NodeError

SLURM = "Slurm"
EKS = "Eks"
NODE_TYPES = ("controller", "login", "compute")


@dataclass(frozen=True)
class Instance:
    """One instance of a group. Addresses are text; C(customer_ip) is the one in the customer's VPC."""

    group: str
    name: str
    instance_id: str
    customer_ip: str
    agent_ip: str = ""

    @property
    def hostname(self) -> str:
        """Slurm's NodeName and the host name of the node: made from the VPC-side address."""
        return "ip-" + self.customer_ip.replace(".", "-").replace(":", "-")


@dataclass(frozen=True)
class Group:
    """One instance group; C(node_type) and C(partitions) only where the file itself tells them."""

    name: str
    instance_type: str = ""
    instances: tuple[Instance, ...] = ()
    node_type: str | None = None
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """The parsed file."""

    path: str
    cluster_arn: str
    cluster_name: str
    orchestrator: str
    groups: tuple[Group, ...] = ()
    controller_ips: tuple[str, ...] = ()
    eks_cluster_name: str | None = None
    warnings: tuple[str, ...] = field(default=())

    def group(self, name: str) -> Group | None:
        """The group of that name, None when the file has none."""
        return next((group for group in self.groups if group.name == name), None)

    @property
    def instances(self) -> list[Instance]:
        """All instances, in the order of the file."""
        return [instance for group in self.groups for instance in group.instances]


@dataclass(frozen=True)
class Arn:
    """The parts of a cluster's ARN: C(arn:<partition>:sagemaker:<region>:<account>:cluster/<id>)."""

    partition: str
    region: str
    account_id: str
    cluster_id: str


def parse_arn(arn: str, path: str) -> Arn:
    """Split the cluster's ARN; a form that is none is refused, since region and log group hang on it."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[5].startswith("cluster/"):
        raise NodeError(f"{path}: ClusterConfig.ClusterArn is no ARN of a HyperPod cluster: {arn!r}")
    return Arn(parts[1], parts[3], parts[4], parts[5].split("/", 1)[1])


def parse_resource(document: JsonDict, path: str) -> Resource:
    """Read the document in any of its known forms.

    :raises NodeError: a part that is needed is missing or of another type.
    """
    cluster = _object(document.get("ClusterConfig"), path, "ClusterConfig")
    warnings: list[str] = []
    groups = tuple(
        _group(entry, path, f"InstanceGroups[{index}]", warnings)
        for index, entry in enumerate(_objects(document.get("InstanceGroups"), path, "InstanceGroups"))
    )
    _refuse_duplicates([group.name for group in groups], path)
    slurm = _object(document.get("SlurmConfig") or {}, path, "SlurmConfig")
    kubernetes = _object(document.get("KubernetesConfig") or {}, path, "KubernetesConfig")
    return Resource(
        path=path,
        cluster_arn=_text(cluster, "ClusterArn", path, "ClusterConfig"),
        cluster_name=_text(cluster, "ClusterName", path, "ClusterConfig"),
        orchestrator=_orchestrator(document, path),
        groups=groups,
        controller_ips=_controller_ips(slurm, path),
        eks_cluster_name=kubernetes.get("EksClusterName"),
        warnings=tuple(warnings),
    )


def _orchestrator(document: JsonDict, path: str) -> str:
    kind = document.get("ClusterType")
    if kind is None:
        return EKS if document.get("KubernetesConfig") else SLURM
    known = {"slurm": SLURM, "kubernetes": EKS, "eks": EKS}
    found = known.get(str(kind).lower())
    if found is None:
        raise NodeError(f"{path}: ClusterType is {kind!r}; known are Slurm and Kubernetes")
    return found


def _controller_ips(slurm: JsonDict, path: str) -> tuple[str, ...]:
    primary = slurm.get("PrimaryControllerIp")
    secondary = slurm.get("SecondaryControllerIps") or []
    if isinstance(secondary, str):
        secondary = secondary.split(",")
    if not isinstance(secondary, list):
        raise NodeError(f"{path}: SlurmConfig.SecondaryControllerIps is no list")
    addresses = [str(address).strip() for address in [primary, *secondary] if address]
    return tuple(dict.fromkeys(address for address in addresses if address))


def _group(entry: JsonDict, path: str, where: str, warnings: list[str]) -> Group:
    name = _text(entry, "Name", path, where)
    instances = []
    for index, item in enumerate(_objects(entry.get("Instances"), path, f"{where}.Instances")):
        address = item.get("CustomerIpAddress")
        if not address:
            # an instance that is still being launched is listed before it has an address
            warnings.append(f"{path}: {where}.Instances[{index}] has no CustomerIpAddress yet, left out")
            continue
        instances.append(
            Instance(
                group=name,
                name=str(item.get("InstanceName") or ""),
                instance_id=str(item.get("InstanceId") or ""),
                customer_ip=str(address),
                agent_ip=str(item.get("AgentIpAddress") or ""),
            )
        )
    slurm = _object(entry.get("SlurmConfig") or {}, path, f"{where}.SlurmConfig")
    node_type, partitions = _slurm_config(slurm, path, f"{where}.SlurmConfig")
    return Group(name, str(entry.get("InstanceType") or ""), tuple(instances), node_type, partitions)


def _slurm_config(slurm: JsonDict, path: str, where: str) -> tuple[str | None, tuple[str, ...]]:
    if not slurm:
        return None, ()
    node_type = str(slurm.get("NodeType") or "").lower()
    if node_type not in NODE_TYPES:
        raise NodeError(f"{path}: {where}.NodeType is {slurm.get('NodeType')!r}; known are Controller, Login, Compute")
    partitions = slurm.get("PartitionNames") or []
    if not isinstance(partitions, list):
        raise NodeError(f"{path}: {where}.PartitionNames is no list")
    return node_type, tuple(str(partition) for partition in partitions)


def _refuse_duplicates(names: list[str], path: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise NodeError(f"{path}: InstanceGroups names {', '.join(twice)} more than once")


def _object(value: t.Any, path: str, key: str) -> JsonDict:
    if not isinstance(value, dict):
        raise NodeError(f"{path}: {key} is {'missing' if value is None else 'no object'}")
    return value


def _objects(value: t.Any, path: str, key: str) -> list[JsonDict]:
    """A list of objects; null and missing count as empty, as the service means them."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise NodeError(f"{path}: {key} is no list")
    return [_object(item, path, f"{key}[{index}]") for index, item in enumerate(value)]


def _text(value: JsonDict, key: str, path: str, where: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise NodeError(f"{path}: {where}.{key} is missing or empty")
    return found
