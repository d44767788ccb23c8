# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a master: when they are renewed, in which order what uses them is started again, and after a kill."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import certificates
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.certificates import CertificatesError

NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.timezone.utc)
YEAR = "notBefore=Nov 28 12:00:00 2025 GMT\nnotAfter=Nov 28 12:00:00 2027 GMT\n"
OVER = "notBefore=Nov  1 12:00:00 2025 GMT\nnotAfter=Nov  1 12:00:00 2026 GMT\n"


def test_life_that_is_left() -> None:
    assert certificates.life_left(YEAR, NOW) == 50
    assert certificates.life_left(OVER, NOW) < 0


def test_what_is_due() -> None:
    left = {"b": 32.6, "a": -1.0, "c": 33.0}
    assert certificates.due(left, 33) == ["a (-1 % left)", "b (33 % left)"]
    assert certificates.due(left, 0) == []
    assert certificates.due({"c": 99.9}, 100) == ["c (100 % left)"]


class Machine:
    """A master: its files, and programs that do what kubelet and kubeadm do."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, dates: str = OVER) -> None:
        self.dates, self.done, self.clock, self.sick = dates, [], 0.0, ""
        self.number = dict.fromkeys(certificates.HEALTH, 0)
        (place / "pki" / "etcd").mkdir(parents=True)
        for name in ("ca.crt", "apiserver.crt", "etcd/ca.crt", "etcd/server.crt"):
            (place / "pki" / name).write_text(name, encoding="utf-8")
        self.admin = place / "admin.conf"
        self.admin.write_text(f"client-certificate-data: {base64.b64encode(b'old').decode()}", encoding="utf-8")
        (place / "kubelet.conf").write_text("client-certificate: /a/file", encoding="utf-8")
        monkeypatch.setattr(certificates, "KUBERNETES", place)
        monkeypatch.setattr(certificates, "NOTE", place / "note" / "restart.json")
        monkeypatch.setattr(certificates, "run", self.run)
        monkeypatch.setattr(certificates, "containers", lambda name: [f"{name}-{self.number[name]}"])
        monkeypatch.setattr(certificates, "healthy", lambda url: certificates.HEALTH.get(self.sick) != url)
        monkeypatch.setattr("time.sleep", self.sleep)
        monkeypatch.setattr(certificates, "today", lambda: NOW)
        monkeypatch.setattr("time.monotonic", lambda: self.clock)

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def run(self, *command: str, data: bytes | None = None) -> str:
        if command[0] == "openssl":
            self.done.append(f"look at {(data or b'').decode()}")
            return self.dates
        if command[0] == "ctr":
            name, _dash, number = command[-1].rpartition("-")
            self.number[name] = int(number) + 1
            self.done.append(f"end {name}")
        if command[0] == "kubeadm":
            self.done.append("renew")
            self.admin.write_text("client-certificate-data: bmV3", encoding="utf-8")
        return ""


def ended(machine: Machine) -> list[str]:
    return [what for what in machine.done if not what.startswith("look at")]


def test_all_is_renewed_and_started_again_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)
    said = certificates.renew(33, ["nobody-here"])
    assert sorted(machine.done[:3]) == ["look at apiserver.crt", "look at etcd/server.crt", "look at old"]
    assert ended(machine) == [
        "renew",
        "end etcd",
        "end kube-apiserver",
        "end kube-controller-manager",
        "end kube-scheduler",
    ]
    assert "admin.conf (-7 % left)" in said
    assert not certificates.NOTE.exists()


def test_nothing_is_touched_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, YEAR.replace("2025", "2026").replace("2027", "2028"))
    assert certificates.renew(33, []).startswith("nothing is due")
    assert ended(machine) == []


def test_the_next_waits_until_the_one_before_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)
    machine.sick = "kube-apiserver"
    with pytest.raises(CertificatesError, match=r"kube-apiserver is not well 300 s after it was ended: see"):
        certificates.renew(33, [])
    assert ended(machine)[-1] == "end kube-apiserver"
    # mended: the next run goes on from there, whatever is due
    machine.sick, machine.done = "", []
    machine.dates = YEAR.replace("2025", "2026").replace("2027", "2028")
    assert json.loads(certificates.NOTE.read_text(encoding="utf-8"))[0] == "kube-apiserver"
    certificates.renew(33, [])
    assert ended(machine) == ["end kube-apiserver", "end kube-controller-manager", "end kube-scheduler"]


def test_kubeconfigs_that_are_the_same() -> None:
    one = "a: 1\nclient-certificate-data: QUJD\n"
    assert certificates.same(one, f"x: 2\n  {one}", "client-certificate-data")
    assert not certificates.same(one, one.replace("QUJD", "REVG"), "client-certificate-data")
    assert not certificates.same("", "", "client-certificate-data")
