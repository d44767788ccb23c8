# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: FSx file systems that nodes mount. Pure: answers of FSx and EC2 in, findings out.

Ports: FSx for Lustre user guide, "File System Access Control with Amazon VPC" (TCP 988 and 1018-1023); FSx for OpenZFS
user guide, the same chapter (NFS on 2049).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .._findings import did_you_mean
from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .._findings import Finding

LUSTRE = "LUSTRE"
OPENZFS = "OPENZFS"
PORTS = {LUSTRE: ((988, 988), (1018, 1023)), OPENZFS: ((2049, 2049),)}
_USABLE = ("AVAILABLE", "UPDATING")
_LATER = ("CREATING",)


@dataclass(frozen=True)
class Mount:
    """A file system that the description names: its kind, and what the nodes mount it by."""

    kind: str
    dns_name: str
    mount_name: str = ""

    @property
    def file_system_id(self) -> str:
        """The id, the first label of the DNS name."""
        return self.dns_name.split(".", 1)[0]

    @property
    def region(self) -> str:
        """The region in the DNS name; empty for one that isn't of FSx."""
        labels = self.dns_name.split(".")
        return labels[2] if len(labels) > 3 and labels[1] == "fsx" else ""


@dataclass(frozen=True)
class Side:
    """One end of a connection: addresses as networks, and the security groups with their rules."""

    networks: tuple[str, ...]
    groups: tuple[Mapping[str, Any], ...]

    @property
    def group_ids(self) -> set[str]:
        """Ids of the security groups."""
        return {str(group["GroupId"]) for group in self.groups}


def mounts_of(description: Mapping[str, Any]) -> list[Mount]:
    """All file systems of a description, of both forms, each once."""
    found = []
    for group in description["cluster"]["instance_groups"]:
        for storage in group.get("instance_storage_configs") or []:
            lustre, zfs = storage.get("fsx_lustre_config"), storage.get("fsx_open_zfs_config")
            if lustre:
                found.append(Mount(LUSTRE, str(lustre.get("dns_name")), str(lustre.get("mount_name"))))
            if zfs:
                found.append(Mount(OPENZFS, str(zfs.get("dns_name"))))
    form = description.get("provisioning_parameters") or {}
    if form.get("fsx_dns_name"):
        found.append(Mount(LUSTRE, str(form["fsx_dns_name"]), str(form.get("fsx_mountname") or "")))
    if form.get("fsx_openzfs_dns_name"):
        found.append(Mount(OPENZFS, str(form["fsx_openzfs_dns_name"])))
    return list(dict.fromkeys(found))


def judge_region(mount: Mount, region: str) -> Finding | None:
    """File systems are mounted in their own region."""
    if mount.region in ("", region):
        return None
    what = f"The file system is in {mount.region}, the cluster in {region}"
    return failure("fsx_region", what, where=mount.dns_name, value=mount.region, fix=f"use a file system in {region}")


def judge_file_system(mount: Mount, system: Mapping[str, Any] | None) -> list[Finding]:
    """The file system itself; None: there is none."""
    where = mount.dns_name
    if system is None or system.get("DNSName", where) != where:
        other = (system or {}).get("DNSName")
        fix = f"did you mean '{other}'" if other else "correct the DNS name: aws fsx describe-file-systems"
        why = "Each node would fail to mount it, or wait for it in its lifecycle script"
        return [failure("fsx_exists", "The file system does not exist in this region", where=where, why=why, fix=fix)]
    kind = str(system.get("FileSystemType"))
    if kind != mount.kind:
        what = f"The file system is {kind}, and it is to be mounted as {mount.kind}"
        return [failure("fsx_type", what, where=where, value=kind, fix=f"name it as a file system of type {kind}")]
    findings = [_judge_state(where, str(system.get("Lifecycle") or ""))]
    has = str((system.get("LustreConfiguration") or {}).get("MountName") or "")
    if mount.kind == LUSTRE and has and mount.mount_name != has:
        what = f"The mount name of the file system is {has}, not {mount.mount_name or 'empty'}"
        fix = did_you_mean(mount.mount_name, [has], otherwise=f"write {has}")
        findings.append(failure("fsx_mount_name", what, where=where, value=mount.mount_name, fix=fix))
    elif mount.kind == LUSTRE and not has:
        what, fix = "FSx does not tell the mount name, so that it could not be checked", "compare it in the console"
        findings.append(warning("fsx_mount_name", what, where=where, value=mount.mount_name, fix=fix))
    elif mount.kind == LUSTRE:
        findings.append(passed("fsx_mount_name", f"The mount name is {has}", where=where))
    return findings


def _judge_state(where: str, state: str) -> Finding:
    if state in _USABLE:
        return passed("fsx_state", f"The file system is {state}", where=where)
    level = warning if state in _LATER else failure
    fix = "wait until it is AVAILABLE, or use another one"
    return level("fsx_state", f"The file system is {state or 'in an unknown state'}", where=where, value=state, fix=fix)


def judge_place(
    mount: Mount, vpc_id: str, zones: Mapping[str, str], vpc_ids: Collection[str], node_zones: Mapping[str, str]
) -> list[Finding]:
    """Where the file system is, and where the nodes are.

    Args:
        mount: the file system.
        vpc_id: its VPC; empty: not known.
        zones: its zones, name by id.
        vpc_ids: VPCs of the cluster's subnets.
        node_zones: their zones, name by id.
    """
    where, findings = mount.dns_name, []
    if vpc_id and vpc_ids and vpc_id not in vpc_ids:
        what = f"The file system is in {vpc_id}, the nodes are in {', '.join(sorted(vpc_ids))}"
        fix = "use a file system of the same VPC, or make sure that the VPCs are peered and route to each other"
        findings.append(warning("fsx_vpc", what, where=where, value=vpc_id, fix=fix))
    apart = sorted(name for zone, name in node_zones.items() if zone not in zones)
    if zones and apart:
        has = ", ".join(sorted(zones.values()))
        findings.append(
            warning(
                "fsx_zone",
                f"The file system is in {has}, and nodes can be in {', '.join(apart)}",
                where=where,
                why="Traffic between zones is slower and billed, and EFA can't be used for it",
                fix=f"use subnets in {has}",
            )
        )
    elif zones and node_zones:
        findings.append(passed("fsx_zone", f"File system and nodes are in {', '.join(zones.values())}", where=where))
    return findings


def unknown_path(mount: Mount) -> Finding:
    """FSx told no network interfaces."""
    what = "The way to the file system could not be checked: FSx does not tell its network interfaces"
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in PORTS[mount.kind])
    return warning("fsx_path", what, where=mount.dns_name, fix=f"make sure that TCP {ports} is open to it")


def judge_path(mount: Mount, nodes: Side, system: Side) -> list[Finding]:
    """Whether security groups let nodes reach the file system on its ports."""
    closed = []
    for low, high in PORTS[mount.kind]:
        text = str(low) if low == high else f"{low}-{high}"
        if not _open(nodes.groups, "IpPermissionsEgress", (low, high), system):
            closed.append(f"{text} out of the nodes ({', '.join(sorted(nodes.group_ids))})")
        if not _open(system.groups, "IpPermissions", (low, high), nodes):
            closed.append(f"{text} into the file system ({', '.join(sorted(system.group_ids))})")
    if not closed:
        return [passed("fsx_path", "Security groups let nodes reach the file system", where=mount.dns_name)]
    return [
        failure(
            "fsx_path",
            f"Security groups do not open TCP {'; '.join(closed)}",
            where=mount.dns_name,
            why="The mount would hang until it times out",
            fix="add rules for these ports between the security groups, or use the same group for both",
        )
    ]


def _open(groups: Iterable[Mapping[str, Any]], direction: str, ports: tuple[int, int], peer: Side) -> bool:
    return any(_allows(rule, ports, peer) for group in groups for rule in group.get(direction, []))


def _allows(rule: Mapping[str, Any], ports: tuple[int, int], peer: Side) -> bool:
    protocol = str(rule.get("IpProtocol"))
    if protocol != "-1" and (
        protocol not in ("tcp", "6") or not rule.get("FromPort", 0) <= ports[0] <= ports[1] <= rule.get("ToPort", 65535)
    ):
        return False
    if any(pair.get("GroupId") in peer.group_ids for pair in rule.get("UserIdGroupPairs", [])):
        return True
    blocks = [str(block["CidrIp"]) for block in rule.get("IpRanges", [])]
    return bool(peer.networks) and all(_inside(network, blocks) for network in peer.networks)


def _inside(network: str, blocks: Sequence[str]) -> bool:
    inner = ipaddress.IPv4Network(network)
    return any(inner.subnet_of(ipaddress.IPv4Network(block)) for block in blocks)
