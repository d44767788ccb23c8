# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of files that others edit as well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.ami.agents.text import host_lines
from local_cloud.ami.agents.text import marked_block

LINE = st.text(st.characters(codec="ascii", categories=("L", "N", "Zs")), max_size=8)


def test_a_block_is_added_replaced_and_removed() -> None:
    text = "127.0.0.1 localhost\n"
    with_block = marked_block(text, "x", ["a", "b"])
    assert with_block == "127.0.0.1 localhost\n# BEGIN x\na\nb\n# END x\n"
    assert marked_block(with_block + "later\n", "x", ["c"]) == ("127.0.0.1 localhost\n# BEGIN x\nc\n# END x\nlater\n")
    assert marked_block(with_block, "x", []) == text


def test_a_block_without_an_end_loses_nothing_of_others() -> None:
    assert marked_block("# BEGIN x\nold\nkeep\n", "x", ["new"]) == "# BEGIN x\nnew\n# END x\nold\nkeep\n"


def test_a_second_block_goes() -> None:
    twice = "# BEGIN x\n1\n# END x\nmiddle\n# BEGIN x\n2\n# END x\n"
    assert marked_block(twice, "x", ["3"]) == "# BEGIN x\n3\n# END x\nmiddle\n"


@given(st.lists(LINE), st.lists(LINE, min_size=1), st.lists(LINE))
def test_others_lines_stay_and_a_repetition_changes_nothing(
    others: list[str], first: list[str], second: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in others)
    once = marked_block(marked_block(text, "x", first), "x", second)
    assert marked_block(once, "x", second) == once
    assert marked_block(once, "x", []) == text


def test_host_lines_have_each_name_once_and_this_node_in_any_case() -> None:
    lines = host_lines(("10.0.0.9", "me"), [("10.0.0.1", "b"), ("10.0.0.2", "a"), ("10.0.0.8", "me")])
    assert lines == ["10.0.0.2 a", "10.0.0.1 b", "10.0.0.9 me"]
