# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the JSON of ``dcgmi diag`` means for a node: ``python3 judge_dcgm.py FILE``.

Prints ``<Passed|Failed|Skipped>:<none|reboot|replace>:<reason>``. Severities are those of "Diagnostic Errors" in
NVIDIA's documentation of DCGM; the JSON has no published schema, so whatever is not known asks for a person, and never
for a new node.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

MONITOR, ISOLATE, UNKNOWN, TRIAGE, CONFIG, RESET = range(1, 7)
# these say nothing about the hardware: persistence mode that is off, a value to keep an eye on
_HARMLESS = (MONITOR, CONFIG)
_LONGEST = 200


class Verdict(NamedTuple):
    """The judgement, what is to be done, and why."""

    result: str
    action: str
    reason: str


class Outcome(NamedTuple):
    """One test on one GPU: its status in lower case, and what it complains of with severities."""

    where: str
    status: str
    complaints: tuple[tuple[int, str], ...]


def judge(document: Any) -> Verdict:
    """The verdict on what dcgmi has written (parsed JSON)."""
    outcomes = list(_outcomes(document))
    complaints = [
        (severity, f"{outcome.where}: {text}")
        for outcome in outcomes
        if outcome.status in ("fail", "warn")
        for severity, text in outcome.complaints or ((UNKNOWN, "no details"),)
        if outcome.status == "fail" or severity in (ISOLATE, RESET)
    ]
    for severity, action in ((ISOLATE, "replace"), (RESET, "reboot")):
        for found, text in complaints:
            if found == severity:
                return _verdict("Failed", action, text)
    for found, text in complaints:
        if found not in _HARMLESS:
            return _verdict("Failed", "none", text)
    if not any(outcome.status in ("pass", "warn", "fail") for outcome in outcomes):
        return _verdict("Skipped", "none", "dcgmi ran no test")
    if complaints:
        return _verdict("Passed", "none", f"noted, {complaints[0][1]}")
    passed = sum(outcome.status == "pass" for outcome in outcomes)
    return _verdict("Passed", "none", f"{passed} results passed")


def judge_text(text: str) -> Verdict:
    """The same for its output, which may begin with lines that are no JSON, or have none at all."""
    begin = text.find("{")
    try:
        document = json.JSONDecoder().raw_decode(text[begin:])[0] if begin >= 0 else None
    except ValueError:
        document = None
    if document is None:
        lines = text.strip().splitlines()
        return _verdict("Skipped", "none", f"dcgmi wrote no JSON: {lines[0] if lines else 'nothing'}")
    return judge(document)


def _outcomes(document: Any) -> Iterator[Outcome]:
    """The results of DCGM 3 ("DCGM GPU Diagnostic") and 4 ("DCGM Diagnostic")."""
    for part in document.values() if isinstance(document, dict) else ():
        for category in _list(part, "test_categories"):
            for test in _list(category, "tests"):
                for result in _list(test, "results"):
                    yield Outcome(
                        _where(test, result),
                        str(result.get("status", "")).lower(),
                        tuple(_complaints(result.get("warnings"))),
                    )


def _list(thing: Any, key: str) -> list[dict[str, Any]]:
    found = thing.get(key) if isinstance(thing, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _where(test: dict[str, Any], result: dict[str, Any]) -> str:
    name = str(test.get("name", "a test"))
    for key in ("gpu_ids", "gpu_id"):
        if key in result:
            return f"{name}, GPU {result[key]}"
    return f"{name}, {result.get('entity_group', 'GPU')} {result['entity_id']}" if "entity_id" in result else name


def _complaints(warnings: Any) -> Iterator[tuple[int, str]]:
    for warning in warnings if isinstance(warnings, list) else [warnings] if warnings else []:
        if not isinstance(warning, dict):
            yield UNKNOWN, str(warning)
            continue
        severity = warning.get("error_severity")
        yield severity if isinstance(severity, int) else UNKNOWN, str(warning.get("warning", "no details"))


def _verdict(result: str, action: str, reason: str) -> Verdict:
    return Verdict(result, action, " ".join(reason.split())[:_LONGEST])


if __name__ == "__main__":
    said = judge_text(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace"))
    sys.stdout.write(":".join(said) + "\n")
