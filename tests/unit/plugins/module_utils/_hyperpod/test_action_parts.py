# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that the modules share: pace, points in time, log streams, events, pages of logs."""

from __future__ import annotations

import threading
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import api
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import failure
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import at_least
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import retrying
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.events import event_result
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import Member
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.node_logs import Wanted
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.node_logs import stream_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.parallel import Pace
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.parallel import in_parallel
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.times import milliseconds
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.times import moment

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=timezone.utc)


def test_turns_are_evenly_spaced(clock: Any) -> None:
    pace = Pace(4.0, clock.time, clock.sleep)
    begin = clock.now
    times = []
    for _dummy in range(5):
        pace.turn()
        times.append(round(clock.now - begin, 6))
    assert times == [0, 0.25, 0.5, 0.75, 1.0]
    clock.sleep(10)
    pace.turn()
    assert clock.now - begin == pytest.approx(11.0)


def test_in_parallel_keeps_the_order_and_uses_threads() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def meet(number: int) -> int:
        # Two calls are needed at a time, or this never returns.
        meeting.wait()
        return number * 2

    assert in_parallel(meet, range(4), 1000) == [0, 2, 4, 6]
    assert in_parallel(lambda number: number, [7], 1000) == [7]
    assert in_parallel(lambda number: number, [], 1000) == []


def test_in_parallel_passes_on_what_goes_wrong() -> None:
    def odd(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        in_parallel(odd, range(5), 1000)


def test_points_in_time() -> None:
    assert moment("since", None) is None
    assert moment("since", "90s", NOW) == NOW - timedelta(seconds=90)
    assert moment("since", "30m", NOW) == NOW - timedelta(minutes=30)
    assert moment("since", "2h", NOW) == NOW - timedelta(hours=2)
    assert moment("since", "7d", NOW) == NOW - timedelta(days=7)
    assert moment("since", "2026-11-28T03:00:00Z") == NOW
    with pytest.raises(HyperPodError, match="until: 'soon' is neither"):
        moment("until", "soon")
    assert milliseconds(NOW) == NOW.timestamp() * 1000
    assert milliseconds(None) is None


def test_numbers_that_are_too_small() -> None:
    at_least({"limit": 1}, limit=1)
    with pytest.raises(HyperPodError, match="limit: 0, at least 1"):
        at_least({"limit": 0}, limit=1)


def streams(wanted: Wanted, kind: str, *names: str) -> list[str]:
    return [name for name in names if wanted.has(stream_of(kind, name))]


def test_log_streams_of_groups_and_nodes() -> None:
    node = Member("k", "i-1", "k", "w", "t", None, "Running", None)
    everything = Wanted(None, None)
    assert everything.prefixes("lifecycle") == ["LifecycleConfig/"]
    assert streams(everything, "lifecycle", "LifecycleConfig/w/i-1") == ["LifecycleConfig/w/i-1"]
    groups = Wanted(frozenset({"w"}), None, (node,))
    assert groups.prefixes("health_agent") == ["SagemakerHealthMonitoringAgent/w/"]
    assert groups.prefixes("deep_health_check") == ["DeepHealthCheckResults/"]
    assert streams(groups, "deep_health_check", "DeepHealthCheckResults/i-1", "DeepHealthCheckResults/i-2") == [
        "DeepHealthCheckResults/i-1"
    ]
    nodes = Wanted(None, frozenset({"i-1"}), (node,))
    assert nodes.prefixes("lifecycle") == ["LifecycleConfig/w/i-1"]
    assert nodes.prefixes("deep_health_check") == ["DeepHealthCheckResults/i-1"]
    former = Wanted(None, frozenset({"i-9"}))
    assert former.prefixes("lifecycle") == ["LifecycleConfig/"]
    assert streams(former, "lifecycle", "LifecycleConfig/w/i-1", "LifecycleConfig/w/i-9") == ["LifecycleConfig/w/i-9"]
    both = Wanted(frozenset({"x"}), frozenset({"i-9"}))
    assert streams(both, "lifecycle", "LifecycleConfig/x/i-1", "LifecycleConfig/w/i-9", "LifecycleConfig/w/i-2") == [
        "LifecycleConfig/x/i-1",
        "LifecycleConfig/w/i-9",
    ]
    assert Wanted(None, frozenset(f"i-{n}" for n in range(50))).prefixes("deep_health_check") == [
        "DeepHealthCheckResults/"
    ]
    assert Wanted(None, frozenset()).prefixes("lifecycle") == ["LifecycleConfig/"]
    assert not streams(Wanted(None, frozenset()), "lifecycle", "LifecycleConfig/w/i-1")


def test_logs_are_read_backwards_over_empty_pages(logs: Any) -> None:
    client, stubber = logs
    common = {"logGroupName": "g", "logStreamName": "s", "startFromHead": False, "startTime": 5}
    pages = [(["d", "e"], "t1", {}), ([], "t2", {"nextToken": "t1"}), (["b", "c"], "t3", {"nextToken": "t2"})]
    left = 5
    for lines, token, more in pages:
        stubber.add_response(
            "get_log_events",
            {"events": [{"message": line} for line in lines], "nextBackwardToken": token},
            {**common, "limit": left, **more},
        )
        left -= len(lines)
    stubber.add_response(
        "get_log_events", {"events": [], "nextBackwardToken": "t3"}, {**common, "limit": 1, "nextToken": "t3"}
    )
    read = api.log_events(client, "g", "s", 5, since=5)
    assert [event["message"] for event in read] == ["b", "c", "d", "e"]
    stubber.add_client_error("get_log_events", "ResourceNotFoundException", "no such stream")
    assert api.log_events(client, "g", "s", 5) == []


def test_events_of_some_levels_are_looked_for_page_by_page(sagemaker: Any) -> None:
    client, stubber = sagemaker
    common = {
        "ClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456",
        "ClusterName": "demo",
        "ResourceType": "Cluster",
        "EventTime": NOW,
    }

    def event(number: int, level: str) -> dict[str, Any]:
        return {**common, "EventId": f"00000000-0000-4000-8000-{number:012d}", "EventLevel": level}

    stubber.add_response("list_cluster_events", {"Events": [event(1, "Info"), event(2, "Error")], "NextToken": "t"})
    stubber.add_response("list_cluster_events", {"Events": [event(3, "Error"), event(4, "Error")]})
    found = api.list_events(client, "demo", 2, levels=["Error"])
    assert [item["EventId"][-1] for item in found] == ["2", "3"]


def test_an_event_with_its_reason() -> None:
    summary = {"EventId": "e", "EventTime": NOW, "EventLevel": "Error"}
    assert event_result(summary, None) == {
        "event_id": "e",
        "event_time": "2026-11-28T03:00:00Z",
        "event_level": "Error",
    }
    details = {"EventDetails": {"EventMetadata": {"Instance": {"FailureMessage": "not enough free IP addresses"}}}}
    told = event_result(summary, details)
    assert told["failure_message"] == "not enough free IP addresses"
    assert "too few free addresses" in told["causes"][0]["cause"]
    assert told["metadata"] == {"instance": {"failure_message": "not enough free IP addresses"}}
    assert event_result(summary, {})["metadata"] == {}


def test_of_events_that_say_the_same_the_last_counts() -> None:
    pair = [{"instance_id": "i-1", "failure_message": "m", "event_id": str(number)} for number in range(2)]
    other = [{"instance_id": "i-2", "failure_message": "m"}, {"instance_id": "i-1", "description": "d"}]
    assert failure.without_doubles([*pair, *other]) == [pair[1], *other]


@pytest.mark.parametrize("rounds", [3, 4])
def test_what_passes_is_repeated_beyond_the_sdk(clock: Any, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    monkeypatch.setattr("time.sleep", clock.sleep)
    tries = []

    def call() -> str:
        tries.append(1)
        if len(tries) <= rounds:
            raise botocore.exceptions.ConnectionClosedError(endpoint_url="http://e")
        return "done"

    if rounds == 3:
        assert retrying(call)() == "done"
    else:
        with pytest.raises(botocore.exceptions.ConnectionClosedError):
            retrying(call)()
    assert len(tries) == 4
    assert len(clock.slept) == 3


def test_where_nobody_listens_nothing_is_repeated() -> None:
    tries = []

    def call() -> None:
        tries.append(1)
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="http://e")

    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        retrying(call)()
    assert len(tries) == 1
