# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: JSON and YAML text with the places of things in it.

JSON is RFC 8259, with comments (``// ...``) let through: the AWS documentation prints its examples with them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

try:
    import yaml

    HAS_YAML = True
except ImportError:  # the module reports it with the command that installs it
    HAS_YAML = False

from .._findings import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._findings import Finding

_JSON_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*')
_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """Something the user wrote: a file, or a variable that a file may define.

    ``name`` is what findings call it. ``prefix`` is the key path of the description inside ``text``.
    """

    name: str
    data: Any
    text: str | None = None
    prefix: tuple[Any, ...] = ()

    def where(self, path: Sequence[Any]) -> str:
        """``file:line: key.path[0].key`` of a key path, or ``file: key.path`` if the line is not known."""
        line = None if self.text is None else line_of(self.text, (*self.prefix, *path))
        place = self.name if line is None else f"{self.name}:{line}"
        shown = path_text((*self.prefix, *path))
        return f"{place}: {shown}" if shown else place


def path_text(path: Sequence[Any]) -> str:
    """``('groups', 0, 'name')`` as ``groups[0].name``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def parse(name: str, text: str) -> tuple[Document | None, list[Finding]]:
    """Parse a file's text, as YAML or JSON by the name's ending.

    Returns:
        The document, which is None when it could not be parsed, and the findings: broken syntax and repeated keys.
    """
    if name.lower().endswith((".yml", ".yaml")):
        data, findings = _parse_yaml(name, text)
    else:
        data, findings = _parse_json(name, text)
    if any(finding.check == "syntax" for finding in findings):
        return None, findings
    return Document(name, data, text), findings


def _parse_json(name: str, text: str) -> tuple[Any, list[Finding]]:
    findings: list[Finding] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                findings.append(_repeated_key(name, key))
            result[key] = value
        return result

    try:
        return json.loads(without_comments(text), object_pairs_hook=pairs), findings
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        what = f"This is not valid JSON: {error.msg}"
        return None, [failure("syntax", what, where=where, fix=_json_fix(text, error.pos))]


def _json_fix(text: str, position: int) -> str:
    before = text[:position].rstrip()
    if before.endswith(",") and text[position : position + 1] in ("]", "}"):
        return "take the comma before this bracket away"
    if text[position : position + 1] in ("<", "$"):
        return "put a value in the place of the placeholder"
    if before.endswith(('"', "}", "]")) and text[position : position + 1] in ('"', "{"):
        return "put a comma between the two entries"
    return "correct the text at this line and column"


def without_comments(text: str) -> str:
    """JSON text with ``//`` comments turned into spaces, so that lines and columns stay."""

    def replace(match: re.Match[str]) -> str:
        found = match.group(0)
        return found if found.startswith('"') else " " * len(found)

    return _JSON_STRING_OR_COMMENT.sub(replace, text)


def _parse_yaml(name: str, text: str) -> tuple[Any, list[Finding]]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return None, [_broken_yaml(name, error)]
    return data, _repeated_yaml_keys(name, node)


def yaml_syntax(name: str, text: str) -> Finding | None:
    """What makes a text no YAML, if anything does; tags may be any (``!vault``, ``!unsafe``)."""
    if not HAS_YAML:
        return None
    try:
        list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        return _broken_yaml(name, error)
    return None


def _broken_yaml(name: str, error: Any) -> Finding:
    if not isinstance(error, yaml.MarkedYAMLError):
        return failure("syntax", f"This is not valid YAML: {error}", where=name, fix="save the file as UTF-8 text")
    mark = error.problem_mark or error.context_mark
    where = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
    what = f"This is not valid YAML: {error.problem or error.context}"
    fix = "check the indentation, the colons and the quotes of this line and the one above it"
    return failure("syntax", what, where=where, fix=fix)


def _repeated_yaml_keys(name: str, node: Any) -> list[Finding]:
    findings: list[Finding] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.tag != _MERGE_TAG and isinstance(key.value, str):
                if key.value in seen:
                    findings.append(_repeated_key(f"{name}:{key.start_mark.line + 1}", key.value))
                seen.add(key.value)
            findings.extend(_repeated_yaml_keys(name, value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            findings.extend(_repeated_yaml_keys(name, item))
    return findings


def _repeated_key(where: str, key: str) -> Finding:
    return failure(
        "repeated_key",
        f"The key '{key}' stands twice in the same mapping, and all but the last would be lost",
        where=where,
        value=key,
        fix=f"keep one '{key}'",
    )


def line_of(text: str, path: Sequence[Any]) -> int | None:
    """The line (from 1) where a key path begins in YAML or JSON text; None if it can't be found.

    A path that leads to something absent gives the line of its nearest ancestor.
    """
    if not HAS_YAML:
        return None
    try:
        node = yaml.compose(without_comments(text) if text.lstrip().startswith(("{", "/")) else text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in path:
        step = _step(node, part)
        if step is None:
            break
        mark, node = step
        line = mark.line + 1
    return line


def _step(node: Any, part: Any) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if getattr(key, "value", None) == str(part):
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None


def defines(text: str, key: str) -> bool:
    """Whether YAML text has ``key`` at its top level."""
    if not HAS_YAML or key not in text:
        return False
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    return isinstance(node, yaml.MappingNode) and any(getattr(k, "value", None) == key for k, _value in node.value)
