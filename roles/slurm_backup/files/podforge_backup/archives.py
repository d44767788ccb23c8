# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of backups, and what is in one: a manifest with checksums, and its parts."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
import tarfile
import typing as t
from pathlib import Path

from . import BackupError
from .stores import Bucket
from .stores import Folder

MANIFEST = "manifest.json"


def archive_name(prefix: str, now: datetime.datetime) -> str:
    """The name of a backup; names of one prefix sort by time."""
    return f"{prefix}-{now:%Y%m%dT%H%M%SZ}.tar"


def archives(names: t.Iterable[str], prefix: str) -> list[str]:
    """Those with the prefix, the oldest first."""
    return sorted(name for name in names if re.fullmatch(rf"{re.escape(prefix)}-\d{{8}}T\d{{6}}Z\.tar", name))


def obsolete(names: t.Iterable[str], prefix: str, keep: int) -> list[str]:
    """Those to be removed so that as many as said stay; 0 keeps all."""
    return archives(names, prefix)[:-keep] if keep > 0 else []


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        found = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def pack(work: Path, name: str, about: t.Mapping[str, t.Any], members: t.Mapping[str, str]) -> dict[str, t.Any]:
    """One file of the parts that are in a folder; its manifest.

    :param members: files by part.
    """
    there = {part: file for part, file in members.items() if (work / file).exists()}
    manifest = {**about, "parts": {part: digest(work / file) for part, file in there.items()}}
    (work / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    with tarfile.open(work / name, "w") as tar:
        for file in (MANIFEST, *there.values()):
            tar.add(work / file, file)
    return manifest


def fetch(store: Folder | Bucket, name: str, work: Path, members: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A backup's files in a folder, seen to be whole; its manifest.

    Raises:
        BackupError: it is damaged.
    """
    file = work / name
    store.get(name, file)
    try:
        with tarfile.open(file) as tar:
            for member in tar.getmembers():
                source = tar.extractfile(member) if member.name in (MANIFEST, *members.values()) else None
                if source:
                    with (work / member.name).open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
        manifest: dict[str, t.Any] = json.loads((work / MANIFEST).read_text(encoding="utf-8"))
        damaged = [part for part, sha in manifest["parts"].items() if digest(work / members[part]) != sha]
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{name} can't be read ({error}): take another backup (list)") from error
    if damaged:
        raise BackupError(f"{name}: {', '.join(damaged)} is damaged: take another backup (list)")
    file.unlink()
    return manifest
