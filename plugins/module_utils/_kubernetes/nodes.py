# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: Kubernetes' nodes beside those of the cluster: who is left over, and what a replacement has still to do."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .._hyperpod.members import Member
from .._hyperpod.members import address_of

# The first one since 1.20, the other one until 1.23.
MASTER_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
GROUP_LABEL = "sagemaker.amazonaws.com/instance-group-name"
# There from the beginning to the end of a node's upgrade: whether it was unschedulable before.
UPGRADE_NOTE = "podforge.hyperpod/upgrade"


@dataclass(frozen=True)
class Node:
    """A Node object. ``ready``: True, False, or Unknown, which is a kubelet that is not heard of any more.

    ``unfinished``: an upgrade has begun, and was it unschedulable before that (true, false); empty: none has.
    """

    name: str
    addresses: frozenset[str]
    group: str
    master: bool
    ready: str
    machine: str
    version: str
    unschedulable: bool = False
    unfinished: str = ""


def node_of(given: t.Mapping[str, t.Any]) -> Node:
    """A node, from its object."""
    metadata, status = given["metadata"], given.get("status") or {}
    labels = metadata.get("labels") or {}
    info = status.get("nodeInfo") or {}
    conditions = {str(one.get("type")): str(one.get("status")) for one in status.get("conditions") or []}
    return Node(
        name=str(metadata["name"]),
        addresses=frozenset(
            str(one["address"]) for one in status.get("addresses") or [] if one.get("type") == "InternalIP"
        ),
        group=str(labels.get(GROUP_LABEL, "")),
        master=any(label in labels for label in MASTER_LABELS),
        ready=conditions.get("Ready", "Unknown"),
        # an image may have a machine id of its own: then only the instance's UUID differs; in containers it may not
        machine=f"{info.get('machineID', '')}/{info.get('systemUUID', '')}",
        version=str(info.get("kubeletVersion", "")).lstrip("v"),
        unschedulable=bool((given.get("spec") or {}).get("unschedulable")),
        unfinished=str((metadata.get("annotations") or {}).get(UPGRADE_NOTE, "")),
    )


@dataclass(frozen=True)
class Known:
    """A node of the cluster, as far as it has a name and an address yet."""

    name: str
    address: str
    group: str


def known_of_members(nodes: t.Iterable[t.Mapping[str, t.Any]]) -> list[Known]:
    """Nodes as hyperpod_cluster_info returns them."""
    found = []
    for node in nodes:
        name = str(node.get("private_dns_hostname") or "").split(".", 1)[0]
        found.append(Known(name, address_of(name) or "", str(node.get("instance_group_name", ""))))
    return found


def known_of_config(config: t.Mapping[str, t.Any]) -> list[Known]:
    """Nodes of resource_config.json."""
    found = []
    for group in config.get("InstanceGroups") or []:
        for instance in group.get("Instances") or []:
            address = str(instance.get("CustomerIpAddress") or "")
            found.append(Known(f"ip-{address.replace('.', '-')}", address, str(group["Name"])))
    return found


@dataclass(frozen=True)
class Orphans:
    """Nodes to remove, those of them that can be drained, and nodes that are not of the cluster and stay, with why."""

    remove: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    keep: t.Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def orphans(nodes: t.Sequence[Node], known: t.Sequence[Known], *, include_ready: bool = False) -> Orphans:
    """Kubernetes' nodes whose instances the cluster has no more.

    Masters never. A node that is Ready is somebody's, be it one that was joined by hand: only when asked for. Nothing
    at all where the two don't seem to be of the same cluster.
    """
    names = {one.name for one in known if one.name}
    addresses = {one.address for one in known if one.address}
    nameless = {one.group for one in known if not one.name}
    mine = [node for node in nodes if node.name in names or node.addresses & addresses]
    if nodes and not mine:
        return Orphans(
            problem=f"none of Kubernetes' {len(nodes)} nodes ({_some(nodes)}) is of this cluster, with {len(known)}."
            " Fix: see whether the kubeconfig is that of this cluster"
        )
    keep: dict[str, str] = {}
    remove: list[Node] = []
    for node in nodes:
        if node in mine:
            continue
        if node.master:
            keep[node.name] = "it is a master: kubeadm reset there, and kubectl delete node"
        elif nameless and (not node.group or node.group in nameless):
            keep[node.name] = (
                f"a node of {', '.join(sorted(nameless))} has no name yet: it may be this one, being replaced"
            )
        elif node.ready == "True" and not include_ready:
            keep[node.name] = "it is Ready, so that somebody runs it; k8s_orphan_nodes_ready=true takes it as well"
        else:
            remove.append(node)
    return Orphans(
        remove=tuple(node.name for node in remove),
        # a kubelet that is not heard of ends no pod; they go with the node's object
        drain=tuple(node.name for node in remove if node.ready != "Unknown"),
        keep=keep,
    )


def _some(nodes: t.Sequence[Node]) -> str:
    names = [node.name for node in nodes[:3]]
    return ", ".join(names) + (", …" if len(nodes) > len(names) else "")


@dataclass(frozen=True)
class Replacement:
    """What has still to be done for a node. ``instance_id`` and ``machine`` are those that have to go.

    ``cordoned``: an administrator had it take no pods before.
    """

    problem: str = ""
    instance_id: str = ""
    machine: str = ""
    drain: bool = False
    remove: bool = False
    replace: bool = False
    cordoned: bool = False


def replacement(name: str, node: Node | None, member: Member | None, mark: t.Mapping[str, str] | None) -> Replacement:
    """Where the replacement of a node stands.

    :param mark: what was noted when it began (instance_id, machine); None: it begins now.
    """
    if node is not None and node.master:
        return Replacement(f"{name} is a master, which this does not replace: workers alone")
    cordoned = mark.get("cordoned") == "true" if mark else node is not None and node.unschedulable
    # Another instance: what is left is to wait. A service that is at work has taken its name, or its instance, and
    # not given another one yet.
    if mark and (member is None or member.instance_id != mark["instance_id"]):
        return Replacement(instance_id=mark["instance_id"], machine=mark.get("machine", ""), cordoned=cordoned)
    if member is None:
        more = ", and it is left over in Kubernetes (k8s_orphan_nodes.yml removes it)" if node else ""
        return Replacement(f"the cluster has no node {name}{more}. Fix: give the name of a node, ip-10-1-2-3")
    if member.hostname != name:
        return Replacement(f"{name} is {member.hostname} in Kubernetes. Fix: give that name")
    if mark is None and not member.instance_id:
        return Replacement(f"{name} has no instance yet. Fix: wait until it has one, and run this again")
    old = mark["instance_id"] if mark else str(member.instance_id)
    machine = mark.get("machine", "") if mark else (node.machine if node else "")
    # another machine under the name: the new one has joined already
    there = node is not None and (not machine or node.machine == machine)
    # a service that is at work on it would refuse a second request
    idle = member.status in ("Running", "Failure")
    return Replacement(
        instance_id=old,
        machine=machine,
        drain=there and node is not None and node.ready != "Unknown",
        remove=there,
        replace=mark is None or idle,
        cordoned=cordoned,
    )
