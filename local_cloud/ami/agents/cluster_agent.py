# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker-cluster-agent: on the controller, keeps Slurm's configuration in step with the cluster, and passes requests
to replace or reboot a node on to the service.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import logs
from . import node
from . import slurm_conf
from . import slurm_nodes
from .api import AgentApi
from .api import ApiError

LOG = logging.getLogger(__name__)
ETC = Path("/opt/slurm/etc")
STATE_FILE = node.STATE_DIR / "cluster-agent.json"
INTERVAL_SECONDS = 2.0
COMMAND_TIMEOUT = 60.0


class ClusterAgent:
    """The agent's loop and its memory."""

    def __init__(self, api: AgentApi) -> None:
        self._api = api
        noted = node.read_json(STATE_FILE) or {}
        self._written = str(noted.get("written", ""))
        self._nodes = str(noted.get("nodes", ""))
        self._watch = slurm_nodes.Watch(noted.get("posted", {}), noted.get("returning", {}))

    def run(self) -> None:
        """Until stopped."""
        while True:
            try:
                self.step()
            except (OSError, ValueError, subprocess.SubprocessError, ApiError) as error:
                LOG.warning("%s", error)
            time.sleep(INTERVAL_SECONDS)

    def step(self) -> None:
        """Look once at the configuration and at the nodes."""
        self.configure()
        if _active("slurmctld"):
            self.watch()

    def configure(self) -> None:
        """Write slurm.conf and gres.conf when the cluster has changed or they are gone, and let slurmctld know.

        An edit by somebody else stays until then.
        """
        resource = node.read_json(node.RESOURCE_CONFIG)
        parameters = node.read_json(node.PROVISIONING_PARAMETERS)
        if resource is None or parameters is None:
            return
        layout = slurm_conf.layout_of(resource, parameters)
        cpus, memory = slurm_conf.machine(Path("/proc/meminfo").read_text(encoding="utf-8"))
        files = {
            "slurm.conf": slurm_conf.slurm_conf(layout, cpus, memory),
            "gres.conf": slurm_conf.gres_conf(layout),
        }
        written = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        if written == self._written and all((ETC / name).exists() for name in files):
            return
        for name, text in files.items():
            node.write_atomically(ETC / name, text, 0o644)
        nodes = slurm_conf.node_table(layout)
        LOG.info("wrote slurm.conf: nodes %s", nodes or "(none)")
        changed = nodes != self._nodes
        # Noted first: a slurmctld that refuses (others' settings may be wrong) must not be restarted again and again.
        self._written, self._nodes = written, nodes
        self._save()
        if _active("slurmctld"):
            # Slurm 22.05 takes up new and removed nodes, and GresTypes, at a start only; all else by reconfiguration.
            if changed:
                _run("systemctl", "restart", "slurmctld")
                _wait_for_slurmctld()
            _run("scontrol", "reconfigure")

    def watch(self) -> None:
        """Pass on what administrators or health checks ask for by a node's reason."""
        states = slurm_nodes.parse(_run("scontrol", "show", "node", "--oneliner"))
        before = dataclasses.asdict(self._watch)
        instances = slurm_conf.instance_ids(node.read_json(node.RESOURCE_CONFIG) or {})
        for state, action in slurm_nodes.requests(states, self._watch):
            LOG.info("node %s: %s", state.name, state.reason)
            self._api.event({"type": "NodeAction", "node_name": state.name, "action": action})
            slurm_nodes.passed_on(state, self._watch, instances)
            self._save()
        for name in slurm_nodes.returned(states, self._watch, instances):
            LOG.info("node %s is back", name)
            _run("scontrol", "update", f"nodename={name}", "state=resume")
        slurm_nodes.forget(states, self._watch)
        if dataclasses.asdict(self._watch) != before:
            self._save()

    def _save(self) -> None:
        noted = {"written": self._written, "nodes": self._nodes, **dataclasses.asdict(self._watch)}
        node.write_atomically(STATE_FILE, json.dumps(noted), 0o600)


def _active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0


def _run(*command: str) -> str:
    """The output of a command; CalledProcessError with its complaint in the log."""
    environment = {**os.environ, "PATH": node.PATH}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=COMMAND_TIMEOUT
    )
    if done.returncode:
        LOG.warning("%s: %s", " ".join(command), (done.stderr or done.stdout).strip())
        done.check_returncode()
    return done.stdout


def _wait_for_slurmctld() -> None:
    for _attempt in range(30):
        try:
            _run("scontrol", "ping")
        except subprocess.CalledProcessError:
            if not (ETC / "slurm.conf").exists():
                return
            time.sleep(1)
        else:
            return


def is_controller(document: dict[str, Any]) -> bool:
    """Whether this node is a Slurm controller."""
    slurm = document.get("cluster", {}).get("slurm") or {}
    return bool(slurm.get("node_type") == "Controller")


def main() -> int:
    """Wait for the first document; elsewhere than on a controller there is nothing to do."""
    logs.start("sagemaker-cluster-agent.log")
    identity = node.Identity.read()
    document = node.read_json(node.DOCUMENT_FILE)
    while document is None:
        time.sleep(0.5)
        document = node.read_json(node.DOCUMENT_FILE)
    if not is_controller(document):
        LOG.info("this node is no Slurm controller")
        return 0
    ClusterAgent(AgentApi(node.API_SOCKET, identity.instance_id, identity.token)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
