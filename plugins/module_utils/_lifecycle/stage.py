# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging: a bundle in S3, whole before anything refers to it; and its removal. Private to this collection."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from datetime import timezone

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.api import describe_cluster
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError

from . import api
from .bundle import Bundle
from .common import ENTRY_SCRIPT
from .common import JsonDict
from .common import LifecycleError
from .plan import content_id_of
from .plan import entry_last
from .plan import is_settled
from .plan import plan_prune
from .plan import plan_removal
from .plan import plan_upload
from .plan import referred_ids

_MISSING = ("404", "NoSuchBucket", "NotFound")
_ELSEWHERE = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
# ClusterName in the API reference of CreateCluster
_CLUSTER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Place:
    """Where the bundles of one cluster are: C(s3://<bucket>/<root>/<content id>)."""

    bucket: str
    root: str
    region: str
    cluster_name: str


def place_of(bucket: str, prefix: str, region: str, cluster_name: str) -> Place:
    """Where the cluster's bundles are.

    :raises LifecycleError: the cluster's name is none that the service takes; it becomes part of keys and of paths.
    """
    if len(cluster_name) > _LONGEST_NAME or not _CLUSTER_NAME.fullmatch(cluster_name):
        raise LifecycleError(
            f"cluster_name: {cluster_name!r} is no name of a cluster: give at most {_LONGEST_NAME} letters, digits and "
            "hyphens, with no hyphen at the begin and the end"
        )
    root = "/".join(part for part in [prefix.strip("/"), cluster_name] if part)
    return Place(bucket, root, region, cluster_name)


def check_bucket(s3: t.Any, place: Place) -> bool:
    """Whether the bucket is there and of this region; False when there is none.

    :raises LifecycleError: it is in another region.
    :raises HyperPodError: it cannot be looked at.
    """
    try:
        region = api.head_bucket(s3, place.bucket)
    except HyperPodError as error:
        if error.code in _MISSING:
            return False
        region = api.bucket_region(error)
        if error.code not in _ELSEWHERE and (region is None or region == place.region):
            raise
    if region and region != place.region:
        raise LifecycleError(
            f"bucket {place.bucket} is in region {region}, the cluster's is {place.region}: nodes fetch their "
            f"lifecycle files from a bucket of their own region. Set region to {region}, or name another bucket"
        )
    return True


def stage(s3: t.Any, place: Place, bundle: Bundle, check: bool) -> JsonDict:
    """Bring the bundle to S3: everything else first, the entry script last, each verified by reading back.

    Returns C(uploaded) (names; in check mode those that would be).
    """
    prefix = f"{place.root}/{bundle.content_id}"
    if not check_bucket(s3, place):
        if check:
            return {"uploaded": list(bundle.objects), "listed": []}
        raise LifecycleError(f"bucket {place.bucket} does not exist; create it in {place.region}, or name another one")
    listed = api.list_objects(s3, place.bucket, f"{place.root}/")
    plan = plan_upload(bundle.objects, prefix, listed)
    wrong = [
        name for name in plan.doubtful if not api.is_stored(s3, place.bucket, f"{prefix}/{name}", bundle.objects[name])
    ]
    names = entry_last([*plan.upload, *wrong])
    for name in names if not check else []:
        key = f"{prefix}/{name}"
        api.put_object(s3, place.bucket, key, bundle.objects[name])
        if not api.is_stored(s3, place.bucket, key, bundle.objects[name]):
            raise LifecycleError(
                f"s3://{place.bucket}/{key} is not what was uploaded: size or SHA-256 differ when read back; run again"
            )
    return {"uploaded": names, "listed": listed}


def prune(
    s3: t.Any,
    sagemaker: t.Callable[[], t.Any],
    place: Place,
    current: str,
    listed: t.Sequence[t.Any],
    *,
    days: int,
    check: bool,
) -> tuple[list[str], str | None]:
    """Remove old content ids; returns them, and a warning when it could not be known which are in use.

    While the service is at work on the cluster all are kept: a rollback may want any of them.
    """
    now, age = datetime.now(timezone.utc), timedelta(days=days)
    if not plan_prune(place.root, listed, {current}, now, age):
        return [], None
    try:
        cluster = describe_cluster(sagemaker(), place.cluster_name)
    except HyperPodError as error:
        return [], f"old bundles are kept, since it cannot be known which the cluster uses: {error}"
    if not is_settled(cluster):
        return [], None
    keep = {current, *referred_ids(place.bucket, place.root, cluster)}
    doomed = plan_prune(place.root, listed, keep, now, age)
    if not check:
        for keys in doomed.values():
            _remove(s3, place.bucket, keys)
    return list(doomed), None


def remove_all(s3: t.Any, sagemaker: t.Callable[[], t.Any], place: Place, force: bool, check: bool) -> list[str]:
    """Remove every bundle of the cluster; returns the content ids.

    :raises LifecycleError: the cluster still refers to one.
    """
    if not check_bucket(s3, place):
        return []
    listed = api.list_objects(s3, place.bucket, f"{place.root}/")
    keys = plan_removal(place.root, listed)
    if keys and not force:
        used = referred_ids(place.bucket, place.root, describe_cluster(sagemaker(), place.cluster_name))
        if used:
            raise LifecycleError(
                f"cluster {place.cluster_name} still refers to s3://{place.bucket}/{place.root}/{min(used)}: without "
                "it no node can be replaced. Delete the cluster first, or set force"
            )
    if not check:
        _remove(s3, place.bucket, keys)
    return sorted({content_id_of(place.root, key) or "" for key in keys})


def describe(place: Place, bundle: Bundle) -> JsonDict:
    """The result C(lifecycle)."""
    return {
        "bucket": place.bucket,
        "content_id": bundle.content_id,
        "objects": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(bundle.objects.items())
        ],
        "on_create": ENTRY_SCRIPT,
        "prefix": f"{place.root}/{bundle.content_id}",
        "size": bundle.size,
        "source_s3_uri": f"s3://{place.bucket}/{place.root}/{bundle.content_id}",
    }


def _remove(s3: t.Any, bucket: str, keys: t.Sequence[str]) -> None:
    """Entry scripts first, in a call of their own, so that what is left behind by a killed run is no usable prefix."""
    entries = [key for key in keys if key.endswith(f"/{ENTRY_SCRIPT}")]
    for batch in (entries, [key for key in keys if key not in set(entries)]):
        if batch:
            api.delete_objects(s3, bucket, batch)
