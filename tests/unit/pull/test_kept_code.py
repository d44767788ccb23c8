# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules by the Python that keeps code: what they answer is the same, and nothing is compiled twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import kept_code

# the folder that holds ansible_collections
COLLECTIONS = Path(kept_code.__file__).parents[6]
# what a module does: itself and its library are in a zip with a name of its own
IMPORT = "import sys; sys.path.insert(0, {!r}); import library.words as words; words.say()"
WORDS = """
import sys, traceback
def say():
    print({!r}, __file__, say.__code__.co_filename, traceback.extract_stack()[-1].line)
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


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path / "release" / "module_code"


@pytest.fixture(name="python")
def _python(folder: Path) -> Path:
    path = folder.with_name("module_python")
    path.parent.mkdir()
    path.write_text(kept_code.script(sys.executable, str(folder)), encoding="utf-8")
    path.chmod(0o755)
    return path


def said(python: Path, archive: Path, word: str) -> list[str]:
    """What a library in a zip says."""
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("library/__init__.py", "")
        made.writestr("library/words.py", WORDS.format(word))
    done = subprocess.run(
        [str(python)], input=IMPORT.format(str(archive)), check=True, capture_output=True, text=True, cwd=archive.parent
    )
    return done.stdout.split(maxsplit=3)


def test_code_is_kept_under_its_source_whatever_the_zip_is_called(python: Path, folder: Path, tmp_path: Path) -> None:
    for archive, word, kept in (("one.zip", "hello", 2), ("two.zip", "hello", 2), ("two.zip", "other", 3)):
        file = f"{tmp_path / archive}/library/words.py"
        assert said(python, tmp_path / archive, word)[:3] == [word, file, file]
        assert len(list(folder.iterdir())) == kept


def test_what_is_kept_is_what_runs(python: Path, folder: Path, tmp_path: Path) -> None:
    said(python, tmp_path / "one.zip", "hello")
    [kept] = [path for path in folder.iterdir() if b"hello" in path.read_bytes()]
    kept.write_bytes(kept.read_bytes().replace(b"hello", b"jello"))
    assert said(python, tmp_path / "two.zip", "hello")[0] == "jello"


@pytest.mark.parametrize("damage", [b"", b"no code", b"\xe3\x00\x00"])
def test_what_is_damaged_is_made_again(python: Path, folder: Path, tmp_path: Path, damage: bytes) -> None:
    said(python, tmp_path / "one.zip", "hello")
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    for path in whole:
        path.write_bytes(damage)
    assert said(python, tmp_path / "one.zip", "hello")[0] == "hello"
    assert {path: path.read_bytes() for path in folder.iterdir()} == whole


def test_where_nothing_can_be_kept_modules_run_all_the_same(python: Path, folder: Path, tmp_path: Path) -> None:
    folder.write_text("no folder", encoding="utf-8")
    assert said(python, tmp_path / "one.zip", "hello")[0] == "hello"


@pytest.mark.parametrize("by_name", [False, True])
def test_nothing_beside_it_can_be_imported(python: Path, tmp_path: Path, by_name: bool) -> None:
    program = tmp_path / "program.py"
    text = "import json, sys; print(json.dumps([sys.argv, sys.path, __name__]))"
    program.write_text(text, encoding="utf-8")
    words = [str(program), "given"] if by_name else []
    done = subprocess.run([str(python), *words], input=text, check=True, capture_output=True, text=True, cwd=tmp_path)
    argv, path, name = json.loads(done.stdout)
    assert (argv, name) == (words or [""], "__main__")
    assert not {str(Path(kept_code.__file__).parent), str(python.parent)} & set(path)


def test_a_program_that_fails_is_told_with_its_status(python: Path) -> None:
    done = subprocess.run([str(python)], input="raise SystemExit(3)", check=False, text=True)
    assert done.returncode == 3
    broken = subprocess.run([str(python)], input="1 / 0", check=False, capture_output=True, text=True)
    assert broken.returncode == 1
    assert "ZeroDivisionError" in broken.stderr


def test_a_play_has_the_results_that_it_has_without(python: Path, folder: Path, tmp_path: Path) -> None:
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
    results = json.loads(json.loads(done.stdout.rsplit("ok: [localhost] => ", 1)[1].split("\n\nPLAY RECAP")[0])["msg"])
    assert results[:4] == [True, "said", "later", True]
    assert "relative" in results[4]
    names = {path.name.rsplit(".", 2)[0] for path in folder.iterdir()}
    library = "ansible_collections.podforge.hyperpod.plugins.module_utils"
    assert {"ansible.module_utils.basic", f"{library}._config_files"} <= names
