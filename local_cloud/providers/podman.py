# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances as systemd containers, one each; VPCs as podman networks.

Everything made here carries the label ``podforge.local_cloud=<cloud>``; nothing else is touched. Per instance, below
the cloud's state folder: ``nodes/<id>`` (what the node is told, mounted read-only at /opt/local_cloud/node),
``disks/<id>`` (its volumes), ``logs/<id>`` (kept after its end).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.ami.agents.lifecycle_plan import IMDS_PATIENCE
from local_cloud.ami.build import ensure_image
from local_cloud.hyperpod.instance_types import has_instance_store
from local_cloud.image_base import ImageError
from local_cloud.providers.base import LaunchError
from local_cloud.providers.podman_command import LABEL
from local_cloud.providers.podman_command import Podman
from local_cloud.providers.podman_command import PodmanError
from local_cloud.providers.podman_runtime import detect
from local_cloud.providers.podman_vpc import VpcNetworks

if TYPE_CHECKING:
    from pathlib import Path

    from local_cloud.providers.base import NodeSpec
    from local_cloud.providers.base import ProviderSettings
    from local_cloud.providers.podman_vpc import VpcNetwork

LOG = logging.getLogger(__name__)
INSTANCE_LABEL = "podforge.instance_id"
SHAPE_LABEL = "podforge.shape"
STOP_SECONDS = 20
MEMORY = "4g"
PIDS = 4096
SHM = "256m"
# A change of one of these makes another machine; of all others the node learns by its files.
SHAPE = ("ip_address", "hostname", "vpc_id", "vpc_cidr", "subnet_cidr", "root_volume")


def shape_of(spec: NodeSpec) -> str:
    """What a container of this spec can't change while it lives."""
    facts = spec.to_dict()
    return json.dumps({key: facts[key] for key in SHAPE}, sort_keys=True)


def container_name(spec: NodeSpec) -> str:
    """``podforge-<cloud>-<hostname>-<last 5 of the instance id>``."""
    return f"podforge-{spec.cloud}-{spec.hostname}-{spec.instance_id[-5:]}"


def mount_points(spec: NodeSpec) -> list[str]:
    """Where shared file systems are mounted; Slurm clusters have /fsx in any case."""
    paths = list(spec.mounts)
    if spec.orchestrator == "Slurm" and "/fsx" not in paths:
        paths.append("/fsx")
    return sorted(set(paths))


class PodmanProvider:
    """Starts and ends instances as containers of this machine. Implements ``providers.base.Provider``.

    Raises:
        RuntimeProblem: podman can't run systemd containers here.
    """

    name = "podman"
    simulated = False

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._runtime = detect()
        self.podman = Podman(self._runtime)
        self.networks = VpcNetworks(self.podman, settings.cloud, settings.state_dir, self._ensure_image)
        self._image: str | None = None
        self._lock = threading.Lock()

    def launch(self, spec: NodeSpec) -> None:
        """Create and start what is not there; see Provider."""
        try:
            self._launch(spec)
        except (PodmanError, ImageError, OSError) as error:
            raise LaunchError(f"Instance {spec.instance_id} could not be started: {error}") from error

    def _launch(self, spec: NodeSpec) -> None:
        name = container_name(spec)
        found = self._inspect(name)
        if found is not None and found["Config"]["Labels"].get(SHAPE_LABEL) != shape_of(spec):
            self._keep_logs(spec, name)
            self._remove(name)
            self._remove_disks(spec)
            found = None
        moved = self._write_node(spec)
        network = self.networks.ensure(spec.vpc_id, spec.vpc_cidr, spec.subnet_cidr)
        if found is None:
            self._create(spec, name, network)
        elif found["State"]["Status"] != "running":
            self.podman.run("start", name)
        elif moved:
            # Its socket unit listens on the port of the time it booted.
            self.podman.run("restart", "--time", str(STOP_SECONDS), name)

    def reboot(self, spec: NodeSpec) -> None:
        """Restart the container; its file system stays."""
        name = container_name(spec)
        if self._inspect(name) is None:
            raise LaunchError(f"Instance {spec.instance_id} does not exist.")
        try:
            self.podman.run("restart", "--time", str(STOP_SECONDS), name)
        except PodmanError as error:
            raise LaunchError(f"Instance {spec.instance_id} could not be restarted: {error}") from error

    def terminate(self, spec: NodeSpec) -> None:
        """Remove the container and its disks; its logs are kept in ``logs/<instance id>``."""
        name = container_name(spec)
        if self._inspect(name) is not None:
            self._keep_logs(spec, name)
            self._remove(name)
        self._remove_disks(spec)
        shutil.rmtree(self._settings.state_dir / "nodes" / spec.instance_id, ignore_errors=True)
        # The next VPC may have the same addresses; a network that is in use stays, as podman refuses.
        self.networks.drop(spec.vpc_id)

    def running(self) -> set[str]:
        """Ids of the instances whose containers run."""
        return {
            container["Labels"][INSTANCE_LABEL]
            for container in self._containers()
            if container["State"] == "running" and INSTANCE_LABEL in (container.get("Labels") or {})
        }

    def close(self, purge: bool) -> None:
        """Stop all instances of this cloud, or remove them with their networks, disks and logs."""
        names = [container["Names"][0] for container in self._containers()]
        if not purge:
            if names:
                self.podman.run("stop", "--ignore", "--time", str(STOP_SECONDS), *names)
            return
        for name in names:
            self._remove(name)
        self.networks.drop()
        for folder in ("nodes", "disks", "logs", "fsx", "balancers", "resolvers"):
            shutil.rmtree(self._settings.state_dir / folder, ignore_errors=True)

    # --- containers ----------------------------------------------------------------------------------------------

    def _create(self, spec: NodeSpec, name: str, network: VpcNetwork) -> None:
        try:
            self.podman.run("run", "--detach", *self._arguments(spec, name, network), self._ensure_image())
        except PodmanError:
            # podman leaves a container that it could create and not start.
            self.podman.run("rm", "--force", "--ignore", name)
            # somebody may have removed the image; it is looked for again next time
            self._image = None
            raise

    def _arguments(self, spec: NodeSpec, name: str, network: VpcNetwork) -> list[str]:
        labels = {LABEL: spec.cloud, INSTANCE_LABEL: spec.instance_id, SHAPE_LABEL: shape_of(spec)}
        labels["podforge.cluster"] = spec.cluster_arn
        arguments = [
            *self._runtime.run_args,
            f"--name={name}",
            f"--hostname={spec.hostname}",
            f"--network={network.name}",
            f"--dns={network.resolver}",
            f"--ip={spec.ip_address}",
            "--no-hosts",  # /etc/hosts is the host agent's
            # The host's disks and accelerators are not the instance's.
            "--security-opt=mask=/sys/block:/sys/bus/pci/devices",
            "--cap-add=NET_ADMIN",  # the metadata service's address on the node's own loopback
            "--restart=no",
            f"--shm-size={SHM}",
            *(f"--label={key}={value}" for key, value in labels.items()),
            *(f"--env={line}" for line in self._environment(spec)),
            *(f"--volume={source}:{target}" for source, target in self._volumes(spec)),
        ]
        if self._runtime.can_limit_memory:
            arguments.append(f"--memory={MEMORY}")
        if self._runtime.can_limit_pids:
            arguments.append(f"--pids-limit={PIDS}")
        return arguments

    def _ensure_image(self) -> str:
        with self._lock:
            if self._image is None:
                self._image = ensure_image(LOG.info)
            return self._image

    def _inspect(self, name: str) -> dict[str, Any] | None:
        """The container, None when there is none. A foreign one of that name is an error."""
        found = self.podman.inspect(name)
        if found is None:
            return None
        if (found["Config"].get("Labels") or {}).get(LABEL) != self._settings.cloud:
            raise LaunchError(f"A container named {name} exists that is not ours. Remove it with: podman rm -f {name}")
        return found

    def _containers(self) -> list[dict[str, Any]]:
        return self.podman.containers(self._settings.cloud)

    def _remove(self, name: str) -> None:
        self.podman.remove(name)

    # --- files ---------------------------------------------------------------------------------------------------

    def _environment(self, spec: NodeSpec) -> list[str]:
        return [
            f"AWS_ENDPOINT_URL=http://127.0.0.1:{self._settings.port}",
            f"AWS_REGION={spec.region}",
            f"AWS_DEFAULT_REGION={spec.region}",
            *(f"{name}={value}" for name, value in IMDS_PATIENCE.items()),
        ]

    def _write_node(self, spec: NodeSpec) -> bool:
        """Write what the node is told. True when the API's port is another one than before."""
        folder = self._settings.state_dir / "nodes" / spec.instance_id
        folder.mkdir(parents=True, exist_ok=True)
        lines = self._environment(spec)
        environment = "\n".join(lines) + "\n"
        before = folder / "environment"
        moved = before.exists() and before.read_text(encoding="utf-8") != environment
        facts = spec.to_dict()
        token = facts.pop("agent_token")
        node = {
            "instance_id": spec.instance_id,
            "token": token,
            "hostname": spec.hostname,
            "region": spec.region,
            "port": self._settings.port,
            "spec": facts,
        }
        _write(folder / "node.json", json.dumps(node, indent=2), 0o600)
        _write(folder / "environment", environment, 0o644)
        quoted = " ".join(f'"{line}"' for line in lines)
        _write(folder / "systemd.conf", f"[Manager]\nDefaultEnvironment={quoted}\n", 0o644)
        return moved

    def _volumes(self, spec: NodeSpec) -> list[tuple[Path, str]]:
        """Folders of the host and where they are mounted; made here when they are missing."""
        state = self._settings.state_dir
        disks = state / "disks" / spec.instance_id
        volumes: list[tuple[Path, str]] = []
        if spec.ebs_volume_gb:
            volumes.append((disks / "sagemaker", "/opt/sagemaker"))
        if has_instance_store(spec.instance_type):
            volumes.append((disks / "nvme", "/opt/dlami/nvme"))
        shared = state / "fsx" / spec.account_id / spec.region
        volumes += [(shared / path.strip("/").replace("/", "-"), path) for path in mount_points(spec)]
        for source, _target in volumes:
            if not source.exists():
                source.mkdir(parents=True)
                source.chmod(0o1777 if source.parent == shared else 0o755)
        (state / "socket").mkdir(mode=0o700, parents=True, exist_ok=True)
        volumes.append((state / "socket", "/opt/local_cloud/socket"))
        volumes.append((state / "nodes" / spec.instance_id, "/opt/local_cloud/node:ro"))
        return volumes

    def _keep_logs(self, spec: NodeSpec, name: str) -> None:
        target = self._settings.state_dir / "logs" / spec.instance_id
        target.mkdir(parents=True, exist_ok=True)
        for source in ("/var/log/provision", "/var/log/aws/clusters", "/var/log/slurm"):
            done = self.podman.call("cp", f"{name}:{source}", str(target))
            if done.returncode:
                LOG.warning("%s of %s is lost: %s", source, name, done.stderr.strip())

    def _remove_disks(self, spec: NodeSpec) -> None:
        shutil.rmtree(self._settings.state_dir / "disks" / spec.instance_id, ignore_errors=True)


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file; it has its mode from the first byte on."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    temporary.chmod(mode)
    temporary.replace(path)
