# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving and restoring."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import typing as t
from pathlib import Path

from .controller import Controller
from .exchange import exchange
from .plan import MEMBERS
from .plan import PARTS
from .plan import BackupError
from .plan import Config
from .plan import archive_name
from .plan import archives
from .plan import obsolete
from .plan import problems
from .stores import Bucket
from .stores import Folder
from .stores import store_of


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        found = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def save(config: Config, now: datetime.datetime) -> dict[str, t.Any]:
    """Make a backup, and remove those that are too many."""
    here, store = Controller(config), store_of(config)
    name = archive_name(here.cluster, now)
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix="slurm-backup-") as folder:
        work = Path(folder)
        # the database first: jobs that end meanwhile are in the state still, and slurmctld tells slurmdbd again
        if here.has_database:
            here.dump(work / MEMBERS["database"])
        here.pack_state(work / MEMBERS["state"])
        here.pack_conf(work / MEMBERS["etc"])
        manifest = {
            "cluster": here.cluster,
            "slurm": here.version(),
            "time": now.isoformat(timespec="seconds"),
            "host": os.uname().nodename,
            "jobs": here.jobs() if here.has_database else None,
            "parts": {part: digest(work / file) for part, file in MEMBERS.items() if (work / file).exists()},
        }
        (work / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        with tarfile.open(work / name, "w") as tar:
            for file in ("manifest.json", *MEMBERS.values()):
                if (work / file).exists():
                    tar.add(work / file, file)
        store.put(work / name, name)
    removed = obsolete(store.names(), here.cluster, config.keep)
    for old in removed:
        store.remove(old)
    elsewhere = here.has_accounting and not here.has_database
    not_saved = f"database (it is on {here.database_host})" if elsewhere else ""
    return {"saved": name, "destination": config.destination, "removed": removed, "not_saved": not_saved, **manifest}


def fetch(store: Folder | Bucket, name: str, work: Path) -> dict[str, t.Any]:
    """A backup's files in a folder, seen to be whole; its manifest.

    Raises:
        BackupError: it is damaged.
    """
    file = work / name
    store.get(name, file)
    try:
        with tarfile.open(file) as tar:
            for member in tar.getmembers():
                source = tar.extractfile(member) if member.name in ("manifest.json", *MEMBERS.values()) else None
                if source:
                    with (work / member.name).open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
        manifest: dict[str, t.Any] = json.loads((work / "manifest.json").read_text(encoding="utf-8"))
        damaged = [part for part, sha in manifest["parts"].items() if digest(work / MEMBERS[part]) != sha]
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{name} can't be read ({error}): take another backup (list)") from error
    if damaged:
        raise BackupError(f"{name}: {', '.join(damaged)} is damaged: take another backup (list)")
    file.unlink()
    return manifest


def restore(config: Config, name: str, parts: t.Sequence[str], force: bool, check: bool) -> dict[str, t.Any]:
    """Put a backup in the place of what is there, which is kept beside it and comes back if anything fails."""
    here, store = Controller(config), store_of(config)
    there = archives(store.names(), here.cluster)
    if name in ("", "latest"):
        if not there:
            raise BackupError(f"{config.destination} has no backup of cluster {here.cluster}")
        name = there[-1]
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix="slurm-restore-") as folder:
        work = Path(folder)
        manifest = fetch(store, name, work)
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
