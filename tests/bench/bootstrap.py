# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap of the bundle against ``pip install ansible-core boto3`` into an environment, side by side in one run.

``python -m tests.bench.bootstrap`` prints the ratio (aim: 0.3 at most) and where the time goes. Both sides end
with an environment that runs ``ansible-playbook --version`` and imports boto3; that is checked, not counted. Pip works
from a warm index: everything it downloads is in its cache from a round that is not counted. Rounds alternate, the
fastest of each side counts, so that what else runs on the machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import cache_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for

ROOT = Path(__file__).resolve().parents[2]
AIM = 0.3
# the node's side, in a process of its own as on a node
MAKE = """
import sys
from pathlib import Path
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.bootstrap import ensure_venv, read_manifest
release = Path(sys.argv[1])
ensure_venv(release, read_manifest(release))
"""


def node_python() -> str:
    """The system's Python, as on a node; else the running one."""
    system = shutil.which("python3", path="/usr/bin") or sys.executable
    return system if tuple(map(int, version_of(system).split("."))) >= (3, 10) else sys.executable


def version_of(python: str) -> str:
    """Such as 3.11."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def timed(steps: dict[str, float], name: str, *command: str, cwd: Path | None = None) -> None:
    """Run a command and note its seconds."""
    begin = time.monotonic()
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    steps[name] = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")


def bundle_round(source: Path, folder: Path, python: str) -> dict[str, float]:
    """What on_create.sh does before the playbook starts."""
    steps: dict[str, float] = {}
    release = folder / "release"
    release.mkdir()
    begin = time.monotonic()
    manifest = (source / "manifest.json").read_text(encoding="utf-8")
    if hashlib.sha256((source / "bundle.tar").read_bytes()).hexdigest() not in manifest:
        raise SystemExit("the bundle is damaged")
    steps["check the bundle's SHA-256"] = time.monotonic() - begin
    timed(steps, "unpack the tar", "tar", "-xf", str(source / "bundle.tar"), "-C", str(release), "--no-same-owner")
    shutil.copy(source / "manifest.json", release)
    timed(steps, "environment and wheels", python, "-E", "-s", "-c", MAKE, str(release), cwd=release / "collections")
    proof(release / "venv")
    return steps


def pip_round(folder: Path, python: str) -> dict[str, float]:
    """The usual way."""
    steps: dict[str, float] = {}
    timed(steps, "python -m venv", python, "-m", "venv", str(folder / "venv"))
    pip = [str(folder / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    timed(steps, "pip install", *pip, "ansible-core", "boto3")
    proof(folder / "venv")
    return steps


def proof(venv: Path) -> None:
    """The environment is one."""
    quiet: dict[str, float] = {}
    timed(quiet, "ansible", str(venv / "bin" / "python"), str(venv / "bin" / "ansible-playbook"), "--version")
    timed(quiet, "boto3", str(venv / "bin" / "python"), "-c", "import boto3; boto3.client('s3', 'us-west-2')")


def measure(rounds: int) -> dict[str, Any]:
    """Both sides, alternating; seconds by step of the fastest round of each."""
    python = node_python()
    version = version_of(python)
    wheels = collect_wheels(
        lock_for(ROOT / "requirements", version), version, os.uname().machine, cache_folder(None), None
    )
    bundle = build_bundle({"podforge.hyperpod": ROOT}, [wheels], {}, None)
    found: dict[str, list[dict[str, float]]] = {"bundle": [], "pip": []}
    with tempfile.TemporaryDirectory(prefix="podforge-bench-") as temporary:
        source = Path(temporary) / "source"
        source.mkdir()
        for name, content in bundle.objects.items():
            (source / name).write_bytes(content)
        for number in range(rounds + 1):
            folder = Path(temporary) / str(number)
            for name in ("b", "p"):
                (folder / name).mkdir(parents=True)
            ours, usual = bundle_round(source, folder / "b", python), pip_round(folder / "p", python)
            shutil.rmtree(folder)
            if number:  # the first one warms index and disk caches
                found["bundle"].append(ours)
                found["pip"].append(usual)
    best = {name: min(entries, key=lambda steps: sum(steps.values())) for name, entries in found.items()}
    seconds = {name: sum(steps.values()) for name, steps in best.items()}
    return {
        "python": version,
        "ratio": round(seconds["bundle"] / seconds["pip"], 3),
        "aim": AIM,
        "bundle_seconds": round(seconds["bundle"], 2),
        "pip_seconds": round(seconds["pip"], 2),
        "steps": {name: {step: round(value, 2) for step, value in steps.items()} for name, steps in best.items()},
    }


def main() -> int:
    """Measure and print: the ratio and the steps, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each side that count")
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"bootstrap / pip install (Python {result['python']}): {result['ratio']:.3f}, aim {AIM} at most")
    for name, steps in result["steps"].items():
        print(f"{name}: {result[f'{name}_seconds']:.2f} s")
        for step, value in steps.items():
            print(f"  {step:<28} {value:6.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
