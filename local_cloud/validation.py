# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request judged by the service model, as the service does it and botocore's client does not.

Two steps, as in the services of AWS that speak JSON: the body is turned into the shapes of the model (a value of
another type is a SerializationException), then all constraints are checked and all violations told at once in one
ValidationException. Members that the model doesn't know are ignored, null is the same as absent.
The texts are those that AWS services answer, e.g. in
https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html and in the error messages users quote. The
one for a union is not published.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from local_cloud import patterns
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Iterator

    from botocore.model import StructureShape

SENSITIVE = "***Sensitive***"


def parse_request(shape: StructureShape | None, body: bytes) -> dict[str, Any]:
    """The parameters of a JSON 1.1 request, checked; datetimes are aware, blobs are bytes.

    Args:
        shape: input shape of the operation; None for an operation without input.
        body: what came over the wire. An empty body counts as ``{}``.

    Raises:
        ServiceError: SerializationException or ValidationException.
    """
    try:
        raw = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request body is not valid JSON.") from None
    if not isinstance(raw, dict):
        raise _unserializable(raw, "a structure")
    if shape is None:
        return {}
    params: dict[str, Any] = convert(shape, raw)
    check(shape, params)
    return params


def check(shape: StructureShape, params: dict[str, Any]) -> None:
    """Raise a ValidationException that names all constraints that ``params`` violates."""
    found = list(violations(shape, params, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise ServiceError("ValidationException", f"{len(found)} validation {errors} detected: {'; '.join(found)}")


def _unserializable(value: Any, wanted: str) -> ServiceError:
    if isinstance(value, dict):
        message = "Start of structure or map found where not expected."
    elif isinstance(value, list):
        message = "Start of list found where not expected"
    else:
        kind = str(value).upper() if isinstance(value, bool) else "STRING" if isinstance(value, str) else "NUMBER"
        message = f"{kind}_VALUE can not be converted to {wanted}"
    return ServiceError("SerializationException", message)


def convert(shape: Any, value: Any) -> Any:
    """A JSON value as the shape's Python value: unknown and null members dropped.

    Raises:
        ServiceError: SerializationException for a value of another type.
    """
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            raise _unserializable(value, "a structure")
        return {
            name: convert(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None
        }
    if kind == "list":
        if not isinstance(value, list):
            raise _unserializable(value, "a list")
        return [None if item is None else convert(shape.member, item) for item in value]
    if kind == "map":
        if not isinstance(value, dict):
            raise _unserializable(value, "a map")
        return {key: None if item is None else convert(shape.value, item) for key, item in value.items()}
    return _convert_scalar(kind, value)


def _convert_scalar(kind: str, value: Any) -> Any:
    converter = _SCALARS.get(kind)
    if converter is None:
        raise NotImplementedError(f"shape type {kind}")
    wanted, convert_one = converter
    try:
        return convert_one(value)
    except (ValueError, OverflowError, OSError):
        raise _unserializable(value, wanted) from None


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _number(value: Any) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError


def _integer(value: Any) -> int:
    number = _number(value)
    if int(number) == number:
        return int(number)
    raise ValueError


def _real(value: Any) -> float:
    number = float(_number(value))
    if math.isfinite(number):
        return number
    raise ValueError


def _timestamp(value: Any) -> datetime:
    # Timestamps of the JSON protocols are seconds since the epoch.
    return datetime.fromtimestamp(_real(value), tz=timezone.utc)


def _blob(value: Any) -> bytes:
    return base64.b64decode(_string(value), validate=True)


_SCALARS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "string": ("a String", _string),
    "character": ("a String", _string),
    "boolean": ("a Boolean", _boolean),
    "integer": ("an Integer", _integer),
    "long": ("a Long", _integer),
    "float": ("a Float", _real),
    "double": ("a Double", _real),
    "timestamp": ("a Date", _timestamp),
    "blob": ("a Blob", _blob),
}


def violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with a converted value, in the order of the model; ``path`` as the service writes it."""
    for text, holds in _constraints(shape):
        if not holds(value):
            yield _violation(shape, value, path, text)
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_violations(shape, value, path)
    elif kind == "list":
        yield from _list_violations(shape, value, path)
    elif kind == "map":
        yield from _map_violations(shape, value, path)


def _violation(shape: Any, value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None or shape is None else f"'{render(shape, value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _structure_violations(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    required = set(shape.required_members)
    if shape.is_tagged_union and len(value) != 1:
        yield _violation(shape, value, path, f"Member must have exactly one of [{', '.join(shape.members)}] set")
    for name, member in shape.members.items():
        inner = f"{path}.{_lower_first(name)}" if path else _lower_first(name)
        if name in value:
            yield from violations(member, value[name], inner)
        elif name in required:
            yield _violation(None, None, inner, "Member must not be null")


def _list_violations(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    member = shape.member
    if member.type_name in ("structure", "list", "map"):
        for number, item in enumerate(value, start=1):
            inner = f"{path}.{number}.member"
            if item is None:
                yield _violation(None, None, inner, "Member must not be null")
            else:
                yield from violations(member, item, inner)
        return
    # Of scalars the service tells all constraints, and the whole list, once.
    if not _all_hold(member, value):
        yield _violation(shape, value, path, f"Member must satisfy constraint: {_told(member)}")


def _map_violations(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    if not _all_hold(shape.key, value):
        yield _violation(shape, value, path, f"Map keys must satisfy constraint: {_told(shape.key)}")
    if shape.value.type_name in ("structure", "list", "map"):
        for key, item in value.items():
            inner = f"{path}.{key}.member"
            if item is None:
                yield _violation(None, None, inner, "Member must not be null")
            else:
                yield from violations(shape.value, item, inner)
        return
    if not _all_hold(shape.value, value.values()):
        yield _violation(shape, value, path, f"Map value must satisfy constraint: {_told(shape.value)}")


def _constraints(shape: Any) -> list[tuple[str, Callable[[Any], bool]]]:
    """The constraints of one value itself: what the service says, and the test."""
    data = shape.metadata
    kind = shape.type_name
    found: list[tuple[str, Callable[[Any], bool]]] = []
    if kind in ("string", "list", "map", "blob"):
        if "max" in data:
            text = f"Member must have length less than or equal to {data['max']}"
            found.append((text, lambda value: len(value) <= data["max"]))
        if "min" in data:
            text = f"Member must have length greater than or equal to {data['min']}"
            found.append((text, lambda value: len(value) >= data["min"]))
        if "pattern" in data:
            text = f"Member must satisfy regular expression pattern: {data['pattern']}"
            found.append((text, lambda value: patterns.matches(data["pattern"], value)))
        if "enum" in data:
            text = f"Member must satisfy enum value set: [{', '.join(data['enum'])}]"
            found.append((text, lambda value: value in data["enum"]))
    elif kind in ("integer", "long", "float", "double"):
        if "max" in data:
            text = f"Member must have value less than or equal to {data['max']}"
            found.append((text, lambda value: value <= data["max"]))
        if "min" in data:
            text = f"Member must have value greater than or equal to {data['min']}"
            found.append((text, lambda value: value >= data["min"]))
    return found


def _told(shape: Any) -> str:
    texts = [text for text, _dummy in _constraints(shape)]
    return f"[{', '.join([*texts, 'Member must not be null'])}]"


def _all_hold(shape: Any, values: Iterable[Any]) -> bool:
    tests = [test for _dummy, test in _constraints(shape)]
    return all(value is not None and all(test(value) for test in tests) for value in values)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def render(shape: Any, value: Any) -> str:
    """A value as the service shows it in a message."""
    if shape.metadata.get("sensitive"):
        return SENSITIVE
    kind = shape.type_name
    if kind == "structure":
        inner = [f"{_lower_first(name)}={render(shape.members[name], item)}" for name, item in value.items()]
        return f"{shape.name}({', '.join(inner)})"
    if kind == "list":
        return f"[{', '.join('null' if item is None else render(shape.member, item) for item in value)}]"
    if kind == "map":
        return f"{{{', '.join(f'{key}={item}' for key, item in value.items())}}}"
    if kind == "boolean":
        return str(value).lower()
    return str(value)
