# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thread that acts on the world: starts and ends instances, makes interfaces, writes logs.

What is to be done follows from the saved states alone, so that a service that was killed goes on where it was.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from typing import TYPE_CHECKING

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import messages
from local_cloud.hyperpod.draft import Effect
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.draft import pending_effects
from local_cloud.hyperpod.members import instance_types
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.outside import Outside
from local_cloud.hyperpod.specs import node_spec
from local_cloud.providers.base import LaunchError

if TYPE_CHECKING:
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.draft import Note
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Node
    from local_cloud.hyperpod.regions import Region

log = logging.getLogger(__name__)
# What was done is told at least this often while more is to be done (wall seconds).
SLICE = 0.25
# An effect that ended in an unexpected error is tried again after this time (wall seconds).
RETRY = 5.0
# Instances that are up, or were when the service stopped.
_LIVE = frozenset({Phase.BOOT, Phase.LIFECYCLE, Phase.CHECK, Phase.HEALTH, Phase.RUN, Phase.REBOOTING, Phase.REBOOT})


class Worker:
    """Carries out effects and reports what became of them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._outside = Outside(core.access)
        self._stop = threading.Event()
        self._later: dict[tuple[str, Effect], float] = {}
        self._thread = threading.Thread(target=self._run, name="hyperpod-worker", daemon=True)

    def start(self) -> None:
        """Begin; instances that should be up and are not are started first."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done now."""
        self._stop.set()
        self._core.wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._resume()
        except Exception:
            log.exception("instances could not be started again")
        while not self._stop.is_set():
            self._core.wake.clear()
            begun = self._core.clock.now().virtual
            try:
                worked = self._turn()
            except Exception:
                log.exception("the worker's turn failed")
                worked = False
                self._stop.wait(RETRY)
            if not worked:
                wait = self._core.wait_seconds(begun)
                if self._later:
                    wait = min(wait, RETRY)
                self._core.wake.wait(max(wait, 0.001))

    def _turn(self) -> bool:
        worked = False
        for region in self._core.regions():
            with region.lock:
                self._look_at_alarms(region)
                self._core.settle_all(region)
                arns = list(region.clusters)
            for arn in arns:
                if self._stop.is_set():
                    return False
                worked |= self._work_on(region, arn)
        self._write_notes()
        return worked

    def _look_at_alarms(self, region: Region) -> None:
        for cluster in list(region.clusters.values()):
            seen = [
                Observation("alarm", key, message=name) for key, name in self._outside.alarms_gone_off(cluster).items()
            ]
            if seen:
                self._core.advance(region, cluster, cluster, observations=seen)

    def _work_on(self, region: Region, arn: str) -> bool:
        with region.lock:
            cluster = region.clusters.get(arn)
        if cluster is None:
            return False
        now = time.monotonic()
        effects = [e for e in pending_effects(cluster) if self._later.get((arn, e), 0.0) <= now]
        if not effects:
            return False
        started = now
        seen: list[Observation] = []
        self._prepare(cluster, effects)
        for effect in effects:
            observation = self._carry_out(region, cluster, effect)
            if observation is not None:
                seen.append(observation)
            if not self._core.provider.simulated and time.monotonic() - started > SLICE:
                break
            if self._stop.is_set():
                break
        self._clean_up(cluster, effects, seen)
        if seen:
            with region.lock:
                current = region.clusters.get(arn)
                if current is not None:
                    self._core.advance(region, current, current, observations=seen)
        return bool(seen)

    def _carry_out(self, region: Region, cluster: Cluster, effect: Effect) -> Observation | None:
        if not self._still_wanted(region, cluster.arn, effect):
            return None
        try:
            if effect.kind == "place":
                return self._place(region, cluster, effect)
            node = cluster.nodes[effect.key]
            done = getattr(self, f"_{effect.kind}")(region, cluster, node)
        except LaunchError as error:
            return Observation("launch-failed", effect.key, effect.instance_id, error.message)
        except Exception:
            log.exception("%s of %s failed, it is tried again", effect.kind, effect.instance_id or effect.key)
            self._later[cluster.arn, effect] = time.monotonic() + RETRY
            return None
        self._later.pop((cluster.arn, effect), None)
        return done if isinstance(done, Observation) else None

    def _still_wanted(self, region: Region, arn: str, effect: Effect) -> bool:
        """The cluster may have changed while earlier effects were carried out."""
        with region.lock:
            current = region.clusters.get(arn)
        if current is None:
            return False
        if effect.kind == "place":
            return effect.key in current.groups
        node = current.nodes.get(effect.key)
        return node is not None and node.instance_id == effect.instance_id and _EFFECT_PHASE[effect.kind] is node.phase

    def _launch(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        faults = self._core.faults
        wanted = instance_types(node.spec)
        candidates = [node.instance_type, *[t for t in wanted if t != node.instance_type]]
        kind = next((t for t in candidates if not faults.take("insufficient_capacity", node.group)), None)
        if kind is None or _plan_is_full(region, cluster, node):
            return Observation("launch-failed", node.key, node.instance_id, messages.CAPACITY, capacity=True)
        if faults.take("node_launch_failure", node.group):
            return Observation("launch-failed", node.key, node.instance_id, messages.BOOTSTRAP)
        spec = node_spec(self._core.cloud, cluster, dataclasses.replace(node, instance_type=kind))
        try:
            self._core.provider.launch(spec)
        except LaunchError as error:
            log.warning("instance %s could not be started: %s", node.instance_id, error.message)
            self._core.provider.terminate(spec)
            return Observation("launch-failed", node.key, node.instance_id, error.message)
        return Observation("launched", node.key, node.instance_id, fault=self._fault(node), instance_type=kind)

    def _fault(self, node: Node) -> str | None:
        if self._core.faults.take("health_check_failure", node.group):
            return "efa"
        if self._core.provider.simulated and self._core.faults.take("lifecycle_failure", node.group):
            return "lifecycle"
        return None

    def _reimage(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        spec = node_spec(self._core.cloud, cluster, node)
        self._core.provider.terminate(spec)
        self._core.provider.launch(spec)
        fault = None
        if self._core.provider.simulated and self._core.faults.take("lifecycle_failure", node.group):
            fault = "lifecycle"
        return Observation("reimaged", node.key, node.instance_id, fault=fault)

    def _reboot(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        try:
            self._core.provider.reboot(node_spec(self._core.cloud, cluster, node))
        except LaunchError as error:
            return Observation("reboot-failed", node.key, node.instance_id, error.message)
        return Observation("rebooted", node.key, node.instance_id)

    def _end(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        self._core.provider.terminate(node_spec(self._core.cloud, cluster, node))
        if not cluster.eks:
            return Observation("ended", node.key, node.instance_id)
        # Nodes of EKS clusters come back with another address.
        self._outside.detach_interfaces(cluster, [node.key])
        with region.lock:
            placement = region.placer().take(cluster.settings, node.spec, 1)[0]
        return Observation("ended", node.key, node.instance_id, placements=(placement,))

    def _release(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        self._core.provider.terminate(node_spec(self._core.cloud, cluster, node))
        return Observation("ended", node.key, node.instance_id)

    def _check(self, region: Region, cluster: Cluster, node: Node) -> Observation:
        bad = self._core.faults.take("health_check_failure", node.group)
        return Observation("checked", node.key, node.instance_id, fault="deep" if bad else None)

    def _place(self, region: Region, cluster: Cluster, effect: Effect) -> Observation | None:
        with region.lock:
            try:
                group = cluster.groups[effect.key]
                placements = region.placer().take(cluster.settings, group.spec, effect.count)
            except ServiceError as error:
                log.warning("no place for %d nodes of %s: %s", effect.count, effect.key, error.message)
                self._later[cluster.arn, effect] = time.monotonic() + RETRY
                return None
        return Observation("placed", effect.key, placements=tuple(placements))

    def _prepare(self, cluster: Cluster, effects: list[Effect]) -> None:
        """Interfaces come before the instances that use them; all of a batch are saved at once."""
        nodes = [cluster.nodes[e.key] for e in effects if e.kind == "launch"]
        if nodes:
            self._outside.attach_interfaces(cluster, nodes)

    def _clean_up(self, cluster: Cluster, effects: list[Effect], seen: list[Observation]) -> None:
        ended = {o.key for o in seen if o.kind == "ended"}
        keys = [e.key for e in effects if e.kind == "release" and e.key in ended]
        if keys:
            self._outside.detach_interfaces(cluster, keys)

    def _write_notes(self) -> None:
        taken, self._core.notes[:] = list(self._core.notes), []
        by_cluster: dict[str, tuple[Cluster, list[Note]]] = {}
        for cluster, note in taken:
            by_cluster.setdefault(cluster.arn, (cluster, []))[1].append(note)
        for cluster, notes in by_cluster.values():
            self._outside.write_logs(cluster, notes)

    def _resume(self) -> None:
        """After a restart: start what should run and doesn't."""
        running = self._core.provider.running()
        for region in self._core.regions():
            with region.lock:
                clusters = list(region.clusters.values())
            for cluster in clusters:
                for node in cluster.nodes.values():
                    live = node.phase in _LIVE or (node.phase is Phase.FAILED and node.joined)
                    if not live or node.phase in LEAVING or node.instance_id in running:
                        continue
                    if self._stop.is_set():
                        return
                    self._restart(region, cluster, node)

    def _restart(self, region: Region, cluster: Cluster, node: Node) -> None:
        try:
            self._core.provider.launch(node_spec(self._core.cloud, cluster, node))
        except LaunchError as error:
            log.error("instance %s could not be started again: %s", node.instance_id, error.message)
            seen = Observation("launch-failed", node.key, node.instance_id, error.message)
            with region.lock:
                current = region.clusters.get(cluster.arn)
                if current is not None:
                    self._core.advance(region, current, current, observations=[seen])


_EFFECT_PHASE = {
    "launch": Phase.LAUNCH,
    "reboot": Phase.REBOOT,
    "reimage": Phase.REIMAGE,
    "end": Phase.REPLACE,
    "release": Phase.TERMINATE,
    "check": Phase.CHECK,
}


def _plan_is_full(region: Region, cluster: Cluster, node: Node) -> bool:
    """Whether the training plan of a node's group has fewer instances than nodes before this one."""
    group = cluster.groups.get(node.group)
    with region.lock:
        plan = region.plans.get(group.spec.get("TrainingPlanArn", "")) if group is not None else None
        if plan is None:
            return False
        served = [other.key for _cluster, other in region.plan_nodes(plan)[: plan.offering.count]]
    return node.key not in served
