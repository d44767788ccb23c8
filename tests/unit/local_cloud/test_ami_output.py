# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script says is in the log once."""

from __future__ import annotations

from pathlib import Path

from local_cloud.ami.agents.output import Merger
from local_cloud.ami.agents.output import Tail


def test_a_line_that_is_only_printed_is_appended_after_a_moment() -> None:
    merger = Merger(hold=1.0)
    merger.printed(b"x", 0.0)
    assert merger.due(0.9) == []
    assert merger.due(1.0) == [b"x"]
    assert merger.due(9.0) == []


def test_a_line_that_the_script_wrote_too_is_not() -> None:
    merger = Merger(hold=1.0)
    merger.printed(b"x", 0.0)
    merger.written(b"x", 0.5)
    assert merger.due(2.0) == []


def test_the_other_order() -> None:
    merger = Merger(hold=1.0)
    merger.written(b"x", 0.0)
    merger.printed(b"x", 0.5)
    assert merger.due(2.0) == []


def test_a_written_line_stands_for_one_printed_line_only() -> None:
    merger = Merger(hold=1.0)
    merger.written(b"x", 0.0)
    merger.printed(b"x", 0.1)
    merger.printed(b"x", 0.2)
    assert merger.due(2.0) == [b"x"]


def test_repeated_lines_are_counted() -> None:
    merger = Merger(hold=1.0)
    for _dummy in range(3):
        merger.printed(b"x", 0.0)
    merger.written(b"x", 0.1)
    assert merger.due(1.0) == [b"x", b"x"]


def test_our_own_lines_are_not_taken_for_the_scripts() -> None:
    merger = Merger(hold=1.0)
    merger.printed(b"x", 0.0)
    assert merger.due(1.0) == [b"x"]
    merger.written(b"x", 1.1)
    merger.printed(b"x", 1.2)
    assert merger.due(2.2) == [b"x"]


def test_a_line_written_long_ago_is_another_one() -> None:
    merger = Merger(hold=1.0)
    merger.written(b"x", 0.0)
    merger.printed(b"x", 5.0)
    assert merger.due(6.0) == [b"x"]


def test_at_the_end_nothing_waits() -> None:
    merger = Merger(hold=1.0)
    merger.printed(b"x", 0.0)
    assert merger.due(0.0, everything=True) == [b"x"]


def test_tail_reads_whole_lines_and_starts_over_when_the_file_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.read() == []
    path.write_bytes(b"one\ntw")
    assert tail.read() == [b"one"]
    assert tail.read() == []
    with path.open("ab") as stream:
        stream.write(b"o\nlast")
    assert tail.read() == [b"two"]
    again = Tail(path, tail.offset, tail.inode)
    assert again.read(partial=True) == [b"last"]
    path.write_bytes(b"new\n")
    assert again.read() == [b"new"]


def test_tail_of_a_replaced_file_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\n")
    tail = Tail(path)
    assert tail.read() == [b"a"]
    other = tmp_path / "other"
    other.write_bytes(b"b\nc\n")
    other.replace(path)
    assert tail.read() == [b"b", b"c"]
