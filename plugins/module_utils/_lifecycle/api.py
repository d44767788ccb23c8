# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of S3, one function each. Private to this collection."""

from __future__ import annotations

import base64
import hashlib
import typing as t

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import api_call

from .plan import Listed

# DeleteObjects takes at most so many keys, docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_DELETE_AT_ONCE = 1000


@api_call("look at bucket {bucket}")
def head_bucket(client: t.Any, bucket: str) -> str | None:
    """The region of the bucket, None when S3 does not tell."""
    answer = client.head_bucket(Bucket=bucket)
    return _region(answer)


def bucket_region(error: HyperPodError) -> str | None:
    """The region of a bucket in an answer that refuses (301, 400, 403); None when it does not tell."""
    return _region(getattr(error.exception, "response", None) or {})


@api_call("list s3://{bucket}/{prefix}")
def list_objects(client: t.Any, bucket: str, prefix: str) -> list[Listed]:
    """All objects below the prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [
        Listed(item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
        for item in pages.build_full_result().get("Contents", [])
    ]


@api_call("upload s3://{bucket}/{key}")
def put_object(client: t.Any, bucket: str, key: str, content: bytes) -> None:
    """Upload one object; S3 refuses it when the checksum does not fit."""
    # The algorithm is implied by the checksum; said aloud, S3-compatible servers note it as well.
    client.put_object(
        Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum(content)
    )


@api_call("look at s3://{bucket}/{key}")
def is_stored(client: t.Any, bucket: str, key: str, content: bytes) -> bool:
    """Whether S3 holds exactly this content: size and SHA-256 as S3 noted it."""
    answer = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    return (answer["ContentLength"], answer.get("ChecksumSHA256")) == (len(content), checksum(content))


@api_call("remove objects from s3://{bucket}")
def delete_objects(client: t.Any, bucket: str, keys: t.Sequence[str]) -> None:
    """Remove the objects; some that are gone already are no error."""
    for start in range(0, len(keys), _DELETE_AT_ONCE):
        batch = [{"Key": key} for key in keys[start : start + _DELETE_AT_ONCE]]
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        refused = answer.get("Errors") or []
        if refused:
            raise HyperPodError(
                f"Failed to remove {len(refused)} objects from s3://{bucket}, the first is {refused[0].get('Key')}: "
                f"{refused[0].get('Code')} {refused[0].get('Message')}"
            )


def checksum(content: bytes) -> str:
    """SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


def _region(answer: dict[str, t.Any]) -> str | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region: str | None = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
    return region
