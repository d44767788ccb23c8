# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What package managers have in common. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

# run_command of AnsibleModule: status, standard output, standard error
Command = t.Callable[[t.Sequence[str]], "tuple[int, str, str]"]

# another process holds a lock; it goes away by itself
LOCK = "lock"
# a repository does not answer, or not with what it had announced
MIRROR = "mirror"
# the lists of what there is do not have the package
UNKNOWN = "unknown"
# a run of the package manager was killed, its work must be finished first
INTERRUPTED = "interrupted"
# waiting does not help
FINAL = "final"


@dataclass(frozen=True)
class Trouble:
    """Why a call of the package manager failed: one of the kinds above, its own words, and packages nobody has."""

    kind: str
    text: str
    unknown: tuple[str, ...] = ()


class PackageError(Exception):
    """Packages cannot be installed or held; the text names the cause and the fix."""

    def __init__(self, text: str, trouble: Trouble | None = None) -> None:
        super().__init__(text)
        self.trouble = trouble or Trouble(FINAL, text)


@dataclass(frozen=True)
class Package:
    """A package that is completely installed."""

    version: str
    held: bool = False


@dataclass(frozen=True)
class State:
    """What is there: packages by name, names that packages stand in for (Provides), and those that are unfinished."""

    packages: t.Mapping[str, Package] = field(default_factory=dict)
    provided: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()


class Manager(t.Protocol):
    """A package manager. Calls return None when they have done it."""

    family: str
    # says which repositories there are, for messages
    sources: str

    def read(self, names: t.Sequence[str]) -> State:
        """What is installed; C(names) are those that are asked for."""

    def are_lists_fresh(self) -> bool:
        """Whether the lists of what repositories have are of today."""

    def refresh(self) -> Trouble | None:
        """Fetch these lists."""

    def install(self, names: t.Sequence[str]) -> Trouble | None:
        """Install in one transaction, and remove nothing."""

    def repair(self) -> Trouble | None:
        """Finish what a killed run has left."""

    def discard(self, before: State) -> Trouble | None:
        """Take away what a failed installation has left half done, so that others can be installed."""

    def hold_needs(self) -> tuple[str, ...]:
        """Packages without which nothing can be held."""

    def hold(self, names: t.Sequence[str]) -> Trouble | None:
        """Keep these packages as they are, whatever else is installed or upgraded."""

    def unhold(self, names: t.Sequence[str]) -> Trouble | None:
        """Let them be upgraded again."""


def last_lines(text: str, count: int = 4) -> str:
    """The last lines that say something, as one."""
    return "; ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])
