# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers: the first one dies while jobs run, the second one goes on, and hands over when the first is back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import eventually
from support import playbook
from support import said
from support import setting

STATE = "/srv/shared/podforge-slurm/molecule0001/slurmctld"
MARKS = "/srv/shared/podforge-slurm/molecule0001/controllers"
INVENTORY = f"--inventory={Path(__file__).parents[1] / 'inventory.yml'}"
CONTAINERS = json.loads(os.environ["MOLECULE_NODES"])
PRIMARY, BACKUP = (r"Slurmctld\(primary\) at ip-\S+-31 is", r"Slurmctld\(backup\) at ip-\S+-32 is")


@pytest.fixture(name="first")
def _first(nodes: dict[str, Any]) -> Any:
    return nodes["head_1"]


@pytest.fixture(name="second")
def _second(nodes: dict[str, Any]) -> Any:
    return nodes["head_2"]


@pytest.fixture(name="worker")
def _worker(nodes: dict[str, Any]) -> Any:
    return nodes["worker"]


def podman(*arguments: str) -> None:
    subprocess.run(["podman", *arguments], check=True, capture_output=True)


def pings(node: Any, *expected: str) -> bool:
    return all(node.run(f"scontrol ping | grep -qE '{line}'").succeeded for line in expected)


def state(node: Any, job: str) -> str:
    found = node.run(f"scontrol show job {job}").stdout
    return next((word.partition("=")[2] for word in found.split() if word.startswith("JobState=")), "")


def submit(node: Any, script: str) -> str:
    return str(node.check_output(f"timeout 60 sbatch --parsable --chdir=/tmp --wrap '{script}'"))


def words_since(node: Any, moment: str) -> str:
    """What slurmctld's unit has said from then on: an earlier test may have made it say the same."""
    return str(node.check_output(f"journalctl --unit=slurmctld --no-pager --since=@{moment}"))


def test_both_run_with_one_state_and_the_worker_knows_both(first: Any, second: Any, worker: Any) -> None:
    for node in (first, second, worker):
        assert pings(node, f"{PRIMARY} UP", f"{BACKUP} UP"), node.run("scontrol ping").stdout
        assert setting(node, "StateSaveLocation") == STATE
    folder = second.file(STATE)
    assert (folder.user, folder.group, folder.mode) == ("slurm", "slurm", 0o700)
    addresses = ",".join(node.check_output("hostname -I").split()[0] for node in (first, second))
    assert f"--conf-server {addresses}" in worker.check_output("tr '\\0' ' ' < /proc/$(pidof slurmd)/cmdline")


def test_what_the_first_one_had_in_its_queue_when_it_was_alone_is_there(worker: Any) -> None:
    assert state(worker, "1") == "PENDING"
    worker.check_output("scontrol release 1")
    assert eventually(lambda: state(worker, "1") == "COMPLETED"), worker.run("scontrol show job 1").stdout


def test_one_database_and_one_slurmdbd(first: Any, second: Any) -> None:
    assert first.service("slurmdbd").is_running
    assert first.service("mariadb").is_running
    assert not second.service("slurmdbd").is_running
    assert not second.service("mariadb").is_running
    assert "research" in second.check_output("sacctmgr -nP list account format=account").split()


def test_jobs_outlive_the_first_controller(first: Any, second: Any, worker: Any) -> None:
    # it ends when it may
    worker.check_output("rm -f /tmp/enough")
    running = submit(worker, "until [ -e /tmp/enough ]; do sleep 0.2; done")
    assert eventually(lambda: state(worker, running) == "RUNNING"), worker.run("squeue").stdout
    # slurmctld writes its state some seconds after a change: what it has not written, nobody else knows
    worker.check_output("touch /srv/shared/now && scontrol update comment=known jobid=" + running)
    assert eventually(lambda: worker.run(f"find {STATE}/job_state -newer /srv/shared/now").stdout)
    podman("kill", CONTAINERS["head_1"])
    try:
        # as users see it: until the second one has taken over they are told that it stands by
        again = "until sbatch --parsable --chdir=/tmp --wrap true; do sleep 0.5; done"
        after = worker.check_output(f"timeout 120 sh -c '{again}'")
        assert int(after) > int(running)
        assert pings(second, f"{PRIMARY} DOWN", f"{BACKUP} UP")
        assert running in worker.check_output("squeue --noheader --format=%i --states=running").split()
        worker.check_output("touch /tmp/enough")
        for job in (running, after):
            assert eventually(lambda job=job: state(worker, job) == "COMPLETED"), worker.run(
                f"scontrol show job {job}"
            ).stdout
    finally:
        podman("start", CONTAINERS["head_1"])
    # it takes over by itself, with what has happened meanwhile
    assert eventually(lambda: pings(worker, f"{PRIMARY} UP", f"{BACKUP} UP")), worker.run("scontrol ping").stdout
    # one of them is in charge: the second one has given it back
    words = "grep -E 'Running as primary|REQUEST_CONTROL' /var/log/slurm/slurmctld.log | tail -n 1"
    assert eventually(lambda: "REQUEST_CONTROL" in second.run(words).stdout), second.run(words).stdout
    assert state(worker, after) == "COMPLETED"
    later = submit(worker, "true")
    assert int(later) > int(after)
    assert eventually(lambda: state(worker, later) == "COMPLETED")
    # the second one kept for slurmdbd what it could not tell it, which was dead
    rows = "sacct --noheader --parsable2 --allocations --format=jobid,state"
    expected = {f"{job}|COMPLETED" for job in ("1", running, after, later)}
    assert eventually(lambda: expected <= set(worker.check_output(rows).split())), worker.check_output(rows)


def test_one_that_stands_by_and_hangs_is_started_again(first: Any, second: Any, worker: Any) -> None:
    serving = first.check_output("pidof slurmctld")
    hanging = second.check_output("pidof slurmctld")
    second.check_output("systemctl kill --signal=STOP slurmctld.service")
    assert eventually(lambda: second.run("pidof slurmctld").stdout.strip() not in ("", hanging), 120)
    assert eventually(lambda: pings(worker, f"{PRIMARY} UP", f"{BACKUP} UP")), worker.run("scontrol ping").stdout
    assert first.check_output("pidof slurmctld") == serving
    said_so = second.check_output("journalctl --no-pager --output=cat --unit=podforge-slurm-standby.service")
    assert f"(process {hanging}) stands by and answers nobody, at two looks" in said_so
    # a look at one that answers costs nothing and says nothing
    assert second.run("systemctl is-active podforge-slurm-standby.timer").succeeded
    assert not first.run("systemctl cat podforge-slurm-standby.timer").succeeded


def test_no_controller_starts_without_the_storage(second: Any, worker: Any) -> None:
    inspected = subprocess.run(
        ["podman", "inspect", "--format={{.State.Pid}}", CONTAINERS["head_2"]],
        check=True,
        capture_output=True,
        text=True,
    )
    subprocess.run(
        ["nsenter", f"--target={inspected.stdout.strip()}", "--mount", "--pid", "umount", "--lazy", "/srv/shared"],
        check=True,
    )
    try:
        moment = second.check_output("date +%s")
        second.check_output("systemctl restart --no-block slurmctld")
        why = f"{STATE} is on the root disk of this node"
        assert eventually(lambda: why in words_since(second, moment))
        assert not second.run("pidof slurmctld").succeeded
        refused = playbook("slurm_multi_head/converge.yml", INVENTORY, "--limit=head_2")
        assert refused.returncode != 0
        assert f"slurm_base_shared_dir is /srv/shared: {why}" in said(refused), said(refused)
        assert pings(worker, f"{PRIMARY} UP")
    finally:
        podman("restart", "--time=1", CONTAINERS["head_2"])
    assert eventually(lambda: pings(worker, f"{BACKUP} UP")), worker.run("scontrol ping").stdout


def test_one_that_stands_by_waits_for_the_first_and_takes_new_settings(first: Any, second: Any) -> None:
    mark = f"{MARKS}/{first.check_output('hostname')}"
    second.check_output(f"systemctl stop slurmctld && mv {mark} {mark}.away")
    moment = second.check_output("date +%s")
    try:
        done = playbook(
            "slurm_multi_head/converge.yml",
            INVENTORY,
            "--limit=head_2",
            variables={"slurm_base_config": {"SlurmctldTimeout": 8, "KillWait": 33}},
        )
        assert done.returncode == 0, said(done)
        why = "has no mark of ip-"
        assert eventually(lambda: why in words_since(second, moment))
    finally:
        second.check_output(f"mv {mark}.away {mark}")
    assert eventually(lambda: pings(second, f"{PRIMARY} UP", f"{BACKUP} UP"))
    assert second.file("/opt/slurm/etc/podforge.conf").contains("KillWait=33")
