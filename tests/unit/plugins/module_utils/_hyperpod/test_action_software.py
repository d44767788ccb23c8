# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every branch of the plan for software updates, and what their states mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import CALM
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import SoftwareWish
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import look_at
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import mark_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import plan_software
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.software import progress_text

OLD_AMI, NEW_AMI = "ami-00000001", "ami-00000002"


def group(name: str, new: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "CurrentImageId": NEW_AMI if new else OLD_AMI,
        "DesiredImageId": NEW_AMI if new else OLD_AMI,
        "CurrentImageReleaseVersion": "1.2.0" if new else "1.1.0",
        "DesiredImageReleaseVersion": "1.2.0" if new else "1.1.0",
        "ImageVersionStatus": "UpToDate" if new else "UpdateAvailable",
        **more,
    }


def cluster(*groups: dict[str, Any], status: str = "InService", **more: Any) -> dict[str, Any]:
    return {"ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": list(groups), **more}


UNDER_WAY = {
    "SoftwareUpdateStatus": "InProgress",
    "DesiredImageId": NEW_AMI,
    "DesiredImageReleaseVersion": "1.2.0",
}


def test_all_groups_in_one_call_without_names() -> None:
    planned = plan_software(cluster(group("a"), group("b")), SoftwareWish("demo"))
    assert planned.call is not None
    assert planned.call.request == {"ClusterName": "demo"}
    assert planned.update == ("a", "b")


def test_only_what_is_not_up_to_date() -> None:
    planned = plan_software(cluster(group("a"), group("b", new=True)), SoftwareWish("demo"))
    assert planned.call is not None
    assert planned.call.request["InstanceGroups"] == [{"InstanceGroupName": "a"}]
    assert planned.fine == ("b",)
    assert plan_software(cluster(group("b", new=True)), SoftwareWish("demo")).call is None
    assert plan_software(cluster(group("b", new=True)), SoftwareWish("demo", force=True)).update == ("b",)


def test_a_group_that_tells_nothing_is_updated() -> None:
    restricted = {"InstanceGroupName": "r", "TargetCount": 1}
    assert plan_software(cluster(restricted), SoftwareWish("demo")).update == ("r",)


@pytest.mark.parametrize(
    ("wish", "updated"),
    [
        (SoftwareWish("demo", {"a": "1.2.0"}), ("a",)),
        (SoftwareWish("demo", {"a": "1.1.0"}), ()),
        (SoftwareWish("demo", {"a": None}), ("a",)),
        (SoftwareWish("demo", {"b": None}), ()),
        (SoftwareWish("demo", image_id=NEW_AMI), ("a",)),
        (SoftwareWish("demo", image_id="ami-00000003"), ("a", "b")),
        (SoftwareWish("demo", image_id="default"), ("a",)),
    ],
)
def test_what_is_wanted_decides(wish: SoftwareWish, updated: tuple[str, ...]) -> None:
    assert plan_software(cluster(group("a"), group("b", new=True)), wish).update == updated


def test_the_request_has_all_that_was_asked_for() -> None:
    deployment = {
        "rolling_update_policy": {"maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 1}},
        "wait_interval_in_seconds": 5,
        "auto_rollback_configuration": [{"alarm_name": "x"}],
    }
    planned = plan_software(cluster(group("a")), SoftwareWish("demo", {"a": "1.2.0"}, deployment=deployment))
    assert planned.call is not None
    assert planned.call.request == {
        "ClusterName": "demo",
        "InstanceGroups": [{"InstanceGroupName": "a", "ImageReleaseVersion": "1.2.0"}],
        "DeploymentConfig": {
            "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}},
            "WaitIntervalInSeconds": 5,
            "AutoRollbackConfiguration": [{"AlarmName": "x"}],
        },
    }
    image = plan_software(cluster(group("a")), SoftwareWish("demo", image_id="default")).call
    assert image is not None
    assert image.request == {"ClusterName": "demo", "ImageId": "default"}


def test_just_this_update_is_joined_and_another_is_waited_for() -> None:
    described = cluster(group("a", **UNDER_WAY), status="SystemUpdating")
    for wish in (SoftwareWish("demo"), SoftwareWish("demo", {"a": "1.2.0"}), SoftwareWish("demo", image_id=NEW_AMI)):
        planned = plan_software(described, wish)
        assert (planned.joined, planned.call, planned.busy) == (("a",), None, False)
    other = plan_software(described, SoftwareWish("demo", {"a": "1.3.0"}))
    assert other.busy
    assert other.call is not None
    assert other.call.request["InstanceGroups"] == [{"InstanceGroupName": "a", "ImageReleaseVersion": "1.3.0"}]
    # In Continuous mode the cluster's own status doesn't tell.
    flowing = cluster(group("a", SoftwareUpdateStatus="RollbackInProgress"), group("b"))
    assert plan_software(flowing, SoftwareWish("demo", {"b": None})).busy


def test_refusals() -> None:
    assert "There is no cluster demo" in str(plan_software(None, SoftwareWish("demo")).refusal)
    unknown = plan_software(cluster(group("a")), SoftwareWish("demo", {"x": None}))
    assert "no instance groups x; it has a" in str(unknown.refusal)
    failed = cluster(group("a"), status="Failed", FailureMessage="m")
    assert "is Failed: m" in str(plan_software(failed, SoftwareWish("demo")).refusal)


def outcome(first: dict[str, Any], *later: dict[str, Any], status: str = "InService") -> str:
    mark = mark_of(first)
    for state in later:
        look_at([mark], cluster(state, status=status))
    return str(mark["result"])


def test_outcomes() -> None:
    old = group("a")
    running = group("a", SoftwareUpdateStatus="InProgress")
    assert outcome(old, running) == "requested"
    assert outcome(old, running, group("a", new=True, SoftwareUpdateStatus="Succeeded")) == "updated"
    assert outcome(old, running, group("a", SoftwareUpdateStatus="RollbackInProgress")) == "requested"
    assert outcome(old, running, group("a", SoftwareUpdateStatus="RollbackComplete")) == "failed"
    assert outcome(old, running, group("a", SoftwareUpdateStatus="Failed")) == "failed"
    done = group("a", new=True, SoftwareUpdateStatus="Succeeded")
    assert outcome(old, running, done, status="SystemUpdating") == "requested"


def test_the_status_of_an_older_update_tells_nothing_at_first() -> None:
    stale = group("a", SoftwareUpdateStatus="Failed")
    assert outcome(stale, stale) == "requested"
    assert outcome(stale, *[stale] * CALM) == "failed"
    assert outcome(stale, stale, group("a", SoftwareUpdateStatus="InProgress")) == "requested"
    assert outcome(stale, group("a", new=True, SoftwareUpdateStatus="Succeeded")) == "updated"


def test_a_group_that_goes_away_is_a_failure() -> None:
    mark = mark_of(group("a"))
    look_at([mark], cluster(group("b")))
    assert mark["result"] == "failed"
    look_at([mark], cluster(group("a")))
    assert mark["result"] == "failed"


def test_progress() -> None:
    marks = [{**mark_of(group("a")), "result": "updated"}, mark_of(group("b", SoftwareUpdateStatus="InProgress"))]
    assert progress_text(marks) == "1/2 groups updated, b InProgress"
    look_at(marks, cluster(group("b", SoftwareUpdateStatus="InProgress", TargetStateCount=3, TargetCount=16)))
    assert progress_text(marks) == "1/2 groups updated, b InProgress 3/16 nodes"
    assert progress_text([mark_of(group("c"))]) == "0/1 groups updated, c waits"
