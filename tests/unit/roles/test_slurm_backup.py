# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_backup's program: what decides which backups stay, and which may be restored."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "slurm_backup" / "files"
sys.path.insert(0, str(FILES))

from podforge_slurm_backup import plan  # noqa: E402 - it is not installed
from podforge_slurm_backup import stores  # noqa: E402 - it is not installed

NOW = datetime.datetime(2026, 12, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)
NAME = "slurm-demo-20261201T020304Z.tar"


def test_names_of_one_cluster_sort_by_time_and_are_told_from_others() -> None:
    assert plan.archive_name("demo", NOW) == NAME
    newer = "slurm-demo-20261202T000000Z.tar"
    others = ("slurm-demo-b-20261201T020304Z.tar", ".slurm-demo-20261203T000000Z.tar.part", "README", "slurm-demo.tar")
    assert plan.archives([newer, *others, NAME], "demo") == [NAME, newer]


@pytest.mark.parametrize(("keep", "gone"), [(0, 0), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_the_oldest_go(keep: int, gone: int) -> None:
    names = [f"slurm-demo-2026120{day}T000000Z.tar" for day in (1, 2, 3)]
    assert plan.obsolete([*reversed(names), "slurm-other-20200101T000000Z.tar"], "demo", keep) == names[:gone]


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
    assert not plan.is_local(text)
    assert plan.is_local("StorageHost=localhost\n")
    assert plan.is_local("")


def test_the_id_of_slurmctld_goes() -> None:
    assert plan.without_id("demo|4711\n") == "demo"
    assert plan.without_id("demo") == "demo"


def test_tables_move_in_one_statement() -> None:
    made = "DROP DATABASE IF EXISTS `b`; CREATE DATABASE `b` CHARACTER SET utf8mb4;"
    assert plan.moves([], "a", "b") == made
    assert plan.moves(["x", "y"], "a", "b") == f"{made} RENAME TABLE `a`.`x` TO `b`.`x`, `a`.`y` TO `b`.`y`;"


def test_a_folder_has_all_of_a_backup_or_nothing(tmp_path: Path) -> None:
    store = stores.store_of(plan.Config(destination=str(tmp_path / "new")))
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
