# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual time: runs ``speed`` times as fast as the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Instant:
    """A moment on both clocks, in seconds."""

    wall: float
    virtual: float


class Clock:
    """Maps wall time to virtual time. Changing the speed never makes virtual time jump."""

    def __init__(
        self,
        speed: float,
        base: tuple[float, float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``base`` is (wall, virtual) of an earlier clock to continue; without it both start at the same number."""
        if speed <= 0:
            raise ValueError(f"speed must be larger than 0, not {speed}")
        self._wall = wall
        now = wall()
        self._base = base or (now, now)
        self.speed = speed

    def now(self) -> Instant:
        """The present."""
        wall = self._wall()
        return Instant(wall, self._base[1] + max(0.0, wall - self._base[0]) * self.speed)

    def set_speed(self, speed: float) -> None:
        """From now on virtual time runs ``speed`` times as fast as the wall clock."""
        if speed <= 0:
            raise ValueError(f"speed must be larger than 0, not {speed}")
        now = self.now()
        self._base = (now.wall, now.virtual)
        self.speed = speed

    @property
    def base(self) -> tuple[float, float]:
        """What to pass as ``base`` to continue after a restart with the present speed."""
        now = self.now()
        return (now.wall, now.virtual)
