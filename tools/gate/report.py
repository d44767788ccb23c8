# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate prints."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from tools.gate.model import ROOT
from tools.gate.model import Layer
from tools.gate.model import Result

TAIL = 40
# lines of a log that are told once more below the table
REASONS = 8
WIDTH = 300


@dataclass(frozen=True)
class Finished:
    """A layer that is done."""

    layer: Layer
    results: list[Result]
    seconds: float

    @property
    def passed(self) -> int:
        """Number of tests that passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """Number of tests that failed."""
        return sum(result.failed for result in self.results)

    @property
    def skipped(self) -> int:
        """Number of tests that said why they don't apply here, and of checks that can't run here."""
        return sum(result.skipped + int(result.status is None) for result in self.results)

    @property
    def word(self) -> str:
        """Outcome in a word."""
        if self.failed:
            return "FAILED"
        return "ok" if self.passed else "not run"


class Screen:
    """Prints lines; on a terminal the last line tells what runs now."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty() and not os.environ.get("CI")
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """Print a line that stays."""
        with self._lock:
            sys.stdout.write(f"\r\033[K{text}\n" if self._live else f"{text}\n")
            sys.stdout.flush()

    def status(self, text: str) -> None:
        """Replace the last line of a terminal."""
        if self._live:
            with self._lock:
                sys.stdout.write(f"\r\033[K{text}")
                sys.stdout.flush()


def layer_line(done: Finished) -> str:
    """One line about a layer."""
    skipped = f", {done.skipped} not run" if done.skipped else ""
    start = f"{done.layer.name:<17} {done.word:<8} {done.seconds:6.0f} s"
    return f"{start}   {done.passed} passed, {done.failed} failed{skipped}"


def failures(done: Finished) -> Iterable[str]:
    """The ends of the logs of what failed."""
    for result in done.results:
        if result.ok:
            continue
        yield f"--- {done.layer.name}: {result.check.name} (exit {result.status}) {result.log.relative_to(ROOT)}"
        lines = result.log.read_text(errors="replace").splitlines()
        if result.check.counts == "sanity":  # errors are spread over the output of all tests
            lines = [line for line in lines if line.startswith(("ERROR:", "FATAL:"))] or lines
        for text in lines[-TAIL:]:
            yield f"    {text}"


def reasons(lines: list[str]) -> list[str]:
    """The lines of a log that tell best why a check failed: its last errors, or what it said last."""
    told = [line for line in lines if line.strip()]
    errors = [line for line in told if re.search(r"\b(ERROR|FATAL|FAILED|[Ee]rror:|fatal:)", line)]
    return (errors or told)[-REASONS:]


def summary(layers: list[Finished], seconds: float) -> Iterable[str]:
    """The closing table."""
    yield ""
    yield f"{'layer':<17} {'result':<8} {'time':>8}   tests"
    for done in layers:
        yield layer_line(done)
    for done in layers:
        for result in done.results:
            if result.status is None:
                yield f"not run: {done.layer.name} {result.check.name}: {result.check.not_run}"
            elif result.skipped:
                where = result.log.relative_to(ROOT)
                yield f"not run: {result.skipped} tests of {result.check.name} (reasons in {where})"
            if not result.ok:
                yield f"failed: {done.layer.name} {result.check.name}"
                for line in reasons(result.log.read_text(errors="replace").splitlines()):
                    yield f"    {line.strip()[:WIDTH]}"
    yield f"{seconds / 60:.1f} minutes; logs in .build/logs"
    yield f"{sum(d.passed for d in layers)} passed, {sum(d.failed for d in layers)} failed"
