# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what root does in a user's folder, the user does.

Links that a user has laid lead to nothing then that the user could not reach, and a file system on which root is nobody
(root_squash) is no different from another.
"""

from __future__ import annotations

import os
import typing as t


def as_user(uid: int, gid: int, action: t.Callable[[], str | None]) -> str:
    """Do it in a process of this user, without groups but the given one.

    Returns:
        the text that the action returns.

    Raises:
        OSError: what the action has raised, with its text, or what went wrong in it otherwise.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _in_child(uid, gid, action, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read().decode(errors="replace")
    _pid, status = os.waitpid(child, 0)
    if status != 0:
        number, _colon, text = said.partition(":")
        raise OSError(int(number or 0), text or "the process was ended")
    return said


def _in_child(uid: int, gid: int, action: t.Callable[[], str | None], writing: int) -> t.NoReturn:
    code = 1
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
        os.write(writing, (action() or "").encode())
        code = 0
    except OSError as error:
        text = f"{error.errno or 0}:{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        os.write(writing, text.encode(errors="replace"))
    finally:
        # nothing of this copy of the module may run on
        os._exit(code)
