# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fsx_storage and mount_s3: what is written on each operating system."""

from __future__ import annotations

from typing import Any

FSX_UNIT, HOME_UNIT = "/etc/systemd/system/fsx.mount", "/etc/systemd/system/home.mount"


def test_file_systems_that_the_node_is_told_of(rendered: dict[str, Any]) -> None:
    for case, package in (("fsx-both", "nfs-common"), ("fsx-both-al2023", "nfs-utils")):
        host = rendered[case]
        assert (host["wanted"], host["units"], host["problems"]) == (True, [FSX_UNIT, HOME_UNIT], [])
        assert host["nfs"] == [package]
    assert rendered["fsx-alone"]["units"] == [FSX_UNIT]
    assert rendered["fsx-alone"]["nfs"] == []


def test_nothing_is_wanted(rendered: dict[str, Any]) -> None:
    for case in ("fsx-none", "fsx-not-told"):
        assert (rendered[case]["wanted"], rendered[case]["units"]) == (False, [])
    assert rendered["s3-none"]["wanted"] is False


def test_a_wrong_mount_name_is_told(rendered: dict[str, Any]) -> None:
    (problem,) = rendered["fsx-wrong"]["problems"]
    assert "mount_name is 'fs-0123456789abcdef0'" in problem


def test_many_nodes_take_their_time(rendered: dict[str, Any]) -> None:
    assert [rendered[case]["spread"] for case in ("fsx-many", "fsx-both", "fsx-alone")] == [20.0, 0.2, 0.0]
    assert "TimeoutStartSec=320\n" in rendered["fsx-many"]["service"]
    assert "TimeoutStartSec=300\n" in rendered["fsx-alone"]["service"]


def test_the_keeper(rendered: dict[str, Any]) -> None:
    host = rendered["fsx-alone"]
    assert "WorkingDirectory=/usr/local/lib/podforge\n" in host["service"]
    assert "ExecStart=/usr/bin/python3 -m fsx_storage.keeper %f\n" in host["service"]
    assert "Before=remote-fs.target\n" in host["service"]
    assert "OnUnitInactiveSec=60\nRandomizedDelaySec=15\n" in host["timer"]


def test_the_package_that_fits(rendered: dict[str, Any]) -> None:
    assert rendered["s3-deb"]["package"] == {"url": "https://m/deb-x86_64", "sha256": "a" * 64}
    assert rendered["s3-deb"]["file"] == "/var/cache/podforge-mount-s3-aaaaaaaaaaaaaaaa.deb"
    assert rendered["s3-rpm-arm"]["package"] == {"url": "https://m/rpm-aarch64", "sha256": "b" * 64}
    assert rendered["s3-rpm-arm"]["file"].endswith(".rpm")
    for case in ("s3-deb", "s3-rpm-arm", "s3-image-has-it"):
        assert rendered[case]["problems"] == []


def test_no_package_that_fits(rendered: dict[str, Any]) -> None:
    (problem,) = rendered["s3-nowhere"]["problems"]
    assert problem.startswith("/usr/bin/mount-s3 is not on this node: give mount_s3_packages.deb.aarch64 with url")
    (problem,) = rendered["s3-wrong-sum"]["problems"]
    assert problem == "mount_s3_packages.deb.x86_64.sha256 must be 64 hexadecimal digits"
