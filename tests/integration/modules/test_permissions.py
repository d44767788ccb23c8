# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each IAM action that a plugin's documentation names is needed: without it there is an error that names it.

That they suffice is shown by all other tests of the modules: their users may do what the documentation names, no more.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import run_module
from modules_harness import REGION
from modules_harness import ROOT
from modules_harness import ROOT_KEYS
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import Keys
from preflight_world import World as Account
from preflight_world import group_of

from tools import permissions

LEGACY = {"version": "1.0.0", "workload_manager": "slurm", "controller_group": "controller", "worker_groups": []}
Step = Callable[["World"], dict[str, Any]]


class World:
    """Clusters in service, failed, and in the legacy form; staged bundles; a user whose rights change."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.ansible = Ansible(cloud, folder)
        self.keys = cloud.user("limited", permissions.policy(["hyperpod_nodes"]))
        self.numbers = itertools.count()
        self.account = Account(cloud)
        cloud.client("eks").create_cluster(
            name="preflight",
            version="1.33",
            roleArn=self.account.place["role"],
            resourcesVpcConfig={"subnetIds": [self.account.place["subnet"]]},
        )
        self._clusters()
        self._log()
        staged = self.module("hyperpod_lifecycle", self.staging("old"), ROOT_KEYS)
        assert staged["changed"], staged

    def _clusters(self) -> None:
        legacy = self.ansible.group("controller", 1, life_cycle_config=self.ansible.lifecycle("legacy"))
        del legacy["slurm_config"]
        bucket, body = self.cloud.place["bucket"], json.dumps(LEGACY).encode()
        s3 = self.cloud.client("s3")
        s3.put_object(Bucket=bucket, Key="legacy/on_create.sh", Body=b"#!/bin/sh\n")
        s3.put_object(Bucket=bucket, Key="legacy/provisioning_parameters.json", Body=body)
        old = {**self.ansible.wish("legacy"), "instance_groups": [legacy]}
        del old["orchestrator"]
        for wish in (self.ansible.wish("there", tags={"a": "1"}), old):
            made = self.module("hyperpod_cluster", wish, ROOT_KEYS)
            assert made.get("changed"), made
        self.cloud.fault("node_launch_failure", percent=100)
        broken = self.module("hyperpod_cluster", self.ansible.wish("broken"), ROOT_KEYS)
        assert broken["cluster"]["cluster_status"] == "Failed", broken
        self.cloud.admin("DELETE", "faults")

    def _log(self) -> None:
        """A lifecycle log for the failed cluster."""
        logs = self.cloud.client("logs")
        arn = self.cloud.client("sagemaker").describe_cluster(ClusterName="broken")["ClusterArn"]
        group = f"/aws/sagemaker/Clusters/broken/{arn.rsplit('/', 1)[1]}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="LifecycleConfig/workers/i-0123456789abcdef0")

    def module(self, name: str, options: dict[str, Any], keys: Keys | None = None) -> dict[str, Any]:
        """Run a module as the limited user, or with other keys."""
        return run_module(self.cloud, name, options, keys or self.keys)

    def staging(self, name: str, **more: Any) -> dict[str, Any]:
        """Options of hyperpod_lifecycle; the content is new each time."""
        return {
            "cluster_name": name,
            "bucket": self.cloud.place["bucket"],
            "node_pythons": ["3.11"],
            "collection_paths": {"podforge.hyperpod": str(ROOT)},
            "node_vars": {"number": next(self.numbers)},
            **more,
        }

    def inventory(self) -> dict[str, Any]:
        """What ansible-inventory says, in the form of a module's result."""
        source = self.ansible.folder / "nodes.hyperpod.yml"
        source.write_text(json.dumps({"plugin": "podforge.hyperpod.hyperpod_nodes", "region": REGION}))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(source), "--list"],
            cwd=ROOT,
            env={**self.ansible.environment(self.keys), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        return {"failed": done.returncode != 0, "msg": " ".join(done.stderr.split())}


@pytest.fixture(name="world", scope="module")
def _world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(cloud, tmp_path_factory.mktemp("permissions"))


def wish(name: str, **more: Any) -> Step:
    return lambda world: world.module("hyperpod_cluster", world.ansible.wish(name, **more))


def gone(world: World) -> dict[str, Any]:
    return world.module("hyperpod_cluster", {"name": "there", "state": "absent", "wait": False})


def starved(world: World) -> dict[str, Any]:
    """A cluster in Continuous mode that gets no workers: its events tell why."""
    world.cloud.fault("insufficient_capacity", percent=100, instance_group="workers")
    options = world.ansible.wish(f"starved-{next(world.numbers)}", node_provisioning_mode="Continuous", wait_timeout=3)
    del options["orchestrator"]
    return world.module("hyperpod_cluster", options)


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


@pytest.mark.parametrize("plugin", STEPS)
def test_every_documented_action_has_a_step(plugin: str) -> None:
    # Add-ons of EKS can't be made in the local cloud, so that nothing asks for one of them there.
    out_of_reach = {"eks:DescribeAddon"}
    assert sorted(STEPS[plugin]) == sorted(set(permissions.actions_of(plugin)) - out_of_reach)


@pytest.mark.parametrize(("plugin", "action"), [(plugin, action) for plugin in STEPS for action in STEPS[plugin]])
def test_without_it_an_error_names_it(world: World, plugin: str, action: str) -> None:
    world.cloud.allow("limited", permissions.policy([plugin], without=action))
    result = STEPS[plugin][action](world)
    assert result["failed"], result
    text = " ".join([result["msg"], *result.get("failure", {}).get("unread", [])])
    assert action in text, text


def test_preflight_needs_no_more(world: World) -> None:
    """What the local cloud lacks is told as it is, not as a refusal."""
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
