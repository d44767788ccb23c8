# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.gate all`` or names of layers: run them, one line each, then a table. Exit status 0: all is well.

Two workers keep two cores busy. One begins with the layers that start containers, the other with the rest; each helps
the other when it is done. Clouds and containers have names and networks of their layer's, so that layers don't meet.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tools.gate import environment
from tools.gate import layers
from tools.gate import order
from tools.gate import report
from tools.gate.model import BUILD
from tools.gate.model import LOGS
from tools.gate.model import Layer
from tools.gate.model import cache_folder
from tools.gate.runner import Runner
from tools.gate.runner import Stopped
from tools.gate.tree import git_environment


class Gate:
    """One run of some layers."""

    def __init__(self, chosen: list[Layer]) -> None:
        self.chosen = chosen
        self.screen = report.Screen()
        self.runner = Runner(environment.environment())
        self.done: dict[str, report.Finished] = {}
        self.began = time.monotonic()
        self._times = cache_folder() / "times"
        self._waiting = order.ordered(chosen, self.expected)
        self._lock = threading.Lock()

    def expected(self, layer: Layer) -> float:
        """Seconds that a layer took the last time on this machine, or the guess that it comes with."""
        try:
            return float((self._times / f"layer-{layer.name}").read_text())
        except (OSError, ValueError):
            return float(layer.seconds)

    def left(self) -> float:
        """Seconds until all is done."""
        return max(0.0, order.duration(self.chosen, self.expected) - (time.monotonic() - self.began))

    def run(self) -> int:
        """Run all; the exit status."""
        self.screen.line(f"{', '.join(layer.name for layer in self.chosen)}: about {self.left() / 60:.0f} min")
        threads = [threading.Thread(target=self._work, args=(may,), daemon=True) for may in (True, False)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            now = ", ".join(f"{layer} ({check})" for layer, check in sorted(self.runner.current.items()))
            self.screen.status(f"  {time.monotonic() - self.began:4.0f} s, about {self.left():.0f} s left: {now}")
            threads[0].join(0.5) if threads[0].is_alive() else threads[-1].join(0.5)
        finished = [self.done[layer.name] for layer in self.chosen if layer.name in self.done]
        for line in report.summary(finished, time.monotonic() - self.began):
            self.screen.line(line)
        complete = len(finished) == len(self.chosen)
        return int(not complete or any(done.failed for done in finished))

    def _next(self, containers: bool) -> Layer | None:
        with self._lock:
            return order.take(self._waiting, containers)

    def _work(self, containers: bool) -> None:
        while layer := self._next(containers):
            clock = time.monotonic()
            try:
                results = self.runner.run_layer(layer)
            except Stopped:
                return
            finally:
                self.runner.current.pop(layer.name, None)
            done = report.Finished(layer, results, time.monotonic() - clock)
            self.done[layer.name] = done
            self.screen.line(report.layer_line(done))
            for line in report.failures(done):
                self.screen.line(line)
            if not done.failed and done.passed:
                self._times.mkdir(parents=True, exist_ok=True)
                (self._times / f"layer-{layer.name}").write_text(f"{done.seconds:.0f}")


def on_signal(gate: Gate) -> Callable[[int, FrameType | None], None]:
    """Handler that ends the run and leaves nothing behind."""

    def handle(number: int, _frame: FrameType | None) -> None:
        gate.screen.line(f"stopped by {signal.Signals(number).name}: ending the tests and removing their containers")
        gate.runner.stop()
        environment.sweep()
        os._exit(128 + number)  # worker threads still wait for programs that are gone

    return handle


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.gate", description=__doc__)
    parser.add_argument("layer", nargs="+", choices=["all", *layers.ALL])
    names = parser.parse_args().layer
    if missing := layers.missing_tools():
        sys.stderr.write(f"error: {', '.join(missing)} not found\n  fix: tools/setup.sh venv lint\n")
        return 2
    os.environ.update(git_environment())
    chosen = layers.select(names)
    for layer in chosen:
        shutil.rmtree(LOGS / layer.name, ignore_errors=True)
    for folder in (LOGS, BUILD / "reports", environment.STATE):
        Path(folder).mkdir(parents=True, exist_ok=True)
    gate = Gate(chosen)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal(gate))
    environment.sweep()  # of a run that was killed
    status = 1
    try:
        status = gate.run()
    finally:
        if left := environment.sweep():
            gate_note = f"removed what tests left behind: {', '.join(left)}"
            sys.stderr.write(f"{gate_note}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
