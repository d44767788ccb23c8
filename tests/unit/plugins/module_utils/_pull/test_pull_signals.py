# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal that comes in the middle of a line."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.console import Console
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.run import run_playbook

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


class Terminal(io.StringIO):
    """The signal arrives while the first line is written."""

    sent = False

    def write(self, text: str) -> int:
        if not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """As they were before; whoever waits for itself is told of it after half a minute."""
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def give_up(_number: int, _frame: object) -> None:
        raise TimeoutError("it waits for itself")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_ends_the_playbook_and_is_told() -> None:
    terminal = Terminal()
    program = "import time; print('a line', flush=True); time.sleep(300)"
    assert run_playbook(Console(out=terminal), [sys.executable, "-c", program], {}) == 128 + signal.SIGTERM
    assert [line.split(" ", 1)[1] for line in terminal.getvalue().splitlines()] == [
        "a line",
        "podforge: got SIGTERM, ending ansible-playbook",
    ]
