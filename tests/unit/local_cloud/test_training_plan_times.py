# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training plans: offerings on the calendar, their identifiers, and the status of a plan at each moment."""

from __future__ import annotations

import json
import re
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.hyperpod import training_plans
from local_cloud.hyperpod.training_plans import Offering
from local_cloud.hyperpod.training_plans import TrainingPlan

KIND = "ml.p6e-gb200.36xlarge"
# 11:30 UTC.
BEGIN = int(datetime(2026, 3, 1, 11, 30, tzinfo=timezone.utc).timestamp())
OFFERING = Offering("hyperpod-cluster", KIND, 64, "ap-northeast-1a", BEGIN, 24 * 182)
PLAN = TrainingPlan("p", "arn:aws:sagemaker:us-west-2:1:training-plan/p", OFFERING, "usw2-az1", 100.0, 1000.0)


def found(now: float, **params: Any) -> list[Offering]:
    wanted = {"InstanceType": KIND, "DurationHours": 24, "TargetResources": ["endpoint"] * 2, **params}
    return training_plans.search(wanted, ["b", "a"], [], now)


@pytest.mark.parametrize(("now", "start"), [(-1, 0), (0, 0), (1, 1), (86399, 1), (86400, 1)])
def test_reservations_begin_at_the_next_half_past_eleven(now: int, start: int) -> None:
    assert {offering.start for offering in found(BEGIN + now)} == {BEGIN + 86400 * start}


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24, 1), (25, 2), (182 * 24, 182)])
def test_reservations_last_whole_days(hours: int, days: int) -> None:
    assert [(offering.zone, offering.hours) for offering in found(BEGIN, DurationHours=hours)] == [
        ("a", 24 * days),
        ("b", 24 * days),
    ]


def test_a_search_in_the_past_starts_now() -> None:
    past = datetime.fromtimestamp(BEGIN - 86400 * 9, timezone.utc)
    assert found(BEGIN, StartTimeAfter=past) == found(BEGIN)
    assert found(BEGIN, EndTimeBefore=datetime.fromtimestamp(BEGIN + 86400, timezone.utc)) == found(BEGIN)
    assert found(BEGIN, EndTimeBefore=datetime.fromtimestamp(BEGIN + 86399, timezone.utc)) == []


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (100, "Pending"),
        (159, "Pending"),
        (160, "Scheduled"),
        (999, "Scheduled"),
        (1000, "Active"),
        (999 + 182 * 86400, "Active"),
        (1000 + 182 * 86400, "Expired"),
    ],
)
def test_the_status_goes_by_virtual_time(now: float, status: str) -> None:
    assert PLAN.status(now) == status


def test_plans_and_identifiers_come_back() -> None:
    kept = json.loads(json.dumps(training_plans.plan_to_dict(PLAN)))
    assert training_plans.plan_from_dict(kept) == PLAN
    identifier = OFFERING.identifier("ap-northeast-1")
    assert re.fullmatch(r"[a-z0-9\-]{1,256}", identifier)
    assert training_plans.offering_of(identifier, "ap-northeast-1") == OFFERING
    assert training_plans.offering_of(identifier, "ap-northeast-2") is None


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=256))
def test_made_up_identifiers_are_none(text: str) -> None:
    assert training_plans.offering_of(text, "us-west-2") is None
    assert training_plans.offering_of(f"tpo-{text}", "us-west-2") is None
