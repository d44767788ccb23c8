# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk of the node is for scratch data. Private to this collection.

Decided once for all users of it: the instance store's RAID (/opt/dlami/nvme, made by dlami-nvme.service), else the
secondary EBS volume (/opt/sagemaker, from EbsVolumeConfig), else the root volume, which is small and shared.

The role node_base keeps the choice in a file, and a kept choice stays as long as its disk is there: Docker, containerd
and enroot have their data where it pointed to, and a disk that appears late must not part them.
"""

from __future__ import annotations

import json
import re
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

INSTANCE_STORE = "/opt/dlami/nvme"
SECONDARY_EBS = "/opt/sagemaker"
ON_ROOT = "/opt/podforge/scratch"
KINDS = {"instance_store": INSTANCE_STORE, "ebs": SECONDARY_EBS, "root": ON_ROOT}
KEPT = "/var/lib/podforge/scratch.json"
# model string of instance store disks, docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
INSTANCE_STORE_MODEL = "Amazon EC2 NVMe Instance Storage"


@dataclass(frozen=True)
class Scratch:
    """C(kind) is C(instance_store), C(ebs) or C(root)."""

    path: str
    kind: str
    warning: str | None = None


def parse_mount_points(text: str) -> set[str]:
    """Mount points of /proc/self/mounts; the kernel writes blanks and the like as octal escapes."""
    points = set()
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) >= 2:
            points.add(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields[1]))
    return points


def parse_kept(text: str) -> str | None:
    """The kind of scratch disk that an earlier run has kept; None when it is not one that is known."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    kind = document.get("kind") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) and kind in KINDS else None


def choose_scratch(mount_points: t.Collection[str], kept: str | None = None) -> Scratch:
    """The place for scratch data, given what is mounted and which kind an earlier run has chosen."""
    best = next((kind for kind in ("instance_store", "ebs") if KINDS[kind] in mount_points), "root")
    if kept not in (None, best) and (kept == "root" or KINDS[kept] in mount_points):
        return Scratch(
            KINDS[kept],
            kept,
            f"{KINDS[best]} is mounted, but scratch data stays at {KINDS[kept]}, where it went before {KINDS[best]} "
            f"was there; to move it, end what uses it, remove {KEPT} and run the lifecycle script again, or replace "
            "the node",
        )
    if kept not in (None, best):
        return Scratch(
            KINDS[best],
            best,
            f"{KINDS[kept]}, where scratch data was until now, is not mounted: it goes to {KINDS[best]}; see "
            "`systemctl status dlami-nvme.service` and `findmnt`",
        )
    if best != "root":
        return Scratch(KINDS[best], best)
    return Scratch(
        ON_ROOT,
        "root",
        f"neither {INSTANCE_STORE} nor {SECONDARY_EBS} is mounted: scratch data goes to the root volume ({ON_ROOT}), "
        "which is small and lost at replacement; give the instance group an EbsVolumeConfig",
    )


def has_instance_store(sys_block: str) -> bool:
    """Whether the node has instance store disks, mounted or not; C(sys_block) is /sys/block."""
    for model in sorted(Path(sys_block).glob("nvme*/device/model")):
        try:
            if model.read_text(encoding="ascii", errors="replace").strip() == INSTANCE_STORE_MODEL:
                return True
        except OSError:
            continue
    return False


def wait_for_scratch(
    read_mounts: t.Callable[[], str],
    instance_store: bool,
    seconds: float,
    sleep: t.Callable[[float], None] = time.sleep,
    kept: str | None = None,
) -> Scratch:
    """The choice, made when the instance store is mounted if there is one: the RAID can appear late at boot.

    What is waited for is the disk that an earlier run has chosen, if there was one.
    """
    awaited = kept or ("instance_store" if instance_store else None)
    waited = 0.0
    while True:
        scratch = choose_scratch(parse_mount_points(read_mounts()), kept)
        if awaited in (None, scratch.kind) or waited >= seconds:
            return scratch
        sleep(1.0)
        waited += 1.0
