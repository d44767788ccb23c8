# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what all checks of one run share - the description, clients, what is there, and how AWS is asked."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

from .._findings import warning
from .._hyperpod.common import retrying
from . import api
from . import connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .._findings import Finding

T = TypeVar("T")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation")


class Unknown(Exception):
    """The check can't go on without an answer; why is among the findings."""


@dataclass(frozen=True)
class Place:
    """Where the nodes of some groups are placed."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    groups: tuple[Mapping[str, Any], ...]


@dataclass
class Survey:
    """One run.

    ``client(service, attempts=...)`` gives a boto3 client. Ids of things that exist by now win over the description.
    """

    description: dict[str, Any]
    region: str | None
    endpoint_url: str | None
    client: Callable[..., Any]
    known_regions: Iterable[str]
    instance_types: list[str]
    subnet_ids: list[str] | None = None
    security_group_ids: list[str] | None = None
    execution_role_arn: str | None = None
    source_s3_uri: str | None = None
    entry: str | None = None
    secrets: list[str] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    pod_cidr: str | None = None
    service_cidr: str | None = None
    caller: dict[str, str] = field(default_factory=dict)
    cluster: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)
    existing: dict[str, Any] = field(default_factory=lambda: {"execution_role": None, "bucket": None})
    # Subnets by id as far as the network check has seen them; later checks need their zones and VPC.
    subnets: dict[str, dict[str, Any]] = field(default_factory=dict)
    security_groups: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, check: str, action: str, question: Callable[..., T], *args: Any) -> T:
        """The answer of AWS.

        Args:
            check: name of the check that needs it.
            action: IAM action that the question takes.
            question: the call.
            args: its arguments.

        Raises:
            Unknown: there is none. A finding says why; that is never a pass.
        """
        try:
            return retrying(question)(*args)
        except connection.aws_errors() as error:
            found = connection.judge_connection_error(error, self.endpoint_url)
            self.findings.append(found or not_checked(check, error, action))
            raise Unknown from error

    def ask_or_none(self, check: str, action: str, question: Callable[..., T], *args: Any) -> T | None:
        """The answer of AWS; None and a finding that says why when there is none."""
        try:
            return self.ask(check, action, question, *args)
        except Unknown:
            return None

    @property
    def bucket(self) -> str:
        """The bucket's name with account and region filled in."""
        name: str = self.description["lifecycle"]["bucket"]
        return name.replace("{account_id}", self.caller.get("account_id", "")).replace("{region}", self.region or "")

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Instance groups as options."""
        groups: list[dict[str, Any]] = self.description["cluster"]["instance_groups"]
        return groups

    def more_nodes(self, group: Mapping[str, Any]) -> int:
        """Nodes of a group that the cluster does not have yet."""
        there = {
            found["InstanceGroupName"]: int(found.get("CurrentCount") or 0)
            for found in (self.cluster or {}).get("InstanceGroups", [])
        }
        return max(0, int(group["instance_count"]) - there.get(group["instance_group_name"], 0))

    def places(self) -> list[Place]:
        """Networks of the cluster and of groups that have their own, as far as their ids are known."""
        wish = self.description["network"]
        subnets = self.subnet_ids or wish.get("subnet_ids") or []
        groups = self.security_group_ids or wish.get("security_group_ids") or []
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Mapping[str, Any]]] = {}
        for group in self.groups:
            own = group.get("override_vpc_config") or {}
            key = (tuple(own.get("subnets") or subnets), tuple(own.get("security_group_ids") or groups))
            found.setdefault(key, []).append(group)
        return [Place(*key, tuple(members)) for key, members in found.items() if all(key)]

    def zones_of(self, group: Mapping[str, Any]) -> set[str]:
        """Names of the zones where nodes of a group may be placed; empty: not known."""
        for place in self.places():
            if group in place.groups:
                seen = [self.subnets[subnet] for subnet in place.subnet_ids if subnet in self.subnets]
                return {str(subnet["AvailabilityZone"]) for subnet in seen}
        return {str(subnet["availability_zone"]) for subnet in self.description["network"].get("private_subnets") or []}

    @property
    def vpc_ids(self) -> set[str]:
        """VPCs of all subnets that were seen."""
        return {str(subnet["VpcId"]) for subnet in self.subnets.values()}

    def their_entries(self) -> list[tuple[str, str]]:
        """Places of the user's own lifecycle files, where those are used, with the entry script."""
        if self.description["lifecycle"]["managed"]:
            return []
        configs = [group.get("life_cycle_config") or {} for group in self.groups]
        return [
            (config["source_s3_uri"], config.get("on_create") or config.get("on_init_complete") or "")
            for config in configs
            if config.get("source_s3_uri")
        ]


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """The two parts of ``s3://bucket/prefix``."""
    bucket, _slash, prefix = uri.split("://", 1)[-1].partition("/")
    return bucket, prefix.strip("/")


def not_checked(check: str, error: Exception, action: str) -> Finding:
    """Something that AWS does not tell."""
    denied = api.error_code(error) in (*_DENIED, "403")
    fix = f"allow {action} to who runs this" if denied else "run it again, or make sure of it yourself"
    return warning(check, f"This could not be checked: {str(error).rstrip('.')}", where=action, fix=fix)
