# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_backup's program: what decides which backups stay, and which may be restored."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "slurm_backup" / "files"
sys.path.insert(0, str(FILES))

from podforge_backup import BackupError  # noqa: E402 - it is not installed
from podforge_backup import archives  # noqa: E402 - it is not installed
from podforge_backup import stores  # noqa: E402 - it is not installed
from podforge_slurm_backup import controller  # noqa: E402 - it is not installed
from podforge_slurm_backup import exchange  # noqa: E402 - it is not installed
from podforge_slurm_backup import plan  # noqa: E402 - it is not installed

NOW = datetime.datetime(2026, 12, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)
NAME = "slurm-demo-20261201T020304Z.tar"


def test_names_of_one_cluster_sort_by_time_and_are_told_from_others() -> None:
    assert archives.archive_name(plan.prefix_of("demo"), NOW) == NAME
    newer = "slurm-demo-20261202T000000Z.tar"
    others = ("slurm-demo-b-20261201T020304Z.tar", ".slurm-demo-20261203T000000Z.tar.part", "README", "slurm-demo.tar")
    assert archives.archives([newer, *others, NAME], plan.prefix_of("demo")) == [NAME, newer]


@pytest.mark.parametrize(("keep", "gone"), [(0, 0), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_the_oldest_go(keep: int, gone: int) -> None:
    names = [f"slurm-demo-2026120{day}T000000Z.tar" for day in (1, 2, 3)]
    assert archives.obsolete([*reversed(names), "slurm-other-20200101T000000Z.tar"], "slurm-demo", keep) == names[:gone]


def test_what_fits() -> None:
    manifest = {"cluster": "demo", "slurm": "slurm 24.11.3", "parts": {"database": "x", "state": "y"}}
    assert plan.problems(manifest, "demo", "slurm 25.11.4", ["database", "state"]) == []
    assert plan.problems(manifest, "demo", "slurm 24.11.0", ["state"]) == []
    found = plan.problems({**manifest, "parts": {"state": "y"}}, "other", "slurm-wlm 23.11.1", ["database", "state"])
    assert [text[:22] for text in found] == ["it is of cluster demo,", "it is of slurm 24.11.3", "it has no database"]


def test_settings_as_slurm_reads_them() -> None:
    text = 'ClusterName=old\n# ClusterName=no\n  clustername = "demo"  # yes\nStorageHost=db.example\n'
    assert plan.setting(text, "ClusterName") == "demo"
    assert plan.setting(text, "Nothing") == ""
    assert not plan.is_local(text, ["ip-10-1-0-1", "10.1.0.1"])
    for here in ("", "StorageHost=localhost\n", "StorageHost=10.1.0.1", "StorageHost=IP-10-1-0-1"):
        assert plan.is_local(here, ["ip-10-1-0-1", "10.1.0.1"]), here


def test_what_goes_during_the_walk_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gone", "stays"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "script").touch()
    scan = os.scandir

    def vanishing(path: str) -> Any:
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert [path.name for path in controller.below(tmp_path)] == ["gone", "stays", "script"]


class Here:
    """A controller whose daemons are slow: put back is all of it but their answer."""

    def __init__(self, state: Path) -> None:
        self.state, self.config, self.has_database = state, plan.Config(destination="/nowhere"), False
        self.answers = False
        self.held = False
        self.others: list[str] = []

    def stop(self) -> None:
        """Nothing runs."""

    own_state = stop

    def other_controllers(self) -> list[str]:
        return self.others

    def hold(self) -> None:
        self.held = True

    def let_go(self) -> None:
        self.held = False

    def unpack_state(self, file: Path) -> None:
        (self.state / "job_state").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")

    def empty_state(self) -> None:
        for path in self.state.iterdir():
            path.unlink()

    def start(self) -> None:
        assert not self.held
        if not self.answers:
            raise BackupError("slurmctld doesn't answer")


def test_what_was_put_back_once_is_not_put_back_over_what_came_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "NOTE", tmp_path / "note.json")
    exchange.NOTE.write_text('{"stamp": "1"}', encoding="utf-8")
    here: Any = Here(tmp_path / "state")
    old = tmp_path / "state.before-1"
    for folder, text in ((here.state, "half"), (old, "before")):
        folder.mkdir()
        (folder / "job_state").write_text(text, encoding="utf-8")
    with pytest.raises(BackupError):
        exchange.put_back(here)
    assert (here.state / "job_state").read_text(encoding="utf-8") == "before"
    # somebody starts slurmctld by hand, and jobs go on
    (here.state / "job_state").write_text("after", encoding="utf-8")
    here.answers = True
    exchange.put_back(here)
    assert (here.state / "job_state").read_text(encoding="utf-8") == "after"
    assert not exchange.NOTE.exists()
    assert not old.exists()


class Killed(BaseException):
    """As by SIGKILL: nothing is tidied up."""


@pytest.mark.parametrize(
    ("where", "held", "after_the_kill"),
    [
        ("stop", True, "before"),
        ("unpack_state", True, "before"),
        ("let_go", True, "restored"),
        ("start", False, "restored"),
    ],
)
def test_a_restore_that_is_killed_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, held: bool, after_the_kill: str
) -> None:
    monkeypatch.setattr(exchange, "NOTE", tmp_path / "note.json")
    here: Any = Here(tmp_path / "state")
    here.answers = True
    here.state.mkdir()
    (here.state / "job_state").write_text("before", encoding="utf-8")
    (tmp_path / plan.MEMBERS["state"]).write_text("restored", encoding="utf-8")

    def killed(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Here, where, killed)
        with pytest.raises(Killed):
            exchange.exchange(here, tmp_path, ["state"])
    # as long as what is there is half of something nobody can start slurmctld; after that it may have gone on
    assert here.held is held
    if not held:
        (here.state / "job_state").write_text("went on", encoding="utf-8")
    exchange.put_back(here)
    assert not here.held
    assert not exchange.NOTE.exists()
    assert (here.state / "job_state").read_text(encoding="utf-8") == (after_the_kill if held else "went on")
    # what was there before a restore that has ended well is kept
    assert bool(list(tmp_path.glob("state.before-*"))) is (after_the_kill == "restored")


def test_a_restore_that_fails_at_the_start_takes_the_new_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "NOTE", tmp_path / "note.json")
    here: Any = Here(tmp_path / "state")
    here.state.mkdir()
    (here.state / "job_state").write_text("before", encoding="utf-8")
    (tmp_path / plan.MEMBERS["state"]).write_text("restored", encoding="utf-8")
    with pytest.raises(BackupError, match="doesn't answer"):
        exchange.exchange(here, tmp_path, ["state"])
    assert (here.state / "job_state").read_text(encoding="utf-8") == "before"
    assert not here.held


def test_nothing_is_put_back_under_another_controller_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "NOTE", tmp_path / "note.json")
    exchange.NOTE.write_text('{"stamp": "1"}', encoding="utf-8")
    here: Any = Here(tmp_path / "state")
    for folder, text in (("state", "half"), ("state.before-1", "before")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "job_state").write_text(text, encoding="utf-8")
    here.answers, here.others = True, ["ip-10-1-0-2"]
    with pytest.raises(BackupError, match="slurmctld runs on ip-10-1-0-2"):
        exchange.put_back(here)
    assert here.held
    assert (here.state / "job_state").read_text(encoding="utf-8") == "half"
    here.others = []
    exchange.put_back(here)
    assert (here.state / "job_state").read_text(encoding="utf-8") == "before"


def test_other_controllers_are_held_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "UNITS", tmp_path)
    monkeypatch.setattr(controller, "run", lambda *_command: "")
    for daemon in ("slurmctld", "slurmdbd"):
        (tmp_path / f"{daemon}.service.d").mkdir()
    here = object.__new__(controller.Controller)
    here.state = tmp_path / "abc" / "slurmctld"
    here.hold()
    # one that is alone has nobody to tell
    assert not here.state.parent.exists()
    mark = here.state.parent / "controllers" / ".restoring"
    mark.parent.mkdir(parents=True)
    here.hold()
    assert mark.exists()
    here.let_go()
    here.let_go()
    assert not mark.exists()
    assert list(tmp_path.glob("*.d/*")) == []


def test_where_slurmctld_has_its_state() -> None:
    files = {"accounting.conf": "include podforge.conf\n", "podforge.conf": "StateSaveLocation=/fsx/state\n"}
    text = "StateSaveLocation=/var/spool/slurmctld\nInclude accounting.conf\n"
    found = plan.with_included(text, lambda name: files.get(name, ""))
    assert plan.setting(found, "StateSaveLocation") == "/fsx/state"
    # a file that includes itself ends somewhere
    assert plan.with_included("include x", lambda name: f"include {name}") == "include x"


def test_other_controllers_that_run() -> None:
    answer = "Slurmctld(primary) at ip-10-1-0-1 is UP\nSlurmctld(backup) at ip-10-1-0-2 is UP\n"
    assert plan.others_up(answer, ["ip-10-1-0-1"]) == ["ip-10-1-0-2"]
    assert plan.others_up(answer.replace("2 is UP", "2 is DOWN"), ["ip-10-1-0-1"]) == []


def test_the_id_of_slurmctld_goes() -> None:
    assert plan.without_id("demo|4711\n") == "demo"
    assert plan.without_id("demo") == "demo"


def test_tables_move_in_one_statement() -> None:
    made = "DROP DATABASE IF EXISTS `b`; CREATE DATABASE `b` CHARACTER SET utf8mb4;"
    assert plan.moves([], "a", "b") == made
    assert plan.moves(["x", "y"], "a", "b") == f"{made} RENAME TABLE `a`.`x` TO `b`.`x`, `a`.`y` TO `b`.`y`;"


def test_a_folder_has_all_of_a_backup_or_nothing(tmp_path: Path) -> None:
    store = stores.store_of(str(tmp_path / "new"), "")
    assert store.names() == []
    (tmp_path / "file").write_bytes(b"backup")
    store.put(tmp_path / "file", NAME)
    assert store.names() == [NAME]
    assert (tmp_path / "new" / NAME).stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError):
        store.put(tmp_path / "missing", "other")
    assert store.names() == [NAME]
    store.get(NAME, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"backup"
    store.remove(NAME)
    assert store.names() == []


@pytest.mark.parametrize("word", ["true", "false"])
def test_force_at_the_command_line_is_text(rendered: dict[str, Any], word: str) -> None:
    words = rendered[f"slurm-backup-{word}"]["restore"]
    assert words[1:4] == ["restore", "latest", "--part=state"]
    assert words[4:] == ["--force"] * (word == "true")
