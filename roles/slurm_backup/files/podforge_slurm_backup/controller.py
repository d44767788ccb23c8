# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm and its database on this node."""

from __future__ import annotations

import contextlib
import grp
import gzip
import os
import pwd
import shutil
import socket
import subprocess
import tarfile
import tempfile
import typing as t
from pathlib import Path

from podforge_backup import BackupError
from podforge_backup.programs import answer
from podforge_backup.programs import run
from podforge_backup.programs import succeeds
from podforge_backup.programs import until

from .plan import Config
from .plan import is_local
from .plan import others_up
from .plan import setting
from .plan import with_included
from .plan import without_id

UNITS = Path("/etc/systemd/system")
HOLD = """# Written while podforge-slurm-backup restores: what is there is half of something.
[Service]
ExecStartPre=/bin/sh -c 'echo "a restore was killed half way: podforge-slurm-backup save puts all back"; exit 1'
"""


def own_names() -> list[str]:
    """The node's names and addresses."""
    name = os.uname().nodename
    names = [name, name.split(".", maxsplit=1)[0], socket.getfqdn()]
    # a small image may be without the program
    with contextlib.suppress(BackupError):
        names += run("hostname", "-I").split()
    return names


def below(folder: Path) -> list[Path]:
    """All that is below a folder; a folder that goes meanwhile has nothing in it."""

    def complain(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    walk = os.walk(folder, onerror=complain)
    return sorted(Path(place, name) for place, folders, files in walk for name in (*folders, *files))


class Controller:
    """Slurm and its database on this node."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.conf = Path(config.conf_dir)
        settings = with_included(self._read("slurm.conf"), self._read)
        self.state = Path(config.state_dir or setting(settings, "StateSaveLocation") or "/var/spool/slurmctld")
        self.cluster = setting(settings, "ClusterName")
        if not self.cluster:
            raise BackupError(
                f"{self.conf}/slurm.conf has no ClusterName: run this on the controller of a Slurm cluster"
            )
        dbd = self._read("slurmdbd.conf")
        self.has_accounting = bool(dbd)
        self.has_database = bool(dbd) and is_local(dbd, own_names())
        self.database_host = setting(dbd, "StorageHost")
        self.slurm_conf = {"SLURM_CONF": f"{self.conf}/slurm.conf"}

    def _read(self, name: str) -> str:
        try:
            return (self.conf / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def version(self) -> str:
        """Of Slurm."""
        return run(f"{self.config.prefix}/sbin/slurmctld", "-V").strip()

    def sql(self, statements: str) -> list[str]:
        """Lines of the answer. root gets in by the socket: there is no password."""
        with tempfile.TemporaryFile() as feed:
            feed.write(statements.encode())
            feed.seek(0)
            return run("mariadb", "--batch", "--skip-column-names", "--protocol=socket", feed=feed).splitlines()

    def tables(self, database: str) -> list[str]:
        """Names of all tables."""
        return self.sql(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}'")  # noqa: S608 - our own name

    def jobs(self) -> int:
        """How many jobs the history has."""
        table = f"{self.cluster}_job_table"
        if table not in self.tables(self.config.database):
            return 0
        return int(self.sql(f"SELECT COUNT(*) FROM `{self.config.database}`.`{table}`")[0])  # noqa: S608 - our own names

    def dump(self, file: Path) -> None:
        """The database as SQL, as of one moment."""
        program = shutil.which("mariadb-dump") or "mysqldump"
        command = [program, "--protocol=socket", "--single-transaction", "--quick", "--routines", self.config.database]
        with tempfile.TemporaryFile() as words, gzip.open(file, "wb", compresslevel=3) as target:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words) as process:
                shutil.copyfileobj(t.cast("t.IO[bytes]", process.stdout), target, 1 << 20)
            words.seek(0)
            if process.returncode != 0:
                raise BackupError(f"{program} failed: {words.read().decode(errors='replace').strip()}")

    def load(self, file: Path) -> None:
        """What :meth:`dump` has written, into the database, which is empty."""
        with gzip.open(file, "rb") as feed:
            run("mariadb", "--protocol=socket", self.config.database, feed=t.cast("t.IO[bytes]", feed))

    def pack_state(self, file: Path) -> None:
        """slurmctld replaces its files one by one: each is whole, and what vanishes meanwhile was about to."""
        with tarfile.open(file, "w:gz", compresslevel=3) as tar:
            for path in below(self.state):
                if path.suffix == ".new" or not (path.is_file() or path.is_dir()) or path.is_symlink():
                    continue
                with contextlib.suppress(FileNotFoundError):
                    # read at once: a file that grows or shrinks meanwhile would break the archive
                    info = tar.gettarinfo(path, str(path.relative_to(self.state)))
                    if info.isdir():
                        tar.addfile(info)
                        continue
                    content = path.read_bytes()
                    info.size = len(content)
                    with tempfile.SpooledTemporaryFile(max_size=1 << 24) as stream:
                        stream.write(content)
                        stream.seek(0)
                        tar.addfile(info, stream)

    def pack_conf(self, file: Path) -> None:
        """For those who wonder how it was; slurmdbd.conf may hold a password and stays out."""
        with tarfile.open(file, "w:gz") as tar:
            for path in sorted([*self.conf.glob("*.conf"), *self.conf.glob("*.yaml")]):
                if path.name != "slurmdbd.conf":
                    tar.add(path, path.name)

    def unpack_state(self, file: Path) -> None:
        """The files, for SlurmUser."""
        with tarfile.open(file) as tar:
            for member in tar.getmembers():
                inside = not member.name.startswith("/") and ".." not in member.name.split("/")
                if not inside or not (member.isfile() or member.isdir()):
                    raise BackupError(f"{file.name} has {member.name}, which no backup has")
            tar.extractall(self.state)  # noqa: S202 - each member was looked at
        cluster = self.state / "clustername"
        if cluster.is_file():
            cluster.write_text(without_id(cluster.read_text(encoding="utf-8")), encoding="utf-8")
        self.own_state()

    def empty_state(self) -> None:
        """Nothing is left of it but its folder."""
        for path in self.state.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def own_state(self) -> None:
        """It belongs to SlurmUser."""
        owner = (pwd.getpwnam(self.config.user).pw_uid, grp.getgrnam(self.config.group).gr_gid)
        for path in (self.state, *self.state.rglob("*")):
            os.chown(path, *owner)

    def stop(self) -> None:
        """Both daemons, slurmctld first: it writes its state then."""
        run("systemctl", "stop", "slurmctld.service")
        if self.has_accounting:
            run("systemctl", "stop", "slurmdbd.service")

    def other_controllers(self) -> list[str]:
        """Those whose slurmctld runs: it would take over the state while it is exchanged."""
        return others_up(answer(f"{self.config.prefix}/bin/scontrol", "ping", environment=self.slurm_conf), own_names())

    def hold(self) -> None:
        """Nobody starts the daemons, by hand or at a boot, while what they would find is half of something."""
        self._drop_in(HOLD)

    def let_go(self) -> None:
        """They may be started again."""
        self._drop_in("")

    def _drop_in(self, text: str) -> None:
        # of several controllers the others ask for this one at each start (shared-state.sh of the role slurm_base)
        marks = self.state.parent / "controllers"
        if marks.is_dir() and text:
            (marks / ".restoring").touch()
        elif marks.is_dir():
            (marks / ".restoring").unlink(missing_ok=True)
        for daemon in ("slurmctld", "slurmdbd"):
            file = UNITS / f"{daemon}.service.d" / "99-podforge-restore.conf"
            if text:
                file.parent.mkdir(mode=0o755, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                file.chmod(0o644)
            else:
                file.unlink(missing_ok=True)
        run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Both daemons, slurmdbd first, each until it answers."""

        def answers(program: str, *arguments: str, says: str = "") -> t.Callable[[], bool]:
            path = f"{self.config.prefix}/bin/{program}"
            return lambda: succeeds(path, *arguments, says=says, environment=self.slurm_conf)

        if self.has_accounting:
            run("systemctl", "start", "slurmdbd.service")
            until("slurmdbd", answers("sacctmgr", "-n", "list", "cluster"), self.config.start_timeout)
        run("systemctl", "start", "slurmctld.service")
        until("slurmctld", answers("scontrol", "ping", says=" is UP"), self.config.start_timeout)
