# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One local cloud for the tests of what breaks; its accidents happen at times drawn from a seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import ROOT
from tests.support.cloud import Cloud

LOGS = ROOT / ".build" / "logs" / "faults"


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
