# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster without continuous provisioning changes: all or nothing. And deletion, for all. Pure, on a Draft."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from local_cloud.hyperpod import messages
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import group_from_dict
from local_cloud.hyperpod.steps_node import terminate

if TYPE_CHECKING:
    from local_cloud.hyperpod.draft import Draft
    from local_cloud.hyperpod.model import Job
    from local_cloud.hyperpod.model import Node

_BEFORE_BOOT = frozenset({Phase.WAIT, Phase.LAUNCH, Phase.BOOT})


def advance(d: Draft, job: Job) -> None:
    """One step of the job of a cluster whose creation and update are all or nothing."""
    if job.kind in (JobKind.CREATE, JobKind.UPDATE):
        _change(d, job)
    elif job.kind is JobKind.ROLLBACK:
        _roll_back(d, job)


def _change(d: Draft, job: Job) -> None:
    failure = _failure(d, job)
    if failure is not None:
        _give_up(d, job, failure)
        return
    added = [d.nodes[key] for key in job.added if key in d.nodes]
    if any(node.phase is not Phase.RUN for node in added):
        return
    _shrink(d)
    if d.leaving():
        return
    for group in list(d.groups.values()):
        if group.deleting:
            d.drop_group(group.name)
        else:
            d.group(group, status="InService", steady=(group.target, group.minimum))
    d.set(status="InService", job=None, failure_message=None)


def _failure(d: Draft, job: Job) -> str | None:
    if job.doom is not None and (not job.doom_at_controller or _controller_booted(d)):
        return job.doom
    for key in job.added:
        node = d.nodes.get(key)
        if node is not None and node.phase is Phase.FAILED and node.deadline is None:
            return messages.provision_failed(node.instance_id, node.message or "")
    return None


def _controller_booted(d: Draft) -> bool:
    """The agent on a controller has read its files. Without a controller nobody reads them: then at once."""
    controllers = [n for n in d.nodes.values() if d.is_controller(n.group)]
    return not controllers or any(n.phase not in _BEFORE_BOOT for n in controllers)


def _shrink(d: Draft) -> None:
    """End the nodes that are too many, the highest numbers first, and all of groups that go."""
    for name, nodes in d.by_group().items():
        group = d.groups[name]
        keep = 0 if group.deleting else group.target
        for node in nodes[keep:] if len(nodes) > keep else []:
            terminate(d, node)


def _give_up(d: Draft, job: Job, failure: str) -> None:
    added = set(job.added)
    for node in list(d.nodes.values()):
        if job.previous is None or node.key in added:
            terminate(d, node)
    if job.previous is None:
        d.set(status="RollingBack", job=dataclasses.replace(job, kind=JobKind.ROLLBACK, failure=failure, doom=None))
        return
    before = {name: group_from_dict(data) for name, data in job.previous["groups"].items()}
    for name, group in list(d.groups.items()):
        if name in before:
            # What a software update or a deletion of single nodes has changed since stays; the request goes.
            d.group(group, spec=before[name].spec, target=before[name].target, minimum=before[name].minimum)
            d.group(d.groups[name], deleting=False, status="Updating")
        else:
            d.group(group, deleting=True)
    d.set(
        status="RollingBack",
        settings=job.previous["settings"],
        legacy=job.previous.get("legacy"),
        job=dataclasses.replace(job, kind=JobKind.ROLLBACK, failure=failure, doom=None),
    )


def _roll_back(d: Draft, job: Job) -> None:
    if d.leaving():
        return
    for group in list(d.groups.values()):
        if job.previous is None:
            d.group(group, status="Failed")
        elif group.deleting:
            d.drop_group(group.name)
        else:
            d.group(group, status="InService", steady=(group.target, group.minimum))
    d.set(
        status="Failed" if job.previous is None else "InService",
        failure_message=job.failure,
        job=None,
    )


def delete(d: Draft) -> None:
    """Deletion: every node ends, then the cluster is gone."""
    nodes: list[Node] = list(d.nodes.values())
    for node in nodes:
        terminate(d, node)
    if not d.nodes:
        d.gone = True
