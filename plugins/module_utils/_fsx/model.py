# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: file systems as they are described, made whole: what is mounted, where, how, by which unit. Pure.

This folder is also installed on nodes, as the program that keeps mounts: it needs the standard library alone.

Sources: user guides of FSx for Lustre and FSx for OpenZFS (names, options, ports), MountName in the API reference.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import asdict
from dataclasses import dataclass

LUSTRE = "lustre"
OPENZFS = "openzfs"
PATHS = {LUSTRE: "/fsx", OPENZFS: "/home"}
OPTIONS = {LUSTRE: ("noatime", "flock", "_netdev"), OPENZFS: ("nfsvers=4.2", "nconnect=16", "noatime", "_netdev")}
# Lustre takes 988, and 1018 to 1023 between clients and servers
PORTS = {LUSTRE: 988, OPENZFS: 2049}

_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_MOUNT_NAME = re.compile(r"[A-Za-z0-9_-]{1,8}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ZONE_ID = re.compile(r"[a-z0-9-]+-az[0-9]+")


def is_path(text: str) -> bool:
    """Whether it is an absolute path of characters that need no quotes anywhere."""
    return bool(_PATH.fullmatch(text))


def unit_name(path: str) -> str:
    """A path as systemd has it in names of units (systemd.unit(5)): of what it may have here the hyphen is escaped."""
    return path[1:].replace("-", r"\x2d").replace("/", "-")


@dataclass(frozen=True)
class FileSystem:
    """One file system. C(kind) is C(lustre), C(openzfs) or any other type of mount(8)."""

    path: str
    kind: str
    source: str
    options: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    name: str = ""
    availability_zone_id: str = ""
    efa: str = "auto"
    required: bool = True
    state: str = "mounted"

    @property
    def mount_type(self) -> str:
        """Type for mount(8)."""
        return "nfs4" if self.kind == OPENZFS else self.kind

    @property
    def unit(self) -> str:
        """Name of its mount unit without the suffix, and the keeper's instance."""
        return unit_name(self.path)

    @property
    def fsx_id(self) -> str:
        """Id of the file system in the API; empty when the name doesn't tell."""
        label = self.host.split(".", maxsplit=1)[0]
        return label if re.fullmatch(r"fs-[0-9a-f]+", label) else ""

    def document(self) -> dict[str, t.Any]:
        """For JSON."""
        return {**asdict(self), "options": list(self.options)}


def from_document(document: t.Mapping[str, t.Any]) -> FileSystem:
    """What C(document) made."""
    return FileSystem(**{**document, "options": tuple(document["options"])})


def complete(
    given: t.Sequence[t.Mapping[str, t.Any]], told: t.Mapping[str, t.Any]
) -> tuple[list[FileSystem], list[str]]:
    """File systems of the variables and, where those have none for a path, of the node's facts; and what is wrong.

    C(told) is C(filesystems) of hyperpod_node_facts: C(lustre) and C(openzfs) with C(dns_name) and C(mount_name).
    """
    found: dict[str, FileSystem] = {}
    problems: list[str] = []
    for index, entry in enumerate(given):
        where = f"fsx_storage_filesystems[{index}]"
        system = _one(entry)
        problems += [f"{where}: {problem}" for problem in _problems(system)]
        if system.path in found:
            problems.append(f"{where}: {system.path} is there twice; one file system can be at one path")
        found[system.path] = system
    for kind in (LUSTRE, OPENZFS):
        if told.get(kind) and not any(system.kind == kind for system in found.values()):
            system = _one({**told[kind], "type": kind})
            problems += [f"provisioning parameters, {kind}: {problem}" for problem in _problems(system)]
            found.setdefault(system.path, system)
    return sorted(found.values(), key=lambda system: system.path), problems


def _one(entry: t.Mapping[str, t.Any]) -> FileSystem:
    kind = str(entry.get("type") or LUSTRE)
    host, name = str(entry.get("dns_name") or ""), str(entry.get("mount_name") or "")
    source = str(entry.get("source") or "")
    if kind == LUSTRE:
        source = f"{host}@tcp:/{name}"
    elif kind == OPENZFS:
        name = str(entry.get("volume_path") or "/fsx")
        source = f"{host}:{name}"
    options = entry.get("options")
    return FileSystem(
        path=str(entry.get("path") or PATHS.get(kind, "")),
        kind=kind,
        source=source,
        options=OPTIONS.get(kind, ()) if options is None else tuple(options),
        host=host,
        port=int(entry.get("port") or PORTS.get(kind, 0)),
        name=name,
        availability_zone_id=str(entry.get("availability_zone_id") or ""),
        efa=str(entry.get("efa") or "auto"),
        required=bool(entry.get("required", True)),
        state=str(entry.get("state") or "mounted"),
    )


def _problems(system: FileSystem) -> list[str]:
    if not is_path(system.path):
        return [f"path is {system.path!r}: write an absolute path such as /fsx, of letters, digits, '.', '_' and '-'"]
    if not _TYPE.fullmatch(system.kind):
        return [f"type is {system.kind!r}: lustre, openzfs, or a type of mount(8)"]
    found = []
    if system.kind in PATHS and not _HOST.fullmatch(system.host):
        found.append(f"dns_name is {system.host!r}: write it as the console shows it, fs-0123456789abcdef0.fsx....")
    if system.kind == LUSTRE and not _MOUNT_NAME.fullmatch(system.name):
        found.append(
            f"mount_name is {system.name!r}: it is no mount name, which has at most 8 letters and digits, and is not "
            f"the id of the file system. {ask_for_mount_name(system)}"
        )
    if system.kind == OPENZFS and not system.name.startswith("/"):
        found.append(f"volume_path is {system.name!r}: write the volume's path, such as /fsx or /fsx/home")
    if system.kind not in PATHS and not system.source:
        found.append(f"source is missing, and nothing is known of type {system.kind}: say what is mounted")
    if any(re.search(r"[\s,%]", option) for option in (*system.options, system.source)):
        found.append("options and source: no blanks, commas or '%'; options are a list with one option each")
    if system.availability_zone_id and not _ZONE_ID.fullmatch(system.availability_zone_id):
        found.append(
            f"availability_zone_id is {system.availability_zone_id!r}: write the id, such as usw2-az2; names such as "
            "us-west-2b mean another zone in each account"
        )
    return found


def ask_for_mount_name(system: FileSystem) -> str:
    """How to get the right one."""
    named = f" --file-system-ids {system.fsx_id}" if system.fsx_id else ""
    return (
        f"Where the AWS CLI may ask: aws fsx describe-file-systems{named} "
        "--query 'FileSystems[].[FileSystemId,LustreConfiguration.MountName]' --output text"
    )
