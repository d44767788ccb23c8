# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each line reaches the log exactly once, whoever holds the other end of standard output."""

from __future__ import annotations

import os
import re
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import console as module
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.console import Console

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.4)
    monkeypatch.setattr(module, "_PROBE_STEP", 0.02)


def texts(path: Path) -> list[str]:
    return [STAMP.sub("", line) for line in path.read_text().splitlines()]


def talk(console: Console) -> None:
    console.open_log("marker")
    console.relay(["one\n", "\n", "password=abc\r\n"])
    console.flush()
    console.say("last")


def test_output_to_another_file_is_copied(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "log"
    with (tmp_path / "out").open("w") as out:
        talk(Console(str(log), out))
    assert texts(log) == ["marker", "one", "password=********", "last"]
    assert (tmp_path / "out").read_text() == log.read_text()
    assert log.stat().st_mode & 0o7 == 0
    assert all(STAMP.match(line) for line in log.read_text().splitlines())


def test_output_to_the_log_itself_is_not(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("a") as out:
        talk(Console(str(log), out))
    assert texts(log) == ["marker", "one", "password=********", "last"]


def piped(log: Path, deliver: bool) -> list[str]:
    """Talk into a pipe whose reader appends to the log, as the service's agent may, or does not."""
    reader, writer = os.pipe()
    seen: list[str] = []

    def read() -> None:
        with os.fdopen(reader, "r") as stream:
            for line in stream:
                seen.append(line)
                if deliver:
                    with log.open("a") as target:
                        target.write(line)

    thread = threading.Thread(target=read)
    thread.start()
    with os.fdopen(writer, "w") as out:
        talk(Console(str(log), out))
    thread.join()
    return seen


@pytest.mark.parametrize("deliver", [True, False])
def test_a_pipe_is_found_out(tmp_path: Path, deliver: bool) -> None:
    log = tmp_path / "log"
    log.write_text("earlier\n")
    seen = piped(log, deliver)
    assert texts(log) == ["earlier", "marker", "one", "password=********", "last"]
    assert [STAMP.sub("", line).strip() for line in seen] == texts(log)[1:]


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "out").open("w") as out:
        talk(Console(str(tmp_path / "file" / "log"), out))
    assert any("cannot be written" in line for line in (tmp_path / "out").read_text().splitlines())
    assert texts(tmp_path / "out")[-1] == "last"


def test_a_reader_that_is_gone_does_not_end_the_run(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = tmp_path / "log"
    out: t.TextIO = os.fdopen(writer, "w")
    talk(Console(str(log), out))
    assert texts(log) == ["marker", "one", "password=********", "last"]
