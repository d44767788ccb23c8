# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: secrets, certificates and objects, fetched on the node by the node's own role.

boto3 is in the environment of the lifecycle bundle and seldom in the system's Python, in which modules run; a module
that needs it starts itself again in a Python that has it.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.respawn import has_respawned
from ansible.module_utils.common.respawn import probe_interpreters_for_module
from ansible.module_utils.common.respawn import respawn_module

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    HAS_BOTO3 = False
else:
    HAS_BOTO3 = True

PYTHONS = ("/opt/podforge/current/venv/bin/python", "/usr/bin/python3", "/usr/local/bin/python3")
# A thousand nodes may ask at once. Adaptive mode slows down by itself; twelve attempts are about five minutes.
ATTEMPTS = 12
CURRENT = "AWSCURRENT"
NO_BOTO3 = (
    "boto3 is in no Python of this node (looked at {pythons}), and it is needed to read {what}. Fix: run the lifecycle "
    "script once, which brings it, install python3-boto3, or give the value itself instead"
)
# AWS Secrets Manager, API reference, "Common Errors" and GetSecretValue; ACM GetCertificate; S3 error responses.
_NOT_THERE = frozenset({"ResourceNotFoundException", "NoSuchKey", "NoSuchBucket", "404"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "403", "UnauthorizedOperation"})
_THROTTLED = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
)


class SourceError(Exception):
    """It can't be read; the text says what, why and how to mend it, and never holds a secret."""


def need_boto3(what: str) -> None:
    """Go on in a Python that has boto3; does not return when that is another one.

    Raises:
        SourceError: there is none.
    """
    if HAS_BOTO3:
        return
    python = None if has_respawned() else probe_interpreters_for_module(list(PYTHONS), "boto3")
    if python is None:
        raise SourceError(NO_BOTO3.format(pythons=", ".join(PYTHONS), what=what))
    respawn_module(python)


def region_of(identifier: str, region: str | None) -> str | None:
    """The region in an ARN, else the given one."""
    parts = identifier.split(":")
    return parts[3] if identifier.startswith("arn:") and len(parts) > 5 and parts[3] else region


def secret_text(identifier: str, region: str | None, stage: str = CURRENT) -> str:
    """The text of a secret in Secrets Manager.

    Args:
        identifier: name or ARN.
        region: of a secret that is given by its name.
        stage: label of the version.

    Raises:
        SourceError: it can't be read, with the reason and the fix.
    """
    client = _client("secretsmanager", identifier, region)
    answer = _ask(
        lambda: client.get_secret_value(SecretId=identifier, VersionStage=stage),
        identifier,
        "secretsmanager:GetSecretValue",
    )
    text = answer.get("SecretString")
    if text is None:
        raise SourceError(f"{identifier}: The secret is binary. Fix: store it as text (SecretString)")
    return str(text)


def certificate_of_acm(arn: str) -> str:
    """The chain of a certificate in ACM, which ends in its authority; of a self-signed one the certificate itself."""
    client = _client("acm", arn, None)
    answer = _ask(lambda: client.get_certificate(CertificateArn=arn), arn, "acm:GetCertificate")
    return str(answer.get("CertificateChain") or answer["Certificate"])


def object_of_s3(uri: str, region: str | None) -> str:
    """The text of an object, C(s3://bucket/key)."""
    bucket, _slash, key = uri[len("s3://") :].partition("/")
    if not bucket or not key:
        raise SourceError(f"{uri}: This names no object. Fix: write s3://<bucket>/<key>")
    client = _client("s3", uri, region)
    answer = _ask(lambda: client.get_object(Bucket=bucket, Key=key), uri, "s3:GetObject")
    return str(answer["Body"].read().decode("utf-8", "replace"))


def _client(service: str, identifier: str, region: str | None) -> t.Any:
    place = region_of(identifier, region)
    config = botocore.config.Config(
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=30
    )
    try:
        make: t.Any = boto3.client
        return make(service, region_name=place, config=config)
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise SourceError(f"{identifier}: No client of {service}: {error}. Fix: give the region, or an ARN") from error


def _ask(call: t.Callable[[], t.Any], where: str, action: str) -> t.Any:
    """One answer, or the reason why there is none."""
    try:
        return call()
    except botocore.exceptions.ClientError as error:
        raise SourceError(explain(error.response.get("Error", {}), where, action)) from error
    except botocore.exceptions.NoCredentialsError as error:
        fix = "see that the metadata service answers, and that the instance group has an execution role"
        raise SourceError(f"{where}: This node has no credentials. Fix: {fix}") from error
    except botocore.exceptions.BotoCoreError as error:
        fix = f"the subnet needs a way to {action.split(':', 1)[0]}: a NAT gateway or a VPC endpoint"
        raise SourceError(f"{where}: The service can't be reached: {error}. Fix: {fix}") from error


def explain(error: t.Mapping[str, t.Any], where: str, action: str) -> str:
    """A refusal of a service, in words."""
    code, message = str(error.get("Code", "")), str(error.get("Message", "")).rstrip(".")
    if code in _NOT_THERE:
        return f"{where}: It does not exist ({code}). Fix: correct the name and the region, or create it"
    if code in _DENIED:
        kms = ", and to kms:Decrypt of its key" if "kms" in message.lower() else ""
        return f"{where}: The node's role may not read it: {message}. Fix: allow the execution role {action}{kms}"
    if code in _THROTTLED:
        return f"{where}: {ATTEMPTS} requests were throttled ({code}). Fix: run it again; too many nodes ask at once"
    if "marked for deletion" in message or "scheduled for deletion" in message:
        return f"{where}: It is scheduled for deletion. Fix: aws secretsmanager restore-secret, or give another one"
    return f"{where}: {code}: {message}. Fix: see that {action} works for the node's role"
