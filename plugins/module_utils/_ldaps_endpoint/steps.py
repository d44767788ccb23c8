# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that can be made now, and those that need what is not there yet. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.plans import Call

if TYPE_CHECKING:
    from collections.abc import Mapping


class Steps:
    """Collects calls. One whose request lacks an ARN waits for a later round, when what it names has been made."""

    def __init__(self) -> None:
        self.now: list[Call] = []
        self.later: list[Call] = []

    def add(self, operation: str, request: Mapping[str, Any], reason: str) -> None:
        """Add a call; a value of None in its request is an ARN that is not known yet."""
        complete = all(value is not None for value in request.values())
        if complete:
            self.now.append(Call(operation, dict(request), reason))
        else:
            self.postpone(operation, request, reason)

    def postpone(self, operation: str, request: Mapping[str, Any], reason: str) -> None:
        """Add a call for a later round, whatever its request has."""
        self.later.append(Call(operation, dict(request), reason))
