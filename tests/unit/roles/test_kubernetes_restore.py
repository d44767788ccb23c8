# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm_master's backup: a restore that is refused, killed anywhere, and done again."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backup_world import NEW
from backup_world import NOW
from backup_world import OLD
from backup_world import Fake
from backup_world import Killed
from backup_world import World
from backup_world import config
from podforge_backup import BackupError
from podforge_kubernetes_backup import master
from podforge_kubernetes_backup import plan
from podforge_kubernetes_backup import work


class Folder:
    """A temporary folder that stays where its program is killed."""

    def __init__(self, **given: str) -> None:
        self.path = tempfile.mkdtemp(**given)

    def __enter__(self) -> str:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, *_more: object) -> None:
        if kind is not Killed:
            shutil.rmtree(self.path)


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setattr(Fake, "world", world, raising=False)
    monkeypatch.setattr(master, "NOTE", world.note)
    monkeypatch.setattr(work, "NOTE", world.note)
    monkeypatch.setattr(work, "BEFORE", str(tmp_path / "before"))
    monkeypatch.setattr(work, "Master", Fake)
    monkeypatch.setattr("tempfile.TemporaryDirectory", Folder)
    monkeypatch.setattr(os, "umask", lambda _mask: 0)
    (tmp_path / "kubeadm.yaml").touch()
    world.cluster, world.etcd = OLD, "workloads"
    work.save(config(tmp_path), NOW)
    # replaced: its lifecycle script has made another one
    world.cluster, world.etcd = NEW, "nothing"
    return world


def restore(world: World, **more: Any) -> dict[str, Any]:
    given = {"replace": False, "force": False, "check": False, **more}
    return work.restore(config(world.path), "latest", NOW, **given)


def test_a_new_cluster_does_not_push_the_old_ones_backups_out(world: World) -> None:
    with pytest.raises(BackupError, match="not saved: this cluster is new"):
        work.save(config(world.path), NOW)
    assert work.save(config(world.path), NOW, force=True)["removed"] == []
    # from then on it is one like others, and only its own go
    later = replace(config(world.path), keep=1)
    assert work.save(later, NOW + datetime.timedelta(hours=1))["removed"] == [
        f"kubernetes-demo-{NEW[:12]}-20261201T020304Z.tar"
    ]
    assert len(list((world.path / "backups").iterdir())) == 2


def test_of_several_clusters_somebody_says_which(world: World) -> None:
    work.save(config(world.path), NOW + datetime.timedelta(hours=1), force=True)
    old, new = (f"kubernetes-demo-{ca[:12]}-20261201T0{hour}0304Z.tar" for ca, hour in ((OLD, 2), (NEW, 3)))
    with pytest.raises(BackupError, match=rf"backups of 2 clusters .*{old}, {new}. Nothing was changed; say which"):
        restore(world, replace=True)
    given: dict[str, Any] = {"replace": True, "force": False, "check": True}
    assert work.restore(config(world.path), old, NOW, **given)["others"] == [new]


def test_another_master_backs_up(world: World) -> None:
    several = replace(config(world.path), masters={"ip-10-1-0-0": "10.1.0.0", "ip-10-1-0-1": "10.1.0.1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "ready", lambda _nodes: ["ip-10-1-0-0", "ip-10-1-0-1"])
        assert work.save(several, NOW) == {"saved": "", "by": "ip-10-1-0-0"}


def test_check_changes_nothing(world: World) -> None:
    done = restore(world, check=True)
    assert (done["restored"], done["lost"]) == (f"kubernetes-demo-{OLD[:12]}-20261201T020304Z.tar", "")
    assert world.did == [""]


def test_a_restore_and_a_second_one(world: World) -> None:
    done = restore(world)
    assert (world.cluster, world.etcd) == (OLD, "workloads")
    assert done["before"].endswith(f"/before/kubernetes-demo-{NEW[:12]}-20261201T020304Z.tar")
    assert Path(done["before"]).exists()
    assert not world.note.exists()
    world.did.clear()
    with pytest.raises(BackupError, match="the cluster that the backup is of runs on this master"):
        restore(world)
    assert world.did == []


@pytest.mark.parametrize(
    "where", ["reset", "put_keys", "put_etcd", "init", "bury_masters", "restart_system", "let_join"]
)
def test_a_restore_that_is_killed_goes_on(world: World, where: str) -> None:
    world.die_in = where
    with pytest.raises(Killed):
        restore(world)
    # nothing is saved of half a cluster, and none is kept beside
    with pytest.raises(BackupError, match="has not come to its end"):
        work.save(config(world.path), NOW)
    # keys and all, until the next run of the program begins
    is_unmade = where in ("reset", "put_keys", "put_etcd", "init")
    assert bool(list(world.path.glob(f"{master.FOLDER}*"))) is is_unmade
    Fake(config(world.path)).clean()
    assert list(world.path.glob(f"{master.FOLDER}*")) == []
    world.die_in = ""
    world.did.clear()
    done = restore(world)
    assert done["goes_on"] is True
    assert (world.cluster, world.etcd) == (OLD, "workloads")
    # a cluster that is there is not made again
    assert ("reset" in world.did) is is_unmade
    assert world.did[-1] == "let_join"
    assert not world.note.exists()
    assert len(list((world.path / "before").iterdir())) == 1
    assert list(world.path.glob(f"{master.FOLDER}*")) == []


def test_a_cluster_that_lives_and_cannot_be_kept_is_not_replaced(world: World) -> None:
    world.failure = "no space left on device"
    with pytest.raises(BackupError, match=r"nothing was changed: what is here can't be kept in .*no space left"):
        restore(world, replace=True)
    assert (world.cluster, world.etcd, world.did) == (NEW, "nothing", [""])
    assert not world.note.exists()


def test_what_answers_nobody_is_set_aside_as_it_is(world: World) -> None:
    world.answers, world.failure = False, "connection refused"
    place = world.path / "before" / "2026-12-01T020304"
    place.mkdir(parents=True)
    with pytest.raises(BackupError, match="nothing was changed: what is here can't be kept"):
        restore(world, replace=True)
    assert not world.note.exists()
    place.rmdir()
    world.die_in = "set_aside"
    with pytest.raises(Killed):
        restore(world, replace=True)
    assert (world.cluster, world.etcd) == (NEW, "nothing")
    world.die_in = "init"
    later = NOW + datetime.timedelta(hours=1)
    given: dict[str, Any] = {"replace": False, "force": False, "check": False}
    with pytest.raises(Killed):
        work.restore(config(world.path), "latest", later, **given)
    # in the place that the first run has begun, and once
    assert world.aside == str(place)
    world.die_in, world.aside = "", ""
    done = work.restore(config(world.path), "latest", later, **given)
    assert done["before"].startswith(f"{place}: etcd's data and the keys")
    assert (world.aside, world.cluster, world.etcd) == ("", OLD, "workloads")


def test_half_a_backup_is_not_restored_by_force(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fake, "pack_keys", lambda _self, _folder: None)
        saved = work.save(config(world.path), NOW, force=True)["saved"]
    with pytest.raises(BackupError, match="nothing was changed: it has no keys"):
        work.restore(config(world.path), saved, NOW, replace=True, force=True, check=False)
    assert world.did == [""]


def test_a_full_disk_in_the_middle_says_how_to_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Fake, _folder: Path) -> None:
        raise OSError(28, "No space left on device", "/etc/kubernetes/pki/ca.crt")

    monkeypatch.setattr(Fake, "put_keys", full)
    with pytest.raises(BackupError, match=r"No space left .*ca.crt'\. Nothing of the backup is lost"):
        restore(world)


def test_a_cluster_that_was_made_is_settled_although_others_have_joined_it(world: World) -> None:
    world.die_in = "let_join"
    with pytest.raises(Killed):
        restore(world)
    world.die_in, world.others = "", ["ip-10-1-0-2"]
    later = NOW + datetime.timedelta(hours=3)
    work.restore(config(world.path), "latest", later, replace=False, force=False, check=False)
    # of masters those are of then who were not heard of since the restore began, not since this run
    assert world.since == NOW.isoformat(timespec="seconds")
    assert not world.note.exists()


def test_what_does_not_fit_or_is_damaged_changes_nothing(world: World) -> None:
    for other, words in (
        ({"cluster": "other"}, "has no backup of cluster other"),
        ({"pod_cidr": "10.0.0.0/8"}, "kubeadm_master_pod_cidr 10.244.0.0/16, and here it is 10.0.0.0/8"),
        ({"kubeadm": "/nowhere"}, "let this node's lifecycle script run first"),
    ):
        with pytest.raises(BackupError, match=words):
            work.restore(config(world.path, **other), "latest", NOW, replace=True, force=False, check=False)
    world.others = ["ip-10-1-0-2"]
    with pytest.raises(BackupError, match="ip-10-1-0-2 still runs an API or an etcd of this cluster"):
        restore(world, replace=True)
    (backup,) = (world.path / "backups").iterdir()
    backup.write_bytes(backup.read_bytes().replace(b"workloads", b"w0rkloads"))
    with pytest.raises(BackupError, match="etcd is damaged"):
        restore(world)
    assert world.did == [""]
    assert not world.note.exists()
