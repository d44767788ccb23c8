# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local cloud of a test's own, used as users use it: awscli, ansible-playbook, a shell on a node."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.processes import kill

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PREFIX = os.environ.get("PODFORGE_TEST_PREFIX", "testhand")


def wait_for(what: str, condition: Callable[[], Any], seconds: float, pause: float = 1.0) -> Any:
    """First true value of ``condition``; fails with its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s; last seen: {value!r}"
        time.sleep(pause)


def container(name: str) -> dict[str, Any] | None:
    """What podman knows of a container."""
    done = subprocess.run(["podman", "inspect", name], check=False, capture_output=True, text=True)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


# Layers of one clone run side by side: none has another one's network.
_NAMES = ("bench", "e2e", "faults", "managed-ad", "noop", "kubernetes-faults", "kubernetes-bench")


@dataclass
class Cloud:
    """One instance of local_cloud."""

    short_name: str
    provider: str = "podman"
    speed: float = 1.0
    port: int = field(default_factory=free_port)

    @property
    def name(self) -> str:
        """Its full name: tests of several clones can run at a time."""
        return f"{PREFIX}-{self.short_name}"

    @property
    def network(self) -> dict[str, Any]:
        """A network of its own: podman gives the addresses of a VPC to one network of the machine only."""
        clone = int(hashlib.sha256(PREFIX.encode()).hexdigest(), 16)
        number = 200 + (clone + _NAMES.index(self.short_name)) % 50
        return {"vpc_cidr": f"10.{number}.0.0/16", "availability_zones": ["us-west-2a"]}

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a user of this cloud."""
        shell = self.cli("env").stdout
        exported = dict(
            shlex.split(line.removeprefix("export "))[0].split("=", 1)
            for line in shell.splitlines()
            if line.startswith("export ")
        )
        return {
            **os.environ,
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOLOR": "1",
            "PODFORGE_CLOUD": self.name,
            "PODFORGE_PORT": str(self.port),
            **exported,
        }

    def cli(self, command: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``python -m local_cloud <command>`` on this instance."""
        action, _blank, rest = command.partition(" ")
        done = subprocess.run(
            [sys.executable, "-m", "local_cloud", action, "--name", self.name, *rest.split(), *arguments],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0 or not check, (
            f"local_cloud {command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    @contextlib.contextmanager
    def session(self) -> Iterator[Cloud]:
        """The cloud, up, for some tests; removed after them. PODFORGE_KEEP=1 takes up what is there and leaves it."""
        assert os.geteuid() == 0, "containers with systemd need root: run this as root"
        keep = bool(os.environ.get("PODFORGE_KEEP"))
        if keep and self.status()["status"] == "up":
            self.port = int(self.status()["port"])
        elif not keep:
            self.purge()
        self.up()
        try:
            yield self
        finally:
            if not keep:
                self.purge()

    def up(self) -> None:
        """Start the API, or start it again."""
        self.cli("up", "--port", str(self.port), "--provider", self.provider, "--speed", str(self.speed))

    def purge(self) -> None:
        """Remove everything."""
        self.cli("down", "--purge", check=False)

    def status(self) -> dict[str, Any]:
        """What ``status --json`` says."""
        return json.loads(self.cli("status", "--json", check=False).stdout)

    def kill_api(self) -> None:
        """End the server as a crash would."""
        os.kill(int(self.status()["pid"]), signal.SIGKILL)

    def aws(self, *arguments: str) -> Any:
        """One awscli command; its JSON answer."""
        done = subprocess.run(
            [str(BIN / "aws"), *arguments, "--output", "json"],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"aws {shlex.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else None

    def start_playbook(self, name: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start ``ansible-playbook`` as a process group of its own."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [
                    *(str(BIN / "ansible-playbook"), "-i", "inventory/local", f"playbooks/{name}.yml"),
                    *("-e", json.dumps({"hyperpod_network": self.network})),
                    *arguments,
                ],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def playbook(self, name: str, *arguments: str, log: Path, timeout: float = 900) -> str:
        """Run a playbook to its end; its output. Fails with the end of the output."""
        begin = log.stat().st_size if log.exists() else 0
        process = self.start_playbook(name, *arguments, log=log)
        try:
            status = process.wait(timeout)
        except BaseException:
            kill(process)
            raise
        output = log.read_bytes()[begin:].decode(errors="replace")
        assert status == 0, f"playbooks/{name}.yml: exit {status}\n{output[-6000:]}"
        return output

    def nodes(self, cluster: str) -> list[dict[str, Any]]:
        """Nodes of a cluster as ListClusterNodes tells."""
        summaries = self.aws("sagemaker", "list-cluster-nodes", "--cluster-name", cluster)["ClusterNodeSummaries"]
        return sorted(summaries, key=lambda node: (node["InstanceGroupName"], node["InstanceId"]))

    def containers(self) -> list[str]:
        """Names of the containers of this cloud."""
        command = [
            "podman",
            "ps",
            "-a",
            "--filter",
            f"label=podforge.local_cloud={self.name}",
            "--format",
            "{{.Names}}",
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    def container_of(self, instance_id: str) -> str:
        """Name of the container that is this instance: it ends in the last five characters of the id."""
        found = [name for name in self.containers() if name.endswith(f"-{instance_id[-5:]}")]
        assert len(found) == 1, f"{instance_id}: {found} among {self.containers()}"
        return found[0]

    def shell(
        self, instance_id: str, script: str, *, user: str = "root", check: bool = True, timeout: float = 120
    ) -> str:
        """Run a shell script on a node (login shell: Slurm's programs are found as users find them)."""
        done = subprocess.run(
            ["podman", "exec", "--user", user, self.container_of(instance_id), "bash", "-lc", script],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0 or not check, f"{script}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def in_group(self, cluster: str, group: str) -> list[str]:
        """Instance ids of a group."""
        return [node["InstanceId"] for node in self.nodes(cluster) if node["InstanceGroupName"] == group]
