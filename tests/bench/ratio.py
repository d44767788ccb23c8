# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measured ratio, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass


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
