# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of backups: its settings, its turn, and what it prints."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import typing as t
from pathlib import Path

from . import BackupError

Config = t.TypeVar("Config")


def read_config(path: str, kind: t.Callable[..., Config], role: str, option: str) -> Config:
    """The settings that a role has written where its option says where backups go.

    Raises:
        BackupError: there are none.
    """
    try:
        return kind(**json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BackupError(f"{path} is not there: set {option} and run the role {role}") from error
    except (ValueError, TypeError) as error:
        raise BackupError(f"{path}: {error}; run the role {role} again") from error


def command(name: str, lock_file: str, work: t.Callable[[], t.Mapping[str, t.Any]]) -> int:
    """Do it while nobody else does; exit status. The result is a JSON object on standard output."""
    os.umask(0o077)
    try:
        with Path(lock_file).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = work()
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    sys.stdout.write(f"{json.dumps(result)}\n")
    return 0
