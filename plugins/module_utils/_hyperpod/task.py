# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module that acts on a cluster which exists: read, plan, call, wait, tell.

What is particular to a module is in a subclass of ``Task``; deciding is in pure functions beside it.
"""

from __future__ import annotations

import time
from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from . import failure
from . import model_check
from . import progress
from .common import HyperPodError
from .common import botocore_version
from .common import client_config
from .common import region_problem
from .waiters import SETTLED
from .waiting import Journey
from .waiting import Look
from .waiting import Slice
from .waiting import Waiter
from .waiting import WaitFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import Call

# The goal of all journeys here but SETTLED: the task itself knows whether it is reached.
ARRIVED = "arrived"

# Seconds by which the service's clock may be behind ours.
_CLOCKS_APART = 60.0


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


class TaskWaiter(Waiter):
    """Waits for what a task waits for."""

    task: Task

    def look(self, journey: Journey) -> Look:
        """The cluster, while other changes are waited for; what the task looks at afterwards."""
        return super().look(journey) if journey.goal == SETTLED else self.task.look()


class Task(ABC):
    """One run, perhaps one of several slices of the same.

    Attributes:
        module: the AnsibleAWSModule, with the options ``cluster_name``, ``wait``, ``wait_timeout``, ``wait_delay`` and
            ``_resume``.
        journey: how far it has come.
    """

    def __init__(self, module: Any) -> None:
        """Prepare.

        Raises:
            HyperPodError: the region is none.
        """
        problem = region_problem(module.region)
        if problem:
            raise HyperPodError(problem)
        self.module = module
        self.name = str(module.params["cluster_name"])
        self.client = module.client("sagemaker", config=client_config())
        resume = module.params["_resume"]
        self.journey = Journey(**resume) if resume else Journey(started=time.time())
        self.waiter = TaskWaiter(
            self.client,
            self.name,
            timeout=module.params["wait_timeout"],
            delay=module.params["wait_delay"],
            sliced=resume is not None,
        )
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

    def concerned(self) -> set[str] | None:
        """Ids of the instances that a failure is about; None: any of the cluster's."""
        return None

    def run(self) -> dict[str, Any]:
        """Do it; returns the module's result.

        Raises:
            HyperPodError: with everything that the module is to fail with.
        """
        try:
            result = self._travel()
        except Slice as part:
            return {
                "changed": self.journey.changed,
                "_progress": {"lines": self.lines(part.line), "token": self.journey.token()},
            }
        except WaitFailed as error:
            raise self._late(error) from error
        if self.waiter.sliced and (self.journey.shown or self.journey.calls):
            result["_progress"] = {"lines": self.lines(progress.line(self.name, self.seconds(), self.state()))}
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

    def seconds(self) -> float:
        """Since the task began."""
        return self.waiter.clock() - self.journey.started

    def lines(self, line: str) -> list[str]:
        """Calls that were made in this slice, then the line."""
        told = [
            progress.line(self.name, self.seconds(), f"{call['operation']}: {call['reason']}")
            for call in self.journey.calls[self.journey.told :]
        ]
        return [*told, line]

    def _late(self, error: WaitFailed) -> HyperPodError:
        text = f"{self.aim()} after {progress.elapsed(self.seconds())}"
        if error.timed_out:
            text += (
                f" (wait_timeout: {self.module.params['wait_timeout']} s): {error.message}. The service works on;"
                " hyperpod_cluster_info shows how far it is"
            )
        else:
            text += f": {error.message}"
        return self.explained(text, error.message, error.described)

    def explained(self, text: str, said: str, described: Mapping[str, Any] | None, **details: Any) -> HyperPodError:
        """An error with all that is known of the reason.

        Args:
            text: what the module fails with.
            said: what the service says about it.
            described: answer of DescribeCluster; None when there is no cluster any more.
            details: more for the module's result.
        """
        if described is None:
            return HyperPodError(text, **details)
        since = datetime.fromtimestamp(self.journey.started - _CLOCKS_APART, timezone.utc)
        report = failure.gather(
            self.client,
            lambda: self.module.client("logs", config=client_config()),
            described,
            said,
            since=since,
            only=self.concerned(),
        )
        if report["causes"]:
            first = report["causes"][0]
            text = f"{text.rstrip('.')}. Likely cause: {first['cause']}. What to do: {first['fix']}"
        details["failure"] = report
        if self.waiter.sliced:
            line = progress.line(self.name, self.seconds(), text)
            details["_progress"] = {"lines": [*self.lines(line), *failure.report_lines(report)]}
        return HyperPodError(text, **details)
