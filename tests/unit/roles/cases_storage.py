# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that fsx_storage and mount_s3 are rendered for."""

from __future__ import annotations

from typing import Any

from systems import AMAZON
from systems import DEBIAN
from systems import UBUNTU
from systems import node

LUSTRE = {"dns_name": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com", "mount_name": "abcdefgh"}
BOTH = {"lustre": LUSTRE, "openzfs": {"dns_name": "fs-0fedcba9876543210.fsx.us-west-2.amazonaws.com"}}


def member(filesystems: dict[str, Any], nodes: int = 4, **more: Any) -> dict[str, Any]:
    groups = {"a": {"instances": [{}] * (nodes - 1)}, "b": {"instances": [{}]}, "c": {"instances": []}}
    return node("compute", filesystems=filesystems, groups=groups, region="us-west-2", **more)


FSX: dict[str, dict[str, Any]] = {
    "fsx-none": {**UBUNTU, "case_node": member({})},
    "fsx-both": {**UBUNTU, "case_node": member(BOTH)},
    "fsx-both-al2023": {**AMAZON, "case_node": member(BOTH)},
    "fsx-many": {**UBUNTU, "case_node": member({"lustre": LUSTRE}, 400)},
    "fsx-alone": {**DEBIAN, "case_node": member({"lustre": LUSTRE}, 1)},
    "fsx-not-told": {**DEBIAN, "case_node": member(BOTH), "fsx_storage_described": False},
    "fsx-wrong": {**DEBIAN, "case_node": member({"lustre": {**LUSTRE, "mount_name": "fs-0123456789abcdef0"}})},
}
PACKAGES = {
    kind: {
        arch: {"url": f"https://m/{kind}-{arch}", "sha256": digit * 64}
        for arch, digit in (("x86_64", "a"), ("aarch64", "b"))
    }
    for kind in ("deb", "rpm")
}


def seen(machine: str = "x86_64", program: str = "", **units: str) -> str:
    return "\n".join(
        [f"machine={machine}", f"program={program}", "systemd=yes", *(f"{k}={v}" for k, v in units.items())]
    )


S3: dict[str, dict[str, Any]] = {
    name: {"case_node": node("compute", region="us-west-2"), "mount_s3_buckets": [{"bucket": "data"}], **case}
    for name, case in {
        "s3-deb": {**UBUNTU, "case_seen": seen(), "mount_s3_packages": PACKAGES},
        "s3-rpm-arm": {**AMAZON, "case_seen": seen("aarch64"), "mount_s3_packages": PACKAGES},
        "s3-image-has-it": {**AMAZON, "case_seen": seen(program="yes")},
        "s3-nowhere": {
            **UBUNTU,
            "case_seen": seen("aarch64"),
            "mount_s3_packages": {"deb": {"x86_64": PACKAGES["deb"]["x86_64"]}},
        },
        "s3-wrong-sum": {
            **UBUNTU,
            "case_seen": seen(),
            "mount_s3_packages": {"deb": {"x86_64": {"url": "u", "sha256": "abc"}}},
        },
        "s3-none": {**UBUNTU, "case_seen": seen(), "mount_s3_buckets": []},
    }.items()
}
