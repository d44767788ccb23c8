# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: all checks in their order. Each check asks one thing of AWS and hands the answer to a pure judge."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

try:
    import botocore
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from .._findings import passed
from .._findings import warning
from . import access
from . import api
from . import connection
from . import network
from . import quotas
from . import static
from . import storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

    from .._findings import Finding

# The first call tells whether there is a way at all: it may not take a minute to say no.
_FIRST_ATTEMPTS = 4
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation")


@dataclass
class Preflight:
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
    caller: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    existing: dict[str, Any] = field(default_factory=lambda: {"execution_role": None, "bucket": None})

    def run(self, *, access_only: bool = False) -> list[Finding]:
        """All findings. Without a way to AWS the rest would only repeat that, and is not tried.

        ``access_only``: only what exists is found out; nothing is judged but the way to AWS.
        """
        self.findings.extend(static.judge_form(self.description))
        if self.findings:
            return self.findings
        if not access_only:
            self.findings.extend(static.judge_description(self.description, self.instance_types))
        region = connection.judge_region(self.region, self.known_regions)
        self.findings.append(region)
        if region.level == "pass" and self._connect():
            self._guarded(self._look)
            for check in () if access_only else (self._network, self._role, self._bucket, self._entries, self._quotas):
                self._guarded(check)
        return self.findings

    @property
    def bucket(self) -> str:
        """The bucket's name with account and region filled in."""
        name: str = self.description["lifecycle"]["bucket"]
        return name.replace("{account_id}", self.caller.get("account_id", "")).replace("{region}", self.region or "")

    def _connect(self) -> bool:
        try:
            self.caller = api.caller(self.client("sts", attempts=_FIRST_ATTEMPTS))
            self._existing = api.cluster(self.client("sagemaker"), self.description["cluster_name"])
        except connection.aws_errors() as error:
            found = connection.judge_connection_error(error, self.endpoint_url)
            self.findings.append(
                found or _not_checked("connection", error, "sts:GetCallerIdentity, sagemaker:DescribeCluster")
            )
            self._existing = None
            return found is None and bool(self.caller)
        return True

    def _guarded(self, check: Callable[[], Iterable[Finding]]) -> None:
        try:
            self.findings.extend(check())
        except connection.aws_errors() as error:
            found = connection.judge_connection_error(error, self.endpoint_url)
            self.findings.append(found or _not_checked(check.__name__.lstrip("_"), error, ""))

    def _look(self) -> list[Finding]:
        """What exists of the role and the bucket that are to be made, and for whom it was made."""
        wish = self.description["execution_role"]
        role = api.role(self.client("iam"), wish["name"]) if wish["mode"] == "create" else None
        if role is not None:
            made_for = access.made_for(role.get("Tags") or [])
            trusted = access.trusts(role["AssumeRolePolicyDocument"])
            self.existing["execution_role"] = {"arn": role["Arn"], "made_for": made_for, "trusted": trusted}
        if self.description["lifecycle"]["managed"]:
            s3 = self.client("s3")
            status, _region = api.bucket(s3, self.bucket)
            if status == 200:
                made_for = api.bucket_tags(s3, self.bucket).get(access.OWNER_TAG)
                self.existing["bucket"] = {"name": self.bucket, "made_for": made_for}
        return []

    def _needed(self) -> int:
        """Nodes that the cluster does not have yet."""
        existing = {
            group["InstanceGroupName"]: int(group.get("CurrentCount") or 0)
            for group in (self._existing or {}).get("InstanceGroups", [])
        }
        return sum(
            max(0, int(group["instance_count"]) - existing.get(group["instance_group_name"], 0))
            for group in self.description["cluster"]["instance_groups"]
        )

    def _network(self) -> list[Finding]:
        wish = self.description["network"]
        subnet_ids = self.subnet_ids or wish.get("subnet_ids")
        group_ids = self.security_group_ids or wish.get("security_group_ids")
        if not subnet_ids or not group_ids:
            return []
        ec2 = self.client("ec2")
        subnets = api.subnets(ec2, subnet_ids)
        vpcs = sorted({subnet["VpcId"] for subnet in subnets})
        tables = api.route_tables(ec2, vpcs) if vpcs else []
        findings = network.judge_subnets(subnet_ids, subnets, tables, self._needed())
        groups = api.security_groups(ec2, group_ids)
        return findings + network.judge_security_groups(group_ids, groups, vpcs[0] if vpcs else None)

    def _role(self) -> list[Finding]:
        wish = self.description["execution_role"]
        findings: list[Finding] = []
        there = self.existing["execution_role"]
        if wish["mode"] == "create" and there is None:
            findings.append(passed("role_exists", f"The role {wish['name']} will be made", where=wish["name"]))
        elif there is not None and there["made_for"] != self.description["cluster_name"]:
            findings.extend(self._one_role(there["arn"]))
        arns = [self.execution_role_arn or wish.get("arn")]
        arns += [group.get("execution_role") for group in self.description["cluster"]["instance_groups"]]
        for arn in sorted({arn for arn in arns if arn}):
            foreign = access.judge_account(arn, self.caller["account_id"])
            findings.extend([foreign] if foreign else self._one_role(arn))
        return findings

    def _one_role(self, arn: str) -> list[Finding]:
        iam = self.client("iam")
        name = arn.rsplit("/", 1)[-1]
        role = api.role(iam, name)
        if role is None:
            return [access.judge_missing_role(arn)]
        try:
            policies: list[str] | None = api.role_policies(iam, name)
        except botocore.exceptions.ClientError:
            policies = None
        return access.judge_role(arn, role["AssumeRolePolicyDocument"], policies)

    def _bucket(self) -> list[Finding]:
        wish = self.description["lifecycle"]
        if not wish["managed"]:
            buckets = sorted({_bucket_and_prefix(uri)[0] for uri, _entry in self._their_entries()})
        else:
            buckets = [self.bucket]
        made = self.description["execution_role"]["mode"] == "create"
        findings: list[Finding] = []
        for bucket in buckets:
            findings.append(storage.judge_bucket_name(bucket, role_is_made=made))
            status, region = api.bucket(self.client("s3"), bucket)
            findings.extend(storage.judge_bucket(bucket, status, region, self.region or "", made=wish["managed"]))
        return findings

    def _entries(self) -> list[Finding]:
        places = [(self.source_s3_uri, self.entry)] if self.source_s3_uri else self._their_entries()
        findings: list[Finding] = []
        for uri, entry in sorted({(str(uri), str(entry)) for uri, entry in places}):
            bucket, prefix = _bucket_and_prefix(uri)
            key = f"{prefix}/{entry}".lstrip("/")
            if any(f.level == "failure" and f.check == "bucket_exists" and f.where == bucket for f in self.findings):
                continue
            findings.extend(storage.judge_entry(f"s3://{bucket}/{key}", api.entry(self.client("s3"), bucket, key)))
        return findings

    def _their_entries(self) -> list[tuple[str, str]]:
        """Places of the user's own lifecycle files, where those are used."""
        if self.description["lifecycle"]["managed"]:
            return []
        configs = [group.get("life_cycle_config") or {} for group in self.description["cluster"]["instance_groups"]]
        return [
            (config["source_s3_uri"], config.get("on_create") or config.get("on_init_complete") or "")
            for config in configs
            if config.get("source_s3_uri")
        ]

    def _quotas(self) -> list[Finding]:
        nodes = self.description["nodes"]
        volume = static.largest_volume(self.description)
        try:
            values: dict[str, float] | None = api.quotas(self.client("service-quotas"), quotas.SERVICE_CODE)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            values = None
        return quotas.judge_quotas(values, nodes["by_type"], nodes["total"], volume)


def _bucket_and_prefix(uri: str) -> tuple[str, str]:
    bucket, _slash, prefix = uri.split("://", 1)[-1].partition("/")
    return bucket, prefix.strip("/")


def _not_checked(check: str, error: Exception, actions: str) -> Finding:
    denied = api.error_code(error) in _DENIED
    fix = f"allow {actions or 'the action that the message names'}" if denied else "run it again; see the message"
    return warning(check, f"This could not be checked: {error}", where=check, fix=fix)
