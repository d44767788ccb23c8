# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what a check found, and the text that shows it. Pure."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence

FAILURE = "failure"
WARNING = "warning"
PASS = "pass"  # noqa: S105 - a level, not a password
LEVELS = (FAILURE, WARNING, PASS)
_MAX_SHOWN_VALUE = 120


@dataclass(frozen=True)
class Finding:
    """One result of one check.

    ``check`` is a stable name that users may put on an ignore list, ``what`` one sentence without a full stop,
    ``where`` a file, key path or AWS resource, ``value`` what was found there, ``why`` what would happen,
    ``fix`` what to do.
    """

    level: str
    check: str
    what: str
    where: str = ""
    value: str = ""
    why: str = ""
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding for module results."""
        return asdict(self)

    def text(self) -> str:
        """The finding as one paragraph."""
        place = f"{self.where}: " if self.where else ""
        parts = [f"{place}{self.what}."]
        if self.why:
            parts.append(f"{self.why}.")
        if self.fix:
            parts.append(f"Fix: {self.fix}.")
        return " ".join(parts)


def failure(check: str, what: str, *, where: str = "", value: Any = None, why: str = "", fix: str = "") -> Finding:
    """A finding that must stop the play."""
    return Finding(FAILURE, check, what, where, shown(value), why, fix)


def warning(check: str, what: str, *, where: str = "", value: Any = None, why: str = "", fix: str = "") -> Finding:
    """A finding that the operator should know."""
    return Finding(WARNING, check, what, where, shown(value), why, fix)


def passed(check: str, what: str, *, where: str = "", value: Any = None) -> Finding:
    """A check that is satisfied."""
    return Finding(PASS, check, what, where, shown(value))


def shown(value: Any) -> str:
    """A value as the text of a finding shows it: short, on one line, as the user wrote it."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN_VALUE else text[: _MAX_SHOWN_VALUE - 3] + "..."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a misspelt one most likely means; None if none is near."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """The fix for a misspelt word: the nearest known one, else ``otherwise``."""
    near = nearest(word, known)
    return f"did you mean '{near}'" if near else otherwise


def count(findings: Iterable[Finding], level: str) -> int:
    """How many findings of a level there are."""
    return sum(1 for finding in findings if finding.level == level)


def soften(findings: Iterable[Finding], ignored: Sequence[str]) -> list[Finding]:
    """Failures of the checks that the operator chose to ignore become warnings."""
    return [
        Finding(**{**asdict(finding), "level": WARNING})
        if finding.level == FAILURE and finding.check in ignored
        else finding
        for finding in findings
    ]


def report(title: str, findings: Iterable[Finding], *, levels: Sequence[str] = (FAILURE, WARNING)) -> str:
    """The findings of the given levels, worst first, as numbered paragraphs under a title."""
    every = list(findings)
    chosen = [finding for level in LEVELS if level in levels for finding in findings_of(every, level)]
    lines = [title]
    for number, finding in enumerate(chosen, start=1):
        label = "" if len(levels) == 1 else f"{finding.level}: "
        lines.append(f"  {number}. {label}{finding.text()}")
    return "\n".join(lines)


def findings_of(findings: Iterable[Finding], level: str) -> list[Finding]:
    """The findings of one level, in their order."""
    return [finding for finding in findings if finding.level == level]
