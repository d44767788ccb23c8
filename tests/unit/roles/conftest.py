# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles would write for hosts that aren't here: one run of render.yml for all cases of all tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases
import pytest

ROOT = Path(__file__).resolve().parents[3]


def looks(group: str, host: dict[str, Any]) -> dict[str, Any]:
    """What the roles' look at a host has seen, under the names by which they know it."""
    seen = {"stdout": host.get("case_seen", "")}
    if group == "kubernetes":
        lost = {"stdout": '{"lost": "a cluster"}'}
        return {"__kubeadm_common_look": seen, "__kubeadm_master_look": seen, "__kubeadm_master_looked": lost}
    return {f"__{group}_look": seen}


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Result by name of the case."""
    work = tmp_path_factory.mktemp("roles")
    output = work / "rendered.json"
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "output": str(output),
        "roles_dir": str(ROOT / "roles"),
    }
    groups = {
        group: {"hosts": {name: {**looks(group, host), **host} for name, host in hosts.items()}}
        for group, hosts in cases.ALL.items()
    }
    inventory = work / "inventory.json"
    inventory.write_text(json.dumps({"all": {"vars": common, "children": groups}}), encoding="utf-8")
    config = work / "ansible.cfg"
    config.write_text("[defaults]\n", encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(work / "home"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORKS": "4",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "--inventory", str(inventory)]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("render.yml"))],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=work,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return result
