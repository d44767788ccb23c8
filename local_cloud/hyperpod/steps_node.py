# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one node moves on: by what its instance reports, and by time. Pure, on a Draft."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from local_cloud.hyperpod import messages
from local_cloud.hyperpod import timings
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.instance_types import accelerated
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import Purpose

if TYPE_CHECKING:
    from local_cloud.hyperpod.draft import Draft
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Node

_STARTING = frozenset({Phase.LAUNCH, Phase.BOOT, Phase.REIMAGE})


def observe(d: Draft, seen: Observation) -> None:
    """Apply one observation. What is told of an instance that the node no longer has is ignored."""
    node = d.nodes.get(seen.key)
    if node is None or node.instance_id != seen.instance_id:
        return
    handler = _HANDLERS.get(seen.kind)
    if handler is not None:
        handler(d, node, seen)


def _launched(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is not Phase.LAUNCH:
        return
    node = _started(d, node, seen)
    patience = timings.BOOT if d.env.simulated else timings.BOOT_PATIENCE * d.env.speed
    d.node(node, phase=Phase.BOOT, deadline=d.now.virtual + patience, fault=seen.fault)


def _started(d: Draft, node: Node, seen: Observation) -> Node:
    d.event(
        "Instance",
        f"EC2 Instance {node.instance_id} successfully provisioned in Cluster {d.cluster.name} and IG {node.group}",
        group=node.group,
        instance_id=node.instance_id,
        metadata={"Instance": {"NodeLogicalId": node.key}},
    )
    return d.node(node, created=d.now.wall, instance_type=seen.instance_type or node.instance_type)


def _launch_failed(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase in _STARTING:
        fail(d, node, seen.message, final=seen.capacity, launched=False)


def _booted(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.LAUNCH:
        node = _started(d, node, seen)
    if node.phase in _STARTING:
        after_boot(d, node)
    elif node.phase in (Phase.REBOOT, Phase.REBOOTING):
        _run(d, node, "reboot")


def after_boot(d: Draft, node: Node) -> None:
    """The instance is up: hardware checks are over (they come before the lifecycle script), then the script."""
    if node.fault == "efa":
        fail(d, node, messages.EFA)
        return
    if not runs_lifecycle(d.cluster, node):
        _provisioned(d, node)
        return
    if has_script(node):
        d.note(node, "[SageMaker] Downloading lifecycle scripts")
    deadline = d.now.virtual + timings.LIFECYCLE if d.env.simulated else None
    d.node(node, phase=Phase.LIFECYCLE, deadline=deadline)
    d.event(
        "Instance",
        f"Instance lifecycle script execution for EC2 Instance {node.instance_id} has Started",
        group=node.group,
        instance_id=node.instance_id,
        metadata={"Instance": {"LcsExecutionState": "Started", "NodeLogicalId": node.key}},
    )


def has_script(node: Node) -> bool:
    """The group of the node names a lifecycle script."""
    lifecycle = node.spec.get("LifeCycleConfig") or {}
    return bool(lifecycle.get("OnCreate") or lifecycle.get("OnInitComplete"))


def runs_lifecycle(cluster: Cluster, node: Node) -> bool:
    """Something runs on the node before it joins: its script, or (Slurm, without OnCreate) the image's own set-up."""
    return not cluster.eks or has_script(node)


def _lifecycle_succeeded(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.LAUNCH:
        node = _started(d, node, seen)
    if node.phase is Phase.LIFECYCLE or node.phase in _STARTING:
        if has_script(node):
            d.note(node, "[SageMaker] The lifecycle scripts succeeded.")
        d.event(
            "Instance",
            f"Instance lifecycle script execution for EC2 Instance {node.instance_id} has Succeeded",
            group=node.group,
            instance_id=node.instance_id,
            metadata={"Instance": {"LcsExecutionState": "Succeeded", "NodeLogicalId": node.key}},
        )
        _provisioned(d, node)


def _lifecycle_failed(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.LIFECYCLE or node.phase in _STARTING:
        d.note(node, "[SageMaker] The lifecycle scripts failed.")
        reason = messages.lifecycle_failed(d.cluster.log_group, node.group, node.instance_id)
        d.event(
            "Instance",
            f"Instance lifecycle script execution for EC2 Instance {node.instance_id} has Failed. To view lifecycle "
            f"script logs, visit log group {d.cluster.log_group} and log stream "
            f"LifecycleConfig/{node.group}/{node.instance_id}",
            level="Error",
            group=node.group,
            instance_id=node.instance_id,
            metadata={"Instance": {"LcsExecutionState": "Failed", "FailureMessage": reason, "NodeLogicalId": node.key}},
        )
        fail(d, node, reason, final=True)


def _provisioned(d: Draft, node: Node) -> None:
    checks = node.spec.get("OnStartDeepHealthChecks")
    if checks and accelerated(node.instance_type) and node.purpose in (Purpose.CREATE, Purpose.REPLACE):
        d.node(node, phase=Phase.CHECK, deadline=None)
    else:
        _run(d, node, "creation")


def _run(d: Draft, node: Node, operation: str) -> None:
    updated = d.now.wall if node.purpose in (Purpose.UPDATE, Purpose.ROLLBACK) else node.updated
    if not node.joined:
        suffix = f"in Cluster {d.cluster.name} and IG {node.group} completed successfully"
        d.event(
            "Instance",
            f"Instance {operation} {node.instance_id} {suffix}",
            group=node.group,
            instance_id=node.instance_id,
            metadata={"Instance": {"NodeLogicalId": node.key}},
        )
    d.node(
        node,
        phase=Phase.RUN,
        deadline=None,
        joined=True,
        message=None,
        failures=0,
        fault=None,
        updated=updated,
        purpose=Purpose.CREATE if operation == "creation" else node.purpose,
    )


def _checked(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.CHECK:
        d.node(node, phase=Phase.HEALTH, deadline=d.now.virtual + timings.DEEP_HEALTH_CHECK, fault=seen.fault)


def _health_over(d: Draft, node: Node) -> None:
    where = f"Region: {d.cluster.region}, InstanceType: {node.instance_type.removeprefix('ml.')}."
    if node.fault != "deep":
        d.health_note(node, "info", f"Deep health checks passed. {where}")
        _run(d, node, "creation")
        return
    d.health_note(node, "error", f"Encountered FaultyInstance. Replace the Instance. {where}")
    if not node.joined:
        fail(d, node, messages.DEEP_HEALTH)
    elif d.cluster.automatic_recovery and not d.is_controller(node.group):
        replace(d, node, messages.DEEP_HEALTH)
    else:
        d.node(node, phase=Phase.FAILED, deadline=None, message=messages.DEEP_HEALTH, fault=None)


def _rebooted(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.REBOOT:
        patience = timings.REBOOT if d.env.simulated else timings.BOOT_PATIENCE * d.env.speed
        d.node(node, phase=Phase.REBOOTING, deadline=d.now.virtual + patience)


def _reboot_failed(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase in (Phase.REBOOT, Phase.REBOOTING):
        d.node(node, phase=Phase.FAILED, deadline=None, message=seen.message)


def _reimaged(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.REIMAGE:
        patience = timings.REIMAGE if d.env.simulated else timings.BOOT_PATIENCE * d.env.speed
        d.node(node, phase=Phase.BOOT, deadline=d.now.virtual + patience, fault=seen.fault)


def _ended(d: Draft, node: Node, seen: Observation) -> None:
    if node.phase is Phase.REPLACE:
        new_id = d.env.ids.instance_id()
        changed = d.node(
            node,
            instance_id=new_id,
            token=d.env.ids.token(),
            root_volume=1,
            attempt=1,
            created=d.now.wall,
            seen_document=None,
            fault=None,
            phase=Phase.WAIT if d.env.simulated else Phase.LAUNCH,
            deadline=d.now.virtual + timings.REPLACE_END if d.env.simulated else None,
        )
        if seen.placements:
            d.node(changed, placement=seen.placements[0])
        d.event(
            "Instance",
            f"Instance {new_id} is starting as part of instance replacement in Cluster {d.cluster.name} and IG "
            f"{node.group}",
            group=node.group,
            instance_id=new_id,
            metadata={"Instance": {"NodeLogicalId": node.key}},
        )
    elif node.phase is Phase.TERMINATE:
        if d.env.simulated:
            d.node(node, phase=Phase.DRAIN, deadline=d.now.virtual + timings.TERMINATE)
        else:
            d.drop(node)


def replace(d: Draft, node: Node, message: str | None = None) -> None:
    """Give the node another instance: same name and address, a new id, empty disks."""
    d.event(
        "Instance",
        f"Termination of EC2 Instance {node.instance_id} is currently in progress in Cluster {d.cluster.name} and IG "
        f"{node.group}",
        group=node.group,
        instance_id=node.instance_id,
        metadata={"Instance": {"NodeLogicalId": node.key}},
    )
    purpose = Purpose.REPLACE if node.joined or node.purpose is Purpose.REPLACE else Purpose.CREATE
    group = d.groups.get(node.group)
    image_id, release = group.desired_image if group else (node.image_id, node.release)
    if group is not None and group.update is not None and node.key in group.update.todo:
        # The new instance has the image of a running software update from the start.
        todo = tuple(key for key in group.update.todo if key != node.key)
        d.group(group, update=dataclasses.replace(group.update, todo=todo))
    d.node(
        node,
        phase=Phase.REPLACE,
        purpose=purpose,
        deadline=None,
        joined=False,
        message=message,
        spec=group.spec if group else node.spec,
        previous_image=None,
        image_id=image_id,
        release=release,
    )


def terminate(d: Draft, node: Node) -> None:
    """End the node for good."""
    if node.phase in LEAVING:
        return
    d.event(
        "Instance",
        f"Termination of EC2 Instance {node.instance_id} is currently in progress in Cluster {d.cluster.name} and IG "
        f"{node.group}",
        group=node.group,
        instance_id=node.instance_id,
        metadata={"Instance": {"NodeLogicalId": node.key}},
    )
    d.node(node, phase=Phase.TERMINATE, deadline=None)


def fail(d: Draft, node: Node, message: str, *, final: bool = False, launched: bool = True) -> None:
    """The node could not be provisioned. What follows depends on why it is provisioned, and on the cluster's mode.

    ``final``: an error that a retry doesn't cure (no capacity, lifecycle script): fatal for a controller that a
    continuous cluster needs to come into being.
    """
    failures = node.failures + 1
    d.event(
        "Instance",
        f"Instance creation in Cluster {d.cluster.name} and InstanceGroup {node.group} failed",
        level="Error",
        group=node.group,
        instance_id=node.instance_id if launched else None,
        metadata={"Instance": {"FailureMessage": message, "NodeLogicalId": node.key}},
    )
    deadline: float | None = None
    instance_id = node.instance_id
    phase = Phase.FAILED
    fault: str | None = None
    if node.purpose is Purpose.UPDATE:
        # The same script on the same root volume fails again.
        fault = node.fault if node.fault == "lifecycle" else None
        if node.attempt < timings.UPDATE_ATTEMPTS and launched:
            deadline = d.now.virtual + timings.UPDATE_RETRY
    elif _retried(d, node, final, failures):
        deadline = d.now.virtual + timings.backoff(failures)
        if not launched:
            phase = Phase.WAIT
            instance_id = d.env.ids.instance_id()
    d.node(
        node, phase=phase, deadline=deadline, message=message, failures=failures, fault=fault, instance_id=instance_id
    )


def _retried(d: Draft, node: Node, final: bool, failures: int) -> bool:
    if node.purpose is Purpose.ROLLBACK or _fatal(d, node, final):
        return False
    return d.cluster.continuous or (not _job_needs(d, node) and failures < timings.REPLACE_ATTEMPTS)


def _fatal(d: Draft, node: Node, final: bool) -> bool:
    creating = d.cluster.job is not None and d.cluster.job.kind is JobKind.CREATE
    return final and creating and d.is_controller(node.group)


def _job_needs(d: Draft, node: Node) -> bool:
    return d.cluster.job is not None and node.key in d.cluster.job.added


def tick(d: Draft, node: Node) -> None:
    """The node's deadline has passed."""
    _TICKS.get(node.phase, _no_deadline)(d, node)


def _wait_over(d: Draft, node: Node) -> None:
    d.node(node, phase=Phase.LAUNCH, deadline=None)


def _boot_over(d: Draft, node: Node) -> None:
    if d.env.simulated:
        after_boot(d, node)
    else:
        fail(d, node, messages.BOOTSTRAP)


def _lifecycle_over(d: Draft, node: Node) -> None:
    outcome = _lifecycle_failed if node.fault == "lifecycle" else _lifecycle_succeeded
    outcome(d, node, Observation("", node.key))


def _reboot_over(d: Draft, node: Node) -> None:
    if d.env.simulated:
        _run(d, node, "reboot")
    else:
        d.node(node, phase=Phase.FAILED, deadline=None, message=messages.BOOTSTRAP)


def _failed_over(d: Draft, node: Node) -> None:
    if node.purpose is Purpose.UPDATE:
        deadline = d.now.virtual + timings.LIFECYCLE if d.env.simulated else None
        d.note(node, "[SageMaker] Downloading lifecycle scripts")
        d.node(node, phase=Phase.LIFECYCLE, attempt=node.attempt + 1, deadline=deadline)
    else:
        replace(d, node, node.message)


def _no_deadline(d: Draft, node: Node) -> None:
    d.node(node, deadline=None)


_TICKS = {
    Phase.WAIT: _wait_over,
    Phase.BOOT: _boot_over,
    Phase.LIFECYCLE: _lifecycle_over,
    Phase.HEALTH: _health_over,
    Phase.REBOOTING: _reboot_over,
    Phase.DRAIN: lambda d, node: d.drop(node),
    Phase.FAILED: _failed_over,
}

_HANDLERS = {
    "launched": _launched,
    "launch-failed": _launch_failed,
    "booted": _booted,
    "lifecycle-succeeded": _lifecycle_succeeded,
    "lifecycle-failed": _lifecycle_failed,
    "checked": _checked,
    "rebooted": _rebooted,
    "reboot-failed": _reboot_failed,
    "reimaged": _reimaged,
    "ended": _ended,
}
