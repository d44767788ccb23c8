# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program."""

from __future__ import annotations

import argparse
import datetime
import sys
import typing as t

from podforge_backup import command
from podforge_backup.archives import archives
from podforge_backup.stores import store_of

from . import __doc__ as about
from .controller import Controller
from .exchange import put_back
from .plan import PARTS
from .plan import Config
from .plan import prefix_of
from .work import restore
from .work import save

CONFIG = "/etc/podforge/slurm-backup.json"
LOCK = "/run/podforge-slurm-backup.lock"


def read_config(path: str) -> Config:
    """The settings."""
    return command.read_config(path, Config, "slurm_backup", "slurm_backup_destination")


def main(arguments: t.Sequence[str]) -> int:
    """Exit status; the result is a JSON object on standard output."""
    parser = argparse.ArgumentParser(prog="podforge-slurm-backup", description=str(about).split("\n\n", maxsplit=1)[0])
    parser.add_argument("--config", default=CONFIG)
    what = parser.add_subparsers(dest="command", required=True)
    what.add_parser("save", help="make a backup")
    what.add_parser("list", help="names of the backups, the newest last")
    again = what.add_parser("restore", help="put a backup in the place of what is there")
    again.add_argument("name", nargs="?", default="latest")
    again.add_argument("--part", action="append", choices=PARTS, default=[])
    again.add_argument("--force", action="store_true", help="also one of another cluster or of a newer Slurm")
    again.add_argument("--check", action="store_true", help="fetch and check it, and change nothing")
    args = parser.parse_args(arguments)

    def work() -> t.Mapping[str, t.Any]:
        config = read_config(args.config)
        if args.command == "save" or (args.command == "restore" and not args.check):
            put_back(Controller(config))
        if args.command == "save":
            return save(config, datetime.datetime.now(datetime.timezone.utc))
        if args.command == "list":
            names = store_of(config.destination, config.region).names()
            return {"backups": archives(names, prefix_of(Controller(config).cluster))}
        return restore(config, args.name, args.part, args.force, args.check)

    return command.command(parser.prog, LOCK, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
