# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.role_readmes [--check]``: the options in roles/*/README.md, from meta/argument_specs.yml.

What stands above MARK is written by hand (purpose, example, limits); all below is made here. With --check nothing is
written and a README that is out of date, or has no head, fails.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MARK = "<!-- Made by tools/role_readmes.py from meta/argument_specs.yml: change that file. -->"
# Ansible's semantic markup, https://docs.ansible.com/ansible/latest/dev_guide/ansible_markup.html
MARKUP = (
    (re.compile(r"\b[CVOE]\(([^)]+)\)"), r"`\1`"),
    (re.compile(r"\bM\(([^)]+)\)"), r"`\1`"),
    (re.compile(r"\bI\(([^)]+)\)"), r"*\1*"),
    (re.compile(r"\bB\(([^)]+)\)"), r"**\1**"),
)


def markdown(text: str | list[str]) -> str:
    """Descriptions of a specification as one paragraph of Markdown, safe in a table."""
    joined = " ".join(part.strip() for part in ([text] if isinstance(text, str) else text))
    for pattern, replacement in MARKUP:
        joined = pattern.sub(replacement, joined)
    return joined.replace("|", "\\|")


def kind(option: dict[str, Any]) -> str:
    """Type as a reader wants it: ``list of str``."""
    name = str(option.get("type", "str"))
    return f"list of {option['elements']}" if name == "list" and "elements" in option else name


def default(option: dict[str, Any]) -> str:
    """Default in its cell: short values as they are, long ones by name of the file that has them."""
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    text = json.dumps(option["default"], ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|") if len(text) <= 40 else "see defaults/main.yml"


def rows(options: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """One line of the table per option, suboptions below their option."""
    for name, option in options.items():
        label = f"{'&nbsp;&nbsp;' * depth}{'↳ ' if depth else ''}`{name}`"
        choices = option.get("choices")
        says = markdown(option["description"])
        if choices:
            says += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
        yield f"| {label} | {kind(option)} | {default(option)} | {says} |"
        yield from rows(option.get("options", {}), depth + 1)


def generated(specs: dict[str, Any]) -> str:
    """All below MARK."""
    lines = [MARK]
    for entry, spec in specs.items():
        lines += ["", "## Variables" if entry == "main" else f"## Variables of the entry point `{entry}`", ""]
        about = spec["description"]
        lines += [f"{markdown(part)}" + "\n" for part in ([about] if isinstance(about, str) else about)]
        lines += ["| Variable | Type | Default | What it is |", "|---|---|---|---|"]
        lines += list(rows(spec.get("options", {})))
    return "\n".join(lines) + "\n"


def wanted(role: Path) -> str:
    """The whole README of a role.

    Raises:
        ValueError: the README is missing or has no head.
    """
    readme = role / "README.md"
    head = readme.read_text(encoding="utf-8").split(MARK)[0].rstrip() if readme.exists() else ""
    if not head:
        raise ValueError(
            f"{readme}: missing; write what the role is for, an example and its limits, then run this again"
        )
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return f"{head}\n\n{generated(specs)}"


def update(role: Path, check: bool) -> str:
    """Bring one README up to date; what is wrong with it, empty when all is well."""
    try:
        text = wanted(role)
    except ValueError as error:
        return str(error)
    readme = role / "README.md"
    now = readme.read_text(encoding="utf-8")
    if now == text:
        return ""
    if not check:
        readme.write_text(text, encoding="utf-8")
        return ""
    diff = difflib.unified_diff(
        now.splitlines(), text.splitlines(), str(readme), "from argument_specs.yml", lineterm=""
    )
    return "\n".join([*diff, f"{readme}: out of date; run python -m tools.role_readmes"])


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit code 1 when a README is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.role_readmes", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    options = parser.parse_args(arguments)
    roles = sorted(path.parents[1] for path in root.glob("roles/*/meta/argument_specs.yml"))
    missing = sorted(path for path in (root / "roles").iterdir() if path.is_dir() and path not in roles)
    problems = [f"{path}: has no meta/argument_specs.yml" for path in missing]
    problems += [problem for role in roles if (problem := update(role, options.check))]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
