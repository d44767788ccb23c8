# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what nodes offer pods, beside what their instance type has; and what an NCCL test has shown."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

GPU, EFA = "nvidia.com/gpu", "vpc.amazonaws.com/efa"
TYPE_LABEL = "node.kubernetes.io/instance-type"

# GPUs and EFA interfaces of the types that HyperPod has (EC2 user guide, "Specifications for Amazon EC2 accelerated
# computing instances" and "Elastic Fabric Adapter: maximum bandwidth and number of interfaces"). A type that is not
# here is said by the variable of the role.
HARDWARE: t.Mapping[str, tuple[int, int]] = {
    "p4d.24xlarge": (8, 4),
    "p4de.24xlarge": (8, 4),
    "p5.4xlarge": (1, 1),
    "p5.48xlarge": (8, 32),
    "p5e.48xlarge": (8, 32),
    "p5en.48xlarge": (8, 16),
    "p6-b200.48xlarge": (8, 8),
    **{f"g4dn.{size}": (1, 0) for size in ("xlarge", "2xlarge", "4xlarge")},
    **{f"g4dn.{size}": (1, 1) for size in ("8xlarge", "16xlarge")},
    "g4dn.12xlarge": (4, 1),
    **{f"{family}.{size}": (1, 0) for family in ("g5", "g6", "g6e") for size in ("xlarge", "2xlarge", "4xlarge")},
    **{f"{family}.{size}": (1, 1) for family in ("g5", "g6", "g6e") for size in ("8xlarge", "16xlarge")},
    **{f"{family}.12xlarge": (4, 1) for family in ("g5", "g6", "g6e")},
    **{f"{family}.24xlarge": (4, 1) for family in ("g5", "g6")},
    **{f"{family}.48xlarge": (8, 1) for family in ("g5", "g6")},
    "g6e.24xlarge": (4, 2),
    "g6e.48xlarge": (8, 4),
    "gr6.4xlarge": (1, 0),
    "gr6.8xlarge": (1, 1),
    "trn1.32xlarge": (0, 8),
    "trn1n.32xlarge": (0, 16),
    "trn2.48xlarge": (0, 16),
    "c5n.9xlarge": (0, 1),
    "c5n.18xlarge": (0, 1),
}


def hardware(more: t.Mapping[str, t.Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Numbers by instance type and resource, those of the user's own (C(gpu), C(efa)) before the known ones."""
    known = {kind: {GPU: gpus, EFA: interfaces} for kind, (gpus, interfaces) in HARDWARE.items()}
    for kind, numbers in more.items():
        given = {GPU: numbers.get("gpu"), EFA: numbers.get("efa")}
        plain = kind.removeprefix("ml.")
        known[plain] = {
            **known.get(plain, {GPU: 0, EFA: 0}),
            **{key: int(value) for key, value in given.items() if value is not None},
        }
    return known


def types_with(resource: str, known: t.Mapping[str, t.Mapping[str, int]]) -> list[str]:
    """Instance types on which a plugin has something to do; on others it would crash again and again."""
    return sorted(kind for kind, numbers in known.items() if numbers[resource])


@dataclass(frozen=True)
class Offer:
    """What a node has, and should have, of one resource."""

    node: str
    instance_type: str
    resource: str
    wanted: int
    there: int


def offers(
    nodes: t.Iterable[t.Mapping[str, t.Any]],
    known: t.Mapping[str, t.Mapping[str, int]],
    resources: t.Iterable[str],
) -> list[Offer]:
    """Every resource of every node whose type has it."""
    wanted_resources = tuple(resources)
    found = []
    for node in nodes:
        kind = str((node["metadata"].get("labels") or {}).get(TYPE_LABEL, ""))
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        for resource in wanted_resources:
            wanted = known.get(kind, {}).get(resource, 0)
            if wanted:
                there = int(allocatable.get(resource, 0))
                found.append(Offer(str(node["metadata"]["name"]), kind, resource, wanted, there))
    return found


def problem(offer: Offer) -> str:
    """What is wrong with it, in words; empty: nothing."""
    if offer.there >= offer.wanted:
        return ""
    return f"{offer.node} ({offer.instance_type}) offers {offer.there} of {offer.wanted} {offer.resource}"


# --- NCCL ---

_BANDWIDTH = re.compile(r"# Avg bus bandwidth\s*:\s*([0-9.]+)")
_OUT_OF_BOUNDS = re.compile(r"# Out of bounds values\s*:\s*(\d+)\s*(\w+)")
# aws-ofi-nccl says it in upper or lower case, by version
_EFA = re.compile(r"NET/(OFI|Libfabric).*(selected provider is efa|using .*efa)", re.IGNORECASE)
_TCP = re.compile(r"NET/Socket\s*:\s*Using|Using network Socket", re.IGNORECASE)
_FAILED = re.compile(
    r"^.*(?:NCCL failure|Test NCCL failure|ncclSystemError|mpirun noticed|ORTE was unable).*$", re.MULTILINE
)


def nccl_verdict(log: str, least_bandwidth: float, *, efa: bool) -> dict[str, t.Any]:
    """Whether a test of nccl-tests (all_reduce_perf and its like, with NCCL_DEBUG=INFO) shows a network that works.

    :param least_bandwidth: GB/s of bus bandwidth on average.
    :param efa: the network has to be EFA: NCCL goes to TCP without a word otherwise, at a hundredth of the speed.
    """
    problems = [line.strip()[:200] for line in _FAILED.findall(log)][:3]
    bandwidth = _BANDWIDTH.search(log)
    if bandwidth is None:
        problems.append("it has not come to its end: there is no line 'Avg bus bandwidth'")
    elif float(bandwidth.group(1)) < least_bandwidth:
        problems.append(f"bus bandwidth is {bandwidth.group(1)} GB/s on average, and {least_bandwidth:g} is wanted")
    bounds = _OUT_OF_BOUNDS.search(log)
    if bounds is not None and (int(bounds.group(1)) or bounds.group(2).upper() != "OK"):
        problems.append(f"{bounds.group(1)} results were wrong: see the health of the GPUs")
    provider = "efa" if _EFA.search(log) else "tcp" if _TCP.search(log) else "unknown"
    if efa and provider != "efa":
        problems.append(
            f"NCCL's network was {provider}, not EFA: see that the image has aws-ofi-nccl, that pods have {EFA}, and"
            " that the security group lets all traffic through that comes from itself"
        )
    return {
        "passed": not problems,
        "bus_bandwidth": float(bandwidth.group(1)) if bandwidth else None,
        "provider": provider,
        "problems": problems,
    }
