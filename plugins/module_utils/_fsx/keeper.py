# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the program that a timer runs on nodes, and the boot: a mount that is lost is made again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .keep import FAILED
from .keep import OTHER
from .keep import bring_up
from .model import from_document
from .node import Node

SETTINGS = "/etc/podforge/fsx_storage.json"


def main(arguments: list[str], node: Node | None = None, settings: str = SETTINGS) -> int:
    """Exit status: 0 when the file system of the path is there. It says nothing when that was so, and all is well."""
    (path,) = arguments
    document = json.loads(Path(settings).read_text(encoding="utf-8"))
    system = next((entry for entry in document["filesystems"] if entry["path"] == path), None)
    if system is None:
        _say(3, f"{settings} has no file system at {path}: describe it again, or say state: absent for it once")
        return 1
    result = bring_up(from_document(system), node or Node(), document["patience"], document["spread"])
    for text in () if result.state == OTHER else result.warnings:
        _say(4, text)
    if result.error:
        _say(3, result.error)
    if result.changed:
        _say(5, f"{path} was not mounted, and is now")
    return 1 if result.state == FAILED else 0


def _say(level: int, text: str) -> None:
    # the journal takes the level from the line (sd-daemon(3))
    sys.stderr.write(f"<{level}>{text}\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
