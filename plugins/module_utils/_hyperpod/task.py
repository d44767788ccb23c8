# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module that acts on a cluster which exists: read, plan, call, wait, tell.

What is particular to a module is in a subclass of ``Task``; deciding is in pure functions beside it.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Slice
from .._waiting.loop import WaitFailed
from . import model_check
from .common import HyperPodError
from .common import botocore_version
from .reporting import ClusterReport
from .waiters import SETTLED
from .waiting import ClusterWaiter

if TYPE_CHECKING:
    from .._waiting.loop import Journey
    from .._waiting.loop import Look
    from .._waiting.plans import Call

# The goal of all journeys here but SETTLED: the task itself knows whether it is reached.
ARRIVED = "arrived"


@dataclass(frozen=True)
class Step:
    """What a plan comes to: refuse, wait until the service is not busy, or act.

    Attributes:
        refusal: why nothing may be done.
        busy: the service is at work on the cluster.
        calls: what would be called.
    """

    refusal: str | None = None
    busy: bool = False
    calls: tuple[Call, ...] = ()


class TaskWaiter(ClusterWaiter):
    """Waits for what a task waits for."""

    task: Task

    def look(self, journey: Journey) -> Look:
        """The cluster, while other changes are waited for; what the task looks at afterwards."""
        return super().look(journey) if journey.goal == SETTLED else self.task.look()


class Task(ClusterReport[TaskWaiter], ABC):
    """A run whose module has the option ``cluster_name``."""

    def __init__(self, module: Any) -> None:
        """Prepare, see Run."""
        super().__init__(module, str(module.params["cluster_name"]), TaskWaiter)
        self.waiter.task = self

    @abstractmethod
    def plan(self) -> Step:
        """Read, and decide what to do; the decision is kept for the other methods."""

    @abstractmethod
    def predicted(self) -> dict[str, Any]:
        """The result of check mode, without ``diff``."""

    @abstractmethod
    def act(self) -> bool:
        """Make the calls. True: there is something to wait for."""

    @abstractmethod
    def look(self) -> Look:
        """Look once at what is waited for."""

    @abstractmethod
    def state(self) -> str:
        """How far it is by the last look, in a few words."""

    @abstractmethod
    def result(self) -> dict[str, Any]:
        """The module's result, all done or, with ``wait: false``, begun.

        Raises:
            HyperPodError: not all has gone well.
        """

    @abstractmethod
    def aim(self) -> str:
        """What is not so when time is up, e.g. ``nodes of cluster demo are not rebooted``."""

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
            raise self._late(error) from error
        if self.waiter.sliced and (self.journey.shown or self.journey.calls):
            result["_progress"] = {"lines": self.lines(self.line(self.state()))}
        return result

    def _travel(self) -> dict[str, Any]:
        journey, params = self.journey, self.module.params
        while True:
            if not journey.is_waiting():
                step = self.plan()
                self._check(step)
                if step.busy and not self.module.check_mode:
                    if not params["wait"]:
                        raise HyperPodError(
                            f"The service is at work on cluster {self.name}, and wait is false: run with wait: true, or"
                            " when the cluster is InService"
                        )
                    if self.seconds() >= self.waiter.timeout:
                        raise WaitFailed("the service is at work on the cluster", None, timed_out=True)
                    journey.set_out(SETTLED, again=True)
                    continue
                if self.module.check_mode:
                    return self.predicted()
                if step.calls:
                    journey.acted_at = self.waiter.clock()
                if not self.act() or not params["wait"]:
                    return self.result()
                journey.set_out(ARRIVED, again=False)
            self.waiter.wait(journey)
            again = journey.again
            journey.set_out(None, again=False)
            if not again:
                return self.result()

    def _check(self, step: Step) -> None:
        """Refuse what the plan refuses, and what the service would refuse by its model, all findings at once.

        Raises:
            HyperPodError: something is refused.
        """
        if step.refusal:
            raise HyperPodError(step.refusal)
        for call in step.calls:
            shape = self.client.meta.service_model.operation_model(call.operation).input_shape
            found = model_check.problems(shape, call.request, botocore_version())
            if found:
                raise HyperPodError(f"{call.operation} can't be called like this: {'; '.join(found)}")

    def note_call(self, operation: str, reason: str) -> None:
        """Remember a call that is made, to tell of it."""
        self.journey.calls.append({"operation": operation, "reason": reason})

    def _late(self, error: WaitFailed) -> HyperPodError:
        return self.late(self.aim(), error, "hyperpod_cluster_info shows how far it is")
