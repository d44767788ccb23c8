# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real node answers, where a test can have it."""

from __future__ import annotations

import errno
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import HUNG
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Node


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


def test_the_client_is_looked_for(tmp_path: Path, fsx: Any) -> None:
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
