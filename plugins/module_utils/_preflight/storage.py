# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the bucket of the lifecycle files and the entry script. Pure: answers of S3 in, findings out.

Source: "IAM role for SageMaker HyperPod" (the managed policy reads buckets named sagemaker-* only) and "Lifecycle
configuration best practices" (AWS documentation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._findings import Finding

PREFIX = "sagemaker-"
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def judge_bucket_name(bucket: str, *, role_is_made: bool) -> Finding:
    """The name. A role that this collection makes may read the bucket by its own policy, whatever its name is."""
    if bucket.startswith(PREFIX):
        return passed("bucket_name", f"The bucket's name begins with {PREFIX}", where=bucket)
    what = f"The bucket's name does not begin with {PREFIX}"
    why = "AmazonSageMakerClusterInstanceRolePolicy lets nodes read no other bucket"
    fix = f"use a bucket named {PREFIX}..., or make sure that the role may read this one"
    level = warning if role_is_made else failure
    return level("bucket_name", what, where=bucket, why=why, fix=fix)


def judge_bucket(bucket: str, status: int, bucket_region: str | None, region: str, *, made: bool) -> list[Finding]:
    """The bucket itself.

    Args:
        bucket: name.
        status: HTTP status of HeadBucket.
        bucket_region: region that HeadBucket named.
        region: region of the cluster.
        made: it will be made when it isn't there.
    """
    if status == 404:
        if made:
            return [passed("bucket_exists", "The bucket will be made", where=bucket)]
        fix = "make it with the lifecycle files, or set hyperpod_lifecycle_managed to true"
        return [failure("bucket_exists", "The bucket does not exist", where=bucket, fix=fix)]
    if bucket_region and bucket_region != region:
        what = f"The bucket is in {bucket_region}, the cluster in {region}"
        return [failure("bucket_region", what, where=bucket, value=bucket_region, fix=f"use a bucket in {region}")]
    if status == 403:
        fix = "names of buckets are shared by all accounts: choose another name, or allow s3:ListBucket on it"
        return [
            failure("bucket_exists", "The bucket belongs to somebody else, or may not be read", where=bucket, fix=fix)
        ]
    return [passed("bucket_exists", f"The bucket exists in {region}", where=bucket)]


def judge_privacy(bucket: str, block: Mapping[str, bool] | None, *, public: bool) -> Finding:
    """Who can read the bucket.

    Args:
        bucket: name.
        block: its public access block; None: it has none.
        public: its policy makes it public.
    """
    lacking = [name for name in _BLOCKS if not (block or {}).get(name)]
    if public and "RestrictPublicBuckets" in lacking:
        what, why = "The bucket's policy makes it public", "Everybody could read, or change, what nodes run as root"
        fix = "remove the statement for everybody, and block public access: aws s3api put-public-access-block"
        return failure("bucket_private", what, where=bucket, why=why, fix=fix)
    if lacking:
        what = f"The bucket does not block public access: {', '.join(lacking)}"
        why = "One wrong policy or ACL would make public what nodes run as root"
        fix = "aws s3api put-public-access-block, or rely on the account's own block"
        return warning("bucket_private", what, where=bucket, why=why, fix=fix)
    return passed("bucket_private", "The bucket is private", where=bucket)


def judge_forms(uri: str, *, present: bool) -> Finding | None:
    """Only one form of the Slurm configuration may be there ("SageMaker HyperPod Slurm configuration").

    Args:
        uri: place of provisioning_parameters.json beside the lifecycle files of a request with SlurmConfig.
        present: it is there.
    """
    if not present:
        return None
    what = "provisioning_parameters.json lies beside the lifecycle files, and the groups have SlurmConfig as well"
    why = "HyperPod refuses both at once"
    fix = "remove the file from S3, or slurm_config from all groups"
    return failure("both_forms", what, where=uri, why=why, fix=fix)


def judge_entry(uri: str, content: bytes | None) -> list[Finding]:
    """The entry script.

    Args:
        uri: its place.
        content: its beginning (all of it up to 64 KiB); None: there is no such object.
    """
    if content is None:
        what = "The entry script is not there"
        why = "Each node would fail to start"
        fix = "upload it, or correct SourceS3Uri or OnCreate"
        return [failure("entry_exists", what, where=uri, why=why, fix=fix)]
    findings: list[Finding] = []
    first = content.split(b"\n", 1)[0]
    if not first.startswith(b"#!"):
        fix = "begin it with #!/bin/bash"
        findings.append(failure("entry_shebang", "The entry script has no shebang line", where=uri, fix=fix))
    if b"\r\n" in content:
        what = "The entry script has Windows line ends"
        why = "The shell would not find its interpreter"
        findings.append(failure("entry_line_ends", what, where=uri, why=why, fix="convert it to LF: dos2unix"))
    return findings or [passed("entry_exists", "The entry script is there and can be run", where=uri)]
