# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster, from the published pair of files, while everything around it breaks: the next run finishes the job."""

from __future__ import annotations

import random
import re
import subprocess
import time
from pathlib import Path

from tests.faults.conftest import CLUSTER
from tests.faults.conftest import CONTROLLER
from tests.faults.conftest import INPUT
from tests.faults.conftest import LOGIN
from tests.faults.conftest import WORKERS
from tests.faults.conftest import kill_at_task
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for
from tests.support.processes import kill

LIFECYCLE = "[/]opt/podforge/releases/.*ansible-playbook"


def cluster_status(cloud: Cloud) -> str | None:
    """Status of the cluster, if the API has it; a server that is down has none to show."""
    found = [cluster["status"] for cluster in cloud.status().get("clusters", []) if cluster["name"] == CLUSTER]
    return str(found[0]) if found else None


def signal_lifecycle(name: str, signal: str) -> bool:
    """Send the lifecycle script of a node a signal; whether there was one."""
    command = ["podman", "exec", name, "pkill", f"-{signal}", "-f", LIFECYCLE]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_playbook_killed_anywhere(cloud: Cloud, log: Path, chance: random.Random) -> None:
    kill_at_task(cloud, "cluster", log, chance.randint(1, 25), chance.uniform(0, 1))


def test_playbook_and_api_killed_while_the_nodes_are_made(cloud: Cloud, log: Path, chance: random.Random) -> None:
    process = cloud.start_playbook("cluster", *INPUT, log=log)
    try:
        wait_for("the cluster", lambda: cluster_status(cloud), 600, pause=0.3)
        time.sleep(chance.uniform(0, 4))
        assert process.poll() is None, "killed while it runs, or nothing is proven"
        cloud.kill_api()
        time.sleep(chance.uniform(0, 3))
    finally:
        kill(process)
    cloud.up()
    assert cluster_status(cloud) == "Creating", "what CreateCluster has answered for survives a crash, and goes on"


def test_a_lifecycle_killed_fails_the_run_with_its_reason(cloud: Cloud, log: Path, chance: random.Random) -> None:
    begin = log.stat().st_size
    process = cloud.start_playbook("cluster", *INPUT, log=log)

    def output() -> str:
        return log.read_bytes()[begin:].decode(errors="replace")

    def stopped() -> str | None:
        nodes = [name for name in cloud.containers() if "-ip-" in name]
        return next((name for name in nodes if signal_lifecycle(name, "STOP")), None)

    try:
        # it has no end before the run waits for it
        victim = wait_for("a lifecycle script at work", stopped, 600, pause=0.3)
        waiting = rf"{CLUSTER} \d\d:\d\d:\d\d "
        wait_for("the run to wait for the cluster", lambda: re.search(waiting, output()), 600, pause=0.3)
        assert signal_lifecycle(victim, "CONT")
        time.sleep(chance.uniform(0, 2))
        assert signal_lifecycle(victim, "KILL"), "killed while it runs, or nothing is proven"
        status = process.wait(900)
    except BaseException:
        kill(process)
        raise
    assert status != 0, "the cluster can't be whole without this node"
    assert re.search(r"lifecycle", output(), re.IGNORECASE), output()[-3000:]


def test_the_next_run_finishes_in_spite_of_throttling_errors_and_dropped_connections(
    cloud: Cloud, log: Path, chance: random.Random
) -> None:
    cloud.cli(f"fault seed {chance.randrange(10**6)}")
    cloud.cli("fault set throttle --percent 30")
    cloud.cli("fault set server_error --percent 5")
    cloud.cli("fault set drop --percent 3")
    cloud.cli("fault set drop_after --percent 2")
    cloud.playbook("cluster", *INPUT, log=log, timeout=1200)
    output = cloud.playbook("cluster", *INPUT, log=log, timeout=600)
    assert re.findall(r"\bchanged=([1-9]\d*)", output) == [], output[-3000:]
    cloud.cli("fault clear")


def test_the_cluster_of_the_published_pair_works(cloud: Cloud) -> None:
    nodes = cloud.nodes(CLUSTER)
    assert [node["InstanceGroupName"] for node in nodes] == [CONTROLLER, LOGIN, WORKERS]
    assert {node["InstanceStatus"]["Status"] for node in nodes} == {"Running"}
    controller, login, worker = (node["InstanceId"] for node in nodes)
    wait_for("sinfo", lambda: "idle" in cloud.shell(controller, "sinfo -h -p partition-1 -o %T", check=False), 180)
    host = cloud.shell(worker, "hostname").strip()
    assert cloud.shell(login, "cd / && srun -p partition-1 hostname", user="ubuntu").strip() == host
