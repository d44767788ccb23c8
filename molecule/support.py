# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios' tests share: another run of a playbook, patience, and Slurm's answers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

MOLECULE = Path(__file__).resolve().parent
CONF = "/opt/slurm/etc"
# of any account: moto asks nobody who they are
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-west-2"}


def address(node: str) -> str:
    """A node's address, by its inventory name."""
    found: dict[str, str] = json.loads(os.environ["MOLECULE_ADDRESSES"])
    return found[node]


def hostname(node: str) -> str:
    """A node's name, by its inventory name."""
    return f"ip-{address(node).replace('.', '-')}"


def playbook(
    name: str, *arguments: str, variables: dict[str, Any] | None = None, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of molecule/ with the scenarios' inventory; the caller judges the result."""
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        f"--inventory={MOLECULE / 'inventory.yml'}",
        f"--extra-vars={json.dumps(variables or {})}",
        *arguments,
        str(MOLECULE / name),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that a run has printed, in one line whatever the callback has wrapped or quoted."""
    return " ".join((done.stdout + done.stderr).split()).replace("''", "'")


def eventually(question: Callable[[], Any], seconds: float = 120.0) -> Any:
    """The answer, once it is true; the last one after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def answers(address: str, port: int) -> bool:
    """Whether a server takes connections."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5):
        return True
    return False


@contextlib.contextmanager
def moto(node: Any, service: str, port: int) -> Iterator[Any]:
    """A client of a service that moto plays where the nodes can reach it."""
    gateway = node.check_output("ip route show default").split()[2]
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", gateway, "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: server.poll() is not None or answers(gateway, port), 60)
        assert server.poll() is None, f"moto has ended at once: is something else at port {port}?"
        yield boto3.client(service, endpoint_url=f"http://{gateway}:{port}", **KEYS)
    finally:
        server.terminate()
        server.wait(timeout=30)


def states(controller: Any) -> dict[str, str]:
    """State by node name, as sinfo has it."""
    lines = controller.check_output("sinfo --noheader --Node --format='%N %T'").splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def setting(controller: Any, key: str) -> str:
    """A value in force."""
    found = re.search(rf"^{key}\s*=\s*(.*)$", controller.check_output("scontrol show config"), re.MULTILINE)
    return found.group(1).strip() if found else ""


def changed(recap: str, host: str) -> int:
    """How many tasks of a run have changed something on a host."""
    found = re.search(rf"^{host}\s*:.*changed=(\d+)", recap, re.MULTILINE)
    return int(found.group(1)) if found else 0
