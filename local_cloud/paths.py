# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an instance of local_cloud keeps its files (XDG Base Directory Specification 0.8)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from local_cloud.errors import LocalCloudError

# The name becomes part of container, network and host names.
NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
# sockaddr_un.sun_path holds 108 bytes with the closing NUL (unix(7)).
MAX_SOCKET_PATH = 107


def _base(own: str, xdg: str, default: str) -> Path:
    if os.environ.get(own):
        return Path(os.environ[own]).absolute()
    xdg_home = os.environ.get(xdg, "")
    # "If an implementation encounters a relative path [...] it should consider the path invalid and ignore it."
    base = Path(xdg_home) if xdg_home.startswith("/") else Path.home() / default
    return base / "podforge-hyperpod"


def state_home() -> Path:
    """Folder that holds the state of all instances."""
    return _base("PODFORGE_STATE", "XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    """Folder of what can be made again: images, wheels."""
    return _base("PODFORGE_CACHE", "XDG_CACHE_HOME", ".cache")


@dataclass(frozen=True)
class CloudPaths:
    """Names of one instance: `name`, its state folder `state` and the shared cache folder `cache`."""

    name: str
    state: Path
    cache: Path

    @classmethod
    def of(cls, name: str = "default") -> CloudPaths:
        """Paths of the instance `name`; creates nothing.

        Raises:
            LocalCloudError: the name can't be part of a container name, or the path of the socket is too long.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise LocalCloudError(
                f"Instance name '{name}' is not usable: take 1 to 32 lower case letters, digits and inner hyphens."
            )
        paths = cls(name=name, state=state_home() / name, cache=cache_home())
        if len(os.fsencode(paths.api_socket)) > MAX_SOCKET_PATH:
            raise LocalCloudError(
                f"The socket path {paths.api_socket} is longer than {MAX_SOCKET_PATH} bytes: "
                "set PODFORGE_STATE to a shorter folder."
            )
        return paths

    @property
    def socket_dir(self) -> Path:
        """Folder (mode 0700) that nodes get mounted."""
        return self.state / "socket"

    @property
    def api_socket(self) -> Path:
        """Unix socket of the API."""
        return self.socket_dir / "api.sock"

    @property
    def server_log(self) -> Path:
        """Log of the server process."""
        return self.state / "server.log"

    @property
    def server_file(self) -> Path:
        """JSON: pid, port, provider and speed of the running server; absent when none runs."""
        return self.state / "server.json"

    @property
    def lock_file(self) -> Path:
        """Locked (flock) by the running server for as long as it lives."""
        return self.state / "server.lock"

    @property
    def faults_file(self) -> Path:
        """Injected faults."""
        return self.state / "faults.json"

    @property
    def moto_dir(self) -> Path:
        """Saved moto backends."""
        return self.state / "moto"

    @property
    def hyperpod_dir(self) -> Path:
        """Saved clusters, instance groups, nodes and events."""
        return self.state / "hyperpod"

    @property
    def nodes_dir(self) -> Path:
        """One folder per instance id, owned by the provider."""
        return self.state / "nodes"

    @property
    def fsx_dir(self) -> Path:
        """Shared file systems: <account>/<region>."""
        return self.state / "fsx"
