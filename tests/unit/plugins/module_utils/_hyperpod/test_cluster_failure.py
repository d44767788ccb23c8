# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a failure."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import failure

ID = "abc123def456"
ARN = f"arn:aws:sagemaker:us-west-2:111122223333:cluster/{ID}"
GROUP = f"/aws/sagemaker/Clusters/demo/{ID}"
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
EVENT = "00000000-0000-4000-8000-000000000001"


def described(**more: Any) -> dict[str, Any]:
    groups = [
        {"InstanceGroupName": "c", "CurrentCount": 1, "TargetCount": 1},
        {"InstanceGroupName": "w", "CurrentCount": 0, "TargetCount": 2},
    ]
    return {"ClusterName": "demo", "ClusterArn": ARN, "ClusterStatus": "Failed", "InstanceGroups": groups, **more}


def node(group: str, number: int, status: str = "Running", message: str = "") -> dict[str, Any]:
    state = {"Status": status, "Message": message} if message else {"Status": status}
    return {
        "InstanceGroupName": group,
        "InstanceId": f"i-{number}",
        "InstanceStatus": state,
        "LaunchTime": NOW,
        "InstanceType": "ml.c5.large",
    }


def streams(stubber: Any, *names: str) -> None:
    answer = {"logStreams": [{"logStreamName": name, "firstEventTimestamp": index} for index, name in enumerate(names)]}
    stubber.add_response(
        "describe_log_streams", answer, {"logGroupName": GROUP, "logStreamNamePrefix": "LifecycleConfig/"}
    )


def tail(stubber: Any, stream: str, *lines: str) -> None:
    stubber.add_response(
        "get_log_events",
        {"events": [{"message": f"{line}\n"} for line in lines]},
        {"logGroupName": GROUP, "logStreamName": stream, "limit": 300, "startFromHead": False},
    )


def listed(stubber: Any, *nodes: dict[str, Any]) -> None:
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": list(nodes)})


def test_the_log_of_the_failed_node_is_read(sagemaker: Any, logs: Any) -> None:
    streams(logs[1], "LifecycleConfig/c/i-1", "LifecycleConfig/w/i-2")
    tail(logs[1], "LifecycleConfig/w/i-2", "step 1", "E: no such package")
    listed(sagemaker[1], node("c", 1), node("w", 2, "Failure", "Lifecycle scripts did not run successfully"))
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), "creation failed")
    assert report["instance_groups"] == ["w"]
    assert [found["instance_id"] for found in report["nodes"]] == ["i-2"]
    assert report["log"]["lines"] == ["step 1", "E: no such package"]
    assert (report["log"]["instance_group_name"], report["log"]["instance_id"]) == ("w", "i-2")
    assert "lifecycle script ended with an error" in report["causes"][0]["cause"]
    assert (report["events"], report["unread"]) == ([], [])
    lines = failure.report_lines(report)
    assert lines[0] == "reason: creation failed"
    assert "node i-2 of w: Failure: Lifecycle scripts did not run successfully" in lines
    assert "  E: no such package" in lines
    assert lines[-1].startswith("what to do: ")


def test_when_the_instances_are_gone_the_first_log_without_success_is_shown(sagemaker: Any, logs: Any) -> None:
    listed(sagemaker[1])
    streams(logs[1], "LifecycleConfig/c/i-1", "LifecycleConfig/w/i-2", "LifecycleConfig/w/i-3")
    tail(logs[1], "LifecycleConfig/w/i-2", "fine", "[SageMaker] The lifecycle scripts succeeded.")
    tail(logs[1], "LifecycleConfig/w/i-3", "broken")
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), "creation failed")
    assert report["log"]["stream"] == "LifecycleConfig/w/i-3"


def test_only_logs_of_the_instances_concerned_are_read(sagemaker: Any, logs: Any) -> None:
    listed(sagemaker[1], node("w", 2, "Failure"))
    streams(logs[1], "LifecycleConfig/c/i-1", "LifecycleConfig/w/i-2", "LifecycleConfig/w/i-3")
    tail(logs[1], "LifecycleConfig/w/i-3", "broken")
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), "m", only={"i-3"})
    assert report["log"]["stream"] == "LifecycleConfig/w/i-3"


def test_of_a_node_that_was_rolled_back_the_failed_attempt_is_shown(sagemaker: Any, logs: Any) -> None:
    name = "i-0123456789abcdef0"
    listed(sagemaker[1], {**node("w", 2, "Running", "old message"), "InstanceId": name})
    streams(logs[1], f"LifecycleConfig/w/{name}")
    begin, end = "[SageMaker] Downloading lifecycle scripts", "[SageMaker] The lifecycle scripts succeeded."
    tail(logs[1], f"LifecycleConfig/w/{name}", begin, "fine", end, begin, "broken", begin, "fine again", end)
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), f"Instance {name} failed to update")
    assert report["log"]["lines"] == [begin, "broken"]
    assert report["nodes"] == [], "a node that runs has an old message"


def test_no_logs_at_all(sagemaker: Any, logs: Any) -> None:
    listed(sagemaker[1])
    logs[1].add_client_error("describe_log_streams", "ResourceNotFoundException", "no such group")
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), "no capacity")
    assert (report["log"], report["unread"]) == (None, [])


def test_what_may_not_be_read_is_noted(sagemaker: Any, logs: Any) -> None:
    sagemaker[1].add_client_error("list_cluster_nodes", "AccessDeniedException", "not you")
    logs[1].add_client_error("describe_log_streams", "AccessDeniedException", "not you")
    report = failure.gather(sagemaker[0], lambda: logs[0], described(), "no capacity")
    assert report["log"] is None
    assert len(report["unread"]) == 2
    assert all("not you" in problem for problem in report["unread"])
    assert any(line.startswith("could not be read: ") for line in failure.report_lines(report))


def test_events_of_continuous_mode_carry_their_messages(sagemaker: Any, logs: Any) -> None:
    listed(sagemaker[1])
    common = {"EventId": EVENT, "ClusterArn": ARN, "ClusterName": "demo", "ResourceType": "Instance", "EventTime": NOW}
    error = {
        **common,
        "EventLevel": "Error",
        "InstanceGroupName": "w",
        "InstanceId": "i-9",
        "Description": "launch failed",
    }
    sagemaker[1].add_response("list_cluster_events", {"Events": [error, {**common, "EventLevel": "Info"}]})
    details = {"EventDetails": {"EventMetadata": {"Instance": {"FailureMessage": "not enough free IP addresses"}}}}
    sagemaker[1].add_response(
        "describe_cluster_event",
        {"EventDetails": {**common, **details}},
        {"ClusterName": "demo", "EventId": EVENT},
    )
    streams(logs[1], "LifecycleConfig/w/i-9")
    tail(logs[1], "LifecycleConfig/w/i-9", "x")
    cluster = described(NodeProvisioningMode="Continuous")
    report = failure.gather(sagemaker[0], lambda: logs[0], cluster, "Degraded")
    assert [event["failure_message"] for event in report["events"]] == ["not enough free IP addresses"]
    assert report["log"]["instance_id"] == "i-9"
    assert "too few free addresses" in report["causes"][0]["cause"]
    told = "event 2026-11-22T00:00:00Z Error: not enough free IP addresses (w i-9)"
    assert told in failure.report_lines(report)


def test_nodes_of_which_the_same_is_said_share_a_line() -> None:
    status = {"status": "Pending", "message": "no capacity"}
    nodes: list[dict[str, Any]] = [
        {"instance_group_name": "w", "instance_id": "", "node_logical_id": f"l-{number}", "instance_status": status}
        for number in range(7)
    ]
    nodes.append({"instance_group_name": "w", "instance_id": "i-9", "instance_status": {"status": "Failure"}})
    report = {
        "message": "",
        "instance_groups": [],
        "nodes": nodes,
        "events": [],
        "log": None,
        "unread": [],
        "causes": [],
    }
    assert failure.report_lines(report) == [
        "nodes l-0, l-1, l-2, l-3, l-4, and 2 more of w: Pending: no capacity",
        "node i-9 of w: Failure",
    ]


def test_groups_say_themselves_that_they_failed() -> None:
    cluster = described()
    cluster["InstanceGroups"][0]["Status"] = "Degraded"
    assert failure.groups_concerned(cluster, []) == ["c"]
