# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""State machines of clusters without continuous provisioning, and of single nodes."""

from __future__ import annotations

import json

import pytest
from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups

from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import timings
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.show import cluster_details
from local_cloud.hyperpod.show import node_status

LEGACY = {
    "version": "1.0.0",
    "workload_manager": "slurm",
    "controller_group": "ctl",
    "worker_groups": [{"instance_group_name": "work", "partition_name": "p"}],
}


def running(workers: int = 2, **settings: object) -> World:
    world = World()
    world.create(groups(workers), **settings)
    world.run()
    assert world.c.status == "InService", world.c.failure_message
    return world


def counts(world: World) -> dict[str, tuple[int, int]]:
    return {
        g["InstanceGroupName"]: (g["CurrentCount"], g["TargetCount"])
        for g in cluster_details(world.c)["InstanceGroups"]
    }


def status_of(world: World, name: str) -> str:
    return next(str(g["Status"]) for g in cluster_details(world.c)["InstanceGroups"] if g["InstanceGroupName"] == name)


def test_creation_takes_the_documented_time_and_starts_the_controller_first() -> None:
    world = World()
    world.create(groups(3))
    assert world.c.status == "Creating"
    assert {node_status(n) for n in world.c.nodes.values()} == {"Pending"}
    started = world.time
    world.run("InService")
    assert 600 <= world.time - started <= 900  # 10 to 15 minutes
    assert world.launches == ["ctl-1", "login-1", "work-1", "work-2", "work-3"]
    assert counts(world) == {"ctl": (1, 1), "login": (1, 1), "work": (3, 3)}
    assert {g.status for g in world.c.groups.values()} == {"InService"}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("capacity", "We currently do not have sufficient capacity for the requested instance type(s)."),
        ("launch", "Instance bootstrap failed"),
        ("efa", "EFA health checks did not run successfully."),
        ("lifecycle", "Lifecycle scripts did not run successfully. To view lifecycle script logs, visit log group"),
    ],
)
def test_creation_is_all_or_nothing(fault: str, text: str) -> None:
    world = World()
    world.fail = {"work": ["", fault]}
    world.create(groups(3))
    failed = world.members("work")[1].instance_id
    world.act()
    world.run("RollingBack")
    assert {node_status(n) for n in world.c.nodes.values()} == {"ShuttingDown"}
    world.run()
    assert world.c.status == "Failed"
    assert world.c.nodes == {}
    assert world.c.failure_message is not None
    assert world.c.failure_message.startswith(
        f'Instance {failed} failed to provision with the following error: "{text}'
    )
    assert world.c.failure_message.endswith("Note that multiple instances may be impacted.")
    assert {g.status for g in world.c.groups.values()} == {"Failed"}


def test_growth_and_shrinking_delete_the_highest_numbers() -> None:
    world = running(3)
    before = {n.name: n.instance_id for n in world.members("work")}
    world.update(InstanceGroups=[group("work", 5, "Compute")])
    assert world.c.status == "Updating"
    world.run()
    assert [n.name for n in world.members("work")] == [f"work-{i}" for i in range(1, 6)]
    world.update(InstanceGroups=[group("work", 2, "Compute")])
    world.act()
    assert [n.name for n in world.members("work") if node_status(n) == "ShuttingDown"] == ["work-3", "work-4", "work-5"]
    world.run()
    assert world.c.status == "InService"
    assert {n.name: n.instance_id for n in world.members("work")} == {n: before[n] for n in ("work-1", "work-2")}


def test_a_failed_update_restores_what_was() -> None:
    world = running(2, NodeRecovery="Automatic")
    before = {n.key: n.instance_id for n in world.c.nodes.values()}
    spec = world.c.groups["work"].spec
    world.fail = {"new": ["", "lifecycle"]}
    world.update(
        InstanceGroups=[group("work", 1, "Compute", ThreadsPerCore=2), group("new", 2, "Compute")],
        NodeRecovery="None",
    )
    assert world.c.settings["NodeRecovery"] == "None"
    world.run("RollingBack")
    world.run()
    assert world.c.status == "InService"
    assert world.c.failure_message is not None
    assert "Lifecycle scripts did not run successfully" in world.c.failure_message
    assert {n.key: n.instance_id for n in world.c.nodes.values()} == before
    assert world.c.groups["work"].spec == spec
    assert world.c.groups["work"].target == 2
    assert "new" not in world.c.groups
    assert world.c.settings["NodeRecovery"] == "Automatic"
    world.update(NodeRecovery="None")
    world.run()
    assert world.c.failure_message is None


def test_groups_can_be_deleted_and_added_in_one_update() -> None:
    world = running()
    world.update(InstanceGroups=[group("more", 1, "Compute")], InstanceGroupsToDelete=["work"])
    assert world.c.groups["work"].status == "Deleting"
    world.run()
    assert list(world.c.groups) == ["ctl", "login", "more"]
    assert {n.group for n in world.c.nodes.values()} == {"ctl", "login", "more"}


def test_a_replaced_node_keeps_name_and_address_and_gets_a_new_instance() -> None:
    world = running()
    old = world.members("work")[0]
    others = {n.key: n.instance_id for n in world.c.nodes.values() if n.key != old.key}
    answer = world.call(changes_nodes.replace_nodes, NodeIds=[old.instance_id, "i-00000000000000bad"])
    assert answer["Successful"] == [old.instance_id]
    assert [f["ErrorCode"] for f in answer["Failed"]] == ["InstanceIdNotFound"]
    assert node_status(world.members("work")[0]) == "ShuttingDown"
    again = world.call(changes_nodes.replace_nodes, NodeIds=[old.instance_id])
    assert [f["ErrorCode"] for f in again["Failed"]] == ["InstanceIdInUse"]
    started = world.time
    world.run()
    assert 1200 <= world.time - started <= 1800  # 20 to 30 minutes
    new = world.members("work")[0]
    assert (new.name, new.hostname, new.key) == (old.name, old.hostname, old.key)
    assert new.instance_id != old.instance_id
    assert new.token != old.token
    assert node_status(new) == "Running"
    assert {n.key: n.instance_id for n in world.c.nodes.values() if n.key != old.key} == others


def test_a_replacement_is_tried_three_times() -> None:
    world = running()
    world.fail = {"work": ["launch"] * 3}
    world.call(changes_nodes.replace_nodes, NodeIds=[world.members("work")[0].instance_id])
    world.run()
    assert node_status(world.members("work")[0]) == "Failure"
    assert world.c.status == "InService"
    assert status_of(world, "work") == "Degraded"
    world.fail = {"work": ["launch", ""]}
    world.call(changes_nodes.replace_nodes, NodeIds=[world.members("work")[0].instance_id])
    world.run()
    assert node_status(world.members("work")[0]) == "Running"
    assert status_of(world, "work") == "InService"


def test_reboot_keeps_everything() -> None:
    world = running()
    before = {n.key: (n.instance_id, n.root_volume, n.token) for n in world.c.nodes.values()}
    ids = [n.instance_id for n in world.c.nodes.values()]
    launches = len(world.launches)
    assert world.call(changes_nodes.reboot_nodes, NodeIds=ids)["Successful"] == ids
    world.act()
    assert {n.phase for n in world.c.nodes.values()} == {Phase.REBOOTING}
    started = world.time
    world.run()
    assert 60 <= world.time - started <= 180
    assert {n.key: (n.instance_id, n.root_volume, n.token) for n in world.c.nodes.values()} == before
    assert len(world.launches) == launches


def test_deleting_nodes_lowers_the_target() -> None:
    world = running(3)
    gone = world.members("work")[1]
    answer = world.call(changes_nodes.delete_nodes, NodeIds=[gone.instance_id, gone.instance_id])
    assert answer["Successful"] == [gone.instance_id]
    assert answer["Failed"][0]["Code"] == "NodeIdInUse"
    world.run()
    assert [n.name for n in world.members("work")] == ["work-1", "work-3"]
    assert counts(world)["work"] == (2, 2)
    world.update(InstanceGroups=[group("work", 3, "Compute")])
    world.run()
    assert [n.name for n in world.members("work")] == ["work-1", "work-2", "work-3"]


def test_deletion_ends_all_nodes_then_the_cluster() -> None:
    world = running()
    world.delete()
    assert world.c.status == "Deleting"
    world.act()
    assert {node_status(n) for n in world.c.nodes.values()} == {"ShuttingDown"}
    world.run()
    assert world.cluster is None


def test_deletion_in_the_middle_of_a_failed_creation() -> None:
    world = World()
    world.fail = {"ctl": ["lifecycle"]}
    world.create(groups())
    world.run()
    assert world.c.status == "Failed"
    world.delete()
    world.run()
    assert world.cluster is None


def test_both_forms_of_the_slurm_configuration_fail_a_creation_and_an_update() -> None:
    world = World()
    world.create(groups(), legacy=json.dumps(LEGACY))
    world.run()
    assert world.c.status == "Failed"
    assert "Both SLURM config and provisioning_parameters.json" in (world.c.failure_message or "")
    world = running()
    world.update(legacy=json.dumps(LEGACY), InstanceGroups=[group("work", 3, "Compute")])
    world.run()
    assert world.c.status == "InService"
    assert "Both SLURM config and provisioning_parameters.json" in (world.c.failure_message or "")
    assert world.c.legacy is None
    assert counts(world)["work"] == (2, 2)


@pytest.mark.parametrize("name", ["work", "typo"])
def test_a_legacy_form_must_name_existing_groups(name: str) -> None:
    form = {**LEGACY, "worker_groups": [{"instance_group_name": name, "partition_name": "p"}]}
    world = World()
    world.create([group("ctl", 1), group("work", 2)], legacy=json.dumps(form))
    world.run()
    if name == "work":
        assert world.c.status == "InService"
        assert world.launches[0] == "ctl-1"
    else:
        assert world.c.status == "Failed"
        assert "KeyError: 'typo'" in (world.c.failure_message or "")


def test_deep_health_checks_run_on_accelerated_types_only() -> None:
    world = World()
    checks = ["InstanceStress"]
    world.create(
        [
            group("ctl", 1, "Controller"),
            group("cpu", 1, "Compute", OnStartDeepHealthChecks=checks),
            group("gpu", 1, "Compute", InstanceType="ml.p5.48xlarge", OnStartDeepHealthChecks=checks),
        ]
    )
    started = world.time
    while node_status(world.members("gpu")[0]) == "Pending":
        world.tick()
    assert node_status(world.members("gpu")[0]) == "DeepHealthCheckInProgress"
    assert node_status(world.members("cpu")[0]) == "Running"
    assert world.c.status == "Creating"
    world.run("InService")
    assert world.time - started >= timings.DEEP_HEALTH_CHECK
    world.check_fault = "deep"
    old = world.members("gpu")[0].instance_id
    config = [{"InstanceGroupName": name, "DeepHealthChecks": checks} for name in ("gpu", "cpu")]
    world.call(changes_nodes.start_health_check, DeepHealthCheckConfigurations=config)
    assert node_status(world.members("gpu")[0]) == "DeepHealthCheckInProgress"
    assert node_status(world.members("cpu")[0]) == "Running"
    assert [o.status for o in world.c.operations] == ["InProgress"]
    while node_status(world.members("gpu")[0]) == "DeepHealthCheckInProgress":
        world.tick()
    world.check_fault = None
    world.run()
    assert world.members("gpu")[0].instance_id != old
    assert [o.status for o in world.c.operations] == ["Done"]


@pytest.mark.parametrize(("name", "recovery"), [("gpu", "None"), ("ctl", "Automatic")])
def test_what_fails_a_health_check_stays_when_nobody_may_replace_it(name: str, recovery: str) -> None:
    world = World()
    gpu = "ml.p5.48xlarge"
    world.create(
        [group("ctl", 1, "Controller", InstanceType=gpu), group("gpu", 1, "Compute", InstanceType=gpu)],
        NodeRecovery=recovery,
    )
    world.run()
    before = world.members(name)[0]
    world.check_fault = "deep"
    config = [{"InstanceGroupName": name, "DeepHealthChecks": ["InstanceStress"]}]
    world.call(changes_nodes.start_health_check, DeepHealthCheckConfigurations=config)
    world.run()
    after = world.members(name)[0]
    assert (after.instance_id, node_status(after)) == (before.instance_id, "Failure")
    assert status_of(world, name) == "Degraded"
    assert [o.status for o in world.c.operations] == ["Done"]
    notes = [(note.stream, json.loads(note.message)["level"]) for note in world.notes if "Deep" in note.stream]
    assert notes == [(f"DeepHealthCheckResults/{before.instance_id}", "error")]


def test_node_actions_of_the_slurm_agent() -> None:
    world = running()
    worker, controller = world.members("work")[0], world.members("ctl")[0]

    def act(node, action):
        return changes_nodes.node_action(world.c, node.hostname, action, world.now, world.env).cluster

    assert act(worker, "Replace").nodes[worker.key].phase is Phase.REPLACE
    assert act(worker, "Reboot").nodes[worker.key].phase is Phase.REBOOT
    assert act(controller, "Reboot").nodes[controller.key].phase is Phase.REBOOT
    kept = act(controller, "Replace")
    assert kept.nodes[controller.key].phase is Phase.RUN
    assert kept.actions[0]["action"] == "Replace"
    world.update(NodeRecovery="None")
    world.run()
    recorded = act(worker, "Replace")
    assert recorded.nodes[worker.key].phase is Phase.RUN
    assert recorded.actions[0]["node"] == worker.hostname


def test_real_instances_wait_for_their_agents() -> None:
    world = World(simulated=False)
    world.create(groups(1, login=False))
    world.act()
    controller, worker = world.members("ctl")[0], world.members("work")[0]
    assert controller.phase is Phase.BOOT
    for node in (controller, worker):
        world.tell(node, "booted")
        assert world.c.nodes[node.key].phase is Phase.LIFECYCLE
        assert world.c.nodes[node.key].deadline is None
    world.tell(controller, "lifecycle-succeeded")
    assert world.c.status == "Creating"
    world.tell(worker, "lifecycle-succeeded")
    assert world.c.status == "InService"
    world.tell(worker, "lifecycle-failed")  # told again, late: nothing happens
    assert world.c.status == "InService"
    world.call(changes_nodes.reboot_nodes, NodeIds=[worker.instance_id])
    world.act()
    world.tell(worker, "booted")
    assert world.c.nodes[worker.key].phase is Phase.RUN
    world.call(changes_nodes.replace_nodes, NodeIds=[worker.instance_id])
    world.act()
    world.tell(worker, "booted")  # the former instance speaks
    assert world.c.nodes[worker.key].phase is Phase.BOOT


def test_real_instances_fail_when_they_never_report() -> None:
    world = World(simulated=False)
    world.create(groups(1))
    world.run()
    assert world.c.status == "Failed"
    assert "Instance bootstrap failed" in (world.c.failure_message or "")


def test_an_agent_may_report_before_the_provider_returns() -> None:
    world = World(simulated=False)
    world.create([group("ctl", 1, "Controller")])
    world.tell(world.members("ctl")[0], "booted")
    assert world.members("ctl")[0].phase is Phase.LIFECYCLE
    world.act()
    assert world.members("ctl")[0].phase is Phase.LIFECYCLE
    world.tell(world.members("ctl")[0], "lifecycle-succeeded")
    assert world.c.status == "InService"
