# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an export has, and what it says it can't have. That it loses nothing is in test_cluster_properties.py."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.export import cluster_config
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.export import export
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.export import options

VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}


def group(name: str = "w", **more: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "TargetCount": 2,
        "CurrentCount": 1,
        "ExecutionRole": "arn:role",
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-b/src/", "OnCreate": "on_create.sh"},
        "SlurmConfig": {"NodeType": "Compute", "PartitionNames": ["p1"]},
        **more,
    }


def described(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ClusterName": "demo", "ClusterStatus": "InService", "InstanceGroups": list(groups) or [group()], **more}


def test_our_form() -> None:
    found = export(described(VpcConfig=VPC, NodeRecovery="None"), {"b": "2", "a": "1", "aws:x": "y"}, "us-west-2")
    assert found["description"] == {
        "cluster_name": "demo",
        "region": "us-west-2",
        "network": {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]},
        "execution_role": {"arn": "arn:role"},
        "lifecycle_bucket": {"name": "sagemaker-b"},
        "tags": {"a": "1", "b": "2"},
        "node_recovery": "None",
        "instance_groups": [
            {
                "instance_group_name": "w",
                "instance_count": 2,
                "life_cycle_config": {"source_s3_uri": "s3://sagemaker-b/src/", "on_create": "on_create.sh"},
                "slurm_config": {"node_type": "Compute", "partition_names": ["p1"]},
            }
        ],
    }
    assert len(found["notes"]) == 1
    assert "s3://sagemaker-b/src/" in found["notes"][0]


def test_roles_that_differ_stay_with_their_groups() -> None:
    form = export(described(group("a"), group("b", ExecutionRole="arn:other")), {}, "us-west-2")["description"]
    assert "execution_role" not in form
    assert [item["execution_role"] for item in form["instance_groups"]] == ["arn:role", "arn:other"]
    assert "tags" not in form
    assert "network" not in form


@pytest.mark.parametrize(
    ("images", "named"),
    [
        ({}, {}),
        ({"DesiredImageId": "default", "DesiredImageReleaseVersion": "1.0.0"}, {"image_release_version": "1.0.0"}),
        ({"CurrentImageReleaseVersion": "1.0.0"}, {"image_release_version": "1.0.0"}),
        ({"DesiredImageId": "ami-00000001", "DesiredImageReleaseVersion": "1.0.0"}, {"image_id": "ami-00000001"}),
    ],
)
def test_an_image_is_named_once(images: dict[str, str], named: dict[str, str]) -> None:
    cluster = described(group(**images))
    made = options(cluster)["instance_groups"][0]
    assert {name: value for name, value in made.items() if name.startswith("image")} == named
    notes = export(cluster, {}, "us-west-2")["notes"]
    assert any("Images" in note for note in notes) is ("image_id" in named)


def test_a_minimum_is_for_continuous_mode() -> None:
    assert "min_instance_count" not in options(described(group(MinCount=0)))["instance_groups"][0]
    continuous = described(group(MinCount=1), NodeProvisioningMode="Continuous")
    assert options(continuous)["instance_groups"][0]["min_instance_count"] == 1


def test_times_become_text() -> None:
    when = datetime(2026, 12, 1, 3, tzinfo=timezone.utc)
    patch = {"PatchingStrategy": "WhenIdle", "DesiredPatchSchedule": {"NextPatchDate": when}}
    config = cluster_config(described(group(AutoPatchConfig=patch)), {})
    assert config["InstanceGroups"][0]["AutoPatchConfig"]["PatchSchedule"] == {"NextPatchDate": "2026-12-01T03:00:00Z"}
    assert "Tags" not in config


LEGACY = group()
del LEGACY["SlurmConfig"]


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        (described(Orchestrator={"Eks": {"ClusterArn": "a"}}), "orchestrated by EKS"),
        (described(RestrictedInstanceGroups=[{"InstanceGroupName": "r", "TargetCount": 1}]), "restricted"),
        ({**described(), "InstanceGroups": []}, "none at all"),
        (described(LEGACY), "provisioning_parameters.json"),
    ],
)
def test_clusters_that_our_form_has_no_words_for(cluster: dict[str, Any], why: str) -> None:
    found = export(cluster, {}, "us-west-2")
    assert found["description"] == {}
    assert why in found["notes"][0]
    assert found["cluster_config"]["ClusterName"] == "demo"
