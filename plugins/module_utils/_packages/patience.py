# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of a package manager that are made again while somebody else holds its lock or a mirror is down.

Private to this collection. At the provisioning of a node the image's own daily jobs hold the lock, and name service and
routes may come late; both go by. What does not go by fails at once.
"""

from __future__ import annotations

import random
import time
import typing as t
from dataclasses import dataclass

from .._space import free_space
from .common import INTERRUPTED
from .common import LOCK
from .common import MIRROR
from .common import UNKNOWN
from .common import Manager
from .common import PackageError
from .common import Trouble

LOCK_DELAY = 2.0
MIRROR_DELAY = 5.0
MIRROR_DELAY_MAX = 30.0


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds; 0 is one attempt."""

    lock: float
    mirror: float


class Patience:
    """Makes calls again and keeps the time; C(waited) is what a result tells of it."""

    def __init__(
        self,
        manager: Manager,
        limits: Limits,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        spread: t.Callable[[], float] = random.random,
    ) -> None:
        self.waited: dict[str, float] = {}
        self.notes: list[str] = []
        self._manager = manager
        self._limits = {LOCK: limits.lock, MIRROR: limits.mirror}
        self._clock, self._sleep, self._spread = clock, sleep, spread
        self._since: dict[str, float] = {}
        self._attempts = 0
        self._repaired = False

    def install(self, names: t.Sequence[str]) -> None:
        """Install the packages, with lists that have them.

        :raises PackageError: it can't be done, or not in time.
        """
        manager = self._manager
        fresh, old_lists = manager.are_lists_fresh(), None
        asked = False
        while True:
            if not fresh:
                old_lists = manager.refresh()
                if old_lists and old_lists.kind in (LOCK, INTERRUPTED):
                    self._bear(old_lists)
                    continue
                fresh = asked = True
            trouble = manager.install(names)
            if trouble is None:
                if old_lists:
                    self.notes.append(f"a repository did not answer, its old list was used: {old_lists.text}")
                return
            if trouble.kind == UNKNOWN and old_lists:
                # the lists are not what they should be, and that is the reason
                trouble = old_lists
            elif trouble.kind == UNKNOWN and not asked:
                fresh = False
                continue
            self._bear(trouble)
            fresh = trouble.kind != MIRROR

    def call(self, action: t.Callable[[], Trouble | None]) -> None:
        """Make a call that needs no network.

        :raises PackageError: it can't be done, or not in time.
        """
        while (trouble := action()) is not None:
            self._bear(trouble)

    def _bear(self, trouble: Trouble) -> None:
        """Wait, or repair, if that may help; raise PackageError if not."""
        if trouble.kind == INTERRUPTED and not self._repaired:
            self._repaired = True
            self.call(self._manager.repair)
            return
        if trouble.kind not in self._limits:
            raise PackageError(self._final(trouble), trouble)
        now = self._clock()
        since = self._since.setdefault(trouble.kind, now)
        limit = self._limits[trouble.kind]
        if now - since >= limit:
            raise PackageError(self._late(trouble, now - since), trouble)
        delay = LOCK_DELAY
        if trouble.kind == MIRROR:
            # spread out: all nodes of a cluster may ask the same mirror at the same time
            delay = min(MIRROR_DELAY_MAX, MIRROR_DELAY * 2**self._attempts) * (0.5 + self._spread())
            self._attempts += 1
        delay = min(delay, since + limit - now)
        self._sleep(delay)
        self.waited[trouble.kind] = round(self.waited.get(trouble.kind, 0.0) + delay, 1)

    def _late(self, trouble: Trouble, seconds: float) -> str:
        if trouble.kind == LOCK:
            return (
                f"another process has held the lock of the package manager for {seconds:.0f} s (lock_timeout): "
                f"{trouble.text}. Wait for its end, or see what it does (systemctl list-units 'apt-daily*' "
                "'unattended-upgrades*' 'dnf*'), and run this again"
            )
        return (
            f"no repository has answered as it should for {seconds:.0f} s (mirror_timeout): {trouble.text}. Check the "
            f"node's way out (route, NAT gateway, proxy, name service) and {self._manager.sources}, or use a mirror "
            "that it can reach (role podforge.hyperpod.node_base: node_base_repositories)"
        )

    def _final(self, trouble: Trouble) -> str:
        if trouble.kind == UNKNOWN:
            return (
                f"no repository has it: {trouble.text}. The repositories are those of {self._manager.sources}; correct "
                "the name, or add the repository that has it (role podforge.hyperpod.node_base: node_base_repositories)"
            )
        if "space" in trouble.text:
            return f"{trouble.text}. {free_space()}; make room there and run this again"
        return trouble.text
