# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers of a directory have in common: made once, started and stopped by name, ended by name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

from local_cloud.errors import LocalCloudError
from local_cloud.providers.podman_command import COMMAND_SECONDS
from local_cloud.providers.podman_command import LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

    from local_cloud.providers.podman_command import Podman

STOP_SECONDS = 10
_ADDRESSES = "podforge.addresses"


@dataclass(frozen=True)
class Place:
    """Where a container is.

    Attributes:
        name: of the container.
        cloud: value of the label that all containers of a local cloud carry.
        network: podman network it is in.
        address: its address there.
        prefix_length: of that network.
        labels: further ones.
    """

    name: str
    cloud: str
    network: str
    address: str
    prefix_length: int
    labels: Mapping[str, str] = field(default_factory=dict)


def hardware_address(address: str) -> str:
    """One that stays when the container is started again: neighbors remember it (locally administered, IEEE 802)."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *ipaddress.IPv4Address(address).packed))


class Machine:
    """One container that runs one service at one or several addresses."""

    def __init__(self, podman: Podman, place: Place, image: str, addresses: Sequence[str]) -> None:
        """One that need not be there yet.

        Args:
            podman: runs it.
            place: of its first address.
            image: from directory.image.
            addresses: all of them, the first one included.
        """
        self.podman = podman
        self.place = place
        self.addresses = tuple(addresses)
        self._image = image

    @property
    def name(self) -> str:
        """Name of the container."""
        return self.place.name

    def state(self) -> str | None:
        """``running``, ``exited``, ...; None when there is no such container.

        Raises:
            LocalCloudError: a container of that name belongs to somebody else.
        """
        found = self.podman.inspect(self.name)
        if found is None:
            return None
        if (found["Config"].get("Labels") or {}).get(LABEL) != self.place.cloud:
            raise LocalCloudError(
                f"A container named {self.name} exists that is not ours. Remove it with: podman rm -f {self.name}"
            )
        return str(found["State"]["Status"])

    def fits(self) -> bool:
        """Whether the container that is there is of this image and has these addresses."""
        found = self.podman.inspect(self.name) or {}
        told = (found["Config"].get("Labels") or {}).get(_ADDRESSES) if found else None
        return bool(told == " ".join(self.addresses) and found["ImageName"] == self._image)

    def launch(self, *options: str, command: tuple[str, ...]) -> None:
        """Create and start the container, or start the one that is there."""
        state = self.state()
        if state is None:
            more = " ".join(f"{address}/{self.place.prefix_length}" for address in self.addresses[1:])
            labels = {LABEL: self.place.cloud, _ADDRESSES: " ".join(self.addresses), **self.place.labels}
            try:
                self.podman.run(
                    *("run", "--detach", f"--name={self.name}", f"--network={self.place.network}"),
                    *(f"--ip={self.place.address}", f"--mac-address={hardware_address(self.place.address)}"),
                    *("--no-hosts", "--restart=no"),
                    *self.podman.runtime.plain_args,
                    *(f"--label={key}={value}" for key, value in labels.items()),
                    *("--cap-add=NET_ADMIN", f"--env=ADDRESSES={more}"),
                    *options,
                    self._image,
                    "/opt/directory/at-addresses",
                    *command,
                )
            except LocalCloudError:
                # podman leaves a container that it could create and not start
                self.podman.remove(self.name)
                raise
        elif state != "running":
            self.podman.run("start", self.name)

    def stop(self) -> None:
        """End the service; its data stays. One that is down already is no error."""
        self.podman.run("stop", "--ignore", "--time", str(STOP_SECONDS), self.name)

    def start(self) -> None:
        """Start it again."""
        self.podman.run("start", self.name)

    def remove(self) -> None:
        """End it and forget its data. One that is gone already is no error."""
        if self.state() is not None:
            self.podman.remove(self.name)

    def execute(self, *command: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
        """Run a command in the container; what it prints. Raises PodmanError with the end of its errors."""
        return self.podman.run("exec", "--interactive", self.name, *command, stdin=stdin, seconds=seconds)
