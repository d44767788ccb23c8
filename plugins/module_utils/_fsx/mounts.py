# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is mounted at a path, from /proc/self/mountinfo, and whether it is what is wanted there. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .model import LUSTRE
from .model import OPENZFS
from .model import FileSystem

ABSENT = "absent"
RIGHT = "right"
WRONG = "wrong"
# a local file system in its place: a bind mount of tests, of a local cloud, or of whoever prepared the node
OTHER = "other"
_LOCAL = ("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs")


@dataclass(frozen=True)
class Mounted:
    """What is on top at a path."""

    kind: str
    source: str
    options: str = ""


@dataclass(frozen=True)
class Judgement:
    """C(state) is one of the constants above; C(text) says what is wrong, or is there instead."""

    state: str
    text: str = ""


def at_path(mountinfo: str, path: str) -> Mounted | None:
    """The mount on top at a path, None where there is none; an automount that waits for its first use is none."""
    found = None
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        first, last = left.split(" "), right.split(" ")
        if len(first) >= 6 and len(last) >= 2 and _plain(first[4]) == path:
            found = Mounted(last[0], _plain(last[1]), first[5])
    return None if found is None or found.kind == "autofs" else found


def server(there: Mounted) -> str:
    """The name or address of an NFS server, as it was mounted."""
    return there.source.rpartition(":/")[0].strip("[]")


def judge(
    system: FileSystem, there: Mounted | None, addresses: t.Collection[str] = (), shown_as: t.Collection[str] = ()
) -> Judgement:
    """Whether what is mounted is what is wanted.

    C(addresses) is what its name resolves to, C(shown_as) what that of the NFS server that is mounted does, as far as
    that is known. The kernel shows a Lustre server by its address and an NFS server by either; the name in the
    description can differ.
    """
    if there is None:
        return Judgement(ABSENT)
    shown = f"{there.kind} of {there.source} is mounted at {system.path}"
    if not _same_kind(system, there.kind):
        if there.kind in _LOCAL:
            return Judgement(OTHER, f"{shown}, which is no network file system: left as it is")
        return Judgement(WRONG, f"{shown}, where {system.kind} of {system.source} belongs")
    wrong = _other_source(system, there, set(addresses), set(shown_as))
    return Judgement(WRONG, f"{shown}{wrong}") if wrong else Judgement(RIGHT)


def _other_source(system: FileSystem, there: Mounted, addresses: set[str], shown_as: set[str]) -> str:
    """How what is mounted differs from what is wanted; empty when it doesn't."""
    source = there.source
    if system.kind not in (LUSTRE, OPENZFS):
        return "" if source == system.source or "bind" in system.options else f", not {system.source}"
    host, _colon, name = source.rpartition(":/")
    if name.strip("/") != system.name.strip("/"):
        return f": that is not {system.name}, but {name.strip('/')}"
    servers = {server(there), *shown_as}
    if system.kind == LUSTRE:
        servers = {part.partition("@")[0] for part in re.split(r"[:,]", host)}
    if not addresses or system.host in servers or servers & addresses:
        return ""
    return f", but {system.host} is {', '.join(sorted(addresses))}: the name is of another file system"


def _same_kind(system: FileSystem, kind: str) -> bool:
    if "bind" in system.options:
        return True
    return kind in ("nfs", "nfs4") if system.kind == OPENZFS else kind == system.kind


def _plain(text: str) -> str:
    """The kernel writes blanks and the like as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
