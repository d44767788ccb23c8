# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each node: of the calls' answers, and of what was seen afterwards. Pure.

A mark is what is known of one node on the way; JSON takes it from slice to slice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .naming import counted
from .nodes_plan import ABSENT
from .nodes_plan import ADDED
from .nodes_plan import OPERATIONS
from .nodes_plan import REBOOTED
from .nodes_plan import REPLACED
from .progress import states_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .members import Member

Mark = dict[str, Any]

# Looks at a node in state Failure after which it is given up, where the service doesn't try again by itself.
PATIENCE = 5
# Looks at a running node after which its reboot is over, when it was never seen to be down.
CALM = 3

_GONE = frozenset({"NodeIdNotFound", "InstanceIdNotFound"})
# What a call that is repeated says of nodes that the first one has taken on.
_TAKEN = frozenset({"InstanceIdInUse", "NodeIdInUse", "InvalidInstanceStatus", "InvalidNodeStatus"})
_BROKEN = "InternalServerError"


def mark_of(name: str, node: Member) -> Mark:
    """Where a node begins."""
    return {
        "name": name,
        "key": node.key,
        "group": node.group,
        "hostname": node.hostname,
        "before": node.instance_id,
        "instance_id": node.instance_id,
        "logical_id": node.logical_id,
        "status": node.status,
        "message": None,
        "result": "requested",
        "code": None,
        "moved": False,
        "looks": 0,
        "bad": 0,
        "stays": 0,
    }


def is_open(mark: Mapping[str, Any]) -> bool:
    """It is still waited for."""
    return bool(mark["result"] == "requested")


@dataclass(frozen=True)
class Judged:
    """What an answer says of its nodes, by key: ``accepted``, ``again`` (broken, worth another try), ``failed``."""

    accepted: list[str]
    gone: list[str]
    again: list[str]
    failed: dict[str, tuple[str, str]]


def judge_answer(state: str, batch: Sequence[Member], answer: Mapping[str, Any]) -> Judged:
    """Sort the nodes of a call by its answer.

    When the SDK had to repeat the call, the first one may have been carried out and its answer lost: then a node that
    was free before and is in use now, or has another instance already, is ours.
    """
    code = OPERATIONS[state].code
    good = {*answer.get("Successful", []), *answer.get("SuccessfulNodeLogicalIds", [])}
    bad = {item["NodeId"]: item for item in answer.get("Failed", [])}
    bad.update({item["NodeLogicalId"]: item for item in answer.get("FailedNodeLogicalIds", [])})
    repeated = bool(answer.get("ResponseMetadata", {}).get("RetryAttempts"))
    judged = Judged([], [], [], {})
    for node in batch:
        identifier = node.instance_id or node.key
        error = bad.get(identifier)
        if identifier in good:
            judged.accepted.append(node.key)
        elif error is None:
            judged.failed[node.key] = ("NoAnswer", "The service's answer does not mention this node.")
        elif error[code] in _GONE and state == ABSENT:
            judged.gone.append(node.key)
        elif repeated and node.status in ("Running", "Failure") and error[code] in _lost(state):
            judged.accepted.append(node.key)
        elif error[code] == _BROKEN:
            judged.again.append(node.key)
        else:
            judged.failed[node.key] = (str(error[code]), str(error.get("Message", "")))
    return judged


def _lost(state: str) -> frozenset[str]:
    """Codes by which a repeated call may tell that the first one was carried out."""
    return _TAKEN | _GONE if state == REPLACED else _TAKEN


def look_at(
    state: str, marks: Iterable[Mark], members: Sequence[Member], continuous: bool, known: Iterable[str] = ()
) -> None:
    """Bring the open marks up to date with a listing.

    Args:
        continuous: the service tries again by itself what failed, so a failure is not the end.
        known: ids of instances that were there before.
    """
    by_key = {node.key: node for node in members}
    by_id = {node.instance_id: node for node in members if node.instance_id}
    todo = [mark for mark in marks if is_open(mark)]
    for mark in todo:
        node = by_key.get(mark["key"]) or by_id.get(mark["before"])
        if node is None and state == REPLACED:
            node = _successor(mark, todo, members, known)
        mark["looks"] += 1
        mark["status"] = node.status if node else "NotFound"
        mark["moved"] = mark["moved"] or mark["status"] != "Running"
        # What was said of a node stays although it runs again.
        mark["message"] = node.message if node and node.status != "Running" else None
        mark["bad"] = mark["bad"] + 1 if mark["status"] == "Failure" else 0
        if node is not None:
            mark.update(instance_id=node.instance_id, hostname=node.hostname or mark["hostname"])
        _conclude(state, mark, node, continuous)


def _conclude(state: str, mark: Mark, node: Member | None, continuous: bool) -> None:
    running = mark["status"] == "Running"
    if state == ABSENT:
        _conclude_absent(mark, node)
        return
    if state == REBOOTED:
        done = running and (mark["moved"] or mark["looks"] >= CALM)
    elif state == REPLACED:
        done = running and mark["instance_id"] != mark["before"]
    else:
        done = running
    if done:
        mark["result"] = state
    elif not continuous and mark["bad"] >= PATIENCE:
        mark.update(result="failed", code="Failure", message=mark["message"] or "The node is in state Failure.")


def _conclude_absent(mark: Mark, node: Member | None) -> None:
    if node is None or (mark["before"] and node.instance_id != mark["before"] and mark["name"] == mark["before"]):
        mark["result"] = ABSENT
    elif mark["status"] == "ShuttingDown":
        mark["stays"] = 0
    else:
        # It was to leave, and doesn't, or not any more.
        mark["stays"] += 1
        if mark["stays"] >= PATIENCE:
            text = f"The node is {mark['status']} and not being deleted: it may have been replaced meanwhile."
            mark.update(result="failed", code="NotDeleted", message=mark["message"] or text)


def _successor(mark: Mark, marks: Iterable[Mark], members: Iterable[Member], known: Iterable[str]) -> Member | None:
    """The new instance of a node without a logical id: on Slurm it keeps the host name, on EKS only the group."""
    taken = {other["instance_id"] for other in marks if other is not mark} | {*known, mark["before"]}
    fresh = [node for node in members if node.group == mark["group"] and node.instance_id not in taken]
    same = [node for node in fresh if node.hostname == mark["hostname"]]
    return next(iter(same or fresh), None)


def progress_text(state: str, marks: Sequence[Mapping[str, Any]]) -> str:
    """``3/25 rebooted, 20 pending, 2 failed``."""
    done = sum(mark["result"] == state for mark in marks)
    failed = sum(mark["result"] == "failed" for mark in marks)
    states = Counter(str(mark["status"]) for mark in marks if is_open(mark))
    if states.get("Running"):
        states["about to begin"] = states.pop("Running")
    parts = [f"{done}/{len(marks)} {'deleted' if state == ABSENT else state}", *states_text(states)]
    if failed:
        parts.append(f"{failed} given up")
    return ", ".join(parts)


def result_of(mark: Mapping[str, Any]) -> dict[str, Any]:
    """A node as the module returns it."""
    result = {
        "name": mark["name"],
        "instance_group_name": mark["group"],
        "instance_id": mark["instance_id"],
        "node_logical_id": mark["logical_id"],
        "hostname": mark["hostname"],
        "status": mark["status"],
        "result": mark["result"],
    }
    if mark["before"] != mark["instance_id"]:
        result["previous_instance_id"] = mark["before"]
    for key in ("code", "message"):
        if mark[key]:
            result[key] = mark[key]
    return result


def failure_text(cluster: str, state: str, marks: Sequence[Mapping[str, Any]]) -> str:
    """``2 of 30 nodes of cluster demo were not rebooted: i-...: InstanceIdInUse: ...``."""
    failed = [mark for mark in marks if mark["result"] == "failed"]
    verb = {ABSENT: "deleted", ADDED: "added"}.get(state, state)
    shown = [f"{mark['name']}: {mark['code']}: {mark['message']}".rstrip(": ") for mark in failed[:5]]
    if len(failed) > len(shown):
        shown.append(f"and {len(failed) - len(shown)} more")
    return f"{len(failed)} of {counted(len(marks), 'node')} of cluster {cluster} were not {verb}: {'; '.join(shown)}"
