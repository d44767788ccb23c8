# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the mount unit of a file system. Pure."""

from __future__ import annotations

from .model import LUSTRE
from .model import OPENZFS
from .model import FileSystem

_NAMES = {LUSTRE: "FSx for Lustre", OPENZFS: "FSx for OpenZFS"}


def mount_unit(system: FileSystem) -> str:
    """Text of the unit.

    Nothing pulls it in: the keeper mounts, at boot and later, with each node's delay. Whoever needs the file system and
    says so (RequiresMountsFor) gets it at once.
    """
    options = [f"Options={','.join(system.options)}"] if system.options else []
    lines = [
        "# Written by the role podforge.hyperpod.fsx_storage: changes made here are lost.",
        "[Unit]",
        f"Description={_NAMES.get(system.kind, system.kind)} at {system.path}",
        "After=network-online.target",
        "Wants=network-online.target",
        # the keeper limits how often it tries
        "StartLimitIntervalSec=0",
        "",
        "[Mount]",
        f"What={system.source}",
        f"Where={system.path}",
        f"Type={system.mount_type}",
        *options,
        "TimeoutSec=90",
    ]
    return "\n".join([*lines, ""])
