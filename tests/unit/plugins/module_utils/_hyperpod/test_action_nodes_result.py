# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers and listings mean for each node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import Member
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import CALM
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import PATIENCE
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import failure_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import judge_answer
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import look_at
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import mark_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import progress_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_result import result_of

NODE = Member("key", "i-1", "key", "w", "t", "ip-10-0-0-1", "Running", None)
BARE = replace(NODE, key="i-1", logical_id=None)


def seen(state: str, node: Member, *listings: list[Member], continuous: bool = False) -> dict[str, Any]:
    mark = mark_of("name", node)
    for listing in listings:
        look_at(state, [mark], listing, continuous, ["i-0", "i-1"])
    return mark


def status(name: str, node: Member = NODE, **more: Any) -> list[Member]:
    return [replace(node, status=name, **more)]


def test_answers_sort_the_nodes() -> None:
    batch = [replace(NODE, key=key, instance_id=f"i-{key}") for key in "abcde"]
    batch.append(replace(NODE, key="f", instance_id=None))
    answer = {
        "Successful": ["i-a"],
        "SuccessfulNodeLogicalIds": ["f"],
        "Failed": [
            {"NodeId": "i-b", "ErrorCode": "InstanceIdInUse", "Message": "busy"},
            {"NodeId": "i-c", "ErrorCode": "InternalServerError", "Message": "m"},
            {"NodeId": "i-d", "ErrorCode": "InstanceIdNotFound", "Message": "m"},
        ],
    }
    judged = judge_answer("rebooted", batch, answer)
    assert judged.accepted == ["a", "f"]
    assert judged.again == ["c"]
    assert judged.failed["b"] == ("InstanceIdInUse", "busy")
    assert judged.failed["d"][0] == "InstanceIdNotFound"
    assert judged.failed["e"][0] == "NoAnswer"


def failed(code: str, member: str = "ErrorCode", repeated: int = 0) -> dict[str, Any]:
    error = {"NodeId": "i-1", member: code, "Message": "m"}
    return {"Failed": [error], "ResponseMetadata": {"RetryAttempts": repeated}}


def test_what_is_gone_already_is_absent() -> None:
    assert judge_answer("absent", [NODE], failed("NodeIdNotFound", "Code")).gone == ["key"]
    logical = {"FailedNodeLogicalIds": [{"NodeLogicalId": "key", "Code": "NodeIdNotFound", "Message": "m"}]}
    assert judge_answer("absent", [replace(NODE, instance_id=None)], logical).gone == ["key"]


@pytest.mark.parametrize(
    ("state", "code", "repeated", "before", "accepted"),
    [
        ("rebooted", "InvalidInstanceStatus", 1, "Running", True),
        ("rebooted", "InvalidInstanceStatus", 0, "Running", False),
        ("rebooted", "InvalidInstanceStatus", 1, "Pending", False),
        ("rebooted", "InstanceIdNotFound", 1, "Running", False),
        ("replaced", "InstanceIdInUse", 2, "Failure", True),
        ("replaced", "InstanceIdNotFound", 1, "Running", True),
    ],
)
def test_a_lost_answer_is_found_out(state: str, code: str, repeated: int, before: str, accepted: bool) -> None:
    judged = judge_answer(state, [replace(NODE, status=before)], failed(code, repeated=repeated))
    assert bool(judged.accepted) == accepted
    assert bool(judged.failed) != accepted


def test_a_reboot_is_over_when_the_node_runs_again() -> None:
    assert seen("rebooted", NODE, status("Pending"), status("Running"))["result"] == "rebooted"
    assert seen("rebooted", NODE, [], status("Running"))["result"] == "rebooted"
    assert seen("rebooted", NODE, status("Running"))["result"] == "requested"
    assert seen("rebooted", NODE, *[status("Running")] * CALM)["result"] == "rebooted"


def test_failures_are_final_only_where_the_service_does_not_try_again() -> None:
    listings = [status("Failure", message="no script")] * PATIENCE
    mark = seen("rebooted", NODE, *listings)
    assert (mark["result"], mark["code"], mark["message"]) == ("failed", "Failure", "no script")
    assert seen("rebooted", NODE, *listings, continuous=True)["result"] == "requested"
    assert seen("rebooted", NODE, *listings[:-1], status("Pending"), *listings[:-1])["result"] == "requested"
    assert seen("rebooted", NODE, *[status("Failure")] * PATIENCE)["message"] == "The node is in state Failure."


def test_a_message_of_a_node_that_runs_is_an_old_one() -> None:
    mark = seen("rebooted", NODE, status("Pending", message="m"))
    assert result_of(mark)["message"] == "m"
    look_at("rebooted", [mark], status("Running", message="m"), False)
    assert "message" not in result_of(mark)


def test_a_replacement_has_another_id() -> None:
    fresh = status("Running", instance_id="i-2")
    mark = seen("replaced", NODE, status("ShuttingDown"), [], status("Pending", instance_id="i-2"))
    assert mark["result"] == "requested"
    look_at("replaced", [mark], fresh, False)
    told = result_of(mark)
    assert (told["result"], told["instance_id"], told["previous_instance_id"]) == ("replaced", "i-2", "i-1")
    assert seen("replaced", NODE, *[status("Running")] * 9)["result"] == "requested"


def test_without_logical_ids_the_successor_is_found_by_name_or_group() -> None:
    slurm = replace(BARE, key="i-2", instance_id="i-2")
    other = replace(BARE, key="i-3", instance_id="i-3", hostname="ip-10-0-0-9")
    foreign = replace(other, key="i-4", instance_id="i-4", group="x")
    old = replace(other, key="i-0", instance_id="i-0")
    assert seen("replaced", BARE, [foreign, old, other, slurm])["instance_id"] == "i-2"
    assert seen("replaced", BARE, [foreign, old, other])["instance_id"] == "i-3"
    assert seen("replaced", BARE, [foreign, old])["status"] == "NotFound"
    twins = [mark_of("a", BARE), mark_of("b", replace(BARE, key="i-5", instance_id="i-5"))]
    look_at("replaced", twins, [slurm, other], False, ["i-1", "i-5"])
    assert {mark["instance_id"] for mark in twins} == {"i-2", "i-3"}
    look_at("replaced", twins, [slurm, other], False, ["i-1", "i-5"])
    assert {mark["instance_id"] for mark in twins} == {"i-2", "i-3"}


def test_a_node_is_gone_when_its_instance_is() -> None:
    assert seen("absent", NODE, status("ShuttingDown"))["result"] == "requested"
    assert seen("absent", NODE, status("ShuttingDown"), [])["result"] == "absent"
    by_id = mark_of("i-1", NODE)
    look_at("absent", [by_id], status("Pending", instance_id="i-2"), False)
    assert by_id["result"] == "absent"
    stays = seen("absent", NODE, *[status("Running")] * PATIENCE)
    assert (stays["result"], stays["code"]) == ("failed", "NotDeleted")
    assert "may have been replaced" in stays["message"]


def test_an_added_node_runs() -> None:
    assert seen("added", NODE, status("Failure"), status("Running"), continuous=True)["result"] == "added"


def test_texts() -> None:
    marks = [{**mark_of(name, NODE), "result": result} for name, result in (("a", "rebooted"), ("b", "failed"))]
    marks += [mark_of("c", replace(NODE, status="Pending")), mark_of("d", NODE)]
    assert progress_text("rebooted", marks) == "1/4 rebooted, 1 pending, 1 about to begin, 1 given up"
    assert progress_text("absent", marks[2:3]) == "0/1 deleted, 1 pending"
    bad = [{**mark_of(f"n{n}", NODE), "result": "failed", "code": "C", "message": "m"} for n in range(7)]
    text = failure_text("demo", "absent", bad)
    assert text.startswith("7 of 7 nodes of cluster demo were not deleted: n0: C: m; n1")
    assert text.endswith("and 2 more")
