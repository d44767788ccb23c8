# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the node's files. Private to this collection."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from .._os_error import complaint

JsonDict = dict[str, t.Any]


class NodeError(Exception):
    """What a node's own files say is missing, unreadable or contradictory; the text names file, key and fix."""


def load_object(path: str) -> JsonDict:
    """Read a JSON file that holds one object.

    :raises NodeError: the file is missing, unreadable, no JSON (with line and column), or no object.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NodeError(f"{path}: no such file; the service's agent writes it on every HyperPod node") from error
    except UnicodeDecodeError as error:
        raise NodeError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise NodeError(complaint(error, path)) from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NodeError(f"{path}: {_json_position(error)}") from error
    if not isinstance(document, dict):
        raise NodeError(f"{path}: holds a JSON {type(document).__name__}, expected an object")
    return document


def load_optional_object(path: str) -> JsonDict | None:
    """As load_object, but None when there is no such file."""
    return load_object(path) if Path(path).exists() else None


def read_text(path: str) -> str:
    """The text of a file of the kernel, empty when it is not there (containers hide some)."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json_position(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: broken JSON: {error.msg}"
    return f"broken JSON: {error}"
