# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: a file that holds a secret, or that a daemon reads, is whole at every moment."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path


def replace_file(
    path: str,
    content: str,
    *,
    mode: int,
    owner: tuple[int, int],
    mark: str | None,
    check: t.Callable[[str], None] = lambda _path: None,
) -> None:
    """Put the content in place of the file, whole at every moment.

    Args:
        path: the file; its folder is there.
        content: UTF-8 text.
        mode: permission bits, which hold from the first byte on.
        owner: user id and group id.
        mark: an empty file that is made before: it says that the change has been written and not been applied yet.
        check: is given the path of the new file before it replaces the old one; raises what stops that.
    """
    # beside the old one, so that the change is a rename; the dot keeps others from reading it
    target = Path(path)
    temporary = target.with_name(f".{target.name}.podforge")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        check(str(temporary))
        if mark:
            Path(mark).touch()
        temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise
