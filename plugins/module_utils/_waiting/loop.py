# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiting loop, in one piece or in slices.

A module can't speak while it runs. To show progress, the action plugin has the wait done in slices: the module returns
as soon as there is a line to show, together with a ``Journey`` that the next slice takes up. A module run is started
per line, not per poll, and it runs where the task runs, with the task's credentials, whatever the connection is.
"""

from __future__ import annotations

import dataclasses
import time
from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import HyperPodError
from . import progress

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Journey:
    """How far one task has come; JSON takes it from slice to slice. Times are seconds since the epoch.

    Attributes:
        started: when the task began.
        goal: what is waited for; None: nothing, plan first.
        again: plan again when the goal is reached.
        changed: something was changed.
        applied: the resource was made or updated by this task.
        rolled_back: the service was seen to take a change back.
        before: the resource as it was found, in the form of the options.
        calls: calls made so far, as operation and reason.
        differences: where the resource differed from what is wanted.
        seen: statuses seen while waiting for the goal.
        shown: the state that was shown last.
        shown_at: when.
        polled_at: when it was looked at last.
        acted_at: when the calls were begun that led to where it is; 0: none were made.
        deletions: how often the resource was to be deleted.
        told: how many of the calls were shown.
        marks: what else the goal is about, by the module's own rules (e.g. the nodes that are waited for).
    """

    started: float
    goal: str | None = None
    again: bool = False
    changed: bool = False
    applied: bool = False
    rolled_back: bool = False
    before: dict[str, Any] | None = None
    calls: list[dict[str, str]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    shown: str = ""
    shown_at: float = 0.0
    polled_at: float = 0.0
    acted_at: float = 0.0
    deletions: int = 0
    told: int = 0
    marks: dict[str, Any] = field(default_factory=dict)

    def token(self) -> dict[str, Any]:
        """For the next slice, which has nothing to tell about calls made until now."""
        return {**dataclasses.asdict(self), "told": len(self.calls)}

    def is_waiting(self) -> bool:
        """There is something to wait for."""
        return self.goal is not None

    def set_out(self, goal: str | None, again: bool) -> None:
        """Wait for ``goal`` next."""
        self.goal, self.again, self.seen = goal, again, []


class Slice(Exception):
    """There is a line to show, and the wait is not over."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.line = line


class WaitFailed(Exception):
    """The goal can't be reached, or not in time.

    Args:
        message: what the service said, or what the resource looked like when time was up.
        described: the last description of the resource; None when it is gone.
        timed_out: time was up.
    """

    def __init__(self, message: str, described: dict[str, Any] | None, timed_out: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.described = described
        self.timed_out = timed_out


@dataclass(frozen=True)
class Verdict:
    """``done``, or ``failed`` with the reason, or neither: wait on."""

    done: bool = False
    failed: str | None = None


@dataclass(frozen=True)
class Look:
    """What was seen: the text to show, what it means, and the description of the resource, if it was asked for."""

    state: str
    verdict: Verdict
    described: dict[str, Any] | None = None


@dataclass
class Waiter(ABC):
    """What waiting needs. ``sliced``: raise Slice when there is a line to show."""

    client: Any
    name: str
    timeout: float
    delay: float
    sliced: bool
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def wait(self, journey: Journey) -> dict[str, Any] | None:
        """Wait for the journey's goal; returns the last description of the resource.

        Raises:
            Slice: there is a line to show.
            WaitFailed: the goal is out of reach, or time is up.
            HyperPodError: the service refuses to answer. Throttles, 5xx and lost connections never end a wait.
        """
        described: dict[str, Any] | None = None
        while True:
            pause = journey.polled_at + self.delay - self.clock()
            if pause > 0:
                self.sleep(min(pause, self.delay))
            journey.polled_at = self.clock()
            try:
                look = self.look(journey)
                state, verdict, described = look.state, look.verdict, look.described
            except HyperPodError as error:
                if not error.passing:
                    raise
                state, verdict = f"the API does not answer ({error.code or error.exception}); waiting on", None
            if verdict is not None:
                status = self.status(described)
                if status is not None and status not in journey.seen:
                    journey.seen.append(status)
                if verdict.failed is not None:
                    raise WaitFailed(verdict.failed, described)
                if verdict.done:
                    return described
            if self.clock() - journey.started >= self.timeout:
                raise WaitFailed(state, described, timed_out=True)
            self._show(journey, state)

    @abstractmethod
    def look(self, journey: Journey) -> Look:
        """Look once."""

    def status(self, described: dict[str, Any] | None) -> str | None:
        """The status in a description, to be remembered in ``Journey.seen``."""
        del described
        return None

    def _show(self, journey: Journey, state: str) -> None:
        now = self.clock()
        if self.sliced and (state != journey.shown or now - journey.shown_at >= progress.HEARTBEAT):
            journey.shown, journey.shown_at = state, now
            raise Slice(progress.line(self.name, now - journey.started, state))
