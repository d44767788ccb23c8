# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster with continuous provisioning comes into being and follows its target counts. Pure, on a Draft.

Source: Developer Guide, "Continuous provisioning for enhanced cluster operations with Slurm".
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import messages
from local_cloud.hyperpod import roles
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.steps_node import terminate

if TYPE_CHECKING:
    from local_cloud.hyperpod.draft import Draft
    from local_cloud.hyperpod.model import Group
    from local_cloud.hyperpod.model import Node


def advance(d: Draft) -> None:
    """One step of everything that a continuous cluster does by itself."""
    if d.cluster.status == "Failed":
        return
    members = d.by_group()
    if d.cluster.job is not None and d.cluster.job.kind is JobKind.CREATE:
        _come_into_being(d, members)
        if d.cluster.status == "Failed":
            return
    _start_waiting(d, members)
    for name in list(d.groups):
        _follow_target(d, d.groups[name], members.get(name, []))
    _finish_operations(d)


def _come_into_being(d: Draft, members: dict[str, list[Node]]) -> None:
    job = d.cluster.job
    assert job is not None
    failure = job.doom
    ready = True
    if not d.cluster.eks:
        controllers = [n for name, nodes in members.items() if d.is_controller(name) for n in nodes]
        for node in controllers:
            if node.phase is Phase.FAILED and node.deadline is None:
                failure = failure or messages.provision_failed(node.instance_id, node.message or "")
        ready = any(n.joined for n in controllers) and _logins_ready(d, members)
    if failure is not None:
        for group in list(d.groups.values()):
            d.group(group, status="Failed", minimum_by=None)
        d.set(status="Failed", failure_message=failure, job=None)
        d.event(
            "Cluster",
            f"Cluster {d.cluster.name} creation failed",
            level="Error",
            metadata={"Cluster": {"FailureMessage": failure}},
        )
    elif ready:
        d.set(status="InService", job=None, failure_message=None)
        d.event("Cluster", f"Cluster {d.cluster.name} creation completed successfully")


def _logins_ready(d: Draft, members: dict[str, list[Node]]) -> bool:
    for name, nodes in members.items():
        if d.roles.types.get(name) == roles.LOGIN and d.groups[name].target > 0 and not any(n.joined for n in nodes):
            return False
    return True


def _start_waiting(d: Draft, members: dict[str, list[Node]]) -> None:
    """Nodes that wait for their turn (not for a time): the controller's come first."""
    up = d.cluster.eks or any(n.joined for name, nodes in members.items() if d.is_controller(name) for n in nodes)
    for name, nodes in members.items():
        if not up and not d.is_controller(name):
            continue
        for node in nodes:
            if node.phase is Phase.WAIT and node.deadline is None:
                d.node(node, phase=Phase.LAUNCH)


def _follow_target(d: Draft, group: Group, nodes: list[Node]) -> None:
    if group.deleting:
        for node in nodes:
            terminate(d, node)
        if not any(n.group == group.name for n in d.nodes.values()):
            d.drop_group(group.name)
        return
    # What never ran goes first, then the highest numbers.
    surplus = len(nodes) - group.target
    for node in sorted(nodes, key=lambda n: (n.joined, -n.index))[: max(surplus, 0)]:
        terminate(d, node)
    current = sum(n.joined for n in nodes)
    if group.status in ("Creating", "Updating"):
        coming = d.cluster.job is not None and d.cluster.job.kind is JobKind.CREATE
        if current >= group.minimum and not coming:
            if group.minimum:
                d.event(
                    "InstanceGroup",
                    f"Instance Group {group.name} in Cluster {d.cluster.name} reached its minimum capacity",
                    group=group.name,
                    metadata=_scaling(current, group),
                )
            d.group(group, status="InService", minimum_by=None, steady=(group.target, group.minimum))
        elif group.minimum_by is not None and d.now.virtual >= group.minimum_by:
            _minimum_missed(d, group, current)


def _minimum_missed(d: Draft, group: Group, current: int) -> None:
    target, minimum = group.steady
    d.event(
        "InstanceGroup",
        f"Instance Group {group.name} in Cluster {d.cluster.name} did not reach its minimum capacity within 3 hours. "
        "Rollback initiated.",
        level="Error",
        group=group.name,
        metadata=_scaling(current, group),
    )
    d.group(group, status="InService", target=target, minimum=minimum, minimum_by=None)


def _scaling(current: int, group: Group) -> dict[str, Any]:
    return {"InstanceGroupScaling": {"InstanceCount": current, "TargetCount": group.target, "MinCount": group.minimum}}


def _finish_operations(d: Draft) -> None:
    if not any(o.status == "InProgress" and o.type == "Scaling" for o in d.cluster.operations):
        return
    settled = {name: _settled(d, name) for name in d.groups}
    operations = list(d.cluster.operations)
    for i, operation in enumerate(operations):
        if operation.status != "InProgress" or operation.type != "Scaling":
            continue
        scaling = tuple(
            {**s, "Status": "Done"} if s["Status"] == "InProgress" and settled.get(s["InstanceGroupName"], True) else s
            for s in operation.scaling
        )
        done = all(s["Status"] != "InProgress" for s in scaling)
        operations[i] = dataclasses.replace(operation, scaling=scaling, status="Done" if done else "InProgress")
        for before, after in zip(operation.scaling, scaling, strict=True):
            if before != after:
                name = after["InstanceGroupName"]
                d.event(
                    "InstanceGroup",
                    f"Instance Group {name} scaling in Cluster {d.cluster.name} completed successfully",
                    group=name,
                )
    d.set(operations=tuple(operations))


def _settled(d: Draft, name: str) -> bool:
    """The group has exactly its target of nodes that run, and none on the way out. A group that is gone is settled."""
    group = d.groups.get(name)
    if group is None:
        return True
    nodes = [n for n in d.nodes.values() if n.group == name]
    return len(nodes) == group.target and all(n.joined for n in nodes)
