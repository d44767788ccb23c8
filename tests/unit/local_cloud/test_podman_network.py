# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VPC's addresses and those of the host."""

from __future__ import annotations

import ipaddress

import pytest

from local_cloud.providers import podman_network

ROUTES = [
    {"dst": "default", "gateway": "10.0.0.1", "dev": "eth0"},
    {"dst": "10.0.0.0/24", "dev": "eth0"},
    {"dst": "192.168.7.9", "dev": "tun0"},
    {"type": "blackhole", "dst": "10.99.0.0/16"},
]
NETAVARK = {"name": "podman", "subnets": [{"subnet": "10.88.0.0/16"}, {"subnet": "fd00::/64"}]}
CNI = {"name": "old", "plugins": [{"ipam": {"ranges": [[{"subnet": "10.77.0.0/16"}]]}}, {"type": "portmap"}]}


@pytest.mark.parametrize(
    ("cidr", "says"),
    [
        ("10.0.0.0/16", "a network of this host (10.0.0.0/24 on eth0)"),
        ("192.168.0.0/16", "a network of this host (192.168.7.9/32 on tun0)"),
        ("10.88.4.0/24", "podman network podman (10.88.0.0/16)"),
        ("10.77.0.0/20", "podman network old (10.77.0.0/16)"),
        ("10.198.0.0/16", None),
        ("10.99.0.0/16", None),
    ],
)
def test_overlap(cidr: str, says: str | None) -> None:
    assert podman_network.overlap(cidr, ROUTES, [NETAVARK, CNI]) == says


def test_a_free_block_is_free() -> None:
    taken = {"name": "x", "subnets": [{"subnet": "10.198.0.0/16"}]}
    block = podman_network.free_block(ROUTES, [taken])
    assert podman_network.overlap(block, ROUTES, [taken]) is None
    assert ipaddress.ip_network(block).is_private
