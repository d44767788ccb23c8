# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the entry script: first, again, failing, killed, two at once."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lifecycle_harness import Node


def eventually(question: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def environments_made(output: str) -> int:
    return output.count("environment made in")


def test_first_run_second_run_and_check_mode(node: Node) -> None:
    code, output = node.run()
    assert code == 0, output
    assert (node.folder / "made").read_text() == "x"
    assert "in from the vars" in output, output
    assert "hunter2" not in output + node.log.read_text()
    # the script's output is not in the log by itself here, so it was written there: the same lines, each once
    assert node.log.read_text() == output
    result = node.last()
    assert (result["status"], result["exit_code"], result["check"]) == ("ok", 0, False)
    assert {name: role["status"] for name, role in result["roles"].items()} == {"first": "changed", "second": "ok"}
    assert result["roles"]["first"]["changed"] == 1
    assert result["bundle"] == node.release.name
    assert (node.root / "current").resolve() == node.release

    # again, from where the first run put it, without the download
    again = node.root / "current" / "on_create.sh"
    code, second = node.run("--check", "--extra-vars", "content=y", script=again)
    assert code == 0, second
    assert environments_made(output + second) == 1
    assert (node.folder / "made").read_text() == "x"
    assert node.last("last_check.json")["roles"]["first"]["status"] == "changed"
    assert node.last()["check"] is False
    code, third = node.run(script=again)
    assert (code, node.last()["roles"]["first"]["status"]) == (0, "ok"), third


def test_failure_has_its_status_and_no_secret(ready: Node) -> None:
    begin = time.monotonic()
    code, output = ready.run("--extra-vars", "broken=true", PODFORGE_FLUSH_SECONDS="3")
    result = ready.last()
    assert (code, result["exit_code"], result["status"]) == (2, 2, "failed"), output
    assert result["roles"]["first"]["status"] == "changed", output
    assert result["roles"]["second"]["message"] == "it broke, token: ********"
    assert "abcdef-planted" not in output + ready.log.read_text()
    assert time.monotonic() - begin > result["seconds"] + 3
    assert output.splitlines()[-1].split("podforge: ")[1].startswith("failed in ")

    code, output = ready.run("--extra-vars", "broken_silently=true")
    assert code == 2
    assert ready.last()["roles"]["second"]["message"] == "hidden, since the task has no_log"
    assert "hunter2" not in output + ready.log.read_text()


def test_a_playbook_that_does_not_start_is_a_failure(ready: Node) -> None:
    code, output = ready.run("--no-such-option")
    assert (code, ready.last()["status"], ready.last()["exit_code"]) == (2, "failed", 2), output


def test_half_an_unpacked_bundle_is_no_release(ready: Node) -> None:
    name = ready.release.name
    shutil.rmtree(ready.release)
    half = ready.root / "releases" / f".new-{name}"
    (half / "collections").mkdir(parents=True)
    code, output = ready.run()
    assert code == 0, output
    assert [path.name for path in (ready.root / "releases").iterdir()] == [name]


def test_killed_for_real_then_run_again(node: Node) -> None:
    process = node.start()
    eventually(lambda: any(node.root.glob("releases/*/venv/lib/python3*/site-packages/*")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert node.last()["status"] == "running"
    code, output = node.run()
    assert code == 0, output
    assert node.last()["status"] == "ok"


def test_runs_do_not_overlap_even_when_the_first_is_killed(ready: Node) -> None:
    first = ready.start("--extra-vars", "pause=4")
    eventually(lambda: "first" in ready.last()["roles"] and ready.last()["status"] == "running")
    code, output = ready.run()
    assert code == 0, output
    assert "another run is under way" in output
    assert first.wait(timeout=60) == 0
    runs = [json.loads(path.read_text()) for path in sorted((ready.folder / "lib" / "runs").iterdir())]
    assert [run["status"] for run in runs] == ["ok", "ok", "ok"]  # the fixture's, and these two

    # the runner is gone, but its playbook lives and keeps the lock until it ends
    first = ready.start("--extra-vars", "pause=4")
    eventually(lambda: "first" in ready.last()["roles"] and ready.last()["status"] == "running")
    first.send_signal(signal.SIGKILL)
    first.wait()
    code, output = ready.run()
    assert code == 0, output
    assert "another run is under way" in output


def test_a_signal_ends_the_playbook_too(ready: Node) -> None:
    process = ready.start("--extra-vars", "pause=60")
    eventually(lambda: "first" in ready.last()["roles"] and ready.last()["status"] == "running")
    process.send_signal(signal.SIGTERM)
    output, _none = process.communicate(timeout=30)
    assert process.returncode == 143, output
    assert (ready.last()["status"], ready.last()["exit_code"]) == ("failed", 143)
    assert "got SIGTERM, ending ansible-playbook" in output


def test_output_that_is_the_log_is_not_doubled(ready: Node) -> None:
    with ready.log.open("a") as log:
        done = subprocess.run(
            ready.command(),
            cwd=ready.source,
            env=ready.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0
    lines = ready.log.read_text().splitlines()
    assert len([line for line in lines if "podforge: run " in line]) == 1
    assert len([line for line in lines if "PLAY RECAP" in line]) == 1


def damaged(node: Node, folder: Path) -> Path:
    copy = folder / "damaged"
    shutil.copytree(node.source, copy)
    return copy / "on_create.sh"


def test_damaged_bundle(node: Node, tmp_path: Path) -> None:
    script = damaged(node, tmp_path)
    with (script.parent / "bundle.tar").open("r+b") as tar:
        tar.seek(1_000_000)
        tar.write(b"damaged")
    code, output = node.run(script=script)
    assert code == 1
    assert "bundle.tar is damaged" in output
    # the log's folder does not exist yet, and the script's own failure must not depend on it
    (script.parent / "manifest.json").unlink()
    node.log.parent.mkdir()
    code, output = node.run(script=script)
    assert (code, "manifest.json is missing" in output) == (1, True)
    assert node.log.read_text().count("manifest.json is missing") == 1


def test_whatever_ends_the_script_is_in_the_log(node: Node) -> None:
    (node.root / "lock").mkdir(parents=True)
    node.log.parent.mkdir()
    code, output = node.run()
    assert code != 0
    assert "podforge: the entry script ended with status" in output
    assert "podforge: the entry script ended with status" in node.log.read_text()
    (node.root / "lock").rmdir()
    (node.root / "releases").rmdir()
    (node.root / "releases").touch()
    code, output = node.run()
    assert (code, f"podforge: {node.root}/releases cannot be made" in node.log.read_text()) == (1, True), output


def test_an_environment_that_does_not_fit_is_named_and_its_space_given_back(ready: Node) -> None:
    shutil.rmtree(ready.release / "venv")
    # no file larger than 50 KiB can be written: as with a full disk, writing fails in the middle
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *ready.command()]
    done = subprocess.run(
        limited, cwd=ready.source, env=ready.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 1, done.stdout
    message = ready.last()["message"]
    assert message.startswith(f"{ready.release}/venv cannot be made: File too large; "), message
    assert "MiB are free there" in message
    assert not (ready.release / "venv").exists()


def test_a_result_that_cannot_be_written_fails_the_run_in_the_log(ready: Node) -> None:
    (ready.folder / "file").touch()
    code, output = ready.run(PODFORGE_RUNS=str(ready.folder / "file" / "runs"))
    assert code == 1, output
    assert f"Not a directory: '{ready.folder}/file" in ready.log.read_text()
    assert "failed in" in output.splitlines()[-1]


def test_python_that_the_bundle_does_not_know(ready: Node) -> None:
    manifest = ready.release / "manifest.json"
    text = manifest.read_text().replace('"python": "3.', '"python": "2.')
    manifest.unlink()
    manifest.write_text(text)
    code, output = ready.run(script=ready.release / "on_create.sh")
    assert code == 1
    assert "the bundle has wheels for Python 2." in output
    assert "node_pythons" in ready.last()["message"]
