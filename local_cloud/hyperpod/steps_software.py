# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UpdateClusterSoftware: groups get another image, batch by batch; a failure takes it back. Pure, on a Draft."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import roles
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import Purpose

if TYPE_CHECKING:
    from local_cloud.hyperpod.draft import Draft
    from local_cloud.hyperpod.draft import Observation
    from local_cloud.hyperpod.model import Group
    from local_cloud.hyperpod.model import GroupUpdate

_READY = (Phase.RUN, Phase.FAILED)


def advance(d: Draft) -> None:
    """One step of all running software updates, and of the cluster's job when they are over."""
    names = [n for n, g in d.groups.items() if g.updating]
    if names:
        first = min(_rank(d, name) for name in names)
        for name in names:
            # The controller's group comes first: the others' daemons can't start without it.
            if _rank(d, name) == first:
                _advance_group(d, d.groups[name])
    job = d.cluster.job
    if job is None or job.kind is not JobKind.SOFTWARE:
        return
    if any(g.updating for g in d.groups.values()):
        return
    failures = [g.update.message for g in d.groups.values() if g.update is not None and g.update.failed]
    d.set(status="InService", job=None, failure_message=failures[0] if failures else None)


def batch_size(config: dict[str, Any], total: int, rollback: bool) -> int:
    """Nodes that may be updated at a time; without a policy all."""
    policy = config.get("RollingUpdatePolicy", {})
    size = policy.get("RollbackMaximumBatchSize") if rollback else None
    size = size or policy.get("MaximumBatchSize")
    if size is None:
        return max(total, 1)
    if size["Type"] == "CAPACITY_PERCENTAGE":
        return max(1, math.floor(total * int(size["Value"]) / 100))
    return int(size["Value"])


def _rank(d: Draft, name: str) -> int:
    return roles.RANK.get(d.roles.types.get(name, ""), 3)


def _advance_group(d: Draft, group: Group) -> None:
    update = group.update
    assert update is not None
    if update.status == "Pending":
        update = dataclasses.replace(update, status="InProgress")
        strategy = "rolling" if update.config.get("RollingUpdatePolicy") else "all at once"
        d.event(
            "InstanceGroup",
            f"UpdateClusterSoftware initiated for IG {group.name} in Cluster {d.cluster.name} using {strategy} "
            "strategy.",
            group=group.name,
        )
        group = d.group(group, update=update, status="SystemUpdating")
    batch = [d.nodes[key] for key in update.batch if key in d.nodes]
    if batch:
        if any(node.phase not in _READY or node.deadline is not None for node in batch):
            return
        failed = [node for node in batch if node.phase is Phase.FAILED]
        if failed and update.status == "InProgress":
            reason = (
                f'Instance {failed[0].instance_id} failed to update with the following error: "{failed[0].message}"'
            )
            _start_rollback(d, group, update, reason)
            return
        update = dataclasses.replace(
            update, batch=(), next_batch=d.now.virtual + float(update.config.get("WaitIntervalInSeconds", 0))
        )
        group = d.group(group, update=update)
    todo = _launch_with_image(d, group, [key for key in update.todo if key in d.nodes])
    if not todo:
        _finish(d, group, update)
    elif d.now.virtual >= update.next_batch:
        _next_batch(d, group, update, todo)


def _launch_with_image(d: Draft, group: Group, todo: list[str]) -> list[str]:
    """Nodes without an instance need no new root volume, only the image; the keys of the others."""
    image_id, release = group.desired_image
    for key in todo:
        if d.nodes[key].phase is Phase.WAIT:
            d.node(d.nodes[key], image_id=image_id, release=release, previous_image=None)
    return [key for key in todo if d.nodes[key].phase is not Phase.WAIT]


def _next_batch(d: Draft, group: Group, update: GroupUpdate, todo: list[str]) -> None:
    rollback = update.status == "RollbackInProgress"
    image_id, release = group.desired_image
    total = sum(1 for n in d.nodes.values() if n.group == group.name)
    size = batch_size(update.config, total, rollback)
    chosen = [d.nodes[key] for key in todo][:size]
    if any(node.phase not in _READY for node in chosen):
        return  # busy with something else (reboot, replacement): comes when that is over
    for node in chosen:
        d.event(
            "Instance",
            f"Root volume replacement started for Instance {node.instance_id} in IG {group.name}.",
            group=group.name,
            instance_id=node.instance_id,
        )
        d.node(
            node,
            phase=Phase.REIMAGE,
            purpose=Purpose.ROLLBACK if rollback else Purpose.UPDATE,
            deadline=None,
            spec=group.spec,
            previous_image=None if rollback else (node.image_id, node.release),
            image_id=image_id,
            release=release,
            root_volume=node.root_volume + 1,
            token=d.env.ids.token(),
            attempt=1,
            seen_document=None,
        )
    keys = tuple(node.key for node in chosen)
    d.group(group, update=dataclasses.replace(update, batch=keys, todo=tuple(k for k in todo if k not in keys)))


def alarm(d: Draft, seen: Observation) -> None:
    """An alarm of AutoRollbackConfiguration has gone off: the update of its group goes back."""
    group = d.groups.get(seen.key)
    if group is not None and group.update is not None and group.update.status == "InProgress":
        reason = f"CloudWatch alarm {seen.message} of AutoRollbackConfiguration is in ALARM state."
        _start_rollback(d, group, group.update, reason)


def _start_rollback(d: Draft, group: Group, update: GroupUpdate, message: str) -> None:
    d.event(
        "InstanceGroup",
        f"UpdateClusterSoftware failed for IG {group.name} in Cluster {d.cluster.name}. Initiating rollback.",
        level="Error",
        group=group.name,
        metadata={"InstanceGroup": {"FailureMessage": message}},
    )
    # Besides those that were updated, what was launched since has the new image.
    back = tuple(n.key for n in d.members(group.name) if n.key not in update.todo)
    update = dataclasses.replace(
        update, status="RollbackInProgress", todo=back, batch=(), next_batch=0.0, failed=True, message=message
    )
    d.group(group, update=update)


def _finish(d: Draft, group: Group, update: GroupUpdate) -> None:
    members = d.members(group.name)
    for node in members:
        d.node(node, previous_image=None, purpose=Purpose.CREATE if node.phase is Phase.RUN else node.purpose)
    broken = any(n.phase is Phase.FAILED for n in members)
    if update.status == "InProgress":
        d.group(
            group,
            status="InService",
            image_id=update.image_id,
            release=update.release,
            update=dataclasses.replace(update, status="Succeeded"),
        )
        text, level = "UpdateClusterSoftware completed successfully", "Info"
    else:
        status = "Failed" if broken else "RollbackComplete"
        d.group(group, status="Degraded" if broken else "InService", update=dataclasses.replace(update, status=status))
        text, level = "Failed to complete UpdateClusterSoftware", "Error"
    d.event("InstanceGroup", f"{text} for IG {group.name} in Cluster {d.cluster.name}.", level=level, group=group.name)
