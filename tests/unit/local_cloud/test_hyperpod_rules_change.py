# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of calls that change a cluster: one wrong input each, next to a right one."""

from __future__ import annotations

from typing import Any

import pytest
from hyperpod_world import ROLE
from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups

from local_cloud.hyperpod import images
from local_cloud.hyperpod import rules_change

VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
EKS = {"Eks": {"ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/k"}}


def running(**settings: Any) -> World:
    world = World()
    world.create(groups(), VpcConfig=VPC, **settings)
    world.run()
    assert world.c.status == "InService"
    return world


UPDATES: list[tuple[dict[str, Any], str]] = [
    ({"VpcConfig": VPC}, "VpcConfig can't be updated"),
    ({}, "At least one member"),
    ({"NodeProvisioningMode": "Continuous"}, "NodeProvisioningMode of an existing"),
    ({"Orchestrator": EKS}, "can't be changed"),
    ({"InstanceGroupsToDelete": ["nope"]}, "does not exist"),
    ({"InstanceGroupsToDelete": ["ctl"]}, "No controller group found"),
    ({"InstanceGroupsToDelete": ["work"], "InstanceGroups": [group("work", 1, "Compute")]}, "both in InstanceGroups"),
    ({"InstanceGroups": [group("work", 1, "Login")]}, "NodeType in SlurmConfig is immutable"),
    ({"InstanceGroups": [group("work", 1, "Compute", InstanceType="ml.c5.large")]}, "InstanceType of an existing"),
    ({"InstanceGroups": [group("work", 1, "Compute", ImageId="ami-12345678")]}, "ImageId of an existing"),
    ({"InstanceGroups": [group("work", 1, "Compute", ExecutionRole=ROLE + "2")]}, "ExecutionRole of an existing"),
    ({"InstanceGroups": [group("work", 1, "Compute", ThreadsPerCore=2)]}, "ThreadsPerCore of an existing"),
    ({"InstanceGroupsToDelete": ["ctl", "login", "work"]}, "at least one instance group"),
    ({"InstanceGroups": [group("work", 1, "Compute", OverrideVpcConfig=VPC)]}, "OverrideVpcConfig of an existing"),
    ({"InstanceGroups": [group("work", 1)]}, "Update required to use SlurmConfig"),
    ({"InstanceGroups": [group("work", 1, "Compute")] * 2}, "Duplicate instance group name"),
    ({"InstanceGroups": [group("c2", 1, "Controller")]}, "Found 2 controller groups"),
    (
        {"InstanceGroups": [group("work", 1, "Compute", ImageReleaseVersion="1.0.0")]},
        "ImageReleaseVersion of an existing",
    ),
    (
        {"InstanceGroups": [group("ctl", 1), group("login", 1), group("work", 2)]},
        "SlurmConfig of an existing instance group can't be removed",
    ),
]


@pytest.mark.parametrize(("params", "text"), UPDATES, ids=[text for _dummy, text in UPDATES])
def test_wrong_updates_are_refused(params: dict[str, Any], text: str) -> None:
    findings = list(rules_change.update_findings({"ClusterName": "demo", **params}, running().c))
    assert findings, "nothing found"
    assert text in findings[0], findings


TYPES = ["ml.c5.xlarge", "ml.m5.xlarge"]


def flexible(*types: str, count: int = 2) -> dict[str, Any]:
    return group("work", count, "Compute", InstanceType=None, InstanceRequirements={"InstanceTypes": list(types)})


def test_types_of_a_flexible_group_stay_while_they_are_used() -> None:
    world = World()
    world.create([group("ctl", 1, "Controller"), flexible(*TYPES)], VpcConfig=VPC, NodeProvisioningMode="Continuous")
    world.run()

    def findings(spec: dict[str, Any]) -> list[str]:
        params = {"ClusterName": "demo", "InstanceGroups": [spec]}
        return list(rules_change.update_findings(params, world.c))

    assert findings(flexible(TYPES[0])) == []
    assert "types with active nodes can't be removed: ml.c5.xlarge" in findings(flexible(TYPES[1]))[0]
    assert any("can't be switched" in finding for finding in findings(group("work", 2, "Compute")))


def test_the_role_of_scaling_stays_while_it_scales() -> None:
    scaling = {"AutoScaling": {"Mode": "Enable"}, "ClusterRole": ROLE}
    world = World()
    world.create([group("work", 1)], VpcConfig=VPC, Orchestrator=EKS, NodeProvisioningMode="Continuous", **scaling)
    world.run()
    other = {"ClusterName": "demo", "ClusterRole": f"{ROLE}2"}
    assert "ClusterRole can't be updated" in next(rules_change.update_findings(other, world.c))
    assert not list(rules_change.update_findings({**other, "ClusterRole": ROLE}, world.c))


def test_an_old_public_image_keeps_its_release() -> None:
    old = images.public_image("us-west-2", "Slurm", "1.0.0")
    assert images.resolve("us-west-2", "Slurm", old, None) == (old, "1.0.0")
    assert images.resolve("us-west-2", "Slurm", "ami-12345678", None) == ("ami-12345678", images.latest("Slurm"))


def test_right_updates_pass() -> None:
    cluster = running().c
    for params in (
        {"NodeRecovery": "None"},
        {"InstanceGroups": [group("work", 5, "Compute")]},
        {"InstanceGroups": [group("work2", 5, "Compute")], "InstanceGroupsToDelete": ["work"]},
        {"InstanceGroups": [group("work", 2, "Compute", ImageId=cluster.groups["work"].image_id)]},
        {"Orchestrator": {"Slurm": {"SlurmConfigStrategy": "Overwrite"}}},
    ):
        assert list(rules_change.update_findings({"ClusterName": "demo", **params}, cluster)) == []


def test_rules_of_node_calls() -> None:
    cluster = running().c
    controller = cluster.group_nodes("ctl")[0].instance_id
    worker = cluster.group_nodes("work")[0]

    def replace(**p):
        return next(iter(rules_change.replace_findings(p, cluster, "replaced")), "")

    assert replace(NodeIds=[worker.instance_id]) == ""
    assert "Slurm controller node" in replace(NodeIds=[controller])
    assert "At most 25" in replace(NodeIds=[f"i-{i:017x}" for i in range(26)])
    assert "must be provided" in replace()
    assert "NodeLogicalIds is only supported" in replace(NodeLogicalIds=[worker.key])
    assert list(rules_change.replace_findings({"NodeIds": [controller]}, cluster, "rebooted")) == []
    delete = list(rules_change.delete_findings({"NodeIds": [controller]}, cluster))
    assert "can't be deleted" in delete[0]
    many = {"NodeIds": [f"i-{i:017x}" for i in range(100)]}
    assert "At most 99" in next(iter(rules_change.delete_findings(many, cluster)))
    add = {"NodesToAdd": [{"InstanceGroupName": "work", "IncrementTargetCountBy": 51}]}
    assert [f[:20] for f in rules_change.add_findings(add, cluster)] == ["BatchAddClusterNodes", "At most 50 nodes can"]
    assert "only supported" in next(iter(rules_change.events_findings(cluster)))
    health = {"DeepHealthCheckConfigurations": [{"InstanceGroupName": "x", "InstanceIds": ["i-1"]}]}
    assert len(list(rules_change.health_findings(health, cluster))) == 2
    software = {"InstanceGroups": [{"InstanceGroupName": "x"}], "ImageId": "ami-12345678"}
    assert "does not exist" in next(iter(rules_change.software_findings(software, cluster)))
    both = {
        "InstanceGroups": [{"InstanceGroupName": "work", "ImageReleaseVersion": "1.0.0"}],
        "ImageId": "ami-12345678",
    }
    assert "mutually exclusive" in next(iter(rules_change.software_findings(both, cluster)))


def test_rules_of_software_updates() -> None:
    world = running()

    def finding(**params: Any) -> str:
        return next(iter(rules_change.software_findings(params, world.c)), "")

    worker = {"InstanceGroupName": "work"}
    assert "9.9.9 is not available" in finding(InstanceGroups=[{**worker, "ImageReleaseVersion": "9.9.9"}])
    world.software(InstanceGroups=[worker], ImageId="ami-0123456789abcdef0")
    world.run()
    assert "work uses a custom AMI" in finding()
    assert finding(InstanceGroups=[{"InstanceGroupName": "ctl"}]) == ""
    assert finding(ImageId="default") == ""


def test_rules_of_continuous_clusters() -> None:
    world = running(NodeProvisioningMode="Continuous")
    add = {"NodesToAdd": [{"InstanceGroupName": "ctl", "IncrementTargetCountBy": 1}]}
    assert "More than one controller" in next(iter(rules_change.add_findings(add, world.c)))


def test_the_role_of_the_autoscaler_stays_while_it_works() -> None:
    world = World()
    settings = {"AutoScaling": {"Mode": "Enable"}, "ClusterRole": "arn:1", "NodeProvisioningMode": "Continuous"}
    world.create([group("work", 1)], VpcConfig=VPC, Orchestrator=EKS, **settings)
    world.run()
    changed = rules_change.update_findings({"ClusterName": "demo", "ClusterRole": "arn:2"}, world.c)
    assert next(iter(changed)) == "ClusterRole can't be updated while autoscaling is enabled."
    same = {"ClusterName": "demo", "ClusterRole": "arn:1", "AutoScaling": {"Mode": "Disable"}}
    assert list(rules_change.update_findings(same, world.c)) == []


def test_what_cannot_be_changed_stays_when_it_is_left_out() -> None:
    world = World()
    specs = groups()
    specs[2] = {**specs[2], "OverrideVpcConfig": VPC}
    world.create(specs, VpcConfig=VPC)
    world.run()
    world.update(InstanceGroups=[group("work", 3, "Compute")])
    world.run()
    assert {node.spec["OverrideVpcConfig"]["Subnets"][0] for node in world.members("work")} == set(VPC["Subnets"])


def test_a_busy_cluster_takes_no_replacements() -> None:
    world = World()
    world.create(groups())
    node = world.members("work")[0]
    findings = list(rules_change.replace_findings({"NodeIds": [node.instance_id]}, world.c, "replaced"))
    assert "must be in InService status" in findings[0]
