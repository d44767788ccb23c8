# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests judged by the service model."""

from __future__ import annotations

import json
from datetime import datetime
from datetime import timezone
from typing import Any

import botocore.session
import pytest
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from local_cloud import patterns
from local_cloud.errors import ServiceError
from local_cloud.hyperpod.service import OPERATIONS
from local_cloud.validation import SENSITIVE
from local_cloud.validation import check
from local_cloud.validation import convert
from local_cloud.validation import parse_request

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
SHAPES: dict[str, Any] = {
    "Input": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Name"},
            "Count": {"shape": "Count"},
            "Ratio": {"shape": "Ratio"},
            "Flag": {"shape": "Flag"},
            "When": {"shape": "When"},
            "Data": {"shape": "Data"},
            "Names": {"shape": "Names"},
            "Items": {"shape": "Items"},
            "Labels": {"shape": "Labels"},
            "Parts": {"shape": "Parts"},
            "Either": {"shape": "Either"},
            "Secret": {"shape": "Secret"},
        },
    },
    "Name": {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]*"},
    "Count": {"type": "integer", "min": 1, "max": 5},
    "Ratio": {"type": "double"},
    "Flag": {"type": "boolean"},
    "When": {"type": "timestamp"},
    "Data": {"type": "blob", "max": 3},
    "Names": {"type": "list", "member": {"shape": "Name"}, "max": 2},
    "Items": {"type": "list", "member": {"shape": "Item"}, "min": 1},
    "Item": {"type": "structure", "required": ["Kind"], "members": {"Kind": {"shape": "Kind"}}},
    "Kind": {"type": "string", "enum": ["Big", "Small"]},
    "Labels": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Kind"}},
    "Parts": {"type": "map", "key": {"shape": "Kind"}, "value": {"shape": "Item"}},
    "Either": {"type": "structure", "union": True, "members": {"Left": {"shape": "Kind"}, "Right": {"shape": "Kind"}}},
    "Secret": {"type": "string", "max": 3, "sensitive": True},
}
INPUT: Any = ServiceModel({"metadata": {}, "shapes": SHAPES, "operations": {}}).shape_for("Input")


def message_of(params: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as caught:
        check(INPUT, convert(INPUT, params))
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


LENGTH_4 = "Member must have length less than or equal to 4"
LENGTH_2 = "Member must have length greater than or equal to 2"
LETTERS = "Member must satisfy regular expression pattern: [a-z]*"
NAME = f"[{LENGTH_4}, {LENGTH_2}, {LETTERS}, Member must not be null]"
KIND = "Member must satisfy enum value set: [Big, Small]"


@pytest.mark.parametrize(
    ("params", "where", "constraint"),
    [
        ({"Name": None}, "null at 'name'", "Member must not be null"),
        ({"Name": "a"}, "'a' at 'name'", LENGTH_2),
        ({"Name": "abcde"}, "'abcde' at 'name'", LENGTH_4),
        ({"Name": "ab1"}, "'ab1' at 'name'", LETTERS),
        ({"Count": 0}, "'0' at 'count'", "Member must have value greater than or equal to 1"),
        ({"Count": 6}, "'6' at 'count'", "Member must have value less than or equal to 5"),
        ({"Names": ["aa"] * 3}, "'[aa, aa, aa]' at 'names'", "Member must have length less than or equal to 2"),
        ({"Names": ["aa", "x"]}, "'[aa, x]' at 'names'", f"Member must satisfy constraint: {NAME}"),
        ({"Names": ["aa", None]}, "'[aa, null]' at 'names'", f"Member must satisfy constraint: {NAME}"),
        ({"Items": []}, "'[]' at 'items'", "Member must have length greater than or equal to 1"),
        ({"Items": [{"Kind": "Big"}, {}]}, "null at 'items.2.member.kind'", "Member must not be null"),
        ({"Items": [None]}, "null at 'items.1.member'", "Member must not be null"),
        ({"Items": [{"Kind": "Huge"}]}, "'Huge' at 'items.1.member.kind'", KIND),
        ({"Labels": {"X": "Big"}}, "'{X=Big}' at 'labels'", f"Map keys must satisfy constraint: {NAME}"),
        (
            {"Labels": {"xx": "Huge"}},
            "'{xx=Huge}' at 'labels'",
            f"Map value must satisfy constraint: [{KIND}, Member must not be null]",
        ),
        ({"Parts": {"Big": {"Kind": "Huge"}}}, "'Huge' at 'parts.Big.member.kind'", KIND),
        ({"Either": {}}, "'Either()' at 'either'", "Member must have exactly one of [Left, Right] set"),
        (
            {"Either": {"Left": "Big", "Right": "Big"}},
            "'Either(left=Big, right=Big)' at 'either'",
            "Member must have exactly one of [Left, Right] set",
        ),
        ({"Secret": "hidden"}, f"'{SENSITIVE}' at 'secret'", "Member must have length less than or equal to 3"),
    ],
)
def test_one_violation(params: dict[str, Any], where: str, constraint: str) -> None:
    message = message_of({"Name": "ab", **params})
    assert message == f"1 validation error detected: Value {where} failed to satisfy constraint: {constraint}"


def test_length_of_binary_data() -> None:
    assert "Member must have length less than or equal to 3" in message_of({"Name": "ab", "Data": "AAAAAA=="})


def test_all_violations_are_told() -> None:
    message = message_of({"Name": "TOO LONG", "Count": 9})
    assert message.startswith("3 validation errors detected: Value 'TOO LONG' at 'name'")
    assert message.count("; Value ") == 2


@pytest.mark.parametrize(
    ("member", "value", "told"),
    [
        ("Name", 1, "NUMBER_VALUE can not be converted to a String"),
        ("Name", True, "TRUE_VALUE can not be converted to a String"),
        ("Name", {}, "Start of structure or map found where not expected."),
        ("Name", [], "Start of list found where not expected"),
        ("Count", "1", "STRING_VALUE can not be converted to an Integer"),
        ("Count", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("Count", False, "FALSE_VALUE can not be converted to an Integer"),
        ("Ratio", "x", "STRING_VALUE can not be converted to a Double"),
        ("Ratio", 10**400, "NUMBER_VALUE can not be converted to a Double"),
        ("Flag", "true", "STRING_VALUE can not be converted to a Boolean"),
        ("When", "yesterday", "STRING_VALUE can not be converted to a Date"),
        ("When", 1e300, "NUMBER_VALUE can not be converted to a Date"),
        ("Data", "not base64", "STRING_VALUE can not be converted to a Blob"),
        ("Names", "aa", "STRING_VALUE can not be converted to a list"),
        ("Items", [1], "NUMBER_VALUE can not be converted to a structure"),
        ("Labels", [], "Start of list found where not expected"),
    ],
)
def test_values_of_another_type(member: str, value: Any, told: str) -> None:
    with pytest.raises(ServiceError) as caught:
        convert(INPUT, {"Name": "ab", member: value})
    assert (caught.value.code, caught.value.message) == ("SerializationException", told)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"1", b'"x"', b"null", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_request(INPUT, body)
    assert caught.value.code == "SerializationException"


def test_what_the_service_gets() -> None:
    raw = {"Name": "ab", "Count": 2.0, "When": 1.5, "Data": "AQI=", "Unknown": {"a": 1}, "Flag": None, "Ratio": 3}
    assert parse_request(INPUT, json.dumps(raw).encode()) == {
        "Name": "ab",
        "Count": 2,
        "When": datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=timezone.utc),
        "Data": b"\x01\x02",
        "Ratio": 3.0,
    }
    assert parse_request(None, b"") == {}


MEMBERS = st.sampled_from([*SHAPES["Input"]["members"], "Kind", "Left", "x"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)


def judged(value: Any) -> dict[str, Any] | ServiceError:
    try:
        return parse_request(INPUT, json.dumps(value).encode())
    except ServiceError as error:
        return error


@given(JSON_VALUES)
@settings(max_examples=300, deadline=None)
def test_any_json_is_taken_or_refused_cleanly(value: Any) -> None:
    """Never another exception; what is taken satisfies the model and is taken again unchanged."""
    result = judged(value)
    if isinstance(result, ServiceError):
        assert result.code in ("SerializationException", "ValidationException")
        assert result.status == 400
        return
    assert isinstance(value, dict)
    assert 2 <= len(result["Name"]) <= 4
    assert set(result["Name"]) <= set("abcdefghijklmnopqrstuvwxyz")
    assert set(result) <= set(value)
    check(INPUT, result)


@given(st.text(alphabet="ab-_A9 ", max_size=70))
@settings(max_examples=200, deadline=None)
def test_cluster_names_as_documented(name: str) -> None:
    """Letters and digits with inner hyphens, 1 to 63."""
    shape: Any = SAGEMAKER.operation_model("CreateCluster").input_shape
    good = 1 <= len(name) <= 63 and all(c.isalnum() or c == "-" for c in name) and "-" not in (name[0], name[-1])
    try:
        check(shape, convert(shape, {"ClusterName": name}))
        taken = True
    except ServiceError:
        taken = False
    assert taken is good


def patterns_below(shape: Any, seen: set[str]) -> set[str]:
    if shape.name in seen:
        return set()
    seen.add(shape.name)
    found = {shape.metadata["pattern"]} if "pattern" in shape.metadata else set()
    inner = [getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)]
    for each in [*inner, *getattr(shape, "members", {}).values()]:
        found |= patterns_below(each, seen)
    return found


def test_every_pattern_that_is_served_can_be_used() -> None:
    seen: set[str] = set()
    found: set[str] = set()
    for operation in OPERATIONS:
        found |= patterns_below(SAGEMAKER.operation_model(operation).input_shape, seen)
    assert len(found) > 25
    for pattern in found:
        patterns.matches(pattern, "x")


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 7 \u4e2d", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a#b", False),
        (r"\p{Alnum}+", "aZ0", True),
        (r"\p{Alnum}+", "ä", False),
        (r"\P{L}+", "123", True),
        (r"\P{L}+", "1a3", False),
        (r"\d+", "\u0661", False),
        (r"a|ab", "ab", True),
        (r"^ab$", "ab\n", False),
        (r"(?<year>\d{4})", "2026", True),
        (r"[^\[]]*", "a]]", True),
    ],
)
def test_patterns_are_java_s(pattern: str, value: str, expected: bool) -> None:
    assert patterns.matches(pattern, value) is expected
