# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the cluster of the tests before."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.conftest import INPUT
from tests.faults.conftest import kill_at_task
from tests.support.cloud import Cloud


def test_a_teardown_that_is_killed_is_finished_by_the_next(cloud: Cloud, log: Path, chance: random.Random) -> None:
    kill_at_task(cloud, "teardown", log, chance.randint(5, 15), chance.uniform(0, 1))
    cloud.playbook("teardown", *INPUT, log=log)
    assert cloud.aws("sagemaker", "list-clusters")["ClusterSummaries"] == []
    assert cloud.containers() == []
