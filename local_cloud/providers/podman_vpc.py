# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPCs as podman networks, each with a resolver at the address where a VPC has it."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.files import write_atomically
from local_cloud.providers import podman_network
from local_cloud.providers.base import LaunchError
from local_cloud.providers.podman_command import LABEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from pathlib import Path

    from local_cloud.providers.podman_command import Podman

# The VPC's base address plus two (Amazon VPC user guide, "Amazon DNS server").
RESOLVER_HOST = 2
# Where the resolver finds its zones; /opt/local_cloud/bin/resolver reads this folder.
_ZONES = "/opt/local_cloud/zones"


@dataclass(frozen=True)
class VpcNetwork:
    """A block of a VPC.

    Attributes:
        name: of the podman network.
        prefix_length: of the block.
        resolver: address of its name server.
    """

    name: str
    prefix_length: int
    resolver: str


class VpcNetworks:
    """The networks of one local cloud. Safe to use from several threads."""

    def __init__(self, podman: Podman, cloud: str, state_dir: Path, image: Callable[[], str]) -> None:
        """``image``: the reference of the node image, whose resolver is used."""
        self._podman = podman
        self._cloud = cloud
        self._folder = state_dir / "resolvers"
        self._image = image
        self._lock = threading.RLock()
        self._ready: dict[tuple[str, str], VpcNetwork] = {}

    def ensure(self, vpc_id: str, vpc_cidr: str, subnet_cidr: str) -> VpcNetwork:
        """The network of the VPC's block that holds the subnet, with its resolver running.

        Raises:
            LaunchError: its addresses are taken on this machine; the text names free ones.
            PodmanError: podman can't make it.
        """
        block = ipaddress.IPv4Network(vpc_cidr)
        if not ipaddress.IPv4Network(subnet_cidr).subnet_of(block):
            block = ipaddress.IPv4Network(subnet_cidr)  # a further CIDR block of the VPC
        with self._lock:
            known = self._ready.get((vpc_id, str(block)))
            if known is not None:
                return known
            network = VpcNetwork(self._ensure(vpc_id, block), block.prefixlen, str(block[RESOLVER_HOST]))
            self._start_resolver(vpc_id, network)
            self._ready[vpc_id, str(block)] = network
            return network

    def drop(self, vpc_id: str | None = None) -> int:
        """Remove the networks of a VPC, or of all, that nothing but their resolvers uses; how many went."""
        prefix = f"podforge-{self._cloud}-{vpc_id or ''}"
        with self._lock:
            names = {podman_network.name_of(network) for network in self._networks(own=True)}
            wanted = sorted(name for name in names if name.startswith(prefix))
            gone = [name for name in wanted if self._drop(name)]
            self._ready = {key: network for key, network in self._ready.items() if network.name not in gone}
            return len(gone)

    def serve_zones(self, vpc_id: str, files: Mapping[str, str]) -> None:
        """Let the resolvers of a VPC serve these zones.

        Args:
            vpc_id: need not have nodes yet.
            files: configuration (``*.conf``) and zone files by name; all others are removed.
        """
        folder = self._zones_of(vpc_id)
        changed = False
        for name, text in files.items():
            path = folder / name
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                write_atomically(path, text.encode(), 0o644)
                changed = True
        for path in folder.iterdir():
            if path.name not in files:
                path.unlink()
                changed = True
        if changed:
            for network in [network for (vpc, _block), network in list(self._ready.items()) if vpc == vpc_id]:
                # answers stay away for the few milliseconds in which the program starts again
                self._podman.call("kill", "--signal=HUP", _resolver_name(network.name))

    def _zones_of(self, vpc_id: str) -> Path:
        folder = self._folder / vpc_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _ensure(self, vpc_id: str, block: ipaddress.IPv4Network) -> str:
        networks = self._networks()
        prefix = f"podforge-{self._cloud}-{vpc_id}"
        own = [n for n in networks if podman_network.name_of(n).startswith(prefix)]
        for network in own:
            if block in podman_network.subnets(network):
                return podman_network.name_of(network)
        taken = podman_network.overlap(str(block), _routes(), networks)
        if taken is not None and self.drop():
            networks = self._networks()
            taken = podman_network.overlap(str(block), _routes(), networks)
        if taken is not None:
            free = podman_network.free_block(_routes(), networks)
            raise LaunchError(
                f"The addresses of VPC {vpc_id} ({block}) are in use by {taken}. "
                f"Give the VPC another CIDR block, for example {free}."
            )
        name = f"{prefix}-{len(own)}" if own else prefix
        label = f"--label={LABEL}={self._cloud}"
        self._podman.run("network", "create", "--disable-dns", label, f"--subnet={block}", name)
        return name

    def _start_resolver(self, vpc_id: str, network: VpcNetwork) -> None:
        name = _resolver_name(network.name)
        found = self._podman.inspect(name)
        if found is None:
            self._podman.run(
                *("run", "--detach", f"--name={name}", f"--network={network.name}", f"--ip={network.resolver}"),
                *self._podman.runtime.plain_args,
                *("--restart=no", "--no-hosts", f"--label={LABEL}={self._cloud}", "--stop-signal=TERM"),
                f"--volume={self._zones_of(vpc_id)}:{_ZONES}:ro",
                self._image(),
                "/opt/local_cloud/bin/resolver",
            )
        elif found["State"]["Status"] != "running":
            self._podman.run("start", name)

    def _drop(self, name: str) -> bool:
        """Remove a network; False when an instance or a directory is in it."""
        resolver = _resolver_name(name)
        output = self._podman.run("ps", "--all", f"--filter=network={name}", "--format=json")
        users = {user for container in json.loads(output or "[]") for user in container["Names"]}
        if users - {resolver}:
            return False
        self._podman.remove(resolver)
        return self._podman.call("network", "rm", name).returncode == 0

    def _networks(self, own: bool = False) -> list[dict[str, Any]]:
        names = self._podman.run("network", "ls", "--quiet").split()
        networks: list[dict[str, Any]] = json.loads(self._podman.run("network", "inspect", *names)) if names else []
        if own:
            networks = [n for n in networks if podman_network.labels_of(n).get(LABEL) == self._cloud]
        return networks


def _resolver_name(network: str) -> str:
    return f"{network}-resolver"


def _routes() -> list[dict[str, Any]]:
    command = ["ip", "-json", "-4", "route"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    routes: list[dict[str, Any]] = json.loads(output or "[]")
    return routes
