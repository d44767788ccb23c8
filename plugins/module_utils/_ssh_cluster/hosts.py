# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host keys of all nodes, by a folder on shared storage. Private.

Nobody holds a lock, which a node that dies would keep: each node writes its own file, then the common one from all
files, and again until the common one has all that is there. Whoever writes last has therefore seen everybody's file.
"""

from __future__ import annotations

import os
import random
import re
import stat
import tempfile
import time
import typing as t
from pathlib import Path

HEADER = "# Written by podforge.hyperpod: host keys of this cluster's nodes.\n"
KNOWN_HOSTS = "known_hosts"
_SUFFIX = ".keys"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")
_KEY = re.compile(r"(?:ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]{16,}={0,2}")
_PATIENCE = 300.0
_LONGEST_PAUSE = 10.0


class ClusterError(Exception):
    """Something the operator must mend; the text names the place and the fix."""


def lines_of(names: t.Sequence[str], keys: t.Iterable[str]) -> str:
    """A node's lines of known_hosts(5), from its names and its public keys.

    Raises:
        ClusterError: a name can't be one, or there is no key.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise ClusterError(f"names: {name!r} is no name or address of a host")
    found = sorted({" ".join(key.split()[:2]) for key in keys})
    wrong = [key for key in found if not _KEY.fullmatch(key)]
    if wrong or not found or not names:
        raise ClusterError(
            "this node has no usable host key (/etc/ssh/ssh_host_*_key.pub): make them by ssh-keygen -A, and start sshd"
        )
    # a name with whatever domain is the same node
    patterns = ",".join(part for name in names for part in ([name] if _is_address(name) else [name, f"{name}.*"]))
    return "".join(f"{patterns} {key}\n" for key in found)


def merged(files: t.Mapping[str, str]) -> str:
    """The common file; a line that is not whole is left out."""
    whole = re.compile(rf"[A-Za-z0-9.:,*-]+ {_KEY.pattern}")
    lines = [line for _name, text in sorted(files.items()) for line in text.splitlines() if whole.fullmatch(line)]
    return HEADER + "".join(f"{line}\n" for line in lines)


def require_safe(folder: str, mount: str) -> None:
    """Make the folder, readable for all; who can write it could pretend to be any node.

    Raises:
        ClusterError: somebody else could write it, or exchange a folder above it.
    """
    parts = Path(folder).relative_to(mount).parts
    top = Path(mount).lstat()
    if top.st_uid != 0 or (top.st_mode & 0o022 and not top.st_mode & stat.S_ISVTX):
        raise ClusterError(
            f"{mount} is uid {top.st_uid}'s, mode {stat.S_IMODE(top.st_mode):04o}: who can rename folders there could "
            f"pretend to be any node. Give it to root, with chmod 755 {mount}, or 1777 where everybody is to write"
        )
    for number in range(1, len(parts) + 1):
        path = Path(mount, *parts[:number])
        try:
            path.mkdir(mode=0o755)
            path.chmod(0o755)
        except FileExistsError:
            pass
        except PermissionError as error:
            raise ClusterError(
                f"root may not make {path}: name a folder on storage where root is not squashed (no_root_squash)"
            ) from error
        info = path.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != 0 or info.st_mode & 0o022:
            raise ClusterError(
                f"{path} is uid {info.st_uid}'s, mode {stat.S_IMODE(info.st_mode):04o}: who can write there could "
                "pretend to be any node. Look who made it, remove it, and run this again"
            )


def read(folder: str) -> dict[str, str]:
    """All nodes' files."""
    found = {}
    for path in Path(folder).glob(f"*{_SUFFIX}"):
        try:
            found[path.name[: -len(_SUFFIX)]] = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # replaced just now, or broken; another round follows
    return found


def is_up_to_date(folder: str, host: str, lines: str) -> bool:
    """Whether this node's file is there, and the common one has all."""
    files = read(folder)
    return files.get(host) == lines and _text(Path(folder, KNOWN_HOSTS)) == merged(files)


def publish(folder: str, host: str, lines: str) -> str:
    """Tell this node's keys, and see to it that the common file has all nodes'.

    Returns:
        what is worth a warning: others write without end, with this node among those who are known.

    Raises:
        ClusterError: others write without end, and this node is not known.
    """
    put(Path(folder, f"{host}{_SUFFIX}"), lines)
    common = Path(folder, KNOWN_HOSTS)
    deadline, longest = time.monotonic() + _PATIENCE, 0.0
    while True:
        text, now = merged(read(folder)), _text(common)
        if now == text:
            return ""
        if time.monotonic() >= deadline:
            break
        time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
        # the more nodes write, the less often each does
        longest = min(_LONGEST_PAUSE, longest * 1.5 or 0.2)
        put(common, merged(read(folder)))
    trouble = f"{common} changes all the time, for {_PATIENCE:.0f} s: look who writes in {folder}"
    if now is None or not set(lines.splitlines()) <= set(now.splitlines()):
        raise ClusterError(trouble)
    return f"{trouble}. This node is known; another one may not be until its next run"


def put(path: Path, text: str) -> None:
    """A file that is whole at every moment, whoever else writes it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
