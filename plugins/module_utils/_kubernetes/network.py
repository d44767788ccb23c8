# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: networks of pods and services, and whether they fit the VPC and the number of nodes."""

from __future__ import annotations

import ipaddress
import typing as t

from . import KubernetesError

Network: t.TypeAlias = "ipaddress.IPv4Network"

# RFC 1918, and the carrier's range (RFC 6598) that AWS recommends for pods where a VPC has taken all of the others.
_PRIVATE = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


def network(text: str, name: str) -> Network:
    """A CIDR block.

    :raises KubernetesError: it is none; the text has the one that may be meant.
    """
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise KubernetesError(f"{name}: {text!r} is no IPv4 block: write for example 10.244.0.0/16") from None
    raise KubernetesError(f"{name}: {text} has bits beyond its prefix: write {meant}")


def capacity(pods: Network, node_prefix: int) -> int:
    """How many nodes have a block of their own in the pods' network."""
    return 2 ** (node_prefix - pods.prefixlen) if node_prefix >= pods.prefixlen else 0


def prefix_for(nodes: int, node_prefix: int) -> int:
    """The longest prefix of a pods' network with room for so many nodes."""
    return node_prefix - max(nodes - 1, 0).bit_length()


def suggestion(pods: Network, nodes: int, node_prefix: int, taken: t.Sequence[Network]) -> Network | None:
    """A network of pods that would do: around the given one if that is free, else the first free private one."""
    prefix = min(prefix_for(nodes, node_prefix), pods.prefixlen)
    if prefix < 0:
        return None
    nearest = pods.supernet(new_prefix=prefix)
    for room in (nearest, *_PRIVATE):
        if prefix < room.prefixlen:
            continue
        for block in room.subnets(new_prefix=prefix):
            private = any(block.subnet_of(range_) for range_ in _PRIVATE)
            if private and not any(block.overlaps(other) for other in taken):
                return block
    return None


def problems(
    pod_cidr: str,
    service_cidr: str,
    node_prefix: int,
    nodes: int,
    *,
    vpc_cidrs: t.Sequence[str] = (),
    addresses: t.Mapping[str, str] | None = None,
) -> list[str]:
    """What is wrong with the networks, each with the fix; empty when all is well.

    :param nodes: how many there are, or will be.
    :param addresses: of nodes, by their names; a VPC's blocks are not always known.
    """
    try:
        pods, services = network(pod_cidr, "pod_cidr"), network(service_cidr, "service_cidr")
        vpc = [network(text, "vpc_cidrs") for text in vpc_cidrs]
    except KubernetesError as error:
        return [str(error)]
    hosts = {name: ipaddress.IPv4Network(address) for name, address in (addresses or {}).items()}
    if not 16 <= node_prefix <= 28:
        return [f"node_prefix: {node_prefix} is out of range: 24 (254 addresses a node) is usual, 16 to 28 possible"]
    found = []
    others = [*vpc, *hosts.values()]
    better = suggestion(pods, max(nodes, 1), node_prefix, [services, *others])
    fix = f"pod_cidr {better} would do" if better else "no private block is left for so many nodes"
    room = capacity(pods, node_prefix)
    if room < nodes:
        found.append(
            f"pod_cidr {pods} has {room} blocks of /{node_prefix}, one for a node, and there are {nodes} nodes: {fix}"
        )
    clash = _first_clash(pods, vpc, hosts)
    if clash:
        found.append(f"pod_cidr {pods} overlaps {clash}, which pods could not reach then: {fix}")
    clash = _first_clash(services, vpc, hosts)
    if clash:
        free = suggestion(services, 1, services.prefixlen, [pods, *others])
        found.append(f"service_cidr {services} overlaps {clash}, which pods could not reach then: {free} would do")
    if pods.overlaps(services):
        found.append(f"pod_cidr {pods} and service_cidr {services} overlap: {fix}")
    if not 12 <= services.prefixlen <= 28:
        found.append(f"service_cidr {services}: kube-apiserver takes /12 to /28: write for example 10.96.0.0/12")
    return found


def _first_clash(block: Network, vpc: t.Iterable[Network], hosts: t.Mapping[str, Network]) -> str:
    """What a block overlaps, in words; empty: nothing."""
    for other in vpc:
        if block.overlaps(other):
            return f"the VPC's {other}"
    for name, address in hosts.items():
        if block.overlaps(address):
            return f"the address {address.network_address} of {name}"
    return ""


def of_cluster(configuration: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Networks that a cluster was made with, by ClusterConfiguration in its ConfigMap kubeadm-config."""
    networking = configuration.get("networking") or {}
    arguments = (configuration.get("controllerManager") or {}).get("extraArgs") or {}
    if not isinstance(arguments, dict):  # a list of names and values since v1beta4
        arguments = {one["name"]: one["value"] for one in arguments}
    return {
        "pod_cidr": str(networking.get("podSubnet", "")),
        "service_cidr": str(networking.get("serviceSubnet", "10.96.0.0/12")),
        # kube-controller-manager's own
        "node_prefix": int(arguments.get("node-cidr-mask-size", 24)),
    }
