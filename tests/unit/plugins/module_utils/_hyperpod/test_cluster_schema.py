# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of inputs against the installed service model: a field that AWS adds, drops or changes makes these fail."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import fixed
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import cluster_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.naming import snake
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import CLUSTER_FIELDS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import INSTANCE_GROUPS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import Field

# Inputs that are options of their own kind.
OWN_OPTIONS = {"ClusterName", "Tags"}
# What DescribeCluster answers that can't be set.
READ_ONLY = {
    "": {"ClusterArn", "ClusterName", "ClusterStatus", "CreationTime", "FailureMessage"},
    "InstanceGroups": {
        "CurrentCount",
        "InstanceTypeDetails",
        "Status",
        "TrainingPlanStatus",
        "ImageVersionStatus",
        "ActiveOperations",
        "TargetStateCount",
        "SoftwareUpdateStatus",
        "ActiveSoftwareUpdateConfig",
    },
    "RestrictedInstanceGroups": {"CurrentCount", "Status", "TrainingPlanStatus"},
    "RestrictedInstanceGroups.EnvironmentConfig": {"S3OutputPath"},
    "AutoScaling": {"Status", "FailureMessage"},
}
# Enums whose values are not choices: they grow all the time.
OPEN = {"ClusterInstanceType"}
KINDS = {"string": "str", "integer": "int", "boolean": "bool", "timestamp": "timestamp", "map": "map"}


@pytest.fixture(scope="module", name="model")
def _model() -> Any:
    return botocore.session.get_session().get_service_model("sagemaker")


def expected_kind(shape: Any) -> str:
    if shape.type_name == "structure":
        return "dict" if shape.members else "empty"
    if shape.type_name == "list":
        return "dicts" if shape.member.type_name == "structure" else "strings"
    return KINDS[shape.type_name]


def findings(shape: Any, fields: tuple[Field, ...], path: str, own: frozenset[str] = frozenset()) -> list[str]:
    """Where the table and an input shape differ."""
    known = {field.api: field for field in fields}
    found = [f"{path}.{name}: not in the table" for name in shape.members if name not in known and name not in own]
    found += [f"{path}.{name}: not in the model" for name in known if name not in shape.members]
    for name, field in known.items():
        if name not in shape.members:
            continue
        member, here = shape.members[name], f"{path}.{name}"
        item = member.member if member.type_name == "list" else member
        if field.kind != expected_kind(member):
            found.append(f"{here}: {field.kind}, the model has {expected_kind(member)}")
        if field.required != (name in shape.required_members):
            found.append(f"{here}: required is {field.required}")
        enum = [] if item.type_name != "string" or item.name in OPEN else list(item.enum)
        if sorted(field.choices) != sorted(enum):
            found.append(f"{here}: choices {field.choices}, the model has {enum}")
        if item.type_name == "structure":
            found += findings(item, field.fields, here)
            # SageMaker marks only some of its unions; those that it marks must be ours as well.
            if getattr(item, "is_tagged_union", False) and not field.union:
                found.append(f"{here}: a union")
    return found


def unmapped(shape: Any, fields: tuple[Field, ...], path: str) -> list[str]:
    """What is described, and is neither an input nor known to be read only; and inputs that are never described."""
    there = set(shape.members)
    found = []
    read_only = READ_ONLY.get(path, set())
    sources: set[str] = set()
    for field in fields:
        names = field.described_as or (field.api,)
        found += [f"{path}.{field.api}: described nowhere as {name}" for name in names if name not in there]
        sources.update(names)
        member = shape.members.get(names[0])
        if member is not None:
            item = member.member if member.type_name == "list" else member
            if item.type_name == "structure":
                found += unmapped(item, field.fields, f"{path}.{field.api}".strip("."))
    return found + [f"{path}.{name}: described, unknown" for name in there - sources - read_only]


def test_every_input_of_create_cluster_is_in_the_table(model: Any) -> None:
    shape = model.operation_model("CreateCluster").input_shape
    assert findings(shape, CLUSTER_FIELDS, "CreateCluster", frozenset(OWN_OPTIONS)) == []


def test_every_input_of_update_cluster_is_in_the_table(model: Any) -> None:
    shape = model.operation_model("UpdateCluster").input_shape
    updated = tuple(
        field for field in CLUSTER_FIELDS if field.option not in fixed.CLUSTER or field.api in shape.members
    )
    assert findings(shape, updated, "UpdateCluster", frozenset({"ClusterName", "InstanceGroupsToDelete"})) == []


def test_what_update_cluster_does_not_take_is_known_to_stay(model: Any) -> None:
    shape = model.operation_model("UpdateCluster").input_shape
    assert {field.option for field in CLUSTER_FIELDS if field.api not in shape.members} <= set(fixed.CLUSTER)
    groups = {member.option for member in INSTANCE_GROUPS.fields}
    assert set(fixed.GROUP) <= groups
    assert set(fixed.CLUSTER) <= {field.option for field in CLUSTER_FIELDS}


def test_every_answer_of_describe_cluster_is_an_input_or_known_to_be_read_only(model: Any) -> None:
    assert unmapped(model.operation_model("DescribeCluster").output_shape, CLUSTER_FIELDS, "") == []


def test_a_field_missing_in_the_table_is_found(model: Any) -> None:
    shape = model.operation_model("CreateCluster").input_shape
    fewer = tuple(field for field in CLUSTER_FIELDS if field.api != "ClusterRole")
    assert findings(shape, fewer, "x", frozenset(OWN_OPTIONS)) == ["x.ClusterRole: not in the table"]


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("InstanceGroupName", "instance_group_name"),
        ("SourceS3Uri", "source_s3_uri"),
        ("VolumeSizeInGB", "volume_size_in_gb"),
        ("SizeInGiB", "size_in_gib"),
        ("FSxLustreDeletionPolicy", "fsx_lustre_deletion_policy"),
        ("FsxOpenZfsConfig", "fsx_open_zfs_config"),
        ("ClusterArn", "cluster_arn"),
    ],
)
def test_names_of_options(name: str, option: str) -> None:
    assert snake(name) == option


def test_suboptions_are_fully_typed() -> None:
    def walk(spec: dict[str, Any], path: str) -> list[str]:
        loose = []
        for name, option in spec.items():
            here = f"{path}.{name}"
            if "type" not in option or (option["type"] == "list" and "elements" not in option):
                loose.append(here)
            loose += walk(option.get("options", {}), here)
        return loose

    assert walk(cluster_spec(), "") == []


def test_exclusive_options_are_declared() -> None:
    groups = cluster_spec()["instance_groups"]
    assert groups["mutually_exclusive"] == [["instance_type", "instance_requirements"]]
    storage = groups["options"]["instance_storage_configs"]
    assert storage["required_one_of"] == [["ebs_volume_config", "fsx_lustre_config", "fsx_open_zfs_config"]]
    assert groups["options"]["life_cycle_config"]["mutually_exclusive"] == [["on_create", "on_init_complete"]]


def test_a_group_that_exists_needs_only_its_name() -> None:
    for option in ("instance_groups", "restricted_instance_groups"):
        members = cluster_spec()[option]["options"]
        assert [name for name, spec in members.items() if spec.get("required")] == ["instance_group_name"]
        assert members["override_vpc_config"]["options"]["subnets"]["required"]
