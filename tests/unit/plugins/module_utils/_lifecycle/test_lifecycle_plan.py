# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uploaded, in which order, and what is removed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.common import LifecycleError
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import Listed
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import content_id_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import is_settled
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import plan_prune
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import plan_removal
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import plan_upload
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.plan import referred_ids
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import place_of

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
ROOT = "podforge/demo"
A, B, C = "a" * 16, "b" * 16, "c" * 16
OBJECTS = {"bundle.tar": b"tar", "manifest.json": b"{}", "on_create.sh": b"#!/bin/sh"}


def listed(key: str, content: bytes = b"", days: float = 0, etag: str | None = None) -> Listed:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Listed(key, len(content), etag or digest, NOW - timedelta(days=days))


def present(*names: str) -> list[Listed]:
    return [listed(f"{ROOT}/{A}/{name}", OBJECTS[name]) for name in names]


@pytest.mark.parametrize(
    ("names", "upload"),
    [
        ((), ["bundle.tar", "manifest.json", "on_create.sh"]),
        (("bundle.tar",), ["manifest.json", "on_create.sh"]),
        (("bundle.tar", "manifest.json"), ["on_create.sh"]),
        (("bundle.tar", "on_create.sh"), ["manifest.json", "on_create.sh"]),
        (("bundle.tar", "manifest.json", "on_create.sh"), []),
    ],
)
def test_entry_script_is_last_always(names: tuple[str, ...], upload: list[str]) -> None:
    plan = plan_upload(OBJECTS, f"{ROOT}/{A}", present(*names))
    assert (plan.upload, plan.doubtful) == (upload, [])


def test_other_size_or_other_etag() -> None:
    found = present("manifest.json", "on_create.sh")
    short = listed(f"{ROOT}/{A}/bundle.tar", b"t")
    assert plan_upload(OBJECTS, f"{ROOT}/{A}", [*found, short]).upload == ["bundle.tar", "on_create.sh"]
    encrypted = listed(f"{ROOT}/{A}/bundle.tar", b"tar", etag="0" * 32)
    plan = plan_upload(OBJECTS, f"{ROOT}/{A}", [*found, encrypted])
    assert (plan.upload, plan.doubtful) == ([], ["bundle.tar"])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (f"{ROOT}/{A}/on_create.sh", A),
        (f"{ROOT}/{A}/deep/x", A),
        (f"{ROOT}/{A}", None),
        (f"{ROOT}/{A[:-1]}/x", None),
        (f"{ROOT}/README", None),
        (f"{ROOT}2/{A}/x", None),
    ],
)
def test_keys_of_ours(key: str, expected: str | None) -> None:
    assert content_id_of(ROOT, key) == expected


def test_prune_by_age_and_reference() -> None:
    objects = [
        listed(f"{ROOT}/{A}/x", days=40),
        listed(f"{ROOT}/{B}/x", days=40),
        listed(f"{ROOT}/{B}/y", days=29),
        listed(f"{ROOT}/{C}/x", days=31),
        listed(f"{ROOT}/{C}/on_create.sh", days=31),
        listed(f"{ROOT}/mine/x", days=400),
    ]
    age = timedelta(days=30)
    assert plan_prune(ROOT, objects, {A}, NOW, age) == {C: [f"{ROOT}/{C}/on_create.sh", f"{ROOT}/{C}/x"]}
    assert plan_prune(ROOT, objects, {A, C}, NOW, age) == {}


def test_removal_takes_entry_scripts_first_and_ours_only() -> None:
    objects = [listed(f"{ROOT}/{A}/bundle.tar"), listed(f"{ROOT}/{A}/on_create.sh"), listed(f"{ROOT}/notes.txt")]
    assert plan_removal(ROOT, objects) == [f"{ROOT}/{A}/on_create.sh", f"{ROOT}/{A}/bundle.tar"]


def test_references_of_a_cluster() -> None:
    uris = [
        f"s3://bucket/{ROOT}/{A}",
        f"https://bucket/{ROOT}/{B}/",
        f"s3://other/{ROOT}/{C}",
        "s3://bucket/src",
    ]
    cluster = {"InstanceGroups": [*({"LifeCycleConfig": {"SourceS3Uri": uri}} for uri in uris), {}]}
    assert referred_ids("bucket", ROOT, cluster) == {A, B}
    assert referred_ids("bucket", ROOT, None) == set()


@pytest.mark.parametrize(
    "start",
    [
        "s3://bucket",
        "https://bucket",
        "https://bucket.s3.us-west-2.amazonaws.com",
        "https://bucket.s3-us-west-2.amazonaws.com",
        "https://s3.us-west-2.amazonaws.com/bucket",
    ],
)
def test_references_in_every_form_of_a_uri(start: str) -> None:
    cluster = {"InstanceGroups": [{"LifeCycleConfig": {"SourceS3Uri": f"{start}/{ROOT}/{A}/"}}]}
    assert referred_ids("bucket", ROOT, cluster) == {A}
    assert referred_ids("bucke", ROOT, cluster) == set()


@pytest.mark.parametrize(
    ("cluster", "settled"),
    [
        (None, True),
        ({"ClusterStatus": "InService"}, True),
        ({"ClusterStatus": "Failed"}, True),
        ({"ClusterStatus": "Updating"}, False),
        ({"ClusterStatus": "RollingBack"}, False),
    ],
)
def test_nothing_goes_while_a_rollback_may_want_it(cluster: dict[str, str] | None, settled: bool) -> None:
    assert is_settled(cluster) is settled


def test_the_place_of_a_cluster() -> None:
    assert place_of("b", "/podforge/", "us-west-2", "demo-1").root == "podforge/demo-1"
    assert place_of("b", "", "us-west-2", "d").root == "d"


@pytest.mark.parametrize("name", ["", "a/b", "..", "-a", "a-", "my_cluster", "a" * 64, "a\n"])
def test_names_that_no_cluster_can_have(name: str) -> None:
    with pytest.raises(LifecycleError, match="is no name of a cluster: give at most 63 letters"):
        place_of("b", "podforge", "us-west-2", name)
