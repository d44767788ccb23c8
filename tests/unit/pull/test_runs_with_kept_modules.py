# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with kept modules: each runs the module as it is, and packs it only when it has to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import kept_modules

COLLECTIONS = Path(kept_modules.__file__).parents[6]
MODULE = """
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.demo.one.plugins.module_utils.words import WORD
AnsibleModule({{}}).exit_json(said=WORD + {!r})
"""


def test_a_module_is_packed_once_until_it_changes(tmp_path: Path) -> None:
    plugins = tmp_path / "collections" / "ansible_collections" / "demo" / "one" / "plugins"
    module, words = plugins / "modules" / "say.py", plugins / "module_utils" / "words.py"
    kept = tmp_path / "kept"
    for path in (module, words):
        path.parent.mkdir(parents=True)
    tasks = [{"demo.one.say": {}, "register": "result"}, {"ansible.builtin.debug": {"var": "result.said"}}]
    play = tmp_path / "play.json"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")

    def run() -> tuple[str, dict[Path, int]]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"),
                *("-e", json.dumps({"ansible_python_interpreter": sys.executable}), str(play)),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": f"{tmp_path / 'collections'}:{COLLECTIONS}",
                "ANSIBLE_HOME": str(tmp_path / "home"),
                "ANSIBLE_CALLBACKS_ENABLED": "podforge.hyperpod.kept_modules",
                "PODFORGE_KEPT_MODULES": str(kept),
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout.split('"result.said": "', 1)[1].split('"', 1)[0]
        return said, {path: path.stat().st_mtime_ns for path in kept.glob("*/*")}

    words.write_text("WORD = 'one '\n", encoding="utf-8")
    module.write_text(MODULE.format("two"), encoding="utf-8")
    said, first = run()
    assert (said, len(first)) == ("one two", 1)
    assert run() == ("one two", first)
    words.write_text("WORD = 'three '\n", encoding="utf-8")
    said, second = run()
    assert (said, len(second)) == ("three two", 2)
    module.write_text(MODULE.format("four"), encoding="utf-8")
    said, third = run()
    assert (said, len(third)) == ("three four", 3)
    # what is kept is what runs
    [newest] = set(third) - set(second)
    newest.write_bytes(next(iter(first)).read_bytes())
    assert run()[0] == "one two"
