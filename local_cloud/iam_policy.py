# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What identity-based policies say about an action. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: an explicit deny wins, then
an allow, else it is denied. Condition operators that are not known here never allow, and always deny.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping

ALLOWED = "allowed"
EXPLICIT_DENY = "explicitDeny"
IMPLICIT_DENY = "implicitDeny"
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_SPECIAL = {"*": "*", "?": "?", "$": "$"}


@dataclass(frozen=True)
class Decision:
    """``result`` is one of the three above; ``missing`` are context keys that a condition asked for in vain."""

    result: str
    missing: frozenset[str] = frozenset()


def decide(
    documents: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, list[str]]
) -> Decision:
    """What the policies say.

    Args:
        documents: policy documents.
        action: such as ``s3:GetObject``.
        resource: ARN, or ``*`` for actions without one.
        context: condition keys in small letters, such as ``aws:principalaccount``, and their values.
    """
    missing: set[str] = set()
    result = IMPLICIT_DENY
    for document in documents:
        for statement in as_list(document.get("Statement")):
            if not _concerns(statement, action, resource, context):
                continue
            allows = statement.get("Effect") == "Allow"
            if not _conditions_hold(statement.get("Condition") or {}, context, missing, unknown=not allows):
                continue
            if not allows:
                return Decision(EXPLICIT_DENY)
            result = ALLOWED
    return Decision(result, frozenset() if result == ALLOWED else frozenset(missing))


def as_list(value: Any) -> list[Any]:
    """One or several, as policies have both."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _concerns(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, list[str]]) -> bool:
    actions = [str(item).lower() for item in as_list(statement.get("Action", statement.get("NotAction")))]
    if any(matches(item, action.lower()) for item in actions) == ("NotAction" in statement):
        return False
    resources = [
        _filled(str(item), context) for item in as_list(statement.get("Resource", statement.get("NotResource")))
    ]
    return any(item is not None and matches(item, resource) for item in resources) != ("NotResource" in statement)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern with ``*`` and ``?`` stands for the text."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)]
    return re.compile("".join(parts), re.DOTALL)


def _filled(text: str, context: Mapping[str, list[str]]) -> str | None:
    """The text with policy variables filled in; None where one has no value."""
    result = text
    for name in _VARIABLE.findall(text):
        value = [_SPECIAL[name]] if name in _SPECIAL else context.get(name.lower(), [])
        if len(value) != 1:
            return None
        result = result.replace(f"${{{name}}}", value[0])
    return result


def _conditions_hold(
    conditions: Mapping[str, Any], context: Mapping[str, list[str]], missing: set[str], *, unknown: bool
) -> bool:
    return all(
        _holds(operator, key, as_list(values), context, missing, unknown=unknown)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _holds(
    operator: str, key: str, values: list[Any], context: Mapping[str, list[str]], missing: set[str], *, unknown: bool
) -> bool:
    quantifier, _colon, name = operator.rpartition(":")
    given = context.get(key.lower())
    wanted = [text for text in (_filled(_text(value), context) for value in values) if text is not None]
    if name == "Null":
        return (given is None) == (wanted[:1] == ["true"])
    if name.endswith("IfExists"):
        if given is None:
            return True
        name = name.removesuffix("IfExists")
    negated = "Not" in name
    test = _OPERATORS.get(name.replace("Not", ""))
    if test is None:
        return unknown
    if not given:
        missing.add(key)
        return negated or quantifier == "ForAllValues"
    found = [any(test(item, value) for item in wanted) != negated for value in given]
    return any(found) if quantifier == "ForAnyValue" else all(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}
