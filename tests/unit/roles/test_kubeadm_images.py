# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archives of images import.sh brings, and when again. A file of names plays containerd, and an archive.

molecule/kubeadm and tests/faults have the real ones.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "roles/kubeadm_common/files/import.sh"
# ctr --namespace k8s.io images list -q | images import FILE; it is killed in the middle where there is a file `kill`
CTR = """#!/bin/sh
cd "$(dirname "$0")"
[ ! -e down ] || exit 1
if [ "$4" = list ]; then cat store; exit; fi
echo "$5" >>imports
[ ! -e kill ] || { rm kill; head -n 1 "$5" >>store; kill -9 $PPID; exit 1; }
cat "$5" store | sort -u >new && mv new store
"""


class Containerd:
    """The images that are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "ctr").write_text(CTR, encoding="utf-8")
        (folder / "ctr").chmod(0o755)
        self.have("sha256:1", "other:1")
        self.archive = folder / "two.tar"
        self.archive.write_text("etcd:3\npause:3\n", encoding="utf-8")

    def have(self, *names: str) -> None:
        (self.folder / "store").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

    def bring(self) -> int:
        """Exit status of the script."""
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        command = ["sh", str(SCRIPT), str(self.folder / "root"), f"{self.folder}/*.tar"]
        return subprocess.run(command, env={"PATH": path}, check=False, capture_output=True).returncode

    @property
    def imports(self) -> int:
        """How often an archive was imported."""
        return len((self.folder / "imports").read_text(encoding="utf-8").splitlines())

    @property
    def images(self) -> set[str]:
        return set((self.folder / "store").read_text(encoding="utf-8").splitlines())


@pytest.fixture(name="containerd")
def _containerd(tmp_path: Path) -> Containerd:
    return Containerd(tmp_path)


def test_an_archive_comes_once(containerd: Containerd) -> None:
    assert [containerd.bring(), containerd.bring()] == [0, 0]
    assert containerd.imports == 1
    assert containerd.images == {"sha256:1", "other:1", "etcd:3", "pause:3"}


@pytest.mark.parametrize("left", [("etcd:3",), ("pause:3",)])
def test_what_is_cleared_away_comes_again_as_often_as_that_happens(
    containerd: Containerd, left: tuple[str, ...]
) -> None:
    containerd.bring()
    for times in (2, 3):
        containerd.have("other:1", *left)
        assert containerd.bring() == 0
        assert containerd.imports == times
        assert containerd.bring() == 0
        assert containerd.imports == times
    # it was the other one's turn to stay
    containerd.have("other:1", *({"etcd:3", "pause:3"} - set(left)))
    containerd.bring()
    assert containerd.imports == 4


def test_what_a_killed_run_has_brought_is_known_as_the_archives(containerd: Containerd) -> None:
    (containerd.folder / "kill").touch()
    assert containerd.bring() != 0
    assert containerd.bring() == 0
    assert containerd.imports == 2
    containerd.have("other:1", "pause:3")
    containerd.bring()
    assert containerd.imports == 3
    assert "etcd:3" in containerd.images


def test_without_containerd_nothing_is_noted(containerd: Containerd) -> None:
    (containerd.folder / "down").touch()
    assert containerd.bring() != 0
    (containerd.folder / "down").unlink()
    assert containerd.bring() == 0
    assert containerd.imports == 1
