# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what preflight asks of EC2 and FSx about networks and file systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import api
from . import capacity
from . import filesystems
from . import kubernetes
from . import network as judges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._findings import Finding
    from .survey import Place
    from .survey import Survey


def network(survey: Survey) -> Iterator[Finding]:
    """Subnets and security groups, those of single groups too; or the zones that subnets will be made in."""
    ec2 = survey.client("ec2")
    planned = [subnet["availability_zone"] for subnet in survey.description["network"].get("private_subnets") or []]
    if planned and not survey.subnet_ids:
        known = survey.ask_or_none("availability_zone", "ec2:DescribeAvailabilityZones", api.zones, ec2)
        if known is not None:
            yield from capacity.judge_zones(planned, known, survey.region or "")
    for place in survey.places():
        yield from _place(survey, ec2, place)


def _place(survey: Survey, ec2: Any, place: Place) -> Iterator[Finding]:
    found = survey.ask_or_none("subnet_exists", "ec2:DescribeSubnets", api.subnets, ec2, place.subnet_ids)
    vpcs = sorted({subnet["VpcId"] for subnet in found or []})
    if found is not None:
        survey.subnets.update({subnet["SubnetId"]: subnet for subnet in found})
        tables: list[dict[str, Any]] | None = []
        if vpcs:
            tables = survey.ask_or_none("subnet_private", "ec2:DescribeRouteTables", api.route_tables, ec2, vpcs)
        needed = sum(survey.more_nodes(group) for group in place.groups)
        yield from judges.judge_subnets(place.subnet_ids, found, tables, needed, _interfaces(survey, ec2, place))
    wanted = place.security_group_ids
    groups = survey.ask_or_none("security_group_exists", "ec2:DescribeSecurityGroups", api.security_groups, ec2, wanted)
    if groups is not None:
        survey.security_groups.update({group["GroupId"]: group for group in groups})
        yield from judges.judge_security_groups(wanted, groups, vpcs[0] if vpcs else None)


def _interfaces(survey: Survey, ec2: Any, place: Place) -> int | None:
    """Network interfaces that new nodes of a place have, when each EFA interface is one; None: not known."""
    counts: dict[str, int] = {}
    for group in place.groups:
        for kind in capacity.types_of(group)[:1]:
            name = capacity.ec2_name(kind)
            counts[name] = counts.get(name, 0) + survey.more_nodes(group)
    names = sorted(counts)
    known = survey.ask_or_none("subnet_addresses", "ec2:DescribeInstanceTypes", api.efa_interfaces, ec2, names)
    if known is None or any(name not in known for name in names):
        return None
    return sum(count * max(1, known[name]) for name, count in counts.items())


def file_systems(survey: Survey) -> Iterator[Finding]:
    """File systems that nodes mount."""
    for mount in filesystems.mounts_of(survey.description):
        away = filesystems.judge_region(mount, survey.region or "")
        if away:
            yield away
            continue
        fsx = survey.client("fsx")
        system = survey.ask("fsx_exists", "fsx:DescribeFileSystems", api.file_system, fsx, mount.file_system_id)
        yield from filesystems.judge_file_system(mount, system)
        if system is not None:
            yield from _reach(survey, mount, system)


def _reach(survey: Survey, mount: filesystems.Mount, system: dict[str, Any]) -> Iterator[Finding]:
    """Place of a file system, and the way of the nodes to it."""
    ec2 = survey.client("ec2")
    subnet_ids = list(system.get("SubnetIds") or [])
    own = survey.ask("fsx_zone", "ec2:DescribeSubnets", api.subnets, ec2, subnet_ids) if subnet_ids else []
    node_zones = {s["AvailabilityZoneId"]: s["AvailabilityZone"] for s in survey.subnets.values()}
    zones = {s["AvailabilityZoneId"]: s["AvailabilityZone"] for s in own}
    yield from filesystems.judge_place(mount, str(system.get("VpcId") or ""), zones, survey.vpc_ids, node_zones)
    if not survey.subnets or not survey.security_groups:
        return  # the cluster's network isn't known yet, or was not found: other findings say so
    interface_ids = list(system.get("NetworkInterfaceIds") or [])
    action = "ec2:DescribeNetworkInterfaces"
    interfaces = survey.ask("fsx_path", action, api.network_interfaces, ec2, interface_ids) if interface_ids else []
    if not interfaces:
        yield filesystems.unknown_path(mount)
        return
    ids = sorted({group["GroupId"] for interface in interfaces for group in interface["Groups"]})
    groups = survey.ask("fsx_path", "ec2:DescribeSecurityGroups", api.security_groups, ec2, ids)
    there = filesystems.Side(tuple(f"{i['PrivateIpAddress']}/32" for i in interfaces), tuple(groups))
    for place in survey.places():
        seen = [survey.subnets[subnet]["CidrBlock"] for subnet in place.subnet_ids if subnet in survey.subnets]
        mine = [survey.security_groups[g] for g in place.security_group_ids if g in survey.security_groups]
        if seen and mine:
            yield from filesystems.judge_path(mount, filesystems.Side(tuple(seen), tuple(mine)), there)


def pod_network(survey: Survey) -> Iterator[Finding]:
    """The pod network of a self-managed Kubernetes, if there is to be one."""
    if survey.pod_cidr is None:
        return
    planned = survey.description["network"].get("vpc_cidr")
    blocks = [planned] if planned else []
    if survey.vpc_ids:
        ec2 = survey.client("ec2")
        blocks = survey.ask("pod_cidr", "ec2:DescribeVpcs", api.vpc_blocks, ec2, sorted(survey.vpc_ids))
    others = {f"the VPC's block {number}": block for number, block in enumerate(blocks, start=1)}
    if survey.service_cidr:
        others["the service network"] = survey.service_cidr
    yield from kubernetes.judge_pod_cidr(survey.pod_cidr, int(survey.description["nodes"]["total"]), others)
