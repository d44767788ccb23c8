# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is in the directory, and what is to be done to it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .attributes import sid_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

ADD = "add"
REMOVE = "delete"
REPLACE = "replace"


@dataclass(frozen=True)
class Entry:
    """An object of the directory: attributes by their names in small letters, values as bytes."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def values(self, name: str) -> list[bytes]:
        """All values of an attribute; none if the object doesn't have it."""
        return list(self.attributes.get(name.lower(), ()))

    def first(self, name: str) -> bytes:
        """The first value, empty if there is none."""
        return next(iter(self.attributes.get(name.lower(), ())), b"")

    def texts(self, name: str) -> list[str]:
        """All values as text."""
        return [value.decode("utf-8", "replace") for value in self.values(name)]

    def text(self, name: str) -> str:
        """The value as text, empty if there is none."""
        return self.first(name).decode("utf-8", "replace")

    def number(self, name: str) -> int | None:
        """The value as a number, None if there is none."""
        value = self.first(name)
        return int(value) if value else None

    @property
    def account(self) -> str:
        """Its sAMAccountName."""
        return self.text("sAMAccountName")

    @property
    def sid(self) -> str:
        """Its security identifier as text, empty if it has none."""
        value = self.first("objectSid")
        return sid_text(value) if value else ""


@dataclass(frozen=True)
class Add:
    """Make an object. ``password``: with the password of the plan."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]
    password: bool = False


@dataclass(frozen=True)
class Modify:
    """Change attributes: by name what to do with which values. ``password``: set that of the plan as well."""

    dn: str
    changes: Mapping[str, tuple[str, Sequence[bytes]]]
    password: bool = False


@dataclass(frozen=True)
class Move:
    """Give an object another name (``rdn``), and put it elsewhere if ``parent`` is given."""

    dn: str
    rdn: str
    parent: str | None = None


@dataclass(frozen=True)
class Delete:
    """Remove an object; ``tree``: with all that is in it."""

    dn: str
    tree: bool = False


@dataclass(frozen=True)
class ServicePassword:
    """Have AWS Directory Service set the password of the plan, which enables the account."""

    name: str


Step: t.TypeAlias = "Add | Modify | Move | Delete | ServicePassword"


@dataclass(frozen=True)
class Plan:
    """What to do with one object.

    ``before`` and ``after`` are for people: no secret is in them. ``again``: when the steps are done there is more to
    do, for which the object has to be read.
    """

    result: str
    dn: str
    steps: tuple[Step, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False

    @property
    def changes(self) -> list[str]:
        """Names of what differs."""
        return sorted(key for key in {*self.before, *self.after} if self.before.get(key) != self.after.get(key))
