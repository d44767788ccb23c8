# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The course of a task: refused, busy, checked, begun, waited for, interrupted by slices, too late."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_run import NodesTask

ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"
ONE, TWO = "i-00000000000000001", "i-00000000000000002"


@dataclass
class Module:
    """What a task needs of AnsibleAWSModule."""

    clients: dict[str, Any]
    params: dict[str, Any]
    check_mode: bool = False
    region: str = "us-west-2"
    _diff: bool = True
    warnings: list[str] = field(default_factory=list)

    def client(self, name: str, **_more: Any) -> Any:
        return self.clients[name]

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(name="world")
def _world(sagemaker: Any, logs: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("time.sleep", clock.sleep)
    monkeypatch.setattr("time.time", clock.time)
    return World(sagemaker[0], sagemaker[1], logs[0], logs[1], clock)


@dataclass
class World:
    """Stubbed clients and a clock; answers are told in the order in which they are asked for."""

    client: Any
    stubber: Any
    logs: Any
    logs_stubber: Any
    clock: Any

    def task(self, *names: str, state: str = "rebooted", **more: Any) -> NodesTask:
        keywords = {key: more.pop(key) for key in ("check_mode",) if key in more}
        options = {
            "cluster_name": "demo",
            "state": state,
            "nodes": list(names),
            "wait": True,
            "wait_timeout": 100,
            "wait_delay": 10,
            "_resume": None,
        }
        unset = ("instance_group", "count", "target_count", "availability_zones", "instance_types", "client_token")
        params = {**dict.fromkeys(unset), **options, **more}
        module = Module({"sagemaker": self.client, "logs": self.logs}, params, **keywords)
        task = NodesTask(module)
        # The clock of the test is set after the module was imported.
        task.waiter.clock, task.waiter.sleep = self.clock.time, self.clock.sleep
        return task

    def cluster(self, status: str = "InService", **more: Any) -> None:
        group = {"InstanceGroupName": "w", "CurrentCount": 2, "TargetCount": 2}
        answer = {"ClusterArn": ARN, "ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": [group], **more}
        self.stubber.add_response("describe_cluster", answer)

    def nodes(self, *statuses: str) -> None:
        summaries = [
            {
                "InstanceGroupName": "w",
                "InstanceId": name,
                "InstanceType": "ml.c5.large",
                "LaunchTime": datetime(2026, 11, 28, tzinfo=timezone.utc),
                "InstanceStatus": {"Status": status},
            }
            for name, status in zip((ONE, TWO), statuses, strict=False)
        ]
        self.stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": summaries})

    def reboot(self, *good: str, failed: tuple[tuple[str, str], ...] = ()) -> None:
        errors = [{"NodeId": name, "ErrorCode": code, "Message": "m"} for name, code in failed]
        answer: dict[str, Any] = {"Successful": list(good)} if good else {}
        self.stubber.add_response("batch_reboot_cluster_nodes", {**answer, "Failed": errors})

    def gone(self) -> None:
        self.stubber.add_client_error("describe_cluster", "ResourceNotFound", "gone")


def test_from_the_call_to_the_end(world: World) -> None:
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE)
    world.nodes("Pending", "Running")
    world.nodes("Running", "Running")
    result = world.task(ONE).run()
    assert result["changed"]
    assert [node["result"] for node in result["nodes"]] == ["rebooted"]
    assert result["diff"]["after"] == {ONE: {"instance_id": ONE, "status": "Running, rebooted"}}
    assert "_progress" not in result
    world.stubber.assert_no_pending_responses()


def test_check_mode_calls_nothing(world: World) -> None:
    world.cluster("Updating")
    world.nodes("Running", "Running")
    result = world.task(ONE, check_mode=True).run()
    assert result["changed"]
    assert result["calls"] == [{"operation": "BatchRebootClusterNodes", "reason": "1 node is to be rebooted"}]
    world.stubber.assert_no_pending_responses()


def test_a_busy_cluster_is_waited_for(world: World) -> None:
    world.cluster("Updating")
    world.nodes("Running", "Running")
    world.cluster("Updating")
    world.cluster()
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE)
    world.nodes("Pending")
    world.nodes("Running")
    assert world.task(ONE).run()["changed"]


def test_or_refused_without_waiting(world: World) -> None:
    world.cluster("Updating")
    world.nodes("Running", "Running")
    with pytest.raises(HyperPodError, match="wait is false"):
        world.task(ONE, wait=False).run()


def test_busy_for_too_long(world: World) -> None:
    world.cluster("Updating")
    world.nodes("Running", "Running")
    world.cluster("Updating")
    world.nodes("Running", "Running")
    world.logs_stubber.add_response("describe_log_streams", {"logStreams": []})
    task = world.task(ONE, wait_timeout=5)
    task.journey.started -= 10
    with pytest.raises(HyperPodError, match=r"are not all rebooted after .*wait_timeout: 5 s.*at work"):
        task.run()


def test_the_service_breaks_down_on_a_node_and_gets_another_chance(world: World) -> None:
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE, failed=((TWO, "InternalServerError"),))
    world.reboot(TWO)
    result = world.task(ONE, TWO, wait=False).run()
    assert [node["result"] for node in result["nodes"]] == ["requested", "requested"]
    assert [call["reason"] for call in result["calls"]] == [
        "2 nodes are to be rebooted",
        "once more for nodes that broke it",
    ]


def test_after_three_times_it_is_given_up(world: World) -> None:
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE, failed=((TWO, "InternalServerError"),))
    world.reboot(failed=((TWO, "InternalServerError"),))
    world.reboot(failed=((TWO, "InternalServerError"),))
    world.cluster()
    world.nodes("Running", "Running")
    world.logs_stubber.add_response("describe_log_streams", {"logStreams": []})
    with pytest.raises(HyperPodError, match="1 of 2 nodes of cluster demo were not rebooted") as caught:
        world.task(ONE, TWO, wait=False).run()
    assert caught.value.kwargs["changed"]
    assert caught.value.kwargs["nodes"][1]["code"] == "InternalServerError"
    assert "had a fault" in caught.value.message


def test_a_refusal_of_a_later_batch_tells_of_the_earlier(world: World) -> None:
    many = [f"i-{number:017x}" for number in range(30)]
    summaries = [
        {
            "InstanceGroupName": "w",
            "InstanceId": name,
            "InstanceType": "ml.c5.large",
            "LaunchTime": datetime(2026, 11, 28, tzinfo=timezone.utc),
            "InstanceStatus": {"Status": "Running"},
        }
        for name in many
    ]
    world.cluster()
    world.stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": summaries})
    world.reboot(*many[:25])
    world.stubber.add_client_error("batch_reboot_cluster_nodes", "ValidationException", "no")
    with pytest.raises(HyperPodError, match="Failed to change nodes of cluster demo") as caught:
        world.task(*many).run()
    assert caught.value.kwargs["changed"]
    assert [call["reason"] for call in caught.value.kwargs["calls"]] == ["25 nodes are to be rebooted"]


def test_a_cluster_that_goes_away_ends_the_wait(world: World) -> None:
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE)
    world.stubber.add_client_error("list_cluster_nodes", "ResourceNotFound", "gone")
    world.gone()
    world.gone()
    with pytest.raises(HyperPodError, match="somebody else has deleted it"):
        world.task(ONE).run()


def test_slices_take_up_where_they_were(world: World) -> None:
    world.cluster()
    world.nodes("Running", "Running")
    world.reboot(ONE)
    world.nodes("Pending", "Running")
    first = world.task(ONE, _resume={}).run()
    world.nodes("Running", "Running")
    assert [line.split(" ", 2)[2] for line in first["_progress"]["lines"]] == [
        "BatchRebootClusterNodes: 1 node is to be rebooted",
        "0/1 rebooted, 1 pending",
    ]
    token = json.loads(json.dumps(first["_progress"]["token"]))
    last = world.task(ONE, _resume=token).run()
    assert last["changed"]
    assert [line.split(" ", 2)[2] for line in last["_progress"]["lines"]] == ["1/1 rebooted"]
    assert last["nodes"][0]["result"] == "rebooted"


def test_the_newest_event_is_shown_where_there_are_events(world: World) -> None:
    world.cluster(NodeProvisioningMode="Continuous")
    world.nodes("Running", "Running")
    world.reboot(ONE)
    world.nodes("Pending", "Running")
    event = {
        "EventId": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "ClusterArn": ARN,
        "ClusterName": "demo",
        "ResourceType": "Instance",
        "EventTime": datetime(2026, 11, 28, tzinfo=timezone.utc),
        "EventLevel": "Warn",
        "Description": "No capacity.",
    }
    world.stubber.add_response("list_cluster_events", {"Events": [event]})
    first = world.task(ONE, _resume={}).run()
    assert first["_progress"]["lines"][-1].endswith("0/1 rebooted, 1 pending | newest event: Warn: No capacity.")


def test_what_the_model_refuses_is_refused_before_anything_is_done(world: World) -> None:
    world.cluster(NodeProvisioningMode="Continuous")
    world.nodes("Running", "Running")
    with pytest.raises(HyperPodError, match=r"BatchAddClusterNodes can't be called like this: .*availability_zones"):
        world.task(state="added", nodes=None, instance_group="w", count=1, availability_zones=["mars"]).run()
    world.stubber.assert_no_pending_responses()
