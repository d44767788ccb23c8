# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a directory: what follows what, and why."""

from __future__ import annotations

import pytest

from local_cloud.directory.stages import ACTIVE
from local_cloud.directory.stages import CREATED
from local_cloud.directory.stages import CREATING
from local_cloud.directory.stages import DELETING
from local_cloud.directory.stages import FAILED
from local_cloud.directory.stages import GONE
from local_cloud.directory.stages import IMPAIRED
from local_cloud.directory.stages import INJECTED
from local_cloud.directory.stages import INOPERABLE
from local_cloud.directory.stages import LOST
from local_cloud.directory.stages import REQUESTED
from local_cloud.directory.stages import SILENT
from local_cloud.directory.stages import Move
from local_cloud.directory.stages import Seen
from local_cloud.directory.stages import next_stage


@pytest.mark.parametrize(
    ("stage", "seconds", "follows"),
    [(REQUESTED, 60, CREATING), (CREATING, 1380, CREATED), (CREATED, 60, ACTIVE), (DELETING, 600, GONE)],
)
def test_time_alone_moves_what_is_simulated(stage: str, seconds: float, follows: str) -> None:
    seen = Seen(stage, since=1000, simulated=True)
    assert next_stage(seen, 1000 + seconds - 1) is None
    assert next_stage(seen, 1000 + seconds) == Move(follows)


def test_what_runs_is_active_when_it_answers_and_not_before() -> None:
    made = {"since": 0.0, "simulated": False}
    assert next_stage(Seen(REQUESTED, **made), 0) == Move(CREATING)
    assert next_stage(Seen(CREATING, **made, answers=False), 9999) is None
    assert next_stage(Seen(CREATING, **made), 1) == Move(CREATED)
    assert next_stage(Seen(CREATED, **made), 1) == Move(ACTIVE)


def test_failures_are_told_with_their_reason_and_stay() -> None:
    assert next_stage(Seen(CREATING, 0, True, fault=True), 1) == Move(FAILED, INJECTED)
    assert next_stage(Seen(CREATING, 0, False, failure="no room"), 1) == Move(FAILED, "no room")
    assert next_stage(Seen(FAILED, 0, True), 99999) is None


def test_a_working_directory_is_impaired_recovers_and_may_be_lost() -> None:
    silent = {"since": 0.0, "simulated": False, "answers": False}
    assert next_stage(Seen(ACTIVE, 0, False), 1) is None
    assert next_stage(Seen(ACTIVE, **silent), 1) == Move(IMPAIRED, SILENT)
    assert next_stage(Seen(IMPAIRED, **silent), 1) is None
    assert next_stage(Seen(IMPAIRED, 0, False), 1) == Move(ACTIVE)
    assert next_stage(Seen(ACTIVE, **silent, exists=False), 1) == Move(INOPERABLE, LOST)


def test_a_deleted_directory_is_gone_when_its_container_is() -> None:
    assert next_stage(Seen(DELETING, 0, False), 1) is None
    assert next_stage(Seen(DELETING, 0, False, exists=False), 1) == Move(GONE)
