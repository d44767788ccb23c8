# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate runs (layers of checks) and what comes out of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
LOGS = BUILD / "logs"


def cache_folder() -> Path:
    """Folder of everything that is slow to make and safe to delete."""
    if named := os.environ.get("PODFORGE_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "podforge-hyperpod"


@dataclass(frozen=True)
class Check:
    """One program whose exit status says whether something holds.

    ``junit`` is a glob, absolute or from the repository: where given, the tests in those files are counted instead of
    the check itself. ``counts`` says what is counted else: the ``check``, the tests that ansible-test announces
    (``sanity``), the actions of ``molecule``. ``not_run`` is the reason why the check can't run here.
    """

    name: str
    command: tuple[str, ...] = ()
    cwd: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)
    junit: str | None = None
    counts: str = "check"
    timeout: int = 1800
    not_run: str | None = None


@dataclass(frozen=True)
class Layer:
    """Checks that are told about in one line. ``seconds`` is a first guess of how long they take on two cores."""

    name: str
    title: str
    checks: tuple[Check, ...]
    seconds: int
    containers: bool = False
    parallel: int = 1


@dataclass(frozen=True)
class Result:
    """Outcome of one check."""

    check: Check
    status: int | None
    seconds: float
    log: Path
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def ok(self) -> bool:
        """True if nothing failed (a check that was not run has not failed)."""
        return self.failed == 0
