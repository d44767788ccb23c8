# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk of the node is for scratch data. Private to this collection.

Decided once for all users of it: the instance store's RAID (/opt/dlami/nvme, made by dlami-nvme.service), else the
secondary EBS volume (/opt/sagemaker, from EbsVolumeConfig), else the root volume, which is small and shared.
"""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

INSTANCE_STORE = "/opt/dlami/nvme"
SECONDARY_EBS = "/opt/sagemaker"
ON_ROOT = "/opt/podforge/scratch"
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


def choose_scratch(mount_points: t.Collection[str]) -> Scratch:
    """The place for scratch data, given what is mounted."""
    if INSTANCE_STORE in mount_points:
        return Scratch(INSTANCE_STORE, "instance_store")
    if SECONDARY_EBS in mount_points:
        return Scratch(SECONDARY_EBS, "ebs")
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
) -> Scratch:
    """The choice, made when the instance store is mounted if there is one: the RAID can appear late at boot."""
    waited = 0.0
    while True:
        scratch = choose_scratch(parse_mount_points(read_mounts()))
        if scratch.kind == "instance_store" or not instance_store or waited >= seconds:
            return scratch
        sleep(1.0)
        waited += 1.0
