# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What podman needs on this machine to run systemd in containers. Looked at, never assumed.

Sources: podman-run(1), crun(1), capabilities(7), cgroups(7), setrlimit(2).
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_cloud.errors import LocalCloudError

MINIMUM_PODMAN = (3, 4)
# Bits of the capability sets in /proc/<pid>/status (linux/capability.h).
NEEDED_CAPABILITIES = {"CHOWN": 0, "SETGID": 6, "SETUID": 7, "NET_ADMIN": 12, "SYS_CHROOT": 18, "SYS_ADMIN": 21}
SYS_RESOURCE = 24
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


class RuntimeProblem(LocalCloudError):
    """podman can't run our nodes here; the text names the fix."""


@dataclass(frozen=True)
class Facts:
    """What was found.

    Attributes:
        uid: effective user id.
        capabilities: effective set, as a bit mask.
        podman: version, None when it is not installed.
        network_backend: ``netavark`` or ``cni``.
        programs: those of ``runc``, ``crun``, ``iptables``, ``nft`` and ``cni-bridge`` that are installed.
        cgroup_v2: the unified hierarchy alone is mounted (neither v1 nor hybrid).
        controllers: cgroup controllers that can limit a container.
        nofile, nproc: hard resource limits, -1 for none.
    """

    uid: int
    capabilities: int
    podman: tuple[int, ...] | None
    network_backend: str
    programs: frozenset[str]
    cgroup_v2: bool
    controllers: frozenset[str]
    nofile: int
    nproc: int


@dataclass(frozen=True)
class Runtime:
    """Arguments for ``podman <global_args> run <run_args> ...``, and which limits the kernel can keep.

    ``plain_args`` are those of a container without systemd.
    """

    global_args: list[str]
    plain_args: list[str]
    can_limit_memory: bool
    can_limit_pids: bool

    @property
    def run_args(self) -> list[str]:
        """Arguments of a container that runs systemd."""
        return ["--systemd=always", *self.plain_args]


def detect() -> Runtime:
    """What this machine needs.

    Raises:
        RuntimeProblem: something is missing.
    """
    return decide(gather())


def gather(
    proc_status: Path = Path("/proc/self/status"),
    cgroup: Path = Path("/sys/fs/cgroup"),
    pid_max: Path = Path("/proc/sys/kernel/pid_max"),
) -> Facts:
    """Look at the machine. Runs podman once or twice, changes nothing."""
    status = proc_status.read_text(encoding="utf-8")
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    programs = {name for name in ("runc", "crun", "iptables", "nft") if shutil.which(name)}
    if any((folder / "bridge").exists() for folder in CNI_FOLDERS):
        programs.add("cni-bridge")
    version, backend = _podman()
    return Facts(
        uid=os.geteuid(),
        capabilities=int(found.group(1), 16) if found else 0,
        podman=version,
        network_backend=backend,
        programs=frozenset(programs),
        cgroup_v2=(cgroup / "cgroup.controllers").exists(),
        controllers=_controllers(cgroup),
        nofile=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        nproc=_nproc(pid_max),
    )


def _nproc(pid_max: Path) -> int:
    """The hard limit that podman's children have: podman lowers its own to kernel.pid_max when it starts."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    ceiling = int(pid_max.read_text(encoding="utf-8"))
    return ceiling if hard < 0 else min(hard, ceiling)


def _controllers(cgroup: Path) -> frozenset[str]:
    unified = cgroup / "cgroup.controllers"
    if unified.exists():
        return frozenset(unified.read_text(encoding="utf-8").split())
    return frozenset(name for name in ("memory", "pids") if (cgroup / name).is_dir())


def _podman() -> tuple[tuple[int, ...] | None, str]:
    if shutil.which("podman") is None:
        return None, ""
    done = subprocess.run(["podman", "info", "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeProblem(f"podman does not work here: {done.stderr.strip()[-500:]}")
    info = json.loads(done.stdout)
    version = tuple(int(part) for part in re.findall(r"\d+", info["version"]["Version"])[:3])
    return version, info["host"].get("networkBackend") or "cni"


def decide(facts: Facts) -> Runtime:
    """Arguments that follow from the facts.

    Raises:
        RuntimeProblem: naming the first thing that is missing, and the fix.
    """
    _check(facts)
    global_args: list[str] = []
    if not facts.cgroup_v2:
        # crun up to 1.8 refuses hybrid hierarchies in a systemd container; runc handles both.
        if "runc" not in facts.programs:
            raise RuntimeProblem("This machine has cgroup v1, which needs runc. Install with: apt-get install runc")
        global_args = ["--runtime", "runc"]
    plain_args: list[str] = []
    if not facts.capabilities >> SYS_RESOURCE & 1:
        # podman asks for more than the hard limits, which only CAP_SYS_RESOURCE may (setrlimit(2)).
        for name, limit in (("nofile", facts.nofile), ("nproc", facts.nproc)):
            if limit >= 0:
                plain_args.append(f"--ulimit={name}={limit}:{limit}")
    return Runtime(
        global_args=global_args,
        plain_args=plain_args,
        can_limit_memory="memory" in facts.controllers,
        can_limit_pids="pids" in facts.controllers,
    )


def _check(facts: Facts) -> None:
    if facts.podman is None:
        raise RuntimeProblem("podman is missing. Install with: apt-get install podman")
    if facts.podman < MINIMUM_PODMAN:
        have = ".".join(map(str, facts.podman))
        raise RuntimeProblem(f"podman {have} is too old: 3.4 or newer is needed (Ubuntu 22.04, Debian 12).")
    if facts.uid != 0:
        raise RuntimeProblem(
            "The node containers need root: run it again with sudo -E, or choose the provider 'records'."
        )
    missing = [f"CAP_{name}" for name, bit in NEEDED_CAPABILITIES.items() if not facts.capabilities >> bit & 1]
    if missing:
        raise RuntimeProblem(
            f"{', '.join(missing)} missing: podman can't start containers here. Use a machine or virtual machine, "
            "or start this container with --privileged; or choose the provider 'records', which needs no containers."
        )
    if facts.network_backend == "cni" and "cni-bridge" not in facts.programs:
        raise RuntimeProblem(
            "podman's network plugins are missing. Install with: apt-get install containernetworking-plugins"
        )
    if not facts.programs & {"iptables", "nft"}:
        raise RuntimeProblem("podman's networks need iptables. Install with: apt-get install iptables")
