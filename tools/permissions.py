# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.permissions [NAME...]``: the IAM policy that modules and inventory plugins need, as JSON.

A plugin's documentation has the note "Required IAM actions: a, b", without which it fails, and may have the note
"Optional IAM actions, <for what>: c, d", without which it does the same and tells less. The policy has both. Without
names it is for all plugins that ask AWS.
"""

from __future__ import annotations

import ast
import functools
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
_REQUIRED = "Required IAM actions"
_OPTIONAL = "Optional IAM actions"
_ACTION = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z]+")


def plugin_files() -> dict[str, Path]:
    """Modules and inventory plugins of the collection by name."""
    return {path.stem: path for kind in KINDS for path in sorted((ROOT / "plugins" / kind).glob("[!_]*.py"))}


@functools.cache
def documentation(path: Path) -> dict[str, Any]:
    """The DOCUMENTATION of a plugin."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and "DOCUMENTATION" in [getattr(target, "id", "") for target in node.targets]:
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise ValueError(f"{path}: there is no DOCUMENTATION")


def required_of(name: str) -> frozenset[str]:
    """The IAM actions without which a plugin fails, as its documentation says; none if it does not ask AWS.

    Raises:
        KeyError: there is no such plugin.
        ValueError: its documentation does not have the note exactly once.
    """
    return frozenset[str]().union(*_noted(name, _REQUIRED, least=int(_asks(plugin_files()[name]))))


def optional_of(name: str) -> frozenset[str]:
    """The IAM actions without which a plugin does its work and tells less. None where there is no such note.

    Raises:
        KeyError: there is no such plugin.
        ValueError: its documentation has the note more than once, or names an action in both.
    """
    found = frozenset[str]().union(*_noted(name, _OPTIONAL, least=0))
    both = sorted(found & required_of(name))
    if both:
        raise ValueError(f"{plugin_files()[name]}: {', '.join(both)} can't be required and optional")
    return found


def actions_of(name: str) -> frozenset[str]:
    """All IAM actions that the documentation of a plugin names, see ``required_of`` and ``optional_of``."""
    return required_of(name) | optional_of(name)


def _noted(name: str, head: str, *, least: int) -> list[frozenset[str]]:
    """Actions in the notes that begin with ``head``: ``least`` of these notes, or one."""
    path = plugin_files()[name]
    notes = [str(note) for note in documentation(path).get("notes", []) if str(note).startswith(head)]
    if not least <= len(notes) <= 1:
        raise ValueError(f"{path}: the notes must have '{head} ...' once, not {len(notes)} times")
    found = [frozenset(_ACTION.findall(note)) for note in notes]
    if not all(found):
        raise ValueError(f"{path}: the note '{head} ...' names no action")
    return found


def asking() -> list[str]:
    """Names of the plugins that ask AWS: they take the options of all plugins that do."""
    return [name for name, path in plugin_files().items() if _asks(path)]


def _asks(path: Path) -> bool:
    fragments = documentation(path).get("extends_documentation_fragment", [])
    return any(str(fragment).startswith("amazon.aws.") for fragment in fragments)


def policy(names: Iterable[str], *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A policy with exactly the actions that the plugins' documentation names; ``without``: some that are left out."""
    actions = sorted({action for name in names for action in actions_of(name)} - without)
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(policy(sys.argv[1:] or asking()), indent=2) + "\n")
