# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with a network and a cloud of its own, and runs of the three roles on its nodes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cloud import BIN
from tests.support.cloud import PREFIX
from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.kubernetes.lab import KubernetesLab
from tests.support.processes import kill

PLAY = ROOT / "molecule" / "kubeadm" / "converge.yml"
# the networks of clouds are between 10.200 and 10.249
PODS = "10.64.0.0/16"
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=20s"
STATES = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'
SURROUNDINGS = {"ANSIBLE_GATHERING": "explicit", "ANSIBLE_PIPELINING": "true", "ANSIBLE_NOCOLOR": "1"}


@dataclass
class Run:
    """One run of ansible-playbook."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it has printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self, seconds: float = 600) -> int:
        """Its exit status; a run that takes longer is killed."""
        try:
            return self.process.wait(seconds)
        except BaseException:
            kill(self.process)
            raise

    def well(self, seconds: float = 600) -> str:
        """Its output; it must end well."""
        status = self.end(seconds)
        assert status == 0, f"exit {status}\n{self.output[-6000:]}"
        return self.output


class OwnLab(KubernetesLab):
    """Of one test, which may break everything."""

    def __init__(self, short_name: str, folder: Path, *nodes: str) -> None:
        cloud = Cloud(short_name, provider="records")
        name = f"podforge-{PREFIX}-{short_name}"
        self._base = str(cloud.network["vpc_cidr"]).replace(".0.0/16", ".47")
        self._runs = 0
        addresses = {node: f"{self._base}.{number}" for number, node in enumerate(nodes, 21)}
        super().__init__(name, name, folder, addresses, cloud)

    def up(self) -> None:
        """Have everything, from nothing."""
        self.down()
        self._podman("network", "create", "--disable-dns", f"--subnet={self._base}.0/24", self.network)
        super().up()
        group = {
            "vars": {
                "ansible_connection": "containers.podman.podman",
                "ansible_python_interpreter": "/usr/bin/python3",
                "molecule_lab": str(self.folder),
            },
            "hosts": {node: {"ansible_host": self.container(node)} for node in self.nodes},
        }
        (self.folder / "inventory.json").write_text(json.dumps({"kubernetes": group}), encoding="utf-8")

    def down(self) -> None:
        """Remove everything."""
        super().down()
        subprocess.run(["podman", "network", "rm", "--force", self.network], check=False, capture_output=True)

    def run(self, *hosts: str, **variables: Any) -> Run:
        """Start the roles on some nodes."""
        self._runs += 1
        log = self.folder / f"run-{self._runs}.log"
        command = [
            *(str(BIN / "ansible-playbook"), f"--inventory={self.folder / 'inventory.json'}"),
            *(f"--limit={','.join(hosts)}", str(PLAY)),
            f"--extra-vars={json.dumps({'kubeadm_master_pod_cidr': PODS, **variables})}",
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **SURROUNDINGS},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Run(process, log)

    def must(self, node: str, script: str, seconds: float = 180) -> str:
        """Output of a script on a node, which must end well."""
        done = subprocess.run(
            ["podman", "exec", self.container(node), "bash", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{node}: {script}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def put(self, node: str, path: str, text: str) -> None:
        """Write a file on a node."""
        command = ["podman", "exec", "-i", self.container(node), "sh", "-c", f"cat > {path}"]
        subprocess.run(command, check=True, input=text, capture_output=True, text=True)

    def wait_ready(self, master: str, *names: str, seconds: float = 240) -> None:
        """Until these nodes are Ready, as the master has it."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.shell(master, f"{KUBECTL} get nodes -o jsonpath='{STATES}'")
            if {f"{name}=True" for name in names} <= set(said.split()):
                return
            if time.monotonic() > deadline:
                pods = self.shell(master, f"{KUBECTL} get pods --all-namespaces --output wide")
                raise AssertionError(f"not Ready in {seconds} s: {said}\n{pods}")
            time.sleep(0.5)
