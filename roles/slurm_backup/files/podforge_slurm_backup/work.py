# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving and restoring."""

from __future__ import annotations

import datetime
import os
import tempfile
import typing as t
from pathlib import Path

from podforge_backup import BackupError
from podforge_backup.archives import archive_name
from podforge_backup.archives import archives
from podforge_backup.archives import fetch
from podforge_backup.archives import obsolete
from podforge_backup.archives import pack
from podforge_backup.stores import store_of

from .controller import Controller
from .exchange import exchange
from .plan import MEMBERS
from .plan import PARTS
from .plan import Config
from .plan import prefix_of
from .plan import problems


def save(config: Config, now: datetime.datetime) -> dict[str, t.Any]:
    """Make a backup, and remove those that are too many."""
    here, store = Controller(config), store_of(config.destination, config.region)
    name = archive_name(prefix_of(here.cluster), now)
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix="slurm-backup-") as folder:
        work = Path(folder)
        # the database first: jobs that end meanwhile are in the state still, and slurmctld tells slurmdbd again
        if here.has_database:
            here.dump(work / MEMBERS["database"])
        here.pack_state(work / MEMBERS["state"])
        here.pack_conf(work / MEMBERS["etc"])
        about = {
            "cluster": here.cluster,
            "slurm": here.version(),
            "time": now.isoformat(timespec="seconds"),
            "host": os.uname().nodename,
            "jobs": here.jobs() if here.has_database else None,
        }
        manifest = pack(work, name, about, MEMBERS)
        store.put(work / name, name)
    removed = obsolete(store.names(), prefix_of(here.cluster), config.keep)
    for old in removed:
        store.remove(old)
    elsewhere = here.has_accounting and not here.has_database
    not_saved = f"database (it is on {here.database_host})" if elsewhere else ""
    return {"saved": name, "destination": config.destination, "removed": removed, "not_saved": not_saved, **manifest}


def restore(config: Config, name: str, parts: t.Sequence[str], force: bool, check: bool) -> dict[str, t.Any]:
    """Put a backup in the place of what is there, which is kept beside it and comes back if anything fails."""
    here, store = Controller(config), store_of(config.destination, config.region)
    there = archives(store.names(), prefix_of(here.cluster))
    if name in ("", "latest"):
        if not there:
            raise BackupError(f"{config.destination} has no backup of cluster {here.cluster}")
        name = there[-1]
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix="slurm-restore-") as folder:
        work = Path(folder)
        manifest = fetch(store, name, work, MEMBERS)
        # without being told, what there is; a database elsewhere has its own backups
        wanted = parts or [
            part for part in PARTS if part in manifest["parts"] and (part == "state" or here.has_database)
        ]
        found = problems(manifest, here.cluster, here.version(), wanted)
        if "database" in wanted and not here.has_database:
            found.append(
                f"{config.conf_dir}/slurmdbd.conf names no database on this node: run the role slurm_accounting "
                "first, or restore a database elsewhere from its own snapshots"
            )
        others = here.other_controllers() if "state" in wanted and not check else []
        if others:
            raise BackupError(
                f"slurmctld runs on {', '.join(others)} and would take over in the middle of it, nothing was changed: "
                "stop it there (systemctl stop slurmctld), and start it when this one is back"
            )
        if found and not force:
            raise BackupError(f"{name} is not restored, nothing was changed: {'; '.join(found)}")
        if not check:
            exchange(here, work, wanted)
    return {"restored": name, "restored_parts": list(wanted), **manifest}
