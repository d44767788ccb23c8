# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker-host-agent: makes the node what the service says it is, and runs its lifecycle once."""

from __future__ import annotations

import dataclasses
import grp
import json
import logging
import pwd
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import ami_init
from . import cluster_agent
from . import lifecycle
from . import lifecycle_plan
from . import logs
from . import node
from . import slurm_conf
from .api import AgentApi
from .api import ApiError
from .aws import Clients
from .lifecycle_plan import Noted
from .shipper import Shipper
from .text import host_lines
from .text import marked_block

LOG = logging.getLogger(__name__)
STATE_FILE = node.STATE_DIR / "lifecycle.json"
SHIPPER_FILE = node.STATE_DIR / "shipper.json"
BOOTED_FILE = node.RUN_DIR / "booted"
MUNGE_KEY = Path("/etc/munge/munge.key")
BUSY_SECONDS = 1.0
IDLE_SECONDS = 5.0
FLUSH_SECONDS = 30.0


class HostAgent:
    """The agent of one node. The main thread keeps files in step, a second one runs the lifecycle, a third ships."""

    def __init__(self, identity: node.Identity) -> None:
        self._identity = identity
        self._api = AgentApi(node.API_SOCKET, identity.instance_id, identity.token)
        self._clients = Clients(identity.endpoint_url, identity.region)
        self._worker: threading.Thread | None = None
        self._shipper: Shipper | None = None
        self._noted: Noted | None = None
        self._complaint = ""

    def run(self) -> None:
        """Until stopped."""
        self._prepare()
        while True:
            try:
                self.step()
                self._complaint = ""
            except (ApiError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
                if str(error) != self._complaint:
                    LOG.warning("%s", error)
                self._complaint = str(error)
            settled = self._noted is not None and self._noted.reported
            time.sleep(IDLE_SECONDS if settled and not self._complaint else BUSY_SECONDS)

    def _prepare(self) -> None:
        node.STATE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        node.RUN_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._hosts([])
        environment = Path("/etc/environment")
        lines = (node.NODE_DIR / "environment").read_text(encoding="utf-8").splitlines()
        _edit(environment, "local_cloud", [line for line in lines if "=" in line])
        if MUNGE_KEY.exists():
            _run("systemctl", "start", "munge")
        for index in range(slurm_conf.GPUS.get(self._identity.spec["instance_type"], 0)):
            device = Path(f"/dev/nvidia{index}")
            if not device.is_symlink():
                device.symlink_to("null")
        data = node.read_json(STATE_FILE)
        self._noted = lifecycle_plan.interrupted(Noted.from_dict(data) if data else None)
        if self._noted is not None:
            self._note(self._noted)

    def step(self) -> None:
        """One round: ask, apply, report."""
        if not BOOTED_FILE.exists():
            self._api.event({"type": "Booted"})
            BOOTED_FILE.touch()
        document = self._api.document()
        self._clients.renew(document.get("credentials"))
        self._apply(document)
        self._ship(document)
        if self._noted is not None:
            self._report(self._noted)
        running = self._worker is not None and self._worker.is_alive()
        if not running and lifecycle_plan.wants_run(self._noted, document.get("lifecycle") or {}):
            self._worker = threading.Thread(target=self._lifecycle, args=(document,), name="lifecycle", daemon=True)
            self._worker.start()

    def _apply(self, document: dict[str, Any]) -> None:
        """Files, names, credentials for the metadata service."""
        for name, file in sorted((document.get("files") or {}).items()):
            if _put(Path(name), file) and Path(name) == MUNGE_KEY:
                _run("systemctl", "restart", "munge")
        self._hosts(document.get("hosts") or [])
        text = json.dumps(document)
        if not node.DOCUMENT_FILE.exists() or node.DOCUMENT_FILE.read_text(encoding="utf-8") != text:
            node.write_atomically(node.DOCUMENT_FILE, text, 0o600)

    def _hosts(self, hosts: list[tuple[str, str]]) -> None:
        own = (str(self._identity.spec["ip_address"]), self._identity.hostname)
        _edit(Path("/etc/hosts"), "local_cloud", host_lines(own, hosts))

    def _ship(self, document: dict[str, Any]) -> None:
        if self._shipper is None:
            cluster, spec = document["cluster"], self._identity.spec
            group = f"/aws/sagemaker/Clusters/{cluster['name']}/{cluster['id']}"
            stream = f"LifecycleConfig/{spec['instance_group']}/{self._identity.instance_id}"
            self._shipper = Shipper(
                node.PROVISIONING_LOG, SHIPPER_FILE, group, stream, lambda: self._clients.get("logs")
            )
            self._shipper.start()

    def _note(self, noted: Noted) -> None:
        node.write_atomically(STATE_FILE, json.dumps(dataclasses.asdict(noted)), 0o600)
        self._noted = noted

    def _report(self, noted: Noted) -> None:
        event = lifecycle_plan.report_of(noted)
        if event is not None:
            self._api.event(event)
            self._note(dataclasses.replace(noted, reported=True))

    def _lifecycle(self, document: dict[str, Any]) -> None:
        """The second thread: one run, from the first marker to the note of its end."""
        attempt = int(document["lifecycle"].get("attempt", 1))
        self._note(Noted(attempt, "running"))
        end = Noted(attempt, "succeeded")
        try:
            self._tell({"type": "LifecycleStarted", "attempt": attempt})
            self._carry_out(document)
        except (lifecycle.LifecycleError, ami_init.InitError) as error:
            LOG.error("%s", error)
            end = Noted(attempt, "failed", getattr(error, "exit_code", 1), str(error))
            lifecycle.append(node.PROVISIONING_LOG, [f"{error}".encode(), lifecycle.MARK_FAILED.encode()])
        except Exception as error:  # the service must hear of it, whatever it was
            LOG.exception("the lifecycle run failed")
            end = Noted(attempt, "failed", 1, f"{type(error).__name__}: {error}")
        # What the script said must be in CloudWatch before the service knows: it may end the instance at once.
        if self._shipper is not None and not self._shipper.flush(FLUSH_SECONDS):
            LOG.warning("not all log lines arrived in CloudWatch Logs")
        self._note(end)

    def _carry_out(self, document: dict[str, Any]) -> None:
        cluster = document["cluster"]
        plan = lifecycle_plan.plan(document["lifecycle"], cluster.get("orchestrator", "Slurm"))
        slurm = cluster.get("slurm") or {}
        if cluster_agent.is_controller(document):
            _wait_for_slurm_conf()
        if plan.ami_init and slurm.get("node_type"):
            name = cluster["name"].lower()[: slurm_conf.MAX_CLUSTER_NAME]
            ami_init.run(slurm["node_type"], list(slurm.get("controllers") or []), name)
        if plan.script is None:
            return
        log = node.PROVISIONING_LOG
        lifecycle.append(log, [lifecycle.MARK_DOWNLOAD.encode()])
        if plan.source is None:
            raise lifecycle.LifecycleError(f"The script {plan.script} has no SourceS3Uri")
        client = self._clients.get("s3")
        if client is None:
            raise lifecycle.LifecycleError("The instance has no credentials of its execution role")
        folder = lifecycle.download(client, plan.source)
        environment = lifecycle_plan.environment(
            node.PATH, str(node.RESOURCE_CONFIG), self._identity.endpoint_url, self._identity.region
        )
        status = lifecycle.run_script(folder, plan.script, environment, log)
        if status:
            raise lifecycle.LifecycleError(f"The script {plan.script} ended with exit code {status}.", status)
        lifecycle.append(log, [lifecycle.MARK_SUCCEEDED.encode()])

    def _tell(self, event: dict[str, Any]) -> None:
        while True:
            try:
                self._api.event(event)
            except ApiError as error:
                if error.status and error.status < 500:
                    raise
                time.sleep(BUSY_SECONDS)
            else:
                return


def _put(path: Path, file: dict[str, str]) -> bool:
    """Bring a file in step; True when its content changed."""
    old = path.read_text(encoding="utf-8") if path.exists() else None
    if old == file["content"]:
        return False
    owner = (pwd.getpwnam(file["owner"]).pw_uid, grp.getgrnam(file["group"]).gr_gid)
    node.write_atomically(path, file["content"], int(file["mode"], 8), owner)
    return True


def _edit(path: Path, name: str, lines: list[str]) -> None:
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    new = marked_block(old, name, lines)
    if new != old:
        node.write_atomically(path, new, 0o644)


def _wait_for_slurm_conf() -> None:
    """The cluster agent writes it before the script runs; without a Slurm configuration there is none to wait for."""
    if node.read_json(node.PROVISIONING_PARAMETERS) is None:
        return
    for _attempt in range(60):
        if (cluster_agent.ETC / "slurm.conf").exists():
            return
        time.sleep(0.5)
    LOG.warning("the cluster agent has not written slurm.conf")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def main() -> int:
    """Run as the unit does."""
    logs.start("sagemaker-host-agent.log")
    HostAgent(node.Identity.read()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
