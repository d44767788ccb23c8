# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One local cloud for all end-to-end tests: they build on each other, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import ROOT
from tests.support.cloud import Cloud

LOGS = ROOT / ".build" / "logs" / "e2e"


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """An instance with containers as nodes, removed at the end."""
    with Cloud("e2e").session() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def log() -> Path:
    """Where the output of the playbooks goes."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / "playbooks.log"
    path.unlink(missing_ok=True)
    return path


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember that a step failed: what builds on it would only fail for the same reason."""
    if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.session.stash.setdefault(FAILED, []).append(item.name)


FAILED: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop early when the cluster itself could not be built."""
    failed = item.session.stash.get(FAILED, [])
    if "test_the_playbook_builds_the_cluster" in failed:
        pytest.fail("the cluster was not built, see the first failure", pytrace=False)
