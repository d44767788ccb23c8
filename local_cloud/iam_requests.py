# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which actions on which resources a request needs, by the Service Authorization Reference. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from xml.sax.saxutils import unescape

from local_cloud.iam_policy import as_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.calls import Call

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html, where they differ in name.
_S3_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
# Signing names that aren't the prefix of the service's actions.
_PREFIXES = {"monitoring": "cloudwatch", "email": "ses"}
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_S3_HOST = re.compile(r"(?P<bucket>.+?)\.s3[.-]")
_IAM_RESOURCES = {
    "RoleName": "role",
    "UserName": "user",
    "GroupName": "group",
    "InstanceProfileName": "instance-profile",
}

_SAGEMAKER_RESOURCES = {
    "ClusterName": "cluster",
    "ClusterArn": "cluster",
    "ResourceArn": "cluster",
    "TrainingPlanName": "training-plan",
}


@dataclass(frozen=True)
class Request:
    """What of a request its resources follow from.

    Attributes:
        operation: name, also for REST.
        path: decoded.
        host: as the client named it.
        copy_source: of S3's copies, decoded; empty without.
        body: of JSON services and of DeleteObjects.
        form: of query services.
    """

    operation: str
    path: str
    host: str
    copy_source: str
    body: bytes
    form: Mapping[str, list[str]]


def has_body(call: Call, operation: str) -> bool:
    """Whether the resources of a request are in its body."""
    return call.protocol == "json" or (call.service == "s3" and operation == "DeleteObjects")


def needed(call: Call, request: Request, place: str) -> list[tuple[str, str]]:
    """Pairs of action and resource; all of them must be allowed.

    ``place`` is ``arn:<partition>:%s:<region>:<account id>:``, the service to be filled in.
    """
    operation = request.operation
    if call.service == "s3":
        return _of_s3(request, place.split(":")[1])
    prefix = _PREFIXES.get(call.service, call.service)
    action = f"{prefix}:{operation}"
    if call.service == "iam":
        return [(action, _iam_resource(request.form, place))]
    params = _json(request.body) if call.protocol == "json" else {}
    if call.service == "sagemaker":
        return [(action, _sagemaker_resource(params, place)), *_passed(operation, params, place)]
    if call.service == "logs":
        return [(action, _log_resource(params, place))]
    if call.service == "eks":
        return [(action, _eks_resource(request.path.strip("/").split("/"), place))]
    named = (params.get(key) for key in ("SecretId", "CertificateArn", "ResourceArn", "ResourceARN"))
    return [(action, next((str(value) for value in named if str(value).startswith("arn:")), "*"))]


def _json(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except ValueError:
        return {}  # the service says what is wrong with it
    return params if isinstance(params, dict) else {}


def _of_s3(request: Request, partition: str) -> list[tuple[str, str]]:
    operation, path = request.operation, request.path.lstrip("/")
    host = _S3_HOST.match(request.host)
    bucket, _slash, key = (host["bucket"], "/", path) if host else path.partition("/")
    action = f"s3:{_S3_ACTIONS.get(operation, operation)}"
    if not bucket:
        return [(action, "*")]
    name = f"arn:{partition}:s3:::{bucket}"
    if operation == "DeleteObjects":
        return [(action, f"{name}/{unescape(key)}") for key in _KEY.findall(request.body.decode("utf-8", "replace"))]
    result = [(action, f"{name}/{key}" if key else name)]
    source = request.copy_source.lstrip("/").split("?")[0]
    if operation in ("CopyObject", "UploadPartCopy"):
        result = [("s3:PutObject", result[0][1])]
        if source:
            result.append(("s3:GetObject", f"arn:{partition}:s3:::{source}"))
    return result


def _iam_resource(form: Mapping[str, list[str]], place: str) -> str:
    account = place.split(":")[4]
    partition = place.split(":")[1]
    if form.get("PolicyArn") and not any(form.get(key) for key in _IAM_RESOURCES):
        return form["PolicyArn"][0]
    for key, kind in _IAM_RESOURCES.items():
        if form.get(key):
            return f"arn:{partition}:iam::{account}:{kind}/{form[key][0]}"
    return (form.get("PolicySourceArn") or ["*"])[0]


def _sagemaker_resource(params: Mapping[str, Any], place: str) -> str:
    for key, kind in _SAGEMAKER_RESOURCES.items():
        if params.get(key):
            name = str(params[key])
            return name if name.startswith("arn:") else f"{place % 'sagemaker'}{kind}/{name}"
    return ""


def _eks_resource(path: list[str], place: str) -> str:
    """``clusters/<name>[/addons/<add-on>]``; the ARN of an add-on ends with an id, which no request has."""
    if path[0] != "clusters" or len(path) == 1:
        return "*"
    if len(path) > 3 and path[2] == "addons":
        return f"{place % 'eks'}addon/{path[1]}/{path[3]}/*"
    return f"{place % 'eks'}cluster/{path[1]}"


def _passed(operation: str, params: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """Roles that the caller hands to the service, and tags that it sets at creation."""
    if operation not in ("CreateCluster", "UpdateCluster", "CreateTrainingPlan"):
        return []
    groups = [
        group
        for key in ("InstanceGroups", "RestrictedInstanceGroups")
        for group in as_list(params.get(key))
        if isinstance(group, dict)
    ]
    roles = {str(group["ExecutionRole"]) for group in groups if group.get("ExecutionRole")}
    roles |= {str(params["ClusterRole"])} if params.get("ClusterRole") else set()
    result = [("iam:PassRole", role) for role in sorted(roles)]
    return [*result, ("sagemaker:AddTags", _sagemaker_resource(params, place))] if params.get("Tags") else result


def _log_resource(params: Mapping[str, Any], place: str) -> str:
    name = params.get("logGroupName")
    if not name:
        return "*"
    return f"{place % 'logs'}log-group:{name}:log-stream:{params.get('logStreamName', '')}"
