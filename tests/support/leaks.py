# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a secret must not be: command lines, files, logs. Secrets are looked for without being put anywhere."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

# Often enough to see a process of some tenths of a second.
_PAUSE = 0.1
# What is no file of ours, or has no end.
_NOT_FILES = ("/proc", "/sys", "/dev", "/usr", "/fsx", "/opt/slurm", "/opt/aws-cli")


class CommandLines:
    """All command lines of this machine, containers included, that are seen while it watches."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.rounds = 0
        self._over = threading.Event()

    def look(self) -> None:
        """Once."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):  # it has ended
                    self.seen.add((folder / "cmdline").read_bytes())
        self.rounds += 1

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE):
            self.look()

    @contextlib.contextmanager
    def watching(self) -> Iterator[CommandLines]:
        """Watch in the background."""
        self._over.clear()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def with_any(self, secrets: Iterable[str]) -> list[str]:
        """Names of programs that had a secret on their command line."""
        wanted = [secret.encode() for secret in secrets]
        return sorted(
            {line.split(b"\0", 1)[0].decode() for line in self.seen if any(secret in line for secret in wanted)}
        )


def in_text(text: bytes | str, secrets: Iterable[str]) -> bool:
    """Whether any of them is in there."""
    content = text.encode() if isinstance(text, str) else text
    return any(secret.encode() in content for secret in secrets)


def in_bundle(content: bytes, secrets: list[str]) -> list[str]:
    """Members of a tar archive that have any of them."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive if member.isfile()]
        return [
            member.name for member in members if in_text((archive.extractfile(member) or io.BytesIO()).read(), secrets)
        ]


def files_on_node(container: str, secrets: list[str]) -> list[str]:
    """Files in a container that have any of them; grep gets them by its standard input."""
    find = f"""
        find / -xdev {" ".join(f"-path {name} -prune -o" for name in _NOT_FILES)} -type f -size -20M -print0 |
        xargs -0 -r grep -lF -f "$1"
        find /run /tmp /dev/shm /fsx/home -type f -size -20M -print0 2>/dev/null | xargs -0 -r grep -lF -f "$1"
    """
    # a file of its own, in memory, which is gone when the shell is
    script = f'umask 077; list=$(mktemp -p /dev/shm); cat > "$list"; set -- "$list"; {find}; rm -f "$list"'
    done = subprocess.run(
        ["podman", "exec", "-i", container, "bash", "-c", script],
        input="\n".join(secrets) + "\n",
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return sorted({line for line in done.stdout.splitlines() if not line.startswith("/dev/shm/tmp.")})


def files_below(folder: Path, secrets: list[str]) -> list[str]:
    """Files below a folder of this machine that have any of them."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and in_text(path.read_bytes(), secrets):
                found.append(str(path))
    return found
