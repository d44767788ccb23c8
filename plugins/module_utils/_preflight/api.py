# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the reading calls of preflight, one call per function. None of them changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

try:
    import botocore
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

if TYPE_CHECKING:
    from collections.abc import Sequence

# Enough to see the first line and the line ends of a script.
_ENTRY_BYTES = 65536


def error_code(error: Exception) -> str:
    """The service's code of an error; empty if it is none of a service."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def caller(sts: Any) -> dict[str, str]:
    """Account, ARN, and partition of the credentials."""
    answer = sts.get_caller_identity()
    return {"account_id": answer["Account"], "arn": answer["Arn"], "partition": answer["Arn"].split(":")[1]}


def cluster(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """The cluster of this name; None if there is none."""
    try:
        answer: dict[str, Any] = sagemaker.describe_cluster(ClusterName=name)
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFound":
            return None
        raise
    return answer


def subnets(ec2: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Subnets by id; those that don't exist are left out."""
    filters = [{"Name": "subnet-id", "Values": list(ids)}]
    pages = ec2.get_paginator("describe_subnets").paginate(Filters=filters)
    return [subnet for page in pages for subnet in page["Subnets"]]


def route_tables(ec2: Any, vpc_ids: Sequence[str]) -> list[dict[str, Any]]:
    """All route tables of the VPCs."""
    filters = [{"Name": "vpc-id", "Values": list(vpc_ids)}]
    pages = ec2.get_paginator("describe_route_tables").paginate(Filters=filters)
    return [table for page in pages for table in page["RouteTables"]]


def security_groups(ec2: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Security groups by id; those that don't exist are left out."""
    filters = [{"Name": "group-id", "Values": list(ids)}]
    pages = ec2.get_paginator("describe_security_groups").paginate(Filters=filters)
    return [group for page in pages for group in page["SecurityGroups"]]


def role(iam: Any, name: str) -> dict[str, Any] | None:
    """A role with its trust policy; None if there is none."""
    try:
        answer: dict[str, Any] = iam.get_role(RoleName=name)["Role"]
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "NoSuchEntity":
            return None
        raise
    return answer


def role_policies(iam: Any, name: str) -> list[str]:
    """Names of the policies that are attached to a role or written into it."""
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    inline = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    return [policy["PolicyName"] for page in attached for policy in page["AttachedPolicies"]] + [
        policy for page in inline for policy in page["PolicyNames"]
    ]


def bucket(s3: Any, name: str) -> tuple[int, str | None]:
    """HTTP status of HeadBucket, and the bucket's region where the answer names it (it does with errors, too)."""
    try:
        answer = s3.head_bucket(Bucket=name)
    except botocore.exceptions.ClientError as error:
        answer = error.response
        if answer["ResponseMetadata"]["HTTPStatusCode"] not in (301, 400, 403, 404):
            raise
    metadata = answer["ResponseMetadata"]
    return int(metadata["HTTPStatusCode"]), metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")


def bucket_tags(s3: Any, name: str) -> dict[str, str]:
    """Tags of a bucket."""
    try:
        answer = s3.get_bucket_tagging(Bucket=name)
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "NoSuchTagSet":
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def entry(s3: Any, name: str, key: str) -> bytes | None:
    """The beginning of an object; None if there is none."""
    try:
        answer = s3.get_object(Bucket=name, Key=key, Range=f"bytes=0-{_ENTRY_BYTES - 1}")
    except botocore.exceptions.ClientError as error:
        if error_code(error) in ("NoSuchKey", "404", "NoSuchBucket"):
            return None
        if error_code(error) == "InvalidRange":
            return b""  # an empty object
        raise
    content: bytes = answer["Body"].read()
    return content


def quotas(service_quotas: Any, service_code: str) -> dict[str, float]:
    """Applied quotas of a service by name."""
    pages = service_quotas.get_paginator("list_service_quotas").paginate(ServiceCode=service_code)
    return {quota["QuotaName"]: quota["Value"] for page in pages for quota in page["Quotas"] if "Value" in quota}
