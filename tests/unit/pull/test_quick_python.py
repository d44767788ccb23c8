# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules by the quick Python: what they answer is the same, and what they import is on the node already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ansible
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import quick_python

SITE = Path(ansible.__file__).parents[1]
# the folder that holds ansible_collections
COLLECTIONS = Path(quick_python.__file__).parents[6]
WHERE = """
import ansible.module_utils.basic, ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report as report
import json, sys
print(json.dumps([ansible.module_utils.basic.__file__, report.__file__, sys.argv, sys.path, __name__]))
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - podforge.hyperpod.config_files:
        files: [{path: "{{ folder }}/made", content: "text\\n"}]
      register: made
    - ansible.builtin.command: echo said
      register: said
    - ansible.builtin.command: echo later
      async: 30
      poll: 1
      register: later
    - podforge.hyperpod.config_files:
        files: [{path: relative, content: ""}]
      register: wrong
      ignore_errors: true
    - ansible.builtin.debug:
        msg: "{{ [made is changed, said.stdout, later.stdout, wrong is failed, wrong.msg] | to_json }}"
"""


@pytest.fixture(name="python")
def _python(tmp_path: Path) -> Path:
    path = tmp_path / "release" / "module_python"
    path.parent.mkdir()
    path.write_text(quick_python.script(sys.executable, str(SITE), str(COLLECTIONS)), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("by_name", [False, True])
def test_ansible_and_collections_come_from_the_node_and_nothing_else_does(
    python: Path, tmp_path: Path, by_name: bool
) -> None:
    program = tmp_path / "program.py"
    program.write_text(WHERE, encoding="utf-8")
    words = [str(program), "given"] if by_name else []
    done = subprocess.run([str(python), *words], input=WHERE, check=True, capture_output=True, text=True, cwd=tmp_path)
    basic, report, argv, path, name = json.loads(done.stdout)
    assert basic == f"{SITE}/ansible/module_utils/basic.py"
    assert Path(report) == Path(quick_python.__file__).with_name("report.py")
    assert (argv, name) == (words or [""], "__main__")
    beside = {str(Path(quick_python.__file__).parent), str(python.parent)}
    assert not beside & set(path)


def test_a_program_that_fails_is_told_with_its_status(python: Path) -> None:
    done = subprocess.run([str(python)], input="raise SystemExit(3)", check=False, text=True)
    assert done.returncode == 3
    broken = subprocess.run([str(python)], input="1 / 0", check=False, capture_output=True, text=True)
    assert broken.returncode == 1
    assert "ZeroDivisionError" in broken.stderr


def test_a_play_has_the_results_that_it_has_without(python: Path, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"),
            *("-e", json.dumps({"folder": str(tmp_path), "ansible_python_interpreter": str(python)})),
            str(tmp_path / "play.yml"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
            # through standard input; async jobs come as files
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "made").read_text(encoding="utf-8") == "text\n"
    said = json.loads(json.loads(done.stdout.rsplit("ok: [localhost] => ", 1)[1].split("\n\nPLAY RECAP")[0])["msg"])
    assert said[:4] == [True, "said", "later", True]
    assert "relative" in said[4]
