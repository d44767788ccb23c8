# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tests a check ran, from what the test programs leave behind."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools.gate.model import ROOT
from tools.gate.model import Check

_SANITY_LINE = re.compile(r"^Running sanity test \"([^\"]+)\"|^Running sanity test '([^']+)'", re.MULTILINE)
_RECAP = re.compile(r"^\S+\s*: actions=\d+\s+successful=\d+")
_PAIR = re.compile(r"(\w+)=(\d+)")
_SANITY_FAILED = re.compile(r"The (\d+) sanity test\(s\) listed below")
_SANITY_SKIPPED = re.compile(r"^(?:WARNING: )?Skipping sanity test", re.MULTILINE)


class Counts(NamedTuple):
    """Numbers of tests."""

    passed: int
    failed: int
    skipped: int


def junit_counts(files: Iterable[Path]) -> Counts:
    """Sum the suites of JUnit files."""
    tests = failed = skipped = 0
    for file in files:
        for suite in ET.parse(file).iter("testsuite"):
            tests += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0) or suite.get("disabled", 0) or 0)
    return Counts(tests - failed - skipped, failed, skipped)


def junit_files(pattern: str, since: float) -> list[Path]:
    """Files of a glob that were written after ``since`` (seconds of the epoch)."""
    path = Path(ROOT, pattern)  # an absolute pattern stays as it is
    return [file for file in sorted(path.parent.glob(path.name)) if file.stat().st_mtime >= since - 1]


def sanity_counts(log: str) -> Counts:
    """Count the tests in the output of ``ansible-test sanity``."""
    names = {first or second for first, second in _SANITY_LINE.findall(log)}
    found = _SANITY_FAILED.search(log)
    failed = int(found.group(1)) if found else 0
    skipped = len(_SANITY_SKIPPED.findall(log))
    return Counts(max(len(names) - failed, 0), failed, skipped)


def molecule_counts(log: str) -> Counts:
    """Sum the actions of the scenarios in molecule's recap (create, check, converge, idempotence, verify, ...)."""
    recap = [dict(_PAIR.findall(line)) for line in log.splitlines() if _RECAP.match(line)]
    passed = sum(int(entry["successful"]) for entry in recap)
    failed = sum(int(entry.get("failed", 0)) for entry in recap)
    return Counts(passed, failed, 0)


def count(check: Check, status: int, log: Path, began: float) -> Counts:
    """Counts of a check that ended with ``status``. A failed status is never counted as a pass."""
    if check.junit is not None:
        numbers = junit_counts(junit_files(check.junit, began))
        if status == 0 and numbers.passed == 0:
            return Counts(0, 1, numbers.skipped)  # a test program that ran no test proves nothing
    elif check.counts == "sanity":
        numbers = sanity_counts(log.read_text(errors="replace"))
    elif check.counts == "molecule":
        numbers = molecule_counts(log.read_text(errors="replace"))
    else:
        numbers = Counts(int(status == 0), 0, 0)
    if status != 0 and numbers.failed == 0:
        return numbers._replace(failed=1)
    return numbers


def now() -> float:
    """Seconds of the epoch, for comparing with files."""
    return time.time()
