# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan, done. Private."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

from .._replace_file import replace_file
from .homes import make_home
from .homes import set_home
from .plan import HOME
from .plan import LEAVE
from .plan import RELOCATE
from .plan import RUN
from .plan import Step
from .system import processes
from .wanted import UsersError

_NO_SUCH_GROUP = 6  # groupdel(8), userdel(8): it went with its user; it is gone already
_PATIENCE = 15.0
# What a user leaves that would be the next one's with this name.
_LEFT = ("/var/spool/cron/crontabs/{}", "/var/spool/cron/{}", "/var/lib/systemd/linger/{}")

Run: t.TypeAlias = "t.Callable[[list[str]], tuple[int, str, str]]"


def apply(step: Step, home_mode: int, run: Run) -> None:
    """Do one step.

    Raises:
        UsersError: it fails, with the words of who refused.
    """
    if step.kind == RUN:
        _command(step.argv, run)
    elif step.kind == HOME:
        make_home(step.home, step.old_home, (step.uid, step.gid), home_mode)
    elif step.kind == RELOCATE:
        set_home(step.name, step.home)
    elif step.kind == LEAVE:
        _leave(step, run)


def write_record(path: str, users: t.Iterable[str], groups: t.Iterable[str]) -> None:
    """Note whom this module looks after."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"users": sorted(users), "groups": sorted(groups)}) + "\n"
    replace_file(path, content, mode=0o644, owner=(0, 0), mark=None)


def _command(argv: t.Sequence[str], run: Run) -> None:
    code, out, err = run(list(argv))
    if code == 0 or (code == _NO_SUCH_GROUP and argv[0] in ("groupdel", "userdel")):
        return
    said = "; ".join(line.strip() for line in (err or out).splitlines() if line.strip())
    raise UsersError(f"{' '.join(argv)} was refused, what came before it is done: {said or f'status {code}'}")


def _leave(step: Step, run: Run) -> None:
    """No login any more, then no process, then no account. The home stays."""
    _command(["usermod", "--lock", "--expiredate", "1", step.name], run)
    run(["loginctl", "terminate-user", step.name])
    deadline = time.monotonic() + _PATIENCE
    while running := processes().get(step.uid):
        if time.monotonic() >= deadline:
            raise UsersError(
                f"user {step.name} is locked, and not removed: {', '.join(running)} can't be ended. Look why "
                "(ps -o stat,wchan), and run this again"
            )
        run(["pkill", "-KILL", "-U", str(step.uid)])
        time.sleep(0.2)
    _command(["userdel", step.name], run)
    for left in _LEFT:
        Path(left.format(step.name)).unlink(missing_ok=True)
