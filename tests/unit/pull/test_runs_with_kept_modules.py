# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with kept modules: each runs the module as it is, and packs it only when it has to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import kept_modules

COLLECTIONS = Path(kept_modules.__file__).parents[6]
MODULE = """
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.demo.one.plugins.module_utils.words import WORD
AnsibleModule({{}}).exit_json(said=WORD + {!r})
"""


class Player:
    """Someone with a playbook, a collection and a folder for modules."""

    def __init__(self, place: Path, *roles: str) -> None:
        self.place, self.kept = place, place / "kept"
        plugins = place / "collections" / "ansible_collections" / "demo" / "one" / "plugins"
        self.module, self.words = plugins / "modules" / "say.py", plugins / "module_utils" / "words.py"
        for path in (self.module, self.words):
            path.parent.mkdir(parents=True)
        self.words.write_text("WORD = 'one '\n", encoding="utf-8")
        self.module.write_text(MODULE.format("two"), encoding="utf-8")
        tasks: list[dict[str, Any]] = [{"ansible.builtin.include_role": {"name": name}} for name in roles]
        tasks += [{"demo.one.say": {}, "register": "result"}, {"ansible.builtin.debug": {"var": "result.said"}}]
        plays = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
        (place / "play.json").write_text(json.dumps(plays), encoding="utf-8")

    def run(self) -> tuple[str, dict[Path, int]]:
        """All that is printed, and what is kept after it."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"),
                *("-e", json.dumps({"ansible_python_interpreter": sys.executable}), str(self.place / "play.json")),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.place,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": f"{self.place / 'collections'}:{COLLECTIONS}",
                "ANSIBLE_HOME": str(self.place / "home"),
                "ANSIBLE_CALLBACKS_ENABLED": "podforge.hyperpod.kept_modules",
                "ANSIBLE_ROLES_PATH": str(self.place / "elsewhere"),
                "PODFORGE_KEPT_MODULES": str(self.kept),
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, {path: path.stat().st_mtime_ns for path in self.kept.glob("*/*")}


def test_a_module_is_packed_once_until_it_changes(tmp_path: Path) -> None:
    player = Player(tmp_path)
    output, first = player.run()
    assert '"result.said": "one two"' in output
    assert len(first) == 1
    assert player.run()[1] == first
    player.words.write_text("WORD = 'three '\n", encoding="utf-8")
    output, second = player.run()
    assert '"result.said": "three two"' in output
    assert len(second) == 2
    player.module.write_text(MODULE.format("four"), encoding="utf-8")
    output, third = player.run()
    assert '"result.said": "three four"' in output
    assert len(third) == 3
    # what is kept is what runs
    [newest] = set(third) - set(second)
    newest.write_bytes(next(iter(first)).read_bytes())
    assert '"result.said": "one two"' in player.run()[0]


@pytest.mark.parametrize("place", ["library", "elsewhere/brings/library"])
def test_modules_of_playbooks_and_roles_are_never_kept(tmp_path: Path, place: str) -> None:
    player = Player(tmp_path, *(["brings"] if "brings" in place else []))
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "own.py").write_text("", encoding="utf-8")
    output, kept = player.run()
    assert '"result.said": "one two"' in output
    assert kept == {}
