# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster driven without threads, clocks or providers: steps and effects in a loop, time by hand."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.context import RequestContext
from local_cloud.hyperpod import changes
from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import messages
from local_cloud.hyperpod.clock import Instant
from local_cloud.hyperpod.draft import Effect
from local_cloud.hyperpod.draft import Environment
from local_cloud.hyperpod.draft import Note
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.draft import next_deadline
from local_cloud.hyperpod.ids import Ids
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Placement
from local_cloud.hyperpod.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Event
    from local_cloud.hyperpod.model import Node

ROLE = "arn:aws:iam::123456789012:role/node"
CONTEXT = RequestContext("123456789012", "us-west-2", "aws", "request", "key", "arn:aws:iam::123456789012:user/me")


class CountedIds(Ids):
    """The same identifiers in each run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def cluster_id(self) -> str:
        return f"{next(self._numbers):012d}"

    def instance_id(self) -> str:
        return f"i-{next(self._numbers):017x}"

    def uuid(self) -> str:
        return f"00000000-0000-0000-0000-{next(self._numbers):012x}"

    def token(self) -> str:
        return f"token-{next(self._numbers)}"

    def munge_key(self) -> str:
        return "0" * 128


class CountedPlacer:
    """Addresses one after the other, in one zone."""

    def __init__(self) -> None:
        self._numbers = itertools.count(4)

    def zones(self, settings: Mapping[str, Any], spec: Mapping[str, Any]) -> set[str]:
        return {"us-west-2a"}

    def take(self, settings: Mapping[str, Any], spec: Mapping[str, Any], count: int) -> list[Placement]:
        numbers = [next(self._numbers) for _dummy in range(count)]
        return [
            Placement(
                "vpc-1",
                "10.0.0.0/16",
                "subnet-1",
                "10.0.0.0/16",
                "us-west-2a",
                "usw2-az1",
                f"10.0.{n // 256}.{n % 256}",
                f"172.16.{n // 256}.{n % 256}",
            )
            for n in numbers
        ]


def group(name: str, count: int, node_type: str | None = None, **more: Any) -> dict[str, Any]:
    """Specification of an instance group; None leaves a member out."""
    spec: dict[str, Any] = {
        "InstanceGroupName": name,
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": count,
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-b/src", "OnCreate": "on_create.sh"},
        "ExecutionRole": ROLE,
    }
    if node_type is not None:
        spec["SlurmConfig"] = {"NodeType": node_type}
        if node_type == "Compute":
            spec["SlurmConfig"]["PartitionNames"] = ["p1"]
    spec.update(more)
    return {member: value for member, value in spec.items() if value is not None}


def groups(workers: int = 2, login: bool = True) -> list[dict[str, Any]]:
    """Controller, login, workers."""
    result = [group("ctl", 1, "Controller")]
    if login:
        result.append(group("login", 1, "Login"))
    result.append(group("work", workers, "Compute"))
    return result


class World:
    """One cluster, and what happens to it."""

    def __init__(self, *, simulated: bool = True) -> None:
        self.env = Environment(CountedIds(), simulated)
        self.placer = CountedPlacer()
        self.time = 1000.0
        self.cluster: Cluster | None = None
        self.events: list[Event] = []
        self.notes: list[Note] = []
        self.fail: dict[str, list[str]] = {}
        """Group -> faults of the next launches: capacity, launch, efa, lifecycle, or an empty string."""
        self.check_fault: str | None = None
        self.launches: list[str] = []
        self.effects: list[Effect] = []
        self.peak: dict[str, int] = {}

    @property
    def now(self) -> Instant:
        return Instant(self.time, self.time)

    @property
    def c(self) -> Cluster:
        assert self.cluster is not None, "the cluster is gone"
        return self.cluster

    def create(self, specs: list[dict[str, Any]], legacy: str | None = None, **settings: Any) -> None:
        params = {"ClusterName": "demo", "InstanceGroups": specs, **settings}
        change = changes.create(params, CONTEXT, self.now, self.env, placer=self.placer, legacy=legacy)
        self._take(change.cluster, change.events)

    def update(self, legacy: str | None = None, **params: Any) -> None:
        change = changes.update(
            self.c, {"ClusterName": "demo", **params}, self.now, self.env, placer=self.placer, legacy=legacy
        )
        self._take(change.cluster, change.events)

    def software(self, **params: Any) -> None:
        change = changes.software(self.c, {"ClusterName": "demo", **params}, self.now, self.env)
        self._take(change.cluster, change.events)

    def delete(self) -> None:
        change = changes.delete(self.c, self.now, self.env)
        self._take(change.cluster, change.events)

    def call(self, function: Any, **params: Any) -> dict[str, Any]:
        """A call of changes_nodes."""
        more = {"placer": self.placer} if function is changes_nodes.add else {}
        change = function(self.c, {"ClusterName": "demo", **params}, self.now, self.env, **more)
        self._take(change.cluster, change.events)
        answer: dict[str, Any] = change.answer
        return answer

    def tell(self, node: Node, kind: str, message: str = "") -> None:
        """An agent's report."""
        self.step(Observation(kind, node.key, node.instance_id, message))

    def step(self, *seen: Observation) -> None:
        """One step; effects wait."""
        result = step(self.c, self.now, seen, self.env)
        self.events += result.events
        self.notes += result.notes
        self.effects = result.effects
        self.cluster = None if result.gone else result.cluster
        if self.cluster is not None:
            for name in self.cluster.groups:
                live = sum(n.group == name and n.phase not in LEAVING for n in self.cluster.nodes.values())
                self.peak[name] = max(self.peak.get(name, 0), live)

    def act(self) -> None:
        """Carry out all effects until there are none."""
        for _dummy in range(200):
            if self.cluster is None or not self.effects:
                return
            self.step(*[self._carry_out(effect) for effect in self.effects])
        raise AssertionError(f"effects without end: {self.effects[:3]}")

    def tick(self) -> bool:
        """Go to the next deadline; False: there is none."""
        self.act()
        if self.cluster is None:
            return False
        deadline = next_deadline(self.cluster)
        if deadline is None:
            return False
        self.time = max(self.time, deadline)
        self.step()
        self.act()
        return True

    def run(self, until: str | None = None, limit: int = 2000) -> None:
        """Let time pass until nothing happens any more, or the cluster is in a status."""
        for _dummy in range(limit):
            if self.cluster is not None and self.cluster.status == until:
                return
            if not self.tick():
                assert until is None, f"stopped at {self.cluster and self.cluster.status}, not {until}"
                return
        raise AssertionError("time passes without end")

    def members(self, name: str) -> list[Node]:
        return self.c.group_nodes(name)

    def _take(self, cluster: Cluster, events: list[Event]) -> None:
        self.cluster = cluster
        self.events += events
        self.step()

    def _carry_out(self, effect: Effect) -> Observation:
        key, instance_id = effect.key, effect.instance_id
        if effect.kind == "place":
            return Observation("placed", key, placements=tuple(self.placer.take({}, {}, effect.count)))
        node = self.c.nodes[key]
        if effect.kind == "launch":
            return self._launch(node)
        if effect.kind == "reimage":
            queue = self.fail.get(node.group, [])
            return Observation("reimaged", key, instance_id, fault=(queue.pop(0) if queue else "") or None)
        if effect.kind == "check":
            return Observation("checked", key, instance_id, fault=self.check_fault)
        kinds = {"end": "ended", "release": "ended", "reboot": "rebooted"}
        return Observation(kinds[effect.kind], key, instance_id)

    def _launch(self, node: Node) -> Observation:
        self.launches.append(node.name)
        queue = self.fail.get(node.group, [])
        fault = queue.pop(0) if queue else ""
        if fault == "capacity":
            return Observation("launch-failed", node.key, node.instance_id, messages.CAPACITY, capacity=True)
        if fault == "launch":
            return Observation("launch-failed", node.key, node.instance_id, messages.BOOTSTRAP)
        return Observation("launched", node.key, node.instance_id, fault=fault or None)
