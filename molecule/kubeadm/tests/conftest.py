# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of this scenario."""

from __future__ import annotations

from typing import Any

import pytest
import testinfra
from day_two import Operator
from day_two import start
from support_kubernetes import lab_of

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import hostname


@pytest.fixture(scope="session")
def lab() -> KubernetesLab:
    return lab_of("kube_master", "kube_worker")


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


@pytest.fixture(scope="session")
def operator(lab: KubernetesLab, master: Any) -> Operator:
    """Who has the playbooks for day two."""
    return start(lab, master)
