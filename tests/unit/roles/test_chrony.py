# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""chrony: what is written on each operating system."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

ROLE = Path(__file__).resolve().parents[3] / "roles" / "chrony"
SERVER = "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4"


@pytest.mark.parametrize("case", ["ubuntu-22", "ubuntu-24", "debian-12"])
def test_debian_family(rendered: dict[str, Any], case: str) -> None:
    host = rendered[case]
    assert (host["path"], host["service"]) == ("/etc/chrony/chrony.conf", "chrony.service")
    assert host["conf"].splitlines()[1:] == [
        SERVER,
        "driftfile /var/lib/chrony/chrony.drift",
        "keyfile /etc/chrony/chrony.keys",
        "ntsdumpdir /var/lib/chrony",
        "logdir /var/log/chrony",
        "maxupdateskew 100.0",
        "rtcsync",
        "makestep 1 3",
    ]


def test_amazon_linux(rendered: dict[str, Any]) -> None:
    host = rendered["al2023"]
    assert (host["path"], host["service"]) == ("/etc/chrony.conf", "chronyd.service")
    assert host["conf"].splitlines()[1:] == [
        SERVER,
        "driftfile /var/lib/chrony/drift",
        "keyfile /etc/chrony.keys",
        "ntsdumpdir /var/lib/chrony",
        "logdir /var/log/chrony",
        "rtcsync",
        "makestep 1 3",
    ]


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("case", ["ubuntu-22", "ubuntu-24", "debian-12", "al2023"])
def test_the_namespace_is_reset_and_nothing_else(rendered: dict[str, Any], case: str) -> None:
    assert directives(rendered[case]["dropin"]) == ["[Service]", "NetworkNamespacePath="]


def test_a_host_that_may_not_set_its_clock(rendered: dict[str, Any]) -> None:
    assert directives(rendered["debian-container"]["dropin"]) == [
        "[Unit]",
        "ConditionCapability=",
        "[Service]",
        "NetworkNamespacePath=",
        "EnvironmentFile=",
        'Environment="DAEMON_OPTS=-F 1 -x"',
    ]
    assert 'Environment="OPTIONS=-F 2 -L 0 -x"' in rendered["al2023-container"]["dropin"]


def test_own_directives(rendered: dict[str, Any]) -> None:
    assert rendered["own-config"]["conf"].splitlines()[1:] == [
        "pool pool.example iburst",
        "pool second.example",
        "sourcedir /run/chrony-dhcp",
        "driftfile /var/lib/chrony/chrony.drift",
        "keyfile /etc/chrony/chrony.keys",
        "ntsdumpdir /var/lib/chrony",
        "logdir /var/log/chrony",
        "maxupdateskew 100.0",
        "makestep 1 -1",
        "allow 10.0.0.0/8",
        "allow 192.168.0.0/16",
        "manual",
    ]


def test_without_systemd_services_are_left_alone(rendered: dict[str, Any]) -> None:
    assert rendered["chroot"]["booted"] is False
    assert rendered["debian-12"]["booted"] is True
    assert rendered["debian-12"]["installed"] is True
    assert rendered["absent"]["installed"] is False


@pytest.mark.parametrize("verdict", [0, 1])
def test_the_check_reads_beside_chrony_conf_only(tmp_path: Path, verdict: int) -> None:
    """AppArmor's profile of chronyd (/etc/apparmor.d/usr.sbin.chronyd) allows no file elsewhere, such as Ansible's."""
    chronyd = tmp_path / "bin" / "chronyd"
    chronyd.parent.mkdir()
    chronyd.write_text(f'#!/bin/sh\necho "$@"\ncat "$3"\nexit {verdict}\n')
    chronyd.chmod(0o755)
    (tmp_path / "etc").mkdir()
    conf = tmp_path / "etc" / "chrony.conf"
    conf.write_text("old\n")
    candidate = tmp_path / "ansible-tmp" / "source"
    candidate.parent.mkdir()
    candidate.write_text("new\n")
    done = subprocess.run(
        ["sh", str(ROLE / "files" / "check.sh"), str(candidate), str(conf)],
        env={"PATH": f"{chronyd.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (verdict, [f"-p -f {conf}.new", "new"])
    assert [path.name for path in conf.parent.iterdir()] == ["chrony.conf"]
    assert conf.read_text() == "old\n"


def test_other_daemons_are_looked_at_before_they_are_masked(rendered: dict[str, Any]) -> None:
    assert rendered["others-off"]["others_off"] is True
    for case in ("one-on", "one-fewer", "debian-12"):
        assert rendered[case]["others_off"] is False, case
