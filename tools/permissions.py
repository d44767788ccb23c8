# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.permissions [NAME...]``: the IAM policy that modules and inventory plugins need, as JSON.

Each plugin's documentation has one note, "Required IAM actions: a, b". Without names the policy is for all that have
it.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("modules", "inventory")
_NOTE = "Required IAM actions:"
_ACTION = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z]+")


def plugin_files() -> dict[str, Path]:
    """Modules and inventory plugins of the collection by name."""
    return {path.stem: path for kind in KINDS for path in sorted((ROOT / "plugins" / kind).glob("[!_]*.py"))}


def documentation(path: Path) -> dict[str, Any]:
    """The DOCUMENTATION of a plugin."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and "DOCUMENTATION" in [getattr(target, "id", "") for target in node.targets]:
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise ValueError(f"{path}: there is no DOCUMENTATION")


def actions_of(name: str) -> list[str]:
    """The IAM actions that the documentation of a plugin names.

    Raises:
        KeyError: there is no such plugin.
        ValueError: its documentation does not have the note exactly once.
    """
    path = plugin_files()[name]
    notes = [note for note in documentation(path).get("notes", []) if str(note).startswith(_NOTE)]
    if len(notes) != 1:
        raise ValueError(f"{path}: the notes must have '{_NOTE} ...' once, not {len(notes)} times")
    return sorted(set(_ACTION.findall(notes[0].removeprefix(_NOTE))))


def documented() -> list[str]:
    """Names of the plugins whose documentation has the note."""
    return [name for name, path in plugin_files().items() if _NOTE in path.read_text(encoding="utf-8")]


def policy(names: Iterable[str], *, without: str | None = None) -> dict[str, Any]:
    """A policy with exactly the actions that the plugins need; ``without``: one that is left out."""
    actions = sorted({action for name in names for action in actions_of(name)} - {without})
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(policy(sys.argv[1:] or documented()), indent=2) + "\n")
