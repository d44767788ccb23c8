# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what the user wrote against botocore's model of CreateCluster, every finding at once. Pure.

botocore itself checks only required members, types, minima and unknown members before it sends a request; lengths,
patterns, enumerations and unions are the service's, after the cost of a round trip, one at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Any

from .._findings import did_you_mean
from .._findings import failure
from .._findings import nearest
from .._findings import shown
from .._hyperpod.naming import snake

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .._findings import Finding
    from .documents import Document

_NAME = "use 1 to 63 letters, digits and inner hyphens, beginning and ending with a letter or digit"
# In words, what the patterns of the model mean. By shape name.
_IN_WORDS = {
    "ClusterName": _NAME,
    "ClusterInstanceGroupName": _NAME,
    "ClusterPartitionName": "use letters, digits and inner hyphens, beginning and ending with a letter or digit",
    "RoleArn": "give the ARN of an IAM role, arn:aws:iam::<account>:role/<name>",
    "S3Uri": "give s3://<bucket>/<prefix>",
    "ClusterDnsName": "give the file system's DNS name, fs-<hexadecimal>.fsx.<region>.amazonaws.com",
    "ClusterMountName": "give the file system's mount name, 1 to 8 letters, digits, hyphens or underscores",
    "ImageId": "give an image id, ami-<hexadecimal>, or 'default'",
}
_TYPE_NAMES = {
    "structure": "a mapping",
    "map": "a mapping",
    "list": "a list",
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
    "timestamp": "a date and time as a string",
}
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


class Checker:
    """Checks values of one document and turns them into options of the modules.

    ``ours``: the keys are option names (``instance_count``) and numbers may come as strings, as they do when variables
    are templated; else they are the service's own names (``InstanceCount``), as JSON for the AWS CLI has them.
    ``optional``: required members that another part of the description may provide.
    """

    def __init__(self, document: Document, *, ours: bool, optional: Iterable[str] = ()) -> None:
        self.document = document
        self.ours = ours
        self.optional = frozenset(optional)
        self.findings: list[Finding] = []
        # Option paths that are misspelt or of a wrong type: nobody needs to hear that they are missing as well.
        self.excused: set[tuple[Any, ...]] = set()
        self._key: Callable[[str], str] = snake if ours else str

    def structure(
        self,
        shape: Any,
        value: Any,
        path: tuple[Any, ...],
        *,
        without: Iterable[str] = (),
        extra: Iterable[str] = (),
    ) -> dict[str, Any]:
        """The members of a structure as options.

        Args:
            shape: structure shape of the model.
            value: what the user wrote.
            path: its key path.
            without: members of the model that this place doesn't take.
            extra: keys that stand here and are not of the model; left to the caller.
        """
        if not self._is(value, dict, shape, path):
            return {}
        members = {self._key(name): (name, member) for name, member in shape.members.items() if name not in without}
        result: dict[str, Any] = {}
        for key, item in value.items():
            if key in members:
                name, member = members[key]
                if item is not None:
                    checked = self.value(member, item, (*path, key))
                    if checked is not None:
                        result[snake(name)] = checked
            elif key not in extra:
                self.unknown_key(key, path, [*members, *extra])
        if getattr(shape, "is_tagged_union", False) and len(result) > 1:
            self._fail("union", f"Only one of {_list(value)} may stand here", path, fix="keep one of them")
        for name in shape.required_members:
            if name in self.optional or name in without or value.get(self._key(name)) is not None:
                continue
            if _option_path((*path, name)) not in self.excused:
                self.missing_key(self._key(name), path)
        return result

    def value(self, shape: Any, value: Any, path: tuple[Any, ...]) -> Any:
        """A value of any shape as options have it; None if it isn't usable."""
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, value, path)
        if kind == "list":
            return self._list(shape, value, path)
        if kind == "map":
            return dict(value) if self._is(value, dict, shape, path) else None
        if kind == "boolean":
            return self.boolean(value, path)
        if kind == "integer":
            return self._integer(shape, value, path)
        return self._string(shape, value, path)

    def unknown_key(self, key: Any, path: tuple[Any, ...], known: Iterable[str]) -> None:
        """Report a key that nothing knows."""
        names = sorted(str(name) for name in known)
        meant = nearest(str(key), names)
        if meant:
            self.excused.add(_option_path((*path, meant)))
        fix = f"did you mean '{meant}'" if meant else f"take it away, or use one of {', '.join(names)}"
        self._fail("unknown_key", f"The key '{key}' is not known here", (*path, key), key, fix=fix)

    def missing_key(self, key: str, path: tuple[Any, ...], fix: str = "") -> None:
        """Report a key that must be there."""
        self._fail("missing_key", f"The key '{key}' is missing", path, fix=fix or f"add '{key}'")

    def wrong_type(self, value: Any, wanted: str, path: tuple[Any, ...]) -> None:
        """Report a value of the wrong type."""
        what = f"{shown(value)} is {type_name(value)}, but {wanted} is wanted"
        self.excused.add(_option_path(path))
        self._fail("wrong_type", what, path, value, fix=f"write {wanted}")

    def _fail(self, check: str, what: str, path: tuple[Any, ...], value: Any = None, *, fix: str) -> None:
        self.findings.append(failure(check, what, where=self.document.where(path), value=value, fix=fix))

    def _is(self, value: Any, kind: type, shape: Any, path: tuple[Any, ...]) -> bool:
        if isinstance(value, kind):
            return True
        self.wrong_type(value, _TYPE_NAMES[shape.type_name], path)
        return False

    def _list(self, shape: Any, value: Any, path: tuple[Any, ...]) -> list[Any] | None:
        if not self._is(value, list, shape, path):
            return None
        items = [self.value(shape.member, item, (*path, index)) for index, item in enumerate(value)]
        self._bounds(shape, len(value), path, "entries")
        return [item for item in items if item is not None]

    def boolean(self, value: Any, path: tuple[Any, ...]) -> bool | None:
        """True or false; None if it is neither."""
        if self.ours and isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
            return value.lower() in _TRUE
        if isinstance(value, bool):
            return value
        self.wrong_type(value, _TYPE_NAMES["boolean"], path)
        return None

    def _integer(self, shape: Any, value: Any, path: tuple[Any, ...]) -> int | None:
        if self.ours and isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong_type(value, _TYPE_NAMES["integer"], path)
            return None
        self._bounds(shape, value, path, "")
        return value

    def _string(self, shape: Any, value: Any, path: tuple[Any, ...]) -> str | None:
        if not self._is(value, str, shape, path):
            return None
        text: str = value
        choices = getattr(shape, "enum", None)
        if choices:
            if text not in choices:
                self._not_a_choice(shape, text, path, choices)
            return text
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(_python_pattern(pattern), text):
            fix = _IN_WORDS.get(shape.name, f"write a value that matches {pattern}")
            self._fail("bad_value", f"'{shown(text)}' is not valid", path, text, fix=fix)
        else:
            self._bounds(shape, len(text), path, "characters")
        return text

    def _not_a_choice(self, shape: Any, text: str, path: tuple[Any, ...], choices: list[str]) -> None:
        if shape.name == "ClusterInstanceType":
            plain = f"ml.{text}" if f"ml.{text}" in choices else ""
            fix = (
                f"did you mean '{plain}'"
                if plain
                else did_you_mean(text, choices, otherwise=_instance_type_help(text, choices))
            )
            self._fail("instance_type", f"'{shown(text)}' is not an instance type of HyperPod", path, text, fix=fix)
            return
        fix = did_you_mean(text, choices, otherwise=f"use one of {', '.join(choices)}")
        self._fail("bad_value", f"'{shown(text)}' is not one of {', '.join(choices)}", path, text, fix=fix)

    def _bounds(self, shape: Any, size: int, path: tuple[Any, ...], unit: str) -> None:
        low = shape.metadata.get("min")
        high = shape.metadata.get("max")
        if (low is None or size >= low) and (high is None or size <= high):
            return
        wanted = (
            f"{low} to {high}"
            if low is not None and high is not None
            else f"at least {low}"
            if low
            else f"at most {high}"
        )
        self._fail(
            "out_of_range",
            f"{f'{size} {unit}'.strip()} is out of range",
            path,
            size,
            fix=f"use {f'{wanted} {unit}'.strip()}",
        )


def type_name(value: Any) -> str:
    """The type of a value, as people say it."""
    names: list[tuple[Any, str]] = [
        (bool, "true or false"),
        (str, "a string"),
        (int, "a whole number"),
        (float, "a number with a fraction"),
        (list, "a list"),
        (dict, "a mapping"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), "nothing")


def create_cluster_shape(session: Any) -> Any:
    """The input shape of CreateCluster in the installed botocore, of a botocore session (no credentials needed)."""
    return session.get_service_model("sagemaker").operation_model("CreateCluster").input_shape


def instance_types(shape: Any) -> list[str]:
    """All instance types of the model, of the shape that :func:`create_cluster_shape` returns."""
    return list(shape.members["InstanceGroups"].member.members["InstanceType"].enum)


def _option_path(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(snake(part) if isinstance(part, str) else part for part in path)


def _instance_type_help(text: str, choices: list[str]) -> str:
    family = ".".join(text.split(".")[:2])
    same = [choice for choice in choices if choice.startswith(f"{family}.")]
    if same:
        return f"of this family there are {', '.join(same)}"
    return "use a type of the service's list, or a botocore that knows this one"


def _python_pattern(pattern: str) -> str:
    """The model's patterns name Unicode categories, which Python's regular expressions don't have."""
    return pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", r"\s")


def _list(value: Mapping[str, Any]) -> str:
    return ", ".join(f"'{key}'" for key in value)
