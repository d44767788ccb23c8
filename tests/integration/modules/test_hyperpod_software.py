# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_software and hyperpod_health_check over HTTP: check, act, idempotence, failure, wrong inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

NAME = "patched"
OLD, NEW = "1.1.0", "1.2.0"


def software(**options: Any) -> dict[str, Any]:
    keywords = {key: options.pop(key) for key in ("check_mode", "diff") if key in options}
    options = {"cluster_name": NAME, "wait_delay": 1, "wait_timeout": 120, "progress": False, **options}
    return {"podforge.hyperpod.hyperpod_software": options, **keywords}


def health(**options: Any) -> dict[str, Any]:
    keywords = {key: options.pop(key) for key in ("check_mode", "diff") if key in options}
    options = {"cluster_name": NAME, "wait_delay": 1, "wait_timeout": 120, "progress": False, **options}
    return {
        "podforge.hyperpod.hyperpod_health_check": {"deep_health_checks": ["InstanceStress"], **options},
        **keywords,
    }


def to(release: str, *groups: str) -> list[dict[str, str]]:
    return [{"instance_group_name": group, "image_release_version": release} for group in groups]


@pytest.fixture(name="patched", scope="module")
def _patched(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cluster on an old release, with accelerators in one group."""
    ansible = Ansible(cloud, tmp_path_factory.mktemp("patched"))
    cloud.admin("PUT", "quotas", {"ml.g5.xlarge for cluster usage": 10})
    groups = [
        ansible.group("controller", 1, "Controller", image_release_version=OLD),
        ansible.group("workers", 3, image_release_version=OLD),
        ansible.group("gpus", 2, instance_type="ml.g5.xlarge", image_release_version=OLD),
    ]
    (made,) = directly(cloud, cluster(ansible.wish(NAME, instance_groups=groups)))
    assert made["changed"], made["msg"]
    yield cloud
    directly(cloud, cluster({"name": NAME, "state": "absent", "wait_delay": 1}))


def releases(cloud: Cloud) -> dict[str, str]:
    groups = cloud.client("sagemaker").describe_cluster(ClusterName=NAME)["InstanceGroups"]
    return {group["InstanceGroupName"]: group["CurrentImageReleaseVersion"] for group in groups}


def test_a_failed_update_is_rolled_back_and_explained(ansible: Ansible, patched: Cloud) -> None:
    patched.fault("lifecycle_failure", count=1, instance_group="workers")
    played = ansible.play(
        software(instance_groups=to(NEW, "workers"), deployment_config=one_by_one(), progress=True),
        software(instance_groups=to(OLD, "workers")),
    )
    failed, still = played.results
    assert failed["failed"]
    assert failed["changed"]
    assert f"Software of cluster {NAME} is not updated after" in failed["msg"]
    assert "workers: RollbackComplete" in failed["msg"]
    assert "lifecycle script ended with an error" in failed["msg"]
    assert [group["result"] for group in failed["instance_groups"]] == ["failed"]
    assert failed["failure"]["log"]["instance_group_name"] == "workers"
    assert "end of the lifecycle log of" in played.output
    assert not still["changed"], still
    assert [group["result"] for group in still["instance_groups"]] == ["unchanged"]
    assert releases(patched) == {"controller": OLD, "workers": OLD, "gpus": OLD}


def one_by_one() -> dict[str, Any]:
    return {"rolling_update_policy": {"maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 1}}}


def test_one_group_and_then_all(ansible: Ansible, patched: Cloud) -> None:
    played = ansible.play(
        software(instance_groups=to(NEW, "gpus"), check_mode=True, diff=True),
        software(instance_groups=to(NEW, "gpus"), diff=True, progress=True),
    )
    checked, one = played.results
    same, rest, everything, fine, forced = directly(
        patched,
        software(instance_groups=to(NEW, "gpus"), diff=True),
        software(check_mode=True),
        software(deployment_config=one_by_one()),
        software(),
        software(instance_groups=to(NEW, "gpus"), force=True, wait=False),
    )
    assert checked["changed"]
    assert checked["diff"]["after"]["gpus"]["image_release_version"] == NEW
    assert one["changed"], one["msg"]
    assert one["diff"]["before"]["gpus"]["image_release_version"] == OLD
    assert one["diff"]["after"]["gpus"]["image_release_version"] == NEW
    assert one["instance_groups"][0]["software_update_status"] == "Succeeded"
    assert not same["changed"], same
    assert same["diff"]["before"] == same["diff"]["after"]

    assert rest["calls"][0]["reason"] == "software of controller, workers is to be updated"
    assert everything["changed"], everything["msg"]
    results = {group["instance_group_name"]: group["result"] for group in everything["instance_groups"]}
    assert results == {"controller": "updated", "workers": "updated", "gpus": "unchanged"}
    assert releases(patched) == {"controller": NEW, "workers": NEW, "gpus": NEW}
    assert not fine["changed"], fine
    assert forced["changed"]
    assert [group["result"] for group in forced["instance_groups"]] == ["requested"]
    assert any("UpdateClusterSoftware: software of gpus is to be updated" in line for line in played.progress(NAME))
    assert any("1/1 groups updated" in line for line in played.progress(NAME))


def test_a_health_check_waits_for_others_and_tells_of_each_node(ansible: Ansible, patched: Cloud) -> None:
    played = ansible.play(
        health(check_mode=True),
        health(instance_groups=["gpus", "workers"], diff=True, progress=True),
        health(nodes=["i-0123456789abcdef0"]),
    )
    checked, done, nobody = played.results
    assert checked["changed"]
    assert len(checked["nodes"]) == 6
    assert done["changed"], done["msg"]
    outcome = [(node["instance_group_name"], node["result"]) for node in done["nodes"]]
    assert sorted(outcome) == [("gpus", "passed")] * 2 + [("workers", "skipped")] * 3
    assert set(done["diff"]["after"].values()) == {"passed", "skipped"}
    assert any("5 nodes" in line or "in deep health check" in line for line in played.progress(NAME))
    assert "has no nodes i-0123456789abcdef0" in nobody["msg"]


def test_a_node_that_does_not_pass(patched: Cloud) -> None:
    sagemaker = patched.client("sagemaker")
    nodes = sagemaker.list_cluster_nodes(ClusterName=NAME, InstanceGroupNameContains="gpus")["ClusterNodeSummaries"]
    bad = nodes[0]["InstanceId"]
    patched.fault("health_check_failure", count=1, instance_group="gpus")
    (failed,) = directly(patched, health(nodes=[bad]))
    assert failed["failed"]
    assert f"1 of 1 nodes of cluster {NAME} did not pass: {bad} (replaced)" in failed["msg"]
    assert "FaultyInstance" in failed["nodes"][0]["log"][-1]


def test_wrong_inputs(patched: Cloud) -> None:
    rolling = {"rolling_update_policy": {"maximum_batch_size": {"type": "PERCENT", "value": 1}}}
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        (software(instance_groups=to(NEW, "workers", "nobody")), ["no instance groups nobody", "controller, gpus"]),
        (software(instance_groups=to(NEW, "workers", "workers")), ["names workers more than once"]),
        (software(instance_groups=to(NEW, "workers"), image_id="ami-0123456789abcdef0"), ["exclude each other"]),
        (software(deployment_config=rolling), ["INSTANCE_COUNT, CAPACITY_PERCENTAGE"]),
        (software(instance_groups=to("new", "workers")), ["image_release_version: 'new'"]),
        (software(cluster_name="nobody"), ["There is no cluster nobody"]),
        (health(deep_health_checks=["Xray"]), ["InstanceStress, InstanceConnectivity"]),
        (health(instance_groups=["nobody"]), ["no instance groups nobody"]),
        (health(nodes=["what is this"]), ["nodes[0]: 'what is this'"]),
    ]
    for (task, words), result in zip(wrong, directly(patched, *[task for task, _words in wrong]), strict=True):
        assert result.get("failed"), task
        for word in words:
            assert word in result["msg"], (task, result["msg"])
        assert "Traceback" not in result["msg"]
