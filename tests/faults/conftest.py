# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One local cloud for the tests of what breaks, in the order of the files; accidents have times drawn from a seed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for
from tests.support.processes import kill

LOGS = ROOT / ".build" / "logs" / "faults"
PAIR = ROOT / "tests" / "fixtures" / "aws-docs-slurm"
CLUSTER, CONTROLLER, LOGIN, WORKERS = "my-hyperpod-cluster", "controller-machine", "my-login-group", "worker-group-1"
INPUT = (
    "-e",
    f"hyperpod_cluster_config_file={PAIR / 'cluster-config.json'}",
    "-e",
    f"hyperpod_provisioning_parameters_file={PAIR / 'provisioning_parameters.json'}",
)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """An instance with containers as nodes, removed at the end."""
    with Cloud("faults").session() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def log() -> Path:
    """Where the output of the playbooks goes."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / "playbooks.log"
    path.unlink(missing_ok=True)
    return path


@pytest.fixture(scope="session")
def chance() -> random.Random:
    """Times of the accidents. PODFORGE_SEED repeats a run."""
    seed = int(os.environ.get("PODFORGE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"seed {seed}: PODFORGE_SEED={seed} repeats this run")
    return random.Random(seed)


def kill_at_task(cloud: Cloud, playbook: str, log: Path, number: int, pause: float) -> None:
    """Run a playbook and kill it ``pause`` seconds after it has begun its task of that number, however fast it is."""
    begin = log.stat().st_size if log.exists() else 0
    process = cloud.start_playbook(playbook, *INPUT, log=log)

    def begun() -> bool:
        return process.poll() is not None or log.read_bytes()[begin:].count(b"\nTASK [") >= number

    try:
        wait_for(f"task {number} of the playbook", begun, 600, pause=0.1)
        assert process.poll() is None, "killed while it runs, or nothing is proven"
        time.sleep(pause)
    finally:
        kill(process)
