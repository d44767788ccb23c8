# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ldaps_endpoint_info`` does."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._hyperpod.common import client_of
from . import api
from .reading import read_balancer
from .states import LDAPS_PORT
from .states import name_of


def endpoints(module: Any) -> list[dict[str, Any]]:
    """The endpoints asked for, by name; those that don't exist are left away.

    Raises:
        HyperPodError: the service can't be asked, or refuses to answer.
    """
    client, ec2 = client_of(module, "elbv2"), client_of(module, "ec2")
    names = None if module.params["names"] is None else {name_of(name) for name in module.params["names"]}
    found = []
    for balancer in api.find_balancers(client):
        wanted = names is None or balancer["LoadBalancerName"] in names
        if not wanted or balancer.get("Type") != "network" or balancer.get("Scheme") != "internal":
            continue
        current = read_balancer(client, balancer)
        # Whoever asks by name wants to see an unfinished one, too.
        if names is not None or (current.listener(LDAPS_PORT) or {}).get("Protocol") == "TLS":
            addresses = api.interface_addresses(ec2, str(current.arn))
            found.append(dataclasses.replace(current, addresses=tuple(addresses)).result())
    return sorted(found, key=lambda endpoint: str(endpoint["load_balancer_name"]))
