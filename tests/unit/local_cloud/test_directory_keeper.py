# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of directories, where things change while it works."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from local_cloud.directory.keeper import Keeper
from local_cloud.directory.machines import NoMachines
from local_cloud.directory.machines import Spot
from local_cloud.directory.records import record
from local_cloud.faults import Faults
from local_cloud.hyperpod.clock import Clock

DOMAIN = "partner.example.com"


class SlowMachines(NoMachines):
    """A customer changes the forwarder while the first one is being set."""

    def __init__(self, directory: Any) -> None:
        self.directory = directory
        self.told: list[dict[str, list[str]]] = []

    def forward(self, spot: Spot, forwarders: Mapping[str, list[str]]) -> None:
        self.told.append({domain: list(addresses) for domain, addresses in forwarders.items()})
        record(self.directory)["forwarders"][DOMAIN] = ["10.0.0.2"]


def test_a_forwarder_that_changes_while_it_is_set_is_set_again() -> None:
    directory = SimpleNamespace(directory_id="d-1", dns_ip_addrs=["10.0.0.10"], vpc_settings={"VpcId": "vpc-1"})
    record(directory).update(network=["10.0.0.0/16", "10.0.1.0/24"], forwarders={DOMAIN: ["10.0.0.1"]})
    machines = SlowMachines(directory)
    access = SimpleNamespace(changes=lambda _service: nullcontext())
    keeper = Keeper(Clock(1), access, Faults(), machines)
    for _look in range(3):
        keeper._forward(directory)
    assert machines.told == [{DOMAIN: ["10.0.0.1"]}, {DOMAIN: ["10.0.0.2"]}], "and only then there is nothing to do"
