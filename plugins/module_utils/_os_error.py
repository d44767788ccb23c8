# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says of an error of the system, and what helps. Private to this collection."""

from __future__ import annotations

import errno
import typing as t
from pathlib import Path

from ._space import FOLDERS
from ._space import free_space


def complaint(error: OSError, path: t.Any = None, missing: str = "") -> str:
    """One line for C(msg): the file, the system's words, and a fix where the system's words name one.

    Args:
        error: as it was raised.
        path: the file, where the error names none.
        missing: what helps where a file, a folder or a program is not there.
    """
    name = error.filename or path
    text = f"cannot read or change {name or 'a file'}: {error.strerror or error}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{text}. Fix: run as root"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = str(Path(str(name or "/")).parent)
        return f"{text}. {free_space((*FOLDERS, place))}. Fix: make room there, and run this again"
    if error.errno == errno.EROFS:
        return f"{text}. Fix: see why it was mounted read-only, or is since an error of the disk (dmesg | tail)"
    if missing and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{text}. Fix: {missing}"
    return text
