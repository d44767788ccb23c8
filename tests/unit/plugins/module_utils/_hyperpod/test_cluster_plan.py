# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every branch of plan()."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Desired

ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"


def cluster(status: str = "InService", running: int = 2, wanted: int = 2, **more: Any) -> dict[str, Any]:
    counts = {"CurrentCount": running, "TargetCount": wanted}
    group = {"InstanceGroupName": "w", **counts, "InstanceType": "ml.c5.large", "ExecutionRole": "r"}
    return {"ClusterName": "demo", "ClusterArn": ARN, "ClusterStatus": status, "InstanceGroups": [group], **more}


def wish(count: int = 2, **more: Any) -> Desired:
    group = {"instance_group_name": "w", "instance_count": count, "execution_role": "r"}
    options = {"instance_groups": [group]}
    return Desired(**{"name": "demo", "options": options, **more})


def operations(planned: Any) -> list[str]:
    return [call.operation for call in planned.calls]


def test_create() -> None:
    planned = plan(None, wish(tags={"a": "1"}))
    assert operations(planned) == ["CreateCluster"]
    assert planned.calls[0].request == {
        "ClusterName": "demo",
        "InstanceGroups": [{"InstanceGroupName": "w", "InstanceCount": 2, "ExecutionRole": "r"}],
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    assert (planned.goal, planned.again, planned.changed, planned.before) == ("in_service", False, True, {})
    assert planned.after["instance_groups"][0]["instance_count"] == 2
    assert planned.after["tags"] == {"a": "1"}


@pytest.mark.parametrize("tags", [None, {}])
def test_create_without_tags_sends_none(tags: dict[str, str] | None) -> None:
    assert "Tags" not in plan(None, wish(tags=tags)).calls[0].request


def test_create_refuses_groups_named_twice() -> None:
    twice = {
        "instance_groups": [{"instance_group_name": "w"}],
        "restricted_instance_groups": [{"instance_group_name": "w"}],
    }
    planned = plan(None, Desired("demo", options=twice))
    assert planned.refusal == "Instance groups of cluster demo named more than once: w"
    assert not planned.calls


def test_in_service_and_the_same_needs_nothing() -> None:
    planned = plan(Current(cluster(), {"a": "1"}), wish())
    assert (planned.calls, planned.goal, planned.changed, planned.refusal) == ((), None, False, None)
    assert planned.before == planned.after


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_what_is_under_way_is_joined(status: str) -> None:
    planned = plan(Current(cluster(status), {}), wish())
    assert (planned.calls, planned.goal, planned.changed) == ((), "in_service", False)


def test_continuous_mode_waits_for_the_counts() -> None:
    planned = plan(Current(cluster(running=1, NodeProvisioningMode="Continuous"), {}), wish())
    assert (planned.calls, planned.goal) == ((), "in_service")


def test_a_difference_is_updated_and_then_tags_are_set() -> None:
    planned = plan(Current(cluster(), {}), wish(4, tags={"new": "tag"}))
    assert operations(planned) == ["UpdateCluster", "AddTags"]
    assert planned.calls[0].reason == "instance_groups[w].instance_count: 2 -> 4"
    assert (planned.goal, planned.again, planned.changed, planned.refusal) == ("in_service", False, True, None)
    assert planned.after["instance_groups"][0]["instance_count"] == 4
    assert planned.after["tags"] == {"new": "tag"}


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_an_update_waits_until_the_service_takes_it(status: str) -> None:
    planned = plan(Current(cluster(status), {}), wish(4))
    assert planned.calls == ()
    assert (planned.goal, planned.again, planned.changed) == ("settled", True, True)
    assert planned.after["instance_groups"][0]["instance_count"] == 4
    assert [difference.path for difference in planned.differences] == ["instance_groups[w].instance_count"]


def test_a_refused_update_changes_no_tags() -> None:
    planned = plan(Current(cluster(), {}), wish(1, tags={"new": "tag"}))
    assert planned.calls == ()
    assert (planned.goal, planned.changed) == (None, False)
    assert "nothing was changed" in (planned.refusal or "")


def test_to_be_made_a_group_needs_more_than_a_name() -> None:
    options = {
        "instance_groups": [{"instance_group_name": "w"}],
        "restricted_instance_groups": [{"instance_group_name": "r", "instance_count": 1, "execution_role": "r"}],
    }
    assert plan(None, Desired("demo", options=options)).refusal == (
        "To make cluster demo, these are missing: instance_groups[w].instance_count,"
        " instance_groups[w].execution_role, restricted_instance_groups[r].instance_type"
    )


@pytest.mark.parametrize(
    ("current", "desired", "purge", "calls", "after"),
    [
        ({"a": "1"}, None, True, [], {"a": "1"}),
        ({"a": "1"}, {"a": "1"}, True, [], {"a": "1"}),
        ({"a": "1"}, {"a": "2"}, True, ["AddTags"], {"a": "2"}),
        ({"a": "1"}, {"b": "1"}, True, ["DeleteTags", "AddTags"], {"b": "1"}),
        ({"a": "1"}, {"b": "1"}, False, ["AddTags"], {"a": "1", "b": "1"}),
        ({"a": "1", "aws:x": "y"}, {}, True, ["DeleteTags"], {"aws:x": "y"}),
    ],
)
def test_tags(
    current: dict[str, str], desired: dict[str, str] | None, purge: bool, calls: list[str], after: dict[str, str]
) -> None:
    planned = plan(Current(cluster(), current), wish(tags=desired, purge_tags=purge))
    assert operations(planned) == calls
    assert planned.after["tags"] == after
    assert planned.changed is bool(calls)
    assert all(call.request["ResourceArn"] == ARN for call in planned.calls)


def test_tag_calls_carry_only_what_changes() -> None:
    planned = plan(Current(cluster(), {"a": "1", "c": "3"}), wish(tags={"b": "2", "c": "3"}))
    assert planned.calls[0].request["TagKeys"] == ["a"]
    assert planned.calls[1].request["Tags"] == [{"Key": "b", "Value": "2"}]


def test_a_cluster_being_deleted_is_waited_for_and_made_again() -> None:
    planned = plan(Current(cluster("Deleting"), {}), wish())
    assert (planned.calls, planned.goal, planned.again, planned.changed) == ((), "deleted", True, True)


def test_a_failed_cluster_is_refused_with_its_message() -> None:
    planned = plan(Current(cluster("Failed", running=0, FailureMessage="no capacity"), {}), wish())
    assert planned.calls == ()
    assert "Failed: no capacity" in (planned.refusal or "")
    assert "recreate_failed: true" in (planned.refusal or "")


def test_a_failed_creation_is_made_again_on_request() -> None:
    planned = plan(Current(cluster("Failed", running=0), {}), wish(recreate_failed=True))
    assert operations(planned) == ["DeleteCluster"]
    assert (planned.goal, planned.again, planned.changed) == ("deleted", True, True)
    assert planned.after["status"] == "InService"


def test_a_failed_cluster_with_instances_is_never_deleted() -> None:
    planned = plan(Current(cluster("Failed", running=1), {}), wish(recreate_failed=True))
    assert planned.calls == ()
    assert "still has instances" in (planned.refusal or "")


def test_a_failed_cluster_with_restricted_instances_is_never_deleted() -> None:
    described = cluster("Failed", running=0, RestrictedInstanceGroups=[{"InstanceGroupName": "r", "CurrentCount": 1}])
    assert plan(Current(described, {}), wish(recreate_failed=True)).calls == ()


def test_in_continuous_mode_a_correction_is_tried_on_a_failed_cluster() -> None:
    failed = Current(cluster("Failed", running=1, NodeProvisioningMode="Continuous"), {})
    assert operations(plan(failed, wish(4))) == ["UpdateCluster"]
    assert "is Failed" in (plan(failed, wish()).refusal or "")
    assert "is Failed" in (plan(failed, wish(tags={"a": "1"})).refusal or "")
    assert "is Failed" in (plan(failed, wish(1)).refusal or "")


def test_without_continuous_mode_a_failed_cluster_takes_no_update() -> None:
    assert "is Failed" in (plan(Current(cluster("Failed", running=1), {}), wish(4)).refusal or "")


def test_a_failed_creation_is_made_again_rather_than_corrected_on_request() -> None:
    failed = Current(cluster("Failed", running=0, NodeProvisioningMode="Continuous"), {})
    assert operations(plan(failed, wish(4, recreate_failed=True))) == ["DeleteCluster"]


def test_what_follows_is_known_before_anything_is_done() -> None:
    anew = plan(Current(cluster("Failed", running=0), {}), wish(recreate_failed=True))
    assert [call.operation for call in (*anew.calls, *anew.later)] == ["DeleteCluster", "CreateCluster"]
    leaving = plan(Current(cluster("Deleting"), {}), wish())
    assert [call.operation for call in leaving.later] == ["CreateCluster"]
    busy = plan(Current(cluster("Updating"), {}), wish(5, tags={"a": "1"}))
    assert [call.operation for call in busy.later] == ["UpdateCluster", "AddTags"]
    assert busy.calls == ()


@pytest.mark.parametrize("status", ["Failed", "Deleting"])
def test_nothing_is_deleted_for_what_can_not_be_made(status: str) -> None:
    incomplete = {"instance_groups": [{"instance_group_name": "w"}]}
    planned = plan(Current(cluster(status, running=0), {}), Desired("demo", options=incomplete, recreate_failed=True))
    assert "To make cluster demo, these are missing: instance_groups[w].instance_count" in str(planned.refusal)
    assert planned.calls == ()


def test_recreate_failed_leaves_a_healthy_cluster_alone() -> None:
    assert plan(Current(cluster(), {}), wish(recreate_failed=True)).calls == ()


def test_absent_and_gone() -> None:
    planned = plan(None, wish(state="absent"))
    assert (planned.calls, planned.goal, planned.changed, planned.before, planned.after) == ((), None, False, {}, {})


@pytest.mark.parametrize("status", ["InService", "Creating", "Failed", "Updating"])
def test_absent_deletes_whatever_the_status(status: str) -> None:
    planned = plan(Current(cluster(status), {}), wish(state="absent"))
    assert operations(planned) == ["DeleteCluster"]
    assert planned.calls[0].request == {"ClusterName": "demo"}
    assert (planned.goal, planned.again, planned.changed, planned.after) == ("deleted", False, True, {})


def test_absent_joins_a_deletion() -> None:
    planned = plan(Current(cluster("Deleting"), {}), wish(state="absent"))
    assert (planned.calls, planned.goal, planned.changed) == ((), "deleted", False)
