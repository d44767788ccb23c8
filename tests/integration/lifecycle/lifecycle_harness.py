# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on_create.sh for real: bundle, environment from wheels, ansible-core 2.17, result. Only folders differ."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import cache_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for

ROOT = Path(__file__).resolve().parents[3]
# what a node's playbook can do to the machinery around it, by variables
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - podforge.hyperpod.first
    - podforge.hyperpod.second
"""
ROLES = {
    "first": """
- ansible.builtin.copy: {content: "{{ content | default('x') }}", dest: "{{ lookup('env', 'WORK') }}/made"}
- ansible.builtin.debug: {msg: "password={{ planted }} in {{ greeting }}"}
  vars: {planted: hunter2-secret}
- block:
    - ansible.builtin.command: /bin/false
  rescue:
    - ansible.builtin.debug: {msg: rescued}
""",
    "second": """
- ansible.builtin.command: sleep {{ pause | default(0) }}
  changed_when: false
- ansible.builtin.fail: {msg: "it broke, token: abcdef-planted"}
  when: broken | default(false)
- ansible.builtin.command: /bin/sh -c 'echo hunter2-secret >&2; exit 3'
  no_log: true
  when: broken_silently | default(false)
""",
}


def version_of(python: str) -> str:
    """Such as 3.11."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def node_python() -> str:
    """The system's Python, as on a node, if nodes have such a one; else the running one."""
    system = "/usr/bin/python3"
    known = Path(system).exists() and (ROOT / "requirements" / f"node-py{version_of(system)}.txt").exists()
    return system if known else sys.executable


PYTHON = node_python()


def make_source(folder: Path) -> Path:
    """Build a bundle of the collection with the playbook and roles above; wheels only for the running Python."""
    collection = folder / "collection"
    for name in ("plugins", "meta", "playbooks/files"):
        shutil.copytree(ROOT / name, collection / name, ignore=shutil.ignore_patterns("__pycache__"))
    (collection / "playbooks" / "node.yml").write_text(PLAYBOOK)
    for role, tasks in ROLES.items():
        (collection / "roles" / role / "tasks").mkdir(parents=True)
        (collection / "roles" / role / "tasks" / "main.yml").write_text(tasks)
    version = version_of(PYTHON)
    wheels = collect_wheels(
        lock_for(ROOT / "requirements", version), version, os.uname().machine, cache_folder(None), None
    )
    bundle = build_bundle({"podforge.hyperpod": collection}, [wheels], {"greeting": "from the vars"}, None)
    source = folder / "source"
    source.mkdir()
    for name, content in bundle.objects.items():
        (source / name).write_bytes(content)
    (source / "on_create.sh").chmod(0o755)
    return source


@dataclass
class Node:
    """A node's folders below one of our own."""

    source: Path
    folder: Path

    @property
    def log(self) -> Path:
        """What is shipped to CloudWatch."""
        return self.folder / "log" / "provisioning.log"

    @property
    def root(self) -> Path:
        """Instead of /opt/podforge."""
        return self.folder / "opt"

    @property
    def release(self) -> Path:
        """The unpacked bundle."""
        return next(path for path in (self.root / "releases").iterdir() if not path.name.startswith("."))

    def environment(self, **more: str) -> dict[str, str]:
        """What the agent gives to the script: no HOME, no locale."""
        path = os.pathsep.join([str(Path(PYTHON).parent), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
        return {
            "PATH": path,
            "PODFORGE_ROOT": str(self.root),
            "PODFORGE_LOG": str(self.log),
            "PODFORGE_RUNS": str(self.folder / "lib" / "runs"),
            "PODFORGE_FLUSH_SECONDS": "1",
            "WORK": str(self.folder),
            **more,
        }

    def command(self, *arguments: str, script: Path | None = None) -> list[str]:
        """The call of the entry script, as root of an own user namespace where the tests aren't root."""
        call = [str(script or self.source / "on_create.sh"), *arguments]
        return call if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", *call]

    def start(self, *arguments: str, script: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Start a run."""
        return subprocess.Popen(
            self.command(*arguments, script=script),
            cwd=self.source,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, script: Path | None = None, **more: str) -> tuple[int, str]:
        """Exit status and output of a whole run."""
        process = self.start(*arguments, script=script, **more)
        output, _none = process.communicate(timeout=120)
        return process.returncode, output

    def last(self, name: str = "last.json") -> dict[str, Any]:
        """The newest result."""
        found: dict[str, Any] = json.loads((self.folder / "lib" / name).read_text())
        return found
