# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster differs from what is wanted. Pure.

Both sides have the form of the options. Only what was wished for counts: an option left out never differs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .transformations import is_empty
from .transformations import parse_time
from .transformations import told_value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping

    from .schema import Field


@dataclass(frozen=True)
class Difference:
    """One place. ``current`` is None where nothing is there, ``desired`` where something is to go."""

    path: str
    current: Any
    desired: Any

    def __str__(self) -> str:
        return f"{self.path}: is {shown(self.current)}, wanted {shown(self.desired)}"


def shown(value: Any) -> str:
    """A value for people."""
    return "not set" if value is None else repr(value)


def differences(fields: Iterable[Field], current: Mapping[str, Any], desired: Mapping[str, Any]) -> list[Difference]:
    """All differences, in the order of the fields."""
    return list(_compare_members(fields, current, desired, ""))


def _compare_members(
    fields: Iterable[Field], current: Mapping[str, Any], desired: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    for field in fields:
        if field.option in desired:
            here = f"{path}.{field.option}" if path else field.option
            yield from compare(field, current.get(field.option), desired[field.option], here)


def compare(field: Field, current: Any, desired: Any, path: str) -> Iterator[Difference]:
    """Differences in one field; ``path`` is what they are called by."""
    if field.kind == "dicts":
        yield from _compare_items(field, current or [], desired, path)
    elif field.kind == "dict" and current is not None:
        if field.union:
            yield from _compare_union(field, current, desired, path)
        else:
            yield from _compare_members(field.fields, current, desired, path)
    elif not same(field, current, desired):
        yield Difference(path, current, desired)


def _compare_union(field: Field, current: Any, desired: Any, path: str) -> Iterator[Difference]:
    """Another member than the one that is there is another thing altogether."""
    if set(current) != set(desired):
        yield Difference(path, current, desired)
    else:
        yield from _compare_members(field.fields, current, desired, path)


def same(field: Field, current: Any, desired: Any) -> bool:
    """Whether one value stands for the other, for fields that have no members."""
    if current is None:
        # An empty list or map is what the service calls "not set".
        return is_empty(field, told_value(field, desired))
    if field.kind == "strings" and not field.ordered:
        return sorted(current) == sorted(desired)
    if field.kind == "timestamp":
        return parse_time(current) == parse_time(desired)
    if field.api == "SourceS3Uri":
        # The service takes the prefix with and without the slash at its end.
        return str(current).rstrip("/") == str(desired).rstrip("/")
    if field.api == "ImageId" and desired == "default":
        # "default" asks for the service's own image, which describe shows by its id.
        return True
    return bool(current == desired)


def identity(field: Field, item: Mapping[str, Any]) -> str:
    """What tells one item of a list from the others, e.g. a group's name, or ``ebs_volume_config,root_volume``."""
    if not field.union:
        return ",".join(str(item.get(key, "")) for key in field.key)
    member = next(iter(item), "")
    return f"{member},root_volume" if (item.get(member) or {}).get("root_volume") else member


def by_identity(field: Field, items: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Items by what tells them apart; a second one of the same kind gets a number."""
    seen: Counter[str] = Counter()
    named = {}
    for item in items:
        name = identity(field, item)
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}#{seen[name]}"] = item
    return named


def _compare_items(field: Field, current: Any, desired: Any, path: str) -> Iterator[Difference]:
    there = by_identity(field, current)
    wanted = by_identity(field, desired)
    for name, item in wanted.items():
        here = f"{path}[{name}]"
        if name not in there:
            yield Difference(here, None, dict(item))
        else:
            yield from _compare_members(field.fields, there[name], item, here)
    if not field.additive:
        for name, item in there.items():
            if name not in wanted:
                yield Difference(f"{path}[{name}]", dict(item), None)
