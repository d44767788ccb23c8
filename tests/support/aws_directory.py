# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory and its LDAPS endpoint as a customer makes them with an AWS SDK, on records or on containers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from local_cloud.directory.certificates import CertificateAuthority

REGION = "us-west-2"
PASSWORD = "Rainy-Days-42"
DOMAIN = "corp.example.com"
LDAPS_NAME = f"ldaps.{DOMAIN}"
HEALTH_CHECK = {
    "HealthCheckProtocol": "TCP",
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}


def until(what: str, condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer of the condition."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} seconds: {what}; last seen: {found!r}"
        time.sleep(0.1)


@dataclass
class Network:
    """A VPC with a subnet in each of two zones."""

    vpc: str
    subnets: list[str]


@dataclass
class Endpoint:
    """A load balancer with a TLS listener."""

    arn: str
    name: str
    dns_name: str
    zone_id: str
    group: str
    listener: str
    certificate: str


@dataclass
class DirectoryUser:
    """Somebody with an SDK; ``client``: makes clients by service name."""

    client: Callable[[str], Any]
    authority: CertificateAuthority = field(default_factory=CertificateAuthority)

    def network(self, prefix: str) -> Network:
        """A VPC ``<prefix>.0.0/16``."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{4 + n}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for n, zone in enumerate("ab")
        ]
        return Network(vpc, [each["Subnet"]["SubnetId"] for each in subnets])

    def create_directory(self, network: Network, **changes: Any) -> str:
        """CreateMicrosoftAD; its id."""
        wanted = {
            "Name": DOMAIN,
            "ShortName": "CORP",
            "Password": PASSWORD,
            "Edition": "Standard",
            "VpcSettings": {"VpcId": network.vpc, "SubnetIds": network.subnets},
            **changes,
        }
        return str(self.client("ds").create_microsoft_ad(**wanted)["DirectoryId"])

    def directory(self, directory_id: str) -> dict[str, Any]:
        """What DescribeDirectories tells of it."""
        found = self.client("ds").describe_directories(DirectoryIds=[directory_id])
        description: dict[str, Any] = found["DirectoryDescriptions"][0]
        return description

    def wait_for_stage(self, directory_id: str, stage: str, seconds: float = 60) -> list[str]:
        """Wait; all stages that were seen on the way, in order."""
        seen: list[str] = []

        def look() -> bool:
            now = self.directory(directory_id)["Stage"]
            if now not in seen[-1:]:
                seen.append(now)
            return bool(now == stage)

        until(f"{directory_id} is {stage}, seen {seen}", look, seconds)
        return seen

    def import_certificate(self, *names: str, **more: Any) -> str:
        """A server certificate of our authority in ACM; its ARN."""
        made = self.authority.issue(*names)
        imported = self.client("acm").import_certificate(
            Certificate=made.certificate.encode(),
            PrivateKey=made.key.encode(),
            CertificateChain=made.chain.encode(),
            **more,
        )
        return str(imported["CertificateArn"])

    def create_endpoint(self, network: Network, addresses: list[str], name: str = "ldaps") -> Endpoint:
        """An internal network load balancer with a TLS listener on 636 before these addresses."""
        elb = self.client("elbv2")
        group = elb.create_target_group(
            Name=f"{name}-ad", Protocol="TCP", Port=389, VpcId=network.vpc, TargetType="ip", **HEALTH_CHECK
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address} for address in addresses])
        balancer = elb.create_load_balancer(Name=name, Subnets=network.subnets, Scheme="internal", Type="network")
        made = balancer["LoadBalancers"][0]
        certificate = self.import_certificate(LDAPS_NAME)
        listener = elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="TLS",
            Port=636,
            SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Listeners"][0]["ListenerArn"]
        return Endpoint(
            made["LoadBalancerArn"],
            name,
            made["DNSName"],
            made["CanonicalHostedZoneId"],
            group,
            listener,
            certificate,
        )

    def addresses_of(self, endpoint: Endpoint) -> list[str]:
        """Private addresses of the load balancer, as an operator finds them."""
        description = f"ELB {endpoint.arn.partition(':loadbalancer/')[2]}"
        found = self.client("ec2").describe_network_interfaces(
            Filters=[{"Name": "description", "Values": [description]}]
        )
        return [interface["PrivateIpAddress"] for interface in found["NetworkInterfaces"]]

    def balancer_state(self, endpoint: Endpoint) -> str:
        """``provisioning`` or ``active``."""
        found = self.client("elbv2").describe_load_balancers(LoadBalancerArns=[endpoint.arn])
        return str(found["LoadBalancers"][0]["State"]["Code"])

    def health(self, endpoint: Endpoint) -> dict[str, str]:
        """State by address."""
        found = self.client("elbv2").describe_target_health(TargetGroupArn=endpoint.group)
        return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]}

    def name_zone(self, network: Network, endpoint: Endpoint, name: str = LDAPS_NAME) -> str:
        """A private zone of that name whose apex is an alias of the load balancer; its id."""
        route53 = self.client("route53")
        zone = str(
            route53.create_hosted_zone(
                Name=name, CallerReference=name, VPC={"VPCRegion": REGION, "VPCId": network.vpc}
            )["HostedZone"]["Id"]
        )
        alias = {"HostedZoneId": endpoint.zone_id, "DNSName": endpoint.dns_name, "EvaluateTargetHealth": False}
        self.put_record(zone, {"Name": name, "Type": "A", "AliasTarget": alias})
        return zone

    def put_record(self, zone: str, record: dict[str, Any]) -> None:
        """UPSERT one record."""
        change = {"Action": "UPSERT", "ResourceRecordSet": record}
        self.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
