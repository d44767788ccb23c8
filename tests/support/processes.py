# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that tests have started and that are not to go on by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any


def end(process: subprocess.Popen[Any]) -> None:
    """End a program that was started in a session of its own, with what it has started.

    A task of ansible-playbook runs in a session again, which SIGKILL would leave alone; SIGTERM is passed on to it.
    """
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
