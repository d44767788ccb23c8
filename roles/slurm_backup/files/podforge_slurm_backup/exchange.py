# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller's database and state for others, or back. Killed anywhere, the next run puts back what was there."""

from __future__ import annotations

import contextlib
import datetime
import json
import shutil
import typing as t
from pathlib import Path

from podforge_backup import BackupError

from .controller import Controller
from .plan import MEMBERS
from .plan import moves

# There while something is exchanged. It names where the old things are.
NOTE = Path("/var/lib/podforge/slurm-restore.json")


def exchange(here: Controller, work: Path, parts: t.Sequence[str]) -> None:
    """Stop, move aside, put in place, start; and back if that fails. What was there stays until the next time.

    Raises:
        BackupError: it failed, and what was there is back.
    """
    stamp = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
    NOTE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _note({"stamp": stamp})
    database, aside, old_state = here.config.database, _database(here, stamp), _state(here, stamp)
    try:
        here.hold()
        here.stop()
        if "database" in parts:
            here.sql(moves(here.tables(database), database, aside))
            here.load(work / MEMBERS["database"])
        if "state" in parts:
            # copied, as it may be a mount point; and there as a whole or not at all
            part = old_state.with_name(f"{old_state.name}.part")
            shutil.copytree(here.state, part)
            part.rename(old_state)
            here.empty_state()
            here.unpack_state(work / MEMBERS["state"])
        _settle(here, stamp, "new")
        here.start()
    except Exception as error:
        here.hold()
        _note({"stamp": stamp})
        put_back(here)
        raise BackupError(f"the restore failed, and what was there before is back: {error}") from error
    NOTE.unlink()
    for other in here.sql(f"SHOW DATABASES LIKE '{_database(here, '%')}'") if "database" in parts else []:
        if other != aside:
            here.sql(f"DROP DATABASE `{other}`")
    for path in here.state.parent.glob(_state(here, "*").name) if "state" in parts else []:
        if path != old_state:
            shutil.rmtree(path)


def put_back(here: Controller) -> None:
    """If a restore has ended in between: everything as it was, and the daemons running.

    Before everything is in its place nobody can start the daemons. From then on what is there is the truth, the new as
    well as the old, however long they take, and whoever starts them: it is never replaced again.
    """
    if not NOTE.exists():
        return
    note = json.loads(NOTE.read_text(encoding="utf-8"))
    if "settled" in note:
        here.let_go()
    else:
        _put_back(here, note["stamp"])
        _settle(here, note["stamp"], "old")
    if note.get("settled") != "new":
        shutil.rmtree(_state(here, note["stamp"]), ignore_errors=True)
    here.start()
    NOTE.unlink()


def _settle(here: Controller, stamp: str, which: str) -> None:
    """All of the new or of the old is in its place."""
    _note({"stamp": stamp, "settled": which})
    here.let_go()


def _put_back(here: Controller, stamp: str) -> None:
    here.hold()
    # a daemon that could not be started can't be stopped, maybe
    with contextlib.suppress(BackupError):
        here.stop()
    database, aside, old_state = here.config.database, _database(here, stamp), _state(here, stamp)
    others = here.other_controllers() if old_state.is_dir() else []
    if others:
        raise BackupError(
            f"slurmctld runs on {', '.join(others)}, with the state that is to be put back: stop it there "
            "(systemctl stop slurmctld), run podforge-slurm-backup save here, and start it again"
        )
    tables = here.tables(aside) if here.has_database else []
    if tables:
        here.sql(moves(tables, aside, database))
    if old_state.is_dir():
        here.empty_state()
        shutil.copytree(old_state, here.state, dirs_exist_ok=True)
        here.own_state()


def _note(what: t.Mapping[str, t.Any]) -> None:
    """As a whole, or as it was."""
    part = NOTE.with_suffix(".part")
    part.write_text(json.dumps(what), encoding="utf-8")
    part.replace(NOTE)


def _database(here: Controller, stamp: str) -> str:
    return f"{here.config.database}_before_{stamp}"


def _state(here: Controller, stamp: str) -> Path:
    return here.state.with_name(f"{here.state.name}.before-{stamp}")
