# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UpdateClusterSoftware: batches, retries, rollback."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups

from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import timings
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.draft import next_deadline
from local_cloud.hyperpod.images import latest
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import Purpose
from local_cloud.hyperpod.show import cluster_details
from local_cloud.hyperpod.show import node_details
from local_cloud.hyperpod.show import node_status
from local_cloud.hyperpod.steps_software import batch_size

BUSY = (Phase.REIMAGE, Phase.BOOT, Phase.LIFECYCLE)


def old_cluster(workers: int = 4) -> World:
    world = World()
    specs = [{**spec, "ImageReleaseVersion": "1.0.0"} for spec in groups(workers)]
    world.create(specs)
    world.run()
    return world


def details(world: World, name: str) -> dict[str, Any]:
    return next(g for g in cluster_details(world.c)["InstanceGroups"] if g["InstanceGroupName"] == name)


def test_all_nodes_get_a_new_root_volume_and_keep_their_ids() -> None:
    world = old_cluster()
    before = {n.key: (n.instance_id, n.hostname, n.token) for n in world.c.nodes.values()}
    assert details(world, "work")["ImageVersionStatus"] == "UpdateAvailable"
    world.software()
    assert world.c.status == "SystemUpdating"
    assert details(world, "ctl")["SoftwareUpdateStatus"] == "InProgress"
    assert details(world, "work")["SoftwareUpdateStatus"] == "Pending"
    started = world.time
    world.run("InService")
    assert 1800 <= world.time - started <= 3 * 3600
    assert world.c.failure_message is None
    for node in world.c.nodes.values():
        assert node.release == latest("Slurm")
        assert node.root_volume == 2
        assert node.instance_id == before[node.key][0]
        assert node.hostname == before[node.key][1]
        assert node.token != before[node.key][2]
        assert node.updated is not None
    shown = details(world, "work")
    assert shown["SoftwareUpdateStatus"] == "Succeeded"
    assert shown["CurrentImageReleaseVersion"] == latest("Slurm")
    assert shown["ImageVersionStatus"] == "UpToDate"


def test_the_controller_comes_before_the_others() -> None:
    world = old_cluster()
    world.software()
    world.act()
    assert {n.group for n in world.c.nodes.values() if n.phase in BUSY} == {"ctl"}
    while world.members("ctl")[0].phase is not Phase.RUN:
        assert all(n.phase is Phase.RUN for n in world.members("work"))
        world.tick()
    assert all(n.phase in BUSY for n in world.members("login"))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"Type": "INSTANCE_COUNT", "Value": 1}, 1),
        ({"Type": "INSTANCE_COUNT", "Value": 3}, 3),
        ({"Type": "CAPACITY_PERCENTAGE", "Value": 50}, 2),
        ({"Type": "CAPACITY_PERCENTAGE", "Value": 1}, 1),
    ],
)
def test_rolling_batches_and_their_pause(size: dict[str, Any], expected: int) -> None:
    world = old_cluster(4)
    world.software(
        InstanceGroups=[{"InstanceGroupName": "work"}],
        DeploymentConfig={"RollingUpdatePolicy": {"MaximumBatchSize": size}, "WaitIntervalInSeconds": 600},
    )
    peak = 0
    idle_since = None
    pauses = []
    while world.c.status == "SystemUpdating":
        busy = sum(n.phase in BUSY for n in world.members("work"))
        peak = max(peak, busy)
        if not busy and idle_since is None:
            idle_since = world.time
        if busy and idle_since is not None:
            pauses.append(world.time - idle_since)
            idle_since = None
        world.tick()
    assert peak == expected
    assert len(pauses) == -(-4 // expected) - 1
    assert all(pause == 600 for pause in pauses)
    assert {n.release for n in world.members("work")} == {latest("Slurm")}
    assert {n.release for n in world.members("ctl")} == {"1.0.0"}


def test_a_failing_script_is_retried_then_everything_goes_back() -> None:
    world = old_cluster(4)
    policy = {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2},
        "RollbackMaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }
    world.fail = {"work": ["", "", "lifecycle"]}
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig={"RollingUpdatePolicy": policy})
    attempts = set()
    seen = set()
    back = 0
    while world.c.status == "SystemUpdating":
        for node in world.members("work"):
            attempts.add(node.attempt)
            if node.attempt > 1:
                seen.add((node_status(node), bool(node.message)))
        shown = details(world, "work")
        if shown["SoftwareUpdateStatus"] == "RollbackInProgress":
            # The images of the description have swapped; what counts is what is back on the old one.
            assert shown["CurrentImageReleaseVersion"] == latest("Slurm")
            assert shown["DesiredImageReleaseVersion"] == "1.0.0"
            old = [n for n in world.members("work") if n.phase is Phase.RUN and n.release == "1.0.0"]
            assert shown["TargetStateCount"] == len(old)
            back = max(back, sum(n.phase in BUSY for n in world.members("work")))
        world.tick()
    assert max(attempts) == timings.UPDATE_ATTEMPTS
    assert ("SystemUpdating", True) in seen  # the message stays over a retry
    assert back == 1
    assert world.c.status == "InService"
    assert "failed to update" in (world.c.failure_message or "")
    assert {n.release for n in world.members("work")} == {"1.0.0"}
    shown = details(world, "work")
    assert shown["SoftwareUpdateStatus"] == "RollbackComplete"
    assert shown["CurrentImageReleaseVersion"] == "1.0.0"
    assert shown["Status"] == "InService"


def test_a_rollback_that_fails_leaves_a_degraded_group() -> None:
    world = World()
    world.create([group("ctl", 1, "Controller"), group("work", 1, "Compute")])
    world.run()
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}])
    while world.c.status == "SystemUpdating":
        for node in world.members("work"):
            if node.phase is Phase.LIFECYCLE:
                world.c.nodes[node.key] = type(node)(**{**vars(node), "fault": "lifecycle"})
        world.tick()
    assert node_status(world.members("work")[0]) == "Failure"
    assert details(world, "work")["SoftwareUpdateStatus"] == "Failed"
    assert details(world, "work")["Status"] == "Degraded"


def test_a_release_can_be_chosen_and_a_custom_image() -> None:
    world = old_cluster(1)
    world.software(InstanceGroups=[{"InstanceGroupName": "work", "ImageReleaseVersion": "1.1.0"}])
    assert details(world, "work")["DesiredImageReleaseVersion"] == "1.1.0"
    world.run()
    assert details(world, "work")["CurrentImageReleaseVersion"] == "1.1.0"
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], ImageId="ami-0123456789abcdef0")
    world.run()
    assert details(world, "work")["CurrentImageId"] == "ami-0123456789abcdef0"
    assert world.members("work")[0].image_id == "ami-0123456789abcdef0"


def test_batch_sizes() -> None:
    assert batch_size({}, 7, rollback=False) == 7
    assert batch_size({}, 0, rollback=False) == 1
    policy = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2}}}
    assert batch_size(policy, 7, rollback=True) == 2


def test_a_batch_waits_for_nodes_that_are_busy_and_time_does_not_stand_still() -> None:
    world = old_cluster(2)
    one = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig=one)
    second = world.members("work")[1]
    world.c.nodes[second.key] = dataclasses.replace(second, phase=Phase.REPLACE, joined=False)
    world.step()
    while world.members("work")[0].root_volume == 1 or world.members("work")[0].phase is not Phase.RUN:
        world.tick()
    deadline = next_deadline(world.c, after=world.time)
    assert deadline is None or deadline > world.time
    world.run("InService")
    assert {n.release for n in world.members("work")} == {latest("Slurm")}


def test_what_runs_on_the_desired_image_is_counted() -> None:
    world = old_cluster(3)
    one = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}
    assert "TargetStateCount" not in details(world, "work")
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig=one)
    counts = []
    while world.c.status == "SystemUpdating":
        count = details(world, "work")["TargetStateCount"]
        if counts[-1:] != [count]:
            counts.append(count)
        busy = [n for n in world.members("work") if n.phase in (Phase.REIMAGE, Phase.BOOT)]
        assert {node_details(world.c, n)["CurrentImageReleaseVersion"] for n in busy} <= {"1.0.0"}
        assert {node_details(world.c, n)["DesiredImageReleaseVersion"] for n in busy} <= {latest("Slurm")}
        world.tick()
    assert counts == [0, 1, 2, 3][: len(counts)]
    assert details(world, "work")["TargetStateCount"] == 3


def continuous_cluster(workers: int) -> World:
    world = World()
    specs = [{**spec, "ImageReleaseVersion": "1.0.0"} for spec in groups(workers)]
    world.create(specs, NodeProvisioningMode="Continuous")
    world.run()
    return world


ONE_BY_ONE = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}


def test_nodes_that_wait_for_capacity_do_not_hold_up_the_update() -> None:
    world = continuous_cluster(2)
    world.fail = {"work": ["capacity"] * 200}
    world.call(changes_nodes.add, NodesToAdd=[{"InstanceGroupName": "work", "IncrementTargetCountBy": 1}])
    world.act()
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}])
    while details(world, "work")["SoftwareUpdateStatus"] != "Succeeded":
        assert world.tick()
    assert details(world, "work")["CurrentCount"] == 2
    world.fail = {}
    world.run()
    assert details(world, "work")["CurrentCount"] == 3
    assert {(n.release, n.root_volume) for n in world.members("work")} == {(latest("Slurm"), 2), (latest("Slurm"), 1)}


def test_nodes_launched_during_an_update_have_its_image_from_the_start() -> None:
    world = continuous_cluster(2)
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig=ONE_BY_ONE)
    world.act()
    second = world.members("work")[1]
    world.call(changes_nodes.replace_nodes, NodeIds=[second.instance_id])
    world.update(InstanceGroups=[group("work", 3, "Compute")])
    assert details(world, "work")["Status"] == "SystemUpdating"
    world.run()
    assert details(world, "work")["SoftwareUpdateStatus"] == "Succeeded"
    assert [n.release for n in world.members("work")] == [latest("Slurm")] * 3
    assert [n.root_volume for n in world.members("work")] == [2, 1, 1]


def test_a_rollback_takes_along_what_was_launched_during_the_update() -> None:
    world = continuous_cluster(2)
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig=ONE_BY_ONE)
    world.act()
    world.update(InstanceGroups=[group("work", 3, "Compute")])
    while details(world, "work")["SoftwareUpdateStatus"] == "InProgress":
        for node in world.members("work"):
            if node.phase is Phase.LIFECYCLE and node.purpose is Purpose.UPDATE:
                world.c.nodes[node.key] = dataclasses.replace(node, fault="lifecycle")
        world.tick()
    world.run()
    assert details(world, "work")["SoftwareUpdateStatus"] == "RollbackComplete"
    assert [n.release for n in world.members("work")] == ["1.0.0"] * 3


def test_a_group_that_is_deleted_during_its_update_stays_deleting() -> None:
    world = continuous_cluster(2)
    world.software()
    world.update(InstanceGroupsToDelete=["work"])
    while "work" in world.c.groups:
        assert details(world, "work")["Status"] == "Deleting"
        world.tick()
    world.run()
    assert details(world, "login")["SoftwareUpdateStatus"] == "Succeeded"
    assert world.c.job is None


def test_an_alarm_takes_the_update_back() -> None:
    world = old_cluster(3)
    world.software(InstanceGroups=[{"InstanceGroupName": "work"}], DeploymentConfig=ONE_BY_ONE)
    while details(world, "work")["TargetStateCount"] == 0:
        world.tick()
    world.step(Observation("alarm", "work", message="too-hot"))
    assert details(world, "work")["SoftwareUpdateStatus"] == "RollbackInProgress"
    world.run("InService")
    assert details(world, "work")["SoftwareUpdateStatus"] == "RollbackComplete"
    assert {n.release for n in world.members("work")} == {"1.0.0"}
    assert [n.root_volume for n in world.members("work")] == [3, 3, 1]
    assert "too-hot" in (world.c.failure_message or "")
    world.step(Observation("alarm", "work", message="too-hot"))
    assert world.c.status == "InService"
