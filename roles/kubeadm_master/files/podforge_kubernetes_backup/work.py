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
from podforge_backup.archives import fetch
from podforge_backup.archives import obsolete
from podforge_backup.archives import pack
from podforge_backup.stores import Bucket
from podforge_backup.stores import Folder
from podforge_backup.stores import store_of

from . import plan
from .master import FOLDER
from .master import NOTE
from .master import Master
from .plan import MEMBERS
from .plan import Config
from .plan import Here

# What a restore has replaced.
BEFORE = "/var/lib/podforge/kubernetes-before"
AGAIN = "run this again: it begins anew with what it needs"


def save(config: Config, now: datetime.datetime, *, force: bool = False) -> dict[str, t.Any]:
    """Make a backup, and remove those that are too many."""
    here, store = Master(config), store_of(config.destination, config.region)
    seen = here.look()
    if seen.begun:
        raise BackupError(f"the restore of {seen.begun} has not come to its end: run playbooks/k8s_restore.yml again")
    if not seen.ca:
        raise BackupError("this node is no master of a cluster (yet): nothing was saved")
    saver = plan.saver(config.masters, plan.ready(here.nodes() or ()), config.node)
    if saver != config.node and not force:
        return {"saved": "", "by": saver}
    names = store.names()
    why = plan.unsaved(seen, names, config.cluster)
    if why and not force:
        raise BackupError(
            f"not saved: {why}, and {config.destination} has backups of one before "
            f"({plan.all_of(names, config.cluster)[-1]}). Restore it (playbooks/k8s_restore.yml), or, if this one is "
            "to stay, podforge-kubernetes-backup save --force"
        )
    found = _save(here, store, seen, now)
    prefix = plan.prefix_of(config.cluster, seen.ca)
    removed = obsolete(store.names(), prefix, config.keep)
    for old in removed:
        store.remove(old)
    return {**found, "by": config.node, "destination": config.destination, "removed": removed}


def _save(here: Master, store: Folder | Bucket, seen: Here, now: datetime.datetime) -> dict[str, t.Any]:
    config = here.config
    name = archive_name(plan.prefix_of(config.cluster, seen.ca), now)
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix=FOLDER) as folder:
        work = Path(folder)
        about = here.snapshot(work)
        here.pack_keys(work)
        manifest = pack(
            work,
            name,
            {
                "cluster": config.cluster,
                "ca": seen.ca,
                "kubernetes": here.version(),
                "time": now.isoformat(timespec="seconds"),
                "host": config.node,
                "endpoint": config.endpoint,
                "pod_cidr": config.pod_cidr,
                "service_cidr": config.service_cidr,
                "encryption": here.is_encrypted(),
                "workers": list(seen.workers),
                **about,
            },
            MEMBERS,
        )
        store.put(work / name, name)
    return {"saved": name, **manifest}


def restore(
    config: Config, wish: str, now: datetime.datetime, *, replace: bool, force: bool, check: bool
) -> dict[str, t.Any]:
    """A backup in the place of what this master has, which is kept as a backup in a folder of the node."""
    here = Master(config)
    with here.alone():
        return _restore(here, wish, now, replace=replace, force=force, check=check)


def _restore(
    here: Master, wish: str, now: datetime.datetime, *, replace: bool, force: bool, check: bool
) -> dict[str, t.Any]:
    config = here.config
    store = store_of(config.destination, config.region)
    seen, names = here.look(), store.names()
    name = _chosen(config, plan.chosen(wish, seen, names, config.cluster))
    if not Path(config.kubeadm).exists():
        raise BackupError(f"{config.kubeadm} is not there: let this node's lifecycle script run first")
    lost = plan.lost(seen, name, names, config.cluster)
    with tempfile.TemporaryDirectory(dir=config.work_dir, prefix=FOLDER) as folder:
        work = Path(folder)
        manifest = fetch(store, name, work, MEMBERS)
        missing = plan.missing(manifest)
        if missing:
            raise BackupError(f"{name} is not restored, nothing was changed: it has no {' and no '.join(missing)}")
        found = plan.problems(manifest, config, here.version())
        if found and not force:
            raise BackupError(f"{name} is not restored, nothing was changed: {'; '.join(found)}")
        settles = seen.begun == name and seen.made
        # masters that have joined what was made of it are its own
        others = [] if settles else here.others()
        if others:
            raise BackupError(
                f"{name} is not restored, nothing was changed: {', '.join(others)} still runs an API or an etcd of "
                "this cluster. A master that is replaced joins it by its lifecycle script; to have the backup instead, "
                "run kubeadm reset --force there, and this again"
            )
        here.unpack(work)
        image = here.image(pull=not check)
        if image:
            here.status(image, work)
        result = {
            "restored": name,
            "lost": lost,
            "goes_on": bool(seen.begun),
            "warnings": plan.warnings(manifest, config),
            "users": list(config.users),
            "others": [other for other in plan.newest(names, config.cluster) if other[:-20] != name[:-20]],
            **manifest,
        }
        if check:
            return result
        if lost and not replace:
            raise BackupError(f"{name} is not restored, nothing was changed: {lost} (--replace)")
        if settles:
            # the cluster is there; what is left is done again as a whole
            return {**result, **_settle(here, seen.since, bumped=False)}
        since = seen.since if seen.begun == name else now.isoformat(timespec="seconds")
        result["before"] = kept = _keep(here, name, seen, since, now)
        # what kubeadm makes is as ever
        os.umask(0o022)
        here.note(name, since, kept=kept)
        try:
            here.reset()
            here.put_keys(work)
            bumped = here.put_etcd(image, work, plan.token_of(name, now))
            here.init()
        except (BackupError, OSError) as error:
            raise BackupError(f"{error}. Nothing of the backup is lost; mend what it says, and {AGAIN}") from error
        here.note(name, since, kept=kept, made=True)
    return {**result, **_settle(here, since, bumped=bumped)}


def _chosen(config: Config, names: t.Sequence[str]) -> str:
    if not names:
        raise BackupError(f"{config.destination} has no backup of cluster {config.cluster}")
    if len(names) > 1:
        raise BackupError(
            f"{config.destination} has backups of {len(names)} clusters of the name {config.cluster}, the last ones: "
            f"{', '.join(names)}. Nothing was changed; say which one (kubeadm_master_restore_name)"
        )
    return names[0]


def _keep(here: Master, name: str, seen: Here, since: str, now: datetime.datetime) -> str:
    """What this master has, as a backup of its own in a folder, or just as it is; where that is.

    Raises:
        BackupError: it can't be kept.
    """
    if seen.kept and not seen.made:
        return seen.kept
    if not seen.ca and not seen.data:
        return "nothing"
    place = Path(BEFORE, since[:19].replace(":", ""))
    try:
        saved = _saved(here, seen, now)
        if saved:
            return saved
        # from here to the end of the restore nobody may start on what is there
        here.note(name, since)
        here.set_aside(place)
    except (BackupError, OSError) as error:
        if not seen.begun:
            NOTE.unlink(missing_ok=True)
        raise BackupError(
            f"{name} is not restored, nothing was changed: what is here can't be kept in {BEFORE}: {error}. Mend that, "
            "or, if nothing of it is needed, run kubeadm reset --force here, and this again"
        ) from error
    return f"{place}: etcd's data and the keys, of which no backup could be made"


def _saved(here: Master, seen: Here, now: datetime.datetime) -> str:
    """A backup of what is here; empty: none can be made of what is half or broken."""
    try:
        return f"{BEFORE}/{_save(here, Folder(BEFORE), seen, now)['saved']}" if seen.ca else ""
    except (BackupError, OSError):
        if seen.answers:
            raise
        return ""


def _settle(here: Master, since: str, *, bumped: bool) -> dict[str, t.Any]:
    """What a cluster needs that has come back: its old masters gone, who watches it told, and nodes let in."""
    stale = here.bury_masters(since)
    if not bumped:
        here.restart_system()
    here.let_join()
    NOTE.unlink()
    return {"removed_masters": stale}
