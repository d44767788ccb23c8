# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moto's own objects lack and is kept with them, so that it is saved and lost with them.

JSON types only; made by the requests that make the things, changed by them and by the keeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.directory import stages

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORK = "network"
_ATTRIBUTE = "local_cloud"
_PLACE = "network"


def record(thing: Any) -> dict[str, Any]:
    """What is kept with a directory or load balancer of moto; may be changed.

    Of a directory: ``since`` (virtual time of its stage), ``reason``, ``forwarders`` by domain, ``certificates`` by id,
    ``controllers`` (ids). Of a load balancer: ``since``, ``interfaces`` (ids by subnet). Of both: ``network`` (CIDR
    blocks of the VPC and of the first subnet, which may be gone before they are).
    """
    kept: dict[str, Any] = thing.__dict__.setdefault(_ATTRIBUTE, {})
    return kept


def note_network(thing: Any, ec2: Any, vpc_id: str, subnet_id: str) -> None:
    """Keep where a directory or load balancer is, which begins its life; ``ec2``: backend of its region."""
    record(thing)[_PLACE] = [ec2.get_vpc(vpc_id).cidr_block, ec2.get_subnet(subnet_id).cidr_block]


def directories() -> Iterator[tuple[Any, Any]]:
    """(backend, directory) of all accounts and regions; Managed Microsoft ADs only."""
    from moto.ds.models import ds_backends  # noqa: PLC0415 # moto must be imported after the environment is clean

    for backend in _backends(ds_backends):
        for directory in list(backend.directories.values()):
            if directory.directory_type == "MicrosoftAD" and _PLACE in record(directory):
                yield backend, directory


def balancers() -> Iterator[tuple[Any, Any]]:
    """(backend, load balancer) of all accounts and regions; network load balancers only."""
    from moto.elbv2.models import elbv2_backends  # noqa: PLC0415

    for backend in _backends(elbv2_backends):
        for balancer in list(backend.load_balancers.values()):
            if balancer.type == NETWORK and _PLACE in record(balancer):
                yield backend, balancer


def private_zones() -> Iterator[Any]:
    """Hosted zones of all accounts that are for VPCs."""
    from moto.route53.models import route53_backends  # noqa: PLC0415

    for backend in _backends(route53_backends):
        for zone in list(backend.zones.values()):
            if zone.private_zone and zone.vpcs:
                yield zone


def forwarding_rules() -> Iterator[tuple[str, str, list[str]]]:
    """(VPC, domain, addresses) of the Resolver rules that forward, for each VPC that they are associated with."""
    from moto.route53resolver.models import route53resolver_backends  # noqa: PLC0415

    for backend in _backends(route53resolver_backends):
        for association in list(backend.resolver_rule_associations.values()):
            rule = backend.resolver_rules.get(association.resolver_rule_id)
            if rule is not None and rule.rule_type == "FORWARD":
                targets = [f"{each['Ip']}@{each.get('Port') or 53}" for each in rule.target_ips or [] if "Ip" in each]
                yield association.vpc_id, rule.domain_name, targets


def _backends(service: Any) -> Iterator[Any]:
    for account in list(service.values()):
        yield from list(account.values())


def move(directory: Any, to: stages.Move, now: float) -> None:
    """Put a directory into another stage."""
    from moto.core.utils import utcnow  # noqa: PLC0415

    directory.stage = to.stage
    directory.stage_last_updated_date_time = utcnow()
    record(directory).update(since=now, reason=to.reason)


def addresses_of(backend: Any, balancer: Any) -> list[str]:
    """Private addresses of a load balancer, one for each subnet, in the order of its subnets."""
    interfaces = record(balancer).get("interfaces", {})
    enis = backend.ec2_backend.enis
    return [
        enis[interfaces[subnet.id]].private_ip_address
        for subnet in balancer.subnets
        if interfaces.get(subnet.id) in enis
    ]
