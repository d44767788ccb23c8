# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller and two workers as containers, what serves them, and how tests look at them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes_harness import BUCKET
from nodes_harness import REGION
from nodes_harness import Harness
from nodes_harness import make_spec
from nodes_harness import run_in
from nodes_harness import wait

from local_cloud.providers.base import NodeSpec
from local_cloud.providers.base import ProviderSettings
from local_cloud.providers.podman import PodmanProvider
from local_cloud.providers.podman import container_name

ROOT = Path(__file__).resolve().parents[3]
PLAIN = Path(__file__).parent / "files" / "plain_lifecycle"
SCRIPTS = {
    "failing": "#!/bin/bash\necho first\nbash -c 'echo the last words; exit 3'\n",
    "sleeping": "#!/bin/bash\necho sleeping\nsleep 600\n",
    "crlf": "#!/bin/bash\r\necho hello\r\n",
    "init": '#!/bin/bash\nset -e\nsinfo --noheader\necho "init done on $(hostname)"\n',
}


@dataclass
class Demo:
    """The containers and what serves them."""

    harness: Harness
    provider: PodmanProvider
    state: Path
    controller: NodeSpec
    worker1: NodeSpec
    worker2: NodeSpec

    @property
    def nodes(self) -> list[NodeSpec]:
        return [self.controller, self.worker1, self.worker2]

    def sh(self, spec: NodeSpec, command: str, check: bool = True) -> str:
        return run_in(container_name(spec), command, check)

    def play(self, spec: NodeSpec, tasks: list[dict[str, Any]], folder: Path, user: str) -> list[str]:
        """Run tasks with Ansible in a node's container, as a user; the arguments of all calls of podman."""
        calls = folder / "calls"
        calls.unlink(missing_ok=True)
        podman = folder / "podman"
        real = 'exec "${PODFORGE_PODMAN:-podman}" "$@"'
        podman.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{real}\n', encoding="utf-8")
        podman.chmod(0o755)
        variables = {
            "ansible_connection": "podforge.hyperpod.podman",
            "ansible_host": container_name(spec),
            "ansible_podman_executable": str(podman),
            "ansible_python_interpreter": "/usr/bin/python3",
            **({"ansible_user": user} if user else {}),
        }
        inventory = folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"node": variables}}}), encoding="utf-8")
        playbook = folder / "play.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        program = str(Path(sys.executable).parent / "ansible-playbook")
        environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        subprocess.run([program, "-i", str(inventory), str(playbook)], check=True, cwd=ROOT, env=environment)
        return calls.read_text(encoding="utf-8").splitlines()

    def idle(self, command: str, expected: str) -> None:
        """Wait until Slurm says this; what it says instead, with its reasons, is in the failure."""
        said = ""

        def look() -> bool:
            nonlocal said
            said = self.sh(self.controller, command, check=False).strip()
            return said == expected

        try:
            wait(expected, look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{said}\n{self.sh(self.controller, 'scontrol show node')}") from None

    def renew(self, spec: NodeSpec, **changes: Any) -> NodeSpec:
        """The same instance on a new root volume, and the events of its former life forgotten."""
        new = dataclasses.replace(spec, root_volume=spec.root_volume + 1, **changes)
        self.harness.events = [item for item in self.harness.events if item[0] != spec.instance_id]
        self.harness.add(new)
        self.provider.launch(new)
        return new

    def ended(self, spec: NodeSpec, seconds: float = 120) -> dict[str, Any]:
        """The event of the end of the lifecycle."""

        def find() -> dict[str, Any] | None:
            return self.harness.last(spec, "LifecycleSucceeded") or self.harness.last(spec, "LifecycleFailed")

        found: dict[str, Any] = wait(f"the lifecycle of {spec.hostname} ends", find, seconds)
        return found


@contextlib.contextmanager
def started(cloud: str, port: int) -> Iterator[Demo]:
    """The containers, launched; removed at the end."""
    state = Path(tempfile.mkdtemp(prefix="pf-nodes-"))
    harness = Harness(state, port)
    provider = PodmanProvider(ProviderSettings(cloud=cloud, state_dir=state, cache_dir=state / "cache", port=port))
    provider.close(purge=True)  # what a killed run may have left
    s3 = harness.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for file in PLAIN.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"lifecycle/{file.name}", Body=file.read_bytes())
    for name, text in SCRIPTS.items():
        s3.put_object(Bucket=BUCKET, Key=f"{name}/run.sh", Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key="shared/greeting", Body=b"hello\n")
    controller = harness.add(make_spec(cloud, "controller-machine", 1, 11))
    workers = [
        harness.add(make_spec(cloud, "worker-group-1", number, 11 + number, ebs_volume_gb=disk))
        for number, disk in ((1, None), (2, 100))
    ]
    result = Demo(harness, provider, state, controller, workers[0], workers[1])
    try:
        for spec in result.nodes:
            provider.launch(spec)
        yield result
    finally:
        provider.close(purge=True)
        harness.stop()
        shutil.rmtree(state, ignore_errors=True)
