# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong input: all of it told at once, each with its place, before anything is done. Pure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from typing import Any

from .errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence

_MOST_SHOWN = 20


class Problems:
    """What is wrong with the objects of a task. ``option`` is the list's name, ``names`` the objects' own."""

    def __init__(self, option: str, names: Sequence[str]) -> None:
        self._option = option
        self._names = names
        self._found: list[str] = []
        self._index = 0

    @contextlib.contextmanager
    def of(self, index: int) -> Iterator[None]:
        """Take what is raised inside for a problem of the object with this index."""
        self._index = index
        try:
            yield
        except DirectoryError as error:
            self._add("", str(error))

    @contextlib.contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Take what is raised inside for a problem of an option of this object."""
        try:
            yield
        except DirectoryError as error:
            self._add(place, str(error))

    def note(self, place: str, problem: str) -> None:
        """Note a problem of an option, if there is one."""
        if problem:
            self._add(place, problem)

    def _add(self, place: str, problem: str) -> None:
        where = f"{self._option}[{self._index}] '{self._names[self._index]}'"
        self._found.append(f"{where}{' ' if place else ''}{place}: {problem}")

    def same_names(self) -> None:
        """Note objects that are there twice: the directory does not tell capital letters from small ones."""
        first: dict[str, int] = {}
        for index, name in enumerate(self._names):
            before = first.setdefault(name.lower(), index)
            if before != index:
                self._index = index
                self._add("", f"it is in the list already, as {self._option}[{before}]")

    def stop(self) -> None:
        """Raise if there is any problem."""
        if self._found:
            raise DirectoryError(listed("Nothing was changed", self._found))


def listed(title: str, problems: Sequence[str]) -> str:
    """Problems as a numbered list under a title, or one in a line."""
    if len(problems) == 1:
        return f"{title}: {problems[0]}"
    lines = [f"  {number}. {problem}" for number, problem in enumerate(problems[:_MOST_SHOWN], start=1)]
    rest = len(problems) - _MOST_SHOWN
    more = [f"  and {rest} more"] if rest > 0 else []
    return "\n".join([f"{title}: {len(problems)} problems", *lines, *more])


def encodable(value: Any, place: str = "") -> None:
    """Refuse text that is no Unicode, halves of surrogate pairs: nothing can be sent of it.

    Raises:
        DirectoryError: names the option.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DirectoryError(f"{place}: character {error.start} is half of a surrogate pair, not text") from error
    elif isinstance(value, dict):
        for key, item in value.items():
            encodable(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            encodable(item, f"{place}[{index}]")
