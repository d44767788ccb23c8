# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config_files and sysctl_settings on a real folder, run as modules are."""

from __future__ import annotations

import contextlib
import grp
import importlib
import io
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

PACKAGE = "ansible_collections.podforge.hyperpod.plugins.modules"
ME = {"owner": pwd.getpwuid(os.getuid())[0], "group": grp.getgrgid(os.getgid())[0]}


def run(name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's result."""
    output = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        importlib.import_module(f"{PACKAGE}.{name}").main()
    result: dict[str, Any] = json.loads(output.getvalue().strip().splitlines()[-1])
    return result


def files(*entries: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
    return run("config_files", check=check, files=[{**ME, **entry} for entry in entries], **options)


def test_files_folders_and_their_parents(tmp_path: Path) -> None:
    entries = (
        {"path": f"{tmp_path}/a/b.conf", "content": "x\n", "mode": "0640"},
        {"path": f"{tmp_path}/d/e", "state": "directory", "mode": "1777"},
    )
    predicted = files(*entries, check=True)
    assert not list(tmp_path.iterdir())
    done = files(*entries)
    assert {**done, "invocation": 0} == {**predicted, "invocation": 0}
    assert done["changed_paths"] == [f"{tmp_path}/a/b.conf", f"{tmp_path}/d/e"]
    assert done["diff"][0]["before_header"].endswith("b.conf (absent)")
    assert done["diff"][0]["after"] == "x\n"
    assert oct((tmp_path / "a/b.conf").stat().st_mode)[-4:] == "0640"
    assert oct((tmp_path / "d/e").stat().st_mode)[-4:] == "1777"
    again = files(*entries)
    assert (again["changed"], again["changed_paths"], again["diff"]) == (False, [], [])


def test_drift_of_content_and_mode_is_mended_and_links_are_replaced(tmp_path: Path) -> None:
    entry = {"path": f"{tmp_path}/a", "content": "x\n"}
    files(entry)
    target = tmp_path / "a"
    target.chmod(0o666)
    assert files(entry)["changed_paths"] == [str(target)]
    target.write_text("other\n")
    assert files(entry)["diff"][0]["before"] == "other\n"
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    target.unlink()
    target.symlink_to(outside)
    assert files(entry)["changed"]
    assert not target.is_symlink()
    assert outside.read_text() == "mine\n"


def test_what_is_not_wanted_any_more_goes(tmp_path: Path) -> None:
    for name in ("own-1", "own-2", "others", "absent"):
        (tmp_path / name).write_text("")
    entry = {"path": f"{tmp_path}/own-1", "content": ""}
    done = files(entry, {"path": f"{tmp_path}/absent", "state": "absent"}, remove=[f"{tmp_path}/own-*"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["others", "own-1"]
    assert {f"{tmp_path}/own-2", f"{tmp_path}/absent"} <= set(done["changed_paths"])
    assert not files(entry, remove=[f"{tmp_path}/own-*"])["changed"]


def test_a_block_in_a_file_of_others(tmp_path: Path) -> None:
    target = tmp_path / "rc"
    target.write_bytes(b"first\n\xff latin")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    entry = {"path": str(link), "block": "shell", "content": "mine\nand more\n", "comment": '"'}
    predicted = files(entry, check=True)
    done = files(entry)
    assert {**done, "invocation": 0} == {**predicted, "invocation": 0}
    assert link.is_symlink()
    block = b'" BEGIN podforge.hyperpod shell\nmine\nand more\n" END podforge.hyperpod shell\n'
    assert target.read_bytes() == b"first\n\xff latin\n" + block
    assert oct(target.stat().st_mode)[-4:] == "0640"
    assert not files(entry)["changed"]
    # where others have put something behind it, it stays where it is
    target.write_bytes(target.read_bytes() + b"last\n")
    assert files({**entry, "content": "new"})["changed"]
    assert target.read_bytes() == b"first\n\xff latin\n" + block.replace(b"mine\nand more", b"new") + b"last\n"
    assert files({**entry, "content": ""})["changed"]
    assert target.read_bytes() == b"first\n\xff latin\nlast\n"
    assert not files({**entry, "content": ""})["changed"]


def test_a_block_makes_a_file_and_takes_it_away_again(tmp_path: Path) -> None:
    entry = {"path": f"{tmp_path}/a/rc", "block": "shell", "content": "x", "first": True}
    assert not files({**entry, "content": ""})["changed"]
    files(entry, {"path": f"{tmp_path}/b", "content": "", "validate": ["test", "-f", "%s"]})
    assert (tmp_path / "a/rc").read_text() == "# BEGIN podforge.hyperpod shell\nx\n# END podforge.hyperpod shell\n"
    assert files({**entry, "content": "", "validate": ["false", "%s"]})["changed_paths"] == [f"{tmp_path}/a/rc"]
    assert not (tmp_path / "a/rc").exists()
    (tmp_path / "a/rc").write_text("theirs\n")
    files(entry)
    assert (tmp_path / "a/rc").read_text().endswith("shell\ntheirs\n")


def test_a_damaged_block_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "rc"
    target.write_text("# BEGIN podforge.hyperpod shell\nx\n")
    told = files({"path": str(target), "block": "shell", "content": "x"})["msg"]
    assert told.startswith(f"{target}: '# BEGIN podforge.hyperpod shell' and '# END")
    assert files({"path": str(tmp_path), "block": "shell", "content": "x"})["msg"].endswith("move it away")
    assert "block must be one word" in files({"path": str(target), "block": "a b", "content": "x"})["msg"]
    assert target.read_text() == "# BEGIN podforge.hyperpod shell\nx\n"


def test_nothing_is_written_when_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old\n")
    refusing = {"path": f"{tmp_path}/b", "content": "new\n", "validate": ["grep", "-q", "old", "%s"]}
    done = files({"path": f"{tmp_path}/a", "content": "x\n"}, refusing)
    assert done["failed"]
    assert "b is refused by grep and the old one kept" in done["msg"]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert files({**refusing, "validate": ["grep", "-q", "new", "%s"]})["changed"]


def test_what_an_interrupted_run_has_not_applied_counts_as_changed(tmp_path: Path) -> None:
    pending = tmp_path / "state" / "pending.json"
    entry = {"path": f"{tmp_path}/a", "content": "x\n"}
    assert files(entry, pending=str(pending))["changed"]
    # nobody has applied it: the role ended here
    again = files(entry, pending=str(pending))
    assert (again["changed"], again["changed_paths"], again["diff"]) == (True, [f"{tmp_path}/a"], [])
    pending.unlink()
    assert not files(entry, pending=str(pending))["changed"]
    assert not pending.exists()
    pending.write_text("{broken")
    assert not files(entry, pending=str(pending))["changed"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"path": "a", "content": ""}, "is not absolute"),
        ({"path": "/a"}, "give content with state=file"),
        ({"path": "/a", "state": "directory", "content": "x"}, "give content with state=file, and only then"),
        ({"path": "/a", "content": "", "mode": "rw"}, "mode rw is not octal"),
        ({"path": "/a", "content": "", "validate": ["true"]}, "must have %s"),
        ({"path": "/proc", "content": ""}, "/proc is a directory, file is wanted"),
    ],
)
def test_wrong_input(entry: dict[str, Any], problem: str) -> None:
    assert problem in files(entry)["msg"]


def test_a_path_twice_and_relative_patterns_are_refused(tmp_path: Path) -> None:
    entry = {"path": f"{tmp_path}/a", "content": ""}
    assert "there twice" in files(entry, entry)["msg"]
    assert "remove: x is not absolute" in files(entry, remove=["x"])["msg"]


def settings(tmp_path: Path, *, check: bool = False, **values: Any) -> dict[str, Any]:
    return run(
        "sysctl_settings", check=check, path=f"{tmp_path}/etc/60.conf", proc_sys=f"{tmp_path}/sys", settings=values
    )


def test_settings_in_the_file_and_in_force(tmp_path: Path) -> None:
    place = tmp_path / "sys" / "fs"
    place.mkdir(parents=True)
    (place / "some").write_text("1\t2\n")
    wanted = {"fs.some": "3  4"}
    assert settings(tmp_path, check=True, **wanted)["changed"]
    assert (place / "some").read_text() == "1\t2\n"
    done = settings(tmp_path, **wanted)
    assert (done["changed"], done["in_force"], done["not_in_force"]) == (True, ["fs.some"], {})
    assert (place / "some").read_text() == "3 4\n"
    assert (tmp_path / "etc/60.conf").read_text().splitlines()[1:] == ["fs.some = 3 4"]
    assert not settings(tmp_path, **wanted)["changed"]
    (place / "some").write_text("5 6\n")
    assert settings(tmp_path, **wanted)["diff"][1] == {
        "before_header": "in force",
        "after_header": "in force",
        "before": {"fs.some": "5 6"},
        "after": {"fs.some": "3 4"},
    }
    assert settings(tmp_path)["changed"]
    assert not (tmp_path / "etc/60.conf").exists()


def test_settings_that_this_kernel_does_not_have(tmp_path: Path) -> None:
    done = settings(tmp_path, **{"net.absent": 1})
    assert (done["changed"], done["in_force"]) == (True, [])
    assert done["not_in_force"] == {"net.absent": "not known to this kernel"}
    assert not settings(tmp_path, **{"net.absent": 1})["changed"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"../etc/passwd": 1}, "is no setting"),
        ({"fs..x": 1}, "is no setting"),
        ({"fs.x": None}, "give a number or a text"),
        ({"fs.x": "1\n2"}, "give one line"),
        ({"fs.x": " "}, "give one line"),
    ],
)
def test_wrong_settings(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    assert problem in settings(tmp_path, **values)["msg"]


def test_keys_with_a_dot_in_a_part(tmp_path: Path) -> None:
    place = tmp_path / "sys/net/ipv4/conf/eth0.1"
    place.mkdir(parents=True)
    (place / "forwarding").write_text("0\n")
    assert settings(tmp_path, **{"net/ipv4/conf/eth0.1/forwarding": True})["in_force"]
    assert (place / "forwarding").read_text() == "1\n"
