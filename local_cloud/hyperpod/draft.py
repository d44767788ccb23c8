# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state machines work on: a working copy of a cluster, and the values that go in and come out."""

from __future__ import annotations

import dataclasses
import datetime
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import roles
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Cluster
from local_cloud.hyperpod.model import Event
from local_cloud.hyperpod.model import Group
from local_cloud.hyperpod.model import Node
from local_cloud.hyperpod.model import Phase

if TYPE_CHECKING:
    from local_cloud.hyperpod.clock import Instant
    from local_cloud.hyperpod.ids import Ids
    from local_cloud.hyperpod.model import Placement


@dataclass(frozen=True)
class Observation:
    """Something that happened outside of the service.

    kind: launched, launch-failed, ended, rebooted, reboot-failed, reimaged, checked, placed (of the provider);
    booted, lifecycle-started, lifecycle-succeeded, lifecycle-failed (of the instance's agent); alarm (of CloudWatch).
    ``key`` is the node's, or the group's name for placed and alarm.
    """

    kind: str
    key: str
    instance_id: str = ""
    message: str = ""
    capacity: bool = False
    fault: str | None = None
    placements: tuple[Placement, ...] = ()
    instance_type: str | None = None


@dataclass(frozen=True)
class Effect:
    """Something to do outside of the service: launch, reboot, reimage, end, release, check, place."""

    kind: str
    key: str
    instance_id: str = ""
    count: int = 0
    rank: int = 0


@dataclass(frozen=True)
class Note:
    """A line for a stream of the cluster's CloudWatch log group."""

    stream: str
    message: str


@dataclass(frozen=True)
class Environment:
    """What steps need to know of the world, and may draw from it."""

    ids: Ids
    simulated: bool
    speed: float = 1.0


_EFFECTS = {
    Phase.LAUNCH: "launch",
    Phase.REBOOT: "reboot",
    Phase.REIMAGE: "reimage",
    Phase.REPLACE: "end",
    Phase.TERMINATE: "release",
    Phase.CHECK: "check",
}
EVENT_GAP = 1e-6
_ORDER = {"check": 0, "reboot": 1, "end": 2, "launch": 3, "reimage": 3, "place": 4, "release": 5}


class Draft:
    """A cluster being changed by one step. Collects events and notes; ``done`` makes the new cluster."""

    def __init__(self, cluster: Cluster, now: Instant, env: Environment) -> None:
        self.cluster = cluster
        self.now = now
        self.env = env
        self.nodes = dict(cluster.nodes)
        self.groups = dict(cluster.groups)
        self.events: list[Event] = []
        self.notes: list[Note] = []
        self.gone = False
        self.changes = 0
        self.roles = roles.of(cluster)

    def node(self, node: Node, **changes: Any) -> Node:
        """Replace a node by a changed one."""
        new = dataclasses.replace(node, **changes)
        if new != node or node.key not in self.nodes:
            self.nodes[node.key] = new
            self.changes += 1
        return new

    def drop(self, node: Node) -> None:
        """Remove a node."""
        del self.nodes[node.key]
        self.changes += 1

    def group(self, group: Group, **changes: Any) -> Group:
        """Replace a group by a changed one."""
        new = dataclasses.replace(group, **changes)
        if new != group or group.name not in self.groups:
            self.groups[group.name] = new
            self.changes += 1
        return new

    def drop_group(self, name: str) -> None:
        """Remove a group."""
        del self.groups[name]
        self.changes += 1

    def set(self, **changes: Any) -> None:
        """Change members of the cluster itself."""
        if any(getattr(self.cluster, name) != value for name, value in changes.items()):
            self.cluster = dataclasses.replace(self.cluster, **changes)
            self.changes += 1

    def members(self, name: str) -> list[Node]:
        """Nodes of a group that stay, by number."""
        return sorted(
            (n for n in self.nodes.values() if n.group == name and n.phase not in LEAVING), key=lambda n: n.index
        )

    def by_group(self) -> dict[str, list[Node]]:
        """Nodes that stay, of every group, by number: one pass over the nodes."""
        result: dict[str, list[Node]] = {name: [] for name in self.groups}
        for node in self.nodes.values():
            if node.phase not in LEAVING:
                result.setdefault(node.group, []).append(node)
        for nodes in result.values():
            nodes.sort(key=lambda n: n.index)
        return result

    def leaving(self) -> bool:
        """Some node is on its way out."""
        return any(n.phase in LEAVING for n in self.nodes.values())

    def is_controller(self, group: str) -> bool:
        """It is the Slurm controllers' group."""
        return self.roles.types.get(group) == roles.CONTROLLER

    def event(
        self,
        resource_type: str,
        description: str,
        *,
        level: str = "Info",
        group: str | None = None,
        instance_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Record an event; clusters without continuous provisioning have none."""
        if not self.cluster.continuous:
            return
        operation = next(
            (
                o.operation_id
                for o in reversed(self.cluster.operations)
                if o.status == "InProgress" and any(s["InstanceGroupName"] == group for s in o.scaling)
            ),
            None,
        )
        event_id = self.env.ids.uuid()
        # Events of one moment keep their order.
        wall = self.now.wall + len(self.events) * EVENT_GAP
        self.events.append(
            Event(event_id, wall, resource_type, description, level, group, instance_id, operation, metadata)
        )

    def note(self, node: Node, message: str) -> None:
        """A line in the lifecycle stream of a simulated node."""
        if self.env.simulated:
            self.notes.append(Note(f"LifecycleConfig/{node.group}/{node.instance_id}", message))

    def health_note(self, node: Node, level: str, message: str) -> None:
        """A result of a deep health check, in the form of the Developer Guide, "Deep health checks" (logs)."""
        moment = datetime.datetime.fromtimestamp(self.now.wall, datetime.timezone.utc)
        line = {"level": level, "ts": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "msg": message}
        self.notes.append(Note(f"DeepHealthCheckResults/{node.instance_id}", json.dumps(line)))

    def done(self) -> Cluster:
        """The cluster after the step; the same object when nothing changed."""
        if not self.changes:
            return self.cluster
        return dataclasses.replace(
            self.cluster, nodes=self.nodes, groups=self.groups, revision=self.cluster.revision + 1
        )


def pending_effects(cluster: Cluster) -> list[Effect]:
    """What is to be done outside, by the state alone: so a restarted service knows it as well.

    Controllers come before logins before the rest, low numbers first.
    """
    types = roles.of(cluster).types
    effects: list[tuple[tuple[int, int, int], Effect]] = []
    alive: dict[str, int] = {}
    for node in cluster.nodes.values():
        if node.phase not in LEAVING:
            alive[node.group] = alive.get(node.group, 0) + 1
        kind = _EFFECTS.get(node.phase)
        if kind is not None:
            rank = roles.RANK.get(types.get(node.group, ""), 3)
            effects.append(((_ORDER[kind], rank, node.index), Effect(kind, node.key, node.instance_id, rank=rank)))
    if cluster.continuous and cluster.status in ("Creating", "InService", "Updating"):
        for group in cluster.groups.values():
            missing = group.target - alive.get(group.name, 0)
            if missing > 0 and not group.deleting:
                effects.append(((_ORDER["place"], 0, 0), Effect("place", group.name, count=missing)))
    effects.sort(key=lambda item: item[0])
    return [effect for _dummy, effect in effects]


def next_deadline(cluster: Cluster, after: float = float("-inf")) -> float | None:
    """Virtual seconds, later than ``after``, at which time alone changes the cluster; None: never."""
    times = [n.deadline for n in cluster.nodes.values() if n.deadline is not None]
    times += [g.minimum_by for g in cluster.groups.values() if g.minimum_by is not None]
    times += [
        g.update.next_batch
        for g in cluster.groups.values()
        if g.update is not None and g.update.todo and not g.update.batch and g.update.next_batch
    ]
    return min((time for time in times if time > after), default=None)
