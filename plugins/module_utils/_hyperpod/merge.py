# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has and what is wished for, put together. Pure.

UpdateCluster replaces a group, or a setting, as a whole: what its request leaves out is lost. So a request holds all
that is there, and the wish on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .compare import by_identity
from .compare import same

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .schema import Field


def merged(fields: Iterable[Field], current: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Options in the order of the fields: the wish where it says something, else what is there."""
    result = {}
    for field in fields:
        if field.option in desired:
            value = merged_value(field, current.get(field.option), desired[field.option])
            if value is not None:
                result[field.option] = value
        elif field.option in current:
            result[field.option] = current[field.option]
    return result


def merged_value(field: Field, current: Any, desired: Any) -> Any:
    """One value, of which something is wished for; None where the wish is that there be none, and there is none."""
    if field.kind == "strings" and same(field, current, desired):
        # another order is no change, and shows in no diff
        return current
    if current is None or field.kind not in ("dict", "dicts"):
        return desired
    if field.kind == "dicts":
        return _merged_items(field, current, desired)
    if field.union and set(current) != set(desired):
        return desired
    return merged(field.fields, _without_rivals(field, current, desired), desired)


def _without_rivals(field: Field, current: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """What is there, without what can't stand beside the wish."""
    rivals = {name for names in field.exclusive if any(name in desired for name in names) for name in names}
    return {name: value for name, value in current.items() if name not in rivals}


def _merged_items(field: Field, current: Iterable[Any], desired: Iterable[Any]) -> list[Any]:
    """The items wished for, each over the one that is there; where others stay, all in the order they have."""
    there, wanted = by_identity(field, current), by_identity(field, desired)
    items = {
        name: merged(field.fields, _without_rivals(field, there.get(name, {}), item), item)
        for name, item in wanted.items()
    }
    if not field.additive:
        return list(items.values())
    return list({**{name: dict(item) for name, item in there.items()}, **items}.values())
