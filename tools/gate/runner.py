# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs checks as process groups of their own, so that all of them can be ended and none is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.gate import counts
from tools.gate.model import LOGS
from tools.gate.model import Check
from tools.gate.model import Layer
from tools.gate.model import Result

# a test that is told to stop has this long to remove its containers
GRACE = 60.0


class Stopped(Exception):
    """The run was ended from outside."""


class Runner:
    """Runs layers; ``stop`` ends whatever runs."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()
        self.current: dict[str, str] = {}

    def run_layer(self, layer: Layer) -> list[Result]:
        """Run all checks of a layer, up to ``layer.parallel`` at a time."""
        with ThreadPoolExecutor(layer.parallel) as pool:
            return list(pool.map(lambda check: self._run(layer, check), layer.checks))

    def stop(self) -> None:
        """Interrupt what runs, give it time to tidy up, then end it."""
        self._stopped.set()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self._lock:
                left = list(self._processes)
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline and any(process.poll() is None for process in left):
                time.sleep(0.1)

    def _run(self, layer: Layer, check: Check) -> Result:
        log = LOGS / layer.name / f"{check.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if check.not_run is not None:
            log.write_text(f"not run: {check.not_run}\n")
            return Result(check, None, 0.0, log)
        self.current[layer.name] = check.name
        began, clock = counts.now(), time.monotonic()
        status = self._execute(check, log)
        numbers = counts.count(check, status, log, began)
        return Result(check, status, time.monotonic() - clock, log, *numbers)

    def _execute(self, check: Check, log: Path) -> int:
        if self._stopped.is_set():
            raise Stopped
        with log.open("wb") as output:
            output.write(f"$ {' '.join(check.command)}\n".encode())
            output.flush()
            process = subprocess.Popen(
                check.command,
                cwd=check.cwd,
                env={**self._environment, **check.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with self._lock:
                self._processes.add(process)
            try:
                return process.wait(timeout=check.timeout)
            except subprocess.TimeoutExpired:
                output.write(f"\nstopped: not done after {check.timeout} s\n".encode())
                self._end(process)
                return 124
            finally:
                with self._lock:
                    self._processes.discard(process)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=GRACE)
                return
