# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a wish, before anything is changed. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import TYPE_CHECKING

from .states import LDAPS_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .states import Current
    from .states import Desired
    from .states import Surroundings

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
_NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_CERTIFICATE = re.compile(r"arn:[^:]+:(acm|iam):(?P<region>[^:]*):[0-9]{12}:(server-)?certificate/.+")
_OLD_TLS = frozenset({"TLSv1", "TLSv1.1", "SSLv3"})


def problems(current: Current, desired: Desired, around: Surroundings, region: str) -> list[str]:
    """All findings, each naming option, value and fix."""
    return [
        *_names(current, desired),
        *_missing(current, desired),
        *_subnets(current, desired, around),
        *_targets(desired, around),
        *_certificate(desired, region),
        *_policy(desired, around),
        *_unchangeable(current, desired),
    ]


def _names(current: Current, desired: Desired) -> Iterator[str]:
    if current.balancer is None and desired.arn:
        yield f"name: there is no load balancer {desired.arn}; give a name, not an ARN, to make one"
    elif current.balancer is None and not _NAME.fullmatch(desired.name):
        yield (
            f"name: '{desired.name}' can't be a load balancer's name: 1 to 32 letters, digits and inner hyphens, not"
            " beginning with internal-"
        )
    if current.group is None and (not _NAME.fullmatch(desired.group_name)):
        yield f"target_group_name: '{desired.group_name}' is not 1 to 32 letters, digits and inner hyphens"
    elif current.group is None and current.taken:
        yield f"target_group_name: {current.taken}; give another name"


def _missing(current: Current, desired: Desired) -> Iterator[str]:
    lacking = []
    if current.balancer is None and not desired.subnet_ids:
        lacking.append("subnet_ids")
    if not current.registered() and not desired.directory_id and not desired.targets:
        lacking.append("directory_id or targets")
    # Looked at by port: a listener that does not end TLS has no certificate.
    secure = current.listener(LDAPS_PORT) or {}
    if not secure.get("Certificates") and not desired.certificate_arn:
        lacking.append("certificate_arn")
    if lacking:
        yield f"it is not complete yet and needs {', '.join(lacking)}"


def _subnets(current: Current, desired: Desired, around: Surroundings) -> Iterator[str]:
    if desired.subnet_ids is None:
        return
    if not desired.subnet_ids and current.balancer is not None:
        yield "subnet_ids is empty: a load balancer has at least one subnet; leave the option out to keep those it has"
    known = {subnet["SubnetId"]: subnet for subnet in around.subnets}
    missing = [name for name in desired.subnet_ids if name not in known]
    if missing:
        yield f"subnet_ids: {', '.join(missing)} not found in this account and region"
        return
    zones = Counter(str(subnet["AvailabilityZone"]) for subnet in known.values())
    for zone in sorted(zone for zone, count in zones.items() if count > 1):
        same = ", ".join(sorted(name for name, subnet in known.items() if subnet["AvailabilityZone"] == zone))
        yield f"subnet_ids: {same} are all in {zone}: a load balancer has one subnet in each zone"
    vpcs = sorted({str(subnet["VpcId"]) for subnet in known.values()})
    if len(vpcs) > 1:
        yield f"subnet_ids: they are in different VPCs ({', '.join(vpcs)}): give subnets of one"
    elif desired.vpc_id and vpcs and vpcs != [desired.vpc_id]:
        yield f"vpc_id: {desired.vpc_id}, but the subnets are in {vpcs[0]}"
    elif current.balancer is not None and vpcs and vpcs != [current.balancer["VpcId"]]:
        yield f"subnet_ids: they are in {vpcs[0]}, the load balancer is in {current.balancer['VpcId']} and stays there"


def _targets(desired: Desired, around: Surroundings) -> Iterator[str]:
    for address in desired.targets or ():
        try:
            kind = ipaddress.ip_address(address)
        except ValueError:
            yield f"targets: '{address}' is no IP address; give the addresses of the domain controllers"
            continue
        if kind.version != 4 or kind.is_loopback or kind.is_multicast or kind.is_unspecified or kind.is_link_local:
            yield f"targets: {address} can't be a target; give private IPv4 addresses of the domain controllers"
    if desired.targets is not None and not desired.targets:
        yield "targets is empty: an endpoint without targets answers nobody; give at least one address"
    if desired.directory_id is None:
        return
    if around.directory is None:
        yield f"directory_id: there is no directory {desired.directory_id} in this account and region"
    elif not around.directory.get("DnsIpAddrs"):
        stage = around.directory.get("Stage")
        yield (
            f"directory_id: {desired.directory_id} is {stage} and has no addresses yet: wait until it is Active"
            " (ds_microsoft_ad does)"
        )


def _certificate(desired: Desired, region: str) -> Iterator[str]:
    if desired.certificate_arn is None:
        return
    match = _CERTIFICATE.fullmatch(desired.certificate_arn)
    if match is None:
        yield f"certificate_arn: '{desired.certificate_arn}' is not the ARN of a certificate in ACM or IAM"
    elif match[1] == "acm" and match["region"] != region:
        yield (
            f"certificate_arn: the certificate is in {match['region']}, the load balancer in {region}: import it there"
        )


def _policy(desired: Desired, around: Surroundings) -> Iterator[str]:
    if around.policies and desired.ssl_policy not in around.policies:
        alike = sorted(name for name in around.policies if name.startswith("ELBSecurityPolicy-TLS13-1-"))
        yield f"ssl_policy: there is no TLS policy '{desired.ssl_policy}'; modern ones are {', '.join(alike[:6])}"


def weak_policy(desired: Desired, around: Surroundings) -> str | None:
    """A warning when the policy lets clients in by protocols that are broken."""
    old = sorted(_OLD_TLS & set(around.policies.get(desired.ssl_policy, ())))
    return f"ssl_policy {desired.ssl_policy} lets clients in by {' and '.join(old)}" if old else None


def _unchangeable(current: Current, desired: Desired) -> Iterator[str]:
    balancer = current.balancer
    if balancer is None:
        return
    if balancer.get("Type") != "network":
        yield f"name: load balancer {desired.name} is of type {balancer.get('Type')}, not network: choose another name"
    if balancer.get("Scheme") != "internal":
        yield (
            f"name: load balancer {desired.name} is {balancer.get('Scheme')}: a directory is not put on the internet,"
            " and the scheme can't be changed; choose another name"
        )
    if desired.vpc_id and desired.vpc_id != balancer.get("VpcId"):
        yield (
            f"vpc_id: is {balancer.get('VpcId')}, wanted {desired.vpc_id}: a load balancer stays in its VPC; make"
            " another one there, move the clients, and delete this one"
        )
    if desired.security_group_ids is not None:
        has = bool(balancer.get("SecurityGroups"))
        if has != bool(desired.security_group_ids):
            yield (
                "security_group_ids: a network load balancer that was made "
                f"{'with' if has else 'without'} security groups "
                f"{'always has some' if has else 'can have none later'}: leave the option out, or delete the load"
                " balancer (state: absent) and make it again"
            )
