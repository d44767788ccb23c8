# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that ask for each IAM action of the directory's and the endpoint's modules."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from directory_world import HASTE
from directory_world import Place
from modules_harness import ROOT_KEYS
from permissions_world import World

Step = Callable[[World], dict[str, Any]]

DOMAIN, NAME = "permitted.example.com", "permitted"
PASSWORD = "Zq7-hidden-Zq7"
ONE, TWO = "10.77.0.10", "10.77.16.10"


class Estate:
    """A directory and an endpoint that are there, and the means to make more of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.place = Place(world.cloud)
        self.numbers = itertools.count(1)
        self.certificate = self.place.certificate()
        self.groups = [self.place.security_group(), self.place.security_group()]
        world.cloud.client("secretsmanager").create_secret(Name="permitted/password", SecretString=PASSWORD)
        there = forwarders("10.0.0.2", "a.net")
        self.directory = self.made(
            "ds_microsoft_ad", {**self.new_directory(), "name": DOMAIN, "conditional_forwarders": there}
        )["directory"]["directory_id"]
        tags = {"a": "1"}
        self.endpoint = self.made("ldaps_endpoint", {**self.new_endpoint(), "name": NAME, "tags": tags})["endpoint"]

    def new_directory(self) -> dict[str, Any]:
        """Options of another directory."""
        return {
            "name": f"permitted-{next(self.numbers)}.example.com",
            "password_secret": "permitted/password",
            "subnet_ids": self.place.two(),
            "tags": {"a": "1"},
            **HASTE,
        }

    def new_endpoint(self) -> dict[str, Any]:
        """Options of another endpoint."""
        return {
            "name": f"permitted-{next(self.numbers)}",
            "directory_id": self.directory,
            "subnet_ids": self.place.two(),
            "security_group_ids": self.groups[:1],
            "certificate_arn": self.certificate,
            **HASTE,
        }

    def made(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        """The result of a module that may do everything."""
        result = self.world.module(module, options, ROOT_KEYS)
        assert result.get("changed"), result
        assert not result.get("failed"), result
        return result


@functools.cache
def estate(world: World) -> Estate:
    """The one of this world."""
    return Estate(world)


def on_directory(**options: Any) -> Step:
    """A run for the directory that is there."""

    def step(world: World) -> dict[str, Any]:
        return world.module("ds_microsoft_ad", {"directory_id": estate(world).directory, **HASTE, **options})

    return step


def new_directory(world: World) -> dict[str, Any]:
    return world.module("ds_microsoft_ad", estate(world).new_directory())


def forwarders(address: str, *domains: str) -> list[dict[str, Any]]:
    return [{"remote_domain_name": domain, "dns_ip_addrs": [address]} for domain in domains]


def not_gone(world: World) -> dict[str, Any]:
    """A directory whose deletion takes too long."""
    world.cloud.set_speed(world.cloud.speed)
    options = estate(world).new_directory()
    estate(world).made("ds_microsoft_ad", options)
    world.cloud.set_speed(1)
    return world.module("ds_microsoft_ad", {"name": options["name"], "state": "absent", **HASTE, "wait_timeout": 1})


def on_endpoint(**options: Any) -> Step:
    """A run for the endpoint that is there."""
    return lambda world: _endpoint(world, {"directory_id": estate(world).directory, **options})


def _endpoint(world: World, options: dict[str, Any]) -> dict[str, Any]:
    return world.module("ldaps_endpoint", {"name": NAME, **HASTE, **options})


def new_endpoint(world: World) -> dict[str, Any]:
    return world.module("ldaps_endpoint", estate(world).new_endpoint())


def not_healthy(world: World) -> dict[str, Any]:
    """An endpoint whose targets don't answer."""
    directory = estate(world).directory
    world.cloud.fault("target_unhealthy")
    return _endpoint(world, {"directory_id": directory, "unhealthy_timeout": 1})


def other_subnets(world: World) -> dict[str, Any]:
    return _endpoint(world, {"subnet_ids": estate(world).place.subnets[1:3]})


def other_security_group(world: World) -> dict[str, Any]:
    return _endpoint(world, {"security_group_ids": estate(world).groups[1:]})


def fewer_targets(world: World) -> dict[str, Any]:
    targets = [item["address"] for item in estate(world).endpoint["target_health"]]
    return _endpoint(world, {"targets": targets[:1]})


def odd_health_check(world: World) -> dict[str, Any]:
    group = estate(world).endpoint["target_group_arn"]
    world.cloud.client("elbv2").modify_target_group(TargetGroupArn=group, HealthCheckProtocol="HTTP")
    return on_endpoint()(world)


def no_endpoint(world: World) -> dict[str, Any]:
    options = estate(world).new_endpoint()
    estate(world).made("ldaps_endpoint", options)
    return world.module("ldaps_endpoint", {"name": options["name"], "state": "absent", **HASTE})


def info(module: str, **options: Any) -> Step:
    def step(world: World) -> dict[str, Any]:
        assert estate(world)
        return world.module(module, options)

    return step


look_at_directories = info("ds_microsoft_ad_info", names=[DOMAIN])
look_at_endpoints = info("ldaps_endpoint_info", names=[NAME])

STEPS: dict[str, dict[str, Step]] = {
    "ds_microsoft_ad": {
        "ds:DescribeDirectories": on_directory(),
        "ds:ListTagsForResource": on_directory(),
        "ds:DescribeConditionalForwarders": on_directory(),
        "ds:DescribeLDAPSSettings": on_directory(),
        "ds:AddTagsToResource": on_directory(tags={"a": "1", "b": "1"}),
        "ds:RemoveTagsFromResource": on_directory(tags={}),
        "ds:CreateConditionalForwarder": on_directory(conditional_forwarders=forwarders("10.0.0.2", "a.net", "b.net")),
        "ds:UpdateConditionalForwarder": on_directory(conditional_forwarders=forwarders("10.0.0.3", "a.net")),
        "ds:DeleteConditionalForwarder": on_directory(conditional_forwarders=[]),
        "ds:DeleteDirectory": on_directory(state="absent"),
        "ds:GetDirectoryLimits": new_directory,
        "ds:CreateMicrosoftAD": new_directory,
        "ec2:DescribeSubnets": new_directory,
        "secretsmanager:GetSecretValue": new_directory,
        "ds:DescribeTrusts": not_gone,
        "ds:DescribeSharedDirectories": not_gone,
        "ec2:DescribeNetworkInterfaces": not_gone,
    },
    "ds_microsoft_ad_info": {
        "ds:DescribeDirectories": look_at_directories,
        "ds:ListTagsForResource": look_at_directories,
        "ds:DescribeConditionalForwarders": look_at_directories,
        "ds:DescribeLDAPSSettings": look_at_directories,
    },
    "ldaps_endpoint": {
        "ds:DescribeDirectories": on_endpoint(),
        "ec2:DescribeSubnets": new_endpoint,
        "ec2:DescribeVpcs": on_endpoint(),
        "ec2:DescribeNetworkInterfaces": on_endpoint(),
        "ec2:DescribeSecurityGroups": not_healthy,
        "elasticloadbalancing:AddTags": on_endpoint(tags={"b": "1"}, purge_tags=False),
        "elasticloadbalancing:CreateListener": new_endpoint,
        "elasticloadbalancing:CreateLoadBalancer": new_endpoint,
        "elasticloadbalancing:CreateTargetGroup": new_endpoint,
        "elasticloadbalancing:DeleteListener": no_endpoint,
        "elasticloadbalancing:DeleteLoadBalancer": no_endpoint,
        "elasticloadbalancing:DeleteTargetGroup": no_endpoint,
        "elasticloadbalancing:DeregisterTargets": fewer_targets,
        "elasticloadbalancing:DescribeListeners": on_endpoint(),
        "elasticloadbalancing:DescribeLoadBalancerAttributes": on_endpoint(),
        "elasticloadbalancing:DescribeLoadBalancers": on_endpoint(),
        "elasticloadbalancing:DescribeSSLPolicies": on_endpoint(),
        "elasticloadbalancing:DescribeTags": on_endpoint(),
        "elasticloadbalancing:DescribeTargetGroups": on_endpoint(),
        "elasticloadbalancing:DescribeTargetHealth": on_endpoint(),
        "elasticloadbalancing:ModifyListener": on_endpoint(ssl_policy="ELBSecurityPolicy-TLS13-1-3-2021-06"),
        "elasticloadbalancing:ModifyLoadBalancerAttributes": on_endpoint(cross_zone=False),
        "elasticloadbalancing:ModifyTargetGroup": odd_health_check,
        "elasticloadbalancing:RegisterTargets": new_endpoint,
        "elasticloadbalancing:RemoveTags": on_endpoint(tags={}),
        "elasticloadbalancing:SetSecurityGroups": other_security_group,
        "elasticloadbalancing:SetSubnets": other_subnets,
    },
    "ldaps_endpoint_info": {
        "ec2:DescribeNetworkInterfaces": look_at_endpoints,
        "elasticloadbalancing:DescribeListeners": look_at_endpoints,
        "elasticloadbalancing:DescribeLoadBalancerAttributes": look_at_endpoints,
        "elasticloadbalancing:DescribeLoadBalancers": look_at_endpoints,
        "elasticloadbalancing:DescribeTags": look_at_endpoints,
        "elasticloadbalancing:DescribeTargetGroups": look_at_endpoints,
        "elasticloadbalancing:DescribeTargetHealth": look_at_endpoints,
    },
}

# What can be done without the optional actions, and which of them are asked for all the same.
DONE: dict[str, tuple[Step, set[str]]] = {
    "ds_microsoft_ad": (on_directory(tags={"done": "1"}), set()),
    "ldaps_endpoint": (on_endpoint(tags={"done": "1"}), set()),
}
