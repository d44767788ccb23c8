# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of text files that others edit as well."""

from __future__ import annotations

from collections.abc import Iterable


def marked_block(text: str, name: str, lines: Iterable[str]) -> str:
    """The text with our block brought up to date; all else stays as it is.

    The block stands between ``# BEGIN <name>`` and ``# END <name>``. A missing one is added at the end, further ones
    and one without an end are removed, no lines means no block.
    """
    begin, end = f"# BEGIN {name}", f"# END {name}"
    block = list(lines)
    new = [begin, *block, end] if block else []
    kept: list[str] = []
    position: int | None = None
    existing = text.splitlines()
    index = 0
    while index < len(existing):
        if existing[index] == begin:
            position = len(kept) if position is None else position
            stop = next((i for i in range(index + 1, len(existing)) if existing[i] == end), None)
            # A block cut off in the middle: only its first line is surely ours.
            index = index + 1 if stop is None else stop + 1
        else:
            kept.append(existing[index])
            index += 1
    if position is None:
        position = len(kept)
    result = kept[:position] + new + kept[position:]
    return "\n".join(result) + "\n" if result else ""


def host_lines(own: tuple[str, str], hosts: Iterable[tuple[str, str]]) -> list[str]:
    """Lines of /etc/hosts: this node's and those of the cluster, each name once, in the order of the names."""
    table = {name: address for address, name in hosts}
    table[own[1]] = own[0]
    return [f"{address} {name}" for name, address in sorted(table.items())]
