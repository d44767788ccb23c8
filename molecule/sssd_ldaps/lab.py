# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of this scenario: ``lab.py up FOLDER`` makes it and tells of it, ``lab.py down FOLDER`` ends it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.directory import DirectoryLab

USERS = {"alice": "ClusterAdmin", "bob": "ClusterDev"}
SECRET = "Molecule-Bind-Secret-1"  # noqa: S105 - of a directory that lives for minutes


def lab(folder: Path) -> DirectoryLab:
    """The directory; nothing is started yet."""
    prefix = "-".join(part for part in (os.environ.get("PODFORGE_TEST_PREFIX"), "molecule-directory") if part)
    # each clone has a network of its own; those of nodes begin with 64
    block = int(hashlib.sha256(prefix.encode()).hexdigest()[:4], 16) % 64
    return DirectoryLab(prefix, f"10.199.{block}.0/24", folder=folder)


def up(folder: Path) -> dict[str, str]:
    """Start it, with the account that reads, and with users in groups."""
    os.environ["PODFORGE_KEEP"] = "1"
    with lab(folder) as made:
        place = f"--userou=OU=Users,OU={made.netbios}"
        made.samba_tool("user", "create", "ReadOnly", SECRET, place)
        for user, group in USERS.items():
            made.samba_tool("user", "create", user, "Molecule-Passw0rd", place)
            made.samba_tool("group", "add", group, f"--groupou=OU=Users,OU={made.netbios}")
            made.samba_tool("group", "addmembers", group, user)
        return {
            "address": made.balancer_address,
            "name": made.name,
            "users_dn": made.users_dn,
            "base_dn": made.base_dn,
            "ca_certificate": made.ca_file.read_text(encoding="utf-8"),
        }


def main(action: str, folder: str) -> None:
    """Entry point."""
    place = Path(folder)
    if action == "down":
        lab(place).remove()
        return
    document = up(place)
    (place / "directory.json").write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
