# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a directory and of a load balancer, as pure functions of what is known and of the time.

Times are virtual seconds. AWS documents 20 to 40 minutes for the creation of a directory (AWS Directory Service
administration guide, "Create your AWS Managed Microsoft AD") and some minutes for a load balancer. Where containers
play them, their own time counts and nothing is added.
"""

from __future__ import annotations

from dataclasses import dataclass

REQUESTED = "Requested"
CREATING = "Creating"
CREATED = "Created"
ACTIVE = "Active"
IMPAIRED = "Impaired"
INOPERABLE = "Inoperable"
DELETING = "Deleting"
FAILED = "Failed"
# Gone: no stage of the service, which answers EntityDoesNotExistException then.
GONE = "Gone"

_SECONDS = {REQUESTED: 60.0, CREATING: 1380.0, CREATED: 60.0, DELETING: 600.0}
BALANCER_SECONDS = 150.0
_USABLE = (ACTIVE, IMPAIRED, INOPERABLE)


@dataclass(frozen=True)
class Seen:
    """What is known of a directory.

    Attributes:
        stage: the present one.
        since: when it began.
        simulated: nothing runs: time alone moves it on.
        fault: an injected failure.
        exists: there is a container.
        answers: its controller answers LDAP.
        failure: why it could not be started; None while it may still come up.
    """

    stage: str
    since: float
    simulated: bool
    fault: bool = False
    exists: bool = True
    answers: bool = True
    failure: str | None = None


@dataclass(frozen=True)
class Move:
    """The stage that follows, and the reason that is told with it."""

    stage: str
    reason: str | None = None


INJECTED = "The directory could not be created: an internal error has occurred (injected)."
LOST = "The domain controllers do not exist any more: delete the directory and create it again."
SILENT = "The domain controllers do not answer; they are being recovered."


def next_stage(seen: Seen, now: float) -> Move | None:
    """What follows now; None while it stays as it is."""
    over = not seen.simulated or now - seen.since >= _SECONDS.get(seen.stage, 0.0)
    follows: dict[str, Move | None] = {
        REQUESTED: Move(CREATING) if over else None,
        CREATING: _made(seen, over),
        CREATED: Move(ACTIVE) if over else None,
        DELETING: Move(GONE) if over and (seen.simulated or not seen.exists) else None,
        **dict.fromkeys(_USABLE, _working(seen)),
    }
    move = follows.get(seen.stage)
    return None if move is None or move.stage == seen.stage else move


def _made(seen: Seen, over: bool) -> Move | None:
    if seen.fault:
        return Move(FAILED, INJECTED)
    if seen.failure is not None:
        return Move(FAILED, seen.failure)
    return Move(CREATED) if over and seen.answers else None


def _working(seen: Seen) -> Move:
    if seen.simulated or seen.answers:
        return Move(ACTIVE)
    return Move(IMPAIRED, SILENT) if seen.exists else Move(INOPERABLE, LOST)


def seconds_left(stage: str, since: float, now: float) -> float | None:
    """Virtual seconds until a simulated directory moves on; None when it doesn't."""
    return max(0.0, since + _SECONDS[stage] - now) if stage in _SECONDS else None
