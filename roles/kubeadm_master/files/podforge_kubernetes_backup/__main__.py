# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program."""

from __future__ import annotations

import argparse
import datetime
import sys
import typing as t

from podforge_backup import command
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
    """The settings."""
    return command.read_config(path, Config, "kubeadm_master", "kubeadm_master_backup_destination")


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
    now = datetime.datetime.now(datetime.timezone.utc)

    def work() -> t.Mapping[str, t.Any]:
        config = read_config(args.config)
        Master(config).clean()
        if args.command == "save":
            return save(config, now, force=args.force)
        if args.command == "list":
            names = store_of(config.destination, config.region).names()
            return {"backups": all_of(names, config.cluster)}
        return restore(config, args.name, now, replace=args.replace, force=args.force, check=args.check)

    return command.command(parser.prog, LOCK, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
