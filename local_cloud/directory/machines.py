# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plays the controllers and balancers of a local cloud: containers of podman, or nothing."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol

from local_cloud.directory import hooks
from local_cloud.directory.balancer import Balancer
from local_cloud.directory.containers import Place
from local_cloud.directory.controller import DomainController
from local_cloud.directory.controller import ldap_answers
from local_cloud.directory.image import ensure_image
from local_cloud.providers.podman_command import PodmanError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from pathlib import Path

    from local_cloud.directory.haproxy import Group
    from local_cloud.directory.haproxy import Health
    from local_cloud.directory.haproxy import Listener
    from local_cloud.providers.podman_command import Podman
    from local_cloud.providers.podman_vpc import VpcNetwork
    from local_cloud.providers.podman_vpc import VpcNetworks

log = logging.getLogger(__name__)
# On containers that are directories or balancers: their id.
ID_LABEL = "podforge.directory"
_CONTROLLER_SECONDS = 180.0


@dataclass(frozen=True)
class Spot:
    """Where a directory or balancer is.

    Attributes:
        id: of the directory, or the last part of the balancer's ARN.
        addresses: private ones, the first is the container's own.
        vpc_id, vpc_cidr, subnet_cidr: of its first address.
    """

    id: str
    addresses: tuple[str, ...]
    vpc_id: str
    vpc_cidr: str
    subnet_cidr: str


class Machines(Protocol):
    """Starts and ends controllers and balancers. All but ``simulated`` may raise LocalCloudError."""

    simulated: bool
    """True: nothing runs, the keeper moves things on by time."""

    def make_directory(self, spot: Spot, domain: str, netbios: str, password: str) -> None:
        """Have a controller with that domain; one that is there is left alone."""

    def directory_state(self, spot: Spot) -> tuple[bool, bool]:
        """(it exists, it answers); one that has ended is started again first."""

    def end_directory(self, spot: Spot) -> None:
        """Remove it; one that is gone is no error."""

    def forward(self, spot: Spot, forwarders: Mapping[str, list[str]]) -> None:
        """Set the conditional forwarders, addresses by domain."""

    def reset_password(self, spot: Spot, user: str, password: str) -> None:
        """Set a password. Raises an error of directory.hooks."""

    def run_balancer(
        self, spot: Spot, listeners: tuple[Listener, ...], groups: tuple[Group, ...], certificates: Mapping[str, str]
    ) -> None:
        """Have a balancer with these settings."""

    def stop_balancer(self, spot: Spot) -> None:
        """The endpoint is down; it stays."""

    def health(self, spot: Spot) -> dict[tuple[str, str], Health]:
        """What the balancer says of its targets, by group and ``address:port``."""

    def keep_only(self, ids: Iterable[str]) -> None:
        """Remove all directories and balancers but these."""

    def serve_zones(self, vpc_id: str, files: Mapping[str, str]) -> None:
        """Let the VPC's resolver serve these zones."""


class NoMachines:
    """Of the provider ``records``: states without machines."""

    simulated = True

    def make_directory(self, spot: Spot, domain: str, netbios: str, password: str) -> None:
        """See Machines."""

    def directory_state(self, spot: Spot) -> tuple[bool, bool]:
        """See Machines."""
        return True, True

    def end_directory(self, spot: Spot) -> None:
        """See Machines."""

    def forward(self, spot: Spot, forwarders: Mapping[str, list[str]]) -> None:
        """See Machines."""

    def reset_password(self, spot: Spot, user: str, password: str) -> None:
        """The one user that is known without a directory is Admin."""
        if user.lower() != "admin":
            raise hooks.NoSuchUserError

    def run_balancer(
        self, spot: Spot, listeners: tuple[Listener, ...], groups: tuple[Group, ...], certificates: Mapping[str, str]
    ) -> None:
        """See Machines."""

    def stop_balancer(self, spot: Spot) -> None:
        """See Machines."""

    def health(self, spot: Spot) -> dict[tuple[str, str], Health]:
        """See Machines."""
        return {}

    def keep_only(self, ids: Iterable[str]) -> None:
        """See Machines."""

    def serve_zones(self, vpc_id: str, files: Mapping[str, str]) -> None:
        """See Machines."""


class PodmanMachines:
    """Containers ``podforge-<cloud>-<id>`` in the networks of the nodes."""

    simulated = False

    def __init__(self, podman: Podman, networks: VpcNetworks, cloud: str, state_dir: Path) -> None:
        self._podman = podman
        self._networks = networks
        self._cloud = cloud
        self._folder = state_dir / "balancers"
        self._image: str | None = None

    def make_directory(self, spot: Spot, domain: str, netbios: str, password: str) -> None:
        """See Machines."""
        network = self._network(spot)
        controller = self._controller(spot, network)
        controller.create()
        controller.forward([], [network.resolver])
        controller.provision(domain, netbios, password)
        controller.wait(_CONTROLLER_SECONDS)

    def directory_state(self, spot: Spot) -> tuple[bool, bool]:
        """See Machines."""
        if all(ldap_answers(address) for address in spot.addresses):
            return True, True
        controller = self._controller(spot, self._network(spot))
        state = controller.state()
        if state is None:
            return False, False
        if state != "running":
            controller.start()
            controller.wait(_CONTROLLER_SECONDS)
        return True, all(ldap_answers(address) for address in spot.addresses)

    def end_directory(self, spot: Spot) -> None:
        """See Machines."""
        self._podman.remove(self._name(spot))
        self._networks.drop(spot.vpc_id)

    def forward(self, spot: Spot, forwarders: Mapping[str, list[str]]) -> None:
        """See Machines."""
        network = self._network(spot)
        lines = [f"{domain}/{address}" for domain, addresses in forwarders.items() for address in addresses]
        self._controller(spot, network).forward(lines, [network.resolver])

    def reset_password(self, spot: Spot, user: str, password: str) -> None:
        """See Machines."""
        try:
            self._controller(spot, self._network(spot)).set_password(user, password)
        except PodmanError as error:
            told = str(error)
            if "no such user" in told:
                raise hooks.NoSuchUserError from None
            if "Constraint violation" in told or "password" in told.lower():
                raise hooks.PasswordRefusedError(told.rpartition(" - ")[2] or told) from None
            raise hooks.UnavailableError("The domain controllers do not answer.") from None

    def run_balancer(
        self, spot: Spot, listeners: tuple[Listener, ...], groups: tuple[Group, ...], certificates: Mapping[str, str]
    ) -> None:
        """See Machines."""
        try:
            self._balancer(spot).apply(listeners, groups, certificates)
        except PodmanError:
            # somebody may have removed the image; it is looked for again next time
            self._image = None
            raise

    def stop_balancer(self, spot: Spot) -> None:
        """See Machines."""
        balancer = self._balancer(spot)
        if balancer.state() == "running":
            balancer.stop()

    def health(self, spot: Spot) -> dict[tuple[str, str], Health]:
        """See Machines."""
        return self._balancer(spot).health()

    def keep_only(self, ids: Iterable[str]) -> None:
        """See Machines."""
        kept = set(ids)
        for container in self._podman.containers(self._cloud):
            own = (container.get("Labels") or {}).get(ID_LABEL)
            if own is not None and own not in kept:
                self._podman.remove(container["Names"][0])
                self._networks.drop()
        for folder in self._folder.glob("*"):
            if folder.name not in kept:
                # it has the keys of certificates
                shutil.rmtree(folder, ignore_errors=True)

    def serve_zones(self, vpc_id: str, files: Mapping[str, str]) -> None:
        """See Machines."""
        self._networks.serve_zones(vpc_id, files)

    def _name(self, spot: Spot) -> str:
        return f"podforge-{self._cloud}-{spot.id}"

    def _network(self, spot: Spot) -> VpcNetwork:
        return self._networks.ensure(spot.vpc_id, spot.vpc_cidr, spot.subnet_cidr)

    def _place(self, spot: Spot, network: VpcNetwork) -> Place:
        return Place(
            self._name(spot), self._cloud, network.name, spot.addresses[0], network.prefix_length, {ID_LABEL: spot.id}
        )

    def _controller(self, spot: Spot, network: VpcNetwork) -> DomainController:
        return DomainController(self._podman, self._place(spot, network), self._ensure_image(), spot.addresses)

    def _balancer(self, spot: Spot) -> Balancer:
        place = self._place(spot, self._network(spot))
        return Balancer(self._podman, place, self._ensure_image(), self._folder / spot.id, spot.addresses)

    def _ensure_image(self) -> str:
        if self._image is None:
            self._image = ensure_image(log.info)
        return self._image
