# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system over the network that is mounted, lost, late, gone and frozen: what the node does, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import eventually
from support import playbook
from support import said

HERE = Path(__file__).resolve().parents[1]
NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
SOURCE = f"root@{NAME}:/srv/shared"
CLIENT = "pkill -f '^/sbin/mount.fuse.sshfs .* /fsx '"


@pytest.fixture(scope="module")
def storage(nodes: dict[str, Any]) -> Any:
    return nodes["storage"]


def converge(**variables: Any) -> subprocess.CompletedProcess[str]:
    return playbook("fsx_storage/converge.yml", f"--inventory={HERE / 'inventory' / 'hosts.yml'}", variables=variables)


def mounted(node: Any, path: str) -> str:
    return str(node.run(f"findmnt --noheadings --output SOURCE {path}").stdout.strip())


def journal(node: Any, name: str = "fsx") -> str:
    command = f"journalctl --no-pager --output=cat --lines=30 _SYSTEMD_UNIT=podforge-fsx@{name}.service"
    return str(node.check_output(command))


def server(controller: Any, on: bool) -> None:
    if on:
        controller.check_output("systemctl start ssh.service")
    else:
        controller.check_output("systemctl stop ssh.service")
        controller.run("pkill -f sftp-server")


def test_it_is_mounted_by_a_unit_and_is_the_server_s(storage: Any, controller: Any) -> None:
    assert mounted(storage, "/fsx") == SOURCE
    assert storage.check_output("systemctl show --property=ActiveState,FragmentPath fsx.mount").splitlines() == [
        "ActiveState=active",
        "FragmentPath=/etc/systemd/system/fsx.mount",
    ]
    storage.check_output("echo hello > /fsx/from-the-node")
    assert controller.file("/srv/shared/from-the-node").content_string == "hello\n"
    assert "podforge" not in controller.check_output("ls -A /srv/shared")


def test_a_path_with_a_hyphen(storage: Any) -> None:
    assert mounted(storage, "/data/my-models") == "tmpfs"
    assert storage.check_output("systemctl is-active 'data-my\\x2dmodels.mount'") == "active"


def test_what_somebody_else_has_mounted_stays(storage: Any) -> None:
    assert mounted(storage, "/scratch") == "the-service"


def test_a_mount_that_is_lost_comes_back_by_itself(storage: Any) -> None:
    storage.check_output("umount --lazy /fsx")
    assert eventually(lambda: mounted(storage, "/fsx") == SOURCE, 60)
    assert eventually(lambda: "/fsx was not mounted, and is now" in journal(storage), 20)


def test_a_client_that_died_is_replaced(storage: Any) -> None:
    storage.check_output(f"{CLIENT} --signal KILL")
    assert eventually(lambda: storage.run("cat /fsx/from-the-node").stdout == "hello\n", 60)
    # a new mount is tried by its keeper, which takes one away that doesn't answer at once: let it end
    assert eventually(lambda: storage.run("systemctl is-active podforge-fsx@fsx.service").stdout == "inactive\n", 20)


def test_a_frozen_file_system_is_told_and_stays_mounted(storage: Any) -> None:
    """Jobs wait for it, as they do for a server that fails over."""
    storage.check_output(f"{CLIENT} --signal STOP")
    try:
        assert eventually(lambda: "it is mounted and does not answer" in journal(storage), 90)
    finally:
        storage.check_output(f"{CLIENT} --signal CONT")
    assert storage.check_output("cat /fsx/from-the-node") == "hello"
    assert mounted(storage, "/fsx") == SOURCE


def test_a_server_that_is_gone_and_comes_back(storage: Any, controller: Any) -> None:
    server(controller, on=False)
    try:
        done = converge(storage_timeout=1)
        assert done.returncode != 0
        address = controller.check_output("hostname --all-ip-addresses").split()[0]
        assert f"{address} port 22 refuses the connection: there is a host and no file server on it" in said(done)
        assert mounted(storage, "/fsx") == ""
        assert storage.check_output("ls -A /fsx") == ""
        assert storage.check_output("systemctl is-failed fsx.mount || true") == "inactive"
        # late: in the middle of the next run
        controller.check_output("systemd-run --quiet --on-active=8 systemctl start ssh.service")
        assert converge(storage_timeout=60).returncode == 0
    finally:
        server(controller, on=True)
    assert storage.check_output("cat /fsx/from-the-node") == "hello"


def test_what_can_not_be_mounted_is_explained(storage: Any, controller: Any) -> None:
    address = controller.check_output("hostname --all-ip-addresses").split()[0]
    sshfs = {"type": "fuse.sshfs", "options": ["StrictHostKeyChecking=no"]}
    broken = [
        {**sshfs, "path": "/bad/name", "source": "root@no-such.invalid:/", "dns_name": "no-such.invalid", "port": 22},
        {**sshfs, "path": "/bad/port", "source": f"root@{address}:/", "dns_name": address, "port": 9},
        {**sshfs, "path": "/bad/login", "source": f"nobody@{address}:/", "dns_name": address, "port": 22},
        {"path": "/bad/lustre", "dns_name": NAME, "mount_name": "abcdefgh"},
    ]
    done = converge(storage_systems=broken, storage_timeout=0)
    assert done.returncode != 0
    text = said(done)
    assert "the name no-such.invalid does not resolve" in text
    assert f"{address} port 9 refuses the connection" in text
    assert "/bad/login (nobody@" in text
    words = "mount says: read: Connection reset by peer"
    assert eventually(lambda: words in journal(storage, "bad-login"), 60)
    assert f"the kernel {storage.check_output('uname -r')} has no lustre module" in text
    # sshfs mounts before it connects, and the keeper tries again now and then: for a moment one may be there
    assert eventually(lambda: storage.run("findmnt --noheadings --list | grep /bad").stdout == "", 60)

    absent = [{**entry, "state": "absent"} for entry in broken]
    tmpfs = {"type": "tmpfs", "path": "/data/my-models", "source": "tmpfs", "state": "absent"}
    assert converge(storage_systems=[*absent, tmpfs]).returncode == 0
    assert mounted(storage, "/data/my-models") == ""
    units = storage.check_output("ls /etc/systemd/system")
    assert "fsx.mount" in units
    assert "bad-" not in units
    assert "data-" not in units
    assert "bad" not in storage.check_output("systemctl list-timers --all --no-pager")
    # the others are not in the list, and are not touched
    assert mounted(storage, "/fsx") == SOURCE
    assert converge().returncode == 0


def test_input_is_judged_before_anything_is_changed(storage: Any) -> None:
    done = converge(storage_systems=[{"dns_name": NAME, "mount_name": "fs-0123456789abcdef0"}])
    assert done.returncode != 0
    assert "fsx_storage_filesystems[0]: mount_name is 'fs-0123456789abcdef0': it is no mount name" in said(done)
    assert mounted(storage, "/fsx") == SOURCE


def test_after_a_reboot_it_is_there_before_users_are(storage: Any) -> None:
    container = json.loads(os.environ["MOLECULE_NODES"])["storage"]
    subprocess.run(["podman", "restart", "--time=5", container], check=True, capture_output=True)
    assert eventually(lambda: storage.run("systemctl is-active remote-fs.target").stdout.strip() == "active", 90)
    assert mounted(storage, "/fsx") == SOURCE
    entered = storage.check_output(
        "systemctl show --value --property=ActiveEnterTimestampMonotonic fsx.mount remote-fs.target"
    ).split()
    assert 0 < int(entered[0]) < int(entered[1])
