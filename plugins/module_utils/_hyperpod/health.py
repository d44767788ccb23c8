# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deep health checks: what to start, and what became of each node. Pure.

Source: StartClusterHealthCheck in the service model ("DescribeClusterNode tracks progress; unhealthy nodes are rebooted
or replaced"), and the Developer Guide on deep health checks: instances without accelerators are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.plans import Call
from .members import Chosen
from .members import Member
from .members import choose
from .members import no_cluster
from .members import problem_of_status
from .waiters import BUSY
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping
    from collections.abc import Sequence

Mark = dict[str, Any]

CHECKING = "DeepHealthCheckInProgress"
# Shapes DeepHealthCheckConfigurations and InstanceIds of the service model.
_MAX_CONFIGURATIONS = 99
_MAX_IDS = 500
# Looks after which a check is over that the service doesn't list, when no node is (any more) checked.
CALM = 3


@dataclass(frozen=True)
class HealthWish:
    """What the user wants: which checks, of whole groups and of single nodes; neither means the whole cluster."""

    cluster: str
    checks: tuple[str, ...]
    groups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class HealthPlan:
    """What to do.

    Attributes:
        targets: nodes that are checked.
        calls: in this order.
        refusal: why nothing may be done; then there are no calls.
        busy: the service is at work on the cluster: plan again when it is not; the calls are those of now.
    """

    targets: tuple[Member, ...] = ()
    calls: tuple[Call, ...] = ()
    refusal: str | None = None
    busy: bool = False

    @property
    def configurations(self) -> list[dict[str, Any]]:
        """All that is asked for."""
        return [item for call in self.calls for item in call.request["DeepHealthCheckConfigurations"]]


def plan_health(described: Mapping[str, Any] | None, members: Sequence[Member], wish: HealthWish) -> HealthPlan:
    """Decide."""
    chosen = choose(wish.nodes, members)
    refusal = _refusal(described, chosen, wish)
    if described is None or refusal:
        return HealthPlan(refusal=refusal)
    there = [str(group["InstanceGroupName"]) for group in groups_of(described)]
    whole = list(dict.fromkeys(wish.groups or ([] if wish.nodes else there)))
    single = [node for node in chosen.found.values() if node.group not in whole]
    targets = (*(node for node in members if node.group in whole and node.instance_id), *single)
    calls = tuple(_calls(wish, list(_configurations(wish, whole, single))))
    return HealthPlan(targets, calls, busy=described["ClusterStatus"] in BUSY)


def _refusal(described: Mapping[str, Any] | None, chosen: Chosen, wish: HealthWish) -> str | None:
    """Why nothing may be done; None when something may."""
    if not wish.checks:
        return "deep_health_checks is empty: name at least one check"
    if chosen.problems:
        return f"Nodes of cluster {wish.cluster}: {'; '.join(chosen.problems)}"
    if described is None:
        return no_cluster(wish.cluster)
    there = {str(group["InstanceGroupName"]) for group in groups_of(described)}
    unknown = [name for name in wish.groups if name not in there]
    absent = [f"instance groups {', '.join(unknown)}"] if unknown else []
    absent += [f"nodes {', '.join(chosen.missing)}"] if chosen.missing else []
    early = [name for name, node in chosen.found.items() if not node.instance_id]
    if absent:
        return f"Cluster {wish.cluster} has no {' and no '.join(absent)}. Nothing was started"
    if early:
        return f"Nodes of cluster {wish.cluster} that have no instance yet: {', '.join(early)}"
    return problem_of_status(described)


def _configurations(wish: HealthWish, whole: Iterable[str], single: Sequence[Member]) -> Iterator[dict[str, Any]]:
    checks = list(dict.fromkeys(wish.checks))
    for name in whole:
        yield {"InstanceGroupName": name, "DeepHealthChecks": checks}
    for name in dict.fromkeys(node.group for node in single):
        ids = [str(node.instance_id) for node in single if node.group == name]
        for begin in range(0, len(ids), _MAX_IDS):
            part = ids[begin : begin + _MAX_IDS]
            yield {"InstanceGroupName": name, "InstanceIds": part, "DeepHealthChecks": checks}


def _calls(wish: HealthWish, configurations: list[dict[str, Any]]) -> Iterator[Call]:
    for begin in range(0, len(configurations), _MAX_CONFIGURATIONS):
        part = configurations[begin : begin + _MAX_CONFIGURATIONS]
        groups = ", ".join(dict.fromkeys(item["InstanceGroupName"] for item in part))
        yield Call(
            "StartClusterHealthCheck",
            {"ClusterName": wish.cluster, "DeepHealthCheckConfigurations": part},
            f"nodes of {groups} are to be checked",
        )


def _normal(configurations: Iterable[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return sorted(
        (
            str(item["InstanceGroupName"]),
            tuple(sorted(item.get("InstanceIds", []))),
            tuple(sorted(item["DeepHealthChecks"])),
        )
        for item in configurations
    )


def same_check(operation: Mapping[str, Any], configurations: Iterable[Mapping[str, Any]]) -> bool:
    """An operation (answer of DescribeClusterOperation) is just the check that is asked for."""
    return _normal(operation.get("DeepHealthCheckDetails", [])) == _normal(configurations)


def mark_of(node: Member) -> Mark:
    """Where a node begins."""
    return {
        "key": node.key,
        "group": node.group,
        "instance_type": node.instance_type,
        "hostname": node.hostname,
        "before": node.instance_id,
        "instance_id": node.instance_id,
        "status": node.status,
        "message": None,
        "checked": node.status == CHECKING,
        "result": "requested",
    }


def look_at(marks: Iterable[Mark], members: Sequence[Member], over: bool) -> None:
    """Bring the marks up to date with a listing. ``over``: the service calls the check done."""
    by_key = {node.key: node for node in members}
    by_id = {node.instance_id: node for node in members if node.instance_id}
    for mark in marks:
        if mark["result"] != "requested":
            continue
        node = by_key.get(mark["key"]) or by_id.get(mark["before"])
        mark["status"] = node.status if node else "NotFound"
        mark["checked"] = mark["checked"] or mark["status"] == CHECKING
        if node is not None:
            mark["instance_id"] = node.instance_id
        mark["message"] = node.message if node and node.status != "Running" else None
        if over:
            mark["result"] = _outcome(mark, node)


def is_over(operations: Iterable[Mapping[str, Any]], marks: Iterable[Mapping[str, Any]], looks: int) -> bool:
    """The check is done, as the operations say that were begun by it; where there are none, as the nodes say."""
    statuses = [operation.get("Status") for operation in operations]
    if statuses:
        return "InProgress" not in statuses
    return looks >= CALM and all(mark["status"] != CHECKING for mark in marks)


def _outcome(mark: Mark, node: Member | None) -> str:
    """What the state of a node means when the check is over."""
    if node is None or node.status == "ShuttingDown" or node.instance_id != mark["before"]:
        mark["message"] = mark["message"] or "The node did not pass, and the service replaces it."
        return "replaced"
    if node.status == "Running":
        return "passed" if mark["checked"] else "skipped"
    if node.status == "Failure":
        return "failed"
    return "requested"


def progress_text(marks: Sequence[Mapping[str, Any]]) -> str:
    """``3/16 passed, 12 in deep health check, 1 replaced``."""
    counts: dict[str, int] = {}
    for mark in marks:
        word = mark["result"]
        if word == "requested":
            word = "in deep health check" if mark["status"] == CHECKING else f"{mark['status']}"
        counts[word] = counts.get(word, 0) + 1
    passed = counts.pop("passed", 0)
    return ", ".join([f"{passed}/{len(marks)} passed", *(f"{count} {word}" for word, count in counts.items())])


def result_of(mark: Mapping[str, Any]) -> dict[str, Any]:
    """A node as the module returns it."""
    result = {
        "instance_group_name": mark["group"],
        "instance_id": mark["instance_id"],
        "instance_type": mark["instance_type"],
        "hostname": mark["hostname"],
        "status": mark["status"],
        "result": mark["result"],
    }
    if mark["before"] != mark["instance_id"]:
        result["previous_instance_id"] = mark["before"]
    if mark["message"]:
        result["message"] = mark["message"]
    return result
