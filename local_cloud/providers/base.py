# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service and a provider of instances say to each other."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class LaunchError(Exception):
    """An instance could not be started. ``message`` is shown to the customer as the node's failure."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class NodeSpec:
    """All that a provider must know to start one instance.

    ``root_volume`` numbers the root volumes the instance has had, from 1. UpdateClusterSoftware keeps the instance
    and its address, and gives it a new root volume: ``launch`` with a larger number than the one that runs starts the
    instance again from the image, with nothing of its former disks. ``agent_token`` changes with it.
    ``on_create`` and ``on_init_complete`` name the entry script below ``source_s3_uri``; at most one is set, none
    means that nothing is run.
    """

    cloud: str
    account_id: str
    region: str
    partition: str
    cluster_arn: str
    cluster_id: str
    cluster_name: str
    instance_group: str
    instance_id: str
    instance_type: str
    instance_name: str
    node_logical_id: str
    availability_zone: str
    availability_zone_id: str
    vpc_id: str
    vpc_cidr: str
    subnet_id: str
    subnet_cidr: str
    ip_address: str
    agent_ip_address: str
    hostname: str
    execution_role_arn: str
    source_s3_uri: str | None
    on_create: str | None
    on_init_complete: str | None
    ebs_volume_gb: int | None
    mounts: tuple[str, ...]
    threads_per_core: int
    orchestrator: str
    image_id: str
    image_release_version: str
    agent_token: str
    root_volume: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types (``mounts`` is a list)."""
        data = dataclasses.asdict(self)
        data["mounts"] = list(self.mounts)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NodeSpec:
        """The inverse of :meth:`to_dict`; keys that are not fields raise TypeError."""
        return cls(**{**data, "mounts": tuple(data["mounts"])})

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NodeSpec:
        """The inverse of :meth:`to_json`."""
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True)
class ProviderSettings:
    """What every provider is constructed with: ``SomeProvider(settings)``.

    ``cloud`` is the name of the local cloud (``--name``), ``state_dir`` its own folder, ``port`` the API's port.
    """

    cloud: str
    state_dir: Path
    cache_dir: Path
    port: int


class Provider(Protocol):
    """Starts and ends instances. Calls come from one thread at a time, except ``running``."""

    name: str
    simulated: bool
    """True: instances have no agents; the service moves the node on after the documented durations."""

    def launch(self, spec: NodeSpec) -> None:
        """Create and start what is not there yet. Idempotent: called again after a restart of the service.

        An instance that exists and is stopped is started; one with a smaller ``root_volume`` is made anew.
        Raises LaunchError.
        """

    def reboot(self, spec: NodeSpec) -> None:
        """Restart the instance; its disks stay. An instance that does not exist raises LaunchError."""

    def terminate(self, spec: NodeSpec) -> None:
        """End the instance and remove its disks. An instance that does not exist is no error."""

    def running(self) -> set[str]:
        """The ids of the instances that run now."""

    def close(self, purge: bool) -> None:
        """Stop the instances (they can be launched again); with ``purge`` remove them and all that was made."""
