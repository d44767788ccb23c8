# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a description means to who waits, and the line that tells it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import progress
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import deleted
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import deletion_worth_retrying
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import in_service
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import settled
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import short_groups
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.progress import line


def cluster(status: str, *counts: tuple[int, int], **more: Any) -> dict[str, Any]:
    groups = [
        {"InstanceGroupName": f"g{index}", "CurrentCount": current, "TargetCount": target}
        for index, (current, target) in enumerate(counts)
    ]
    return {"ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": groups, **more}


CONTINUOUS = {"NodeProvisioningMode": "Continuous"}


@pytest.mark.parametrize(
    ("described", "seen", "done", "failed"),
    [
        (cluster("InService", (1, 1)), [], True, None),
        (cluster("InService", (1, 2)), [], True, None),
        (cluster("InService", (1, 2), **CONTINUOUS), [], False, None),
        (cluster("InService", (2, 2), **CONTINUOUS), [], True, None),
        (cluster("InService", (3, 2), **CONTINUOUS), [], False, None),
        (cluster("Creating"), [], False, None),
        (cluster("Updating"), [], False, None),
        (cluster("SystemUpdating"), [], False, None),
        (cluster("RollingBack"), [], False, None),
        (cluster("Failed", FailureMessage="no capacity"), [], False, "no capacity"),
        (cluster("Failed"), [], False, "the service gives no reason"),
        (cluster("Deleting"), ["Creating"], False, "the cluster is being deleted by somebody else"),
        (None, [], False, None),
        (None, ["Creating"], False, "the cluster is gone: somebody else has deleted it"),
    ],
)
def test_in_service(described: dict[str, Any] | None, seen: list[str], done: bool, failed: str | None) -> None:
    verdict = in_service(described, seen)
    assert (verdict.done, verdict.failed) == (done, failed)


def test_active_operations_are_waited_for() -> None:
    described = cluster("InService", (2, 2), **CONTINUOUS)
    described["InstanceGroups"][0]["ActiveOperations"] = {"Scaling": 1}
    assert not in_service(described, []).done


def test_a_group_that_goes_is_waited_for() -> None:
    described = cluster("InService", (2, 2), (0, 0), **CONTINUOUS)
    assert in_service(described, []).done
    described["InstanceGroups"][1]["Status"] = "Deleting"
    assert not in_service(described, []).done
    assert progress.state_text(described, []) == "InService | g0 0/2 running | g1 0/0 running, to be deleted"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"Description": "Node  started\n", "EventLevel": "Info"}, "newest event: Node started"),
        ({"Description": "No capacity", "EventLevel": "Error"}, "newest event: Error: No capacity"),
        ({"Description": "x" * 200}, f"newest event: {'x' * 117}..."),
    ],
)
def test_the_newest_event_ends_the_line(event: dict[str, Any], text: str) -> None:
    assert progress.state_text(cluster("InService"), [], event) == f"InService | {text}"


def test_restricted_groups_count_as_well() -> None:
    restricted = [{"InstanceGroupName": "r", "CurrentCount": 0, "TargetCount": 1}]
    described = cluster("InService", (2, 2), RestrictedInstanceGroups=restricted, **CONTINUOUS)
    assert not in_service(described, []).done
    assert short_groups(described) == restricted


@pytest.mark.parametrize(
    ("described", "seen", "done", "failed"),
    [
        (None, ["Deleting"], True, None),
        (cluster("Deleting"), [], False, None),
        (cluster("InService"), [], False, None),
        (cluster("Failed"), [], False, None),
        (
            cluster("Failed", FailureMessage="DeleteNetworkInterface"),
            ["Deleting"],
            False,
            "deletion ended with the cluster Failed: DeleteNetworkInterface",
        ),
    ],
)
def test_deleted(described: dict[str, Any] | None, seen: list[str], done: bool, failed: str | None) -> None:
    verdict = deleted(described, seen)
    assert (verdict.done, verdict.failed) == (done, failed)


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ("InService", True),
        ("Failed", True),
        ("Creating", False),
        ("Updating", False),
        ("RollingBack", False),
        ("SystemUpdating", False),
        ("Deleting", False),
    ],
)
def test_settled(status: str, done: bool) -> None:
    assert settled(cluster(status), []).done is done


def test_settled_when_gone() -> None:
    assert settled(None, []).done


@pytest.mark.parametrize(
    ("message", "worth"),
    [
        ("RequestLimitExceeded when calling DeleteNetworkInterface", True),
        ("Throttling: rate exceeded", True),
        ("the role can't be assumed", False),
    ],
)
def test_deletions_are_repeated_after_throttles_only(message: str, worth: bool) -> None:
    assert deletion_worth_retrying(message) is worth


def node(group: str, status: str) -> dict[str, Any]:
    return {"InstanceGroupName": group, "InstanceId": "i-1", "InstanceStatus": {"Status": status}}


def test_the_line_tells_nodes_by_state_per_group() -> None:
    nodes = [node("g0", "Running"), *[node("g1", "Running")] * 12, *[node("g1", "Pending")] * 3, node("g1", "Failure")]
    text = progress.state_text(cluster("Creating", (1, 1), (12, 16)), nodes)
    assert line("demo", 3730.9, text) == (
        "demo 01:02:10 Creating | g0 1/1 running | g1 12/16 running, 3 pending, 1 failed"
    )


def test_states_without_nodes_and_unknown_states() -> None:
    assert progress.state_text(None, []) == "not there"
    text = progress.state_text(cluster("Creating", (0, 2)), [node("g0", "Thinking"), node("g0", "ShuttingDown")])
    assert text == "Creating | g0 0/2 running, 1 shutting down, 1 Thinking"
