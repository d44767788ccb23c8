# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results, name resolution, and the choice of wheels."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
import typing as t
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import bootstrap
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import dns
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import report as reports
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import run
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.console import Console

INTERPRETER = bootstrap.Interpreter
MANIFEST = {
    "wheel_sets": [
        {"python": "3.10", "machine": "x86_64", "wheels": ["a"]},
        {"python": "3.12", "machine": "x86_64", "wheels": ["b"]},
        {"python": "3.12", "machine": "aarch64", "wheels": ["c"]},
    ]
}


def test_report_says_running_until_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    now = datetime(2026, 11, 22, 19, 45, 18, 205999, tzinfo=timezone.utc)
    report = reports.RunReport.new(folder, "b1", check=False, now=now).begin()
    assert report.path.name == "20261122T194518.205Z.json"
    assert json.loads((tmp_path / "last.json").read_text())["status"] == "running"
    loaded = reports.RunReport.load(report.path)
    loaded.role("chrony").changed += 1
    loaded.role("chrony").status = "changed"
    loaded.role("slurm").fail("Start", "no\nmore")
    loaded.finish("failed", 2)
    found = json.loads(report.path.read_text())
    assert found == json.loads((tmp_path / "last.json").read_text())
    assert found["pid"] == os.getpid()
    assert (found["status"], found["exit_code"], found["started"]) == ("failed", 2, "2026-11-22T19:45:18Z")
    assert found["roles"]["slurm"] == {
        "status": "failed",
        "seconds": 0.0,
        "changed": 0,
        "failed_task": "Start",
        "message": "no\nmore",
    }
    assert [line.split()[:3] for line in loaded.table()] == [
        ["role", "status", "changed"],
        ["chrony", "changed", "1"],
        ["slurm", "failed", "0"],
        ["Start:", "no"],
    ]


def test_the_duration_is_that_of_the_whole_run(tmp_path: Path) -> None:
    report = reports.RunReport.new(tmp_path / "runs", "b1", check=False)
    report._begin -= 100
    report.begin()
    callback = reports.RunReport.load(report.path)
    assert callback._begin == pytest.approx(report._begin, abs=5)
    callback._begin += 50  # the callback plugin never knows better than the runner
    callback.role("chrony")
    callback.finish("ok")
    found = report.reload()
    found.finish("ok", 0)
    assert list(found.roles) == ["chrony"]
    assert 100 <= json.loads((tmp_path / "last.json").read_text())["seconds"] < 150


def test_check_runs_do_not_hide_the_last_real_one(tmp_path: Path) -> None:
    reports.RunReport.new(tmp_path / "runs", "real", check=False).begin().finish("ok", 0)
    reports.RunReport.new(tmp_path / "runs", "check", check=True).begin().finish("ok", 0)
    assert json.loads((tmp_path / "last.json").read_text())["bundle"] == "real"
    assert json.loads((tmp_path / "last_check.json").read_text())["bundle"] == "check"


def test_old_results_go(tmp_path: Path) -> None:
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for minute in range(reports.KEEP + 3):
        reports.RunReport.new(tmp_path / "runs", "b", check=False, now=begin + timedelta(minutes=minute)).begin()
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(names) == reports.KEEP
    assert names[0] == "20260101T000300.000Z.json"


def test_a_clock_that_was_set_back_does_not_cost_the_own_result(tmp_path: Path) -> None:
    begin = datetime(2026, 1, 2, tzinfo=timezone.utc)
    for minute in range(reports.KEEP):
        reports.RunReport.new(tmp_path / "runs", "b", check=False, now=begin + timedelta(minutes=minute)).begin()
    report = reports.RunReport.new(tmp_path / "runs", "b", check=False, now=datetime(2026, 1, 1, tzinfo=timezone.utc))
    report.begin()
    assert reports.RunReport.load(report.path).bundle == "b"
    assert len(list((tmp_path / "runs").iterdir())) == reports.KEEP


def test_a_result_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="directory"):
        reports.replace_text(tmp_path / "target", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("environment", "partition", "expected"),
    [
        ({}, "aws", "s3.us-west-2.amazonaws.com"),
        ({}, "aws-cn", "s3.us-west-2.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4567"}, "aws", None),
        ({"AWS_ENDPOINT_URL": "http://[::1]:4567"}, "aws", None),
        ({"AWS_ENDPOINT_URL": "http://localhost:1"}, "aws", None),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "https://s3.example.com"}, "aws", "s3.example.com"),
    ],
)
def test_which_name_is_needed(environment: dict[str, str], partition: str, expected: str | None) -> None:
    assert dns.name_to_resolve(environment, "us-west-2", partition) == expected


def test_resolver_configured() -> None:
    assert dns.has_resolver("# x\nsearch a\nnameserver 10.0.0.2\n")
    assert not dns.has_resolver("# nameserver 10.0.0.2\nnameserver\n")


def test_a_resolver_that_is_about_to_start_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    assert not dns.uses_resolver(path)
    # as on Ubuntu before systemd-resolved runs
    path.symlink_to(tmp_path / "run" / "stub-resolv.conf")
    assert dns.uses_resolver(path)
    (tmp_path / "run").mkdir()
    path.write_text("search a\n")
    assert not dns.uses_resolver(path)
    path.write_text("nameserver 127.0.0.53\n")
    assert dns.uses_resolver(path)


def test_wait_for_the_resolver_is_bounded() -> None:
    answers = iter([False, True])
    assert dns.wait_for_name("x", 5, lambda _name: next(answers))
    begin = time.monotonic()
    assert not dns.wait_for_name("x", 0.3, lambda _name: bool(time.sleep(2)))
    assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        (["--check", "--diff"], True),
        (["--che"], True),
        (["-C"], True),
        (["-vDC"], True),
        (["-CD"], True),
        (["--diff", "-v"], False),
        (["--connection=local"], False),
        (["-e", "a=C"], False),
        (["-tC"], False),
    ],
)
def test_check_mode_is_known_however_it_is_written(arguments: list[str], check: bool) -> None:
    assert run.wants_check(arguments) is check


def test_the_status_is_the_runs_even_when_the_result_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODFORGE_FLUSH_SECONDS", "0")
    (tmp_path / "file").touch()
    report = reports.RunReport.new(tmp_path / "file" / "runs", "b", check=False)
    with (tmp_path / "out").open("w") as out:
        assert run.finish(Console(str(tmp_path / "out"), out), report, 4, None) == 4
    text = (tmp_path / "out").read_text()
    assert "failed in" in text
    assert f"exit status 4, {report.path} cannot be written: Not a directory" in text


def test_wheels_of_the_running_python() -> None:
    assert bootstrap.choose_wheels(MANIFEST, INTERPRETER("3.12", "aarch64")) == ["c"]
    assert bootstrap.find_interpreter(MANIFEST, INTERPRETER("3.10", "x86_64"), lambda _name: None) is None


def test_another_python_of_the_node() -> None:
    have: dict[str, str] = {"python3.10": "/usr/bin/python3.10", "python3.12": "/usr/bin/python3.12"}
    assert bootstrap.find_interpreter(MANIFEST, INTERPRETER("3.13", "x86_64"), have.get) == "/usr/bin/python3.12"
    have.pop("python3.12")
    assert bootstrap.find_interpreter(MANIFEST, INTERPRETER("3.13", "x86_64"), have.get) == "/usr/bin/python3.10"
    with pytest.raises(bootstrap.BootstrapError) as caught:
        bootstrap.find_interpreter(MANIFEST, INTERPRETER("3.13", "aarch64"), have.get)
    assert "3.10 on x86_64, 3.12 on x86_64, 3.12 on aarch64; this node has Python 3.13 on aarch64" in str(caught.value)
    assert "node_pythons" in str(caught.value)


def test_a_damaged_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a.whl").write_bytes(b"changed")
    running = INTERPRETER.running()
    manifest: dict[str, t.Any] = {
        "wheel_sets": [{"python": running.version, "machine": running.machine, "wheels": ["a.whl"]}],
        "files": {"wheels/a.whl": {"sha256": hashlib.sha256(b"right").hexdigest()}},
    }
    with pytest.raises(bootstrap.BootstrapError, match=r"a\.whl: SHA-256 is .* remove .* and start again"):
        bootstrap.ensure_venv(tmp_path, manifest)
    assert not (tmp_path / "venv").exists()


def test_environment_of_the_playbook(tmp_path: Path) -> None:
    report = reports.RunReport.new(tmp_path / "runs", "b1", check=False).begin()
    base = {"PATH": "/nowhere", "PYTHONHOME": "x", "VIRTUAL_ENV": "y", "AWS_ENDPOINT_URL": "z"}
    found = run.ansible_environment(base, tmp_path, report, tmp_path / "module_python")
    assert not {"PYTHONHOME", "VIRTUAL_ENV"} & set(found)
    assert found["ANSIBLE_PYTHON_INTERPRETER"] == str(tmp_path / "module_python")
    assert (found["HOME"], found["AWS_ENDPOINT_URL"], found["PODFORGE_BUNDLE"]) == ("/root", "z", "b1")
    assert found["ANSIBLE_COLLECTIONS_PATH"] == str(tmp_path / "collections")


def test_python_of_modules_is_the_systems_and_keeps_code_with_the_release(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    system = tmp_path / "bin" / "python3"
    system.write_text('#!/bin/sh\necho "$@"\n')
    system.chmod(0o755)
    base = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    path = run.module_python(base, tmp_path)
    written = path.stat().st_mtime_ns
    assert run.module_python(base, tmp_path).stat().st_mtime_ns == written
    said = subprocess.run([str(path), "a program", "x"], check=True, capture_output=True, text=True).stdout
    program, words = said.split(" ", 1)
    assert program.endswith("/kept_code.py")
    assert words == f"{tmp_path / 'module_code'} a program x\n"


def test_current_release_and_the_one_before_stay(tmp_path: Path) -> None:
    for age, name in enumerate(["newest", "second", "third", "fourth"]):
        release = tmp_path / "releases" / name
        release.mkdir(parents=True)
        os.utime(release, (1000 - age, 1000 - age))
    (tmp_path / "releases" / ".new-half").mkdir()
    run.switch_current(tmp_path / "releases" / "third")
    assert (tmp_path / "current").resolve().name == "third"
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["newest", "third"]
    run.switch_current(tmp_path / "releases" / "newest")
    assert (tmp_path / "current").resolve().name == "newest"
