# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_node over HTTP: each action on real states of the service, batches, partial failure, wrong inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

PLAIN = "nodes-plain"
FLOWING = "nodes-flowing"


def node(state: str, name: str = PLAIN, **options: Any) -> dict[str, Any]:
    keywords = {key: options.pop(key) for key in ("check_mode", "diff") if key in options}
    # Each line of progress is another start of the module: shown only where a test looks at it.
    quick = {"wait_delay": 1, "wait_timeout": 120, "progress": False}
    options = {"cluster_name": name, "state": state, **quick, **options}
    return {"podforge.hyperpod.hyperpod_node": options, **keywords}


@pytest.fixture(name="clusters", scope="module")
def _clusters(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cluster of each kind, with thirty workers."""
    ansible = Ansible(cloud, tmp_path_factory.mktemp("nodes"))
    cloud.admin("PUT", "quotas", {"ml.c5.xlarge for cluster usage": 500})
    flowing = ansible.wish(FLOWING, workers=3, node_provisioning_mode="Continuous")
    del flowing["orchestrator"]
    wishes = [cluster(ansible.wish(PLAIN, workers=30, progress=False)), cluster({**flowing, "progress": False})]
    for made in directly(cloud, *wishes):
        assert made["changed"], made["msg"]
    yield cloud
    gone = [cluster({"name": name, "state": "absent", "wait_delay": 1, "progress": False}) for name in (PLAIN, FLOWING)]
    directly(cloud, *gone)


def listed(cloud: Cloud, name: str, group: str = "workers") -> dict[str, dict[str, Any]]:
    """Nodes of a group by logical id."""
    pages = cloud.client("sagemaker").get_paginator("list_cluster_nodes")
    answer = pages.paginate(ClusterName=name, IncludeNodeLogicalIds=True).build_full_result()
    found = answer["ClusterNodeSummaries"]
    return {item["NodeLogicalId"]: item for item in found if item["InstanceGroupName"] == group}


def test_reboot_in_batches_by_any_name(ansible: Ansible, clusters: Cloud) -> None:
    before = listed(clusters, PLAIN)
    controller = next(iter(listed(clusters, PLAIN, "controller").values()))
    names = [item["InstanceId"] for item in before.values()]
    first = next(iter(before.values()))["PrivateDnsHostname"].split(".")[0]
    names[0] = first
    names[1] = list(before.values())[1]["PrivateDnsHostname"].split(".")[0].removeprefix("ip-").replace("-", ".")
    names += [next(iter(before.values()))["InstanceId"], controller["InstanceId"]]
    played = ansible.play(
        node("rebooted", nodes=names, check_mode=True, diff=True),
        node("rebooted", nodes=names, diff=True, progress=True),
    )
    checked, done = played.results
    assert checked["changed"]
    assert done["changed"], done["msg"]
    for result in (checked, done):
        assert [call["operation"] for call in result["calls"]] == ["BatchRebootClusterNodes"] * 2
        assert {found["result"] for found in result["nodes"]} == {"rebooted"}
        assert [found["name"] for found in result["nodes"]] == [*names[:30], controller["InstanceId"]]
        assert result["diff"]["before"] != result["diff"]["after"]
    assert done["nodes"][0]["hostname"] == first
    assert {found["status"] for found in done["nodes"]} == {"Running"}
    assert {key: item["InstanceId"] for key, item in listed(clusters, PLAIN).items()} == {
        key: item["InstanceId"] for key, item in before.items()
    }
    lines = played.progress(PLAIN)
    assert any("BatchRebootClusterNodes: 25 nodes are to be rebooted" in line for line in lines)
    assert lines[-1].endswith("31/31 rebooted")


def test_replace_and_delete(clusters: Cloud) -> None:
    before = listed(clusters, PLAIN)
    one, two, three = [item["InstanceId"] for item in before.values()][-3:]
    keys = list(before)[-3:]
    results = directly(
        clusters,
        node("replaced", nodes=[one, two], check_mode=True),
        node("replaced", nodes=[one, two]),
        node("absent", nodes=[three, "i-00000000000000000"], check_mode=True, diff=True),
        node("absent", nodes=[three, "i-00000000000000000"], diff=True),
        node("absent", nodes=[three, "ip-9-9-9-9"], diff=True),
        node("absent", "nodes-nowhere", nodes=[three]),
    )
    checked, replaced, delete_checked, deleted, still, nowhere = results
    assert checked["changed"]
    assert replaced["changed"], replaced["msg"]
    after = listed(clusters, PLAIN)
    assert [found["result"] for found in replaced["nodes"]] == ["replaced"] * 2
    assert [found["previous_instance_id"] for found in replaced["nodes"]] == [one, two]
    assert [found["instance_id"] for found in replaced["nodes"]] == [after[key]["InstanceId"] for key in keys[:2]]

    assert delete_checked["changed"]
    assert deleted["changed"], deleted["msg"]
    assert [found["result"] for found in deleted["nodes"]] == ["absent", "absent"]
    assert keys[2] not in after
    assert list(deleted["diff"]["before"]) == [three]
    assert deleted["diff"]["after"] == delete_checked["diff"]["after"] == {}
    described = clusters.client("sagemaker").describe_cluster(ClusterName=PLAIN)
    assert [group["TargetCount"] for group in described["InstanceGroups"]] == [1, 29]
    assert not still["changed"], still
    assert still["diff"]["before"] == still["diff"]["after"] == {}
    assert not nowhere["changed"], nowhere


def test_add_by_count_by_token_and_up_to_a_number(clusters: Cloud) -> None:
    add = {"name": FLOWING, "instance_group": "workers"}
    results = directly(
        clusters,
        node("added", **add, target_count=3),
        node("added", **add, target_count=5, check_mode=True, diff=True),
        node("added", **add, target_count=5, diff=True),
        node("added", **add, target_count=5),
        node("added", **add, count=60, client_token="more"),
        node("added", **add, count=60, client_token="more"),
        node("added", **add, count=1, wait=False),
    )
    enough, checked, added, same, many, again, started = results
    assert not enough["changed"], enough
    assert checked["changed"]
    assert added["changed"], added["msg"]
    assert added["diff"] == checked["diff"]
    assert added["diff"]["before"]["target_count"] == 3
    assert added["diff"]["after"]["target_count"] == 5
    assert [found["result"] for found in added["nodes"]] == ["added"] * 2
    assert all(found["instance_id"].startswith("i-") for found in added["nodes"])
    assert not same["changed"], same

    assert many["changed"], many["msg"]
    assert [call["operation"] for call in many["calls"]] == ["BatchAddClusterNodes"] * 2
    assert len(many["nodes"]) == 60
    assert not again["changed"], again
    assert [found["name"] for found in again["nodes"]] == [found["name"] for found in many["nodes"]]
    assert started["changed"]
    assert [found["result"] for found in started["nodes"]] == ["requested"]
    assert len(listed(clusters, FLOWING)) == 66


def test_one_node_that_fails_does_not_hide_the_others(ansible: Ansible, clusters: Cloud) -> None:
    ids = [item["InstanceId"] for item in listed(clusters, PLAIN).values()][:2]
    clusters.set_speed(1)
    (begun,) = directly(clusters, node("rebooted", nodes=[ids[0]], wait=False))
    assert begun["changed"]
    played = ansible.play(
        node("rebooted", nodes=ids, progress=True), at={"BatchReboot": lambda: clusters.set_speed(clusters.speed)}
    )
    (partly,) = played.results
    assert partly["failed"]
    assert partly["changed"]
    assert f"1 of 2 nodes of cluster {PLAIN} were not rebooted: {ids[0]}: InvalidInstanceStatus" in partly["msg"]
    results = {found["name"]: found for found in partly["nodes"]}
    assert (results[ids[0]]["result"], results[ids[0]]["code"]) == ("failed", "InvalidInstanceStatus")
    assert results[ids[1]]["result"] == "rebooted"


@pytest.mark.one_core
def test_disturbances_and_lost_answers_fail_nothing(clusters: Cloud) -> None:
    one, two, three = [item["InstanceId"] for item in listed(clusters, PLAIN).values()][:3]
    disturbed = ("DescribeCluster", "ListClusterNodes", "BatchRebootClusterNodes")
    for kind, operation in zip(("throttle", "server_error", "drop"), disturbed, strict=True):
        clusters.fault(kind, count=3, operation=f"sagemaker:{operation}")
    for operation in ("BatchRebootClusterNodes", "BatchReplaceClusterNodes", "BatchDeleteClusterNodes"):
        clusters.fault("drop_after", count=1, operation=f"sagemaker:{operation}")
    rebooted, replaced, deleted = directly(
        clusters, node("rebooted", nodes=[one, two]), node("replaced", nodes=[two]), node("absent", nodes=[three])
    )
    assert rebooted["changed"], rebooted["msg"]
    assert replaced["changed"], replaced["msg"]
    assert deleted["changed"], deleted["msg"]


def test_a_replacement_without_capacity_says_why(clusters: Cloud) -> None:
    (key, item), *_rest = listed(clusters, FLOWING).items()
    clusters.fault("insufficient_capacity", percent=100, instance_group="workers")
    (late,) = directly(clusters, node("replaced", FLOWING, nodes=[key], wait_timeout=6))
    assert late["failed"]
    assert "are not all replaced after" in late["msg"]
    assert "wait_timeout: 6 s" in late["msg"]
    assert "no free instances of this type" in late["msg"]
    assert late["nodes"][0]["result"] == "requested"
    assert any("capacity" in str(event["failure_message"]) for event in late["failure"]["events"])
    clusters.admin("DELETE", "faults")
    (joined,) = directly(clusters, node("added", FLOWING, instance_group="workers", target_count=1))
    assert not joined["changed"], joined
    assert listed(clusters, FLOWING)[key]["InstanceStatus"]["Status"] == "Running"
    assert listed(clusters, FLOWING)[key]["InstanceId"] != item["InstanceId"]


def test_wrong_inputs(clusters: Cloud) -> None:
    controller = next(iter(listed(clusters, PLAIN, "controller").values()))["InstanceId"]
    worker = next(iter(listed(clusters, PLAIN).values()))["InstanceId"]
    before = listed(clusters, PLAIN)
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        (node("restarted", nodes=[worker]), ["state", "absent, added, rebooted, replaced"]),
        (node("rebooted"), ["state is rebooted", "nodes"]),
        (node("added", FLOWING, instance_group="workers"), ["count, target_count"]),
        (node("added", instance_group="workers", count=1), ["Continuous", "instance_count of the group"]),
        (node("rebooted", nodes=[worker, "i-00000000000000000", "10.9.9.9"]), ["i-00000000000000000, 10.9.9.9"]),
        (node("rebooted", nodes=["what is this"]), ["nodes[0]: 'what is this' is none of instance id"]),
        (node("replaced", nodes=[worker, controller]), ["Slurm controller can't be replaced", controller]),
        (node("rebooted", "nobody", nodes=[worker]), ["There is no cluster nobody"]),
        (node("rebooted", "-bad-", nodes=[worker]), ["cluster -bad-"]),
    ]
    for (task, words), result in zip(wrong, directly(clusters, *[task for task, _words in wrong]), strict=True):
        assert result.get("failed"), task
        for word in words:
            assert word in result["msg"], (task, result["msg"])
        assert "Traceback" not in result["msg"]
    assert listed(clusters, PLAIN) == before
