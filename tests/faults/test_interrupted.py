# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster, from the published pair of files, while everything around it breaks: the next run finishes the job."""

from __future__ import annotations

import random
import re
import subprocess
import time
from pathlib import Path

from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for
from tests.support.processes import kill

PAIR = ROOT / "tests" / "fixtures" / "aws-docs-slurm"
CLUSTER, CONTROLLER, LOGIN, WORKERS = "my-hyperpod-cluster", "controller-machine", "my-login-group", "worker-group-1"
INPUT = (
    "-e",
    f"hyperpod_cluster_config_file={PAIR / 'cluster-config.json'}",
    "-e",
    f"hyperpod_provisioning_parameters_file={PAIR / 'provisioning_parameters.json'}",
)


def kill_at_task(cloud: Cloud, playbook: str, log: Path, number: int, pause: float) -> None:
    """Run a playbook and kill it ``pause`` seconds after it has begun its task of that number, however fast it is."""
    begin = log.stat().st_size if log.exists() else 0
    process = cloud.start_playbook(playbook, *INPUT, log=log)

    def begun() -> bool:
        return process.poll() is not None or log.read_bytes()[begin:].count(b"\nTASK [") >= number

    try:
        wait_for(f"task {number} of the playbook", begun, 600, pause=0.1)
        assert process.poll() is None, "killed while it runs, or nothing is proven"
        time.sleep(pause)
    finally:
        kill(process)


def cluster_status(cloud: Cloud) -> str | None:
    """Status of the cluster, if the API has it; a server that is down has none to show."""
    found = [cluster["status"] for cluster in cloud.status().get("clusters", []) if cluster["name"] == CLUSTER]
    return str(found[0]) if found else None


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
    assert cluster_status(cloud), "what CreateCluster has answered for survives a crash"


def test_a_lifecycle_killed_fails_the_run_with_its_reason(cloud: Cloud, log: Path, chance: random.Random) -> None:
    # the run is to make the cluster: nodes of one that it finds may be done, or dead, before it looks at them
    wait_for("an end of its creation", lambda: cluster_status(cloud) in ("InService", "Failed"), 600)
    cloud.aws("sagemaker", "delete-cluster", "--cluster-name", CLUSTER)
    wait_for("deletion", lambda: cluster_status(cloud) is None and not cloud.containers(), 300)
    begin = log.stat().st_size
    process = cloud.start_playbook("cluster", *INPUT, log=log)
    pattern = "[/]opt/podforge/releases/.*ansible-playbook"

    def running() -> str | None:
        workers = [name for name in cloud.containers() if "-ip-" in name]
        for name in workers:
            found = subprocess.run(
                ["podman", "exec", name, "pgrep", "-f", pattern], check=False, capture_output=True, text=True
            )
            if found.returncode == 0:
                return name
        return None

    try:
        victim = wait_for("a lifecycle script at work", running, 600, pause=0.3)
        time.sleep(chance.uniform(0, 2))
        killed = subprocess.run(["podman", "exec", victim, "pkill", "-KILL", "-f", pattern], check=False)
        assert killed.returncode == 0, "killed while it runs, or nothing is proven"
        status = process.wait(900)
    except BaseException:
        kill(process)
        raise
    output = log.read_bytes()[begin:].decode(errors="replace")
    assert status != 0, "the cluster can't be whole without this node"
    assert re.search(r"lifecycle", output, re.IGNORECASE), output[-3000:]


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


def test_a_teardown_that_is_killed_is_finished_by_the_next(cloud: Cloud, log: Path, chance: random.Random) -> None:
    kill_at_task(cloud, "teardown", log, chance.randint(5, 15), chance.uniform(0, 1))
    cloud.playbook("teardown", *INPUT, log=log)
    assert cloud.aws("sagemaker", "list-clusters")["ClusterSummaries"] == []
    assert cloud.containers() == []
