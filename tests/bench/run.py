# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a node takes, as ratios of what one run measures: seconds of one machine say nothing about another.

Prints the ratios with their aims, and where the time goes. Run it on a quiet machine: ``make bench``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cloud import ROOT
from tests.support.cloud import Cloud

# What the roles of a node configure; the image of the service has them, a bare system would install them.
PACKAGES = ("chrony", "munge", "slurm-client", "slurm-wlm-basic-plugins", "slurmctld", "slurmd")
DESCRIPTION = Path(__file__).with_name("description.yml")


@dataclass(frozen=True)
class Ratio:
    """One measured ratio: ``top`` over ``bottom`` seconds, and the largest value that is good."""

    name: str
    top: float
    bottom: float
    aim: float

    @property
    def value(self) -> float:
        """The ratio."""
        return self.top / self.bottom

    def line(self) -> str:
        """What is printed."""
        verdict = "reached" if self.value <= self.aim else "NOT reached"
        seconds = f"{self.top:.1f} s / {self.bottom:.1f} s"
        return f"{self.name:<58} {self.value:6.2f}   aim {self.aim:.2f} {verdict:<12} {seconds}"


def timed(action: Any) -> float:
    """Seconds of a call."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def reports(cloud: Cloud, instance: str) -> list[dict[str, Any]]:
    """Results of the runs on a node, the oldest first."""
    text = cloud.shell(
        instance, "cd /var/lib/podforge/runs && for file in $(ls *.json | sort); do tr -d '\\n' <$file; echo; done"
    )
    return [json.loads(line) for line in text.splitlines()]


def apt_transaction(cloud: Cloud, instance: str) -> float:
    """Seconds that apt takes to install the packages, downloads not counted (which favours apt)."""
    # the packages' own scripts call Slurm's programs, which are below /opt/slurm here
    apt = 'DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Path="$PATH"'
    names = " ".join(PACKAGES)
    cloud.shell(instance, f"{apt} purge --autoremove {names}", timeout=300)
    cloud.shell(instance, f"{apt} update && {apt} install --no-install-recommends --download-only {names}", timeout=600)
    return timed(lambda: cloud.shell(instance, f"{apt} install --no-install-recommends {names}", timeout=600))


def where_the_time_goes(report: dict[str, Any]) -> list[str]:
    """The parts of a run: its roles, and the rest (environment, start of ansible-playbook, facts)."""
    roles = report["roles"]
    rest = report["seconds"] - sum(role["seconds"] for role in roles.values())
    rows = [(name, role["seconds"], f"{role['changed']} changed") for name, role in roles.items()]
    rows.append(("environment, start, facts", rest, ""))
    return [
        f"  {name:<28} {seconds:6.1f} s  {100 * seconds / report['seconds']:3.0f} %  {note}"
        for name, seconds, note in rows
    ]


def program(name: str) -> dict[str, Any]:
    """What a program of this folder measures."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", "--json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def bootstrap() -> Ratio:
    """The bundle's environment against pip's."""
    measured = program("bootstrap")
    return Ratio(
        "bundle's bootstrap / pip install ansible-core boto3", measured["bundle_seconds"], measured["pip_seconds"], 0.3
    )


def main() -> int:
    """Measure and print; 0 if all could be measured, whether or not the aims are reached."""
    if os.geteuid() != 0:
        sys.stderr.write("error: containers with systemd need root here\n  fix: make bench, or run this as root\n")
        return 1
    cloud = Cloud("bench")
    log = Path(tempfile.gettempdir(), f"podforge-bench-{os.getpid()}.log")
    cloud.purge()
    try:
        print("a cluster of one node, its first run", flush=True)
        cloud.up()
        cloud.playbook("cluster", "-e", f"hyperpod_description_file={DESCRIPTION}", log=log)
        instance = cloud.in_group("bench", "controller-machine")[0]
        first = reports(cloud, instance)[0]
        print("its second run", flush=True)
        cloud.shell(instance, "/opt/podforge/current/on_create.sh", timeout=600)
        second = reports(cloud, instance)[-1]
        print(f"one apt transaction: {' '.join(PACKAGES)}", flush=True)
        apt = apt_transaction(cloud, instance)
    finally:
        cloud.purge()
    print("a task that changes nothing, and a bare call", flush=True)
    noop = program("noop")
    print("the bundle's bootstrap, and pip's", flush=True)
    ratios = [
        Ratio("node converge / one apt transaction of the same packages", first["seconds"], apt, 1.15),
        Ratio("second converge / first", second["seconds"], first["seconds"], 0.15),
        Ratio("hyperpod_cluster, no change / bare describe", noop["module_seconds"], noop["bare_seconds"], 1.5),
        bootstrap(),
    ]
    print()
    for ratio in ratios:
        print(ratio.line())
    for title, report in (("first", first), ("second", second)):
        print(f"\nwhere the {report['seconds']:.1f} s of the {title} converge go")
        print("\n".join(where_the_time_goes(report)))
    print("\nwhere the time of hyperpod_cluster goes, seconds from the start of its process")
    print("\n".join(f"  {name:<40} {seconds:6.2f} s" for name, seconds in noop["parts"].items()))
    log.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
