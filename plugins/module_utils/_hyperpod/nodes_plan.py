# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about nodes: from what exists and what is wanted to the calls to make. Pure.

Limits of the calls: service model of botocore 1.44.5 and the API reference of each call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.plans import Call
from .members import Chosen
from .members import Member
from .members import choose
from .members import controller_groups
from .members import no_cluster
from .members import problem_of_status
from .naming import counted
from .waiters import BUSY
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping
    from collections.abc import Sequence

ABSENT = "absent"
ADDED = "added"
REBOOTED = "rebooted"
REPLACED = "replaced"

# Model: IncrementTargetCountBy up to 50, and 50 nodes in all groups of a request.
MAX_ADD = 50
# "If you need to delete more than 99 instances, contact Support"; with logical ids "a combined maximum of 50".
MAX_DELETE = 99
MAX_DELETE_LOGICAL = 50
MAX_RECOVER = 25
_MAX_TOKEN = 64
_TOKEN = re.compile(r"[\x21-\x7E]{1,64}")


@dataclass(frozen=True)
class Operation:
    """A call that acts on single nodes: its name, and the member of a node's failure that has the code."""

    name: str
    code: str


OPERATIONS = {
    ABSENT: Operation("BatchDeleteClusterNodes", "Code"),
    ADDED: Operation("BatchAddClusterNodes", "ErrorCode"),
    REBOOTED: Operation("BatchRebootClusterNodes", "ErrorCode"),
    REPLACED: Operation("BatchReplaceClusterNodes", "ErrorCode"),
}


@dataclass(frozen=True)
class Wish:
    """What the user wants.

    Attributes:
        state: one of the four.
        nodes: names of nodes, of any kind; not with ADDED.
        group: instance group that nodes are added to.
        count: how many to add.
        target_count: or how many the group is to have at least.
        token: makes adding idempotent; never empty with ADDED.
    """

    cluster: str
    state: str
    nodes: tuple[str, ...] = ()
    group: str | None = None
    count: int | None = None
    target_count: int | None = None
    zones: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    token: str = ""


@dataclass(frozen=True)
class NodesPlan:
    """What to do.

    Attributes:
        targets: nodes to act on, by the user's names.
        joined: nodes on which just this is under way already: only waited for.
        missing: names that no node has; that is what ABSENT wants, and a refusal for the others.
        adding: how many nodes are added.
        calls: in this order.
        refusal: why nothing may be done; then there are no calls.
        busy: the service is at work on the cluster: plan again when it is not; the calls are those of now.
    """

    targets: dict[str, Member] = field(default_factory=dict)
    joined: dict[str, Member] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    adding: int = 0
    calls: tuple[Call, ...] = ()
    refusal: str | None = None
    busy: bool = False


def plan_nodes(described: Mapping[str, Any] | None, members: Sequence[Member], wish: Wish) -> NodesPlan:
    """Decide. Every answer has either a refusal or (perhaps no) calls, never both."""
    problem = _wrong(wish)
    if problem:
        return NodesPlan(refusal=problem)
    if wish.state == ADDED:
        return _plan_added(described, members, wish)
    chosen = choose(wish.nodes, members)
    if chosen.problems:
        return NodesPlan(refusal=f"Nodes of cluster {wish.cluster}: {'; '.join(chosen.problems)}")
    if described is None:
        if wish.state == ABSENT:
            return NodesPlan(missing=tuple(chosen.missing))
        return NodesPlan(refusal=no_cluster(wish.cluster))
    return _refused(described, chosen, wish) or _plan_chosen(described, chosen, wish)


def _wrong(wish: Wish) -> str | None:
    """What an option says that no cluster can make sense of."""
    if wish.state != ADDED:
        return None if wish.nodes else "nodes is empty: name at least one node"
    for option, value, least in (("count", wish.count, 1), ("target_count", wish.target_count, 0)):
        if value is not None and value < least:
            return f"{option}: {value}, at least {least}"
    if not _TOKEN.fullmatch(wish.token):
        return f"client_token: {wish.token!r} is not 1 to 64 printable ASCII characters without blanks"
    return None


def _refused(described: Mapping[str, Any], chosen: Chosen, wish: Wish) -> NodesPlan | None:
    if chosen.missing and wish.state != ABSENT:
        return NodesPlan(
            refusal=f"Cluster {wish.cluster} has no such nodes: {', '.join(chosen.missing)}. Nothing was changed;"
            " hyperpod_cluster_info with include_nodes lists the nodes"
        )
    controllers = controller_groups(described)
    named = [f"{name} (group {node.group})" for name, node in chosen.found.items() if node.group in controllers]
    if named and wish.state != REBOOTED:
        return NodesPlan(
            refusal=f"The Slurm controller can't be {_verb(wish.state)}: {', '.join(named)}. Nothing was changed. Leave"
            " it out of nodes; it can be rebooted, and hyperpod_software gives it a new root volume"
        )
    problem = problem_of_status(described) if chosen.found else None
    return NodesPlan(refusal=problem) if problem else None


def _verb(state: str) -> str:
    return "deleted" if state == ABSENT else state


def _plan_chosen(described: Mapping[str, Any], chosen: Chosen, wish: Wish) -> NodesPlan:
    targets, joined = dict(chosen.found), {}
    if wish.state == ABSENT:
        joined = {name: node for name, node in targets.items() if node.status == "ShuttingDown"}
        targets = {name: node for name, node in targets.items() if name not in joined}
    operation = OPERATIONS[wish.state].name
    calls = tuple(
        Call(
            operation,
            {"ClusterName": wish.cluster, **identifiers(batch)},
            f"{counted(len(batch), 'node is', 'nodes are')} to be {_verb(wish.state)}",
        )
        for batch in batches(wish.state, targets.values())
    )
    busy = bool(targets) and described["ClusterStatus"] in BUSY
    return NodesPlan(targets, joined, tuple(chosen.missing), calls=calls, busy=busy)


def batches(state: str, members: Iterable[Member]) -> Iterator[list[Member]]:
    """Nodes in portions that one call takes; nodes without an instance (they go by logical id) come last."""
    ordered = sorted(members, key=lambda node: node.instance_id is None)
    while ordered:
        size = MAX_RECOVER
        if state == ABSENT:
            size = MAX_DELETE_LOGICAL if ordered[:MAX_DELETE][-1].instance_id is None else MAX_DELETE
        yield ordered[:size]
        ordered = ordered[size:]


def identifiers(batch: Iterable[Member]) -> dict[str, list[str]]:
    """The nodes in a request: by instance id, or by logical id where there is no instance."""
    ids = [node.instance_id for node in batch if node.instance_id]
    logical = [node.key for node in batch if not node.instance_id]
    return {**({"NodeIds": ids} if ids else {}), **({"NodeLogicalIds": logical} if logical else {})}


def _plan_added(described: Mapping[str, Any] | None, members: Iterable[Member], wish: Wish) -> NodesPlan:
    groups = {str(group["InstanceGroupName"]): group for group in groups_of(described or {})}
    refusal = _no_addition(described, sorted(groups), wish)
    if described is None or refusal:
        return NodesPlan(refusal=refusal)
    joined = {}
    if wish.target_count is not None:
        joined = {
            node.key: node
            for node in members
            if node.group == wish.group and node.status not in ("Running", "ShuttingDown")
        }
        count = max(0, wish.target_count - int(groups[str(wish.group)].get("TargetCount", 0)))
        reason = f"group {wish.group} is to have at least {counted(wish.target_count, 'node')}"
    else:
        count = wish.count or 0
        reason = f"{counted(count, 'more node is', 'more nodes are')} wanted in group {wish.group}"
    if count and wish.group in controller_groups(described):
        return NodesPlan(
            refusal=f"Group {wish.group} of cluster {wish.cluster} is the Slurm controller's, which has one node in"
            " Continuous mode: add nodes to another group"
        )
    busy = bool(count) and described["ClusterStatus"] in BUSY
    return NodesPlan(joined=joined, adding=count, calls=tuple(_additions(wish, count, reason)), busy=busy)


def _no_addition(described: Mapping[str, Any] | None, groups: Sequence[str], wish: Wish) -> str | None:
    """Why nothing can be added to this group; None when something can."""
    if described is None:
        return no_cluster(wish.cluster)
    if described.get("NodeProvisioningMode") != "Continuous":
        return (
            f"Nodes can be added one by one only where node_provisioning_mode is Continuous, and cluster {wish.cluster}"
            " is not: raise instance_count of the group by hyperpod_cluster"
        )
    if wish.group not in groups:
        return f"Cluster {wish.cluster} has no instance group {wish.group}; it has {', '.join(groups)}"
    return problem_of_status(described)


def _additions(wish: Wish, count: int, reason: str) -> Iterator[Call]:
    number = 0
    while count > 0:
        part = min(count, MAX_ADD)
        item: dict[str, Any] = {"InstanceGroupName": wish.group, "IncrementTargetCountBy": part}
        if wish.zones:
            item["AvailabilityZones"] = list(wish.zones)
        if wish.types:
            item["InstanceTypes"] = list(wish.types)
        number += 1
        suffix = "" if number == 1 else f".{number}"
        token = f"{wish.token[: _MAX_TOKEN - len(suffix)]}{suffix}"
        yield Call(
            OPERATIONS[ADDED].name,
            {"ClusterName": wish.cluster, "ClientToken": token, "NodesToAdd": [item]},
            reason,
        )
        count -= part
