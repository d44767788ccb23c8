# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters with continuous provisioning."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import timings
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.show import cluster_details
from local_cloud.hyperpod.show import node_status


def created(
    workers: int = 3, specs: list[dict[str, Any]] | None = None, fail: dict[str, list[str]] | None = None
) -> World:
    world = World()
    world.fail = fail or {}
    world.create(specs or groups(workers), NodeProvisioningMode="Continuous")
    return world


def details(world: World, name: str) -> dict[str, Any]:
    return next(g for g in cluster_details(world.c)["InstanceGroups"] if g["InstanceGroupName"] == name)


def described(world: World) -> list[str]:
    return [event.description for event in world.events]


def test_the_controller_comes_first_then_all_others_in_parallel() -> None:
    world = created()
    world.act()
    assert world.launches == ["ctl-1"]
    world.run("InService")
    assert world.launches == ["ctl-1", "login-1", "work-1", "work-2", "work-3"]


def test_in_service_with_controller_and_login_before_the_workers() -> None:
    world = created(fail={"work": ["capacity"] * 30})
    world.run("InService")
    assert details(world, "work")["CurrentCount"] == 0
    assert details(world, "work")["TargetCount"] == 3
    assert details(world, "work")["ActiveOperations"] == {"Scaling": 1}
    assert details(world, "login")["CurrentCount"] == 1
    world.run()
    assert details(world, "work")["CurrentCount"] == 3
    assert "ActiveOperations" not in details(world, "work")
    assert [o.status for o in world.c.operations] == ["Done"]
    assert world.peak["work"] == 3


def test_failed_launches_are_retried_with_growing_pauses() -> None:
    world = created(1, fail={"work": ["capacity"] * 4})
    times: list[float] = []
    while details(world, "work")["CurrentCount"] < 1:
        world.tick()
        if world.launches.count("work-1") > len(times):
            times.append(world.time)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert pauses[0] >= timings.BACKOFF_FIRST
    failures = [e for e in world.events if e.level == "Error" and e.group == "work"]
    assert len(failures) == 4
    assert failures[0].metadata is not None
    assert "sufficient capacity" in failures[0].metadata["Instance"]["FailureMessage"]


def test_a_failed_lifecycle_of_a_worker_is_retried_on_a_new_instance() -> None:
    world = created(1, fail={"work": ["lifecycle"]})
    world.run("InService")
    first = world.members("work")[0]
    while node_status(world.members("work")[0]) != "Failure":
        world.tick()
    assert "Lifecycle scripts did not run successfully" in (world.members("work")[0].message or "")
    world.run()
    node = world.members("work")[0]
    assert node_status(node) == "Running"
    assert node.instance_id != first.instance_id
    assert (node.key, node.name, node.hostname) == (first.key, first.name, first.hostname)
    assert world.c.status == "InService"


@pytest.mark.parametrize("fault", ["lifecycle", "capacity"])
def test_a_controller_that_cannot_be_helped_fails_the_cluster(fault: str) -> None:
    world = created(fail={"ctl": [fault]})
    world.run()
    assert world.c.status == "Failed"
    assert world.c.failure_message
    assert world.launches == ["ctl-1"]
    world.update(InstanceGroups=[group("ctl", 1, "Controller")])
    assert {g.status for g in world.c.groups.values()} == {"Creating"}
    world.run()
    assert world.c.status == "InService"
    assert world.c.failure_message is None
    assert details(world, "work")["CurrentCount"] == 3


def test_a_controller_with_a_passing_fault_is_replaced_until_it_comes_up() -> None:
    world = created(fail={"ctl": ["efa", "launch"]})
    world.run("InService")
    assert world.launches.count("ctl-1") == 3


def test_scaling_goes_on_while_in_service_and_newer_requests_supersede() -> None:
    world = created(1)
    world.run()
    world.update(InstanceGroups=[group("work", 4, "Compute")])
    assert world.c.status == "InService"
    world.tick()
    world.update(InstanceGroups=[group("work", 2, "Compute")])
    assert [o.status for o in world.c.operations] == ["Done", "Superseded", "InProgress"]
    world.run()
    assert [n.name for n in world.members("work")] == ["work-1", "work-2"]
    assert world.c.operations[-1].status == "Done"
    assert world.c.operations[-1].scaling[0]["Desired"]["TargetCount"] == 2


def test_adding_nodes_is_idempotent_by_its_token() -> None:
    world = created(1)
    world.run()
    params = {"NodesToAdd": [{"InstanceGroupName": "work", "IncrementTargetCountBy": 2}], "ClientToken": "t"}
    first = world.call(changes_nodes.add, **params)
    again = world.call(changes_nodes.add, **params)
    keys = [item["NodeLogicalId"] for item in first["Successful"]]
    assert len(keys) == 2
    assert [item["NodeLogicalId"] for item in again["Successful"]] == keys
    assert details(world, "work")["TargetCount"] == 3
    with pytest.raises(ServiceError, match="other parameters"):
        world.call(
            changes_nodes.add,
            NodesToAdd=[{"InstanceGroupName": "work", "IncrementTargetCountBy": 1}],
            ClientToken="t",
        )
    world.run()
    assert details(world, "work")["CurrentCount"] == 3
    bad = world.call(
        changes_nodes.add,
        NodesToAdd=[
            {"InstanceGroupName": "none", "IncrementTargetCountBy": 1},
            {"InstanceGroupName": "work", "IncrementTargetCountBy": 1, "InstanceTypes": ["ml.p5.48xlarge"]},
        ],
    )
    assert [f["ErrorCode"] for f in bad["Failed"]] == ["InstanceGroupNotFound", "IncompatibleInstanceTypes"]


def test_deleting_nodes_by_logical_id_lowers_the_target() -> None:
    world = created(3)
    world.run()
    gone = world.members("work")[0]
    answer = world.call(changes_nodes.delete_nodes, NodeLogicalIds=[gone.key])
    assert answer["SuccessfulNodeLogicalIds"] == [gone.key]
    world.run()
    assert details(world, "work")["CurrentCount"] == details(world, "work")["TargetCount"] == 2
    assert [n.name for n in world.members("work")] == ["work-2", "work-3"]


def test_a_minimum_count_keeps_the_group_creating() -> None:
    specs = [*groups(0)[:2], group("work", 3, "Compute", MinInstanceCount=2)]
    world = created(specs=specs, fail={"work": ["capacity"] * 3})
    world.run("InService")
    assert details(world, "work")["Status"] == "Creating"
    answer = world.call(changes_nodes.add, NodesToAdd=[{"InstanceGroupName": "work", "IncrementTargetCountBy": 1}])
    assert answer["Failed"][0]["ErrorCode"] == "InvalidInstanceGroupStatus"
    world.run()
    assert details(world, "work")["Status"] == "InService"
    assert any("reached its minimum capacity" in text for text in described(world))


def test_a_new_group_that_misses_its_minimum_goes_back_to_nothing() -> None:
    specs = [*groups(0)[:2], group("work", 3, "Compute", MinInstanceCount=3)]
    world = created(specs=specs, fail={"work": ["", ""] + ["capacity"] * 200})
    started = world.time
    while details(world, "work")["Status"] == "Creating":
        world.tick()
    assert world.time - started == pytest.approx(timings.MINIMUM_COUNT)
    world.run()
    assert details(world, "work")["TargetCount"] == 0
    assert world.members("work") == []
    assert any("Rollback initiated" in text for text in described(world))


def test_an_existing_group_that_misses_its_minimum_keeps_what_it_had() -> None:
    world = created(2)
    world.run()
    kept = [n.instance_id for n in world.members("work")]
    world.fail = {"work": ["capacity"] * 500}
    world.update(InstanceGroups=[group("work", 5, "Compute", MinInstanceCount=4)])
    assert details(world, "work")["Status"] == "Updating"
    while details(world, "work")["Status"] == "Updating":
        world.tick()
    world.run()
    assert details(world, "work")["TargetCount"] == 2
    assert [n.instance_id for n in world.members("work")] == kept


def test_a_lost_place_is_found_again() -> None:
    world = created(2)
    world.run()
    node = world.members("work")[1]
    del world.c.nodes[node.key]
    world.step()
    world.run()
    assert details(world, "work")["CurrentCount"] == 2


def test_software_update_leaves_the_cluster_in_service() -> None:
    world = created(2)
    world.run()
    world.software(InstanceGroups=[{"InstanceGroupName": "work", "ImageReleaseVersion": "1.1.0"}])
    assert world.c.status == "InService"
    assert details(world, "work")["Status"] == "SystemUpdating"
    world.run()
    assert details(world, "work")["SoftwareUpdateStatus"] == "Succeeded"
    assert {n.release for n in world.members("work")} == {"1.1.0"}


def test_events_tell_the_story() -> None:
    world = created(1)
    world.run()
    texts = described(world)
    assert texts[0] == "Cluster demo creation started successfully"
    assert "Cluster demo creation completed successfully" in texts
    instance = world.members("work")[0].instance_id
    assert f"EC2 Instance {instance} successfully provisioned in Cluster demo and IG work" in texts
    assert f"Instance lifecycle script execution for EC2 Instance {instance} has Succeeded" in texts
    scaling = [e for e in world.events if e.group == "work" and e.operation_id]
    assert {e.operation_id for e in scaling} == {world.c.operations[0].operation_id}


def test_clusters_without_continuous_provisioning_have_no_events() -> None:
    world = World()
    world.create(groups(1))
    world.run()
    assert world.events == []


def test_an_eks_cluster_serves_without_a_controller() -> None:
    world = World()
    orchestrator = {"Eks": {"ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/k"}}
    world.create([group("work", 2)], NodeProvisioningMode="Continuous", Orchestrator=orchestrator)
    assert world.c.status == "InService"
    assert all(n.phase in (Phase.LAUNCH, Phase.WAIT) for n in world.members("work"))
    world.run()
    assert details(world, "work")["CurrentCount"] == 2


def test_events_of_one_moment_keep_their_order() -> None:
    world = created(2)
    call = [e for e in world.events if "started successfully" in e.description]
    assert [e.resource_type for e in call] == ["Cluster", *["InstanceGroup"] * 6]
    assert [e.time for e in call] == sorted({e.time for e in call})


def test_a_new_group_inherits_the_image_of_the_earliest() -> None:
    world = created(1)
    world.run()
    world.software(ImageId="ami-0123456789abcdef0")
    world.run()
    world.update(
        InstanceGroups=[group("new", 1, "Compute"), group("own", 1, "Compute", ImageReleaseVersion="1.1.0")],
    )
    world.run()
    assert details(world, "new")["CurrentImageId"] == "ami-0123456789abcdef0"
    assert details(world, "own")["CurrentImageReleaseVersion"] == "1.1.0"


def test_nodes_are_added_in_zones_of_the_group_only() -> None:
    world = created(1)
    world.run()
    item = {"InstanceGroupName": "work", "IncrementTargetCountBy": 1}
    answer = world.call(
        changes_nodes.add,
        NodesToAdd=[
            {**item, "AvailabilityZones": ["us-west-2d"]},
            {**item, "AvailabilityZones": ["us-west-2a"]},
        ],
    )
    assert [f["ErrorCode"] for f in answer["Failed"]] == ["IncompatibleAvailabilityZones"]
    assert len(answer["Successful"]) == 1
    assert details(world, "work")["TargetCount"] == 2
