# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""State and engine of the service: regions, the clock, the way a change of a cluster goes, and the worker's wake-up."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING
from typing import Protocol

from local_cloud.files import write_atomically
from local_cloud.hyperpod.clock import Clock
from local_cloud.hyperpod.draft import Environment
from local_cloud.hyperpod.draft import next_deadline
from local_cloud.hyperpod.draft import pending_effects
from local_cloud.hyperpod.ids import Ids
from local_cloud.hyperpod.regions import Region
from local_cloud.hyperpod.step import step
from local_cloud.hyperpod.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local_cloud.hyperpod.draft import Note
    from local_cloud.hyperpod.draft import Observation
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Event
    from local_cloud.hyperpod.outside import Access
    from local_cloud.providers.base import Provider


class FaultSource(Protocol):
    """faults.Faults."""

    def take(self, kind: str, instance_group: str) -> bool:
        """Whether the fault happens now to a node of the group; counts it."""


class QuotaSource(Protocol):
    """quotas.Quotas."""

    def value(self, name: str) -> float:
        """The applied value of a quota."""


class Core:
    """What operations, agents and the worker share."""

    def __init__(
        self,
        state_dir: Path,
        cloud: str,
        provider: Provider,
        *,
        faults: FaultSource,
        access: Access,
        quotas: QuotaSource,
        speed: float = 1.0,
        ids: Ids | None = None,
    ) -> None:
        """``state_dir``: the service's own folder, ``cloud``: name of the local cloud."""
        self.cloud = cloud
        self.provider = provider
        self.faults = faults
        self.access = access
        self.quotas = quotas
        self.ids = ids or Ids()
        self.wake = threading.Event()
        self.notes: list[tuple[Cluster, Note]] = []
        self._folder = state_dir
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock_file = state_dir / "clock.json"
        self.clock = self._load_clock(speed)
        self._lock = threading.Lock()
        self._regions: dict[tuple[str, str], Region] = {}
        for path in sorted(state_dir.glob("*/*.sqlite3")):
            self._open(path.parent.name, path.stem, Store(path))

    def region(self, account_id: str, region: str, partition: str) -> Region:
        """The region of an account; made when it is used first."""
        with self._lock:
            known = self._regions.get((account_id, region))
            if known is not None:
                return known
            store = Store(self._folder / account_id / f"{region}.sqlite3")
            store.set_setting("partition", partition)
            return self._open(account_id, region, store)

    def regions(self) -> list[Region]:
        """All regions in use."""
        with self._lock:
            return list(self._regions.values())

    def environment(self) -> Environment:
        """For steps."""
        return Environment(self.ids, self.provider.simulated, self.clock.speed)

    def advance(
        self,
        region: Region,
        old: Cluster | None,
        new: Cluster,
        *,
        observations: Sequence[Observation] = (),
        events: Sequence[Event] = (),
    ) -> Cluster | None:
        """Let a cluster take its next step from state ``new`` and save it; ``old`` is what is saved now.

        With the region's lock held. Returns the cluster, None if it is gone.
        """
        result = step(new, self.clock.now(), observations, self.environment())
        self.notes += [(result.cluster, note) for note in result.notes]
        if result.gone:
            region.remove(old or new)
            self.wake.set()
            return None
        region.commit(old, result.cluster, [*events, *result.events])
        if result.effects or result.notes or next_deadline(result.cluster) is not None:
            self.wake.set()
        return result.cluster

    def settle(self, region: Region, cluster: Cluster) -> Cluster | None:
        """The cluster with all that time has brought; None if that ended it. With the region's lock held."""
        deadline = next_deadline(cluster)
        if deadline is None or deadline > self.clock.now().virtual:
            return cluster
        return self.advance(region, cluster, cluster)

    def settle_all(self, region: Region) -> None:
        """Settle every cluster of a region. With its lock held."""
        for cluster in list(region.clusters.values()):
            self.settle(region, cluster)

    def wait_seconds(self, after: float) -> float:
        """Wall seconds until time changes some cluster; at most a minute.

        What was due at virtual time ``after`` has had its step: if it is still due, it waits for something else (a
        batch of a software update for nodes that are being replaced, say).
        """
        now = self.clock.now().virtual
        best = 60.0
        for region in self.regions():
            with region.lock:
                for cluster in region.clusters.values():
                    deadline = next_deadline(cluster, after)
                    if deadline is not None:
                        best = min(best, (deadline - now) / self.clock.speed)
        return max(best, 0.0)

    def busy(self) -> bool:
        """Something is to be done outside."""
        for region in self.regions():
            with region.lock:
                if any(pending_effects(cluster) for cluster in region.clusters.values()):
                    return True
        return False

    def set_speed(self, speed: float) -> None:
        """Change the speed of virtual time; raises ValueError unless it is positive."""
        self.clock.set_speed(speed)
        self._save_clock()
        self.wake.set()

    def close(self) -> None:
        """Close the files."""
        for region in self.regions():
            with region.lock:
                region.store.close()

    def _open(self, account_id: str, region: str, store: Store) -> Region:
        made = Region(account_id, region, store.setting("partition", "aws"), store)
        self._regions[account_id, region] = made
        return made

    def _load_clock(self, speed: float) -> Clock:
        base = None
        if self._clock_file.exists():
            saved = json.loads(self._clock_file.read_text())
            base = Clock(saved["speed"], (saved["wall"], saved["virtual"])).base
        clock = Clock(speed, base)
        self.clock = clock
        self._save_clock()
        return clock

    def _save_clock(self) -> None:
        wall, virtual = self.clock.base
        data = {"wall": wall, "virtual": virtual, "speed": self.clock.speed}
        write_atomically(self._clock_file, json.dumps(data).encode())
