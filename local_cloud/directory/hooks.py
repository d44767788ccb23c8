# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mended services of moto ask the one that keeps directories and balancers; set when the server starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Protocol


class NoSuchUserError(Exception):
    """The directory has no such user."""


class PasswordRefusedError(Exception):
    """The directory does not take the password; the text says why."""


class UnavailableError(Exception):
    """The directory does not answer."""


@dataclass(frozen=True)
class TargetState:
    """Health of a target as DescribeTargetHealth tells it."""

    state: str
    reason: str | None = None
    description: str | None = None


class Keeper(Protocol):
    """directory.keeper.Keeper."""

    def now(self) -> float:
        """Virtual time in seconds."""

    def reset_password(self, directory: Any, user: str, password: str) -> None:
        """Set a user's password. Raises one of the errors above."""

    def target_state(self, group: Any, address: str, port: int) -> TargetState:
        """What the balancers that use a target group say of a target."""


_keeper: list[Keeper] = []


def install(keeper: Keeper) -> None:
    """Let the mended services use this one."""
    _keeper[:] = [keeper]


def keeper() -> Keeper:
    """The one of this process. Raises RuntimeError when none is installed."""
    if not _keeper:
        raise RuntimeError("no keeper of directories is installed")
    return _keeper[0]
