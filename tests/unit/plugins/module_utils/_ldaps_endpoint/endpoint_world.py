# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An endpoint as the service describes it, whole or in part."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import DEFAULT_POLICY
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import MARK
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Surroundings

REGION = "us-west-2"
PLACE = "arn:aws:elasticloadbalancing:us-west-2:111122223333"
LB = f"{PLACE}:loadbalancer/net/corp/0123456789abcdef"
LISTENER = f"{PLACE}:listener/net/corp/0123456789abcdef/1"
PLAIN = f"{PLACE}:listener/net/corp/0123456789abcdef/2"
GROUP = f"{PLACE}:targetgroup/by-hand/0123456789abcdef"
VPC = "vpc-1"
SUBNETS = ("subnet-a", "subnet-b")
ONE, TWO = "10.0.0.10", "10.0.16.10"
CERTIFICATE = "arn:aws:acm:us-west-2:111122223333:certificate/1"
WISH = Desired(name="corp", subnet_ids=SUBNETS, targets=(ONE, TWO), certificate_arn=CERTIFICATE)
POLICIES = {DEFAULT_POLICY: ("TLSv1.2", "TLSv1.3"), "ELBSecurityPolicy-2016-08": ("TLSv1", "TLSv1.1", "TLSv1.2")}


def subnet(number: int, **more: Any) -> dict[str, Any]:
    zone = f"us-west-2{'ab'[number]}"
    block = f"10.0.{16 * number}.0/20"
    return {"SubnetId": SUBNETS[number], "VpcId": VPC, "AvailabilityZone": zone, "CidrBlock": block, **more}


AROUND = Surroundings((subnet(0), subnet(1)), None, ("10.0.0.0/16",), POLICIES)


def wish(**more: Any) -> Desired:
    return dataclasses.replace(WISH, **more)


def around(**more: Any) -> Surroundings:
    return dataclasses.replace(AROUND, **more)


def balancer(**more: Any) -> dict[str, Any]:
    return {
        "LoadBalancerArn": LB,
        "LoadBalancerName": "corp",
        "DNSName": "corp-0123456789abcdef.elb.us-west-2.amazonaws.com",
        "CanonicalHostedZoneId": "Z18D5FSROUN65G",
        "Type": "network",
        "Scheme": "internal",
        "VpcId": VPC,
        "State": {"Code": "active"},
        "AvailabilityZones": [{"ZoneName": "us-west-2a", "SubnetId": name} for name in SUBNETS],
        **more,
    }


def listener(port: int = 636, **more: Any) -> dict[str, Any]:
    secure = {"SslPolicy": DEFAULT_POLICY, "Certificates": [{"CertificateArn": CERTIFICATE}]} if port == 636 else {}
    return {
        "ListenerArn": LISTENER if port == 636 else PLAIN,
        "Port": port,
        "Protocol": "TLS" if port == 636 else "TCP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": GROUP}],
        **secure,
        **more,
    }


def group(**more: Any) -> dict[str, Any]:
    return {
        "TargetGroupArn": GROUP,
        "TargetGroupName": "by-hand",
        "TargetType": "ip",
        "Protocol": "TCP",
        "VpcId": VPC,
        "HealthCheckProtocol": "TCP",
        "HealthCheckPort": "traffic-port",
        "LoadBalancerArns": [LB],
        **more,
    }


def health(address: str, state: str = "healthy", port: int = 389, **more: Any) -> dict[str, Any]:
    return {"Target": {"Id": address, "Port": port}, "TargetHealth": {"State": state, **more}}


WHOLE = Current(
    balancer=balancer(),
    attributes={"load_balancing.cross_zone.enabled": "true", "deletion_protection.enabled": "false"},
    listeners=(listener(),),
    group=group(),
    health=(health(ONE), health(TWO)),
    tags={LB: {}, GROUP: {MARK: "corp"}, LISTENER: {}},
)


def there(**more: Any) -> Current:
    return dataclasses.replace(WHOLE, **more)


def outline(current: Current, desired: Any = WISH, surroundings: Any = AROUND) -> Any:
    """The plan."""
    return plan(current, desired, surroundings, REGION)
