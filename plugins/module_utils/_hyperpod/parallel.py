# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small calls at a time, but not more in a second than the API lets an account make."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

T = TypeVar("T")
R = TypeVar("R")

# Calls in a second that actions on nodes make: limits of the API are as low as three.
CALLS_PER_SECOND = 3.0
# More threads than this gain nothing: a call takes tens of milliseconds.
_MAX_THREADS = 16


@dataclass
class Pace:
    """Hands out turns, evenly spaced. Threads may share it.

    Attributes:
        per_second: turns in a second, more than 0.
    """

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now = self.clock()
            at = max(now, self._next)
            self._next = at + 1.0 / self.per_second
        if at > now:
            self.sleep(at - now)


def in_parallel(func: Callable[[T], R], items: Iterable[T], per_second: float) -> list[R]:
    """``func`` of each item, in their order; at most so many are begun in a second.

    Raises:
        Exception: the first that ``func`` raised; what has not begun by then is left undone.
    """
    pace = Pace(per_second)

    def call(item: T) -> R:
        pace.turn()
        return func(item)

    todo = list(items)
    if len(todo) <= 1:
        return [call(item) for item in todo]
    threads = min(len(todo), _MAX_THREADS, max(2, int(per_second)))
    with ThreadPoolExecutor(max_workers=threads) as pool:
        futures = [pool.submit(call, item) for item in todo]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
