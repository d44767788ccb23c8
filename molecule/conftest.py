# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes, for the tests of all scenarios."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import testinfra


@pytest.fixture(scope="session")
def nodes() -> dict[str, Any]:
    """testinfra hosts by inventory name; molecule/default/verify.yml says which containers they are."""
    names = json.loads(os.environ["MOLECULE_NODES"])
    return {node: testinfra.get_host(f"podman://{container}") for node, container in names.items()}


@pytest.fixture(scope="session")
def controller(nodes: dict[str, Any]) -> Any:
    return nodes["controller"]


@pytest.fixture(scope="session")
def compute(nodes: dict[str, Any]) -> Any:
    return nodes["compute"]


@pytest.fixture(scope="session")
def login(nodes: dict[str, Any]) -> Any:
    return nodes["login"]
