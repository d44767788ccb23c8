# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what preflight asks of IAM, S3, Secrets Manager and ACM."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING

from .._findings import passed
from .._findings import warning
from . import access
from . import api
from . import secrets as secret_judges
from . import storage
from .survey import Unknown
from .survey import bucket_and_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._findings import Finding
    from .survey import Survey

FORM = "provisioning_parameters.json"


def roles(survey: Survey) -> Iterator[Finding]:
    """Execution roles: of the cluster, and of groups that have their own."""
    wish = survey.description["execution_role"]
    there = survey.existing["execution_role"]
    if wish["mode"] == "create" and there is None:
        yield passed("role_exists", f"The role {wish['name']} will be made", where=wish["name"])
        if survey.secrets or survey.certificates:
            what = "Whether nodes may read secrets and certificates could not be checked: their role is not made yet"
            fix = "allow it to the role once it is there, and run this again"
            yield warning("role_permissions", what, where=wish["name"], fix=fix)
    elif there is not None and there["made_for"] != survey.description["cluster_name"]:
        yield from _one_role(survey, there["arn"])
    arns = [survey.execution_role_arn or wish.get("arn")]
    arns += [group.get("execution_role") for group in survey.groups]
    for arn in sorted({arn for arn in arns if arn}):
        foreign = access.judge_account(arn, survey.caller["account_id"])
        if foreign:
            yield foreign
        else:
            yield from _one_role(survey, arn)


def _one_role(survey: Survey, arn: str) -> Iterator[Finding]:
    iam = survey.client("iam")
    name = arn.rsplit("/", 1)[-1]
    role = survey.ask("role_trust", "iam:GetRole", api.role, iam, name)
    if role is None:
        yield access.judge_missing_role(arn)
        return
    attached = survey.ask_or_none("role_policies", "iam:ListAttachedRolePolicies", api.attached_policies, iam, name)
    inline = survey.ask_or_none("role_policies", "iam:ListRolePolicies", api.inline_policies, iam, name)
    policies = attached + inline if attached is not None and inline is not None else None
    yield from access.judge_role(arn, role["AssumeRolePolicyDocument"], policies)
    context = access.simulation_context(survey.caller["account_id"])
    action = "iam:SimulatePrincipalPolicy"
    yield from access.judge_permissions(
        arn, survey.ask("role_permissions", action, api.simulate, iam, arn, _needed(survey), context)
    )


def _needed(survey: Survey) -> list[tuple[str, str]]:
    caller, region = survey.caller, survey.region or ""
    account, partition = caller["account_id"], caller["partition"]
    pairs = access.needed_permissions(
        partition,
        region,
        account,
        survey.description["cluster_name"],
        _buckets(survey),
        own_network=survey.description["network"].get("mode") != "none" or bool(survey.subnet_ids),
    )
    for secret in survey.secrets:
        # The ARN of a secret ends in six random characters.
        whole = f"arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}-AbCdEf"
        pairs.append(("secretsmanager:GetSecretValue", secret if secret.startswith("arn:") else whole))
    return pairs + [("acm:GetCertificate", str(certificate["arn"])) for certificate in survey.certificates]


def _buckets(survey: Survey) -> list[str]:
    if survey.description["lifecycle"]["managed"]:
        return [survey.bucket]
    return sorted({bucket_and_prefix(uri)[0] for uri, _entry in survey.their_entries()})


def buckets(survey: Survey) -> Iterator[Finding]:
    """Buckets of the lifecycle files."""
    managed = survey.description["lifecycle"]["managed"]
    made = survey.description["execution_role"]["mode"] == "create"
    s3 = survey.client("s3")
    for bucket in _buckets(survey):
        yield storage.judge_bucket_name(bucket, role_is_made=made)
        status, region = survey.ask("bucket_exists", "s3:ListBucket", api.bucket, s3, bucket)
        yield from storage.judge_bucket(bucket, status, region, survey.region or "", made=managed)
        if status == 200:
            yield from _privacy(survey, s3, bucket)


def _privacy(survey: Survey, s3: Any, bucket: str) -> Iterator[Finding]:
    try:
        action = "s3:GetBucketPublicAccessBlock"
        block = survey.ask("bucket_private", action, api.public_access_block, s3, bucket)
        public = survey.ask("bucket_private", "s3:GetBucketPolicyStatus", api.is_public, s3, bucket)
    except Unknown:
        return
    yield storage.judge_privacy(bucket, block, public=public)


def entries(survey: Survey) -> Iterator[Finding]:
    """Entry scripts, and a form of the Slurm configuration that must not lie beside them."""
    given = survey.source_s3_uri
    places = [(given, survey.entry)] if given else survey.their_entries()
    slurm_config = any(group.get("slurm_config") for group in survey.groups)
    s3 = survey.client("s3")
    for uri, entry in sorted({(str(uri), str(entry)) for uri, entry in places}):
        bucket, prefix = bucket_and_prefix(uri)
        if any(f.level == "failure" and f.check == "bucket_exists" and f.where == bucket for f in survey.findings):
            continue
        key, form = (f"{prefix}/{name}".lstrip("/") for name in (entry, FORM))
        content = survey.ask("entry_exists", "s3:GetObject", api.entry, s3, bucket, key)
        yield from storage.judge_entry(f"s3://{bucket}/{key}", content)
        if slurm_config:
            present = survey.ask("both_forms", "s3:ListBucket", api.has_object, s3, bucket, form)
            both = storage.judge_forms(f"s3://{bucket}/{form}", present=present)
            if both:
                yield both


def secrets(survey: Survey) -> Iterator[Finding]:
    """Secrets that nodes read. Their values are not."""
    region = survey.region or ""
    for secret in survey.secrets:
        away = secret_judges.judge_secret_region(secret, region)
        if away:
            yield away
            continue
        client, action = survey.client("secretsmanager"), "secretsmanager:DescribeSecret"
        yield secret_judges.judge_secret(secret, survey.ask("secret", action, api.secret, client, secret))


def certificates(survey: Survey) -> Iterator[Finding]:
    """Certificates of LDAPS endpoints."""
    for certificate in survey.certificates:
        arn, name = str(certificate["arn"]), certificate.get("name")
        found = survey.ask("certificate", "acm:DescribeCertificate", api.certificate, survey.client("acm"), arn)
        host = secret_judges.host_of(name) if name else None
        yield from secret_judges.judge_certificate(arn, host, found, datetime.now(timezone.utc))
