# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same nodes with Slurm, and with Docker, which shares containerd: neither is in the other's way."""

from __future__ import annotations

import time
from typing import Any

from support import changed
from support import eventually
from support import playbook
from support import said
from support import states
from support_kubernetes import kubectl
from support_kubernetes import ready
from test_kubeadm import INVENTORY
from test_kubeadm import PLAY

BESIDE = "kubeadm/slurm.yml"
# an image with one program
TINY = "tar -ch bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 | docker import - tiny"
NAMESPACE = "ctr --namespace {} tasks list --quiet"


def has_settled(worker: Any) -> bool:
    """Whether the same containers run for a while: after a restore kubelet takes its time for what is no more."""
    first = worker.check_output(NAMESPACE.format("k8s.io")).split()
    time.sleep(15)
    return sorted(first) == sorted(worker.check_output(NAMESPACE.format("k8s.io")).split())


def test_jobs_pods_and_docker_on_one_node(master: Any, worker: Any, name: str) -> None:
    pod = "get pod beside -o jsonpath='{.status.phase} {.status.containerStatuses[0].restartCount}'"
    kubectl(master, "delete pod beside --ignore-not-found")
    kubectl(master, "run beside --image=k8s.gcr.io/pause:3.2 --restart=Always")
    assert eventually(lambda: kubectl(master, pod) == "Running 0", 60), kubectl(master, "describe pod beside")
    assert eventually(lambda: has_settled(worker), 240)
    kubelet = "systemctl show --property=MainPID --value kubelet"
    before = worker.check_output(kubelet), set(worker.check_output(NAMESPACE.format("k8s.io")).split())
    done = playbook(BESIDE, INVENTORY)
    assert done.returncode == 0, said(done)
    # kubelet and its containers have gone on, whatever was started again
    assert worker.check_output(kubelet) == before[0]
    assert before[1] <= set(worker.check_output(NAMESPACE.format("k8s.io")).split())
    # a job of Slurm's
    assert eventually(lambda: states(master).get(name) == "idle"), states(master)
    assert master.check_output("timeout 60 srun --nodes=1 hostname") == name
    for host, daemon in ((master, "slurmctld"), (worker, "slurmd")):
        assert host.check_output(f"systemctl is-active kubelet {daemon}").split() == ["active", "active"]
    # Docker's containers are in the containerd of kubelet
    worker.check_output(f"cd / && {TINY} && docker run --detach --rm --network=none tiny /bin/sleep 600")
    (own,) = worker.check_output("docker ps --quiet --no-trunc").split()
    assert worker.check_output(NAMESPACE.format("moby")).split() == [own]
    # pods go on to come and go, and it is still all well with the first
    kubectl(master, "run after --image=k8s.gcr.io/pause:3.2 --restart=Never")
    phase = "get pod after -o jsonpath='{.status.phase}'"
    assert eventually(lambda: kubectl(master, phase) == "Running", 60), kubectl(master, "describe pod after")
    assert kubectl(master, pod) == "Running 0"
    assert ready(master, name)
    kubectl(master, "delete pod after beside --wait=false")


def test_roles_of_both_find_nothing_to_do(worker: Any) -> None:
    """They share containerd's files: none takes back what the other has written."""
    # as the node was made that test_operations has put there
    variables = {"kubeadm_worker_labels": {"team": "speech"}}
    for play, arguments in ((BESIDE, ()), (PLAY, ("--limit=kube_worker",))):
        done = playbook(play, INVENTORY, *arguments, variables=variables)
        assert done.returncode == 0, said(done)
        assert changed(done.stdout, "kube_worker") == 0, done.stdout
    assert 'root = "/opt/dlami/nvme/containerd"' in worker.check_output("containerd config dump")
