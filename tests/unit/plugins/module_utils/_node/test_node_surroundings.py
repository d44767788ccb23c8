# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, disks and devices, as the kernel shows them."""

from __future__ import annotations

import threading
import typing as t
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.hardware import find_accelerator
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.hardware import find_container_runtime
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.imds import read_imds
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.network import parse_fib_trie
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.network import parse_if_inet6
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.network import same_address
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import choose_scratch
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import has_instance_store
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import parse_kept
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import parse_mount_points
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import wait_for_scratch

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/1 2 0 2
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.1.0.0/24 2 0 2
        |-- 10.1.0.0
           /24 link UNICAST
        |-- 10.1.0.11
           /32 host LOCAL
        |-- 10.1.0.255
           /32 link BROADCAST
  |-- 9.9.9.9
     /8 host LOCAL
     /32 host LOCAL
  +-- 127.0.0.0/8 2 0 2
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 169.254.169.254
        /32 host LOCAL
Local:
  |-- 10.1.0.11
     /32 host LOCAL
"""


def test_addresses() -> None:
    assert parse_fib_trie(FIB_TRIE) == ["9.9.9.9", "10.1.0.11"]
    assert parse_fib_trie("") == []
    text = (
        "00000000000000000000000000000001 01 80 10 80 lo\n"
        "fe800000000000000000000000000001 02 40 20 80 eth0\n"
        "20010db8000000000000000000000005 02 40 00 80 eth0\n"
    )
    assert parse_if_inet6(text) == ["2001:db8::5"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("2001:db8::5", "2001:0db8:0:0::5", True),
        ("10.0.0.1", "10.0.0.11", False),
        ("x", "10.0.0.1", False),
    ],
)
def test_same_address(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


def test_mount_points_with_blanks() -> None:
    assert parse_mount_points("/dev/a / ext4 rw 0 0\n/dev/b /with\\040blank xfs rw 0 0\n") == {"/", "/with blank"}


def test_scratch_in_order_of_preference() -> None:
    both = choose_scratch({"/", "/opt/sagemaker", "/opt/dlami/nvme"})
    assert (both.path, both.kind, both.warning) == ("/opt/dlami/nvme", "instance_store", None)
    assert choose_scratch({"/", "/opt/sagemaker"}).path == "/opt/sagemaker"
    root = choose_scratch({"/", "/opt/sagemaker/x"})
    assert root.kind == "root"
    assert root.warning is not None
    assert "EbsVolumeConfig" in root.warning


def test_wait_for_an_instance_store_that_comes_late() -> None:
    answers = iter(["a / x\n", "a / x\n", "b /opt/dlami/nvme x\n"])
    slept: list[float] = []
    assert wait_for_scratch(lambda: next(answers), True, 10, slept.append).kind == "instance_store"
    assert slept == [1.0, 1.0]


def test_wait_is_bounded_and_only_for_nodes_with_disks() -> None:
    slept: list[float] = []
    assert wait_for_scratch(lambda: "a / x\n", True, 3, slept.append).kind == "root"
    assert len(slept) == 3
    assert wait_for_scratch(lambda: "a /opt/sagemaker x\n", False, 3, slept.append).kind == "ebs"
    assert len(slept) == 3


def test_a_disk_that_was_chosen_stays_while_it_is_there() -> None:
    late = choose_scratch({"/", "/opt/sagemaker", "/opt/dlami/nvme"}, kept="ebs")
    assert (late.path, late.kind) == ("/opt/sagemaker", "ebs")
    assert "/opt/dlami/nvme is mounted, but scratch data stays at /opt/sagemaker" in str(late.warning)
    assert choose_scratch({"/", "/opt/dlami/nvme"}, kept="root").path == "/opt/podforge/scratch"
    assert choose_scratch({"/", "/opt/dlami/nvme"}, kept="instance_store").warning is None
    gone = choose_scratch({"/", "/opt/sagemaker"}, kept="instance_store")
    assert gone.kind == "ebs"
    assert "/opt/dlami/nvme, where scratch data was until now, is not mounted" in str(gone.warning)
    assert "EbsVolumeConfig" in str(choose_scratch({"/"}, kept="root").warning)


def test_the_chosen_disk_is_what_is_waited_for() -> None:
    slept: list[float] = []
    answers = iter(["a / x\n", "b /opt/sagemaker x\n"])
    assert wait_for_scratch(lambda: next(answers), False, 10, slept.append, "ebs").kind == "ebs"
    assert len(slept) == 1
    assert wait_for_scratch(lambda: "b /opt/sagemaker x\n", True, 10, slept.append, "ebs").kind == "ebs"
    assert wait_for_scratch(lambda: "a / x\n", True, 10, slept.append, "root").kind == "root"
    assert len(slept) == 1


def test_the_note_of_the_chosen_disk() -> None:
    assert parse_kept('{"kind": "ebs", "path": "/opt/sagemaker"}') == "ebs"
    for text in ("", "{", "[]", '{"kind": "floppy"}', '{"kind": ["ebs"]}', "null"):
        assert parse_kept(text) is None


def test_instance_store_disks(tmp_path: Path) -> None:
    for name, model in (("nvme0n1", "Amazon Elastic Block Store"), ("sda", "x")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "model").write_text(f"{model}  \n")
    assert not has_instance_store(str(tmp_path))
    (tmp_path / "nvme1n1" / "device").mkdir(parents=True)
    (tmp_path / "nvme1n1" / "device" / "model").write_text("Amazon EC2 NVMe Instance Storage        \n")
    assert has_instance_store(str(tmp_path))
    assert not has_instance_store(str(tmp_path / "none"))


def pci(folder: Path, *devices: tuple[str, str, str]) -> str:
    for index, (vendor, device, kind) in enumerate(devices):
        entry = folder / f"0000:00:{index:02x}.0"
        entry.mkdir(parents=True)
        for name, value in (("vendor", vendor), ("device", device), ("class", kind)):
            (entry / name).write_text(value + "\n")
    return str(folder)


def test_accelerators_by_device_files(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert find_accelerator(str(tmp_path), "/nowhere") == {"vendor": "nvidia", "count": 2}


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([("0x10de", "0x2330", "0x030200"), ("0x10de", "0x22a3", "0x068000")], {"vendor": "nvidia", "count": 1}),
        ([("0x1d0f", "0x7364", "0x088000")] * 2, {"vendor": "neuron", "count": 2}),
        ([("0x1d0f", "0xefa2", "0x020000")], {"vendor": "none", "count": 0}),
        ([], {"vendor": "none", "count": 0}),
    ],
)
def test_accelerators_by_bus(tmp_path: Path, devices: list[tuple[str, str, str]], expected: dict[str, t.Any]) -> None:
    assert find_accelerator("/nowhere", pci(tmp_path, *devices)) == expected


def test_container_runtime(tmp_path: Path) -> None:
    assert find_container_runtime(str(tmp_path)) is None
    for program, expected in (("containerd", "containerd"), ("dockerd", "docker"), ("enroot", "enroot")):
        (tmp_path / program).touch(mode=0o755)
        assert find_container_runtime(str(tmp_path)) == expected


class _Imds(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._answer("TOKEN" if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else None)

    def do_GET(self) -> None:
        known = {"/latest/meta-data/instance-id": "i-1", "/latest/meta-data/placement/availability-zone": "us-west-2a"}
        self._answer(known.get(self.path) if self.headers.get("X-aws-ec2-metadata-token") == "TOKEN" else None)

    def _answer(self, text: str | None) -> None:
        self.send_response(200 if text else 404)
        self.end_headers()
        self.wfile.write((text or "no").encode())

    def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002 (the base class names it)
        """Silent."""


def test_imds_version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = HTTPServer(("127.0.0.1", 0), _Imds)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        assert read_imds(url) == {"instance_id": "i-1", "availability_zone": "us-west-2a"}
    finally:
        server.shutdown()
        server.server_close()
    assert read_imds(url) == {}
    assert read_imds("file:///etc") == {}
