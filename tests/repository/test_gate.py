# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate itself: what fails must never look like a pass."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.gate import counts
from tools.gate import order
from tools.gate import report
from tools.gate import tree
from tools.gate.model import ROOT
from tools.gate.model import Check
from tools.gate.model import Layer
from tools.gate.runner import Runner

JUNIT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'
SANITY = """Running sanity test "import"
Running sanity test "shebang"
FATAL: The 1 sanity test(s) listed below (out of 2) failed. See error output above for details.
"""
RECAP = """chrony                    : actions=6  successful=5  disabled=0  skipped=0  missing=0  failed=1
default                   : actions=2  successful=2  disabled=0  skipped=0  missing=0  failed=0
"""


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Check) -> report.Finished:
    """A layer of one check."""
    monkeypatch.setattr("tools.gate.runner.LOGS", tmp_path)
    layer = Layer("layer", "", (check,), seconds=1)
    return report.Finished(layer, Runner({}).run_layer(layer), 0.0)


def test_a_check_that_fails_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, monkeypatch, Check("false", ("false",)))
    assert (done.passed, done.failed, done.word) == (0, 1, "FAILED")


def test_a_check_that_passes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, monkeypatch, Check("true", ("true",)))
    assert (done.passed, done.failed, done.word) == (1, 0, "ok")


def test_what_can_not_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.gate.report.ROOT", tmp_path)
    done = run(tmp_path, monkeypatch, Check("units", not_run="no Python 3.13"))
    assert (done.passed, done.failed, done.skipped, done.word) == (0, 0, 1, "not run")
    text = "\n".join(report.summary([done], 60))
    assert "no Python 3.13" in text
    assert text.splitlines()[-1] == "0 passed, 0 failed"


def test_why_a_check_failed_is_told_below_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "fails.py"
    script.write_text("print('fatal: [localhost]: FAILED!'); print('a long recap\\n' * 50); exit(1)")
    done = run(tmp_path, monkeypatch, Check("molecule", (sys.executable, str(script))))
    text = "\n".join(report.summary([done], 60))
    assert "failed: layer molecule\n    fatal: [localhost]: FAILED!" in text
    assert "recap" not in text


INTERRUPTED = """
import pathlib, time, pytest
here = pathlib.Path(__file__).parent
@pytest.fixture
def started():
    yield
    (here / "tidied").touch()
def test_long(started):
    (here / "runs").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tests_that_are_ended_tidy_up(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_it.py").write_text(INTERRUPTED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 30
        while not (tmp_path / "runs").exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=30) == pytest.ExitCode.INTERRUPTED
    assert (tmp_path / "tidied").exists()


def test_a_program_that_hangs_fails_and_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    done = run(tmp_path, monkeypatch, Check("sleep", (sys.executable, "-c", "import time; time.sleep(60)"), timeout=1))
    assert done.failed == 1
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("status", "numbers", "expected"),
    [
        (0, (5, 0, 0, 1), (4, 0, 1)),
        (1, (5, 1, 1, 0), (3, 2, 0)),
        (0, (0, 0, 0, 0), (0, 1, 0)),  # nothing ran
        (2, (5, 0, 0, 0), (5, 1, 0)),  # the program itself failed
    ],
)
def test_junit(tmp_path: Path, status: int, numbers: tuple[int, ...], expected: tuple[int, ...]) -> None:
    file = tmp_path / "report.xml"
    file.write_text(JUNIT.format(*numbers))
    assert counts.count(Check("c", junit=str(file)), status, file, began=0) == expected


def test_a_report_of_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    file.write_text(JUNIT.format(5, 0, 0, 0))
    assert counts.count(Check("c", junit=str(file)), 0, file, began=time.time() + 60) == (0, 1, 0)


def test_sanity_and_molecule() -> None:
    assert counts.sanity_counts(SANITY) == (1, 1, 0)
    assert counts.molecule_counts(RECAP) == (7, 1, 0)


def test_one_worker_begins_with_containers_and_the_other_with_the_rest() -> None:
    times = {"lint": 2.0, "unit": 1.0, "integration": 10.0, "nodes": 3.0, "e2e": 4.0}
    layers = [Layer(name, "", (), seconds=1, containers=name in ("nodes", "e2e")) for name in times]
    waiting = order.ordered(layers, lambda layer: times[layer.name])
    taken = [order.take(waiting, first) for first in (False, True, False, False, False, True)]
    assert [layer and layer.name for layer in taken] == ["lint", "e2e", "integration", "unit", "nodes", None]
    assert order.duration(layers, lambda layer: times[layer.name]) == 12.0


def test_the_copy_of_another_tree_leaves_no_folder_behind(tmp_path: Path) -> None:
    for name in ("roles/gone/tasks/main.yml", "roles/there/old/file", "tests/output/kept"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    tree.synchronise(tmp_path, ["galaxy.yml"])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "galaxy.yml",
        "tests",
        "tests/output",
        "tests/output/kept",
    ]
