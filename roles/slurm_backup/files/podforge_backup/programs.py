# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import typing as t

from . import BackupError


def run(
    *argv: str, feed: t.IO[bytes] | None = None, environment: t.Mapping[str, str] | None = None, lines: int = 1
) -> str:
    """What a program answers.

    :param lines: how many of its last words an error has.

    Raises:
        BackupError: it is not there, or fails.
    """
    try:
        with subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        ) as process:
            if feed and process.stdin:
                # a program that has ended early says why by itself
                with contextlib.suppress(BrokenPipeError):
                    shutil.copyfileobj(feed, process.stdin)
                    process.stdin.close()
                process.stdin = None
            out, err = process.communicate()
    except FileNotFoundError as error:
        raise BackupError(f"{argv[0]} is not on this node") from error
    if process.returncode != 0:
        words = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        last = "; ".join([line.strip() for line in words.splitlines() if line.strip()][-lines:])
        raise BackupError(f"{' '.join(argv[:3])} failed: {last or process.returncode}")
    return out.decode(errors="replace")


def answer(*argv: str, environment: t.Mapping[str, str] | None = None) -> str:
    """What a program says, whether it ends well or not; nothing when it is not there."""
    try:
        done = subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError:
        return ""
    return done.stdout.decode(errors="replace")


def until(what: str, done: t.Callable[[], bool], patience: float) -> None:
    """Wait, with bounded patience.

    Raises:
        BackupError: not within so many seconds.
    """
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise BackupError(f"{what} doesn't answer after {patience} seconds; see `journalctl --unit={what}`")
        time.sleep(0.5)


def succeeds(*argv: str, says: str = "", environment: t.Mapping[str, str] | None = None) -> bool:
    """Whether a program ends well, and says something."""
    try:
        return says in run(*argv, environment=environment)
    except BackupError:
        return False
