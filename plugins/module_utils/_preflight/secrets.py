# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: secrets and certificates that nodes read. Pure: answers of Secrets Manager and ACM in, findings out.

Names: RFC 6125, 6.4.3 (a wildcard stands for one label, the leftmost).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .._findings import Finding

NEAR = timedelta(days=30)


def judge_secret_region(secret: str, region: str) -> Finding | None:
    """Where a secret is that is given by its ARN."""
    place = secret.split(":")[3] if secret.startswith("arn:") else region
    if place == region:
        return None
    what, fix = f"The secret is in {place}, the cluster in {region}", f"give one of {region}, or a replica there"
    return failure("secret", what, where=secret, value=place, fix=fix)


def judge_secret(secret: str, described: Mapping[str, Any] | None) -> Finding:
    """A secret by name or ARN; ``described``: answer of DescribeSecret, None: there is none."""
    if described is None:
        what, fix = "The secret does not exist", "correct the name: aws secretsmanager list-secrets"
        return failure("secret", what, where=secret, fix=fix)
    if described.get("DeletedDate"):
        what, fix = "The secret is scheduled for deletion", "aws secretsmanager restore-secret, or give another one"
        return failure("secret", what, where=secret, value=described["DeletedDate"], fix=fix)
    stages = [stage for names in (described.get("VersionIdsToStages") or {}).values() for stage in names]
    if "AWSCURRENT" not in stages:
        what, fix = "The secret has no value yet", "aws secretsmanager put-secret-value"
        return failure("secret", what, where=secret, fix=fix)
    return passed("secret", "The secret exists and has a value", where=secret)


def judge_certificate(arn: str, name: str | None, found: Mapping[str, Any] | None, now: datetime) -> list[Finding]:
    """A certificate of ACM.

    Args:
        arn: the certificate.
        name: host name that clients will ask for, without ``ldaps://``.
        found: ``Certificate`` of DescribeCertificate; None: there is none.
        now: time of the check, with its time zone.
    """
    if found is None:
        what, fix = "The certificate does not exist", "correct the ARN: aws acm list-certificates"
        return [failure("certificate", what, where=arn, fix=fix)]
    findings = [_judge_time(arn, found, now)]
    names = sorted({str(found.get("DomainName") or ""), *map(str, found.get("SubjectAlternativeNames") or [])} - {""})
    if name is None:
        return findings
    if any(covers(pattern, name) for pattern in names):
        return [*findings, passed("certificate_name", f"The certificate is for {name}", where=arn)]
    what = f"The certificate is for {', '.join(names) or 'no name'}, and not for {name}"
    why = "Clients that verify it would refuse the connection"
    fix = "import one for that name, or connect by a name that it has"
    return [*findings, failure("certificate_name", what, where=arn, value=name, why=why, fix=fix)]


def _judge_time(arn: str, found: Mapping[str, Any], now: datetime) -> Finding:
    status = str(found.get("Status") or "")
    end, begin = found.get("NotAfter"), found.get("NotBefore")
    fix = "import or request a new one"
    if status not in ("ISSUED", ""):
        return failure("certificate", f"The certificate is {status}", where=arn, value=status, fix=fix)
    if end is None:
        return warning("certificate", "ACM does not tell when the certificate ends", where=arn, fix="look it up")
    if end <= now:
        return failure("certificate", f"The certificate has ended on {end:%Y-%m-%d}", where=arn, value=end, fix=fix)
    if begin is not None and begin > now:
        what = f"The certificate begins on {begin:%Y-%m-%d} only"
        return failure("certificate", what, where=arn, value=begin, fix="wait for it, or look at the clock")
    if end - now < NEAR:
        what = f"The certificate ends in {(end - now).days} days"
        why = "Nobody could log in after that"
        return warning("certificate", what, where=arn, value=end, why=why, fix=fix)
    return passed("certificate", f"The certificate is valid until {end:%Y-%m-%d}", where=arn)


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate stands for a host name."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == name
    return name.partition(".")[2] == pattern[2:] and bool(name.partition(".")[0])


def host_of(name: str) -> str:
    """The host name in ``ldaps://name:636/``, or the name as it is."""
    return name.split("://", 1)[-1].split("/", 1)[0].split(":", 1)[0]
