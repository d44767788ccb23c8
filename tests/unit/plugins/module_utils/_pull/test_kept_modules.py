# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which zips of modules may be used again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import kept_modules

KEY = "0123456789abcdef" * 2


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    for name in ("demo/one/plugins/modules/a.py", "demo/one/plugins/module_utils/b/c.py", "demo/one/roles/x.yml"):
        path = tmp_path / "ansible_collections" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    installed = tmp_path / "ansible_collections" / "demo" / "two" / "plugins" / "modules"
    installed.mkdir(parents=True)
    (installed / "d.py").write_text("1")
    (installed.parents[1] / "MANIFEST.json").write_text("{}")
    return tmp_path


def name(tree: Path, version: str = "2.19.0") -> str:
    return kept_modules.name(version, kept_modules.sources([tree], [tree / "own"]))


@pytest.mark.parametrize(
    "path",
    [
        "ansible_collections/demo/one/plugins/modules/a.py",
        "ansible_collections/demo/one/plugins/module_utils/b/c.py",
        "ansible_collections/demo/one/plugins/module_utils/new.py",
        "ansible_collections/demo/one/meta/runtime.yml",
        "ansible_collections/demo/two/MANIFEST.json",
        "own/e.py",
    ],
)
def test_a_change_of_what_is_packed_is_another_name(tree: Path, path: str) -> None:
    before = name(tree)
    assert name(tree) == before
    (tree / path).parent.mkdir(exist_ok=True)
    (tree / path).write_text("12")
    assert name(tree) != before


def test_an_edit_of_the_same_size_is_seen(tree: Path) -> None:
    before = name(tree)
    path = tree / "ansible_collections/demo/one/plugins/modules/a.py"
    path.write_text("2")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert name(tree) != before


def test_what_is_not_packed_does_not_matter_and_the_version_does(tree: Path) -> None:
    before = name(tree)
    (tree / "ansible_collections/demo/one/roles/x.yml").write_text("12")
    assert name(tree) == before
    assert name(tree, "2.19.1") != before
    assert kept_modules.sources([tree / "ansible_collections"], []) == kept_modules.sources([tree], [])


def test_what_a_run_has_made_is_there_for_the_next_one(tmp_path: Path) -> None:
    kept = tmp_path / "folder" / KEY
    first, second = tmp_path / "first", tmp_path / "second"
    kept_modules.offer(kept, first)
    assert list(first.iterdir()) == []
    for entry in ("one", "one.lock", "two-part"):
        (first / entry).write_text(entry)
    kept_modules.keep(first, kept)
    (kept / ".two.123").write_text("half")
    kept_modules.offer(kept, second)
    assert [path.name for path in second.iterdir()] == ["one"]
    assert (second / "one").read_text() == "one"
    written = (kept / "one").stat().st_mtime_ns
    kept_modules.keep(second, kept)
    assert (kept / "one").stat().st_mtime_ns == written
    assert kept.stat().st_mode & 0o777 == 0o700


def test_what_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    kept = tmp_path / KEY
    kept.mkdir()
    kept.chmod(0o777)
    (kept / "one").write_text("theirs")
    with pytest.raises(PermissionError, match="others can write to it"):
        kept_modules.offer(kept, tmp_path / "zips")
    assert not (tmp_path / "zips").exists()


def test_only_what_was_kept_long_ago_is_forgotten(tmp_path: Path) -> None:
    kept = tmp_path / KEY
    (tmp_path / "zips").mkdir()
    ages = {"a" * 32: 8, "b" * 32: 6, "photographs": 900}
    for entry, days in ages.items():
        (tmp_path / entry).mkdir()
        os.utime(tmp_path / entry, (0, time.time() - days * 86400))
    kept.mkdir()
    kept_modules.keep(tmp_path / "zips", kept)
    assert {path.name for path in tmp_path.iterdir()} == {KEY, "zips", "b" * 32, "photographs"}
