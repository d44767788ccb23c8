# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiting loop: when it looks, when it speaks, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiting import ClusterWaiter
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import Journey
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import Slice
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import WaitFailed

ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"


def answer(stubber: Any, status: str, **more: Any) -> None:
    group = {"InstanceGroupName": "w", "CurrentCount": 0, "TargetCount": 2}
    described = {"ClusterArn": ARN, "ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": [group], **more}
    stubber.add_response("describe_cluster", described)


def no_nodes(stubber: Any) -> None:
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": []})


def event(stubber: Any) -> None:
    told = {
        "EventId": "0f0e0d0c-0b0a-0908-0706-050403020100",
        "ClusterArn": ARN,
        "ClusterName": "demo",
        "ResourceType": "Cluster",
        "EventTime": 0,
        "Description": "started",
    }
    stubber.add_response("list_cluster_events", {"Events": [told]})


def waiter(client: Any, clock: Any, sliced: bool = False, timeout: float = 600) -> ClusterWaiter:
    return ClusterWaiter(client, "demo", timeout, 10, sliced, clock.time, clock.sleep)


def journey(clock: Any, goal: str = "in_service") -> Journey:
    return Journey(started=clock.now, goal=goal)


def test_it_looks_at_once_and_then_after_each_delay(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    for status in ("Creating", "Creating", "InService"):
        answer(stubber, status)
    described = waiter(client, clock).wait(journey(clock))
    assert described is not None
    assert described["ClusterStatus"] == "InService"
    assert clock.slept == [10, 10]


def test_a_deletion_ends_with_nothing(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    answer(stubber, "Deleting")
    stubber.add_client_error("describe_cluster", "ResourceNotFound", "gone")
    assert waiter(client, clock).wait(journey(clock, "deleted")) is None


def test_failure(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    answer(stubber, "Failed", FailureMessage="no capacity")
    with pytest.raises(WaitFailed) as caught:
        waiter(client, clock).wait(journey(clock))
    assert (caught.value.message, caught.value.timed_out) == ("no capacity", False)


def test_time_is_up(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    for _dummy in range(4):
        answer(stubber, "Creating")
    with pytest.raises(WaitFailed) as caught:
        waiter(client, clock, timeout=30).wait(journey(clock))
    assert caught.value.timed_out
    assert caught.value.message == "Creating | w 0/2 running"


def test_nothing_passing_ends_a_wait(sagemaker: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, stubber = sagemaker
    troubles = [
        *[botocore.exceptions.ConnectionClosedError(endpoint_url="http://e")] * 4,
        botocore.exceptions.EndpointConnectionError(endpoint_url="http://e"),
        *[
            botocore.exceptions.ClientError(
                {"Error": {"Code": "Odd", "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": 502}},
                "DescribeCluster",
            )
        ]
        * 4,
    ]
    answer(stubber, "InService")
    real = client.describe_cluster

    def disturbed(**arguments: Any) -> Any:
        if troubles:
            raise troubles.pop(0)
        return real(**arguments)

    monkeypatch.setattr(client, "describe_cluster", disturbed)
    described = waiter(client, clock).wait(journey(clock))
    assert described is not None
    assert troubles == []
    assert sum(clock.slept) >= 30 - 1e-6


def test_a_refusal_ends_it(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error("describe_cluster", "AccessDeniedException", "not you")
    with pytest.raises(Exception, match="not you"):
        waiter(client, clock).wait(journey(clock))


def test_slices_end_when_something_changes_and_take_up_where_they_were(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    way = journey(clock)
    shown = []
    for status in ("Creating", "Creating", "InService", "InService"):
        answer(stubber, status, NodeProvisioningMode="Continuous")
        no_nodes(stubber)
        event(stubber)
    for _dummy in range(2):
        with pytest.raises(Slice) as part:
            waiter(client, clock, sliced=True).wait(way)
        shown.append(part.value.line)
        way = Journey(**json.loads(json.dumps(way.token())))
    assert shown == [
        "demo 00:00:00 Creating | w 0/2 running | newest event: started",
        "demo 00:00:20 InService | w 0/2 running | newest event: started",
    ]
    assert way.seen == ["Creating", "InService"]
    complete = [{"InstanceGroupName": "w", "CurrentCount": 2, "TargetCount": 2}]
    answer(stubber, "InService", InstanceGroups=complete)
    # the fourth answer above is the same as the third: nothing to show
    no_nodes(stubber)
    waiter(client, clock, sliced=True).wait(way)
    assert clock.slept == [10, 10, 10, 10]


def test_a_heartbeat_when_nothing_changes(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    way = journey(clock)
    for _dummy in range(7):
        answer(stubber, "Creating")
        no_nodes(stubber)
    lines = []
    for _dummy in range(2):
        with pytest.raises(Slice) as part:
            waiter(client, clock, sliced=True).wait(way)
        lines.append(part.value.line)
    assert lines == ["demo 00:00:00 Creating | w 0/2 running", "demo 00:01:00 Creating | w 0/2 running"]


def test_whoever_may_not_list_nodes_sees_none_and_waits_all_the_same(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    answer(stubber, "Creating", NodeProvisioningMode="Continuous")
    stubber.add_client_error("list_cluster_nodes", "AccessDeniedException", "not you")
    stubber.add_client_error("list_cluster_events", "AccessDeniedException", "not you")
    with pytest.raises(Slice, match="demo 00:00:00 Creating"):
        waiter(client, clock, sliced=True).wait(journey(clock))
