# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""enroot: its settings, folders and Slurm's plugin, what is installed where, and every refusal."""

from __future__ import annotations

from typing import Any


def test_settings_of_the_image_stay_unless_the_role_has_some(rendered: dict[str, Any]) -> None:
    host = rendered["enroot-compute"]
    lines = host["conf"].splitlines()
    assert lines[:2] == ["#ENROOT_MOUNT_HOME yes", "ENROOT_LOGIN_SHELL no"]
    assert "ENROOT_DATA_PATH /opt/dlami/nvme/enroot/data/user-$(id -u)" in lines
    assert "ENROOT_DATA_PATH /old" not in lines
    assert "ENROOT_MAX_PROCESSORS 8" in lines
    assert not [line for line in lines if line.startswith("ENROOT_MOUNT_HOME")]
    # /fsx is mounted there: layers are for all nodes
    assert "ENROOT_CACHE_PATH /fsx/enroot/user-$(id -u)" in lines
    assert "d /fsx/enroot 1777 root root" in host["dirs"]
    assert "AssertPathIsMountPoint=/opt/dlami/nvme" in host["unit"]


def test_slurm_knows_the_plugin_by_the_controller(rendered: dict[str, Any]) -> None:
    host = rendered["enroot-controller"]
    assert host["stack"].splitlines() == [
        "required /opt/auto_resume.so",
        "optional /usr/local/lib/slurm/spank_pyxis.so runtime_path=/run/pyxis",
    ]
    assert "ENROOT_CACHE_PATH /opt/podforge/scratch/enroot/cache/user-$(id -u)" in host["conf"].splitlines()
    assert "AssertPath" not in host["unit"]
    assert rendered["enroot-compute"]["stack"] == ""
    # required, and its options, as it was found
    assert rendered["enroot-found"]["stack"].splitlines() == [
        "required /usr/local/lib/slurm/spank_pyxis.so container_scope=global runtime_path=/run/pyxis a=b=c",
    ]


def test_which_programs_are_closed(rendered: dict[str, Any]) -> None:
    assert rendered["enroot-controller"]["turn"] == ["shut", "/usr/bin/enroot"]
    assert rendered["enroot-shut"]["turn"] == ["shut"]
    assert rendered["enroot-shut-al2023"]["turn"] == ["shut"]
    # closed, but not for the next upgrade of the package
    assert rendered["enroot-by-hand"]["turn"] == ["shut", "/usr/bin/enroot"]
    assert rendered["enroot-compute"]["turn"] == ["open"]
    assert rendered["enroot-opened"]["turn"] == ["open", "/usr/bin/enroot"]


def test_what_is_installed(rendered: dict[str, Any]) -> None:
    assert rendered["enroot-compute"]["missing"] == [False, False]
    assert rendered["enroot-absent"]["missing"] == [True, True]
    assert rendered["enroot-absent"]["build"] == "0.20.0-slurm-24.11.0-x86_64"
    assert rendered["enroot-older"]["missing"] == [True, False]
    assert [rendered[f"enroot-{case}"]["wanted"] for case in ("compute", "absent", "nowhere")] == [True, True, False]
    assert "libc6-dev" in rendered["enroot-compute"]["needs"]
    assert "glibc-devel" in rendered["enroot-shut-al2023"]["needs"]


def test_refusals(rendered: dict[str, Any]) -> None:
    for case in ("enroot-compute", "enroot-absent", "enroot-older"):
        assert rendered[case]["problems"] == [], case
    found = [problem.split(":")[0].split(",")[0] for problem in rendered["enroot-wrong"]["problems"]]
    assert found == [
        "enroot_downloads",
        "enroot_version is 9.9.9",
        "enroot_pyxis_download has no url",
        "enroot_config",
    ]
