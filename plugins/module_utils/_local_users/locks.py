# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What groupadd, useradd and their like leave in /etc when they are killed. Private."""

from __future__ import annotations

import re
from pathlib import Path

# A lock is such a file, with the process's number in it, that is then linked to group.lock and removed: L(commonio.c,
# https://github.com/shadow-maint/shadow/blob/4.13/lib/commonio.c). The link of a process that is no more is dealt with
# by whoever locks next, the file by nobody.
_FILE = re.compile(r"(?:passwd|group|shadow|gshadow|subuid|subgid)\.([0-9]+)")


def clear_locks(etc: str = "/etc", proc: str = "/proc") -> None:
    """Remove the files of processes that are no more. An admin's copy of a file is none, whatever its name."""
    for path in Path(etc).iterdir():
        found = _FILE.fullmatch(path.name)
        if found is None or path.is_symlink() or not path.is_file() or Path(proc, found[1]).exists():
            continue
        # it was made, and killed before the number was in it
        if path.stat().st_size == 0 or path.read_bytes() == f"{found[1]}\0".encode():
            path.unlink()
