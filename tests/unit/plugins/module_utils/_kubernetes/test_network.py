# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of pods: the arithmetic, and every refusal with the network that would do."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.network import capacity
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.network import prefix_for
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.network import problems

SERVICES = "10.96.0.0/12"


@pytest.mark.parametrize(
    ("block", "node_prefix", "nodes"),
    [("10.244.0.0/16", 24, 256), ("10.244.0.0/14", 24, 1024), ("10.244.0.0/16", 25, 512), ("10.244.0.0/25", 24, 0)],
)
def test_each_node_has_a_block(block: str, node_prefix: int, nodes: int) -> None:
    assert capacity(ipaddress.IPv4Network(block), node_prefix) == nodes


@pytest.mark.parametrize(("nodes", "prefix"), [(1, 24), (2, 23), (256, 16), (257, 15), (1024, 14), (1025, 13)])
def test_room_for_nodes(nodes: int, prefix: int) -> None:
    assert prefix_for(nodes, 24) == prefix
    assert capacity(ipaddress.IPv4Network(f"10.0.0.0/{prefix}", strict=False), 24) >= nodes


def test_what_fits() -> None:
    assert problems("10.244.0.0/16", SERVICES, 24, 256, vpc_cidrs=["10.0.0.0/16"], addresses={"a": "10.0.1.2"}) == []


@pytest.mark.parametrize(
    ("arguments", "more", "told"),
    [
        (
            ("10.244.0.0/16", SERVICES, 24, 300),
            {},
            "has 256 blocks of /24, one for a node, and there are 300 nodes: pod_cidr 10.244.0.0/15 would do",
        ),
        # the block around it is the services': another one
        (("10.96.0.0/16", "10.100.0.0/16", 24, 1025), {}, "pod_cidr 10.0.0.0/13 would do"),
        (
            ("10.244.0.0/16", SERVICES, 24, 4),
            {"vpc_cidrs": ["10.192.0.0/10"]},
            "overlaps the VPC's 10.192.0.0/10, which pods could not reach then: pod_cidr 10.0.0.0/16 would do",
        ),
        (
            ("10.244.0.0/16", SERVICES, 24, 4),
            {"addresses": {"ip-10-244-0-5": "10.244.0.5"}},
            "overlaps the address 10.244.0.5 of ip-10-244-0-5",
        ),
        (
            ("10.244.0.0/16", SERVICES, 24, 4),
            {"addresses": {"n": "10.100.0.5"}},
            "overlaps the address 10.100.0.5 of n, which pods could not reach then: 10.0.0.0/12 would do",
        ),
        (
            ("10.96.0.0/16", SERVICES, 24, 4),
            {},
            "pod_cidr 10.96.0.0/16 and service_cidr 10.96.0.0/12 overlap: pod_cidr",
        ),
        (("10.244.0.0/16", "10.0.0.0/8", 24, 4), {}, "kube-apiserver takes /12 to /28"),
        (
            ("10.244.1.0/16", SERVICES, 24, 4),
            {},
            "pod_cidr: 10.244.1.0/16 has bits beyond its prefix: write 10.244.0.0/16",
        ),
        (("pods", SERVICES, 24, 4), {}, "pod_cidr: 'pods' is no IPv4 block"),
        (("10.244.0.0/16", SERVICES, 30, 4), {}, "node_prefix: 30 is out of range"),
        (("10.244.0.0/16", SERVICES, 16, 2000), {}, "no private block is left for so many nodes"),
    ],
)
def test_what_does_not_fit(arguments: tuple[str, str, int, int], more: dict[str, object], told: str) -> None:
    assert told in "\n".join(problems(*arguments, **more))
