# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""k8s_restore.yml where the inventory has no master: an error, and nothing is done to workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAYBOOK = Path(__file__).resolve().parents[3] / "playbooks" / "k8s_restore.yml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "The inventory has no master"),
        (['--extra-vars={"k8s_masters": ["gone", "gone2"]}'], "The inventory has no master"),
        (["--limit=worker"], "No master is among these hosts"),
    ],
)
def test_without_a_master(tmp_path: Path, arguments: list[str], words: str) -> None:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("[hyperpod_role_compute]\nworker ansible_connection=local\n", encoding="utf-8")
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, f"--inventory={inventory}", *arguments, str(PLAYBOOK)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
        timeout=120,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "TASK [Start kubelet again where it runs]" not in done.stdout
