# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: storage that all nodes share must be mounted before something is made on it."""

from __future__ import annotations

import os
import time
import typing as t


def mount_of(path: str, mounts: t.Iterable[str]) -> str | None:
    """The mount point, of those given, that a path is below; the deepest one."""
    found = [mount for mount in mounts if f"{path}/".startswith(f"{mount.rstrip('/')}/")]
    return max(found, key=len) if found else None


def missing_mounts(mounts: t.Iterable[str], seconds: float) -> list[str]:
    """Those that are still not mounted after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        missing = [mount for mount in sorted(set(mounts)) if not os.path.ismount(mount)]
        if not missing or time.monotonic() >= deadline:
            return missing
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
