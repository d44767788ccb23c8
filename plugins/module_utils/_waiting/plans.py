# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done: the values that planning comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call of the API, in the names of the service model, and why it is made."""

    operation: str
    request: dict[str, Any]
    reason: str

    def told(self) -> dict[str, str]:
        """The call in a module's result."""
        return {"operation": self.operation, "reason": self.reason}


@dataclass(frozen=True)
class Outline:
    """What a run that converges does next.

    Attributes:
        calls: to make now, in this order.
        goal: what to wait for then; None: nothing.
        again: plan again when the goal is reached, or at once when there is none.
        later: calls that will follow then, as far as they are known; their requests may be incomplete.
        refusal: why nothing may be done.
        warnings: what the user is told beside it.
        before: how the resource is found, in the form of the options.
        after: how it will be.
    """

    calls: tuple[Call, ...] = ()
    goal: str | None = None
    again: bool = False
    later: tuple[Call, ...] = ()
    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
