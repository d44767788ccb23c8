# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server with the records provider for all tests of HyperPod's operations that don't need one of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A server whose time runs 3600 times as fast."""
    made = Cloud(Path(tempfile.mkdtemp(prefix="pf-engine-")), speed=3600)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def account(cloud: Cloud) -> Account:
    """Network, role and bucket."""
    return Account(cloud)


@pytest.fixture
def no_faults(cloud: Cloud) -> Iterator[None]:
    """What a test has injected ends with it."""
    yield
    cloud.admin("DELETE", "faults")


@pytest.fixture(scope="session")
def demo(account: Account) -> Iterator[str]:
    """A running cluster that tests leave as it is."""
    account.sagemaker.create_cluster(**account.request("demo", Tags=[{"Key": "team", "Value": "a"}]))
    account.wait("demo", "InService")
    yield "demo"
    account.delete("demo")
