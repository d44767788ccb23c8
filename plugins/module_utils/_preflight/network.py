# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: subnets and security groups. Pure: answers of EC2 in, findings out.

Source: SageMaker HyperPod prerequisites, "Setting up SageMaker HyperPod with a custom Amazon VPC" and "Setting up
SageMaker HyperPod clusters across multiple AZs" (AWS documentation): private subnets, enough addresses, security groups
that allow all traffic to and from themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._findings import Finding

_ALL = "-1"
_ANYWHERE = "0.0.0.0/0"


def judge_subnets(
    wanted: Sequence[str],
    subnets: Sequence[dict[str, Any]],
    tables: Sequence[dict[str, Any]] | None,
    needed: int,
    with_efa: int | None = None,
) -> list[Finding]:
    """The subnets of the cluster.

    Args:
        wanted: ids.
        subnets: what DescribeSubnets answers for them.
        tables: route tables of their VPC; None: they could not be read.
        needed: instances that will be placed there in addition to those that are.
        with_efa: addresses that they take when each EFA interface takes one; None: not known.
    """
    found = {subnet["SubnetId"]: subnet for subnet in subnets}
    findings = [
        failure(
            "subnet_exists",
            f"Subnet {subnet_id} does not exist in this account and region",
            where=subnet_id,
            fix="correct the id, the region or the credentials; aws ec2 describe-subnets lists them",
        )
        for subnet_id in wanted
        if subnet_id not in found
    ]
    if findings:
        return findings
    vpcs = sorted({subnet["VpcId"] for subnet in subnets})
    if len(vpcs) > 1:
        what = f"The subnets are in different VPCs: {', '.join(vpcs)}"
        return [failure("subnet_vpc", what, where=", ".join(wanted), fix="use subnets of one VPC")]
    for subnet in subnets:
        findings.extend(_judge_subnet(subnet, tables))
    zones = sorted({str(subnet.get("AvailabilityZone")) for subnet in subnets})
    if len(zones) > 1:
        what = f"The subnets are in several zones: {', '.join(zones)}"
        why = "Nodes of one group may be placed in different zones, which EFA and fast storage don't bear"
        fix = "give groups that belong together one subnet, by override_vpc_config"
        findings.append(warning("subnet_zone", what, where=", ".join(wanted), why=why, fix=fix))
    free = sum(int(subnet["AvailableIpAddressCount"]) for subnet in subnets)
    where = ", ".join(wanted)
    if free < needed:
        findings.append(
            failure(
                "subnet_addresses",
                f"The subnets have {free} free addresses, and the cluster needs {needed} more",
                where=where,
                value=free,
                why="HyperPod would fail while it creates network interfaces",
                fix="use larger subnets, or fewer instances",
            )
        )
    elif with_efa is not None and free < with_efa:
        findings.append(
            warning(
                "subnet_addresses",
                f"The subnets have {free} free addresses, and the instances have {with_efa} network interfaces",
                where=where,
                value=free,
                why="Instances with EFA take an address for each interface that isn't EFA only",
                fix="use larger subnets, or fewer instances",
            )
        )
    else:
        findings.append(passed("subnet_addresses", f"{free} free addresses, {needed} needed", where=where))
    return findings


def _judge_subnet(subnet: dict[str, Any], tables: Sequence[dict[str, Any]] | None) -> list[Finding]:
    subnet_id = subnet["SubnetId"]
    if tables is None and not subnet.get("MapPublicIpOnLaunch"):
        return []
    routes = _routes(subnet_id, tables or [])
    gateway = next((r.get("GatewayId", "") for r in routes if str(r.get("GatewayId", "")).startswith("igw-")), "")
    if subnet.get("MapPublicIpOnLaunch") or gateway:
        reason = f"it routes to the internet gateway {gateway}" if gateway else "it maps public addresses on launch"
        return [
            failure(
                "subnet_private",
                f"Subnet {subnet_id} is public: {reason}",
                where=subnet_id,
                why="Nodes get no public address, so that they would reach nothing, and fail after a long time",
                fix="use a private subnet that routes to a NAT gateway or to VPC endpoints",
            )
        ]
    findings = [passed("subnet_private", f"Subnet {subnet_id} is private", where=subnet_id)]
    out = [route for route in routes if route.get("DestinationCidrBlock") == _ANYWHERE]
    dead = next((route for route in out if route.get("State") == "blackhole"), None)
    if dead is not None:
        what = f"The way out of subnet {subnet_id} leads nowhere"
        gone = dead.get("NatGatewayId") or dead.get("GatewayId") or dead.get("TransitGatewayId")
        why = "What the route names was deleted; nodes would reach nothing, and fail after a long time"
        fix = "route to a NAT gateway that is there"
        findings.append(failure("subnet_egress", what, where=subnet_id, value=gone, why=why, fix=fix))
    elif not out:
        findings.append(
            warning(
                "subnet_egress",
                f"Subnet {subnet_id} has no way out",
                where=subnet_id,
                why="Without VPC endpoints for S3, SSM and CloudWatch Logs the nodes can't start",
                fix="add a route to a NAT gateway, or make sure of the endpoints",
            )
        )
    return findings


def _routes(subnet_id: str, tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Routes of the subnet's own table, else of the main one of its VPC (VPC user guide, "Subnet route tables")."""
    main: list[dict[str, Any]] = []
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                return list(table.get("Routes", []))
            if association.get("Main"):
                main = list(table.get("Routes", []))
    return main


def judge_security_groups(wanted: Sequence[str], groups: Sequence[dict[str, Any]], vpc_id: str | None) -> list[Finding]:
    """The security groups: each must let all traffic come from itself and go to itself."""
    found = {group["GroupId"]: group for group in groups}
    findings: list[Finding] = []
    for group_id in wanted:
        group = found.get(group_id)
        if group is None:
            what = f"Security group {group_id} does not exist in this account and region"
            fix = "correct the id, the region or the credentials; aws ec2 describe-security-groups lists them"
            findings.append(failure("security_group_exists", what, where=group_id, fix=fix))
            continue
        if vpc_id and group.get("VpcId") != vpc_id:
            what = f"Security group {group_id} is in {group.get('VpcId')}, the subnets are in {vpc_id}"
            fix = "use a security group of the subnets' VPC"
            findings.append(failure("security_group_vpc", what, where=group_id, fix=fix))
        findings.extend(_judge_rules(group_id, group))
    return findings


def _judge_rules(group_id: str, group: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    if _allows_itself(group_id, group.get("IpPermissions", [])):
        findings.append(passed("security_group_in", f"{group_id} lets its members reach each other", where=group_id))
    else:
        findings.append(_no_self_rule(group_id, "security_group_in", "comes from", "inbound"))
    outbound = group.get("IpPermissionsEgress", [])
    if _allows_itself(group_id, outbound):
        findings.append(passed("security_group_out", f"{group_id} lets its members call each other", where=group_id))
    elif any(
        rule.get("IpProtocol") == _ALL and any(r.get("CidrIp") == _ANYWHERE for r in rule.get("IpRanges", []))
        for rule in outbound
    ):
        findings.append(
            warning(
                "security_group_out",
                f"Security group {group_id} lets all traffic out, but has no outbound rule that names itself",
                where=group_id,
                why="The health check of instances with EFA fails without it",
                fix=f"add an outbound rule for all traffic to {group_id}",
            )
        )
    else:
        findings.append(_no_self_rule(group_id, "security_group_out", "goes to", "outbound"))
    return findings


def _no_self_rule(group_id: str, check: str, direction: str, kind: str) -> Finding:
    return failure(
        check,
        f"Security group {group_id} does not allow all traffic that {direction} itself",
        where=group_id,
        why="Nodes could not reach each other, and EFA would fail its health check",
        fix=f"add an {kind} rule for all protocols with {group_id} as the peer",
    )


def _allows_itself(group_id: str, rules: Sequence[dict[str, Any]]) -> bool:
    return any(
        rule.get("IpProtocol") == _ALL
        and any(pair.get("GroupId") == group_id for pair in rule.get("UserIdGroupPairs", []))
        for rule in rules
    )
