# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each IAM action that a plugin's documentation names is needed: without it there is an error that names it.

That they suffice is shown by all other tests of the modules: their users may do what the documentation names, no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import permissions_secrets
import pytest
from modules_harness import REGION
from modules_harness import ROOT_KEYS
from modules_harness import Cloud
from permissions_directory import DONE as DONE_WITH_DIRECTORIES
from permissions_directory import STEPS as STEPS_WITH_DIRECTORIES
from permissions_world import FLOWING
from permissions_world import HASTE
from permissions_world import NEW
from permissions_world import World
from preflight_world import group_of

from tools import permissions

Step = Callable[[World], dict[str, Any]]


@pytest.fixture(name="world", scope="module")
def _world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(cloud, tmp_path_factory.mktemp("permissions"))


def wish(name: str, **more: Any) -> Step:
    return lambda world: world.module("hyperpod_cluster", world.ansible.wish(name, **more))


def gone(world: World) -> dict[str, Any]:
    return world.module("hyperpod_cluster", {"name": "there", "state": "absent", "wait": False})


def starved(world: World) -> dict[str, Any]:
    """A cluster in Continuous mode that gets no workers: its events tell why."""
    world.cloud.set_speed(HASTE)
    world.cloud.fault("insufficient_capacity", percent=100, instance_group="workers")
    return world.module("hyperpod_cluster", world.continuous(f"starved-{next(world.numbers)}", wait_timeout=2))


def of(module: str, **options: Any) -> Step:
    """A day-two module, for the cluster in Continuous mode."""
    return lambda world: world.module(module, {"cluster_name": FLOWING, **options})


def on_node(state: str) -> Step:
    def step(world: World) -> dict[str, Any]:
        return of("hyperpod_node", state=state, nodes=[world.node("workers")["InstanceId"]], wait_delay=1)(world)

    return step


def not_replaced(world: World) -> dict[str, Any]:
    """A replacement for which there is no capacity."""
    world.calm()
    world.cloud.fault("insufficient_capacity", percent=100, instance_group="workers")
    nodes = [world.node("workers")["NodeLogicalId"]]
    return of("hyperpod_node", state="replaced", nodes=nodes, wait_delay=1, wait_timeout=2)(world)


def update(group: str) -> Step:
    groups = [{"instance_group_name": group, "image_release_version": NEW}]
    return of("hyperpod_software", instance_groups=groups, wait_delay=1, wait_timeout=60)


def rolled_back(world: World) -> dict[str, Any]:
    """An update that the node does not survive."""
    world.calm()
    world.cloud.fault("lifecycle_failure", count=1, instance_group="workers")
    return update("workers")(world)


CHECK = {"deep_health_checks": ["InstanceStress"], "instance_groups": ["gpus"], "wait_delay": 1, "wait_timeout": 60}

check = of("hyperpod_health_check", **CHECK)


def checked_anew(world: World) -> dict[str, Any]:
    """A check, while there is no other."""
    world.calm()
    return check(world)


def taken_up(world: World) -> dict[str, Any]:
    """A check that is under way already."""
    world.calm()
    world.cloud.set_speed(1)
    first = world.module("hyperpod_health_check", {"cluster_name": FLOWING, **CHECK, "wait": False}, ROOT_KEYS)
    assert first["changed"], first
    return check(world)


def not_passed(world: World) -> dict[str, Any]:
    """A check that the node does not pass."""
    world.calm()
    world.cloud.fault("health_check_failure", count=1, instance_group="gpus")
    return check(world)


def events_of_node(world: World) -> dict[str, Any]:
    hostname = world.node("workers")["PrivateDnsHostname"].split(".")[0]
    return of("hyperpod_events_info", node=hostname)(world)


def logs_of_node(world: World) -> dict[str, Any]:
    return of("hyperpod_logs_info", nodes=[world.node("workers")["NodeLogicalId"]])(world)


def info(**options: Any) -> Step:
    return lambda world: world.module("hyperpod_cluster_info", options)


def stage(world: World) -> dict[str, Any]:
    return world.module("hyperpod_lifecycle", world.staging("new"))


def unstage(world: World) -> dict[str, Any]:
    return world.module("hyperpod_lifecycle", world.staging("old", state="absent"))


def checked(world: World) -> dict[str, Any]:
    """A preflight that asks about all that it knows; what it may not ask is a warning."""
    return told(world.account.check(everything, world.keys))


def planned(world: World) -> dict[str, Any]:
    """A preflight of a network and a bucket that are to be made."""
    return told(world.account.check(to_be_made, world.keys))


def everything(options: dict[str, Any]) -> None:
    arn = f"arn:aws:eks:{REGION}:123456789012:cluster/preflight"
    options["description"]["cluster"]["orchestrator"] = {"eks": {"cluster_arn": arn}}
    # There is none of this name, which who may ask is told.
    group_of(options)["training_plan_arn"] = f"arn:aws:sagemaker:{REGION}:123456789012:training-plan/mine"


def to_be_made(options: dict[str, Any]) -> None:
    zones = [{"availability_zone": f"{REGION}a"}]
    options["description"]["network"] = {"mode": "create", "vpc_cidr": "10.9.0.0/16", "private_subnets": zones}
    options["description"]["lifecycle"]["managed"] = True


def told(result: dict[str, Any]) -> dict[str, Any]:
    """What preflight has found, as a failure's message."""
    found = [f for f in result["preflight"]["findings"] if f["level"] != "pass"]
    return {"failed": bool(found), "msg": " ".join(f"{f['what']} {f['fix']}" for f in found)}


STEPS: dict[str, dict[str, Step]] = {
    **STEPS_WITH_DIRECTORIES,
    **permissions_secrets.STEPS,
    "hyperpod_preflight": {
        "ec2:DescribeAvailabilityZones": planned,
        "s3:GetBucketTagging": planned,
        **dict.fromkeys(
            (
                "acm:DescribeCertificate",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "eks:DescribeAddon",
                "eks:DescribeCluster",
                "eks:ListAddons",
                "fsx:DescribeFileSystems",
                "iam:GetRole",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:SimulatePrincipalPolicy",
                "s3:GetBucketPolicyStatus",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:DescribeCluster",
                "sagemaker:DescribeTrainingPlan",
                "secretsmanager:DescribeSecret",
                "servicequotas:ListServiceQuotas",
            ),
            checked,
        ),
    },
    "hyperpod_cluster": {
        "sagemaker:DescribeCluster": wish("there"),
        "sagemaker:ListTags": wish("there", tags={"a": "1"}),
        "sagemaker:AddTags": wish("there", tags={"a": "1", "b": "2"}),
        "sagemaker:DeleteTags": wish("there", tags={}),
        "sagemaker:UpdateCluster": wish("there", workers=3),
        "sagemaker:CreateCluster": wish("new", wait=False),
        "iam:PassRole": wish("new", wait=False),
        "sagemaker:DeleteCluster": gone,
        "sagemaker:ListClusterNodes": wish("broken"),
        "logs:DescribeLogStreams": wish("broken"),
        "logs:GetLogEvents": wish("broken"),
        "sagemaker:ListClusterEvents": starved,
        "sagemaker:DescribeClusterEvent": starved,
    },
    "hyperpod_cluster_info": {
        "sagemaker:ListClusters": info(),
        "sagemaker:DescribeCluster": info(),
        "sagemaker:ListTags": info(),
        "sagemaker:ListClusterNodes": info(include_nodes=True),
        "sagemaker:DescribeClusterNode": info(names=["there"], detail=True),
    },
    "hyperpod_node": {
        "sagemaker:DescribeCluster": on_node("rebooted"),
        "sagemaker:ListClusterNodes": on_node("rebooted"),
        "sagemaker:BatchRebootClusterNodes": on_node("rebooted"),
        "sagemaker:BatchReplaceClusterNodes": on_node("replaced"),
        "sagemaker:BatchDeleteClusterNodes": on_node("absent"),
        "sagemaker:BatchAddClusterNodes": of("hyperpod_node", state="added", instance_group="workers", count=1),
        "sagemaker:ListClusterEvents": not_replaced,
        "sagemaker:DescribeClusterEvent": not_replaced,
        "logs:DescribeLogStreams": not_replaced,
        "logs:GetLogEvents": not_replaced,
    },
    "hyperpod_software": {
        "sagemaker:DescribeCluster": update("workers"),
        "sagemaker:UpdateClusterSoftware": update("workers"),
        "sagemaker:ListClusterNodes": rolled_back,
        "sagemaker:ListClusterEvents": rolled_back,
        "sagemaker:DescribeClusterEvent": rolled_back,
        "logs:DescribeLogStreams": rolled_back,
        "logs:GetLogEvents": rolled_back,
    },
    "hyperpod_health_check": {
        "sagemaker:DescribeCluster": check,
        "sagemaker:ListClusterNodes": check,
        "sagemaker:ListClusterOperations": check,
        "sagemaker:DescribeClusterOperation": taken_up,
        "sagemaker:StartClusterHealthCheck": checked_anew,
        "sagemaker:ListClusterEvents": not_passed,
        "sagemaker:DescribeClusterEvent": not_passed,
        "logs:DescribeLogStreams": not_passed,
        "logs:GetLogEvents": not_passed,
    },
    "hyperpod_events_info": {
        "sagemaker:ListClusterEvents": of("hyperpod_events_info"),
        "sagemaker:DescribeClusterEvent": of("hyperpod_events_info", detail="all"),
        "sagemaker:ListClusterNodes": events_of_node,
    },
    "hyperpod_logs_info": {
        "logs:DescribeLogStreams": of("hyperpod_logs_info"),
        "logs:GetLogEvents": of("hyperpod_logs_info"),
        "sagemaker:DescribeCluster": of("hyperpod_logs_info"),
        "sagemaker:ListClusterNodes": logs_of_node,
    },
    "hyperpod_lifecycle": {
        "s3:ListBucket": unstage,
        "s3:PutObject": stage,
        "s3:GetObject": stage,
        "s3:DeleteObject": unstage,
        "sagemaker:DescribeCluster": unstage,
    },
    "hyperpod_nodes": {
        "sagemaker:ListClusters": World.inventory,
        "sagemaker:DescribeCluster": World.inventory,
        "sagemaker:ListClusterNodes": World.inventory,
        "s3:GetObject": World.inventory,
    },
}


# Plugins that need a domain as well: tests/directory/test_ad_secrets.py has their steps.
OF_A_DIRECTORY = {"ad_user"}


@pytest.mark.parametrize("plugin", [plugin for plugin in permissions.asking() if plugin not in OF_A_DIRECTORY])
def test_every_documented_action_has_a_step(plugin: str) -> None:
    assert sorted(STEPS[plugin]) == sorted(permissions.actions_of(plugin))


# Which calls a module makes is its own code's doing.
@pytest.mark.one_core
@pytest.mark.parametrize(("plugin", "action"), [(plugin, action) for plugin in STEPS for action in STEPS[plugin]])
def test_without_it_an_error_names_it(world: World, plugin: str, action: str) -> None:
    world.cloud.allow("limited", permissions.policy([plugin], without=frozenset({action})))
    result = STEPS[plugin][action](world)
    assert result["failed"], result
    unread = " ".join(result.get("failure", {}).get("unread", []))
    optional = action in permissions.optional_of(plugin)
    assert (action in result["msg"], action in unread) == (not optional, optional), result


DONE: dict[str, tuple[Step, set[str]]] = {
    **DONE_WITH_DIRECTORIES,
    "hyperpod_cluster": (
        lambda world: world.module("hyperpod_cluster", world.continuous("quiet")),
        {"sagemaker:ListClusterEvents", "sagemaker:ListClusterNodes"},
    ),
    "hyperpod_software": (update("controller"), {"sagemaker:ListClusterEvents", "sagemaker:ListClusterNodes"}),
    "hyperpod_node": (on_node("rebooted"), {"sagemaker:ListClusterEvents"}),
    "hyperpod_health_check": (check, set()),
}


# The same.
@pytest.mark.one_core
@pytest.mark.parametrize("plugin", [plugin for plugin in STEPS if permissions.optional_of(plugin)])
def test_without_the_optional_ones_the_work_is_done(world: World, plugin: str) -> None:
    """Some are asked for to show progress, all others only after a failure."""
    step, refused = DONE[plugin]
    world.calm()
    world.cloud.allow("limited", permissions.policy([plugin], without=permissions.optional_of(plugin)))
    asked = len(world.cloud.requests())
    with world.with_progress():
        result = step(world)
    assert result["changed"], result
    assert "failed" not in result
    assert set(world.cloud.requests()[asked:]) & permissions.optional_of(plugin) == refused


def test_preflight_needs_no_more(world: World) -> None:
    """What is found is told as it is, not as a refusal."""
    world.cloud.allow("limited", permissions.policy(["hyperpod_preflight"]))
    for found in (checked(world), planned(world)):
        assert "not authorized" not in found["msg"]
        assert not [action for action in permissions.actions_of("hyperpod_preflight") if action in found["msg"]]


def test_the_inventory_needs_no_more(world: World) -> None:
    """The modules' own tests run as such users; the inventory's don't."""
    world.cloud.allow("limited", permissions.policy(["hyperpod_nodes"]))
    allowed = world.inventory()
    assert not allowed["failed"], allowed
    assert "not authorized" not in allowed["msg"]
