# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host keys and key pairs in a folder that many nodes share, who all begin together."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils import _as_user
from ansible_collections.podforge.hyperpod.plugins.module_utils import _shared_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster import hosts
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster import pairs

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBASVqtMCWRhE4A/bbcN0M9hPq3d2kqGTQmpDzZOv5JY"
NODES = 16


def line(number: int) -> str:
    return hosts.lines_of([f"ip-10-0-0-{number}", f"10.0.0.{number}"], [f"{KEY} root@x\n"])


def together(work: Any) -> None:
    """Let so many processes begin at once, and end well."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(NODES)

    def one(number: int) -> None:
        barrier.wait()
        work(number)

    started = [context.Process(target=one, args=(number,)) for number in range(NODES)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * NODES


def test_a_node_is_known_by_all_its_names() -> None:
    assert line(5) == f"ip-10-0-0-5,ip-10-0-0-5.*,10.0.0.5 {KEY}\n"
    for names, keys, words in (
        (["a b"], [KEY], "'a b' is no name"),
        (["*"], [KEY], "'\\*' is no name"),
        (["a\n* "], [KEY], "is no name"),
        (["a"], [], "no usable host key"),
        (["a"], ["ssh-ed25519 x\n"], "no usable host key"),
    ):
        with pytest.raises(hosts.ClusterError, match=words):
            hosts.lines_of(names, keys)


def test_a_line_that_is_not_whole_is_left_out() -> None:
    files = {"b": line(2) + "ip-10-0-0-3 ssh-ed2", "a": line(1) + "@cert-authority * " + KEY + "\n"}
    assert hosts.merged(files) == hosts.HEADER + line(1) + line(2)


def test_all_nodes_are_known_in_the_end_though_all_write_at_once(tmp_path: Path) -> None:
    together(lambda number: hosts.publish(str(tmp_path), f"ip-10-0-0-{number}", line(number)))
    known = (tmp_path / hosts.KNOWN_HOSTS).read_text().splitlines()
    assert sorted(known[1:]) == sorted(line(number).strip() for number in range(NODES))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert all(hosts.is_up_to_date(str(tmp_path), f"ip-10-0-0-{number}", line(number)) for number in range(NODES))


def test_a_node_that_is_replaced_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    hosts.publish(str(tmp_path), "ip-10-0-0-1", line(1))
    new = line(1).replace("IBAS", "ICCC")
    assert not hosts.is_up_to_date(str(tmp_path), "ip-10-0-0-1", new)
    hosts.publish(str(tmp_path), "ip-10-0-0-1", new)
    assert (tmp_path / hosts.KNOWN_HOSTS).read_text() == hosts.HEADER + new
    (tmp_path / hosts.KNOWN_HOSTS).write_text("* " + KEY)
    assert not hosts.is_up_to_date(str(tmp_path), "ip-10-0-0-1", new)


def test_others_who_write_without_end_stop_nobody_who_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_PATIENCE", 0.0)
    common = hosts.HEADER + line(1) + line(2)
    monkeypatch.setattr(hosts, "_text", lambda path: common)
    assert "changes all the time" in hosts.publish(str(tmp_path), "ip-10-0-0-1", line(1))
    with pytest.raises(hosts.ClusterError, match="changes all the time"):
        hosts.publish(str(tmp_path), "ip-10-0-0-3", line(3))


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_the_top_of_the_storage_counts(tmp_path: Path) -> None:
    for mode in (0o755, 0o1777):
        tmp_path.chmod(mode)
        hosts.require_safe(str(tmp_path / f"{mode}"), str(tmp_path))
    tmp_path.chmod(0o777)
    with pytest.raises(hosts.ClusterError, match=r"mode 0777: who can rename folders there"):
        hosts.require_safe(str(tmp_path / "x"), str(tmp_path))
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ".podforge" / "id" / "ssh"
    hosts.require_safe(str(folder), str(tmp_path))
    hosts.require_safe(str(folder), str(tmp_path))
    assert folder.stat().st_mode & 0o777 == 0o755
    folder.parent.chmod(0o775)
    with pytest.raises(hosts.ClusterError, match=r"/id is uid 0's, mode 0775: who can write there could pretend"):
        hosts.require_safe(str(folder), str(tmp_path))
    folder.parent.chmod(0o755)
    os.chown(folder, 2001, 2001)
    with pytest.raises(hosts.ClusterError, match=r"/ssh is uid 2001's"):
        hosts.require_safe(str(folder), str(tmp_path))
    folder.rmdir()
    folder.symlink_to("/etc")
    with pytest.raises(hosts.ClusterError, match=r"/ssh is uid 0's, mode 0777"):
        hosts.require_safe(str(folder), str(tmp_path))


def test_a_key_pair_is_made_once_though_all_nodes_begin_at_once(tmp_path: Path) -> None:
    together(lambda number: pairs.make_pair(str(tmp_path), f"ana@{number}"))
    folder = tmp_path / ".ssh"
    assert sorted(path.name for path in folder.iterdir()) == [pairs.KEY, f"{pairs.KEY}.pub"]
    assert (folder.stat().st_mode & 0o777, (folder / pairs.KEY).stat().st_mode & 0o777) == (0o700, 0o600)
    derived = subprocess.run(["ssh-keygen", "-y", "-f", folder / pairs.KEY], capture_output=True, text=True, check=True)
    assert (folder / f"{pairs.KEY}.pub").read_text() == derived.stdout
    before = (folder / pairs.KEY).read_bytes()
    # the run that made the private half was killed
    (folder / f"{pairs.KEY}.pub").unlink()
    assert not pairs.has_pair(str(tmp_path))
    pairs.make_pair(str(tmp_path), "ana")
    assert pairs.has_pair(str(tmp_path))
    assert (folder / pairs.KEY).read_bytes() == before


def test_what_is_no_key_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    os.mkfifo(tmp_path / ".ssh" / pairs.KEY)
    monkeypatch.setattr(pairs, "_PATIENCE", 0.5)
    assert not pairs.has_pair(str(tmp_path))
    with pytest.raises(OSError, match=r"ssh-keygen does not end in 0.5 s"):
        pairs.make_pair(str(tmp_path), "ana")
    (tmp_path / ".ssh" / pairs.KEY).unlink()
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / ".ssh" / pairs.KEY)]
    subprocess.run(command, check=True)
    (tmp_path / ".ssh" / f"{pairs.KEY}.pub").unlink()
    with pytest.raises(OSError, match=r"incorrect passphrase"):
        pairs.make_pair(str(tmp_path), "ana")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_what_is_done_as_a_user_is_the_users() -> None:
    # each start of pytest closes the folder above its own to others
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        acts_as_users(Path(folder))


def acts_as_users(folder: Path) -> None:
    """What a user's process may do in a folder that all can enter."""
    (folder / "home").mkdir()
    os.chown(folder / "home", 2001, 2001)
    made = folder / "home" / "made"
    assert _as_user.as_user(2001, 2001, lambda: f"{os.getuid()} {os.getgroups()}") == "2001 []"
    assert _as_user.as_user(2001, 2001, made.touch) == ""
    assert (made.stat().st_uid, made.stat().st_mode & 0o777) == (2001, 0o600)
    with pytest.raises(PermissionError, match=r"Permission denied: .*/theirs"):
        _as_user.as_user(2002, 2002, (folder / "home" / "theirs").touch)
    with pytest.raises(OSError, match="the process was ended"):
        _as_user.as_user(2001, 2001, lambda: os.kill(os.getpid(), 9))


def test_the_deepest_mount_counts_and_what_is_missing_is_named() -> None:
    assert _shared_folder.mount_of("/fsx/a/b", ["/fsx", "/fsx/a", "/fs"]) == "/fsx/a"
    assert _shared_folder.mount_of("/fsxx/a", ["/fsx"]) is None
    assert _shared_folder.mount_of("/home/a", ["/"]) == "/"
    assert _shared_folder.missing_mounts(["/proc", "/nowhere"], 0.0) == ["/nowhere"]
