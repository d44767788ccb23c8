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
    from collections.abc import Mapping
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


def attached_policies(iam: Any, name: str) -> list[str]:
    """Names of the policies that are attached to a role."""
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    return [policy["PolicyName"] for page in pages for policy in page["AttachedPolicies"]]


def inline_policies(iam: Any, name: str) -> list[str]:
    """Names of the policies that are written into a role."""
    pages = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    return [policy for page in pages for policy in page["PolicyNames"]]


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


def public_access_block(s3: Any, name: str) -> dict[str, bool] | None:
    """The bucket's own block of public access; None if it has none."""
    try:
        answer: dict[str, bool] = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "NoSuchPublicAccessBlockConfiguration":
            return None
        raise
    return answer


def is_public(s3: Any, name: str) -> bool:
    """Whether the bucket's policy makes it public."""
    try:
        return bool(s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"].get("IsPublic"))
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "NoSuchBucketPolicy":
            return False
        raise


def has_object(s3: Any, name: str, key: str) -> bool:
    """Whether an object is there."""
    listed = s3.list_objects_v2(Bucket=name, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in listed.get("Contents", []))


def simulate(iam: Any, arn: str, pairs: Sequence[tuple[str, str]], context: Mapping[str, str]) -> list[dict[str, Any]]:
    """Decisions of IAM's simulator for pairs of action and resource; one call for each resource."""
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    by_resource: dict[str, list[str]] = {}
    for action, resource in pairs:
        by_resource.setdefault(resource, []).append(action)
    return [
        result
        for resource, actions in by_resource.items()
        for page in iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=actions, ResourceArns=[resource], ContextEntries=entries
        )
        for result in page["EvaluationResults"]
    ]


def zones(ec2: Any) -> list[str]:
    """Names of the Availability Zones that the account has in the region."""
    return [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]


def offerings(ec2: Any, types: Sequence[str]) -> dict[str, set[str]]:
    """Names of the zones that offer each of the instance types of EC2."""
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": list(types)}]
    )
    result: dict[str, set[str]] = {}
    for page in pages:
        for offering in page["InstanceTypeOfferings"]:
            result.setdefault(offering["InstanceType"], set()).add(offering["Location"])
    return result


def efa_interfaces(ec2: Any, types: Sequence[str]) -> dict[str, int]:
    """EFA interfaces of each instance type of EC2 that EC2 knows; 0 without EFA."""
    filters = [{"Name": "instance-type", "Values": list(types)}]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=filters)
    return {
        kind["InstanceType"]: int((kind["NetworkInfo"].get("EfaInfo") or {}).get("MaximumEfaInterfaces") or 0)
        for page in pages
        for kind in page["InstanceTypes"]
    }


def vpc_blocks(ec2: Any, vpc_ids: Sequence[str]) -> list[str]:
    """IPv4 blocks of VPCs."""
    pages = ec2.get_paginator("describe_vpcs").paginate(Filters=[{"Name": "vpc-id", "Values": list(vpc_ids)}])
    return [
        block["CidrBlock"] for page in pages for vpc in page["Vpcs"] for block in vpc.get("CidrBlockAssociationSet", [])
    ]


def network_interfaces(ec2: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Network interfaces by id."""
    filters = [{"Name": "network-interface-id", "Values": list(ids)}]
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=filters)
    return [interface for page in pages for interface in page["NetworkInterfaces"]]


def file_system(fsx: Any, file_system_id: str) -> dict[str, Any] | None:
    """A file system of FSx; None if there is none."""
    try:
        found = fsx.describe_file_systems(FileSystemIds=[file_system_id])["FileSystems"]
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "FileSystemNotFound":
            return None
        raise
    return found[0] if found else None


def secret(secrets_manager: Any, name: str) -> dict[str, Any] | None:
    """A secret without its value; None if there is none."""
    try:
        answer: dict[str, Any] = secrets_manager.describe_secret(SecretId=name)
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return answer


def certificate(acm: Any, arn: str) -> dict[str, Any] | None:
    """A certificate of ACM; None if there is none."""
    try:
        answer: dict[str, Any] = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return answer


def training_plan(sagemaker: Any, arn: str) -> dict[str, Any] | None:
    """A training plan; None if there is none."""
    try:
        answer: dict[str, Any] = sagemaker.describe_training_plan(TrainingPlanName=arn)
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFound":
            return None
        raise
    return answer


def eks_cluster(eks: Any, name: str) -> dict[str, Any] | None:
    """A cluster of EKS; None if there is none."""
    try:
        answer: dict[str, Any] = eks.describe_cluster(name=name)["cluster"]
    except botocore.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return answer


def addon_names(eks: Any, name: str) -> list[str]:
    """Names of the add-ons of an EKS cluster."""
    pages = eks.get_paginator("list_addons").paginate(clusterName=name)
    return [addon for page in pages for addon in page["addons"]]


def addon(eks: Any, name: str, addon_name: str) -> dict[str, Any]:
    """One add-on of an EKS cluster."""
    answer: dict[str, Any] = eks.describe_addon(clusterName=name, addonName=addon_name)["addon"]
    return answer


def quotas(service_quotas: Any, service_code: str) -> dict[str, float]:
    """Applied quotas of a service by name."""
    pages = service_quotas.get_paginator("list_service_quotas").paginate(ServiceCode=service_code)
    return {quota["QuotaName"]: quota["Value"] for page in pages for quota in page["Quotas"] if "Value" in quota}
