# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a cluster by whatever name a user has for them. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

# Shapes ClusterNodeId and ClusterNodeLogicalId of the service model.
_INSTANCE_ID = re.compile(r"i-[a-f0-9]{8}(?:[a-f0-9]{9})?")
_LOGICAL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-]{0,126}[a-zA-Z0-9]")
_HOSTNAME = re.compile(r"ip(-\d{1,3}){4}(\.[a-z0-9.-]+)?")
# EKS names nodes like this: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-resiliency.html
_EKS_PREFIX = "hyperpod-"


@dataclass(frozen=True)
class Member:
    """One node as ListClusterNodes tells it.

    Attributes:
        key: what stays with the node when its instance is replaced: the logical id, else (no logical id) the instance.
        instance_id: None before an instance is launched.
        hostname: without domain; None when there is none.
        message: what the service said last; it stays although the node runs again.
    """

    key: str
    instance_id: str | None
    logical_id: str | None
    group: str
    instance_type: str
    hostname: str | None
    status: str
    message: str | None

    @property
    def names(self) -> set[str]:
        """Under which the node can be asked for."""
        found = {self.instance_id, self.logical_id, self.hostname, address_of(self.hostname)}
        return {name for name in found if name}


def member_of(summary: Mapping[str, Any]) -> Member:
    """A node, from its summary."""
    instance_id = summary.get("InstanceId") or None
    logical_id = summary.get("NodeLogicalId") or None
    return Member(
        key=str(logical_id or instance_id),
        instance_id=instance_id,
        logical_id=logical_id,
        group=str(summary["InstanceGroupName"]),
        instance_type=str(summary.get("InstanceType", "")),
        hostname=str(summary.get("PrivateDnsHostname") or "").split(".", 1)[0] or None,
        status=str(summary["InstanceStatus"]["Status"]),
        message=summary["InstanceStatus"].get("Message"),
    )


def address_of(hostname: str | None) -> str | None:
    """``10.1.2.3`` of ``ip-10-1-2-3``."""
    if not hostname or not _HOSTNAME.fullmatch(hostname):
        return None
    return ".".join(hostname.split(".", 1)[0].split("-")[1:])


def plain_name(name: str) -> str | None:
    """A user's name of a node as ``Member.names`` has it; None when nothing is named like that."""
    text = name.strip()
    if text.startswith(_EKS_PREFIX) and _INSTANCE_ID.fullmatch(text.removeprefix(_EKS_PREFIX)):
        return text.removeprefix(_EKS_PREFIX)
    if _HOSTNAME.fullmatch(text.lower()):
        return text.lower().split(".", 1)[0]
    if _is_address(text):
        return str(ipaddress.ip_address(text))
    if text.startswith("i-"):
        return text if _INSTANCE_ID.fullmatch(text) else None
    return text if _LOGICAL_ID.fullmatch(text) else None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Chosen:
    """``found``: user's name -> node, each node once; ``missing``: names that no node has; ``problems``: bad names."""

    found: dict[str, Member]
    missing: list[str]
    problems: list[str]


def choose(names: Sequence[str], members: Iterable[Member]) -> Chosen:
    """Look up what the user named."""
    by_name: dict[str, list[Member]] = {}
    for member in members:
        for name in member.names:
            by_name.setdefault(name, []).append(member)
    chosen = Chosen({}, [], [])
    taken: set[str] = set()
    for index, given in enumerate(names):
        plain = plain_name(given)
        if plain is None:
            chosen.problems.append(
                f"nodes[{index}]: {given!r} is none of instance id (i-...), logical id, host name (ip-10-1-2-3) and"
                " IP address"
            )
            continue
        # While a node is replaced, the one that leaves and the one that comes may share name and address.
        there = by_name.get(plain, [])
        there = [member for member in there if member.status != "ShuttingDown"] or there
        if not there:
            chosen.missing.append(given)
        elif len(there) > 1:
            ids = ", ".join(sorted(str(member.instance_id or member.key) for member in there))
            chosen.problems.append(
                f"nodes[{index}]: {given!r} is the name of several nodes: {ids}; give an instance id"
            )
        elif there[0].key not in taken:
            taken.add(there[0].key)
            chosen.found[given] = there[0]
    return chosen


def controller_groups(described: Mapping[str, Any]) -> set[str]:
    """Groups of Slurm controllers, as far as SlurmConfig tells; the legacy form is in S3 and known to the service."""
    return {
        str(group["InstanceGroupName"])
        for group in groups_of(described)
        if (group.get("SlurmConfig") or {}).get("NodeType") == "Controller"
    }


def problem_of_status(described: Mapping[str, Any]) -> str | None:
    """Why the service would refuse an action on nodes now; None when it would not, or is only busy."""
    if described["ClusterStatus"] != "Failed":
        return None
    message = str(described.get("FailureMessage") or "the service gives no reason").rstrip(".")
    return f"Cluster {described['ClusterName']} is Failed: {message}. The service wants it InService for this"


def no_cluster(name: str) -> str:
    """What to say when there is no cluster to act on."""
    return f"There is no cluster {name}: check cluster_name and region"
