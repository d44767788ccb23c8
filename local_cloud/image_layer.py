# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a thin layer puts on top of a base image. Nothing here runs a command."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One member of the overlay: a file (data), a link (target) or a directory (neither)."""

    path: str
    mode: int
    data: bytes | None = None
    target: str | None = None


def entries_below(top: Path, target: str = "", modes: Mapping[str, int] | None = None) -> list[Entry]:
    """A folder's files as entries below ``target``.

    Files that start with ``#!`` have mode 0755 and all others 0644, but for those in ``modes``.
    """
    found = sorted(p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".pyc")
    entries = []
    for source in found:
        path = f"{target}/{source.relative_to(top)}".lstrip("/")
        data = source.read_bytes()
        mode = (modes or {}).get(path, 0o755 if data.startswith(b"#!") else 0o644)
        entries.append(Entry(path, mode, data=data))
    return entries


def overlay_tar(entries: list[Entry]) -> bytes:
    """The overlay as a tar archive; the same entries give the same bytes. Everything belongs to root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.target is not None:
                info.type = tarfile.SYMTYPE
                info.linkname = entry.target
                archive.addfile(info)
            elif entry.data is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(entry.data)
                archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def digest(*parts: bytes) -> str:
    """16 hexadecimal digits that stand for these bytes, each part by itself."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()[:16]
