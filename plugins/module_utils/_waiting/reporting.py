# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules that wait have in common: a client, a journey, lines that tell of it, and errors that explain."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import TypeVar

from .._hyperpod.common import HyperPodError
from .._hyperpod.common import client_of
from . import progress
from .loop import Journey
from .loop import Waiter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .loop import Slice
    from .loop import WaitFailed

W = TypeVar("W", bound=Waiter)


@dataclass(frozen=True)
class Reasons:
    """What is known of a failure: for the end of its message, for the module's result, and lines for the terminal."""

    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


class Run(Generic[W]):
    """One run of a module, perhaps one of several slices of the same.

    Attributes:
        module: the AnsibleAWSModule, with the options ``wait``, ``wait_timeout``, ``wait_delay`` and ``_resume``.
        name: of the resource, as progress lines and errors tell it.
        client: of the service.
        journey: how far it has come.
        waiter: waits for the journey's goal.
    """

    def __init__(self, module: Any, service: str, name: str, waiter: type[W]) -> None:
        """Prepare.

        Args:
            module: the AnsibleAWSModule.
            service: what the client is for, in botocore's names.
            name: of the resource.
            waiter: its class.

        Raises:
            HyperPodError: the region is none.
        """
        self.module = module
        self.name = name
        self.client = client_of(module, service)
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
        said = self.said(error)
        return self.explained(text, said, error.described, **details)

    def said(self, error: WaitFailed) -> str:
        """What the service says about the failure of a wait: how far it was when time was up is no such thing."""
        return "" if error.timed_out else error.message

    def reasons(self, said: str, described: Mapping[str, Any]) -> Reasons:
        """What is known of a failure, see ``explained``."""
        del said, described
        return Reasons()

    def explained(self, text: str, said: str, described: Mapping[str, Any] | None, **details: Any) -> HyperPodError:
        """An error with all that is known of the reason.

        Args:
            text: what the module fails with.
            said: what the service says about it; empty when it says nothing.
            described: the last description of the resource; None when it isn't there any more.
            details: more for the module's result.
        """
        known = Reasons() if described is None else self.reasons(said, described)
        details = {**self.told(), **details, **known.details}
        if known.text:
            text = f"{text.rstrip('.')}. {known.text}"
        if self.waiter.sliced:
            details["_progress"] = {"lines": [*self.lines(self.line(text)), *known.lines]}
        return HyperPodError(text, **details)
