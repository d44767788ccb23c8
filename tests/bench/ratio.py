# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measured ratio, how it is printed, and the command line of what measures it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """One measured ratio: ``top`` over ``bottom`` seconds, and the largest value that is good."""

    name: str
    top: float
    bottom: float
    aim: float

    @property
    def value(self) -> float:
        """The ratio."""
        return self.top / self.bottom

    def line(self) -> str:
        """What is printed."""
        verdict = "reached" if self.value <= self.aim else "NOT reached"
        seconds = f"{self.top:.1f} s / {self.bottom:.1f} s"
        return f"{self.name:<58} {self.value:6.2f}   aim {self.aim:.2f} {verdict:<12} {seconds}"


def command(
    about: str | None, measure: Callable[[], dict[str, Any]], printed: Callable[[dict[str, Any]], list[str]]
) -> int:
    """Measure and print; 0 if it could be measured, whether or not the aims are reached.

    Args:
        about: the program's docstring, whose first line is its help.
        measure: what it measures.
        printed: that in words; with C(--json) it is printed as it is.
    """
    parser = argparse.ArgumentParser(description=(about or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    result = measure()
    print(json.dumps(result) if arguments.json else "\n".join(printed(result)))
    return 0
