# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a cluster: (cluster, observations, now) -> (cluster, effects, events). Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_cloud.hyperpod import steps_continuous
from local_cloud.hyperpod import steps_job
from local_cloud.hyperpod import steps_node
from local_cloud.hyperpod import steps_software
from local_cloud.hyperpod.draft import Draft
from local_cloud.hyperpod.draft import Effect
from local_cloud.hyperpod.draft import Environment
from local_cloud.hyperpod.draft import Note
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.draft import pending_effects
from local_cloud.hyperpod.members import add_nodes
from local_cloud.hyperpod.model import Cluster
from local_cloud.hyperpod.model import Event
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_cloud.hyperpod.clock import Instant

# A step is repeated until nothing moves; each round moves every node on by one phase at most.
MAX_ROUNDS = 20


@dataclass(frozen=True)
class StepResult:
    """Outcome of a step."""

    cluster: Cluster
    effects: list[Effect]
    events: list[Event]
    notes: list[Note]
    gone: bool
    """The cluster no longer exists."""


def step(cluster: Cluster, now: Instant, observations: Sequence[Observation], env: Environment) -> StepResult:
    """Apply what was observed, then all that is due, until nothing moves."""
    d = Draft(cluster, now, env)
    for seen in observations:
        if seen.kind == "placed":
            _placed(d, seen)
        elif seen.kind == "alarm":
            steps_software.alarm(d, seen)
        else:
            steps_node.observe(d, seen)
    for _dummy in range(MAX_ROUNDS):
        before = d.changes
        _round(d)
        if d.changes == before or d.gone:
            break
    after = d.done()
    return StepResult(after, pending_effects(after), d.events, d.notes, d.gone)


def _round(d: Draft) -> None:
    for node in list(d.nodes.values()):
        if node.deadline is not None and node.deadline <= d.now.virtual:
            steps_node.tick(d, node)
    job = d.cluster.job
    if job is not None and job.kind is JobKind.DELETE:
        steps_job.delete(d)
        return
    steps_software.advance(d)
    if d.cluster.continuous:
        steps_continuous.advance(d)
    elif d.cluster.job is not None:
        steps_job.advance(d, d.cluster.job)
    _finish_health_operations(d)


def _placed(d: Draft, seen: Observation) -> None:
    group = d.groups.get(seen.key)
    if group is None or group.deleting:
        return
    room = group.target - len(d.members(group.name))
    add_nodes(d, group, list(seen.placements)[: max(room, 0)], Phase.WAIT)


def _finish_health_operations(d: Draft) -> None:
    if not any(o.type == "DeepHealthCheck" and o.status == "InProgress" for o in d.cluster.operations):
        return
    busy = {n.key for n in d.nodes.values() if n.phase in (Phase.CHECK, Phase.HEALTH)}
    d.set(
        operations=tuple(
            dataclasses.replace(o, status="Done")
            if o.type == "DeepHealthCheck" and o.status == "InProgress" and not busy & set(o.nodes)
            else o
            for o in d.cluster.operations
        )
    )
