# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_cluster changes what exists: each field, alone and together, with all else as it was."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import api
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import CLUSTER_FIELDS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_options
from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

KIND = "ml.p5.4xlarge"
ROLLING = {"rolling_update_policy": {"maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 1}}}


def change(cloud: Cloud, name: str, options: dict[str, Any], **wish: Any) -> None:
    """Plan against the cluster as the service tells it, make the calls, and see what has come of it."""
    before = cloud.at_rest(name)
    desired = Desired(name, options=options, **wish)
    planned = plan(Current(before, {}), desired)
    assert planned.refusal is None
    assert [call.operation for call in planned.calls] == ["UpdateCluster"]
    client = cloud.client("sagemaker")
    for call in planned.calls:
        api.OPERATIONS[call.operation](client, call.request)
    after = cloud.at_rest(name)
    again = plan(Current(after, {}), desired)
    assert (again.calls, again.refusal, again.goal) == ((), None, None)
    predicted = {field.option: planned.after[field.option] for field in CLUSTER_FIELDS if field.option in planned.after}
    assert without_images(to_options(CLUSTER_FIELDS, after), predicted) == predicted


def without_images(after: dict[str, Any], predicted: dict[str, Any]) -> dict[str, Any]:
    """Without what only the service knows of a group that is new."""
    told = dict(after)
    for kind in ("instance_groups", "restricted_instance_groups"):
        if kind in after:
            known = {group["instance_group_name"]: set(group) for group in predicted[kind]}
            told[kind] = [
                {name: value for name, value in group.items() if name in known[group["instance_group_name"]]}
                for group in after[kind]
            ]
    return told


# What UpdateCluster can change in a group of a Slurm cluster.
GROUP_CHANGES: list[dict[str, Any]] = [
    {"instance_count": 3},
    {"min_instance_count": 1},
    {"life_cycle_config": {"on_init_complete": "on_create.sh"}},
    {"instance_storage_configs": [{"ebs_volume_config": {"volume_size_in_gb": 100}}]},
    {"instance_storage_configs": [{"ebs_volume_config": {"volume_size_in_gb": 200, "volume_kms_key_id": "key"}}]},
    {"instance_storage_configs": [{"ebs_volume_config": {"volume_size_in_gb": 300}}]},
    {"instance_storage_configs": []},
    {"on_start_deep_health_checks": ["InstanceStress", "InstanceConnectivity"]},
    {"on_start_deep_health_checks": []},
    {"training_plan_arn": "{plan}"},
    {"scheduled_update_config": {"schedule_expression": "cron(0 3 ? * SUN *)", "deployment_config": ROLLING}},
    {"scheduled_update_config": {"schedule_expression": "cron(0 4 ? * SUN *)"}},
    {"auto_patch_config": {"patching_strategy": "WhenIdle", "idle_wait_window_in_seconds": 7200}},
    {
        "auto_patch_config": {
            "patching_strategy": "WhenAllIdle",
            "patch_schedule": {"next_patch_date": "2027-01-01T03:00:00Z"},
        }
    },
    {"slurm_config": {"partition_names": ["p2"]}},
    {"network_interface": {"interface_type": "efa"}},
]
SETTINGS: list[dict[str, Any]] = [
    {"node_recovery": "None"},
    {"tiered_storage_config": {"mode": "Enable", "instance_memory_allocation_percentage": 20}},
    {"tiered_storage_config": {"mode": "Enable", "instance_memory_allocation_percentage": 30}},
    {"cluster_role": "{role}"},
    {"auto_scaling": {"mode": "Enable", "auto_scaler_type": "Karpenter"}},
    {"auto_scaling": {"mode": "Disable"}},
    {
        "restricted_instance_groups_config": {
            "shared_environment_config": {
                "fsx_lustre_deletion_policy": "Keep",
                "fsx_lustre_config": {"size_in_gib": 2400, "per_unit_storage_throughput": 250},
            }
        }
    },
]
KUBERNETES: list[dict[str, Any]] = [
    {"labels": {"example.com/Own.er": "x"}},
    {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
    {"taints": []},
]


def test_each_field_of_a_group(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("fields", node_provisioning_mode="Continuous")
    del wish["orchestrator"]
    workers = wish["instance_groups"][1]
    workers["instance_type"] = KIND
    options = {name: wish[name] for name in ("instance_groups", "vpc_config", "node_provisioning_mode")}
    for call in plan(None, Desired("fields", options=options)).calls:
        api.OPERATIONS[call.operation](cloud.client("sagemaker"), call.request)
    others = cloud.at_rest("fields")["InstanceGroups"][0]
    planned = {"training_plan_arn": cloud.training_plan("fields", KIND)}
    for changes in GROUP_CHANGES:
        more = planned if "training_plan_arn" in changes else changes
        change(cloud, "fields", {"instance_groups": [{"instance_group_name": "workers", **more}]})
    flexible = ansible.group("flexible", 1, instance_requirements={"instance_types": ["ml.m5.large", "ml.c5.large"]})
    del flexible["instance_type"]
    change(cloud, "fields", {"instance_groups": [flexible]})
    fewer = {"instance_group_name": "flexible", "instance_requirements": {"instance_types": ["ml.m5.large"]}}
    change(cloud, "fields", {"instance_groups": [fewer]})
    small = {"instance_group_name": "workers", "instance_count": 1}
    change(cloud, "fields", {"instance_groups": [small]}, allow_scale_down=True)
    kept = [{"instance_group_name": "controller"}, {"instance_group_name": "workers"}]
    change(cloud, "fields", {"instance_groups": kept}, purge_instance_groups=True)
    assert cloud.at_rest("fields")["InstanceGroups"][0] == others
    cloud.client("sagemaker").delete_cluster(ClusterName="fields")


def test_each_setting_of_a_cluster(ansible: Ansible, cloud: Cloud) -> None:
    role = cloud.place["role"]
    eks = cloud.kubernetes("kube")
    wish = ansible.wish("settings", orchestrator={"eks": {"cluster_arn": eks}}, node_provisioning_mode="Continuous")
    workers = wish["instance_groups"][1]
    del workers["slurm_config"]
    restricted = {
        "instance_group_name": "nova",
        "instance_count": 1,
        "instance_type": "ml.c5.xlarge",
        "execution_role": role,
    }
    options = {name: wish[name] for name in ("orchestrator", "vpc_config", "node_provisioning_mode")}
    options["instance_groups"] = [workers]
    options["restricted_instance_groups"] = [restricted]
    for call in plan(None, Desired("settings", options=options)).calls:
        api.OPERATIONS[call.operation](cloud.client("sagemaker"), call.request)
    for changes in SETTINGS:
        change(cloud, "settings", {"cluster_role": role} if "cluster_role" in changes else changes)
    for kubernetes in KUBERNETES:
        named = {"instance_group_name": "workers", "kubernetes_config": kubernetes}
        change(cloud, "settings", {"instance_groups": [named]})
    lustre = {"fsx_lustre_config": {"size_in_gib": 1200, "per_unit_storage_throughput": 125}}
    nova = {"instance_group_name": "nova", "instance_count": 2, "environment_config": lustre}
    change(cloud, "settings", {"restricted_instance_groups": [nova]})
    more = {**restricted, "instance_group_name": "sonic"}
    change(cloud, "settings", {"restricted_instance_groups": [more]}, purge_instance_groups=True)
    labels = cloud.at_rest("settings")["InstanceGroups"][0]["KubernetesConfig"]["DesiredLabels"]
    assert labels == {"example.com/Own.er": "x"}
    cloud.client("sagemaker").delete_cluster(ClusterName="settings")


@pytest.fixture(name="wish")
def _wish(ansible: Ansible) -> dict[str, Any]:
    return ansible.wish("moving", tags={"team": "a"})


def test_check_update_again_scale_purge(ansible: Ansible, cloud: Cloud, wish: dict[str, Any]) -> None:
    bundle = {"source_s3_uri": f"s3://{cloud.place['bucket']}/two"}
    more = {
        "name": "moving",
        "orchestrator": {"slurm": {"slurm_config_strategy": "Merge"}},
        "instance_groups": [
            {"instance_group_name": "workers", "instance_count": 3, "life_cycle_config": bundle},
            ansible.group("extra", 1),
        ],
        "tags": {"team": "b"},
        "wait_delay": 1,
    }
    less = {**more, "instance_groups": [{"instance_group_name": "workers", "instance_count": 1}]}
    two = [{"instance_group_name": "controller"}, {"instance_group_name": "workers"}]
    fewer = {"name": "moving", "instance_groups": two, "purge_instance_groups": True, "wait_delay": 1}
    played = ansible.play(
        cluster(wish),
        cluster(more, check_mode=True, diff=True),
        cluster(more, diff=True),
        cluster(more, diff=True),
        cluster(less),
        cluster({**less, "allow_scale_down": True}),
        cluster(fewer, check_mode=True, diff=True),
        cluster(fewer),
        cluster(fewer),
        cluster({"name": "moving", "state": "absent", "wait_delay": 1}),
    )
    made, checked, updated, same, refused, shrunk, purge_checked, purged, same_purged, gone = played.results
    assert made["changed"], made["msg"]

    paths = [
        "orchestrator.slurm.slurm_config_strategy",
        "instance_groups[workers].instance_count",
        "instance_groups[workers].life_cycle_config.source_s3_uri",
        "instance_groups[extra]",
    ]
    assert checked["changed"], checked["msg"]
    assert [call["operation"] for call in checked["calls"]] == ["UpdateCluster", "AddTags"]
    assert sorted(found["path"] for found in checked["differences"]) == sorted(paths)
    assert updated["changed"], updated["msg"]
    assert updated["calls"] == checked["calls"]
    assert "instance_groups[workers].instance_count: 2 -> 3" in updated["calls"][0]["reason"]
    assert updated["differences"] == checked["differences"]
    assert checked["diff"]["after"] == without_images(updated["diff"]["after"], checked["diff"]["after"])
    assert checked["diff"]["before"] == updated["diff"]["before"]
    groups = {group["instance_group_name"]: group for group in updated["cluster"]["instance_groups"]}
    assert {name: group["current_count"] for name, group in groups.items()} == {
        "controller": 1,
        "workers": 3,
        "extra": 1,
    }
    assert groups["workers"]["life_cycle_config"] == {**bundle, "on_create": "on_create.sh"}
    assert groups["controller"]["life_cycle_config"]["source_s3_uri"].endswith("/one")
    assert groups["workers"]["slurm_config"] == {"node_type": "Compute", "partition_names": ["p1"]}
    assert updated["cluster"]["tags"] == {"team": "b"}
    assert not same["changed"]
    assert (same["calls"], same["differences"]) == ([], [])
    assert same["diff"]["before"] == same["diff"]["after"]

    assert "2 instances would be terminated" in refused["msg"]
    assert "allow_scale_down: true" in refused["msg"]
    assert shrunk["changed"], shrunk["msg"]
    counts = {group["instance_group_name"]: group["current_count"] for group in shrunk["cluster"]["instance_groups"]}
    assert counts == {"controller": 1, "workers": 1, "extra": 1}
    assert purge_checked["changed"], purge_checked["msg"]
    assert [group["instance_group_name"] for group in purge_checked["diff"]["after"]["instance_groups"]] == [
        "controller",
        "workers",
    ]
    assert purged["changed"], purged["msg"]
    assert [group["instance_group_name"] for group in purged["cluster"]["instance_groups"]] == ["controller", "workers"]
    assert not same_purged["changed"]
    assert gone["changed"]

    lines = played.progress("moving")
    assert any(
        "UpdateCluster: orchestrator.slurm.slurm_config_strategy: 'Managed' -> 'Merge'" in line for line in lines
    )
    assert any("workers 3/3 running" in line for line in lines)


def test_an_update_that_is_rolled_back_fails_with_the_reason(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("rolled")
    more = {"name": "rolled", "instance_groups": [{"instance_group_name": "workers", "instance_count": 3}]}
    (made,) = directly(cloud, cluster(wish))
    assert made["changed"], made["msg"]
    cloud.fault("node_launch_failure", percent=100, instance_group="workers")
    (failed,) = directly(cloud, cluster({**more, "wait_delay": 1}))
    assert failed["failed"]
    assert failed["msg"].startswith("The update of cluster rolled was rolled back: ")
    assert "instance_groups[workers].instance_count: is 2, wanted 3" in failed["msg"]
    assert failed["failure"]["message"] == failed["cluster"]["failure_message"]
    assert [found["desired"] for found in failed["differences"]] == [3]
    cloud.admin("DELETE", "faults")
    absent = cluster({"name": "rolled", "state": "absent", "wait_delay": 1})
    updated, gone = directly(cloud, cluster({**more, "wait_delay": 1}), absent)
    assert updated["changed"], updated["msg"]
    assert gone["changed"]


def test_scaling_in_continuous_mode_shows_nodes_and_events(ansible: Ansible, cloud: Cloud) -> None:
    wish = ansible.wish("growing", node_provisioning_mode="Continuous")
    del wish["orchestrator"]
    more = {"name": "growing", "instance_groups": [{"instance_group_name": "workers", "instance_count": 4}]}
    (made,) = directly(cloud, cluster(wish))
    assert made["changed"], made["msg"]
    cloud.set_speed(20)
    played = ansible.play(
        cluster({**more, "wait_delay": 1}),
        cluster({"name": "growing", "state": "absent", "wait_delay": 1}),
        at={"workers 2/4 running, 2 pending": lambda: cloud.set_speed(cloud.speed)},
    )
    grown, gone = played.results
    assert grown["changed"], grown["msg"]
    assert grown["cluster"]["instance_groups"][1]["current_count"] == 4
    lines = played.progress("growing")
    assert any(
        "InService | controller 1/1 running | workers 2/4 running, 2 pending | newest event: " in line for line in lines
    )
    assert any("workers 4/4 running" in line for line in lines)
    assert gone["changed"]
