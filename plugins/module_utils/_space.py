# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message about a full disk must tell. Private to this collection."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

# where packages and configuration go
FOLDERS = ("/", "/var", "/usr", "/boot")


def free_space(folders: t.Sequence[str] = FOLDERS) -> str:
    """How much is free, each file system once; C(/ has 12 MiB free of 101000)."""
    found: dict[int, str] = {}
    for folder in folders:
        try:
            device, usage = Path(folder).stat().st_dev, shutil.disk_usage(folder)
        except OSError:
            continue
        found.setdefault(device, f"{folder} has {usage.free // 2**20} MiB free of {usage.total // 2**20}")
    return ", ".join(found.values())
