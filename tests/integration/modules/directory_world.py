# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own for directories and their endpoints, and what an endpoint is made of."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from in_process import run_module
from modules_harness import PREFIX
from modules_harness import REGION
from modules_harness import Cloud

# So many VPCs with the same addresses can be side by side: nothing is reached here.
BLOCK = "10.77.0.0/16"
_NUMBERS = itertools.count(1)


@dataclass
class Place:
    """A VPC with subnets in three zones, two of them in the first."""

    cloud: Cloud
    vpc: str = ""
    subnets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        ec2 = self.cloud.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock=BLOCK)["Vpc"]["VpcId"]
        for number, zone in enumerate("abca"):
            made = ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.77.{16 * number}.0/20", AvailabilityZone=f"{REGION}{zone}"
            )
            self.subnets.append(made["Subnet"]["SubnetId"])

    def two(self) -> list[str]:
        """Subnets in two zones."""
        return self.subnets[:2]

    def security_group(self) -> str:
        """A new security group."""
        name = f"endpoint-{next(_NUMBERS)}"
        group: str = self.cloud.client("ec2").create_security_group(GroupName=name, Description=name, VpcId=self.vpc)[
            "GroupId"
        ]
        return group

    def certificate(self) -> str:
        """ARN of a new certificate, signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ldaps-{next(_NUMBERS)}.example.com")])
        now = datetime.datetime.now(datetime.timezone.utc)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=30))
            .sign(key, hashes.SHA256())
        )
        arn: str = self.cloud.client("acm").import_certificate(
            Certificate=made.public_bytes(serialization.Encoding.PEM),
            PrivateKey=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )["CertificateArn"]
        return arn


HASTE = {"wait_delay": 1, "wait_timeout": 60}


def directory(options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """A task of ds_microsoft_ad."""
    return {f"{PREFIX}ds_microsoft_ad": {**HASTE, **options}, **keywords}


def endpoint(options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """A task of ldaps_endpoint."""
    return {f"{PREFIX}ldaps_endpoint": {**HASTE, **options}, **keywords}


def in_slices(cloud: Cloud, name: str, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The result of a module that is run as its action plugin does it, and the lines that are shown meanwhile."""
    lines: list[str] = []
    seen: dict[str, Any] = {"token": {}}
    while "token" in seen:
        result = run_module(cloud, name, {**HASTE, **options, "_resume": seen["token"]})
        seen = result.pop("_progress", {})
        lines += seen.get("lines", [])
    return result, lines


def operations(result: dict[str, Any]) -> list[str]:
    """Calls that a result tells of."""
    return [call["operation"] for call in result["calls"]]


# Domain controllers that nobody asks: targets are healthy here unless they are said not to be.
ONE, TWO, THREE = "10.77.0.10", "10.77.16.10", "10.77.32.10"


def endpoint_wish(place: Place, name: str, **more: Any) -> dict[str, Any]:
    """Options of an endpoint for two domain controllers."""
    return {
        "name": name,
        "targets": [ONE, TWO],
        "subnet_ids": place.two(),
        "certificate_arn": place.certificate(),
        **more,
    }


def absent(name: str, **more: Any) -> dict[str, Any]:
    """Options of what is not to be there."""
    return {"name": name, "state": "absent", **more}


def by_hand(cloud: Cloud, place: Place, name: str, **listener: Any) -> dict[str, str]:
    """An endpoint as somebody makes it in the console: other names, and a listener on port 389 as well."""
    elb = cloud.client("elbv2")
    balancer = elb.create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=place.two())
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    made = elb.create_target_group(
        Name=f"{name}-tg-hand", Protocol="TCP", Port=389, VpcId=place.vpc, TargetType="ip", HealthCheckProtocol="TCP"
    )
    group = made["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ONE}])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    kinds = [
        {"Protocol": "TCP", "Port": 389},
        {
            "Protocol": "TLS",
            "Port": 636,
            "Certificates": [{"CertificateArn": place.certificate()}],
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            **listener,
        },
    ]
    for kind in kinds:
        elb.create_listener(LoadBalancerArn=arn, DefaultActions=forward, **kind)
    return {"balancer": arn, "group": group}
