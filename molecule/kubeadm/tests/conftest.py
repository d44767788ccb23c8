# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of this scenario."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import testinfra

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import hostname
from tests.support.kubernetes.lab import molecule_lab


@pytest.fixture(scope="session")
def lab() -> KubernetesLab:
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "kubernetes"
    config = json.loads((folder / "config" / "resource_config.json").read_text(encoding="utf-8"))
    address = config["InstanceGroups"][0]["Instances"][0]["CustomerIpAddress"]
    return molecule_lab(folder, f"{address.rsplit('.', 1)[0]}.0/24")


@pytest.fixture(scope="session")
def master(lab: KubernetesLab) -> Any:
    return testinfra.get_host(f"podman://{lab.container('kube_master')}")


@pytest.fixture(scope="session")
def worker(lab: KubernetesLab) -> Any:
    return testinfra.get_host(f"podman://{lab.container('kube_worker')}")


@pytest.fixture(scope="session")
def name(lab: KubernetesLab) -> str:
    """The worker's node."""
    return hostname(lab.nodes["kube_worker"])
