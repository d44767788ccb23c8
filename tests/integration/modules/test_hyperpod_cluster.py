# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_cluster from nothing to nothing."""

from __future__ import annotations

from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster


def test_check_create_again_tag_absent_again(ansible: Ansible) -> None:
    wish = ansible.wish("whole", tags={"team": "a", "keep": "1"})
    gone = {"name": "whole", "state": "absent", "wait_delay": 1}
    played = ansible.play(
        cluster(wish, check_mode=True, diff=True),
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": ["whole"]}},
        cluster(wish, diff=True),
        cluster(wish, diff=True),
        cluster({"name": "whole", "tags": {"team": "b"}}, check_mode=True, diff=True),
        cluster({"name": "whole", "tags": {"team": "b"}}, diff=True),
        cluster({"name": "whole", "tags": {"new": "1"}, "purge_tags": False}),
        cluster({"name": "whole", "tags": {"new": "1"}, "purge_tags": False}),
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": ["whole"], "include_nodes": True}},
        cluster(gone, check_mode=True, diff=True),
        cluster(gone, diff=True),
        cluster(gone),
        cluster(gone, check_mode=True),
    )
    (
        checked,
        nothing,
        made,
        same,
        tag_checked,
        tagged,
        added,
        same_tags,
        seen,
        gone_checked,
        deleted,
        still_gone,
        still_gone_checked,
    ) = played.results

    assert checked["changed"]
    assert checked["cluster"]["instance_groups"][1]["instance_count"] == 2
    assert checked["diff"]["before"] == {}
    assert checked["diff"]["after"]["name"] == "whole"
    assert [call["operation"] for call in checked["calls"]] == ["CreateCluster"]
    assert nothing["clusters"] == []

    assert made["changed"]
    assert made["cluster"]["cluster_status"] == "InService"
    assert made["cluster"]["tags"] == {"keep": "1", "team": "a"}
    assert [(group["instance_group_name"], group["current_count"]) for group in made["cluster"]["instance_groups"]] == [
        ("controller", 1),
        ("workers", 2),
    ]
    assert made["diff"]["after"]["status"] == "InService"
    assert "_progress" not in made
    assert "_resume" not in made.get("invocation", {}).get("module_args", {})

    assert not same["changed"]
    assert same["calls"] == []
    assert same["diff"]["before"] == same["diff"]["after"]

    assert tag_checked["changed"]
    assert tag_checked["diff"]["after"]["tags"] == {"team": "b"}
    assert tagged["changed"]
    assert [call["operation"] for call in tagged["calls"]] == ["DeleteTags", "AddTags"]
    assert tagged["cluster"]["tags"] == {"team": "b"}
    assert added["cluster"]["tags"] == {"new": "1", "team": "b"}
    assert not same_tags["changed"]

    (described,) = seen["clusters"]
    assert described["tags"] == {"new": "1", "team": "b"}
    assert [node["instance_group_name"] for node in described["nodes"]] == ["controller", "workers", "workers"]
    assert {node["instance_status"]["status"] for node in described["nodes"]} == {"Running"}
    assert described["instance_groups"][1]["target_count"] == 2

    assert gone_checked["changed"]
    assert gone_checked["diff"]["after"] == {}
    assert deleted["changed"]
    assert deleted["cluster"] == {}
    assert deleted["diff"]["after"] == {}
    assert not still_gone["changed"]
    assert not still_gone_checked["changed"]

    lines = played.progress("whole")
    assert lines[0].endswith("CreateCluster: it does not exist yet")
    assert any(line.endswith("InService | controller 1/1 running | workers 2/2 running") for line in lines)
    assert any("DeleteCluster: cluster whole is to be absent" in line for line in lines)
    assert lines[-1].endswith(" deleted")


def test_every_group_option_reaches_the_service_and_comes_back(ansible: Ansible, cloud: Cloud) -> None:
    workers = ansible.group(
        "workers",
        1,
        threads_per_core=1,
        instance_storage_configs=[{"ebs_volume_config": {"volume_size_in_gb": 200}}],
        override_vpc_config={"security_group_ids": [cloud.place["group"]], "subnets": [cloud.place["subnet"]]},
        scheduled_update_config={
            "schedule_expression": "cron(0 3 ? * SUN *)",
            "deployment_config": {
                "rolling_update_policy": {"maximum_batch_size": {"type": "CAPACITY_PERCENTAGE", "value": 50}},
                "wait_interval_in_seconds": 60,
            },
        },
    )
    wish = ansible.wish(
        "rich", instance_groups=[ansible.group("controller", 1, "Controller"), workers], node_recovery="None"
    )
    other = {**wish, "instance_groups": [{**workers, "threads_per_core": 2}]}
    absent = cluster({"name": "rich", "state": "absent", "wait_delay": 1})
    made, same, refused, gone = directly(cloud, cluster(wish), cluster(wish), cluster(other), absent)
    assert made["changed"], made["msg"]
    assert made["cluster"]["node_recovery"] == "None"
    assert not same["changed"]
    assert [found["path"] for found in refused["differences"]] == ["instance_groups[workers].threads_per_core"]
    assert "It stays as the group was made" in refused["msg"]
    assert gone["changed"]


def test_without_waiting_and_then_joining(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("joined", wait=False)
    cloud.set_speed(1)
    later = {**wish, "node_recovery": "None"}
    tasks = [cluster(wish), cluster(wish), cluster(later, check_mode=True), cluster(later)]
    started, again, checked, impatient = directly(cloud, *tasks)
    assert started["changed"]
    assert started["cluster"]["cluster_status"] == "Creating"
    assert not again["changed"]
    assert again["cluster"]["cluster_status"] == "Creating"
    assert checked["changed"]
    assert checked["cluster"]["node_recovery"] == "None"
    assert "is Creating and can't be updated now, and wait is false: run with wait: true" in impatient["msg"]

    played = ansible.play(
        cluster({**wish, "wait": True}, diff=True), at={"Creating": lambda: cloud.set_speed(cloud.speed)}
    )
    assert not played[0]["changed"]
    assert played[0]["cluster"]["cluster_status"] == "InService"
    assert played[0]["diff"]["before"] == played[0]["diff"]["after"]
    assert any("InService" in line for line in played.progress("joined"))

    cloud.set_speed(1)
    gone = {"name": "joined", "state": "absent", "wait": False}
    leaving, joined, refused = directly(cloud, cluster(gone), cluster(gone), cluster(wish))
    assert leaving["changed"]
    assert leaving["cluster"]["cluster_status"] == "Deleting"
    assert not joined["changed"]
    assert "run with wait: true" in refused["msg"]

    cloud.set_speed(cloud.speed)
    absent = cluster({"name": "joined", "state": "absent", "wait_delay": 1})
    remade, deleted = directly(cloud, cluster({**wish, "wait": True}), absent)
    assert remade["changed"]
    assert [call["operation"] for call in remade["calls"]] == ["CreateCluster"]
    assert deleted["changed"]


def test_absent_waits_until_the_service_lets_it(ansible: Ansible, cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    (made,) = directly(cloud, cluster(ansible.wish("busy")))
    assert made["changed"]
    group = sagemaker.describe_cluster(ClusterName="busy")["InstanceGroups"][1]
    keep = ("InstanceGroupName", "InstanceType", "LifeCycleConfig", "ExecutionRole", "ThreadsPerCore", "SlurmConfig")
    cloud.set_speed(1)
    sagemaker.update_cluster(
        ClusterName="busy", InstanceGroups=[{**{key: group[key] for key in keep if key in group}, "InstanceCount": 3}]
    )
    gone = {"name": "busy", "state": "absent", "wait_delay": 1}
    (refused,) = directly(cloud, cluster({**gone, "wait": False}))
    assert refused["error"]["code"] == "ConflictException"
    assert refused["msg"].startswith("Failed to delete cluster busy: ")
    assert sagemaker.describe_cluster(ClusterName="busy")["ClusterStatus"] == "Updating"

    played = ansible.play(cluster(gone), at={"Updating": lambda: cloud.set_speed(cloud.speed)})
    assert played[0]["changed"]
    assert [call["operation"] for call in played[0]["calls"]] == ["DeleteCluster"]
    lines = played.progress("busy")
    assert "Updating | controller 1/1 running | workers 2/3 running" in lines[0]
    assert any("DeleteCluster: cluster busy is to be absent" in line for line in lines)


def test_continuous_mode_waits_for_all_instances(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("flowing", node_provisioning_mode="Continuous")
    del wish["orchestrator"]
    absent = cluster({"name": "flowing", "state": "absent", "wait_delay": 1})
    made, same, _deleted = directly(cloud, cluster(wish), cluster(wish), absent)
    assert made["changed"], made["msg"]
    assert {group["current_count"] == group["target_count"] for group in made["cluster"]["instance_groups"]} == {True}
    assert not same["changed"]


def test_progress_can_be_switched_off(ansible: Ansible, cloud: Cloud) -> None:
    mute, more = ansible.wish("mute", progress=False), ansible.wish("mute", workers=3)
    played = ansible.play(
        cluster(mute),
        cluster(more, vars={"hyperpod_progress": False}),
        cluster({**more, "state": "absent"}, vars={"hyperpod_progress": "no"}),
        cluster(ansible.wish("mute"), no_log=True),
    )
    assert [result["changed"] for result in played.results] == [True] * 4
    assert played.progress("mute") == []
    directly(cloud, cluster({"name": "mute", "state": "absent", "wait_delay": 1}))
