# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a node takes, as ratios of what one run measures: seconds of one machine say nothing about another.

Prints the ratios with their aims, and where the time goes. Run it on a quiet machine: ``make bench``. What is
measured, and how: node.py, kubernetes.py, noop.py and bootstrap.py, which can be run alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.bench import kubernetes
from tests.bench import node
from tests.bench.ratio import Ratio
from tests.support.cloud import ROOT
from tests.support.kubernetes import packages


def program(name: str) -> dict[str, Any]:
    """What a program of this folder measures."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", "--json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> int:
    """Measure and print; 0 if all could be measured, whether or not the aims are reached."""
    if os.geteuid() != 0:
        sys.stderr.write("error: containers with systemd need root here\n  fix: make bench, or run this as root\n")
        return 1
    print("a production node: its first run, its second, apt's transaction, upstream's steps", flush=True)
    converge = program("node")
    cluster = None
    if packages.given():
        print("a cluster of Kubernetes: by the roles, by bare commands of kubeadm", flush=True)
        cluster = program("kubernetes")
    print("a task that changes nothing, and a bare call", flush=True)
    noop = program("noop")
    print("the bundle's bootstrap, and pip's", flush=True)
    boot = program("bootstrap")
    others = [
        Ratio("hyperpod_cluster, no change / bare describe", noop["module_seconds"], noop["bare_seconds"], 1.5),
        Ratio("bundle's bootstrap / pip install ansible-core boto3", boot["bundle_seconds"], boot["pip_seconds"], 0.3),
    ]
    print()
    print("\n".join([*(ratio.line() for ratio in others), *node.printed(converge)]))
    print()
    missing = f"not run: kubernetes: no packages are here (set {packages.VARIABLE} to a folder that has them)"
    print("\n".join(kubernetes.printed(cluster)) if cluster else missing)
    print("\nwhere the time of hyperpod_cluster goes, seconds from the start of its process")
    print("\n".join(f"  {name:<40} {seconds:6.2f} s" for name, seconds in noop["parts"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
