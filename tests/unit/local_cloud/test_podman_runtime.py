# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What podman needs, from what was found on a machine."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from local_cloud.providers import podman_runtime
from local_cloud.providers.podman_runtime import Facts
from local_cloud.providers.podman_runtime import RuntimeProblem
from local_cloud.providers.podman_runtime import decide

ALL = (1 << 41) - 1
WORKSTATION = Facts(
    uid=0,
    capabilities=ALL,
    podman=(5, 4, 2),
    network_backend="netavark",
    programs=frozenset({"crun", "nft"}),
    cgroup_v2=True,
    controllers=frozenset({"cpu", "memory", "pids"}),
    nofile=1048576,
    nproc=-1,
)


def but(**changes: object) -> Facts:
    return dataclasses.replace(WORKSTATION, **changes)  # type: ignore[arg-type] # names are checked by replace itself


def test_a_plain_machine_needs_nothing_special() -> None:
    runtime = decide(WORKSTATION)
    assert runtime.global_args == []
    assert runtime.run_args == ["--systemd=always"]
    assert runtime.can_limit_memory
    assert runtime.can_limit_pids


def test_cgroup_v1_takes_runc() -> None:
    runtime = decide(but(cgroup_v2=False, programs=frozenset({"runc", "crun", "iptables"})))
    assert runtime.global_args == ["--runtime", "runc"]


def test_without_sys_resource_limits_are_those_of_this_process() -> None:
    facts = but(capabilities=ALL & ~(1 << 24), nofile=20000, nproc=32768)
    assert decide(facts).run_args == ["--systemd=always", "--ulimit=nofile=20000:20000", "--ulimit=nproc=32768:32768"]


def test_limits_that_the_kernel_can_not_keep_are_told() -> None:
    runtime = decide(but(controllers=frozenset({"pids"})))
    assert (runtime.can_limit_memory, runtime.can_limit_pids) == (False, True)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (but(podman=None), "apt-get install podman"),
        (but(podman=(3, 3, 1)), "podman 3.3.1 is too old"),
        (but(uid=1000), "sudo -E"),
        (but(capabilities=ALL & ~(1 << 21)), "CAP_SYS_ADMIN missing"),
        (
            but(capabilities=0),
            "CAP_CHOWN, CAP_SETGID, CAP_SETUID, CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_SYS_ADMIN missing",
        ),
        (but(cgroup_v2=False), "apt-get install runc"),
        (but(programs=frozenset({"crun"})), "apt-get install iptables"),
        (but(network_backend="cni"), "apt-get install containernetworking-plugins"),
    ],
)
def test_what_is_missing_is_named_with_the_fix(facts: Facts, says: str) -> None:
    with pytest.raises(RuntimeProblem, match=re.escape(says)):
        decide(facts)


def test_ubuntu_2204_works() -> None:
    decide(but(podman=(3, 4, 4), network_backend="cni", programs=frozenset({"crun", "iptables", "cni-bridge"})))


def test_gathering_reads_capabilities_and_cgroups(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nCapEff:\t000001fffeffffff\n")
    pid_max = tmp_path / "pid_max"
    pid_max.write_text("1000\n")
    cgroup = tmp_path / "cgroup"
    (cgroup / "memory").mkdir(parents=True)
    facts = podman_runtime.gather(status, cgroup, pid_max)
    assert facts.capabilities == 0x1FFFEFFFFFF
    assert not facts.cgroup_v2
    assert facts.controllers == {"memory"}
    assert facts.nproc <= 1000
    (cgroup / "cgroup.controllers").write_text("cpu memory pids\n")
    facts = podman_runtime.gather(status, cgroup, pid_max)
    assert facts.cgroup_v2
    assert facts.controllers == {"cpu", "memory", "pids"}
