# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request against the service model of the installed botocore, before anything is sent. Pure.

botocore itself checks only what is required, types and unknown members; length, range and pattern are left to the
service. Checked here they show in check mode, with the names of the options.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from typing import Any

from .naming import snake
from .schema import COMPLETE_BOTOCORE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

# New instance types appear all the time; the service knows them, the installed model may not.
_OPEN_ENUMS = frozenset({"ClusterInstanceType"})


def problems(shape: Any, request: Mapping[str, Any], version: str) -> list[str]:
    """What is wrong with a request, each with the path of the option.

    Args:
        shape: input shape of the operation (botocore.model.StructureShape).
        request: the request.
        version: version of the installed botocore.
    """
    return list(_structure(shape, request, "", version))


def unknown_instance_types(shape: Any, request: Mapping[str, Any]) -> dict[str, list[str]]:
    """Instance types that the installed botocore has never heard of, each with known ones that look like it."""
    known = set(shape.members["InstanceGroups"].member.members["InstanceType"].enum)
    used = set()
    for group in [*request.get("InstanceGroups", []), *request.get("RestrictedInstanceGroups", [])]:
        used.update([group["InstanceType"]] if "InstanceType" in group else [])
        used.update(group.get("InstanceRequirements", {}).get("InstanceTypes", []))
    return {name: difflib.get_close_matches(name, sorted(known)) for name in sorted(used - known)}


def _structure(shape: Any, value: Mapping[str, Any], path: str, version: str) -> Iterator[str]:
    for name, item in value.items():
        here = f"{path}.{snake(name)}" if path else snake(name)
        if name in shape.members:
            yield from _value(shape.members[name], item, here, version)
        else:
            yield (
                f"{here}: the installed botocore {version} does not know it"
                f" (every option was seen in botocore {COMPLETE_BOTOCORE}): install a newer one where the task runs"
            )


def _value(shape: Any, value: Any, path: str, version: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, path, version)
    elif kind == "list":
        yield from _size(shape, len(value), path, "items")
        for index, item in enumerate(value):
            name = item.get("InstanceGroupName", index) if isinstance(item, dict) else index
            yield from _value(shape.member, item, f"{path}[{name}]", version)
    elif kind == "map":
        yield from _size(shape, len(value), path, "entries")
        for key, item in value.items():
            yield from _value(shape.key, key, f"{path}: key '{key}'", version)
            yield from _value(shape.value, item, f"{path}[{key}]", version)
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind in ("integer", "long"):
        yield from _size(shape, value, path, "")


def _size(shape: Any, size: int, path: str, what: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    unit = f" {what}" if what else ""
    if low is not None and size < low:
        yield f"{path}: {size}{unit}, at least {low} allowed"
    if high is not None and size > high:
        yield f"{path}: {size}{unit}, at most {high} allowed"


def _string(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum:
        if shape.name not in _OPEN_ENUMS and value not in shape.enum:
            yield f"{path}: '{value}' is none of {', '.join(shape.enum)}"
        return
    wrong_size = list(_size(shape, len(value), path, "characters"))
    yield from wrong_size
    pattern = shape.metadata.get("pattern")
    # \p{L} and the like are Java's, not Python's.
    if not wrong_size and pattern and "\\p{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {'the value' if shape.metadata.get('sensitive') else repr(value)} does not match {pattern}"
