# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that Kubernetes can run on: containers of the node image with containerd, and an AWS API on their loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from local_cloud.ami.build import ensure_image
from local_cloud.paths import CloudPaths
from local_cloud.providers.podman_runtime import detect
from tests.support.cloud import Cloud
from tests.support.kubernetes import packages

# With the role's packages, for no test is about the mirror, and boto3 where a lifecycle bundle has it.
CONTAINERFILE = """\
FROM {image}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \\
    containerd containernetworking-plugins conntrack ebtables ethtool haproxy iptables kmod socat \\
    && rm -rf /var/lib/apt/lists/* && mkdir -p /opt/podforge/current && ln -s /opt/aws-cli /opt/podforge/current/venv
"""
CLUSTER_ID = "molecule0001"
REGION = "us-west-2"


@dataclass
class KubernetesLab:
    """Controllers and workers."""

    name: str
    network: str
    folder: Path
    nodes: dict[str, str]  # address by name; those whose names have "master" in them are controllers
    cloud: Cloud = field(default_factory=lambda: Cloud("kubernetes", provider="records"))

    def container(self, node: str) -> str:
        """Name of a node's container."""
        return f"{self.name}-{node.replace('_', '-')}"

    @property
    def network_base(self) -> str:
        """What the nodes' addresses begin with."""
        return next(iter(self.nodes.values())).rsplit(".", 1)[0]

    def up(self) -> None:
        """Have everything: cloud, image, containers."""
        source = packages.find()
        images = packages.images(source)
        # kubelet and kube-proxy watch files; 128 instances are for one of them
        limit = Path("/proc/sys/fs/inotify/max_user_instances")
        if int(limit.read_text(encoding="utf-8")) < 1024:
            limit.write_text("1024", encoding="utf-8")
        self.cloud.up()
        self._write_files()
        image = self._image()
        for node in self.nodes:
            self.start(node, image, source, images)

    def down(self) -> None:
        """Remove everything."""
        for node in self.nodes:
            self._podman("rm", "--force", "--volumes", "--time=0", "--ignore", self.container(node))
        self.cloud.purge()

    def kill(self, node: str) -> None:
        """End a node, as when its machine breaks."""
        self._podman("rm", "--force", "--volumes", "--time=0", self.container(node))

    def replace(self, node: str) -> None:
        """Another instance of the same name and address, as the service makes one."""
        source = packages.find()
        self._podman("rm", "--force", "--volumes", "--time=0", "--ignore", self.container(node))
        self.start(node, self._image(), source, packages.images(source))

    def start(self, node: str, image: str, source: Path, images: Path) -> None:
        """Start one node, and wait until it has booted."""
        address = self.nodes[node]
        runtime = detect()
        # Not --systemd=always: with cgroup v1 it mounts the hierarchy of the host, and systemd goes to its root.
        # Volumes: an overlay can't be on an overlay, and etcd wants a disk.
        options = [
            *runtime.plain_args,
            *("--systemd=false", "--privileged", "--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock"),
            *("--tmpfs=/tmp:exec", "--volume=/opt/dlami/nvme", "--volume=/var/lib/kubelet", "--volume=/var/lib/etcd"),
            *(f"--hostname={hostname(address)}", f"--network={self.network}", f"--ip={address}"),
            *(f"--add-host={hostname(other)}:{other}" for other in self.nodes.values() if other != address),
            f"--volume={source / 'packages'}:/opt/kubernetes/packages:ro",
            f"--volume={images}:/opt/kubernetes/images:ro",
            f"--volume={self.folder / 'config'}:/opt/ml/config:ro",
            f"--volume={self.folder / 'node'}:/opt/local_cloud/node:ro",
            f"--volume={CloudPaths.of(self.cloud.name).socket_dir}:/opt/local_cloud/socket",
        ]
        self._podman("run", "--detach", "--name", self.container(node), *options, image, "/sbin/init", runtime=runtime)
        deadline = time.monotonic() + 60
        while self.shell(node, "systemctl is-system-running").strip() not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.container(node)} has not booted in a minute")
            time.sleep(0.3)

    def volume(self, node: str, path: str) -> Path:
        """Where a volume of a node is on this machine."""
        mounts = f'{{{{range .Mounts}}}}{{{{if eq .Destination "{path}"}}}}{{{{.Source}}}}{{{{end}}}}{{{{end}}}}'
        command = ["podman", "inspect", "--format", mounts, self.container(node)]
        return Path(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip())

    def shell(self, node: str, script: str) -> str:
        """Output of a script on a node, whatever its exit status is."""
        command = ["podman", "exec", self.container(node), "bash", "-c", script]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120).stdout

    def _image(self) -> str:
        image = ensure_image(lambda _line: None)
        text = CONTAINERFILE.format(image=image)
        tag = f"localhost/podforge-hyperpod-kubernetes:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        if subprocess.run(["podman", "image", "exists", tag], check=False).returncode:
            place = self.folder / "image"
            place.mkdir(parents=True, exist_ok=True)
            (place / "Containerfile").write_text(text, encoding="utf-8")
            self._podman("build", "--network=host", "--quiet", f"--tag={tag}", str(place), runtime=detect())
        return tag

    def _write_files(self) -> None:
        """What the service would have written: resource_config.json, and the environment of its region."""
        (self.folder / "config").mkdir(parents=True, exist_ok=True)
        (self.folder / "node").mkdir(exist_ok=True)
        groups = [
            group(name, {node: address for node, address in self.nodes.items() if ("master" in node) is masters})
            for name, masters in (("controller-machine", True), ("worker-group-1", False))
        ]
        arn = f"arn:aws:sagemaker:{REGION}:123456789012:cluster/{CLUSTER_ID}"
        resource = {"ClusterConfig": {"ClusterArn": arn, "ClusterName": "molecule"}, "InstanceGroups": groups}
        parameters = {
            "version": "1.0.0",
            "workload_manager": "slurm",
            "controller_group": "controller-machine",
            "worker_groups": [{"instance_group_name": "worker-group-1", "partition_name": "p1"}],
        }
        for file, document in (("resource_config", resource), ("provisioning_parameters", parameters)):
            (self.folder / "config" / f"{file}.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
        settings = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.cloud.port}",
            "AWS_ACCESS_KEY_ID": self.cloud.environment["AWS_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": self.cloud.environment["AWS_SECRET_ACCESS_KEY"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        lines = "".join(f"export {key}={value}\n" for key, value in settings.items())
        (self.folder / "node" / "environment").write_text(lines, encoding="utf-8")
        words = " ".join(f"{key}={value}" for key, value in settings.items())
        (self.folder / "node" / "systemd.conf").write_text(f"[Manager]\nDefaultEnvironment={words}\n", encoding="utf-8")
        (self.folder / "environment.json").write_text(json.dumps(settings), encoding="utf-8")

    @staticmethod
    def _podman(*arguments: str, runtime: Any = None) -> None:
        command = ["podman", *(runtime.global_args if runtime else []), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def hostname(address: str) -> str:
    """Name of the node that has an address."""
    return f"ip-{address.replace('.', '-')}"


def group(name: str, nodes: dict[str, str]) -> dict[str, Any]:
    """An instance group as in resource_config.json."""
    return {
        "Name": name,
        "InstanceType": "ml.c5.xlarge",
        "Instances": [
            {
                "InstanceName": f"{name}-{number}",
                "AgentIpAddress": f"172.16.0.{number}",
                "CustomerIpAddress": address,
                "InstanceId": f"i-0{hashlib.sha256(address.encode()).hexdigest()[:16]}",
            }
            for number, address in enumerate(nodes.values(), 1)
        ],
    }


def molecule_lab(folder: Path, network: str, nodes: Iterable[str]) -> KubernetesLab:
    """The lab of molecule/kubeadm and its neighbours: nodes in the network that the scenarios share."""
    name = "-".join(part for part in ("podforge", os.environ.get("PODFORGE_TEST_PREFIX"), "molecule") if part)
    base = network.rsplit(".", 1)[0]
    return KubernetesLab(name, name, folder, {node: f"{base}.{number}" for number, node in enumerate(nodes, 21)})
