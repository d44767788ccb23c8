# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules that wait have in common: a client, a journey, lines that tell of it, and errors that explain."""

from __future__ import annotations

import time
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import TypeVar

from . import failure
from . import progress
from .common import HyperPodError
from .common import client_of
from .waiting import Journey
from .waiting import Waiter

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping

    from .waiting import Slice
    from .waiting import WaitFailed

W = TypeVar("W", bound=Waiter)

# Seconds by which the service's clock may be behind ours.
_CLOCKS_APART = 60.0


class Run(Generic[W]):
    """One run of a module, perhaps one of several slices of the same.

    Attributes:
        module: the AnsibleAWSModule, with the options ``wait``, ``wait_timeout``, ``wait_delay`` and ``_resume``.
        name: of the cluster.
        client: of SageMaker.
        journey: how far it has come.
        waiter: waits for the journey's goal.
    """

    def __init__(self, module: Any, name: str, waiter: type[W]) -> None:
        """Prepare.

        Raises:
            HyperPodError: the region is none.
        """
        self.module = module
        self.name = name
        self.client = client_of(module, "sagemaker")
        resume = module.params["_resume"]
        self.journey = Journey(**resume) if resume else Journey(started=time.time())
        self.waiter = waiter(
            self.client,
            name,
            timeout=module.params["wait_timeout"],
            delay=module.params["wait_delay"],
            sliced=resume is not None,
        )

    def seconds(self) -> float:
        """Since the run began."""
        return self.waiter.clock() - self.journey.started

    def line(self, text: str) -> str:
        """A line that says so, with the time since the run began."""
        return progress.line(self.name, self.seconds(), text)

    def lines(self, last: str) -> list[str]:
        """Lines for the calls that were made in this slice, then the last one."""
        calls = self.journey.calls[self.journey.told :]
        return [*(self.line(f"{call['operation']}: {call['reason']}") for call in calls), last]

    def part(self, ended: Slice) -> dict[str, Any]:
        """What a slice ends with: lines to show, and how to go on."""
        return {
            "changed": self.journey.changed,
            "_progress": {"lines": self.lines(ended.line), "token": self.journey.token()},
        }

    def concerned(self) -> Collection[str] | None:
        """Ids of the instances that a failure is about; None: any of the cluster's."""
        return None

    def told(self) -> dict[str, Any]:
        """What the module's result tells of a failed run too."""
        return {"changed": self.journey.changed, "calls": self.journey.calls}

    def late(self, aim: str, error: WaitFailed, advice: str, **details: Any) -> HyperPodError:
        """The error of a wait that failed.

        Args:
            aim: what is not so, e.g. ``nodes of cluster demo are not rebooted``.
            error: why.
            advice: what to do when time was up.
            details: more for the module's result.
        """
        text = f"{aim} after {progress.elapsed(self.seconds())}"
        if error.timed_out:
            limit = self.module.params["wait_timeout"]
            text += f" (wait_timeout: {limit} s): {error.message}. The service works on; {advice}"
        else:
            text += f": {error.message}"
        # How far it was when time was up is not what the service says about a failure.
        said = (error.described or {}).get("FailureMessage") or ("" if error.timed_out else error.message)
        return self.explained(text, said, error.described, **details)

    def explained(self, text: str, said: str, described: Mapping[str, Any] | None, **details: Any) -> HyperPodError:
        """An error with all that is known of the reason.

        Args:
            text: what the module fails with.
            said: what the service says about it; empty when it says nothing.
            described: answer of DescribeCluster; None when there is no cluster any more.
            details: more for the module's result.
        """
        details = {**self.told(), **details}
        lines: list[str] = []
        if described is not None:
            report = failure.gather(
                self.client,
                lambda: client_of(self.module, "logs"),
                described,
                said,
                since=self._since(),
                only=self.concerned(),
            )
            if report["causes"]:
                first = report["causes"][0]
                text = f"{text.rstrip('.')}. Likely cause: {first['cause']}. What to do: {first['fix']}"
            details["failure"] = report
            lines = failure.report_lines(report)
        if self.waiter.sliced:
            details["_progress"] = {"lines": [*self.lines(self.line(text)), *lines]}
        return HyperPodError(text, **details)

    def _since(self) -> datetime | None:
        """When the attempt began that failed; None: before this run, nobody knows when."""
        if not self.journey.acted_at:
            return None
        return datetime.fromtimestamp(self.journey.acted_at - _CLOCKS_APART, timezone.utc)
