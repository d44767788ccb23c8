# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: reaching AWS at all - region, credentials, endpoint. Three different mistakes, three different messages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import urlsplit

try:
    import botocore
    import botocore.exceptions
    import botocore.parsers
except ImportError:
    pass  # AnsibleAWSModule reports it

from .._findings import did_you_mean
from .._findings import failure
from .._findings import passed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._findings import Finding

LOCAL_CLOUD = "start it: make cluster, or python -m local_cloud up"
_REJECTED = frozenset(
    (
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def known_regions(session: Any) -> list[str]:
    """The regions of all partitions that the installed botocore knows for SageMaker."""
    return [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition_name=partition)
    ]


def judge_region(region: str | None, known: Iterable[str]) -> Finding:
    """The name of the region, before any call."""
    if not region:
        fix = "set region in the description, the variable hyperpod_region, or AWS_REGION"
        return failure("region", "No region is given", where="region", fix=fix)
    names = list(known)
    if region not in names:
        fix = did_you_mean(region, names, otherwise=f"use one of {', '.join(names)}")
        what = f"'{region}' is not a region that offers SageMaker"
        return failure(
            "region", what, where="region", value=region, fix=f"{fix} (a newer region needs a newer botocore)"
        )
    return passed("region", f"Region {region} is known", where="region", value=region)


def aws_errors() -> tuple[type[Exception], ...]:
    """What a call of AWS raises. An answer that can't be read is no BotoCoreError."""
    return (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        botocore.parsers.ResponseParserError,
    )


def judge_connection_error(error: Exception, endpoint_url: str | None) -> Finding | None:
    """What an exception of the first call says about the way to AWS; None if it says nothing about that."""
    if isinstance(error, (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
        fix = (
            "log in (aws sso login, aws configure) and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY; aws sts get-caller-identity must answer"
        )
        return failure("credentials", "No AWS credentials were found", where="credentials", fix=fix)
    if isinstance(error, botocore.exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code in _REJECTED:
            what = f"AWS does not accept the credentials ({code})"
            fix = "log in again; aws sts get-caller-identity must answer"
            return failure("credentials", what, where="credentials", fix=fix)
        return None
    if isinstance(error, botocore.parsers.ResponseParserError):
        what = f"What answers at {endpoint_url or 'the endpoint'} does not speak the AWS API"
        fix = f"correct endpoint_url; for local_cloud see that no other program has the port, and {LOCAL_CLOUD}"
        return failure("api", what, where="endpoint_url", value=endpoint_url, fix=fix)
    if isinstance(error, (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
        return _unreachable(error, endpoint_url)
    return None


def _unreachable(error: Exception, endpoint_url: str | None) -> Finding:
    if endpoint_url and urlsplit(endpoint_url).hostname in _LOOPBACK:
        what = f"The API of local_cloud is not running at {endpoint_url}"
        return failure("api", what, where="endpoint_url", value=endpoint_url, fix=LOCAL_CLOUD)
    what = f"AWS can't be reached: {error}"
    fix = "check the network, the proxy and the region, and that endpoint_url is not set by mistake"
    return failure("api", what, where="endpoint_url" if endpoint_url else "network", value=endpoint_url, fix=fix)
