# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prolog, epilog and health check: what they run, and that none of it fails a node that is well. Logs are rotated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import CONF
from support import eventually
from support import hostname
from support import playbook
from support import said
from support import setting
from support import states

NODE = hostname("compute")
HEALTH = f"env -i PATH=/usr/bin:/bin {CONF}/scripts/podforge-health-check"
LIMITS = "/etc/podforge/slurm-hooks.conf"
JOB = "timeout 60 srun --immediate=30 hostname"


@pytest.fixture(autouse=True)
def as_it_was(compute: Any) -> Iterator[None]:
    """Each test finds the files that the role has written, and no others."""
    compute.check_output(f"cp {LIMITS} /root/hooks.conf")
    yield
    compute.check_output(f"rm -f {CONF}/prolog.d/* {CONF}/epilog.d/9* {CONF}/healthcheck.d/9*")
    compute.check_output(f"mv /root/hooks.conf {LIMITS}")


def write(host: Any, path: str, text: str, mode: str = "755") -> None:
    host.run_expect(
        [0], f"mkdir -p $(dirname {path}); cat > {path} <<'END'\n#!/bin/sh\n{text}\nEND\nchmod {mode} {path}"
    )


def journal(host: Any, identifier: str) -> str:
    host.check_output("journalctl --sync")
    words: str = host.check_output(f"journalctl --no-pager --output=cat --identifier={identifier}")
    return words


def is_well(controller: Any) -> bool:
    return states(controller)[NODE] in ("idle", "allocated", "mixed", "completing")


def test_what_fails_hangs_or_is_not_trusted_fails_no_node(controller: Any, compute: Any) -> None:
    write(compute, f"{CONF}/prolog.d/10-fails", "echo so it is said; exit 3")
    write(compute, f"{CONF}/prolog.d/20-hangs", "sleep 600")
    write(compute, f"{CONF}/prolog.d/30-anybody", "touch /root/anybody", mode="777")
    write(compute, f"{CONF}/prolog.d/40-last", "echo $SLURM_JOB_ID > /root/last; sleep 600 &")
    write(compute, f"{CONF}/epilog.d/90-fails", "exit 4")
    compute.check_output(f"sed -i 's/^one=.*/one=1/' {LIMITS}")
    assert controller.check_output(JOB) == NODE
    for words in (
        "so it is said",
        f"{CONF}/prolog.d/10-fails ended with status 3",
        f"{CONF}/prolog.d/20-hangs was stopped after 1 seconds",
        f"{CONF}/prolog.d/30-anybody is not run",
    ):
        assert words in journal(compute, "slurm-prolog")
    assert compute.file("/root/last").content_string.strip().isdigit()
    assert not compute.file("/root/anybody").exists
    assert eventually(lambda: "90-fails ended with status 4" in journal(compute, "slurm-epilog"), 20)
    assert eventually(lambda: states(controller)[NODE] == "idle", 20), states(controller)


def test_what_can_not_be_stopped_is_left_behind(controller: Any, compute: Any) -> None:
    write(compute, f"{CONF}/prolog.d/10-stuck", "trap '' TERM; kill -STOP $$")
    compute.check_output(f"sed -i 's/^all=.*/all=2/' {LIMITS}")
    assert controller.check_output(JOB) == NODE
    assert "stopped after 2 seconds" in journal(compute, "slurm-prolog")
    assert is_well(controller)


def test_a_node_that_does_not_have_the_program_yet_runs_jobs(controller: Any, compute: Any) -> None:
    # the settings come from the controller, maybe before the node's own run
    compute.check_output("mv /usr/bin/true-slurm-hooks /root/")
    try:
        assert controller.check_output(JOB) == NODE
        assert is_well(controller)
    finally:
        compute.check_output("mv /root/true-slurm-hooks /usr/bin/")


def test_shared_memory_goes_with_the_last_process_of_its_user(controller: Any, compute: Any) -> None:
    make = ("touch /dev/shm/nccl-left", "ipcmk --shmem 4096", "ipcmk --semaphore 1", "ipcmk --queue")
    left = " && ".join(f"{command} > /dev/null" for command in make)
    count = "ipcs -a | grep -c ubuntu"
    as_ubuntu = "su - ubuntu --command"
    controller.check_output(f"{as_ubuntu} 'sbatch --chdir=/tmp --output=/dev/null --wait --wrap \"{left}\"'")
    assert eventually(lambda: "nccl-left" not in compute.check_output("ls /dev/shm"), 20)
    assert eventually(lambda: compute.run(count).stdout.strip() == "0", 20), compute.check_output("ipcs -a")
    # somebody is at work here
    compute.check_output("setsid su --shell /bin/sh ubuntu --command 'sleep 300' > /dev/null 2>&1 &")
    controller.check_output(f"{as_ubuntu} 'sbatch --chdir=/tmp --output=/dev/null --wait --wrap \"{left}\"'")
    assert eventually(lambda: states(controller)[NODE] == "idle", 20)
    assert "nccl-left" in compute.check_output("ls /dev/shm")
    assert compute.run(count).stdout.strip() == "3"
    compute.check_output(
        "pkill -u ubuntu sleep; rm /dev/shm/nccl-left; setpriv --reuid=ubuntu --clear-groups ipcrm --all"
    )
    # an allocation between two steps has no process, and a job of its user ends beside it
    controller.check_output(f"{as_ubuntu} 'salloc --immediate=20 --no-shell --job-name=between --chdir=/tmp'")
    compute.check_output("su --shell /bin/sh ubuntu --command 'touch /dev/shm/nccl-left'")
    epilog = f"env SLURM_JOB_UID=$(id -u ubuntu) SLURM_JOB_ID=1 {CONF}/epilog.d/500-podforge-ipc.sh"
    compute.check_output(epilog)
    assert "nccl-left" in compute.check_output("ls /dev/shm")
    controller.check_output("scancel --name=between")
    assert eventually(lambda: "nccl-left" not in compute.check_output("ls /dev/shm"), 20)


def test_an_unhealthy_node_is_drained_and_comes_back(controller: Any, compute: Any) -> None:
    assert setting(controller, "HealthCheckProgram") == f"{CONF}/scripts/podforge-health-check"
    write(compute, f"{CONF}/healthcheck.d/90-broken", "nonesuch-program")
    compute.check_output(HEALTH)
    assert is_well(controller)
    assert "90-broken ended with status 127, which says nothing of the node" in journal(compute, "slurm-health")
    write(compute, f"{CONF}/healthcheck.d/91-hot", "echo too hot; exit 1")
    compute.check_output(HEALTH)
    reason = f"scontrol show node {NODE} --oneliner"
    assert states(controller)[NODE].startswith("drain")
    assert "Reason=unhealthy: too hot" in controller.check_output(reason)
    compute.check_output(f"rm {CONF}/healthcheck.d/91-hot; {HEALTH}")
    assert eventually(lambda: is_well(controller), 10), states(controller)


def test_a_reboot_or_a_deaf_slurmctld_leave_no_node_drained(controller: Any, compute: Any) -> None:
    controller.check_output(f"scontrol update nodename={NODE} state=drain 'reason=unhealthy: before the reboot'")
    compute.check_output("rm -f /run/podforge-slurm.*")
    deaf = 'case $1 in update) exit 1;; esac; exec /opt/slurm/bin/scontrol "$@"'
    write(compute, "/root/deaf/bin/scontrol", deaf)
    compute.check_output(f"sed -i 's#^prefix=.*#prefix=/root/deaf#' {LIMITS}; {HEALTH}")
    assert states(controller)[NODE].startswith("drain")
    compute.check_output(f"cp /root/hooks.conf {LIMITS}; {HEALTH}")
    assert eventually(lambda: is_well(controller), 10), states(controller)


def test_a_node_that_others_have_drained_is_left_alone(controller: Any, compute: Any) -> None:
    controller.check_output(f"scontrol update nodename={NODE} state=drain reason=Action:Replace")
    write(compute, f"{CONF}/healthcheck.d/91-hot", "echo too hot; exit 1")
    compute.check_output(f"{HEALTH}; rm {CONF}/healthcheck.d/91-hot; {HEALTH}")
    assert states(controller)[NODE].startswith("drain")
    assert "Reason=Action:Replace" in controller.check_output(f"scontrol show node {NODE} --oneliner")
    controller.check_output(f"scontrol update nodename={NODE} state=resume")


def test_checks_and_rotation_of_logs_as_the_role_writes_them(compute: Any) -> None:
    check = f"{CONF}/healthcheck.d/100-podforge-node.sh"
    assert compute.run(check).rc == 0
    # the image's package rotates the log already, and logrotate refuses what is named twice
    assert not compute.file("/etc/logrotate.d/podforge-slurm").exists
    compute.check_output(f"cp -p {check} /root/check; mv /etc/logrotate.d/slurmd /root/slurmd.logrotate")
    done = playbook(
        "slurm_base/converge.yml",
        "--limit=compute",
        variables={"slurm_base_health_free": {"/": 10**9}, "slurm_base_health_mounts": ["/proc"]},
    )
    assert done.returncode == 0, said(done)
    assert "MB left, and needs 1000000000" in compute.run(check).stdout
    compute.check_output(f"sed -i 's#--quiet /proc#--quiet /nowhere#' {check}")
    assert compute.run(check).stdout.strip() == "/proc is not mounted, or does not answer"
    pid = compute.check_output("systemctl show --property=MainPID --value slurmd")
    compute.run_expect([0], "logrotate --force /etc/logrotate.d/podforge-slurm")
    assert compute.file("/var/log/slurm/slurmd.log.1").size > 0
    writes = f"readlink /proc/{pid}/fd/* | grep --line-regexp /var/log/slurm/slurmd.log"
    assert eventually(lambda: compute.run(writes).rc == 0, 10), compute.check_output(f"readlink /proc/{pid}/fd/*")
    compute.check_output(f"mv /root/check {check}; mv /root/slurmd.logrotate /etc/logrotate.d/slurmd")
    compute.check_output("rm /etc/logrotate.d/podforge-slurm")
