# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options -> request, description -> options, and where they differ."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.compare import differences
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import CLUSTER_FIELDS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import Field
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import cluster_result
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import parse_time
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_options
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_request
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import wanted_options

# How DescribeCluster names what CreateCluster is given, written down apart from the table.
RENAMED = {
    "InstanceCount": "TargetCount",
    "MinInstanceCount": "MinCount",
    "InstanceTypes": "DesiredInstanceTypes",
    "PatchSchedule": "DesiredPatchSchedule",
    "ImageId": "DesiredImageId",
    "ImageReleaseVersion": "DesiredImageReleaseVersion",
    "Labels": "DesiredLabels",
    "Taints": "DesiredTaints",
    "FSxLustreDeletionPolicy": "DesiredFSxLustreDeletionPolicy",
}


def full(field: Field, seed: int = 0) -> Any:
    """A value for a field, with every member that can stand beside the others."""
    values: dict[str, Any] = {
        "int": 1000 + seed,
        "bool": True,
        "timestamp": "2026-12-01T03:00:00Z",
        "strings": ["b", "a"],
        "map": {"Team/Own.er": "x", "camelCase": "y"},
        "empty": {},
    }
    if field.kind in values:
        return values[field.kind]
    if field.kind == "dict":
        members = field.fields[:1] if field.union else field.fields
        return {member.option: full(member, seed) for member in members}
    if field.kind == "dicts":
        if field.union:
            return [{member.option: full(member, index)} for index, member in enumerate(field.fields)]
        return [{member.option: full(member, index) for member in field.fields} for index in (1, 2)]
    return field.choices[0] if field.choices else f"{field.option}-{seed}"


def everything() -> dict[str, Any]:
    return {field.option: full(field) for field in CLUSTER_FIELDS}


def as_described(request: Any, shared: bool = False) -> Any:
    """What the service would answer for a request."""
    if isinstance(request, dict):
        described = {}
        for key, value in request.items():
            name = "DesiredFSxLustreConfig" if shared and key == "FSxLustreConfig" else RENAMED.get(key, key)
            described[name] = as_described(value, shared or key == "SharedEnvironmentConfig")
        return described
    return [as_described(item) for item in request] if isinstance(request, list) else request


def test_everything_survives_the_way_to_the_service_and_back() -> None:
    wish = everything()
    request = to_request(CLUSTER_FIELDS, wish)
    assert request["InstanceGroups"][0]["KubernetesConfig"]["Labels"] == {"Team/Own.er": "x", "camelCase": "y"}
    assert request["InstanceGroups"][0]["AutoPatchConfig"]["PatchSchedule"]["NextPatchDate"] == datetime(
        2026, 12, 1, 3, tzinfo=timezone.utc
    )
    back = to_options(CLUSTER_FIELDS, {**as_described(request), "ClusterStatus": "InService"})
    assert back == wish
    assert differences(CLUSTER_FIELDS, back, wish) == []


def test_read_only_answers_are_no_options() -> None:
    group = {
        "InstanceGroupName": "w",
        "CurrentCount": 1,
        "TargetCount": 2,
        "Status": "InService",
        "ActiveOperations": {},
    }
    described = {"ClusterArn": "a", "InstanceGroups": [group], "RestrictedInstanceGroups": []}
    assert to_options(CLUSTER_FIELDS, described) == {
        "instance_groups": [{"instance_group_name": "w", "instance_count": 2}]
    }


def test_what_is_wanted_counts_before_what_is_there() -> None:
    group = {
        "InstanceGroupName": "w",
        "CurrentImageId": "ami-1",
        "DesiredImageId": "ami-2",
        "CurrentImageReleaseVersion": "1.0.0",
    }
    options = to_options(CLUSTER_FIELDS, {"InstanceGroups": [group]})["instance_groups"][0]
    assert (options["image_id"], options["image_release_version"]) == ("ami-2", "1.0.0")


def test_options_left_out_are_not_wanted() -> None:
    params = {
        "instance_groups": [
            {
                "instance_group_name": "w",
                "min_instance_count": None,
                "life_cycle_config": {"on_create": "x", "source_s3_uri": None},
            }
        ],
        "vpc_config": None,
        "orchestrator": {"eks": None, "slurm": {"slurm_config_strategy": None, "accounting_database": None}},
    }
    assert wanted_options(CLUSTER_FIELDS, params) == {
        "instance_groups": [{"instance_group_name": "w", "life_cycle_config": {"on_create": "x"}}],
        "orchestrator": {"slurm": {}},
    }


def test_values_of_labels_become_text() -> None:
    params = {"instance_groups": [{"kubernetes_config": {"labels": {"tier": 1}, "taints": None}}]}
    wanted = wanted_options(CLUSTER_FIELDS, params)
    assert wanted["instance_groups"][0]["kubernetes_config"] == {"labels": {"tier": "1"}}


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-12-01T03:00:00Z", 3), ("2026-12-01T03:00:00", 3), ("2026-12-01T03:00:00+02:00", 1)]
)
def test_times(text: str, hour: int) -> None:
    assert parse_time(text).astimezone(timezone.utc).hour == hour


def test_no_time() -> None:
    with pytest.raises(ValueError, match="sunday"):
        parse_time("sunday")


def group(**options: Any) -> dict[str, Any]:
    return {"instance_groups": [{"instance_group_name": "w", **options}]}


W = "instance_groups[w]"
EBS = {"ebs_volume_config": {"volume_size_in_gb": 100}}
ROOT = {"ebs_volume_config": {"volume_kms_key_id": "k", "root_volume": True}}


@pytest.mark.parametrize(
    ("current", "desired", "paths"),
    [
        pytest.param(group(instance_count=2), group(instance_count=2), [], id="same"),
        pytest.param(group(instance_count=2, instance_type="ml.c5.large"), group(instance_count=2), [], id="left-out"),
        pytest.param(group(instance_count=2), group(instance_count=4), [f"{W}.instance_count"], id="count"),
        pytest.param(group(), {"node_recovery": "None"}, ["node_recovery"], id="not-set-yet"),
        pytest.param({"instance_groups": []}, group(instance_count=1), [W], id="new-group"),
        pytest.param(
            {"instance_groups": [*group()["instance_groups"], {"instance_group_name": "other"}]},
            group(),
            [],
            id="other-group",
        ),
        pytest.param(
            group(life_cycle_config={"source_s3_uri": "s3://b/p/"}),
            group(life_cycle_config={"source_s3_uri": "s3://b/p"}),
            [],
            id="slash",
        ),
        pytest.param(
            group(life_cycle_config={"source_s3_uri": "s3://b/1", "on_create": "x"}),
            group(life_cycle_config={"source_s3_uri": "s3://b/2"}),
            [f"{W}.life_cycle_config.source_s3_uri"],
            id="bundle",
        ),
        pytest.param(group(image_id="ami-1"), group(image_id="default"), [], id="default-image"),
        pytest.param(group(image_id="ami-1"), group(image_id="ami-2"), [f"{W}.image_id"], id="image"),
        pytest.param(
            {"vpc_config": {"subnets": ["a", "b"]}}, {"vpc_config": {"subnets": ["b", "a"]}}, [], id="subnets-unordered"
        ),
        pytest.param(
            {"vpc_config": {"subnets": ["a"]}},
            {"vpc_config": {"subnets": ["a", "b"]}},
            ["vpc_config.subnets"],
            id="subnets",
        ),
        pytest.param(
            group(instance_requirements={"instance_types": ["a", "b"]}),
            group(instance_requirements={"instance_types": ["b", "a"]}),
            [f"{W}.instance_requirements.instance_types"],
            id="types-ordered",
        ),
        pytest.param(group(), group(on_start_deep_health_checks=[]), [], id="empty-is-not-set"),
        pytest.param(
            group(instance_storage_configs=[ROOT, EBS]),
            group(instance_storage_configs=[EBS, ROOT]),
            [],
            id="storage-unordered",
        ),
        pytest.param(
            group(instance_storage_configs=[EBS]),
            group(instance_storage_configs=[{"ebs_volume_config": {"volume_size_in_gb": 200}}]),
            [f"{W}.instance_storage_configs[ebs_volume_config].ebs_volume_config.volume_size_in_gb"],
            id="storage-size",
        ),
        pytest.param(
            group(instance_storage_configs=[EBS, ROOT]),
            group(instance_storage_configs=[EBS]),
            [f"{W}.instance_storage_configs[ebs_volume_config,root_volume]"],
            id="storage-dropped",
        ),
        pytest.param(
            group(instance_storage_configs=[EBS]),
            group(instance_storage_configs=[EBS, EBS]),
            [f"{W}.instance_storage_configs[ebs_volume_config#2]"],
            id="storage-twice",
        ),
        pytest.param(
            group(kubernetes_config={"labels": {"a": "1", "b": "2"}}),
            group(kubernetes_config={"labels": {"a": "1"}}),
            [f"{W}.kubernetes_config.labels"],
            id="labels-replace",
        ),
        pytest.param(
            group(kubernetes_config={"taints": [{"key": "a", "effect": "NoSchedule", "value": "1"}]}),
            group(kubernetes_config={"taints": [{"key": "a", "effect": "NoSchedule"}]}),
            [],
            id="taint-value-left-out",
        ),
        pytest.param(
            group(capacity_requirements={"on_demand": {}}),
            group(capacity_requirements={"spot": {}}),
            [f"{W}.capacity_requirements"],
            id="capacity",
        ),
        pytest.param(
            group(capacity_requirements={"spot": {}}), group(capacity_requirements={"spot": {}}), [], id="same-capacity"
        ),
        pytest.param(
            {"orchestrator": {"slurm": {}}},
            {"orchestrator": {"eks": {"cluster_arn": "a"}}},
            ["orchestrator"],
            id="orchestrator",
        ),
        pytest.param(
            {"orchestrator": {"slurm": {"slurm_config_strategy": "Merge"}}},
            {"orchestrator": {"slurm": {}}},
            [],
            id="orchestrator-same",
        ),
        pytest.param(
            group(auto_patch_config={"patch_schedule": {"next_patch_date": "2026-12-01T03:00:00Z"}}),
            group(auto_patch_config={"patch_schedule": {"next_patch_date": "2026-12-01T05:00:00+02:00"}}),
            [],
            id="same-time",
        ),
    ],
)
def test_differences(current: dict[str, Any], desired: dict[str, Any], paths: list[str]) -> None:
    assert [difference.path for difference in differences(CLUSTER_FIELDS, current, desired)] == paths


def test_a_difference_tells_both_values() -> None:
    found = differences(CLUSTER_FIELDS, group(instance_count=2), group(instance_count=4, instance_type="ml.m5.large"))
    assert [str(difference) for difference in found] == [
        "instance_groups[w].instance_count: is 2, wanted 4",
        "instance_groups[w].instance_type: is not set, wanted 'ml.m5.large'",
    ]


def test_results_are_snake_case_sorted_and_leave_foreign_keys_alone() -> None:
    described = {
        "ClusterName": "demo",
        "CreationTime": datetime(2026, 11, 22, 18, 0, 0, 5, tzinfo=timezone.utc),
        "InstanceGroups": [
            {"InstanceGroupName": "b", "ActiveOperations": {"Scaling": 1}},
            {"InstanceGroupName": "a", "KubernetesConfig": {"CurrentLabels": {"camelCase/Key": "v"}}},
        ],
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    assert cluster_result(described, {"b": "2", "A": "1"}) == {
        "cluster_name": "demo",
        "creation_time": "2026-11-22T18:00:00Z",
        "instance_groups": [
            {"instance_group_name": "a", "kubernetes_config": {"current_labels": {"camelCase/Key": "v"}}},
            {"instance_group_name": "b", "active_operations": {"Scaling": 1}},
        ],
        "tags": {"A": "1", "b": "2"},
    }
