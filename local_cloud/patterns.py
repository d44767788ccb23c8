# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service model's patterns are Java's (java.util.regex.Pattern); this matches them with Python's."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

# Pattern, "POSIX character classes (US-ASCII only)".
_POSIX = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": "\\x00-\\x7F",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": "!-/:-@\\[-`{-~",
    "Space": " \\t\\n\\x0B\\f\\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
}
_TOKEN = re.compile(r"\\(?P<sign>[pP])\{(?P<name>\w+)\}|\\.|\[\^?|\]|\(\?<(?=[A-Za-z])|.", re.DOTALL)


@lru_cache(maxsize=1)
def _ranges() -> dict[str, str]:
    """General category, and its first letter, -> the inside of a character class. One pass over Unicode."""
    spans: dict[str, list[tuple[int, int]]] = {}
    start, current = 0, unicodedata.category("\0")
    for code in range(1, sys.maxunicode + 2):
        category = unicodedata.category(chr(code)) if code <= sys.maxunicode else ""
        if category != current:
            spans.setdefault(current, []).append((start, code - 1))
            spans.setdefault(current[0], []).append((start, code - 1))
            start, current = code, category
    return {name: "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in pairs) for name, pairs in spans.items()}


def _class_of(name: str) -> str:
    inside = _POSIX.get(name)
    if inside is None:
        inside = _ranges().get(name)
    if inside is None:
        raise ValueError(f"unknown character property {name}")
    return inside


def to_python(pattern: str) -> str:
    r"""Translate named groups and ``\p{..}`` / ``\P{..}`` (outside of a class, or positive inside of one).

    Raises:
        ValueError: a property that is not known, or a negated one inside of a character class.
    """
    parts: list[str] = []
    in_class = False
    for match in _TOKEN.finditer(pattern):
        token = match.group()
        if match["name"]:
            inside = _class_of(match["name"])
            negated = match["sign"] == "P"
            if in_class and negated:
                raise ValueError(f"{token} inside of a character class")
            parts.append(inside if in_class else f"[{'^' if negated else ''}{inside}]")
            continue
        if in_class:
            in_class = token != "]"  # noqa: S105 # a bracket, no password
            # Java nests classes; the models use none, but a literal "[" has to be escaped for Python's future.
            parts.append("\\[" if token == "[" else token)  # noqa: S105
            continue
        in_class = token.startswith("[")
        parts.append("(?P<" if token == "(?<" else token)  # noqa: S105
    return "".join(parts)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # \d, \w and \s are ASCII in Java, unless asked otherwise.
    return re.compile(to_python(pattern), re.ASCII)


def matches(pattern: str, value: str) -> bool:
    """Whether all of ``value`` matches, as ``Matcher.matches()``.

    Raises:
        ValueError, re.error: the pattern can't be translated.
    """
    return _compiled(pattern).fullmatch(value) is not None
