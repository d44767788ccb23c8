# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a node, put together from the parsed files. Pure. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .documents import JsonDict
from .documents import NodeError
from .network import same_address
from .provisioning import GroupRole
from .provisioning import Provisioning
from .provisioning import role_of
from .resource import Instance
from .resource import Resource
from .resource import parse_arn
from .storage import Scratch


@dataclass(frozen=True)
class Surroundings:
    """What was seen on the machine itself."""

    addresses: t.Sequence[str]
    scratch: Scratch
    container_runtime: str | None = None
    accelerator: JsonDict = field(default_factory=lambda: {"vendor": "none", "count": 0})
    imds: t.Mapping[str, str] = field(default_factory=dict)


def find_instance(resource: Resource, addresses: t.Sequence[str], imds: t.Mapping[str, str]) -> Instance:
    """Which of the instances this node is: any own address against CustomerIpAddress, the instance id to decide.

    :raises NodeError: not in the file, or more than once.
    """
    matches = [
        instance
        for instance in resource.instances
        if any(same_address(instance.customer_ip, address) for address in addresses)
    ]
    own_id = imds.get("instance_id")
    if own_id:
        by_id = [instance for instance in (matches or resource.instances) if instance.instance_id == own_id]
        matches = by_id or matches
    if len(matches) == 1:
        return matches[0]
    own = ", ".join(addresses) or "none"
    if matches:
        named = ", ".join(f"{match.group}/{match.instance_id} ({match.customer_ip})" for match in matches)
        raise NodeError(f"{resource.path}: this node (addresses {own}) is listed more than once: {named}")
    listed = ", ".join(sorted(instance.customer_ip for instance in resource.instances)[:20]) or "none"
    raise NodeError(
        f"{resource.path}: this node is not in the file: its addresses are {own}, the file's CustomerIpAddress are "
        f"{listed}. The file may be older than this node; the controller has the current one"
    )


def build_facts(
    resource: Resource, provisioning: Provisioning, parameters_path: str, seen: Surroundings
) -> tuple[JsonDict, list[str]]:
    """The dict that roles read, and warnings for the log.

    :raises NodeError: the node's place in the cluster is not clear.
    """
    arn = parse_arn(resource.cluster_arn, resource.path)
    me = find_instance(resource, seen.addresses, seen.imds)
    group = next(group for group in resource.groups if group.name == me.group)
    role = role_of(group, provisioning, resource, parameters_path)
    warnings = [*resource.warnings, *provisioning.warnings, *_stale(resource, me, seen.imds)]
    if seen.scratch.warning:
        warnings.append(seen.scratch.warning)
    facts: JsonDict = {
        "accelerator": dict(seen.accelerator),
        "availability_zone": seen.imds.get("availability_zone"),
        "availability_zone_id": seen.imds.get("availability_zone_id"),
        "cluster_arn": resource.cluster_arn,
        "cluster_id": arn.cluster_id,
        "cluster_name": resource.cluster_name,
        "computes": _members(resource, provisioning, "compute"),
        "container_runtime": seen.container_runtime,
        "controllers": _controllers(resource, provisioning),
        "filesystems": provisioning.filesystems,
        "groups": _groups(resource, provisioning),
        "hostname": me.hostname,
        "instance_group": me.group,
        "instance_id": seen.imds.get("instance_id") or me.instance_id,
        "instance_name": me.name,
        "instance_type": group.instance_type or _hyperpod_type(seen.imds.get("instance_type")),
        "ip_address": me.customer_ip,
        "logins": _members(resource, provisioning, "login"),
        "multi_head": provisioning.multi_head,
        "node_type": role.node_type,
        "orchestrator": resource.orchestrator,
        "partition": arn.partition,
        "partition_name": role.partition,
        "provisioning_form": provisioning.form,
        "region": arn.region,
        "scratch_kind": seen.scratch.kind,
        "scratch_path": seen.scratch.path,
    }
    if facts["orchestrator"] == "Slurm" and not facts["controllers"]:
        warnings.append(f"{resource.path}: the controller's group has no instance yet; the file may be old")
    return facts, warnings


def _stale(resource: Resource, me: Instance, imds: t.Mapping[str, str]) -> list[str]:
    own_id = imds.get("instance_id")
    if own_id and me.instance_id and own_id != me.instance_id:
        return [f"{resource.path}: is old: {me.customer_ip} is {me.instance_id} there, this node is {own_id}"]
    return []


def _controllers(resource: Resource, provisioning: Provisioning) -> list[JsonDict]:
    """Controllers, the primary first: where the file doesn't name it, by the number in the instance's name.

    On a node that is not the controller the file may be from a time when the controller's group had no instance; its
    address is then known from the cluster-wide SlurmConfig alone.
    """
    members = _members(resource, provisioning, "controller")
    if not members:
        members = [_member(Instance("", "", "", address)) for address in resource.controller_ips]
    order = {address: index for index, address in enumerate(resource.controller_ips)}
    return sorted(members, key=lambda member: (order.get(member["ip_address"], len(order)), _number(member)))


def _number(member: JsonDict) -> int:
    """Of C(controller-machine-2), 2; 0 for a name without a number."""
    last = member["instance_name"].rsplit("-", 1)[-1]
    return int(last) if last.isdecimal() else 0


def _members(resource: Resource, provisioning: Provisioning, node_type: str) -> list[JsonDict]:
    return [
        _member(instance)
        for group in resource.groups
        if _role(provisioning, group.name).node_type == node_type
        for instance in group.instances
    ]


def _groups(resource: Resource, provisioning: Provisioning) -> JsonDict:
    return {
        group.name: {
            "instance_type": group.instance_type,
            "node_type": _role(provisioning, group.name).node_type or None,
            "partition_name": _role(provisioning, group.name).partition,
            "instances": [_member(instance) for instance in group.instances],
        }
        for group in resource.groups
    }


def _role(provisioning: Provisioning, name: str) -> GroupRole:
    return provisioning.roles.get(name, GroupRole(""))


def _member(instance: Instance) -> JsonDict:
    return {"hostname": instance.hostname, "ip_address": instance.customer_ip, "instance_name": instance.name}


def _hyperpod_type(ec2_type: str | None) -> str:
    """HyperPod writes instance types with the prefix ml."""
    if not ec2_type:
        return ""
    return ec2_type if ec2_type.startswith("ml.") else f"ml.{ec2_type}"
