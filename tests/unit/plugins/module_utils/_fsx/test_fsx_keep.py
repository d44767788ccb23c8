# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounting and keeping, with a node that is made up."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import keep
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import keeper
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import complete
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import HUNG

NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
RIGHT = "lustre 10.1.0.9@tcp:/abcdefgh"


def test_it_is_mounted(world: type[Any], fsx: Any) -> None:
    node = world()
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted", True, 1)
    assert node.calls == ["prepare", "start fsx.mount"]


def test_what_is_there_is_left_alone(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    assert keep.bring_up(fsx(), node, 60, delay=30) == keep.Result("mounted")
    assert (node.calls, node.slept) == ([], [])


def test_what_is_late_is_waited_for(world: type[Any], fsx: Any) -> None:
    node = world()
    node.comes_after, node.stderr = 4, "failed: Input/output error\nIs the MGS running?"
    result = keep.bring_up(fsx(), node, 60)
    assert (result.state, result.attempts) == ("mounted", 5)
    assert len(node.slept) == 4
    assert 0 < node.slept[0] <= 3
    assert all(pause <= 22.5 for pause in node.slept)


def test_patience_ends(world: type[Any], fsx: Any) -> None:
    node = world()
    node.comes_after, node.stderr = 1000, "failed: Input/output error\nIs the MGS running?"
    result = keep.bring_up(fsx(), node, 60)
    assert result.state == "failed"
    assert "open TCP 988 and 1018-1023" in result.error
    assert "tries in 60 seconds)" in result.error
    assert 60 <= node.clock < 90
    assert node.calls[-2:] == ["stop fsx.mount", "reset-failed fsx.mount"]


def test_what_waiting_can_not_mend_fails_at_once(world: type[Any], fsx: Any) -> None:
    node = world()
    node.comes_after, node.stderr = 1000, "Is the filesystem name correct?"
    result = keep.bring_up(fsx(), node, 600)
    assert (result.state, result.attempts, node.slept) == ("failed", 1, [])
    assert "no file system by the mount name 'abcdefgh'" in result.error


def test_nothing_is_left_half_mounted(world: type[Any], fsx: Any) -> None:
    """mount(8) says yes, and no file can be written."""
    node = world()
    node.writing = [HUNG] * 100
    result = keep.bring_up(fsx(), node, 5)
    assert result.state == "failed"
    assert "it is mounted and does not answer" in result.error
    assert node.mounted == ""
    assert "stop fsx.mount" in node.calls


def test_a_mount_that_vanishes_while_it_is_asked_is_none(
    monkeypatch: pytest.MonkeyPatch, world: type[Any], fsx: Any
) -> None:
    """The folder on the root volume would answer in its place."""
    node = world(RIGHT)

    def vanish(*_words: object, **_more: object) -> int:
        node.mounted = ""
        return 0

    monkeypatch.setattr(node, "probe", vanish)
    assert keep.look(fsx(), node)[0].state == "absent"
    result = keep.bring_up(fsx(), node, 0)
    assert (result.state, result.attempts) == ("failed", 1)


def test_nor_when_systemd_does_not_get_rid_of_it(world: type[Any], fsx: Any) -> None:
    node = world()
    node.writing, node.busy = [HUNG], True
    assert keep.bring_up(fsx(), node, 0).state == "failed"
    assert (node.mounted, "umount /fsx" in node.calls) == ("", True)


@pytest.mark.parametrize("answer", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_file_system_that_root_may_not_write_to_is_mounted(answer: int, world: type[Any], fsx: Any) -> None:
    node = world()
    node.writing = [answer]
    assert keep.bring_up(fsx(), node, 5).state == "mounted"


@pytest.mark.parametrize("answer", [errno.ENOTCONN, errno.ESTALE])
def test_a_dead_mount_of_fuse_is_made_anew(answer: int, world: type[Any]) -> None:
    system = complete([{"type": "fuse.sshfs", "path": "/fsx", "source": "root@nas:/srv"}], {})[0][0]
    node = world("fuse.sshfs root@nas:/srv")
    node.reading = [answer]
    node.comes_after = 1
    result = keep.bring_up(system, node, 0)
    assert node.calls[:3] == ["umount /fsx", "prepare", "start fsx.mount"]
    assert result.attempts == 1


def test_a_stale_mount_of_the_kernel_is_made_anew_unless_it_is_in_use(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    node.reading = [errno.ESTALE]
    assert keep.bring_up(fsx(), node, 5) == keep.Result("mounted", True, 1)
    assert node.calls == ["stop fsx.mount", "prepare", "start fsx.mount"]
    node = world(RIGHT)
    node.reading, node.busy = [errno.ESTALE] * 9, True
    result = keep.bring_up(fsx(), node, 1)
    assert (result.state, node.mounted) == ("failed", RIGHT)
    assert "so it is left mounted" in result.error
    assert set(node.calls) == {"stop fsx.mount"}


def test_lustre_that_has_lost_its_connection_is_left_to_connect_again(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    node.reading = [errno.ENOTCONN, errno.ENOTCONN]
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted")
    node.reading = [errno.ENOTCONN] * 100
    result = keep.bring_up(fsx(), node, 5)
    assert (result.state, node.mounted, node.calls) == ("failed", RIGHT, [])
    assert "it is mounted, and answers: Transport endpoint is not connected" in result.error


def test_a_server_that_does_not_answer_is_waited_for_and_nothing_is_unmounted(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    node.reading = [HUNG, HUNG]
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted")
    node.reading = [HUNG] * 100
    result = keep.bring_up(fsx(), node, 60)
    assert (result.state, node.mounted, node.calls) == ("failed", RIGHT, [])
    assert "it stays mounted" in result.error


def test_another_file_system_in_its_place(world: type[Any], fsx: Any) -> None:
    result = keep.bring_up(fsx(), world("lustre 10.1.0.9@tcp:/zzzzzzzz"), 60)
    assert result.state == "failed"
    assert "that is not abcdefgh, but zzzzzzzz. Fix: unmount it, or correct the description." in result.error
    result = keep.bring_up(fsx(), world("ext4 /dev/vda"), 60)
    assert result.state == "other"
    assert "ext4 of /dev/vda is mounted at /fsx" in result.warnings[0]


def test_nodes_do_not_come_all_at_once(world: type[Any], fsx: Any) -> None:
    waits = []
    for _run in range(200):
        node = world()
        keep.bring_up(fsx(), node, 60, delay=20)
        waits += node.slept
    assert len(waits) == 200
    assert 0 <= min(waits) < 2
    assert 18 < max(waits) <= 20


def test_what_a_mount_hides_is_told(monkeypatch: pytest.MonkeyPatch, world: type[Any], fsx: Any) -> None:
    node = world()
    monkeypatch.setattr(node, "below", lambda _path: ["a", "b", "c", "d", "e", "f", "g"])
    (warning,) = keep.bring_up(fsx(), node, 5).warnings
    assert "/fsx was not empty before it was mounted: a, b, c, d, e and 2 more" in warning


def test_taking_down(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    assert keep.take_down(fsx(state="absent"), node) == keep.Result("absent", True)
    assert keep.take_down(fsx(state="absent"), node) == keep.Result("absent")
    node = world(RIGHT)
    node.busy = True
    assert "is in use and can't be unmounted (fuser -vm /fsx)" in keep.take_down(fsx(state="absent"), node).error


@pytest.mark.parametrize(
    ("efa", "counters", "error", "note"),
    [
        ("required", [1, 9], "", ""),
        ("required", [5, 5], "Lustre goes by TCP", ""),
        ("auto", [5, 5], "", "Lustre goes by TCP"),
        ("required", [], "not set up for EFA", ""),
        ("never", [5, 5], "", ""),
    ],
)
def test_efa(efa: str, counters: list[int], error: str, note: str, *, world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    node.devices, node.counters = ("rdmap0s6",), list(counters)
    found = keep.prove_efa(fsx(efa=efa), node, "")
    assert [bool(text) for text in found] == [bool(error), bool(note)]
    assert error in found[0]
    assert note in found[1]


def test_without_a_device_nobody_speaks_of_efa_unless_it_is_required(world: type[Any], fsx: Any) -> None:
    assert keep.prove_efa(fsx(), world(RIGHT), "") == ("", "")
    assert "no EFA device" in keep.prove_efa(fsx(efa="required"), world(RIGHT), "")[0]


# --- the program of the timer ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, fsx: Any) -> str:
    path = tmp_path / "fsx_storage.json"
    path.write_text(json.dumps({"patience": 5, "spread": 0.0, "filesystems": [fsx().document()]}))
    return str(path)


def test_the_keeper_mends_and_says_so(settings: str, capsys: pytest.CaptureFixture[str], world: type[Any]) -> None:
    assert keeper.main(["/fsx"], world(), settings) == 0
    assert capsys.readouterr().err == "<5>/fsx was not mounted, and is now\n"
    assert keeper.main(["/fsx"], world(RIGHT), settings) == 0
    assert keeper.main(["/fsx"], world("ext4 /dev/vda"), settings) == 0
    assert capsys.readouterr().err == ""


def test_the_keeper_tells_of_what_is_mounted_and_not_well(
    settings: str, capsys: pytest.CaptureFixture[str], world: type[Any]
) -> None:
    node = world(RIGHT)
    node.reading = [errno.EACCES]
    assert keeper.main(["/fsx"], node, settings) == 0
    assert capsys.readouterr().err == "<4>/fsx is mounted, and answers: Permission denied\n"
    for answer in (errno.EIO, errno.ESHUTDOWN):
        node.reading = [answer] * 1000
        assert keeper.main(["/fsx"], node, settings) == 1
        assert "it is mounted, and answers: " in capsys.readouterr().err
        node.reading = [answer, 0]  # taken back by the servers
        assert keeper.main(["/fsx"], node, settings) == 0
    assert (node.mounted, node.calls) == (RIGHT, [])


def test_another_nfs_server_is_not_taken_for_the_right_one(world: type[Any]) -> None:
    zfs = complete([{"dns_name": NAME, "type": "openzfs"}], {})[0][0]
    path = zfs.source.rpartition(":")[2]

    class Names(world):
        def mountinfo(self) -> str:
            return f"33 22 0:1 / {zfs.path} rw - {self.mounted} rw\n"

        def resolve(self, host: str) -> tuple[tuple[str, ...], str]:
            return ((host if host[0].isdigit() else "10.1.0.9",), "")

    for server, state in ((NAME, "right"), ("10.1.0.9", "right"), ("alias", "right"), ("10.1.0.8", "wrong")):
        assert keep.look(zfs, Names(f"nfs4 {server}:{path}"))[0].state == state, server


def test_the_keeper_says_why_not(settings: str, capsys: pytest.CaptureFixture[str], world: type[Any]) -> None:
    node = world()
    node.comes_after, node.address = 1000, ""
    assert keeper.main(["/fsx"], node, settings) == 1
    assert f"<3>/fsx ({NAME}@tcp:/abcdefgh): the name {NAME} does not resolve" in capsys.readouterr().err
    assert keeper.main(["/other"], node, settings) == 1
    assert "has no file system at /other" in capsys.readouterr().err
