# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VPC as a podman network. Nothing here runs a command."""

from __future__ import annotations

import ipaddress
from typing import Any


def overlap(cidr: str, routes: list[dict[str, Any]], networks: list[dict[str, Any]]) -> str | None:
    """What of this host already has addresses of the CIDR, in words; None when they are free.

    Args:
        cidr: addresses that are wanted.
        routes: ``ip -json -4 route``.
        networks: ``podman network inspect``, all of them.
    """
    wanted = ipaddress.IPv4Network(cidr)
    for network in networks:
        for taken in subnets(network):
            if taken.overlaps(wanted):
                return f"podman network {name_of(network)} ({taken})"
    for route in routes:
        destination = route.get("dst", "default")
        if destination != "default" and route.get("type", "unicast") == "unicast":
            taken = ipaddress.IPv4Network(destination, strict=False)
            if taken.overlaps(wanted):
                return f"a network of this host ({taken} on {route.get('dev', '?')})"
    return None


def name_of(network: dict[str, Any]) -> str:
    """The name in an inspected network (podman 3 and 4 spell the key differently)."""
    return str(network.get("name") or network.get("Name") or "")


def subnets(network: dict[str, Any]) -> list[ipaddress.IPv4Network]:
    """IPv4 subnets of an inspected network: netavark's form (podman 4 and later), or CNI's (podman 3)."""
    texts = [item.get("subnet") for item in network.get("subnets") or []]
    for plugin in network.get("plugins") or []:
        for ranges in (plugin.get("ipam") or {}).get("ranges") or []:
            texts += [item.get("subnet") for item in ranges]
    parsed = [ipaddress.ip_network(text, strict=False) for text in texts if text]
    return [item for item in parsed if isinstance(item, ipaddress.IPv4Network)]


def free_block(routes: list[dict[str, Any]], networks: list[dict[str, Any]]) -> str:
    """A private /16 that is free on this host, for the error message."""
    for second in (*range(198, 255), *range(32, 198)):
        block = f"10.{second}.0.0/16"
        if overlap(block, routes, networks) is None:
            return block
    return "172.24.0.0/16"


def labels_of(network: dict[str, Any]) -> dict[str, str]:
    """Labels of an inspected network: netavark's form, or CNI's (podman 3)."""
    labels: dict[str, str] = network.get("labels") or (network.get("args") or {}).get("podman_labels") or {}
    return labels
