# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_events_info, hyperpod_logs_info and the details of hyperpod_cluster_info over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

NAME = "told"
PLAIN = "told-plain"


def events(**options: Any) -> dict[str, Any]:
    return {"podforge.hyperpod.hyperpod_events_info": {"cluster_name": NAME, **options}}


def logs(**options: Any) -> dict[str, Any]:
    return {"podforge.hyperpod.hyperpod_logs_info": {"cluster_name": NAME, **options}}


@pytest.fixture(name="told", scope="module")
def _told(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cluster in Continuous mode of which a worker did not come up at first, and a plain one."""
    ansible = Ansible(cloud, tmp_path_factory.mktemp("told"))
    cloud.fault("insufficient_capacity", count=1, instance_group="workers")
    wish = ansible.wish(NAME, workers=2, node_provisioning_mode="Continuous")
    del wish["orchestrator"]
    plain = ansible.wish(PLAIN, workers=1)
    assert all(made["changed"] for made in directly(cloud, cluster(wish), cluster(plain)))
    yield cloud
    gone = [cluster({"name": name, "state": "absent", "wait_delay": 1}) for name in (NAME, PLAIN)]
    directly(cloud, *gone)


def test_events(told: Cloud) -> None:
    nodes = told.client("sagemaker").list_cluster_nodes(ClusterName=NAME)["ClusterNodeSummaries"]
    worker = next(node for node in nodes if node["InstanceGroupName"] == "workers")
    hostname = worker["PrivateDnsHostname"].split(".")[0]
    everything, problems, of_node, newest, later, former, plain, nobody, *wrong = directly(
        told,
        events(detail="all"),
        events(levels=["Error"], instance_group="workers", since="1h"),
        events(node=hostname, detail="none"),
        events(limit=2, detail="none"),
        events(since="2099-01-01T00:00:00Z"),
        events(node="ip-9-9-9-9"),
        {"podforge.hyperpod.hyperpod_events_info": {"cluster_name": PLAIN}},
        {"podforge.hyperpod.hyperpod_events_info": {"cluster_name": "nobody"}},
        events(since="yesterday"),
        events(limit=0),
        events(node="what is this"),
    )
    times = [event["event_time"] for event in everything["events"]]
    assert len(times) > 5, everything
    assert times == sorted(times)
    assert all("metadata" in event for event in everything["events"])
    assert [event["event_level"] for event in problems["events"]] == ["Error"] * len(problems["events"])
    assert any("sufficient capacity" in event["failure_message"] for event in problems["events"])
    assert any("no free instances of this type" in event["causes"][0]["cause"] for event in problems["events"])
    assert {event["instance_id"] for event in of_node["events"]} == {worker["InstanceId"]}
    assert not any("metadata" in event for event in of_node["events"])
    assert newest["events"] == [
        {key: value for key, value in event.items() if key not in ("metadata", "failure_message", "causes")}
        for event in everything["events"][-2:]
    ]
    assert later["events"] == []
    assert former["events"] == []
    assert "has no node ip-9-9-9-9 now" in str(former["warnings"])
    assert plain["events"] == []
    assert "Continuous mode only" in str(plain["warnings"])
    assert nobody["events"] == []
    assert not any(result["changed"] for result in (everything, plain, nobody))
    refused = (["since: 'yesterday'", "30m"], ["limit: 0, at least 1"], ["node: 'what is this'"])
    for result, words in zip(wrong, refused, strict=True):
        assert result["failed"]
        assert all(word in result["msg"] for word in words), result["msg"]


def test_logs(told: Cloud) -> None:
    sagemaker, cloudwatch = told.client("sagemaker"), told.client("logs")
    nodes = sagemaker.list_cluster_nodes(ClusterName=NAME)["ClusterNodeSummaries"]
    first, second = [node for node in nodes if node["InstanceGroupName"] == "workers"]
    cluster_id = sagemaker.describe_cluster(ClusterName=NAME)["ClusterArn"].rsplit("/")[-1]
    group = f"/aws/sagemaker/Clusters/{NAME}/{cluster_id}"
    now = int(time.time() * 1000)
    written = {
        f"LifecycleConfig/workers/{first['InstanceId']}": [(now - 7_200_000 + n, f"step {n}") for n in range(150)],
        f"SagemakerHealthMonitoringAgent/workers/{second['InstanceId']}": [(now - 7_200_000, "old"), (now, "new")],
        f"DeepHealthCheckResults/{second['InstanceId']}": [(now, "passed")],
        "LifecycleConfig/workers/i-00000000000000000": [(now, "of a former node")],
    }
    there = {stream["logStreamName"] for stream in cloudwatch.describe_log_streams(logGroupName=group)["logStreams"]}
    for stream, lines in written.items():
        if stream not in there:
            cloudwatch.create_log_stream(logGroupName=group, logStreamName=stream)
        entries = [{"timestamp": when, "message": message} for when, message in lines]
        cloudwatch.put_log_events(logGroupName=group, logStreamName=stream, logEvents=entries)
    hostname = second["PrivateDnsHostname"].split(".")[0]
    by_group, whole, recent, checks, former, deleted, nobody, *wrong = directly(
        told,
        logs(instance_groups=["workers"], tail=3),
        logs(nodes=[first["InstanceId"]], tail=0),
        logs(kinds=["health_agent"], nodes=[hostname], since="1h"),
        logs(kinds=["health_agent", "deep_health_check"], instance_groups=["workers"]),
        logs(nodes=["i-00000000000000000"]),
        {"podforge.hyperpod.hyperpod_logs_info": {"cluster_name": NAME, "cluster_id": cluster_id, "tail": 1}},
        {"podforge.hyperpod.hyperpod_logs_info": {"cluster_name": "nobody"}},
        logs(tail=-1),
        logs(nodes=["what is this"]),
    )
    ends = {log["instance_id"]: log["lines"] for log in by_group["logs"]}
    assert set(ends) == {first["InstanceId"], second["InstanceId"], "i-00000000000000000"}
    assert all(len(lines) <= 3 for lines in ends.values())
    assert {f"step {n}" for n in range(150)} <= set(whole["logs"][0]["lines"])
    assert len(whole["logs"]) == 1
    assert [(log["kind"], log["lines"]) for log in recent["logs"]] == [("health_agent", ["new"])]
    assert [log["kind"] for log in checks["logs"]] == ["health_agent", "deep_health_check"]
    assert checks["logs"][1]["instance_group_name"] is None
    assert former["logs"][0]["lines"] == ["of a former node"]
    assert former["logs"][0]["log_group"] == group
    assert {log["instance_group_name"] for log in deleted["logs"]} == {"controller", "workers"}
    assert nobody["logs"] == []
    assert "tail: -1, at least 0" in wrong[0]["msg"]
    assert "nodes[0]: 'what is this'" in wrong[1]["msg"]


def test_details_of_nodes(told: Cloud) -> None:
    for kind in ("throttle", "drop"):
        told.fault(kind, count=2, operation="sagemaker:DescribeClusterNode")
    seen, slow = directly(
        told,
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": [NAME], "detail": True}},
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": [NAME], "detail": True, "calls_per_second": 0}},
    )
    nodes = seen["clusters"][0]["nodes"]
    assert [node["instance_group_name"] for node in nodes] == ["controller", "workers", "workers"]
    assert all(node["private_primary_ip"].startswith("10.198.") for node in nodes)
    assert all(node["life_cycle_config"]["on_create"] == "on_create.sh" for node in nodes)
    assert "calls_per_second: 0.0, at least 0.1" in slow["msg"]


def test_in_a_play(ansible: Ansible, told: Cloud) -> None:
    """As they are packed and sent to a host."""
    tasks = [events(limit=1), logs(tail=1)]
    newest, ends = ansible.play(*tasks).results
    same_events, same_ends = directly(told, *tasks)
    assert newest["events"] == same_events["events"] != []
    assert ends["logs"] == same_ends["logs"] != []
