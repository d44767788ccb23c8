# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is asked of the node and done to it, for mounts. Nothing is decided here."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from .diagnosis import OPEN
from .diagnosis import REFUSED
from .diagnosis import SILENT
from .diagnosis import UNREACHABLE
from .model import LUSTRE
from .model import OPENZFS
from .model import FileSystem

HUNG = -1
# the client has lost its server, or what it had of it
DEAD = (errno.ENOTCONN, errno.ESTALE)
# mounted, and of no use as long as it lasts
BROKEN = (errno.EIO, errno.ESHUTDOWN)
# may not, or can't be written: no reason to doubt the mount
HARMLESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
MODULES = {LUSTRE: ("lustre", "lustre"), OPENZFS: ("nfsv4", "nfs4")}
_SBIN = "/sbin:/usr/sbin:/bin:/usr/bin:/usr/local/sbin"
# In a process of its own, for a call to a server that is gone may never return. Each node has its own file.
_PROBE = """
import os, socket, sys
path, write = sys.argv[1], sys.argv[2] == "write"
try:
    os.stat(path)
    os.statvfs(path)
    if write:
        name = os.path.join(path, f".podforge-{socket.gethostname()}-{os.getpid()}")
        handle = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        try:
            os.write(handle, b"x")
            os.fsync(handle)
        finally:
            os.close(handle)
            os.unlink(name)
except OSError as error:
    print(error.errno)
"""


@dataclass(frozen=True)
class Client:
    """What the node has for a type of file system; C(module) None: it doesn't matter."""

    helper: bool = True
    kernel: str = ""
    module: bool | None = None
    module_kernels: tuple[str, ...] = field(default=())


class Node:
    """The machine that this runs on."""

    def __init__(self, root: str = "/") -> None:
        self._root = Path(root)

    def booted(self) -> bool:
        """Whether systemd runs here (sd_booted(3))."""
        return (self._root / "run/systemd/system").is_dir()

    def mountinfo(self) -> str:
        """The kernel's table."""
        return (self._root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")

    def now(self) -> float:
        """A clock that only goes forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def below(self, path: str) -> list[str]:
        """Names in a folder that nothing is mounted on; none where there is no folder."""
        try:
            return sorted(entry.name for entry in Path(path).iterdir())
        except OSError:
            return []

    def probe(self, path: str, write: bool = False, patience: float = 10.0) -> int:
        """0 when the mount answers, else the error's number, or HUNG."""
        command = [sys.executable, "-c", _PROBE, path, "write" if write else "read"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            try:
                return int(child.communicate(timeout=patience)[0].strip() or 0)
            except subprocess.TimeoutExpired:
                child.kill()
                try:
                    child.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    # not even SIGKILL reaches it; it goes when the server is back, and nobody waits for it
                    child.returncode = HUNG
                return HUNG

    def systemctl(self, *arguments: str, patience: float = 120.0) -> tuple[int, str]:
        """Exit status and output."""
        return self._run(["systemctl", *arguments], patience)

    def said(self, unit: str, since: float) -> str:
        """What mount(8) has printed since then, by the journal."""
        self._run(["journalctl", "--sync"], 20)
        command = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--since=@{since:.6f}"]
        return self._run([*command, f"_SYSTEMD_UNIT={unit}"], 20)[1].strip()

    def wall(self) -> float:
        """The time, as the journal counts it."""
        return time.time()

    def unmount(self, path: str) -> None:
        """Take a mount away that is dead, also when files are open on it: they are lost already."""
        self._run(["umount", "--lazy", path], 30)

    def resolve(self, host: str) -> tuple[tuple[str, ...], str]:
        """Addresses, or what the resolver says."""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return (), str(getattr(error, "strerror", None) or error)
        return tuple(sorted({str(entry[4][0]) for entry in found})), ""

    def nameservers(self) -> tuple[str, ...]:
        """Those of resolv.conf."""
        try:
            text = (self._root / "etc/resolv.conf").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ()
        return tuple(re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE))

    def knock(self, address: str, port: int, patience: float = 5.0) -> str:
        """Whether somebody takes connections there."""
        try:
            socket.create_connection((address, port), timeout=patience).close()
        except ConnectionRefusedError:
            return REFUSED
        except socket.timeout:  # noqa: UP041 - another class before Python 3.10
            return SILENT
        except OSError as error:
            return SILENT if error.errno == errno.ETIMEDOUT else UNREACHABLE
        return OPEN

    def client(self, system: FileSystem) -> Client:
        """What the node has for this type."""
        kernel = platform.release()
        helper = bool(shutil.which(f"mount.{system.mount_type}", path=_SBIN))
        if system.kind not in MODULES:
            return Client(True, kernel)
        module, name = MODULES[system.kind]
        if re.search(rf"\b{name}$", (self._root / "proc/filesystems").read_text(encoding="ascii"), re.MULTILINE):
            return Client(helper, kernel, True)
        kernels = tuple(
            sorted(path.parent.name for path in self._root.glob("lib/modules/*/modules.dep") if _lists(path, module))
        )
        return Client(helper, kernel, kernel in kernels, tuple(name for name in kernels if name != kernel))

    def prepare(self, system: FileSystem) -> None:
        """Lustre's network, which some images leave down; where it is up, or can't be, mount will tell."""
        if system.kind == LUSTRE and shutil.which("lctl", path=_SBIN):
            self._run(["modprobe", "lustre"], 60)
            self._run(["lctl", "network", "up"], 60)

    def efa_devices(self) -> tuple[str, ...]:
        """EFA interfaces of this instance, by their driver."""
        drivers = (self._root / "sys/class/infiniband").glob("*/device/driver")
        return tuple(sorted(path.parent.parent.name for path in drivers if path.resolve().name == "efa"))

    def lnet_efa(self) -> str:
        """LNet's network of EFA interfaces, with counters; empty where there is none."""
        if not shutil.which("lnetctl", path=_SBIN):
            return ""
        return self._run(["lnetctl", "net", "show", "--verbose", "--net", "efa"], 20)[1]

    def move_data(self, path: str) -> str:
        """Write and read 64 MiB past the page cache; what went wrong, empty when nothing did.

        A file or a link that somebody has laid there is not written (conv=excl).
        """
        name = Path(path) / f".podforge-efa-{socket.gethostname()}-{os.getpid()}"
        try:
            for command in (
                ["dd", "if=/dev/zero", f"of={name}", "bs=1M", "count=64", "oflag=direct", "conv=excl"],
                ["dd", f"if={name}", "of=/dev/null", "bs=1M", "iflag=direct"],
            ):
                code, text = self._run(command, 120)
                if code != 0:
                    return " ".join(text.split())
        finally:
            name.unlink(missing_ok=True)
        return ""

    def is_proven(self, unit: str) -> bool:
        """Whether the mount of this unit has gone by EFA, since it was made."""
        return self._proof(unit).exists()

    def note_proof(self, unit: str, proven: bool) -> None:
        """For later runs; a boot forgets it."""
        if proven:
            self._proof(unit).parent.mkdir(mode=0o755, exist_ok=True)
            self._proof(unit).touch()
        else:
            self._proof(unit).unlink(missing_ok=True)

    def _proof(self, unit: str) -> Path:
        return self._root / "run/podforge-fsx-efa" / unit

    def _run(self, command: t.Sequence[str], patience: float) -> tuple[int, str]:
        environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{_SBIN}"}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return HUNG, f"{' '.join(command)} has not ended after {patience:.0f} seconds"
        except OSError as error:
            return HUNG, f"{command[0]}: {error.strerror}"
        return done.returncode, done.stdout.decode(errors="replace")


def _lists(path: Path, module: str) -> bool:
    return f"/{module}.ko" in path.read_text(encoding="utf-8", errors="replace")
