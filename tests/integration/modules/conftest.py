# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one local cloud for all tests of the modules, and Ansible against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from modules_harness import Ansible
from modules_harness import Cloud

from tests.support.ports import free_port


@pytest.fixture(name="cloud", scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    state = tmp_path_factory.mktemp("cloud")
    port = free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", port, state, speed=1500)
    cloud.start()
    try:
        cloud.found()
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault and no odd speed outlives a test."""
    yield
    if "cloud" in request.fixturenames:
        cloud = request.getfixturevalue("cloud")
        cloud.admin("DELETE", "faults")
        cloud.set_speed(cloud.speed)


@pytest.fixture(name="ansible")
def _ansible(cloud: Cloud, tmp_path: Path) -> Ansible:
    return Ansible(cloud, tmp_path)
