# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where moto answers otherwise than AWS, and it matters: put right in this process."""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Any

import botocore.session
from moto.core.responses import ActionResult
from moto.ec2 import utils as ec2_utils
from moto.ec2.models import EC2Backend
from moto.ec2.responses.security_groups import SecurityGroups
from moto.iam import models as iam_models
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse
from moto.s3 import models as s3_models
from moto.s3.exceptions import InvalidBucketName
from moto.s3.responses import S3Response
from werkzeug.datastructures import Headers

from local_cloud import mends_acm
from local_cloud import mends_ds
from local_cloud import mends_eks
from local_cloud import mends_elbv2
from local_cloud import mends_fsx
from local_cloud import mends_route53
from local_cloud import mends_secrets
from local_cloud.moto_access import account_of

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_APPLIED = "_local_cloud_mended"


def bucket_name_is_valid(name: str) -> bool:
    """Whether S3 takes ``name`` for a new general purpose bucket."""
    if not _BUCKET.fullmatch(name) or name.startswith(_BUCKET_PREFIXES) or name.endswith(_BUCKET_SUFFIXES):
        return False
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return False


def apply() -> None:
    """Mend moto. Calling it again changes nothing."""
    if getattr(iam_models, _APPLIED, False):
        return
    setattr(iam_models, _APPLIED, True)
    iam_models.get_account_id_from = account_of
    _wrap(s3_models.S3Backend, "create_bucket", _check_bucket_name)
    _wrap(iam_models.IAMBackend, "create_role", _check_trust_policy)
    _mend_rule_descriptions()
    _mend_checksums()
    _mend_log_filter()
    _mend_new_buckets()
    _mend_offerings()
    for part in (mends_acm, mends_ds, mends_eks, mends_elbv2, mends_fsx, mends_route53, mends_secrets):
        part.apply()
    # The type of a NAT gateway in DescribeTags (EC2 API reference, TagSpecification).
    ec2_utils.EC2_PREFIX_TO_RESOURCE["nat"] = "natgateway"


def _wrap(owner: Any, name: str, before: Any) -> None:
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        return inner(self, *args, **kwargs)

    setattr(owner, name, wrapper)


def _check_bucket_name(bucket_name: str, *_args: Any, **_kwargs: Any) -> None:
    """moto looks at the length only."""
    if not bucket_name_is_valid(bucket_name):
        raise InvalidBucketName


def _check_trust_policy(_role_name: str, assume_role_policy_document: str, *_args: Any, **_kwargs: Any) -> None:
    """moto does this when a trust policy is changed, not when a role is made."""
    IAMTrustPolicyDocumentValidator(assume_role_policy_document).validate()


def _mend_rule_descriptions() -> None:
    """moto leaves out ``Return``, which EC2 always answers and clients read."""
    for name in ("update_security_group_rule_descriptions_ingress", "update_security_group_rule_descriptions_egress"):
        inner = getattr(SecurityGroups, name)

        @functools.wraps(inner)
        def answer(self: Any, inner: Any = inner) -> ActionResult:
            inner(self)
            return ActionResult({"Return": True})

        setattr(SecurityGroups, name, answer)


def _mend_checksums() -> None:
    """moto keeps a checksum only when its algorithm is named as well; for S3 the header of the value is enough."""
    inner = S3Response._get_checksum

    @functools.wraps(inner)
    def get_checksum(self: Any, response_headers: dict[str, Any]) -> Any:
        algorithms = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
        given = [name for name in algorithms if f"x-amz-checksum-{name.lower()}" in self.headers]
        if given and not self.headers.get("x-amz-sdk-checksum-algorithm"):
            self.headers = Headers([*self.headers.items(), ("x-amz-sdk-checksum-algorithm", given[0])])
        return inner(self, response_headers)

    S3Response._get_checksum = get_checksum


def _mend_log_filter() -> None:
    """moto ignores ``logStreamNamePrefix``, and tells stream after stream; CloudWatch Logs goes by time.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    inner = LogsResponse.filter_log_events

    @functools.wraps(inner)
    def filter_log_events(self: Any) -> Any:
        given = self._get_param
        prefix = given("logStreamNamePrefix")
        if prefix and given("logStreamNames"):
            raise InvalidParameterException(msg="logStreamNamePrefix and logStreamNames can't be used together.")
        changed: dict[str, Any] = {"interleaved": True}
        group = self.logs_backend.groups.get(given("logGroupName"))
        if prefix and group is not None:
            # No names at all would mean every stream; no stream has an empty name.
            changed["logStreamNames"] = [name for name in list(group.streams) if name.startswith(prefix)] or [""]
        # Each request has a response object of its own.
        self._get_param = lambda name, default=None: changed[name] if name in changed else given(name, default)
        return inner(self)

    LogsResponse.filter_log_events = filter_log_events


def _mend_new_buckets() -> None:
    """New buckets block public access since April 2023 (S3 user guide, "Blocking public access")."""
    inner = s3_models.S3Backend.create_bucket

    @functools.wraps(inner)
    def create_bucket(self: Any, *args: Any, **kwargs: Any) -> Any:
        bucket = inner(self, *args, **kwargs)
        bucket.public_access_block = s3_models.PublicAccessBlock(*["true"] * 4)
        return bucket

    s3_models.S3Backend.create_bucket = create_bucket


def _mend_offerings() -> None:
    """The first zone of a region offers every instance type of HyperPod, as here any can be had there.

    moto has a copy of what one account once saw, without the newest types.
    """
    inner = EC2Backend.describe_instance_type_offerings
    shape: Any = botocore.session.get_session().get_service_model("sagemaker").shape_for("ClusterInstanceType")
    names = [name.removeprefix("ml.") for name in shape.enum]

    @functools.wraps(inner)
    def describe_instance_type_offerings(
        self: Any, location_type: str | None = None, filters: dict[str, Any] | None = None
    ) -> list[Any]:
        found = inner(self, location_type, filters)
        zone = min(self.describe_availability_zones(), key=lambda each: each.name, default=None)
        kind = location_type or "region"
        place = {"availability-zone": "name", "availability-zone-id": "zone_id"}.get(kind)
        if zone is None or (place is None and kind != "region"):
            return list(found)
        location = getattr(zone, place) if place else self.region_name
        seen = {offer["InstanceType"] for offer in found if offer["Location"] == location}
        more = [{"InstanceType": name, "Location": location} for name in names if name not in seen]
        return [*found, *(offer for offer in more if self.matches_filters(offer, filters or {}, kind))]

    EC2Backend.describe_instance_type_offerings = describe_instance_type_offerings
