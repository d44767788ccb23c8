# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is, and what is wanted. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = dict[str, Any]

LDAPS_PORT = 636
LDAP_PORT = 389
# TLS 1.3, and 1.2 with forward secrecy and authenticated ciphers only,
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html
DEFAULT_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
# A target group that belongs to the endpoint of this name, whatever its own name is.
MARK = "podforge:ldaps-endpoint"
# Health in which a target is on its way out.
LEAVING = frozenset({"draining", "unhealthy.draining"})

CROSS_ZONE = "load_balancing.cross_zone.enabled"
PROTECTION = "deletion_protection.enabled"

_ARN = re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/(?:[a-z]+/)?(?P<name>[^/]+)/[^/]+")


def name_of(name_or_arn: str) -> str:
    """Name of a load balancer that is given by its name or ARN."""
    match = _ARN.fullmatch(name_or_arn)
    return match["name"] if match else name_or_arn


@dataclass(frozen=True)
class Desired:
    """The wish. None leaves things alone. ``name`` is the load balancer's, ``arn`` is there if it was given by that."""

    name: str
    arn: str | None = None
    state: str = "present"
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] | None = None
    security_group_ids: tuple[str, ...] | None = None
    directory_id: str | None = None
    targets: tuple[str, ...] | None = None
    certificate_arn: str | None = None
    ssl_policy: str = DEFAULT_POLICY
    target_group_name: str | None = None
    cross_zone: bool = True
    deletion_protection: bool | None = None
    keep_plain_listener: bool = False
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    @property
    def group_name(self) -> str:
        """Name of a new target group."""
        return self.target_group_name or self.name


def desired_of(params: Mapping[str, Any]) -> Desired:
    """The wish in a module's parameters."""
    given = str(params["name"])
    tags = params["tags"]
    return Desired(
        name=name_of(given),
        arn=given if given.startswith("arn:") else None,
        state=params["state"],
        vpc_id=params["vpc_id"],
        subnet_ids=_unique(params["subnet_ids"]),
        security_group_ids=_unique(params["security_group_ids"]),
        directory_id=params["directory_id"],
        targets=_unique(params["targets"]),
        certificate_arn=params["certificate_arn"],
        ssl_policy=params["ssl_policy"],
        target_group_name=params["target_group_name"],
        cross_zone=params["cross_zone"],
        deletion_protection=params["deletion_protection"],
        keep_plain_listener=params["keep_plain_listener"],
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
    )


def _unique(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(values))


@dataclass(frozen=True)
class Surroundings:
    """What the wish refers to.

    Attributes:
        subnets: of the wish, as DescribeSubnets tells; those that don't exist are missing.
        directory: as DescribeDirectories tells; None: none was asked for, or it isn't there.
        vpc_blocks: address blocks of the endpoint's VPC.
        policies: TLS versions by name of the TLS policies that network load balancers can have.
    """

    subnets: tuple[Mapping[str, Any], ...] = ()
    directory: Mapping[str, Any] | None = None
    vpc_blocks: tuple[str, ...] = ()
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def outside(self, address: str) -> bool:
        """The address is not in the VPC: such targets have to be registered as being in no particular zone."""
        there = ipaddress.ip_address(address)
        return not any(there in ipaddress.ip_network(block) for block in self.vpc_blocks)


@dataclass(frozen=True)
class Current:
    """What there is of the endpoint; any part may be missing.

    Attributes:
        balancer: as DescribeLoadBalancers tells.
        attributes: of the balancer.
        listeners: all of the balancer's.
        group: the target group, as DescribeTargetGroups tells.
        health: as DescribeTargetHealth tells.
        tags: of each part, by ARN.
        problem: why it can't be told what belongs to the endpoint.
        misfit: the target group that a listener forwards to and that can't be an endpoint's.
        taken: why no target group of the wanted name can be made.
        addresses: of the balancer's network interfaces.
    """

    balancer: Mapping[str, Any] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    listeners: tuple[Mapping[str, Any], ...] = ()
    group: Mapping[str, Any] | None = None
    health: tuple[Mapping[str, Any], ...] = ()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problem: str | None = None
    misfit: Mapping[str, Any] | None = None
    taken: str | None = None
    addresses: tuple[str, ...] = ()

    @property
    def arn(self) -> str | None:
        """ARN of the balancer."""
        return None if self.balancer is None else str(self.balancer["LoadBalancerArn"])

    @property
    def group_arn(self) -> str | None:
        """ARN of the target group."""
        return None if self.group is None else str(self.group["TargetGroupArn"])

    def listener(self, port: int) -> Mapping[str, Any] | None:
        """The listener on a port."""
        return next((item for item in self.listeners if item.get("Port") == port), None)

    def registered(self) -> list[Mapping[str, Any]]:
        """Targets that are registered and not on their way out."""
        return [item["Target"] for item in self.health if item["TargetHealth"]["State"] not in LEAVING]

    def subnet_ids(self) -> list[str]:
        """Subnets of the balancer."""
        zones = (self.balancer or {}).get("AvailabilityZones", [])
        return sorted(str(zone["SubnetId"]) for zone in zones)

    def enabled(self, attribute: str) -> bool:
        """An attribute of the balancer is on."""
        return self.attributes.get(attribute) == "true"

    def visible_tags(self, arn: str | None) -> dict[str, str]:
        """Tags of a part without our mark."""
        return {key: value for key, value in sorted(self.tags.get(arn or "", {}).items()) if key != MARK}

    def options(self) -> dict[str, Any]:
        """In the form of the options, for comparison and diff; empty when there is nothing."""
        if self.balancer is None and self.group is None:
            return {}
        secure = self.listener(LDAPS_PORT) or {}
        return {
            "load_balancer": self.arn,
            "target_group": self.group_arn or (self.misfit or {}).get("TargetGroupArn"),
            "vpc_id": (self.balancer or self.group or {}).get("VpcId"),
            "subnet_ids": self.subnet_ids(),
            "security_group_ids": sorted((self.balancer or {}).get("SecurityGroups", [])),
            "targets": sorted(str(target["Id"]) for target in self.registered()),
            "listener": {
                "protocol": secure.get("Protocol"),
                "certificate_arn": certificate_of(secure),
                "ssl_policy": secure.get("SslPolicy"),
                "target_groups": groups_of(secure),
            }
            if secure
            else None,
            "cross_zone": self.enabled(CROSS_ZONE),
            "deletion_protection": self.enabled(PROTECTION),
            "plain_listener": self.listener(LDAP_PORT) is not None,
            "tags": self.visible_tags(self.arn),
        }

    def result(self) -> dict[str, Any]:
        """As modules return it; empty when there is no load balancer."""
        if self.balancer is None:
            return {}
        secure, plain = self.listener(LDAPS_PORT) or {}, self.listener(LDAP_PORT) or {}
        balancer = self.balancer
        return {
            "load_balancer_arn": self.arn,
            "load_balancer_name": balancer.get("LoadBalancerName"),
            "dns_name": balancer.get("DNSName"),
            "canonical_hosted_zone_id": balancer.get("CanonicalHostedZoneId"),
            "state": balancer.get("State", {}).get("Code"),
            "scheme": balancer.get("Scheme"),
            "vpc_id": balancer.get("VpcId"),
            "subnet_ids": self.subnet_ids(),
            "addresses": sorted(self.addresses),
            "security_group_ids": sorted(balancer.get("SecurityGroups", [])),
            "cross_zone": self.enabled(CROSS_ZONE),
            "deletion_protection": self.enabled(PROTECTION),
            "listener_arn": secure.get("ListenerArn"),
            "certificate_arn": certificate_of(secure),
            "ssl_policy": secure.get("SslPolicy"),
            "plain_listener_arn": plain.get("ListenerArn"),
            "target_group_arn": self.group_arn,
            "target_group_name": (self.group or {}).get("TargetGroupName"),
            "target_health": health_told(self.health),
            "tags": self.visible_tags(self.arn),
        }


def certificate_of(listener: Mapping[str, Any]) -> str | None:
    """The default certificate of a listener."""
    certificates: list[dict[str, str]] = listener.get("Certificates") or [{}]
    return certificates[0].get("CertificateArn")


def groups_of(listener: Mapping[str, Any]) -> list[str]:
    """ARNs of the target groups that a listener forwards to."""
    arns = []
    for action in listener.get("DefaultActions", []):
        weighted = action.get("ForwardConfig", {}).get("TargetGroups", [])
        arns += [action.get("TargetGroupArn"), *(item.get("TargetGroupArn") for item in weighted)]
    return list(dict.fromkeys(str(arn) for arn in arns if arn))


def health_told(health: tuple[Mapping[str, Any], ...]) -> list[dict[str, Any]]:
    """Health of the targets for results, by address."""
    told = [
        {
            "address": item["Target"]["Id"],
            "port": item["Target"].get("Port"),
            "state": item["TargetHealth"]["State"],
            "reason": item["TargetHealth"].get("Reason"),
            "description": item["TargetHealth"].get("Description"),
        }
        for item in health
    ]
    return sorted(told, key=lambda item: (str(item["address"]), str(item["port"])))
