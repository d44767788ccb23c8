# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_base's shared-state.sh: with which state of several controllers a slurmctld may run."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "slurm_base" / "files" / "shared-state.sh"
USER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


class Node:
    """A controller with storage that it finds mounted, or not."""

    def __init__(self, folder: Path) -> None:
        self.storage = folder / "fsx"
        self.state = self.storage / "podforge-slurm" / "abc" / "slurmctld"
        self.lone = folder / "lone"
        self.mount = str(self.storage)
        self.storage.mkdir(mode=0o755)
        tools = folder / "tools"
        tools.mkdir()
        for name, text in {
            "stat": f'case $2 in %m) cat {folder}/mount ;; *) exec /usr/bin/stat "$@" ;; esac',
            "systemctl": f'echo "$*" >> {folder}/asked',
        }.items():
            (tools / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (tools / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        self.asked = folder / "asked"

    def run(self, what: str, own: str = "head1", lone: str = "") -> tuple[int, str]:
        (self.storage.parent / "mount").write_text(self.mount, encoding="utf-8")
        done = subprocess.run(
            ["sh", str(PROGRAM), what, str(self.state), USER, GROUP, own, "head1", lone],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )
        return done.returncode, done.stderr.strip()


@pytest.fixture(name="node")
def _node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_made_by_the_first_and_then_by_the_second(node: Node) -> None:
    status, why = node.run("check")
    assert (status, why.endswith("is not there: run the role slurm_base on this controller")) == (2, True)
    # the second one may be earlier: it prepares itself, and waits
    status, why = node.run("make", "head2")
    assert status == 3
    assert "has no mark of head1, the first controller" in why
    assert node.run("check", "head2")[0] == 3
    assert node.run("make") == (0, "")
    assert node.run("check") == node.run("check", "head2") == (0, "")
    assert node.state.stat().st_mode & 0o777 == 0o700
    assert not node.asked.exists()
    node.state.chmod(0o755)
    status, why = node.run("check")
    assert (status, f"{USER}:{GROUP}:755 and must be" in why) == (2, True)


def test_none_starts_while_the_state_is_restored(node: Node) -> None:
    node.run("make")
    node.run("make", "head2")
    (node.state.parent / "controllers" / ".restoring").touch()
    for own in ("head1", "head2"):
        status, why = node.run("check", own)
        assert (status, "is being restored: podforge-slurm-backup on head1" in why) == (3, True)
    (node.state.parent / "controllers" / ".restoring").unlink()
    assert node.run("check", "head2") == (0, "")


def test_slurmctld_gets_through_the_folders_whatever_roots_umask_is(node: Node) -> None:
    before = os.umask(0o077)
    try:
        assert node.run("make") == (0, "")
    finally:
        os.umask(before)
    for folder in (node.state.parent, node.state.parent.parent, node.state.parent / "controllers"):
        assert folder.stat().st_mode & 0o777 == 0o755, folder


def test_a_state_that_came_meanwhile_is_not_replaced(node: Node) -> None:
    node.lone.mkdir()
    (node.lone / "clustername").write_text("lone", encoding="utf-8")
    node.run("make", "head2")
    (node.state / "job_state").write_text("shared", encoding="utf-8")
    assert node.run("make", "head1", str(node.lone))[0] == 1
    assert [path.name for path in node.state.iterdir()] == ["job_state"]


def test_storage_that_is_not_mounted(node: Node) -> None:
    node.run("make")
    node.mount = "/"
    for what in ("check", "make"):
        assert node.run(what) == (
            1,
            f"{node.state} is on the root disk of this node: mount the storage that all controllers share first",
        )


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_folder_that_others_could_exchange(node: Node, mode: int) -> None:
    node.storage.chmod(mode)
    status, why = node.run("make")
    assert (status, "can be written by others" in why) == (1, True)
    assert list(node.storage.iterdir()) == []
    node.storage.chmod(mode | 0o1000)
    assert node.run("make") == (0, "")
    node.state.parent.rename(node.storage / "elsewhere")
    node.state.parent.symlink_to(node.storage / "elsewhere")
    status, why = node.run("check")
    assert (status, "is a symbolic link" in why) == (1, True)


def test_the_state_of_a_controller_that_was_alone_is_taken_over_once(node: Node) -> None:
    node.lone.mkdir(mode=0o755)
    # the second one has come first, and an earlier run was killed in the middle of the copy
    node.run("make", "head2")
    half = node.state.with_name("slurmctld.part")
    half.mkdir()
    (half / "stale").touch()
    for name in ("clustername", "job_state"):
        (node.lone / name).write_text("lone", encoding="utf-8")
    assert node.run("make", "head2", str(node.lone))[0] == 3
    assert list(node.state.iterdir()) == []
    assert node.run("make", "head1", str(node.lone)) == (0, "")
    assert sorted(path.name for path in node.state.iterdir()) == ["clustername", "job_state"]
    assert node.state.stat().st_mode & 0o777 == 0o700
    assert node.asked.read_text(encoding="utf-8") == "daemon-reload\nstop slurmctld.service\n"
    # a first controller that was replaced, and has run alone for a moment, takes nothing away
    (node.state / "job_state").write_text("shared", encoding="utf-8")
    (node.state.parent / "controllers" / "head1").unlink()
    assert node.run("make", "head1", str(node.lone)) == (0, "")
    assert (node.state / "job_state").read_text(encoding="utf-8") == "shared"
