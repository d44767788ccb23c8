# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounting and keeping, with a node that is made up; and the real node's answers where a test can have them."""

from __future__ import annotations

import errno
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import keep
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import keeper
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import FileSystem
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import complete
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import HUNG
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Client
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Node
from ansible_collections.podforge.hyperpod.plugins.modules import fsx_mounts

NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
NETS = "- nid: 10.1.0.7@efa\n  send_count: {0}\n  recv_count: {0}\n"


def fsx(**entry: Any) -> FileSystem:
    return complete([{"dns_name": NAME, "mount_name": "abcdefgh", **entry}], {})[0][0]


class World(Node):
    """A node whose file server comes, goes and hangs; time goes by when somebody sleeps."""

    def __init__(self, mounted: str = "") -> None:
        super().__init__()
        self.mounted, self.comes_after = mounted, 0
        self.reading: list[int] = []
        self.writing: list[int] = []
        self.calls: list[str] = []
        self.clock, self.slept = 0.0, []
        self.stderr, self.address, self.busy = "", "10.1.0.9", False
        self.devices: tuple[str, ...] = ()
        self.counters: list[int] = []
        self.units: dict[str, str] = {}
        self.proven: set[str] = set()

    def booted(self) -> bool:
        return True

    def mountinfo(self) -> str:
        return f"33 22 0:1 / /fsx rw - {self.mounted} rw\n" if self.mounted else ""

    def now(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self.clock += seconds
        self.slept.append(seconds)

    def below(self, path: str) -> list[str]:
        return []

    def probe(self, path: str, write: bool = False, patience: float = 10.0) -> int:
        answers = self.writing if write else self.reading
        return answers.pop(0) if answers else 0

    def systemctl(self, *arguments: str, patience: float = 120.0) -> tuple[int, str]:
        self.calls.append(" ".join(arguments))
        verb, unit = arguments[0], arguments[-1]
        if verb == "start" and unit.endswith(".mount"):
            if self.comes_after > 0:
                self.comes_after -= 1
                return 1, "Job for fsx.mount failed."
            self.mounted = "lustre 10.1.0.9@tcp:/abcdefgh"
        if verb == "stop" and not self.busy:
            self.mounted = ""
        if verb == "is-enabled":
            return 0, "\n".join(self.units.get(name, "disabled") for name in arguments[1:])
        if verb == "enable":
            self.units.update(dict.fromkeys(arguments[1:], "enabled"))
        if verb == "show":
            return 0, "FragmentPath=/etc/systemd/system/fsx.mount\nNeedDaemonReload=no\n"
        return 0, ""

    def said(self, unit: str, since: float) -> str:
        return self.stderr

    def unmount(self, path: str) -> None:
        self.calls.append(f"umount {path}")
        self.mounted = ""

    def resolve(self, host: str) -> tuple[tuple[str, ...], str]:
        return ((self.address,), "") if self.address else ((), "Name or service not known")

    def knock(self, address: str, port: int, patience: float = 5.0) -> str:
        return "open"

    def client(self, system: FileSystem) -> Client:
        return Client(True, "6.8", True)

    def prepare(self, system: FileSystem) -> None:
        self.calls.append("prepare")

    def efa_devices(self) -> tuple[str, ...]:
        return self.devices

    def lnet_efa(self) -> str:
        return NETS.format(self.counters.pop(0)) if self.counters else ""

    def move_data(self, path: str) -> str:
        return ""

    def is_proven(self, unit: str) -> bool:
        return unit in self.proven

    def note_proof(self, unit: str, proven: bool) -> None:
        (self.proven.add if proven else self.proven.discard)(unit)


RIGHT = "lustre 10.1.0.9@tcp:/abcdefgh"


def test_it_is_mounted() -> None:
    node = World()
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted", True, 1)
    assert node.calls == ["prepare", "start fsx.mount"]


def test_what_is_there_is_left_alone() -> None:
    node = World(RIGHT)
    assert keep.bring_up(fsx(), node, 60, delay=30) == keep.Result("mounted")
    assert (node.calls, node.slept) == ([], [])


def test_what_is_late_is_waited_for() -> None:
    node = World()
    node.comes_after, node.stderr = 4, "failed: Input/output error\nIs the MGS running?"
    result = keep.bring_up(fsx(), node, 60)
    assert (result.state, result.attempts) == ("mounted", 5)
    assert len(node.slept) == 4
    assert 0 < node.slept[0] <= 3
    assert all(pause <= 22.5 for pause in node.slept)


def test_patience_ends() -> None:
    node = World()
    node.comes_after, node.stderr = 1000, "failed: Input/output error\nIs the MGS running?"
    result = keep.bring_up(fsx(), node, 60)
    assert result.state == "failed"
    assert "open TCP 988 and 1018-1023" in result.error
    assert "tries in 60 seconds)" in result.error
    assert 60 <= node.clock < 90
    assert node.calls[-2:] == ["stop fsx.mount", "reset-failed fsx.mount"]


def test_what_waiting_can_not_mend_fails_at_once() -> None:
    node = World()
    node.comes_after, node.stderr = 1000, "Is the filesystem name correct?"
    result = keep.bring_up(fsx(), node, 600)
    assert (result.state, result.attempts, node.slept) == ("failed", 1, [])
    assert "no file system by the mount name 'abcdefgh'" in result.error


def test_nothing_is_left_half_mounted() -> None:
    """mount(8) says yes, and no file can be written."""
    node = World()
    node.writing = [HUNG] * 100
    result = keep.bring_up(fsx(), node, 5)
    assert result.state == "failed"
    assert "it is mounted and does not answer" in result.error
    assert node.mounted == ""
    assert "stop fsx.mount" in node.calls


def test_a_mount_that_vanishes_while_it_is_asked_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder on the root volume would answer in its place."""
    node = World(RIGHT)

    def vanish(*_words: object, **_more: object) -> int:
        node.mounted = ""
        return 0

    monkeypatch.setattr(node, "probe", vanish)
    assert keep.look(fsx(), node)[0].state == "absent"
    result = keep.bring_up(fsx(), node, 0)
    assert (result.state, result.attempts) == ("failed", 1)


def test_nor_when_systemd_does_not_get_rid_of_it() -> None:
    node = World()
    node.writing, node.busy = [HUNG], True
    assert keep.bring_up(fsx(), node, 0).state == "failed"
    assert (node.mounted, "umount /fsx" in node.calls) == ("", True)


@pytest.mark.parametrize("answer", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_file_system_that_root_may_not_write_to_is_mounted(answer: int) -> None:
    node = World()
    node.writing = [answer]
    assert keep.bring_up(fsx(), node, 5).state == "mounted"


@pytest.mark.parametrize("answer", [errno.ENOTCONN, errno.ESTALE])
def test_a_dead_mount_of_fuse_is_made_anew(answer: int) -> None:
    system = complete([{"type": "fuse.sshfs", "path": "/fsx", "source": "root@nas:/srv"}], {})[0][0]
    node = World("fuse.sshfs root@nas:/srv")
    node.reading = [answer]
    node.comes_after = 1
    result = keep.bring_up(system, node, 0)
    assert node.calls[:3] == ["umount /fsx", "prepare", "start fsx.mount"]
    assert result.attempts == 1


def test_a_stale_mount_of_the_kernel_is_made_anew_unless_it_is_in_use() -> None:
    node = World(RIGHT)
    node.reading = [errno.ESTALE]
    assert keep.bring_up(fsx(), node, 5) == keep.Result("mounted", True, 1)
    assert node.calls == ["stop fsx.mount", "prepare", "start fsx.mount"]
    node = World(RIGHT)
    node.reading, node.busy = [errno.ESTALE] * 9, True
    result = keep.bring_up(fsx(), node, 1)
    assert (result.state, node.mounted) == ("failed", RIGHT)
    assert "so it is left mounted" in result.error
    assert set(node.calls) == {"stop fsx.mount"}


def test_lustre_that_has_lost_its_connection_is_left_to_connect_again() -> None:
    node = World(RIGHT)
    node.reading = [errno.ENOTCONN, errno.ENOTCONN]
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted")
    node.reading = [errno.ENOTCONN] * 100
    result = keep.bring_up(fsx(), node, 5)
    assert (result.state, node.mounted, node.calls) == ("failed", RIGHT, [])
    assert "it is mounted, and answers: Transport endpoint is not connected" in result.error


def test_a_server_that_does_not_answer_is_waited_for_and_nothing_is_unmounted() -> None:
    node = World(RIGHT)
    node.reading = [HUNG, HUNG]
    assert keep.bring_up(fsx(), node, 60) == keep.Result("mounted")
    node.reading = [HUNG] * 100
    result = keep.bring_up(fsx(), node, 60)
    assert (result.state, node.mounted, node.calls) == ("failed", RIGHT, [])
    assert "it stays mounted" in result.error


def test_another_file_system_in_its_place() -> None:
    result = keep.bring_up(fsx(), World("lustre 10.1.0.9@tcp:/zzzzzzzz"), 60)
    assert result.state == "failed"
    assert "that is not abcdefgh, but zzzzzzzz. Fix: unmount it, or correct the description." in result.error
    result = keep.bring_up(fsx(), World("ext4 /dev/vda"), 60)
    assert result.state == "other"
    assert "ext4 of /dev/vda is mounted at /fsx" in result.warnings[0]


def test_nodes_do_not_come_all_at_once() -> None:
    waits = []
    for _run in range(200):
        node = World()
        keep.bring_up(fsx(), node, 60, delay=20)
        waits += node.slept
    assert len(waits) == 200
    assert 0 <= min(waits) < 2
    assert 18 < max(waits) <= 20


def test_what_a_mount_hides_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    node = World()
    monkeypatch.setattr(node, "below", lambda _path: ["a", "b", "c", "d", "e", "f", "g"])
    (warning,) = keep.bring_up(fsx(), node, 5).warnings
    assert "/fsx was not empty before it was mounted: a, b, c, d, e and 2 more" in warning


def test_taking_down() -> None:
    node = World(RIGHT)
    assert keep.take_down(fsx(state="absent"), node) == keep.Result("absent", True)
    assert keep.take_down(fsx(state="absent"), node) == keep.Result("absent")
    node = World(RIGHT)
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
def test_efa(efa: str, counters: list[int], error: str, note: str) -> None:
    node = World(RIGHT)
    node.devices, node.counters = ("rdmap0s6",), list(counters)
    found = keep.prove_efa(fsx(efa=efa), node, "")
    assert [bool(text) for text in found] == [bool(error), bool(note)]
    assert error in found[0]
    assert note in found[1]


def test_without_a_device_nobody_speaks_of_efa_unless_it_is_required() -> None:
    assert keep.prove_efa(fsx(), World(RIGHT), "") == ("", "")
    assert "no EFA device" in keep.prove_efa(fsx(efa="required"), World(RIGHT), "")[0]


# --- the program of the timer ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "fsx_storage.json"
    path.write_text(json.dumps({"patience": 5, "spread": 0.0, "filesystems": [fsx().document()]}))
    return str(path)


def test_the_keeper_mends_and_says_so(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keeper.main(["/fsx"], World(), settings) == 0
    assert capsys.readouterr().err == "<5>/fsx was not mounted, and is now\n"
    assert keeper.main(["/fsx"], World(RIGHT), settings) == 0
    assert keeper.main(["/fsx"], World("ext4 /dev/vda"), settings) == 0
    assert capsys.readouterr().err == ""


def test_the_keeper_tells_of_what_is_mounted_and_not_well(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    node = World(RIGHT)
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


def test_another_nfs_server_is_not_taken_for_the_right_one() -> None:
    zfs = complete([{"dns_name": NAME, "type": "openzfs"}], {})[0][0]
    path = zfs.source.rpartition(":")[2]

    class Names(World):
        def mountinfo(self) -> str:
            return f"33 22 0:1 / {zfs.path} rw - {self.mounted} rw\n"

        def resolve(self, host: str) -> tuple[tuple[str, ...], str]:
            return ((host if host[0].isdigit() else "10.1.0.9",), "")

    for server, state in ((NAME, "right"), ("10.1.0.9", "right"), ("alias", "right"), ("10.1.0.8", "wrong")):
        assert keep.look(zfs, Names(f"nfs4 {server}:{path}"))[0].state == state, server


def test_the_keeper_says_why_not(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    node = World()
    node.comes_after, node.address = 1000, ""
    assert keeper.main(["/fsx"], node, settings) == 1
    assert f"<3>/fsx ({NAME}@tcp:/abcdefgh): the name {NAME} does not resolve" in capsys.readouterr().err
    assert keeper.main(["/other"], node, settings) == 1
    assert "has no file system at /other" in capsys.readouterr().err


# --- the module -------------------------------------------------------------------------------------------------------


class Host:
    """What the module sees of AnsibleModule."""

    def __init__(self, *systems: FileSystem, check: bool = False) -> None:
        self.params = {
            "filesystems": [system.document() for system in systems],
            "timeout": 5,
            "spread": 0.0,
            "availability_zone_id": None,
        }
        self.check_mode = check
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def run(node: Node, *systems: FileSystem, check: bool = False) -> tuple[dict[str, Any], list[str]]:
    host = Host(*systems, check=check)
    return fsx_mounts.run(host, node), host.warnings  # type: ignore[arg-type]


def test_the_module_mounts_and_enables_and_then_changes_nothing() -> None:
    node = World()
    predicted, _warnings = run(node, fsx(), check=True)
    assert (predicted["changed"], predicted["diff"]) == (
        True,
        {"before": {"/fsx": "absent"}, "after": {"/fsx": "mounted"}},
    )
    assert node.calls == [
        "is-enabled podforge-fsx@fsx.service podforge-fsx@fsx.timer",
        "is-active --quiet podforge-fsx@fsx.timer",
    ]
    done, _warnings = run(node, fsx())
    assert (done["changed"], done["diff"]) == (True, predicted["diff"])
    assert "enable podforge-fsx@fsx.service podforge-fsx@fsx.timer" in node.calls
    for check in (True, False):
        assert run(node, fsx(), check=check)[0]["changed"] is False


def test_a_failure_is_an_error_or_a_warning_and_is_tried_again_later() -> None:
    node = World()
    node.comes_after, node.stderr = 1000, "Is the filesystem name correct?"
    failed, _warnings = run(node, fsx())
    assert failed["failed"] is True
    assert "no file system by the mount name" in failed["msg"]
    assert "start podforge-fsx@fsx.timer" in node.calls
    done, warnings = run(node, fsx(required=False))
    assert "failed" not in done
    assert "no file system by the mount name" in warnings[0]


def test_efa_that_is_required_and_not_there_is_an_error() -> None:
    node = World()
    node.devices, node.counters = ("rdmap0s6",), [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]
    # mounted by now, and no better
    node.counters = [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]
    node.counters = [5, 90000]
    assert "failed" not in run(node, fsx(efa="required"))[0]
    # proven: nobody asks again, until it is mounted anew
    assert "failed" not in run(node, fsx(efa="required"))[0]
    node.mounted, node.counters = "", [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]


def test_a_proof_is_noted_and_forgotten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    node = Node(str(tmp_path))
    assert not node.is_proven("fsx")
    for proven in (True, True, False, False):
        node.note_proof("fsx", proven)
        assert node.is_proven("fsx") is proven


def test_what_is_not_wanted_any_more() -> None:
    node = World(RIGHT)
    gone = fsx(state="absent")
    assert run(node, gone, check=True)[0]["changed"] is True
    assert node.mounted == RIGHT
    done, _warnings = run(node, gone)
    assert (done["changed"], done["filesystems"]["/fsx"]["state"], node.mounted) == (True, "absent", "")
    assert "disable --now podforge-fsx@fsx.timer" in node.calls
    assert run(node, gone)[0]["changed"] is False


def test_an_image_build_only_enables(monkeypatch: pytest.MonkeyPatch) -> None:
    node = World()
    monkeypatch.setattr(node, "booted", lambda: False)
    assert run(node, fsx())[0]["changed"] is True
    assert node.mounted == ""
    assert run(node, fsx())[0]["changed"] is False


def test_units_that_systemd_does_not_know_yet_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    node = World(RIGHT)
    run(node, fsx())
    assert "daemon-reload" not in node.calls
    real = node.systemctl
    generated = (0, "FragmentPath=/run/systemd/generator/fsx.mount\nNeedDaemonReload=no\n")
    monkeypatch.setattr(node, "systemctl", lambda *words: generated if words[0] == "show" else real(*words))
    run(node, fsx())
    assert "daemon-reload" in node.calls


# --- the real node ----------------------------------------------------------------------------------------------------


def test_probes_of_folders(tmp_path: Path) -> None:
    node = Node()
    assert node.probe(str(tmp_path), write=True) == 0
    assert list(tmp_path.iterdir()) == []
    assert node.probe(str(tmp_path / "no")) == errno.ENOENT


def test_a_probe_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hangs))
    assert Node().probe(str(tmp_path), patience=0.2) == HUNG


def test_ports_and_names() -> None:
    node = Node()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert node.knock("127.0.0.1", port) == "refused"
        server.listen()
        assert node.knock("127.0.0.1", port) == "open"
    assert node.resolve("127.0.0.1") == (("127.0.0.1",), "")
    assert node.resolve("no-such-name.invalid")[0] == ()
    assert node.resolve("no-such-name.invalid")[1]


def test_the_client_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/filesystems").write_text("nodev\tnfs\n\text4\n")
    other = tmp_path / "lib/modules/6.8.0-other"
    other.mkdir(parents=True)
    (other / "modules.dep").write_text("updates/dkms/lustre.ko.zst: kernel/x.ko\n")
    client = Node(str(tmp_path)).client(fsx())
    assert (client.module, client.module_kernels) == (False, ("6.8.0-other",))
    (tmp_path / "proc/filesystems").write_text("nodev\tlustre\n")
    assert Node(str(tmp_path)).client(fsx()).module is True


def test_efa_devices_are_those_of_its_driver(tmp_path: Path) -> None:
    for name, driver in (("rdmap0s6", "efa"), ("mlx5_0", "mlx5_core")):
        device = tmp_path / "sys/class/infiniband" / name / "device"
        device.mkdir(parents=True)
        target = tmp_path / "sys/bus/pci/drivers" / driver
        target.mkdir(parents=True)
        (device / "driver").symlink_to(target)
    assert Node(str(tmp_path)).efa_devices() == ("rdmap0s6",)
