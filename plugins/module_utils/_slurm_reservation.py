# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations of Slurm: read from scontrol, compared with what is wanted, and what to tell scontrol. Pure. Private.

Names and forms: scontrol(1), "RESERVATIONS - SPECIFICATIONS FOR CREATE, UPDATE, AND DELETE COMMANDS".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

# Slurm's own notes of how it was asked for nodes.
_HOW = frozenset(("SPEC_NODES", "ALL_NODES", "PART_NODES"))
_EVERY = {
    "HOURLY": timedelta(hours=1),
    **dict.fromkeys(("DAILY", "WEEKDAY", "WEEKEND"), timedelta(days=1)),
    "WEEKLY": timedelta(days=7),
}
_DURATION = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?|(\d+)")


class ReservationError(Exception):
    """Something the operator must mend; the text names the option and the fix."""


@dataclass(frozen=True)
class Reservation:
    """What there is, or is wanted. None of a wanted one: whatever there is. Nodes by name; all are said by a flag."""

    start: datetime | None
    end: datetime | None
    nodes: frozenset[str] | None = None
    all_nodes: bool = False
    users: frozenset[str] | None = None
    accounts: frozenset[str] | None = None
    partition: str | None = None
    flags: frozenset[str] | None = None


def parse_time(text: str, option: str) -> datetime:
    """A moment on the controller's clock.

    Raises:
        ReservationError: it is another form.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ReservationError(f"{option} is {text!r}: give YYYY-MM-DDTHH:MM:SS on the controller's clock")
    return found


def parse_duration(text: str) -> timedelta:
    """Minutes, [days-]hours:minutes or [days-]hours:minutes:seconds.

    Raises:
        ReservationError: it is another form, or nothing.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ReservationError(f"duration is {text!r}: give minutes, or [days-]hours:minutes[:seconds]")
    days, hours, minutes, seconds, alone = (int(part or 0) for part in match.groups())
    found = timedelta(days=days, hours=hours, minutes=minutes + alone, seconds=seconds)
    if not found:
        raise ReservationError("duration is 0: give minutes, or [days-]hours:minutes[:seconds]")
    return found


def wanted(params: t.Mapping[str, t.Any], nodes: frozenset[str] | None) -> Reservation:
    """What the options ask for.

    Args:
        params: the module's.
        nodes: names of the nodes, where they are not all.

    Raises:
        ReservationError: they contradict each other.
    """
    start = parse_time(params["start"], "start")
    if (params["end"] is None) == (params["duration"] is None):
        raise ReservationError("give one of end and duration")
    end = parse_time(params["end"], "end") if params["end"] else start + parse_duration(params["duration"])
    if end <= start:
        raise ReservationError(f"end is {end.isoformat()}, which is not after start")
    if not params["users"] and not params["accounts"]:
        raise ReservationError("users and accounts are both empty: say who may run jobs in it (root, for maintenance)")
    if params["nodes"] and params["partition"]:
        raise ReservationError("give one of nodes and partition: with partition it has all nodes of that one")
    flags = {flag.upper() for flag in params["flags"]}
    return Reservation(
        start,
        end,
        nodes,
        all_nodes=nodes is None and not params["partition"],
        users=frozenset(params["users"]),
        accounts=frozenset(params["accounts"]),
        partition=params["partition"] or None,
        flags=frozenset(flags - _HOW),
    )


def parse(line: str) -> tuple[str, str, Reservation]:
    """Name, expression of its nodes, and the reservation in a line of ``scontrol show reservation --oneliner``.

    Raises:
        ReservationError: it has another form.
    """
    fields = dict(re.findall(r"(\w+)=(\S*)", line))
    try:
        flags = _names(fields["Flags"])
        partition = fields["PartitionName"]
        return (
            fields["ReservationName"],
            "" if fields["Nodes"] == "(null)" else fields["Nodes"],
            Reservation(
                parse_time(fields["StartTime"], "StartTime"),
                parse_time(fields["EndTime"], "EndTime"),
                all_nodes="ALL_NODES" in flags,
                users=_names(fields["Users"]),
                accounts=_names(fields["Accounts"]),
                partition=None if partition == "(null)" else partition,
                flags=flags - _HOW,
            ),
        )
    except KeyError as error:
        raise ReservationError(f"scontrol has answered in an unknown form, without {error}: {line}") from error


def plan(name: str, current: Reservation | None, desired: Reservation | None, now: datetime) -> list[list[str]]:
    """Arguments of scontrol, one list for each call; empty when all is as it should be."""
    if desired is None:
        return [["delete", f"reservationname={name}"]] if current else []
    flags, every = desired.flags or frozenset(), period(desired)
    if current is None:
        if every is None and desired.end and desired.end <= now:
            # it is over, and Slurm has removed it
            return []
        if "MAINT" in flags and desired.all_nodes:
            # nobody's jobs can hold it up: maintenance is when it is
            flags |= {"IGNORE_JOBS"}
        what = [*_times(desired), *_place(desired), *_who(desired, new=True), *_flags(flags)]
        return [["create", f"reservationname={name}", *what]]
    changes = _changed_times(current, desired, every)
    if _place(current) != _place(desired):
        changes += _place(desired)
    if (current.users, current.accounts) != (desired.users, desired.accounts):
        changes += _who(desired)
    update = ["update", f"reservationname={name}"]
    calls = [[*update, *changes]] if changes else []
    have = current.flags or frozenset()
    if flags - have:
        calls.append([*update, f"flags+={','.join(sorted(flags - have))}"])
    # it stays with maintenance, as above
    extra = have - flags - ({"IGNORE_JOBS"} if "MAINT" in flags else set())
    if extra:
        calls.append([*update, f"flags-={','.join(sorted(extra))}"])
    return calls


def _changed_times(current: Reservation, desired: Reservation, every: timedelta | None) -> list[str]:
    """A reservation that comes again has moved on by whole periods. One that has begun refuses any start."""
    if not (current.start and current.end and desired.start and desired.end):
        return _times(desired)
    moved = current.start - desired.start
    if moved and not (every and moved > timedelta(0) and not moved % every):
        return _times(desired)
    end = desired.end + moved
    return [] if current.end == end else _times(Reservation(None, end))


def _times(desired: Reservation) -> list[str]:
    both = (("starttime", desired.start), ("endtime", desired.end))
    return [f"{key}={time.isoformat()}" for key, time in both if time]


def _place(desired: Reservation) -> list[str]:
    if desired.partition:
        return [f"partitionname={desired.partition}", "nodes=ALL"]
    return ["nodes=ALL" if desired.all_nodes else f"nodes={','.join(sorted(desired.nodes or ()))}"]


def _who(desired: Reservation, *, new: bool = False) -> list[str]:
    """An empty one takes away what was there, which a new reservation would take for an empty name."""
    both = (("users", desired.users), ("accounts", desired.accounts))
    return [f"{key}={','.join(sorted(names or ()))}" for key, names in both if names or not new]


def _flags(flags: t.AbstractSet[str]) -> list[str]:
    return [f"flags={','.join(sorted(flags))}"] if flags else []


def _names(text: str) -> frozenset[str]:
    return frozenset() if text in ("", "(null)") else frozenset(text.split(","))


def period(reservation: Reservation) -> timedelta | None:
    """How often it comes again."""
    return next((every for flag, every in _EVERY.items() if flag in (reservation.flags or ())), None)


def describe(reservation: Reservation | None) -> dict[str, t.Any]:
    """For results and diffs."""
    if reservation is None:
        return {}
    return {
        "start": reservation.start.isoformat() if reservation.start else None,
        "end": reservation.end.isoformat() if reservation.end else None,
        "nodes": "ALL" if reservation.all_nodes else sorted(reservation.nodes or ()),
        "partition": reservation.partition,
        "users": sorted(reservation.users or ()),
        "accounts": sorted(reservation.accounts or ()),
        "flags": sorted(reservation.flags or ()),
    }
