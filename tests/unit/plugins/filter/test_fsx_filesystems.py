# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fsx_filesystems: the units of file systems, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.filter.fsx_filesystems import fsx_filesystems

LUSTRE_NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
ZFS_NAME = "fs-0fedcba9876543210.fsx.us-west-2.amazonaws.com"
TOLD = {"lustre": {"dns_name": LUSTRE_NAME, "mount_name": "abcdefgh"}, "openzfs": {"dns_name": ZFS_NAME}}
SSHFS = {"type": "fuse.sshfs", "path": "/data/my-set", "source": "root@nas:/srv", "dns_name": "nas", "port": 22}


def test_units_of_the_filter() -> None:
    result = fsx_filesystems([SSHFS, {"type": "tmpfs", "path": "/old", "source": "tmpfs", "state": "absent"}], TOLD)
    assert [unit["path"] for unit in result["units"]] == [
        "/etc/systemd/system/data-my\\x2dset.mount",
        "/etc/systemd/system/fsx.mount",
        "/etc/systemd/system/home.mount",
    ]
    assert result["removed"] == ["/etc/systemd/system/old.mount"]
    assert result["units"][1]["content"].splitlines()[1:] == [
        "[Unit]",
        "Description=FSx for Lustre at /fsx",
        "After=network-online.target",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Mount]",
        f"What={LUSTRE_NAME}@tcp:/abcdefgh",
        "Where=/fsx",
        "Type=lustre",
        "Options=noatime,flock,_netdev",
        "TimeoutSec=90",
    ]
    assert "Options" not in result["units"][0]["content"]
    assert "Type=nfs4\nOptions=nfsvers=4.2,nconnect=16,noatime,_netdev" in result["units"][2]["content"]


def test_with_a_problem_there_are_no_units() -> None:
    result = fsx_filesystems([{"path": "x"}], {})
    assert (result["units"], result["removed"], len(result["problems"])) == ([], [], 1)
    with pytest.raises(Exception, match="wants a list of mappings"):
        fsx_filesystems("x")
