# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer that ends TLS: HAProxy in a container, its files in a folder of this machine."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from local_cloud.directory import haproxy
from local_cloud.directory.containers import Machine
from local_cloud.errors import LocalCloudError
from local_cloud.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence
    from pathlib import Path

    from local_cloud.directory.containers import Place
    from local_cloud.providers.podman_command import Podman

CONFIGURATION = "haproxy.cfg"
# There while HAProxy runs with the files beside it.
_TAKEN_UP = "taken-up"
_SECONDS = 10.0


class Balancer(Machine):
    """One HAProxy. Other settings are taken up without ending connections."""

    def __init__(self, podman: Podman, place: Place, image: str, folder: Path, addresses: Sequence[str]) -> None:
        """See Machine; ``folder`` (made, mode 0700) keeps its configuration and keys."""
        super().__init__(podman, place, image, addresses)
        self._folder = folder
        self._sockets = folder / "run"

    def apply(
        self,
        listeners: tuple[haproxy.Listener, ...],
        groups: tuple[haproxy.Group, ...],
        certificates: Mapping[str, str],
    ) -> None:
        """Run with these settings; what runs with them already is left alone.

        Args:
            listeners: the ports.
            groups: where they lead.
            certificates: PEM files by name: key, certificate and chain.

        Raises:
            LocalCloudError: HAProxy refuses them, in its words, or it does not answer.
        """
        self._sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        files = {name: text.encode() for name, text in certificates.items()}
        files[CONFIGURATION] = haproxy.render(listeners, groups).encode()
        changed = [name for name, content in files.items() if _read(self._folder / name) != content]
        mark = self._folder / _TAKEN_UP
        if changed:
            mark.unlink(missing_ok=True)
        for name in changed:
            write_atomically(self._folder / name, files[name])
        for path in self._folder.glob("*.pem"):
            if path.name not in certificates:
                path.unlink()
        if self.state() is not None and not self.fits():
            # other subnets, or a newer version of this program: it has no data to lose
            self.remove()
        if self.state() != "running":
            self.launch(
                f"--volume={self._folder}:{haproxy.FOLDER}:ro",
                f"--volume={self._sockets}:{haproxy.SOCKET_FOLDER}",
                command=("haproxy", "-W", "-db", "-f", f"{haproxy.FOLDER}/{CONFIGURATION}"),
            )
            self._wait_for_another("")
        elif not mark.exists():
            before = self._worker()
            self.execute("haproxy", "-c", "-W", "-f", f"{haproxy.FOLDER}/{CONFIGURATION}")
            self.podman.run("kill", "--signal=USR2", self.name)
            self._wait_for_another(before)
        mark.touch()

    def health(self) -> dict[tuple[str, str], haproxy.Health]:
        """Health of the targets by (group, ``address:port``). Raises LocalCloudError when HAProxy doesn't answer."""
        return haproxy.parse_health(self._ask("show stat"))

    def _worker(self) -> str:
        """Process id of the worker that answers now; empty when none does."""
        try:
            answer = self._ask("show info")
        except LocalCloudError:
            return ""
        return next((line for line in answer.splitlines() if line.startswith("Pid:")), "")

    def _wait_for_another(self, worker: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while self._worker() in ("", worker):
            if time.monotonic() > deadline:
                raise LocalCloudError(f"HAProxy in {self.name} did not start: see podman logs {self.name}")
            time.sleep(0.05)

    def _ask(self, command: str) -> str:
        """One command to the statistics socket; the folder may be too deep for a socket's path (unix(7))."""
        try:
            folder = os.open(self._sockets, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise LocalCloudError(f"{self.name} has no folder {self._sockets}: {error.strerror}") from None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_SECONDS)
                connection.connect(f"/proc/self/fd/{folder}/{haproxy.SOCKET}")
                connection.sendall(f"{command}\n".encode())
                pieces = iter(lambda: connection.recv(65536), b"")
                return b"".join(pieces).decode(errors="replace")
        except OSError as error:
            raise LocalCloudError(f"HAProxy in {self.name} does not answer: {error}") from None
        finally:
            os.close(folder)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
