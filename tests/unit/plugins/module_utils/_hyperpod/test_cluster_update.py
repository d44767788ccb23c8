# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an existing cluster becomes what is wanted: the request of UpdateCluster, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.compare import Difference
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.update import about_instances

ROLE = "arn:aws:iam::111122223333:role/node"
LIFECYCLE = {"SourceS3Uri": "s3://sagemaker-b/one", "OnCreate": "on_create.sh"}
CONTINUOUS = {"NodeProvisioningMode": "Continuous"}


def described_group(name: str, count: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "CurrentCount": count,
        "TargetCount": count,
        "Status": "InService",
        "InstanceType": "ml.c5.large",
        "ExecutionRole": ROLE,
        "LifeCycleConfig": LIFECYCLE,
        "CurrentImageId": "ami-00000001",
        "DesiredImageId": "ami-00000001",
        "CurrentImageReleaseVersion": "1.0.0",
        "SlurmConfig": {"NodeType": "Compute", "PartitionNames": ["p1"]},
        **more,
    }


def described(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "ClusterName": "demo",
        "ClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456",
        "ClusterStatus": "InService",
        "InstanceGroups": list(groups) or [described_group("w")],
        **more,
    }


def planned(cluster: dict[str, Any], options: dict[str, Any], **wish: Any) -> Plan:
    return plan(Current(cluster, {}), Desired("demo", options=options, **wish))


def group(name: str = "w", **options: Any) -> dict[str, Any]:
    return {"instance_groups": [{"instance_group_name": name, **options}]}


def request(found: Plan) -> dict[str, Any]:
    assert found.refusal is None
    (call,) = found.calls
    assert call.operation == "UpdateCluster"
    assert call.request["ClusterName"] == "demo"
    return {name: value for name, value in call.request.items() if name != "ClusterName"}


def test_a_group_is_sent_whole_and_without_what_is_only_told() -> None:
    found = planned(described(described_group("w"), described_group("other")), group(instance_count=3))
    assert request(found) == {
        "InstanceGroups": [
            {
                "InstanceGroupName": "w",
                "InstanceCount": 3,
                "InstanceType": "ml.c5.large",
                "ExecutionRole": ROLE,
                "LifeCycleConfig": LIFECYCLE,
                "SlurmConfig": {"NodeType": "Compute", "PartitionNames": ["p1"]},
            }
        ]
    }
    assert [item["instance_group_name"] for item in found.after["instance_groups"]] == ["w", "other"]
    assert found.after["instance_groups"][0] == {**found.before["instance_groups"][0], "instance_count": 3}


def test_images_are_sent_only_if_the_user_names_them() -> None:
    sent = request(planned(described(), group(instance_count=3, image_release_version="1.0.0", image_id="default")))
    assert sent["InstanceGroups"][0]["ImageReleaseVersion"] == "1.0.0"
    assert sent["InstanceGroups"][0]["ImageId"] == "default"


@pytest.mark.parametrize(
    ("mode", "options", "sent"),
    [
        ({}, {}, None),
        ({}, {"min_instance_count": 1}, 1),
        (CONTINUOUS, {}, 0),
        (CONTINUOUS, {"min_instance_count": 2}, 2),
    ],
)
def test_a_minimum_belongs_to_continuous_mode(mode: dict[str, str], options: dict[str, Any], sent: int | None) -> None:
    found = planned(described(described_group("w", MinCount=0), **mode), group(instance_count=3, **options))
    assert request(found)["InstanceGroups"][0].get("MinInstanceCount") == sent


def test_part_of_a_lifecycle_leaves_the_rest() -> None:
    bundle = {"source_s3_uri": "s3://sagemaker-b/two"}
    sent = request(planned(described(), group(life_cycle_config=bundle)))
    assert sent["InstanceGroups"][0]["LifeCycleConfig"] == {**LIFECYCLE, "SourceS3Uri": "s3://sagemaker-b/two"}


def test_one_entry_script_takes_the_place_of_the_other() -> None:
    sent = request(planned(described(), group(life_cycle_config={"on_init_complete": "after.sh"})))
    assert sent["InstanceGroups"][0]["LifeCycleConfig"] == {
        "SourceS3Uri": "s3://sagemaker-b/one",
        "OnInitComplete": "after.sh",
    }


def test_volumes_are_told_apart_and_completed() -> None:
    storage = [
        {"EbsVolumeConfig": {"VolumeSizeInGB": 100, "VolumeKmsKeyId": "k"}},
        {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "r"}},
        {"FsxLustreConfig": {"DnsName": "fs-0123456789.fsx.x", "MountName": "m", "MountPath": "/fsx"}},
    ]
    wanted = [
        {"ebs_volume_config": {"root_volume": True, "volume_kms_key_id": "r"}},
        {"ebs_volume_config": {"volume_size_in_gb": 200}},
    ]
    cluster = described(described_group("w", InstanceStorageConfigs=storage))
    found = planned(cluster, group(instance_storage_configs=wanted))
    assert request(found)["InstanceGroups"][0]["InstanceStorageConfigs"] == [
        {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "r"}},
        {"EbsVolumeConfig": {"VolumeSizeInGB": 200, "VolumeKmsKeyId": "k"}},
    ]


def test_an_empty_list_takes_away() -> None:
    cluster = described(described_group("w", OnStartDeepHealthChecks=["InstanceStress"]))
    assert (
        "OnStartDeepHealthChecks"
        not in request(planned(cluster, group(on_start_deep_health_checks=[])))["InstanceGroups"][0]
    )
    assert "OnStartDeepHealthChecks" in request(planned(cluster, group(instance_count=3)))["InstanceGroups"][0]


def test_settings_are_sent_whole_and_alone() -> None:
    storage = {"Mode": "Enable", "InstanceMemoryAllocationPercentage": 20}
    cluster = described(TieredStorageConfig=storage, NodeRecovery="Automatic")
    found = planned(cluster, {"tiered_storage_config": {"mode": "Disable"}, "node_recovery": "Automatic"})
    assert request(found) == {"TieredStorageConfig": {**storage, "Mode": "Disable"}}


def test_a_strategy_can_be_given_to_a_cluster_described_without_orchestrator() -> None:
    found = planned(described(), {"orchestrator": {"slurm": {"slurm_config_strategy": "Merge"}}})
    assert request(found) == {"Orchestrator": {"Slurm": {"SlurmConfigStrategy": "Merge"}}}


def test_a_group_without_node_type_gets_one() -> None:
    bare = described_group("w")
    del bare["SlurmConfig"]
    assert request(planned(described(bare), group(slurm_config={"node_type": "Login"})))["InstanceGroups"][0][
        "SlurmConfig"
    ] == {"NodeType": "Login"}


def test_a_new_group_joins_the_others() -> None:
    new = {"instance_group_name": "new", "instance_count": 1, "execution_role": ROLE, "instance_type": "ml.c5.large"}
    found = planned(described(), {"instance_groups": [new]})
    assert [item["InstanceGroupName"] for item in request(found)["InstanceGroups"]] == ["new"]
    assert found.calls[0].reason == "instance_groups[new] is new"
    assert [item["instance_group_name"] for item in found.after["instance_groups"]] == ["w", "new"]


def test_a_group_left_out_is_deleted_only_on_request() -> None:
    cluster = described(described_group("w"), described_group("old"))
    assert planned(cluster, group()).calls == ()
    found = planned(cluster, group(), purge_instance_groups=True)
    assert request(found) == {"InstanceGroupsToDelete": ["old"]}
    assert found.calls[0].reason == "instance_groups[old] is not wanted"
    assert [item["instance_group_name"] for item in found.after["instance_groups"]] == ["w"]


def test_groups_of_a_kind_that_is_not_described_are_not_deleted() -> None:
    restricted = {"InstanceGroupName": "r", "CurrentCount": 1, "TargetCount": 1}
    cluster = described(RestrictedInstanceGroups=[restricted])
    assert planned(cluster, group(), purge_instance_groups=True).calls == ()
    assert planned(cluster, {"node_recovery": "None"}, purge_instance_groups=True).calls[0].request == {
        "ClusterName": "demo",
        "NodeRecovery": "None",
    }
    found = planned(cluster, {"restricted_instance_groups": []}, purge_instance_groups=True)
    assert request(found) == {"InstanceGroupsToDelete": ["r"]}


def test_a_group_that_goes_already_is_not_deleted_again() -> None:
    cluster = described(described_group("w"), described_group("old", Status="Deleting"))
    assert planned(cluster, group(), purge_instance_groups=True).calls == ()


def test_shrinking_is_done_when_it_is_allowed() -> None:
    assert (
        request(planned(described(), group(instance_count=0), allow_scale_down=True))["InstanceGroups"][0][
            "InstanceCount"
        ]
        == 0
    )


def test_types_of_a_flexible_group_can_be_added_and_taken_away() -> None:
    flexible = described_group(
        "w",
        InstanceRequirements={"DesiredInstanceTypes": ["ml.c5.large", "ml.m5.large"]},
        InstanceTypeDetails=[{"InstanceType": "ml.c5.large", "CurrentCount": 2}, {"InstanceType": "ml.m5.large"}],
    )
    del flexible["InstanceType"]
    cluster = described(flexible, **CONTINUOUS)
    fewer = {"instance_requirements": {"instance_types": ["ml.c5.large"]}}
    assert request(planned(cluster, group(**fewer)))["InstanceGroups"][0]["InstanceRequirements"] == {
        "InstanceTypes": ["ml.c5.large"]
    }
    other = {"instance_requirements": {"instance_types": ["ml.m5.large"]}}
    refusal = planned(cluster, group(**other)).refusal or ""
    assert "Instances of ml.c5.large run in this group" in refusal


VPC = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1"]}
NEW_GROUP = "purge_instance_groups: true"
NEW_CLUSTER = "make another cluster"
REFUSED = [
    ({}, {"vpc_config": VPC}, "vpc_config", "override_vpc_config"),
    ({}, {"node_provisioning_mode": "Continuous"}, "node_provisioning_mode", NEW_CLUSTER),
    ({}, {"orchestrator": {"eks": {"cluster_arn": "a"}}}, "orchestrator", NEW_CLUSTER),
    (
        {"Orchestrator": {"Eks": {"ClusterArn": "a"}}},
        {"orchestrator": {"eks": {"cluster_arn": "b"}}},
        "orchestrator.eks.cluster_arn",
        NEW_CLUSTER,
    ),
    (
        {"AutoScaling": {"Mode": "Enable"}, "ClusterRole": ROLE},
        {"cluster_role": f"{ROLE}2"},
        "cluster_role",
        "set auto_scaling.mode to Disable first",
    ),
    ({}, group(instance_type="ml.m5.large"), "instance_groups[w].instance_type", NEW_GROUP),
    ({}, group(execution_role=f"{ROLE}2"), "instance_groups[w].execution_role", "other policies"),
    ({}, group(threads_per_core=2), "instance_groups[w].threads_per_core", NEW_GROUP),
    ({}, group(override_vpc_config=VPC), "instance_groups[w].override_vpc_config", NEW_GROUP),
    ({}, group(capacity_requirements={"spot": {}}), "instance_groups[w].capacity_requirements", NEW_GROUP),
    ({}, group(image_id="ami-00000002"), "instance_groups[w].image_id", "UpdateClusterSoftware"),
    ({}, group(image_release_version="1.1.0"), "instance_groups[w].image_release_version", "UpdateClusterSoftware"),
    (
        {},
        group(instance_requirements={"instance_types": ["ml.c5.large"]}),
        "instance_groups[w].instance_requirements",
        NEW_GROUP,
    ),
    ({}, group(slurm_config={"node_type": "Login"}), "instance_groups[w].slurm_config.node_type", NEW_GROUP),
    ({}, group(instance_count=1), "instance_groups[w].instance_count", "allow_scale_down: true"),
    ({}, group("new"), "instance_groups[new]", "A new group needs instance_count, execution_role"),
    (
        {},
        {"restricted_instance_groups": [{"instance_group_name": "w"}]},
        "restricted_instance_groups[w]",
        "choose another name",
    ),
]


@pytest.mark.parametrize(("more", "options", "path", "way"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_stays_is_refused_with_the_way_around(
    more: dict[str, Any], options: dict[str, Any], path: str, way: str
) -> None:
    found = planned(described(**more), options)
    assert found.calls == ()
    assert found.refusal is not None
    head, line = found.refusal.splitlines()
    assert head == "Cluster demo can't be changed like this; nothing was changed:"
    assert line.startswith(f"  {path}: is ")
    assert way in line
    assert path in [difference.path for difference in found.differences]


def test_the_role_can_change_when_scaling_is_off() -> None:
    cluster = described(AutoScaling={"Mode": "Disable", "Status": "Deleting"}, ClusterRole=ROLE)
    assert request(planned(cluster, {"cluster_role": f"{ROLE}2"})) == {"ClusterRole": f"{ROLE}2"}


def test_all_that_is_refused_is_told_at_once() -> None:
    found = planned(described(), {"vpc_config": VPC, **group(instance_count=1, instance_type="ml.m5.large")})
    assert len((found.refusal or "").splitlines()) == 4


def test_fewer_than_the_minimum_are_refused() -> None:
    cluster = described(described_group("w", MinCount=2), **CONTINUOUS)
    refusal = planned(cluster, group(instance_count=1), allow_scale_down=True).refusal or ""
    assert "set min_instance_count as well" in refusal
    less = planned(cluster, group(instance_count=1, min_instance_count=0), allow_scale_down=True)
    assert request(less)["InstanceGroups"][0]["MinInstanceCount"] == 0


def test_the_last_group_is_not_deleted() -> None:
    found = planned(described(), {"instance_groups": []}, purge_instance_groups=True)
    assert "A cluster keeps at least one group" in (found.refusal or "")


def test_the_reason_stays_short() -> None:
    names = [f"g{number}" for number in range(9)]
    cluster = described(*[described_group(name) for name in names])
    wanted = {"instance_groups": [{"instance_group_name": name, "instance_count": 3} for name in names]}
    reason = planned(cluster, wanted).calls[0].reason
    assert reason.startswith("instance_groups[g0].instance_count: 2 -> 3; ")
    assert reason.endswith("; and 3 more")


@pytest.mark.parametrize(
    ("path", "instances"),
    [
        ("instance_groups[w].instance_count", True),
        ("restricted_instance_groups[w].min_instance_count", True),
        ("instance_groups[w]", True),
        ("instance_groups[w].life_cycle_config.source_s3_uri", False),
        ("instance_groups[w].instance_storage_configs[ebs_volume_config]", False),
        ("node_recovery", False),
    ],
)
def test_what_came_out_otherwise_is_a_failure_where_instances_are_concerned(path: str, instances: bool) -> None:
    assert about_instances([Difference(path, 1, 2)]) is instances
    assert not about_instances([])
