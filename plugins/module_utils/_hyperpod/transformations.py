# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between options (snake_case), requests and the answers of the API. Pure.

What DescribeCluster answers is no valid input: counts, image and labels have other names there, and much of it can't be
set. ``to_options`` brings it into the form of the options, so that it can be compared with them, and be used as input.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from .naming import snake

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .schema import Field

# Maps whose keys are not ours to rename.
_MAPS = frozenset({"Labels", "CurrentLabels", "DesiredLabels", "ActiveOperations"})
# Lists that are sorted in results, by the first of these keys that their items have.
_SORT_KEYS = ("InstanceGroupName", "Key", "AlarmName")


def parse_time(text: str) -> datetime:
    """An ISO 8601 time, e.g. ``2026-12-01T03:00:00Z``; UTC where it names no zone.

    Raises:
        ValueError: it isn't one.
    """
    # datetime.fromisoformat() accepts the letter Z from Python 3.11 on.
    value = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def format_time(value: datetime) -> str:
    """A time in UTC, ISO 8601, whole seconds."""
    return value.astimezone(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def without_none(value: Any) -> Any:
    """What was given: options left out (None) are dropped, at any depth."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def wanted_options(fields: Iterable[Field], params: Mapping[str, Any]) -> dict[str, Any]:
    """The user's wish: the inputs among a module's parameters, without those left out; values of maps become text."""
    return {
        field.option: _wanted(field, params[field.option]) for field in fields if params.get(field.option) is not None
    }


def _wanted(field: Field, value: Any) -> Any:
    if field.kind == "dict":
        return wanted_options(field.fields, value)
    if field.kind == "dicts":
        return [wanted_options(field.fields, item) for item in value]
    if field.kind == "map":
        return {str(key): str(item) for key, item in value.items()}
    return without_none(value)


def to_request(fields: Iterable[Field], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in the form of a request.

    Empty lists are left out: that is how the API says "none", for most lists have to have an item.

    Raises:
        ValueError: a time can't be read.
    """
    return {
        field.api: _request_value(field, options[field.option])
        for field in fields
        if field.option in options and options[field.option] != []
    }


def _request_value(field: Field, value: Any) -> Any:
    if field.kind == "dict":
        return to_request(field.fields, value)
    if field.kind == "dicts":
        return [to_request(field.fields, item) for item in value]
    if field.kind == "timestamp":
        return parse_time(value)
    return value


def to_options(fields: Iterable[Field], described: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of DescribeCluster in the form of the options; what is empty or can't be set is left away."""
    options = {}
    for field in fields:
        name = next((name for name in field.described_as or (field.api,) if described.get(name) is not None), None)
        if name is None:
            continue
        value = _option_value(field, described[name])
        if not is_empty(field, value):
            options[field.option] = value
    return options


def is_empty(field: Field, value: Any) -> bool:
    """The value says nothing, and is told by nobody."""
    return value in ([], {}, "") and field.kind != "empty"


def _member_options(field: Field, value: Mapping[str, Any]) -> dict[str, Any]:
    """A structure as options. Which member of a union is there says something, though it be empty."""
    if field.union:
        return {
            member.option: _option_value(member, value[member.api]) for member in field.fields if member.api in value
        }
    return to_options(field.fields, value)


def _option_value(field: Field, value: Any) -> Any:
    if field.kind == "dict":
        return _member_options(field, value)
    if field.kind == "dicts":
        return [_member_options(field, item) for item in value]
    if field.kind == "timestamp" and isinstance(value, datetime):
        return format_time(value)
    return value


def told(fields: Iterable[Field], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they would come back from the service, which tells nothing of what is empty."""
    result = {}
    for field in fields:
        if field.option in options:
            value = told_value(field, options[field.option])
            if not is_empty(field, value):
                result[field.option] = value
    return result


def told_value(field: Field, value: Any) -> Any:
    """One value as it would come back."""
    if field.kind == "dict":
        return _told_members(field, value)
    if field.kind == "dicts":
        return [_told_members(field, item) for item in value]
    return value


def _told_members(field: Field, value: Mapping[str, Any]) -> dict[str, Any]:
    if field.union:
        return {
            member.option: told_value(member, value[member.option]) for member in field.fields if member.option in value
        }
    return told(field.fields, value)


def to_result(value: Any) -> Any:
    """An answer of the API as a module returns it: snake_case, times as text, lists of named things sorted."""
    if isinstance(value, dict):
        return {
            snake(key): dict(item) if key in _MAPS and isinstance(item, dict) else to_result(item)
            for key, item in value.items()
            if key != "ResponseMetadata"
        }
    if isinstance(value, list):
        items = [to_result(item) for item in value]
        for key in map(snake, _SORT_KEYS):
            if items and all(isinstance(item, dict) and key in item for item in items):
                return sorted(items, key=lambda item: str(item[key]))
        return items
    if isinstance(value, datetime):
        return format_time(value)
    return value


def cluster_result(described: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The ``cluster`` that modules return."""
    result: dict[str, Any] = to_result(dict(described))
    result["tags"] = dict(sorted(tags.items()))
    return result
