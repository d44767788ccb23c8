# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The surroundings that every check gets: the same on every machine, and no way to a real AWS account."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.gate.model import BUILD
from tools.gate.model import ROOT
from tools.gate.tree import git_environment

STATE = BUILD / "state"
# what tests call instead of the real ones
PROGRAMS = ROOT / "tests/support/bin"


def prefix() -> str:
    """Beginning of the names of local clouds and containers that the tests of this clone start."""
    return f"test{hashlib.sha256(str(ROOT).encode()).hexdigest()[:4]}"


def search_path(programs: Path) -> str:
    """PATH of checks, with the programs of a virtual environment."""
    own = [PROGRAMS] if shutil.which("podman") else []
    return os.pathsep.join(map(str, [*own, programs, os.environ["PATH"]]))


def environment() -> dict[str, str]:
    """Environment of all checks."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "MOLECULE_"))
    }
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        inherited["AWS_CA_BUNDLE"] = bundle
    home = BUILD / "ansible-home"
    podman = shutil.which("podman")
    return {
        **inherited,
        **git_environment(),
        **({"PODFORGE_PODMAN": podman} if podman else {}),
        "PATH": search_path(Path(sys.executable).parent),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "true",
        "NO_COLOR": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PODFORGE_STATE": str(STATE),
        "PODFORGE_TEST_PREFIX": prefix(),
    }


def sweep() -> list[str]:
    """Remove the local clouds, containers and networks that tests of this clone left behind; their names."""
    removed = []
    for folder in sorted(STATE.glob(f"{prefix()}*")):
        command = [sys.executable, "-m", "local_cloud", "down", "--purge", "--name", folder.name]
        subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, timeout=120)
        removed.append(folder.name)
    if shutil.which("podman") is None or os.geteuid() != 0:
        return removed
    for kind, remove in (
        ("container", ("rm", "--force", "--volumes", "--time", "1")),
        ("network", ("rm", "--force")),
        ("volume", ("rm", "--force")),
    ):
        listing = ("ps", "--all") if kind == "container" else (kind, "ls")
        column = "{{.Names}}" if kind == "container" else "{{.Name}}"
        names = subprocess.run(
            ["podman", *listing, "--format", column], check=False, capture_output=True, text=True, timeout=60
        ).stdout.split()
        for name in names:
            if name.startswith((f"podforge-{prefix()}", f"{prefix()}-")):
                subprocess.run(["podman", kind, *remove, name], check=False, capture_output=True, timeout=120)
                removed.append(name)
    return removed
