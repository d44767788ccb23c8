# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a local cloud for staging, and one bundle that stands in for the real one where runs are tested."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "modules"))

from lifecycle_harness import Node
from lifecycle_harness import make_source
from modules_harness import Ansible
from modules_harness import Cloud

from tests.support.ports import free_port


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    state = tmp_path_factory.mktemp("cloud")
    port = free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", port, state, speed=300)
    cloud.start()
    try:
        cloud.found()
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(name="ansible")
def _ansible(cloud: Cloud, tmp_path: Path) -> Ansible:
    return Ansible(cloud, tmp_path)


@pytest.fixture(name="source", scope="module")
def _source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lifecycle files as a node downloads them, with a playbook of its own instead of the roles."""
    return make_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(name="node")
def _node(source: Path, tmp_path: Path) -> Node:
    return Node(source, tmp_path)


@pytest.fixture(name="prepared", scope="module")
def _prepared(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that has done its first run."""
    node = Node(source, tmp_path_factory.mktemp("prepared"))
    code, output = node.run()
    assert code == 0, output
    return node.folder


@pytest.fixture(name="ready")
def _ready(prepared: Path, source: Path, tmp_path: Path) -> Node:
    """A copy of it, the release by hard links: it runs without unpacking."""
    folder = tmp_path / "node"
    shutil.copytree(prepared / "opt", folder / "opt", symlinks=True, copy_function=os.link)
    shutil.copytree(prepared / "lib", folder / "lib")
    (folder / "log").mkdir()
    return Node(source, folder)
