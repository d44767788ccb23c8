# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: why a file system can't be mounted, in words for whoever is woken up by it. Pure: evidence in, a cause out.

Sources: mount_lustre.c of Lustre 2.15 (its messages by errno), nfs-utils' mount.nfs (error.c), "Troubleshooting" in the
user guides of FSx for Lustre and FSx for OpenZFS.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from dataclasses import field

from .model import LUSTRE
from .model import OPENZFS
from .model import PATHS
from .model import FileSystem
from .model import ask_for_mount_name

OPEN = "open"
REFUSED = "refused"
SILENT = "silent"
UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Evidence:
    """What was seen when a mount failed.

    Attributes:
        said: what mount(8) has printed.
        addresses: what the name resolves to; None where nobody was asked.
        resolver: what the resolver says when it has no answer.
        port: one of the constants above, empty where nobody has knocked.
        helper: whether mount(8) has its helper program for the type.
        kernel: release of the running kernel.
        module: whether the running kernel has, or can load, the client's module; None where that doesn't matter.
        module_kernels: kernels for which the module is on the disk.
        hung: the mount is there and does not answer.
    """

    said: str = ""
    addresses: tuple[str, ...] | None = None
    resolver: str = ""
    port: str = ""
    helper: bool = True
    kernel: str = ""
    module: bool | None = None
    module_kernels: tuple[str, ...] = ()
    hung: bool = False
    nameservers: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Cause:
    """Why, and what to do. C(final): it doesn't go by itself, so nobody needs to wait."""

    what: str
    fix: str
    final: bool = False

    def text(self, system: FileSystem) -> str:
        """One paragraph."""
        return f"{system.path} ({system.source}): {self.what}. Fix: {self.fix}."


def diagnose(system: FileSystem, seen: Evidence) -> Cause:
    """The first cause that explains what was seen, from the node outwards."""
    rules: tuple[t.Callable[[FileSystem, Evidence], Cause | None], ...] = (
        _client,
        _container,
        _name,
        _way,
        _lustre if system.kind == LUSTRE else _nfs if system.kind == OPENZFS else _nothing,
        _silence,
    )
    for rule in rules:
        cause = rule(system, seen)
        if cause:
            return cause
    return Cause(f"mount says: {_short(seen.said)}" if seen.said else "mount gave no reason", _look(system))


def _client(system: FileSystem, seen: Evidence) -> Cause | None:
    """Is what the node itself needs there?"""
    lustre = system.kind == LUSTRE
    package = f"lustre-client-modules-{seen.kernel}" if lustre else "nfs-common"
    install = f"Ubuntu: apt install {package}; Amazon Linux: dnf install {'lustre-client' if lustre else 'nfs-utils'}"
    if seen.module is False and seen.module_kernels:
        return Cause(
            f"the {system.kind} module is here for kernel {', '.join(seen.module_kernels)}, and the node runs "
            f"{seen.kernel}",
            f"install the module of the running kernel ({install}), or reboot into one that has it; hold the kernel so "
            "that it does not happen again (node_base_hold_packages)",
            final=True,
        )
    if seen.module is False:
        return Cause(
            f"the kernel {seen.kernel} has no {system.kind} module", f"install the client. {install}", final=True
        )
    unknown = re.search(r"unknown filesystem type|need a /s?bin/mount\.", seen.said)
    if not seen.helper or unknown:
        what = f"mount(8) does not know type {system.mount_type}: /sbin/mount.{system.mount_type} is not there"
        return Cause(
            what, f"install the client. {install}" if system.kind in PATHS else "install its package", final=True
        )
    return None


def _container(_system: FileSystem, seen: Evidence) -> Cause | None:
    if re.search(r"must be superuser|: permission denied\.", seen.said):
        return Cause(
            "this system may not mount at all (no CAP_SYS_ADMIN, as in a container)",
            "mount it from outside of the container; the role takes what is mounted there as it is",
            final=True,
        )
    return None


def _name(system: FileSystem, seen: Evidence) -> Cause | None:
    if seen.addresses is None or seen.addresses:
        return None
    asked = f" at {', '.join(seen.nameservers)}" if seen.nameservers else ""
    return Cause(
        f"the name {system.host} does not resolve{asked} ({seen.resolver or 'no address'})",
        "right after boot it may be late. Else: the name is misspelt, or the file system is deleted or not ready yet "
        f"(aws fsx describe-file-systems{' --file-system-ids ' + system.fsx_id if system.fsx_id else ''}); or the node "
        "asks a name server that knows nothing of AWS: the VPC needs enableDnsSupport, own servers must forward "
        "amazonaws.com to the VPC's resolver",
    )


def _way(system: FileSystem, seen: Evidence) -> Cause | None:
    at = f"{', '.join(seen.addresses or ()) or system.host} port {system.port}"
    ports = "TCP 988 and 1018-1023, in both directions," if system.kind == LUSTRE else f"TCP {system.port}"
    if seen.port == SILENT:
        return Cause(
            f"nothing answers at {at}: packets are dropped on the way, mostly by a security group",
            f"let {ports} through from the nodes' security group to that of the file system, and check that both are "
            "in one VPC or in peered ones, with routes (and network ACLs)",
        )
    if seen.port == REFUSED:
        return Cause(
            f"{at} refuses the connection: there is a host and no file server on it",
            "wait if the file system is being created, updated or in its maintenance window (Lifecycle in aws fsx "
            "describe-file-systems); else the name is of something else",
        )
    if seen.port == UNREACHABLE:
        return Cause(
            f"there is no way to {at}",
            "the file system is in another network: peer the VPCs and add routes, or use one in the nodes' VPC",
        )
    return None


def _lustre(system: FileSystem, seen: Evidence) -> Cause | None:
    if re.search(r"filesystem name correct|No such file or directory|Invalid argument", seen.said, re.IGNORECASE):
        return Cause(
            f"the server answers, and has no file system by the mount name {system.name!r}",
            f"correct mount_name (fsx_mountname in provisioning_parameters.json). {ask_for_mount_name(system)}",
            final=True,
        )
    if re.search(r"lustre modules loaded|No such device", seen.said):
        return Cause(
            f"Lustre's modules are not loaded, or don't fit the kernel {seen.kernel}",
            "see modprobe -v lustre, and dmesg | tail; install the client of the running kernel",
        )
    if re.search(
        r"Is the MGS running|Input/output error|Connection timed out|Protocol error|endpoint shutdown", seen.said
    ):
        return Cause(
            "the server takes connections on port 988, and Lustre gets no answer",
            "open TCP 988 and 1018-1023 in both directions between the security groups; on the node: lctl list_nids "
            f"(none: lctl network up), lctl ping {(seen.addresses or (system.host,))[0]}@tcp, dmesg | tail",
        )
    return None


def _nfs(system: FileSystem, seen: Evidence) -> Cause | None:
    if "No such file or directory" in seen.said:
        return Cause(
            f"the server answers, and has no volume {system.name}",
            "correct volume_path: aws fsx describe-volumes --query 'Volumes[].OpenZFSConfiguration.VolumePath'",
            final=True,
        )
    if re.search(r"access denied by server|Permission denied|Operation not permitted", seen.said):
        return Cause(
            f"the server does not let this node mount {system.name}",
            "the volume's NFS exports (OpenZFSConfiguration.NfsExports) must name the nodes' addresses, or *",
            final=True,
        )
    if re.search(r"Protocol not supported|not supported|incorrect mount option|[Ii]nvalid argument", seen.said):
        return Cause(
            f"NFS options are refused ({','.join(system.options)}): {_short(seen.said)}",
            "correct options; FSx for OpenZFS speaks NFS 3, 4.0, 4.1 and 4.2",
            final=True,
        )
    return None


def _nothing(_system: FileSystem, _seen: Evidence) -> Cause | None:
    return None


def _silence(system: FileSystem, seen: Evidence) -> Cause | None:
    if not seen.hung:
        return None
    return Cause(
        "it is mounted and does not answer: the server is gone, or so busy that it looks like it",
        "the client reconnects by itself when the server is back, and what waits for it goes on; it stays mounted. "
        f"See Lifecycle and metrics of {system.fsx_id or 'the file system'}, and dmesg | tail",
    )


def _look(system: FileSystem) -> str:
    return f"journalctl -u '{system.unit}.mount', dmesg | tail"


def _short(text: str) -> str:
    return " ".join(text.split())[:400]
