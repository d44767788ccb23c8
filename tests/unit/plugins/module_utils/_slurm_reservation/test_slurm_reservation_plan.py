# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scontrol is told of a reservation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils import _slurm_reservation as reservations

NOW = datetime(2026, 12, 1, 12)
# as Slurm 22.05 answers
LINE = (
    "ReservationName=update StartTime=2026-12-01T22:00:00 EndTime=2026-12-02T02:00:00 Duration=04:00:00 "
    "Nodes=ip-10-199-64-[12-13] NodeCnt=2 CoreCnt=4 Features=(null) PartitionName=(null) "
    "Flags=MAINT,IGNORE_JOBS,SPEC_NODES,ALL_NODES TRES=cpu=4 Users=root Groups=(null) Accounts=(null) Licenses=(null) "
    "State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)"
)


def desired(hosts: frozenset[str] | None = None, **options: Any) -> reservations.Reservation:
    common = {"start": "2026-12-01T22:00:00", "end": None, "duration": "4:00", "nodes": "", "partition": ""}
    given = {**common, "users": ["root"], "accounts": [], "flags": ["maint"], **options}
    return reservations.wanted(given, hosts)


def there() -> reservations.Reservation:
    name, nodes, found = reservations.parse(LINE)
    assert (name, nodes) == ("update", "ip-10-199-64-[12-13]")
    return replace(found, nodes=frozenset(("ip-10-199-64-12", "ip-10-199-64-13")))


def plan(current: reservations.Reservation | None, wanted: reservations.Reservation | None) -> list[list[str]]:
    return reservations.plan("update", current, wanted, NOW)


def test_a_new_one() -> None:
    times = ("starttime=2026-12-01T22:00:00", "endtime=2026-12-02T02:00:00")
    assert plan(None, desired()) == [
        ["create", "reservationname=update", *times, "nodes=ALL", "users=root", "flags=IGNORE_JOBS,MAINT"]
    ]
    some = desired(frozenset(("b", "a")), nodes="a,b", users=[], accounts=["x"], flags=[])
    assert plan(None, some) == [["create", "reservationname=update", *times, "nodes=a,b", "accounts=x"]]
    of_partition = desired(partition="p1", flags=[])
    assert plan(None, of_partition)[0][4:6] == ["partitionname=p1", "nodes=ALL"]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert plan(there(), desired()) == []
    assert plan(None, None) == []


def test_only_what_differs_is_changed() -> None:
    update = ["update", "reservationname=update"]
    # one that has begun refuses a start, even its own
    assert plan(there(), desired(duration="5:00")) == [[*update, "endtime=2026-12-02T03:00:00"]]
    moved = [*update, "starttime=2026-12-01T21:00:00", "endtime=2026-12-02T02:00:00"]
    assert plan(there(), desired(start="2026-12-01T21:00:00", duration="5:00")) == [moved]
    assert plan(there(), desired(frozenset(("a",)), nodes="a")) == [[*update, "nodes=a"]]
    assert plan(there(), desired(users=[], accounts=["x"])) == [[*update, "users=", "accounts=x"]]
    assert plan(there(), desired(flags=["FLEX"])) == [[*update, "flags+=FLEX"], [*update, "flags-=IGNORE_JOBS,MAINT"]]
    assert plan(there(), None) == [["delete", "reservationname=update"]]


def test_one_that_is_over_is_not_made_again() -> None:
    past = desired(start="2026-11-01T00:00:00")
    assert plan(None, past) == []
    assert plan(None, desired(start="2026-11-01T00:00:00", flags=["DAILY"])) != []


@pytest.mark.parametrize(
    ("flag", "moved", "same"),
    [
        ("DAILY", timedelta(days=3), True),
        ("DAILY", timedelta(days=3, hours=1), False),
        ("WEEKLY", timedelta(days=14), True),
        ("WEEKLY", timedelta(days=1), False),
        ("FLEX", timedelta(days=7), False),
        ("DAILY", timedelta(days=-1), False),
    ],
)
def test_one_that_comes_again_moves_on(flag: str, moved: timedelta, same: bool) -> None:
    wanted = desired(flags=[flag])
    assert wanted.start
    assert wanted.end
    current = replace(wanted, start=wanted.start + moved, end=wanted.end + moved)
    assert (plan(current, wanted) == []) is same


def test_the_present_turn_of_one_that_comes_again_can_be_made_longer() -> None:
    longer = desired(flags=["DAILY"], duration="5:00")
    current = replace(desired(flags=["DAILY"]), start=datetime(2026, 12, 4, 22), end=datetime(2026, 12, 5, 2))
    assert plan(current, longer) == [["update", "reservationname=update", "endtime=2026-12-05T03:00:00"]]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"start": "tomorrow"}, "start is 'tomorrow': give YYYY-MM-DDTHH:MM:SS"),
        ({"start": "2026-12-01T22:00:00+01:00"}, "give YYYY-MM-DDTHH:MM:SS"),
        ({"duration": "soon"}, "duration is 'soon': give minutes"),
        ({"duration": "0"}, "duration is 0"),
        ({"duration": None}, "give one of end and duration"),
        ({"end": "2026-12-02T00:00:00"}, "give one of end and duration"),
        ({"duration": None, "end": "2026-12-01T22:00:00"}, "which is not after start"),
        ({"users": []}, "say who may run jobs in it"),
        ({"nodes": "a", "partition": "p1"}, "give one of nodes and partition"),
    ],
)
def test_wrong_wishes_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(reservations.ReservationError, match="(?s)" + complaint.replace("(", "\\(")):
        desired(**options)


@pytest.mark.parametrize(
    ("text", "minutes"), [("90", 90), ("1:30", 90), ("1-00:00", 1440), ("1-01:00:30", 1500.5), ("00:01", 1)]
)
def test_durations(text: str, minutes: float) -> None:
    assert reservations.parse_duration(text) == timedelta(minutes=minutes)


def test_an_answer_that_is_not_understood() -> None:
    with pytest.raises(reservations.ReservationError, match="without 'Flags'"):
        reservations.parse("ReservationName=x StartTime=2026-12-01T22:00:00")
