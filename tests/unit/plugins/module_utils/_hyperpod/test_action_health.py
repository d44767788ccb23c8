# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every branch of the plan for deep health checks, and what their outcome is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import CALM
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import HealthWish
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import is_over
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import look_at
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import mark_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import plan_health
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import progress_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import result_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health import same_check
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import Member

CHECKS = ("InstanceStress",)


def cluster(status: str = "InService", groups: int = 2) -> dict[str, Any]:
    names = [{"InstanceGroupName": f"g{number}"} for number in range(groups)]
    return {"ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": names}


def member(number: int, group: str = "g0", status: str = "Running") -> Member:
    return Member(f"k{number}-k", f"i-{number:017x}", f"k{number}-k", group, "t", None, status, None)


def test_the_whole_cluster_some_groups_and_some_nodes() -> None:
    nodes = [member(1), member(2, "g1"), replace(member(3, "g1"), instance_id=None)]
    whole = plan_health(cluster(), nodes, HealthWish("demo", CHECKS))
    assert [item["InstanceGroupName"] for item in whole.configurations] == ["g0", "g1"]
    assert whole.targets == (nodes[0], nodes[1])
    mixed = plan_health(cluster(), nodes, HealthWish("demo", (*CHECKS, *CHECKS), ("g0", "g0"), ("k1-k", "k2-k")))
    assert mixed.configurations == [
        {"InstanceGroupName": "g0", "DeepHealthChecks": ["InstanceStress"]},
        {"InstanceGroupName": "g1", "InstanceIds": [nodes[1].instance_id], "DeepHealthChecks": ["InstanceStress"]},
    ]
    assert mixed.calls[0].reason == "nodes of g0, g1 are to be checked"


def test_limits_of_the_call() -> None:
    nodes = [member(number) for number in range(1200)]
    planned = plan_health(cluster(), nodes, HealthWish("demo", CHECKS, (), tuple(node.key for node in nodes)))
    assert [len(item["InstanceIds"]) for item in planned.configurations] == [500, 500, 200]
    many = plan_health(cluster(groups=100), [], HealthWish("demo", CHECKS))
    assert [len(call.request["DeepHealthCheckConfigurations"]) for call in many.calls] == [99, 1]


@pytest.mark.parametrize(
    ("described", "wish", "words"),
    [
        (cluster(), HealthWish("demo", ()), "deep_health_checks is empty"),
        (cluster(), HealthWish("demo", CHECKS, (), ("a b",)), "nodes[0]: 'a b'"),
        (None, HealthWish("demo", CHECKS), "There is no cluster demo"),
        (cluster(), HealthWish("demo", CHECKS, ("x",), ("i-00000000",)), "groups x and no nodes i-00000000"),
        (cluster(), HealthWish("demo", CHECKS, (), ("k7-k",)), "no instance yet: k7-k"),
        (cluster("Failed"), HealthWish("demo", CHECKS), "is Failed"),
    ],
)
def test_refusals(described: dict[str, Any] | None, wish: HealthWish, words: str) -> None:
    planned = plan_health(described, [replace(member(7), instance_id=None)], wish)
    assert words in str(planned.refusal)
    assert planned.calls == ()


def test_a_busy_cluster_is_waited_for_and_the_calls_are_known_by_now() -> None:
    planned = plan_health(cluster("Updating"), [member(1)], HealthWish("demo", CHECKS))
    assert planned.busy
    assert planned.calls == plan_health(cluster(), [member(1)], HealthWish("demo", CHECKS)).calls


def test_the_same_check_whatever_its_order() -> None:
    one = {"InstanceGroupName": "g", "InstanceIds": ["i-1", "i-2"], "DeepHealthChecks": ["a", "b"]}
    other = {"InstanceGroupName": "g", "InstanceIds": ["i-2", "i-1"], "DeepHealthChecks": ["b", "a"]}
    assert same_check({"DeepHealthCheckDetails": [one]}, [other])
    assert not same_check({"DeepHealthCheckDetails": [one]}, [{**other, "DeepHealthChecks": ["a"]}])
    assert not same_check({}, [one])


def test_it_is_over_when_the_service_says_so_or_nothing_is_checked() -> None:
    idle = [mark_of(member(1))]
    checked = [mark_of(member(1, status="DeepHealthCheckInProgress"))]
    assert not is_over([{"Status": "InProgress"}, {"Status": "Done"}], idle, 9)
    assert is_over([{"Status": "Done"}], checked, 1)
    assert not is_over([], idle, CALM - 1)
    assert is_over([], idle, CALM)
    assert not is_over([], checked, CALM)


def outcome(*statuses: str, over: bool = True, **more: Any) -> dict[str, Any]:
    mark = mark_of(member(1))
    for number, status in enumerate(statuses, 1):
        last = number == len(statuses)
        look_at([mark], [replace(member(1, status=status), **(more if last else {}))], over and last)
    return mark


def test_outcomes() -> None:
    checking = "DeepHealthCheckInProgress"
    assert outcome(checking, "Running")["result"] == "passed"
    assert outcome(checking, "Running", over=False)["result"] == "requested"
    assert outcome("Running")["result"] == "skipped"
    assert outcome(checking, "Failure", message="GPU")["result"] == "failed"
    assert outcome(checking, "Pending")["result"] == "requested"
    assert outcome(checking, "ShuttingDown")["result"] == "replaced"
    fresh = result_of(outcome(checking, "Pending", instance_id="i-2", message="GPU lost"))
    assert (fresh["result"], fresh["previous_instance_id"][:2], fresh["message"]) == ("replaced", "i-", "GPU lost")
    gone = mark_of(member(1))
    look_at([gone], [], True)
    look_at([gone], [member(1)], True)
    assert (gone["result"], gone["status"]) == ("replaced", "NotFound")


def test_progress() -> None:
    marks = [{**mark_of(member(1)), "result": result} for result in ("passed", "replaced", "requested")]
    marks.append(mark_of(member(2, status="DeepHealthCheckInProgress")))
    assert progress_text(marks) == "1/4 passed, 1 replaced, 1 Running, 1 in deep health check"
