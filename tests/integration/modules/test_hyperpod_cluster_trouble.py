# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_cluster when things go wrong: failures explained, disturbances survived, interruptions continued."""

from __future__ import annotations

import time
from typing import Any

import pytest
from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

from tests.support.processes import kill


def gone(name: str) -> dict[str, Any]:
    return cluster({"name": name, "state": "absent", "wait_delay": 1})


def test_a_failed_creation_is_explained_refused_and_made_again(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("broken")
    sagemaker, logs = cloud.client("sagemaker"), cloud.client("logs")
    cloud.fault("node_launch_failure", percent=100, instance_group="workers")
    cloud.set_speed(1)
    (started,) = ansible.play(cluster({**wish, "wait": False})).results
    cluster_id = started["cluster"]["cluster_arn"].rsplit("/", 1)[1]
    node = next(
        node["InstanceId"]
        for node in sagemaker.list_cluster_nodes(ClusterName="broken")["ClusterNodeSummaries"]
        if node["InstanceGroupName"] == "workers"
    )
    where = {"logGroupName": f"/aws/sagemaker/Clusters/broken/{cluster_id}"}
    logs.create_log_group(**where)
    stream = {**where, "logStreamName": f"LifecycleConfig/workers/{node}"}
    logs.create_log_stream(**stream)
    now = int(time.time() * 1000)
    written = [{"timestamp": now + number, "message": f"step {number}"} for number in range(40)]
    logs.put_log_events(**stream, logEvents=written)

    played = ansible.play(
        cluster(wish),
        cluster(wish),
        cluster({**wish, "recreate_failed": True}, check_mode=True),
        at={"broken 0": lambda: cloud.set_speed(cloud.speed)},
    )
    failed, refused, checked = played.results
    assert failed["failed"]
    assert "Cluster broken is not in service after 0" in failed["msg"]
    assert failed["cluster"]["cluster_status"] == "Failed"
    failure = failed["failure"]
    assert failure["message"] == failed["cluster"]["failure_message"]
    assert "workers" in failure["instance_groups"]
    assert failure["log"]["instance_id"] == node
    assert failure["log"]["lines"] == [f"step {number}" for number in range(10, 40)]
    assert failure["unread"] == []
    shown = played.output
    assert f"reason: {failure['message']}" in shown
    assert f"end of the lifecycle log of {node}" in shown
    assert "  step 39" in shown

    assert "Cluster broken is Failed: " in refused["msg"]
    assert "recreate_failed: true" in refused["msg"]
    assert refused["failure"]["log"] == failure["log"]
    assert checked["changed"]
    assert [call["operation"] for call in checked["calls"]] == ["DeleteCluster", "CreateCluster"]

    cloud.admin("DELETE", "faults")
    cloud.set_speed(cloud.speed)
    again, same, deleted = directly(
        cloud, cluster({**wish, "recreate_failed": True}), cluster({**wish, "recreate_failed": True}), gone("broken")
    )
    assert again["changed"]
    assert [call["operation"] for call in again["calls"]] == ["DeleteCluster", "CreateCluster"]
    assert again["cluster"]["cluster_status"] == "InService"
    assert again["cluster"]["cluster_arn"] != started["cluster"]["cluster_arn"]
    assert not same["changed"]
    assert deleted["changed"]


def test_time_is_up_in_continuous_mode_with_the_events(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("starved", node_provisioning_mode="Continuous", wait_timeout=8)
    del wish["orchestrator"]
    cloud.fault("insufficient_capacity", percent=100, instance_group="workers")
    late, deleted = directly(cloud, cluster(wish), gone("starved"))
    assert late["failed"]
    assert "is not in service after" in late["msg"]
    assert "wait_timeout: 8 s" in late["msg"]
    assert "run again to go on waiting" in late["msg"]
    assert late["failure"]["instance_groups"] == ["workers"]
    assert any("capacity" in str(event) for event in late["failure"]["events"])
    assert "no free instances of this type" in late["failure"]["causes"][0]["cause"]
    assert deleted["changed"]


@pytest.mark.one_core
def test_throttles_server_errors_and_lost_connections_fail_nothing(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("stormy", tags={"a": "1"}, wait_timeout=280)
    cloud.admin("PUT", "faults", {"seed": 7})
    for kind in ("throttle", "server_error", "drop"):
        cloud.fault(kind, percent=12, operation="sagemaker:*")
    played = ansible.play(
        cluster(wish),
        cluster(wish),
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": ["stormy"], "include_nodes": True}},
        gone("stormy"),
    )
    made, same, seen, deleted = played.results
    assert made["changed"], made["msg"]
    assert made["cluster"]["cluster_status"] == "InService"
    assert not same["changed"], same
    assert len(seen["clusters"][0]["nodes"]) == 3
    assert deleted["changed"]


@pytest.mark.one_core
def test_answers_lost_after_creation_and_update_are_found_out(ansible: Ansible, cloud: Cloud) -> None:
    more = {"name": "lost", "instance_groups": [{"instance_group_name": "workers", "instance_count": 3}]}
    cloud.fault("drop_after", count=1, operation="sagemaker:CreateCluster")
    cloud.fault("drop_after", count=1, operation="sagemaker:UpdateCluster")
    made, updated, deleted = directly(
        cloud, cluster(ansible.wish("lost")), cluster({**more, "wait_delay": 1}), gone("lost")
    )
    assert made["changed"], made["msg"]
    assert made["cluster"]["cluster_status"] == "InService"
    assert updated["changed"], updated["msg"]
    assert updated["cluster"]["instance_groups"][1]["current_count"] == 3
    assert deleted["changed"]


@pytest.mark.one_core
def test_the_api_may_go_away_and_come_back_while_it_waits(ansible: Ansible, cloud: Cloud) -> None:
    def come_back() -> None:
        cloud.start()
        cloud.set_speed(cloud.speed)

    cloud.set_speed(1)
    course = {"Creating": cloud.stop, "the API does not answer": come_back}
    (made,) = ansible.play(cluster(ansible.wish("restarted")), at=course).results
    (deleted,) = directly(cloud, gone("restarted"))
    assert made["changed"], made["msg"]
    assert made["cluster"]["cluster_status"] == "InService"
    assert deleted["changed"]


@pytest.mark.one_core
def test_a_run_that_was_killed_is_continued(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("killed")
    cloud.set_speed(1)
    running, results = ansible.start(cluster(wish))
    with running:
        assert running.stdout is not None
        next(line for line in running.stdout if "Creating" in line)
        kill(running)
    assert not results.exists()
    cloud.set_speed(cloud.speed)
    continued, deleted = directly(cloud, cluster(wish), gone("killed"))
    assert not continued["changed"]
    assert continued["cluster"]["cluster_status"] == "InService"
    assert deleted["changed"]
