# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: all checks in their order. Each asks AWS what it needs and hands the answers to a pure judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._hyperpod.common import retrying
from . import access
from . import api
from . import ask_access
from . import ask_capacity
from . import ask_network
from . import connection
from . import static
from .survey import Survey
from .survey import Unknown
from .survey import not_checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

    from .._findings import Finding

# The first call tells whether there is a way at all: it may not take a minute to say no.
_FIRST_ATTEMPTS = 4
CHECKS: tuple[Callable[[Survey], Iterator[Finding]], ...] = (
    ask_network.network,
    ask_capacity.instance_types,
    ask_network.file_systems,
    ask_access.roles,
    ask_access.buckets,
    ask_access.entries,
    ask_access.secrets,
    ask_access.certificates,
    ask_capacity.quotas,
    ask_capacity.training_plans,
    ask_capacity.eks,
    ask_network.pod_network,
)


def run(survey: Survey, *, access_only: bool = False) -> list[Finding]:
    """All findings. Without a way to AWS the rest would only repeat that, and is not tried.

    ``access_only``: only what exists is found out; nothing is judged but the way to AWS.
    """
    survey.findings.extend(static.judge_form(survey.description))
    if survey.findings:
        return survey.findings
    if not access_only:
        mode = survey.description["network"].get("mode")
        survey.findings.extend(static.judge_groups(survey.description, mode != "none" or bool(survey.subnet_ids)))
        survey.findings.extend(static.judge_description(survey.description, survey.instance_types))
    region = connection.judge_region(survey.region, survey.known_regions)
    survey.findings.append(region)
    if region.level != "pass" or not _connect(survey, judge=not access_only):
        return survey.findings
    for check in (_look,) if access_only else (_look, *CHECKS):
        try:
            for finding in check(survey):
                survey.findings.append(finding)
        except Unknown:
            continue  # why is among the findings already
    return survey.findings


def _connect(survey: Survey, *, judge: bool) -> bool:
    """Whether there is a way to AWS."""
    try:
        survey.caller = retrying(api.caller)(survey.client("sts", attempts=_FIRST_ATTEMPTS))
    except connection.aws_errors() as error:
        found = connection.judge_connection_error(error, survey.endpoint_url)
        survey.findings.append(found or not_checked("connection", error, "sts:GetCallerIdentity"))
        return False
    name = survey.description["cluster_name"]
    try:
        survey.cluster = survey.ask(
            "cluster", "sagemaker:DescribeCluster", api.cluster, survey.client("sagemaker"), name
        )
    except Unknown:
        return survey.findings[-1].level != "failure"
    if judge:
        survey.findings.append(static.judge_existing(name, survey.cluster))
    return True


def _look(survey: Survey) -> Iterator[Finding]:
    """What exists of the role and the bucket that are to be made, and for whom it was made; no findings."""
    yield from ()
    wish = survey.description["execution_role"]
    if wish["mode"] == "create":
        role = survey.ask_or_none("role_exists", "iam:GetRole", api.role, survey.client("iam"), wish["name"])
        if role is not None:
            made_for = access.made_for(role.get("Tags") or [])
            trusted = access.trusts(role["AssumeRolePolicyDocument"])
            survey.existing["execution_role"] = {"arn": role["Arn"], "made_for": made_for, "trusted": trusted}
    if survey.description["lifecycle"]["managed"]:
        s3, bucket = survey.client("s3"), survey.bucket
        status, _region = survey.ask("bucket_exists", "s3:ListBucket", api.bucket, s3, bucket)
        if status == 200:
            tags = survey.ask("bucket_exists", "s3:GetBucketTagging", api.bucket_tags, s3, bucket)
            survey.existing["bucket"] = {"name": bucket, "made_for": tags.get(access.OWNER_TAG)}
