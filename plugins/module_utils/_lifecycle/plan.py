# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to upload and what to remove. Pure. Private to this collection."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiters import BUSY

from .common import ENTRY_SCRIPT
from .common import JsonDict

_CONTENT_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Listed:
    """One object as ListObjectsV2 tells of it; C(etag) without quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class UploadPlan:
    """Names to upload, in this order, and names of which the listing cannot tell whether they are right."""

    upload: list[str]
    doubtful: list[str]


def plan_upload(objects: t.Mapping[str, bytes], prefix: str, listed: t.Sequence[Listed]) -> UploadPlan:
    """Compare what there is to be with what is listed; the entry script is last in both.

    An ETag is the MD5 of the content but for objects encrypted by KMS and multipart uploads (docs.aws.amazon.com,
    AmazonS3/latest/API/API_Object.html): equal is certain, different is a doubt.
    """
    present = {item.key: item for item in listed}
    upload, doubtful = [], []
    for name, content in objects.items():
        found = present.get(f"{prefix}/{name}")
        if found is None or found.size != len(content):
            upload.append(name)
        elif found.etag != hashlib.md5(content, usedforsecurity=False).hexdigest():
            doubtful.append(name)
    return UploadPlan(entry_last(upload), doubtful)


def entry_last(names: t.Sequence[str]) -> list[str]:
    """The entry script makes a prefix usable, so it comes after all else, also after what was missing besides it."""
    others = [name for name in names if name != ENTRY_SCRIPT]
    return [*others, ENTRY_SCRIPT] if names else []


def plan_prune(
    root: str, listed: t.Sequence[Listed], keep: t.Collection[str], now: datetime, age: timedelta
) -> dict[str, list[str]]:
    """Keys to remove by content id: all objects of the id older than the age, and the id is none to keep.

    :param root: prefix of the cluster; what is not below one of our content ids is left alone.
    """
    by_id: dict[str, list[Listed]] = {}
    for item in listed:
        content_id = content_id_of(root, item.key)
        if content_id:
            by_id.setdefault(content_id, []).append(item)
    return {
        content_id: sorted(item.key for item in items)
        for content_id, items in sorted(by_id.items())
        if content_id not in keep and all(now - item.modified > age for item in items)
    }


def plan_removal(root: str, listed: t.Sequence[Listed]) -> list[str]:
    """All keys below the cluster's content ids, entry scripts first: half of it must not look whole."""
    keys = sorted(item.key for item in listed if content_id_of(root, item.key))
    return sorted(keys, key=lambda key: not key.endswith(f"/{ENTRY_SCRIPT}"))


def content_id_of(root: str, key: str) -> str | None:
    """The content id in a key below the root, None when it is no key of ours."""
    if not key.startswith(f"{root}/"):
        return None
    first, _slash, rest = key[len(root) + 1 :].partition("/")
    return first if rest and _CONTENT_ID.fullmatch(first) else None


def referred_ids(bucket: str, root: str, cluster: JsonDict | None) -> set[str]:
    """Content ids that the cluster's instance groups refer to, from DescribeCluster's answer."""
    found = set()
    for group in (cluster or {}).get("InstanceGroups") or []:
        uri = (group.get("LifeCycleConfig") or {}).get("SourceS3Uri") or ""
        for start in _addresses(bucket):
            match = re.match(start, uri)
            content_id = content_id_of(root, uri[match.end() :].rstrip("/") + "/-") if match else None
            if content_id:
                found.add(content_id)
    return found


def is_settled(cluster: JsonDict | None) -> bool:
    """Whether what the groups refer to now is all that can be asked for.

    While the service is at work it may go back to the configuration before, which its answer does not show any more.
    """
    return cluster is None or cluster.get("ClusterStatus") not in BUSY


def _addresses(bucket: str) -> tuple[str, ...]:
    """How a URI of the bucket can begin: s3://, virtual-hosted and path style (docs.aws.amazon.com/AmazonS3,
    userguide/VirtualHosting.html), and the bare name that the service's pattern allows as well."""
    name = re.escape(bucket)
    return (rf"s3://{name}/", rf"https://{name}(\.s3[.-][^/]*)?/", rf"https://s3[.-][^/]*/{name}/")
