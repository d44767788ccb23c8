# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of nodes. Pure.

In each subnet the first four addresses and the last one are reserved (Amazon VPC User Guide, "Subnet CIDR blocks").
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_cloud.hyperpod.model import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence

# What the service's own side of a node gets. No route leads there from the customer's network.
AGENT_NETWORK = ipaddress.ip_network("172.16.0.0/16")
RESERVED_FIRST = 4


@dataclass(frozen=True)
class Subnet:
    """What a placement needs of a subnet."""

    subnet_id: str
    cidr: str
    vpc_id: str
    vpc_cidr: str
    availability_zone: str
    availability_zone_id: str


class NoAddressError(Exception):
    """The subnets together have too few free addresses. ``free`` is how many they have."""

    def __init__(self, wanted: int, free: int) -> None:
        super().__init__(f"{wanted} addresses wanted, {free} free")
        self.wanted = wanted
        self.free = free


def usable(cidr: str) -> Iterator[str]:
    """Addresses of a subnet that a customer may use, in order."""
    network = ipaddress.ip_network(cidr)
    first = int(network.network_address) + RESERVED_FIRST
    last = int(network.broadcast_address) - 1
    for number in range(first, last + 1):
        yield str(ipaddress.ip_address(number))


def allocate(subnets: Sequence[Subnet], used: dict[str, set[str]], agent_used: set[str], count: int) -> list[Placement]:
    """``count`` free places in the first subnets that have them.

    ``used``: subnet id -> addresses taken there; ``agent_used``: addresses taken of AGENT_NETWORK. Neither is changed.
    Raises NoAddressError.
    """
    agents = (a for a in usable(str(AGENT_NETWORK)) if a not in agent_used)
    placements: list[Placement] = []
    for subnet in subnets:
        taken = used.get(subnet.subnet_id, set())
        for address in usable(subnet.cidr):
            if len(placements) == count:
                return placements
            if address in taken:
                continue
            placements.append(
                Placement(
                    vpc_id=subnet.vpc_id,
                    vpc_cidr=subnet.vpc_cidr,
                    subnet_id=subnet.subnet_id,
                    subnet_cidr=subnet.cidr,
                    availability_zone=subnet.availability_zone,
                    availability_zone_id=subnet.availability_zone_id,
                    ip_address=address,
                    agent_ip_address=next(agents),
                )
            )
    if len(placements) < count:
        raise NoAddressError(count, len(placements))
    return placements
