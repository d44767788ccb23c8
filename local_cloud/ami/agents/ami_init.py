# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the AMI does by itself when there is no OnCreate script: accounting, Slurm's daemons, ubuntu's home and keys.

Source: Amazon SageMaker developer guide, "AMI-based configuration" (LifeCycleConfig left out, or OnInitComplete). Every
step can be repeated.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import secrets
import shutil
import string
import subprocess
import time
from pathlib import Path

from . import node
from .text import marked_block

LOG = logging.getLogger(__name__)
ETC = Path("/opt/slurm/etc")
SHARED = Path("/fsx")
PATIENCE_SECONDS = 240
ACCOUNTING = (
    "JobAcctGatherType=jobacct_gather/linux",
    "JobAcctGatherFrequency=30",
    "AccountingStorageType=accounting_storage/slurmdbd",
    "AccountingStoragePort=6819",
)
LOGROTATE = """\
/var/log/slurm/*.log {
    weekly
    rotate 5
    size 50M
    compress
    missingok
    notifempty
    copytruncate
}
"""


class InitError(Exception):
    """A step failed; the text names it."""


def run(node_type: str, controllers: list[str], cluster: str) -> None:
    """Start what belongs on a node of this type.

    Args:
        node_type: Controller, Compute or Login.
        controllers: addresses of the controllers, the primary first.
        cluster: the cluster's name, as in slurm.conf.
    """
    node.write_atomically(Path("/etc/logrotate.d/slurm"), LOGROTATE)
    if node_type == "Controller":
        _accounting()
        _start("slurmdbd")
        _until(["sacctmgr", "--noheader", "list", "cluster"], "slurmdbd answers")
        if (
            cluster
            not in _command(["sacctmgr", "--noheader", "--parsable2", "list", "cluster", "format=cluster"]).split()
        ):
            _command(["sacctmgr", "--immediate", "add", "cluster", cluster])
        _start("slurmctld")
        _until(["scontrol", "ping"], "slurmctld answers")
    else:
        node.write_atomically(Path("/etc/default/slurmd"), f'SLURMD_OPTIONS="--conf-server {",".join(controllers)}"\n')
        _start("slurmd")
        # A slurmd that finds no controller gives up after a while.
        _until(["sh", "-c", "systemctl start slurmd && scontrol ping"], "the controller answers")
    if os.path.ismount(SHARED):
        _shared_home("ubuntu")


def _accounting() -> None:
    _start("mariadb")
    target = ETC / "slurmdbd.conf"
    if not target.exists():
        password = secrets.token_urlsafe(24)
        statements = (
            "CREATE DATABASE IF NOT EXISTS slurm_acct_db;\n"
            "CREATE USER IF NOT EXISTS 'slurm'@'localhost';\n"
            f"ALTER USER 'slurm'@'localhost' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost';\n"
        )
        _command(["mysql", "--user=root"], stdin=statements)
        template = string.Template((ETC / "slurmdbd.conf.template").read_text(encoding="utf-8"))
        text = template.substitute(SLURM_DB_USER="slurm", SLURM_DB_PASSWORD=password)
        slurm = pwd.getpwnam("slurm")
        node.write_atomically(target, text, 0o600, (slurm.pw_uid, slurm.pw_gid))
    accounting = ETC / "accounting.conf"
    old = accounting.read_text(encoding="utf-8") if accounting.exists() else ""
    host = f"AccountingStorageHost={os.uname().nodename}"
    node.write_atomically(accounting, marked_block(old, "accounting of the AMI", [*ACCOUNTING, host]))


def _shared_home(user: str) -> None:
    """Home and key pair on the shared file system; all nodes do this at the same time, one after the other."""
    entry = pwd.getpwnam(user)
    home = SHARED / user
    with (SHARED / f".{user}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            shutil.copytree("/etc/skel", home)
        keys = home / ".ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        private = keys / "id_ed25519"
        if not private.exists():
            _command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", user, "-f", str(private)])
        public = private.with_suffix(".pub").read_text(encoding="utf-8").strip()
        authorized = keys / "authorized_keys"
        known = authorized.read_text(encoding="utf-8") if authorized.exists() else ""
        if public not in known.splitlines():
            node.write_atomically(authorized, f"{known}{public}\n", 0o600)
        for path in (home, *home.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    if entry.pw_dir != str(home):
        # usermod(8) refuses while the user has processes; the entry itself may change at any time.
        _command(["sed", "--in-place", f"s#^\\({user}:[^:]*:[^:]*:[^:]*:[^:]*:\\)[^:]*#\\1{home}#", "/etc/passwd"])


def _start(unit: str) -> None:
    _command(["systemctl", "enable", "--now", "--quiet", unit])


def _until(command: list[str], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            _command(command)
        except InitError:
            if time.monotonic() > end:
                raise InitError(f"{PATIENCE_SECONDS} seconds passed before {what}") from None
            time.sleep(1)
        else:
            return


def _command(command: list[str], stdin: str = "") -> str:
    environment = {"PATH": node.PATH, "LANG": "C.UTF-8"}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise InitError(f"{command[0]} {command[1]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout
