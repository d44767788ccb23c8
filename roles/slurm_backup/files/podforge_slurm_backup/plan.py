# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides: names, versions, what fits. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

PARTS = ("database", "state")
MEMBERS = {"database": "database.sql.gz", "state": "state.tar.gz", "etc": "etc.tar.gz"}


@dataclass(frozen=True)
class Config:
    """What the role has written."""

    destination: str
    keep: int = 14
    prefix: str = "/opt/slurm"
    conf_dir: str = "/opt/slurm/etc"
    state_dir: str = ""
    user: str = "slurm"
    group: str = "slurm"
    database: str = "slurm_acct_db"
    work_dir: str = "/var/tmp"  # noqa: S108 - for folders that tempfile makes
    region: str = ""
    start_timeout: int = 300


def prefix_of(cluster: str) -> str:
    """What names of a cluster's backups begin with."""
    return f"slurm-{cluster}"


def setting(text: str, key: str) -> str:
    """What Slurm takes for a key of one of its files, which is the last one; empty when there is none."""
    found = re.findall(rf"(?im)^[ \t]*{key}[ \t]*=[ \t]*\"?([^\"#\s]+)", text)
    return str(found[-1]) if found else ""


def with_included(text: str, read: t.Callable[[str], str], depth: int = 5) -> str:
    """A file of Slurm with those that it includes in their places."""
    pattern = r"(?im)^[ \t]*include[ \t]+(\S+)[ \t]*$"
    if depth == 0:
        return text
    return re.sub(pattern, lambda found: with_included(read(found.group(1)), read, depth - 1), text)


def others_up(answer: str, own_names: t.Iterable[str]) -> list[str]:
    """Of what ``scontrol ping`` says: the other controllers whose slurmctld runs."""
    return [name for name in re.findall(r" at (\S+) is UP", answer) if name not in own_names]


def release(version: str) -> tuple[int, ...]:
    """Major release of Slurm (its first two numbers) in what ``slurmctld -V`` says."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def problems(manifest: t.Mapping[str, t.Any], cluster: str, version: str, wanted: t.Sequence[str]) -> list[str]:
    """Why a backup can't be restored here."""
    found = []
    if manifest.get("cluster") != cluster:
        found.append(f"it is of cluster {manifest.get('cluster')}, and this is {cluster}")
    if release(str(manifest.get("slurm", ""))) > release(version):
        found.append(
            f"it is of {manifest.get('slurm')}, which is newer than the {version} here and can't be read by it"
        )
    missing = [part for part in wanted if part not in manifest.get("parts", {})]
    if missing:
        found.append(f"it has no {' and no '.join(missing)}")
    return found


def is_local(slurmdbd_conf: str, own_names: t.Iterable[str]) -> bool:
    """Whether slurmdbd's database is on this node, which has these names and addresses."""
    host = setting(slurmdbd_conf, "StorageHost").lower()
    return host in ("", "localhost", "127.0.0.1", "::1") or host in (name.lower() for name in own_names)


def without_id(clustername: str) -> str:
    """slurmctld's file with its id taken out: it takes that of slurmdbd then (CLUSTER ID MISMATCH otherwise)."""
    return re.sub(r"\|\d+\s*\Z", "", clustername)


def moves(tables: t.Iterable[str], source: str, target: str) -> str:
    """SQL that takes all tables from one database into another, which is empty."""
    pairs = ", ".join(f"`{source}`.`{table}` TO `{target}`.`{table}`" for table in tables)
    return f"DROP DATABASE IF EXISTS `{target}`; CREATE DATABASE `{target}` CHARACTER SET utf8mb4;" + (
        f" RENAME TABLE {pairs};" if pairs else ""
    )
