# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module that brings a resource to what is wanted: read, plan, apply, wait, until nothing is left to do.

What is particular to a resource is in a subclass of ``Converge``; deciding is in pure functions beside it. As each
round begins with what is there, a run that was killed at any place goes on when it is started again.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import TypeVar

from .._hyperpod import model_check
from .._hyperpod.common import HyperPodError
from .._hyperpod.common import at_least
from .._hyperpod.common import botocore_version
from .loop import Look
from .loop import Slice
from .loop import Verdict
from .loop import Waiter
from .loop import WaitFailed
from .reporting import Run

if TYPE_CHECKING:
    from .loop import Journey
    from .plans import Call
    from .plans import Outline

S = TypeVar("S")

# The goal when a call is refused for what passes by itself: look again in a while, then plan again.
_SETTLED = "settled"
# Plans without a wait between them; one that never ends is a service that does not keep what it is told.
_MAX_ROUNDS = 10


class ConvergeWaiter(Waiter):
    """Waits for what a run waits for."""

    converge: Converge[Any]

    def look(self, journey: Journey) -> Look:
        """See Waiter."""
        if journey.goal == _SETTLED:
            return Look(str(journey.marks.get("obstacle", "")), Verdict(done=True))
        return self.converge.look(journey)

    def status(self, described: dict[str, Any] | None) -> str | None:
        """See Waiter."""
        return self.converge.status(described)


class Converge(Run[ConvergeWaiter], ABC, Generic[S]):
    """A run; ``S`` is what is read of the resource and around it.

    Attributes:
        kind: what the resource is called in messages and in the module's result.
        service: of its API, in botocore's names.
    """

    kind: ClassVar[str]
    service: ClassVar[str]

    def __init__(self, module: Any, name: str) -> None:
        """Prepare, see Run."""
        at_least(module.params, wait_timeout=1, wait_delay=1)
        super().__init__(module, self.service, name, ConvergeWaiter)
        self.waiter.converge = self

    @abstractmethod
    def read(self) -> S:
        """What there is."""

    @abstractmethod
    def plan(self, state: S) -> Outline:
        """What to do about it."""

    @abstractmethod
    def prepare(self, state: S, outline: Outline) -> None:
        """Check what can only be checked by looking elsewhere, before anything is changed, in check mode too.

        Raises:
            HyperPodError: something is wrong.
        """

    @abstractmethod
    def apply(self, call: Call) -> None:
        """Make a call.

        Raises:
            HyperPodError: it is refused.
        """

    @abstractmethod
    def passing(self, call: Call, error: HyperPodError) -> bool:
        """A refusal passes by itself, or comes of a lost answer: plan again in a while."""

    @abstractmethod
    def look(self, journey: Journey) -> Look:
        """Look once at what is waited for."""

    @abstractmethod
    def status(self, described: dict[str, Any] | None) -> str | None:
        """The resource's status in what a look has described, to be remembered in ``Journey.seen``."""

    @abstractmethod
    def shown(self, state: S) -> dict[str, Any]:
        """The resource as the module returns it; empty when there is none."""

    @abstractmethod
    def normalised(self, state: S) -> dict[str, Any]:
        """The resource in the form of the options, for diff; empty when there is none."""

    @abstractmethod
    def aim(self, goal: str) -> str:
        """What is not so when a wait has failed, e.g. ``directory corp.example.com is not active``."""

    def run(self) -> dict[str, Any]:
        """Do it; returns the module's result.

        Raises:
            HyperPodError: with everything that the module is to fail with.
        """
        try:
            result = self._travel()
        except Slice as part:
            return self.part(part)
        except WaitFailed as error:
            aim = self.aim(self.journey.goal or "")
            raise self.late(aim, error, "run again to go on waiting") from error
        except HyperPodError as error:
            error.kwargs = {**self._done(), **error.kwargs}
            raise
        if self.waiter.sliced and (self.journey.shown or self.journey.calls):
            result["_progress"] = {"lines": self.lines(self.line(self.last(result)))}
        return result

    def _done(self) -> dict[str, Any]:
        """What a failure tells of the calls that were made until then; nothing, when none was made."""
        if not self.journey.changed:
            return {}
        lines = {"_progress": {"lines": self.lines(self.line("failed"))}} if self.waiter.sliced else {}
        return {**self.told(), **lines}

    def last(self, result: dict[str, Any]) -> str:
        """The last line's text."""
        return "as wanted" if result[self.kind] else "gone"

    def _travel(self) -> dict[str, Any]:
        journey = self.journey
        rounds = 0
        while rounds < _MAX_ROUNDS:
            if not journey.is_waiting():
                rounds += 1
                state = self.read()
                outline = self._outline(state)
                if self.module.check_mode:
                    return self._predicted(outline)
                if not self._apply(outline):
                    self._await_passing()
                elif not self.module.params["wait"]:
                    if not outline.again or outline.goal is not None:
                        return self._begun(outline)
                elif outline.goal is None and not outline.again:
                    return self._result(self.read() if outline.calls else state)
                if not journey.is_waiting():
                    continue
            self.waiter.wait(journey)
            rounds = 0
            again = journey.again
            journey.set_out(None, again=False)
            if not again:
                return self._result(self.read())
        raise HyperPodError(
            f"{self.kind} {self.name} does not keep what it is told, or somebody else changes it at the same time; the"
            f" last call was {journey.calls[-1]['operation'] if journey.calls else 'none'}: run one task at a time"
        )

    def _outline(self, state: S) -> Outline:
        """What to do now.

        Raises:
            HyperPodError: nothing may be done.
        """
        outline = self.plan(state)
        if outline.refusal:
            raise HyperPodError(outline.refusal)
        for call in (*outline.calls, *outline.later):
            shape = self.client.meta.service_model.operation_model(call.operation).input_shape
            # What is not known yet is not judged.
            known = {key: value for key, value in call.request.items() if value}
            found = model_check.problems(shape, known, botocore_version())
            if found:
                raise HyperPodError(f"{self.kind} {self.name} can't be like this: {'; '.join(found)}")
        self.prepare(state, outline)
        if self.journey.before is None:
            self.journey.before = outline.before
        for warning in outline.warnings:
            self.module.warn(warning)
        return outline

    def _apply(self, outline: Outline) -> bool:
        """Make the calls and set the goal. False: something is in the way that passes."""
        journey = self.journey
        if outline.calls:
            journey.acted_at = self.waiter.clock()
        for call in outline.calls:
            journey.calls.append(call.told())
            try:
                self.apply(call)
            except HyperPodError as error:
                journey.calls.pop()
                if self.seconds() >= self.waiter.timeout or not self.passing(call, error):
                    raise
                journey.marks["obstacle"] = f"{call.operation} has to wait: {error.code}"
                return False
            journey.changed = True
        journey.set_out(outline.goal if self.module.params["wait"] else None, outline.again)
        return True

    def _await_passing(self) -> None:
        self.journey.set_out(_SETTLED, again=True)
        self.journey.polled_at = self.waiter.clock()

    def _predicted(self, outline: Outline) -> dict[str, Any]:
        """The result of check mode."""
        calls = [call.told() for call in (*outline.calls, *outline.later)]
        result: dict[str, Any] = {"changed": bool(calls), self.kind: outline.after, "calls": calls}
        if self.module._diff:
            result["diff"] = {"before": outline.before, "after": outline.after}
        return result

    def _begun(self, outline: Outline) -> dict[str, Any]:
        """The result when nothing is waited for."""
        if outline.later:
            ahead = ", ".join(call.reason for call in outline.later)
            self.module.warn(f"{self.kind} {self.name}: wait is false, so this is left for another run: {ahead}")
        return self._result(self.read())

    def _result(self, state: S) -> dict[str, Any]:
        result = {**self.told(), self.kind: self.shown(state)}
        if self.module._diff:
            # Having waited for what was under way already is no change.
            after = self.normalised(state) if self.journey.changed else self.journey.before
            result["diff"] = {"before": self.journey.before, "after": after}
        return result
