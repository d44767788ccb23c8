# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of programs that tests have started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a program and all that it has started, in the middle of what they do; one that has ended is no error.

    To kill its process group is not enough: tasks of ansible-playbook run in sessions of their own, and would go on.
    """
    if process.poll() is not None:
        return
    family = [process.pid]
    for pid in family:  # it grows on the way
        _send(pid, signal.SIGSTOP)  # so that it starts no more
        family += _children(pid)
    for pid in family:
        _send(pid, signal.SIGKILL)
    process.wait()


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children(pid: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # the name, in brackets, may have blanks; state and parent are behind it (proc(5))
            parent = file.read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                found.append(int(file.parent.name))
    return found
