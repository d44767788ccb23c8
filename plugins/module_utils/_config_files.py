# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of files and folders, from what is asked for and what is there. Pure. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from dataclasses import replace

FILE = "file"
DIRECTORY = "directory"
ABSENT = "absent"
OTHER = "other"


class FilesError(Exception):
    """Something the operator must mend; the text names the path and the fix."""


@dataclass(frozen=True)
class Entry:
    """A file or folder, as it is or as it should be."""

    kind: str
    content: bytes = b""
    owner: str = ""
    group: str = ""
    mode: int = 0


def desired(option: t.Mapping[str, t.Any]) -> Entry:
    """What an element of C(files) asks for.

    :raises FilesError: it contradicts itself.
    """
    path, kind = option["path"], option["state"]
    if not path.startswith("/"):
        raise FilesError(f"files: {path} is not absolute: begin it with /")
    if (kind == FILE) != (option["content"] is not None):
        raise FilesError(f"files: {path}: give content with state=file, and only then (state is {kind})")
    if option["block"] is not None and (kind != FILE or not re.fullmatch(r"[\w.-]+", option["block"])):
        raise FilesError(f"files: {path}: block must be one word, and state file")
    if option["validate"] and not any("%s" in word for word in option["validate"]):
        raise FilesError(f"files: {path}: validate must have %s where the name of the file belongs")
    mode = option["mode"] or ("0755" if kind == DIRECTORY else "0644")
    if not re.fullmatch("0?[0-7]{3,4}", mode):
        raise FilesError(f"files: {path}: mode {mode} is not octal; write for example '0644', with quotes")
    content = (option["content"] or "").encode()
    return Entry(kind, content, option["owner"], option["group"], int(mode, 8)) if kind != ABSENT else Entry(ABSENT)


def merged(path: str, option: t.Mapping[str, t.Any], entry: Entry, there: Entry) -> Entry:
    """The whole file, of which C(entry) has a block.

    :raises FilesError: the block is damaged, or there is something else than a file.
    """
    if there.kind not in (ABSENT, FILE):
        raise FilesError(f"{path} is a {there.kind}, a file is wanted: move it away")
    # what is no UTF-8 is others', and comes back as it was
    before, block = there.content.decode(errors="surrogateescape"), entry.content.decode()
    try:
        text = with_block(before, option["block"], block, option["comment"], first=option["first"])
    except ValueError as error:
        raise FilesError(f"{path}: {error}") from error
    if not text and (there.kind == ABSENT or before):
        return Entry(ABSENT)
    content = text.encode(errors="surrogateescape")
    return replace(there if there.kind == FILE else entry, content=content)


def plan(
    wanted: t.Mapping[str, Entry], there: t.Mapping[str, Entry], leftovers: t.Iterable[str]
) -> tuple[list[str], list[str]]:
    """Paths to make or change, and paths to remove.

    :raises FilesError: a folder is where a file belongs, or the other way round.
    """
    change: list[str] = []
    remove: list[str] = []
    for path, entry in wanted.items():
        now = there[path]
        if now == entry:
            continue
        if DIRECTORY in (now.kind, entry.kind) and now.kind not in (ABSENT, entry.kind):
            raise FilesError(f"{path} is a {now.kind}, {entry.kind} is wanted: move it away")
        (remove if entry.kind == ABSENT else change).append(path)
    return change, [*remove, *(path for path in sorted(leftovers) if path not in wanted)]


def shown(path: str, before: Entry, after: Entry) -> dict[str, str]:
    """A file's part of the diff."""

    def text(entry: Entry) -> str:
        if entry.kind == FILE:
            return entry.content.decode(errors="replace")
        return "" if entry.kind == ABSENT else f"({entry.kind})\n"

    def header(entry: Entry) -> str:
        return f"{path} ({'absent' if entry.kind == ABSENT else f'{entry.owner}:{entry.group} {entry.mode:04o}'})"

    return {
        "before": text(before),
        "after": text(after),
        "before_header": header(before),
        "after_header": header(after),
    }


def with_block(text: str, name: str, content: str, comment: str = "#", *, first: bool = False) -> str:
    """The text with the block in it, where it is already, or at its end, or with C(first) at its beginning.

    :param content: no content removes the block.
    :raises ValueError: the marks of the block don't fit together.
    """
    begin, end = (f"{comment} {word} podforge.hyperpod {name}\n" for word in ("BEGIN", "END"))
    lines = [line if line.endswith("\n") else f"{line}\n" for line in text.splitlines(keepends=True)]
    marks = [(position, line) for position, line in enumerate(lines) if line in (begin, end)]
    if not marks:
        start, stop = (0, 0) if first else (len(lines), len(lines))
    elif [line for _position, line in marks] == [begin, end]:
        start, stop = marks[0][0], marks[1][0] + 1
    else:
        raise ValueError(f"{begin.strip()!r} and {end.strip()!r} are not there once each: remove these lines")
    block = [begin, *(f"{line}\n" for line in content.splitlines()), end] if content else []
    return "".join([*lines[:start], *block, *lines[stop:]]) if block or marks else text
