# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program."""

from __future__ import annotations

import argparse
import datetime
import fcntl
import json
import os
import sys
import typing as t
from pathlib import Path

from podforge_backup import BackupError
from podforge_backup.stores import store_of

from . import __doc__ as about
from .master import Master
from .plan import Config
from .plan import all_of
from .work import restore
from .work import save

CONFIG = "/etc/podforge/kubernetes-backup.json"
LOCK = "/run/podforge-kubernetes-backup.lock"


def read_config(path: str) -> Config:
    """The settings.

    Raises:
        BackupError: there are none.
    """
    try:
        return Config(**json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BackupError(
            f"{path} is not there: set kubeadm_master_backup_destination and run the role kubeadm_master"
        ) from error
    except (ValueError, TypeError) as error:
        raise BackupError(f"{path}: {error}; run the role kubeadm_master again") from error


def main(arguments: t.Sequence[str]) -> int:
    """Exit status; the result is a JSON object on standard output."""
    parser = argparse.ArgumentParser(
        prog="podforge-kubernetes-backup", description=str(about).split("\n\n", maxsplit=1)[0]
    )
    parser.add_argument("--config", default=CONFIG)
    what = parser.add_subparsers(dest="command", required=True)
    new = what.add_parser("save", help="make a backup")
    new.add_argument("--force", action="store_true", help="also of a new cluster, and on any of several masters")
    what.add_parser("list", help="names of the backups, the newest last")
    again = what.add_parser("restore", help="put a backup in the place of what is there")
    again.add_argument("name", nargs="?", default="latest")
    again.add_argument("--replace", action="store_true", help="also in the place of a cluster that is alive")
    again.add_argument("--force", action="store_true", help="also one that does not fit this cluster")
    again.add_argument("--check", action="store_true", help="fetch and check it, and change nothing")
    args = parser.parse_args(arguments)
    os.umask(0o077)
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        config = read_config(args.config)
        with Path(LOCK).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            Master(config).clean()
            if args.command == "save":
                result = save(config, now, force=args.force)
            elif args.command == "list":
                names = store_of(config.destination, config.region).names()
                result = {"backups": all_of(names, config.cluster)}
            else:
                result = restore(config, args.name, now, replace=args.replace, force=args.force, check=args.check)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"podforge-kubernetes-backup: {error}\n")
        return 1
    sys.stdout.write(f"{json.dumps(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
