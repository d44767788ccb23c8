# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a master and a worker on their way into a cluster: the same run, or the next one, gets there.

A cluster of its own in two containers, made by real kubeadm; where no packages of Kubernetes are, the gate leaves this
file out and says so. Here: an image is missing, the join secret is missing, wrong, expired and throttled, the API can't
be reached, clocks differ, API server and containerd die while kubeadm is at work, and runs are killed anywhere.

A container has the clock of its host, and kubeadm is a static program, which no library can deceive. What stands for
a worker whose clock is an hour behind: a Python in which the module's time and the times of its signatures are, as a
file says. The module compares them with the time of the API's answers as on a real node, and goes on when the file
says otherwise, as when chrony has set the clock. That AWS and kubeadm refuse such a node, and in which words, is told
by unit tests only (``clock`` in test_join_secret.py).

Elsewhere, and not again here:

Secrets Manager throttled while a replaced node joins, scaled by one, orphans: molecule/kubeadm, test_operations.py.
The first of three masters killed, replaced: molecule/kubeadm_ha.
A node of another cluster is refused, a token that was removed: molecule/kubeadm, test_kubeadm.py.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import LOGS
from tests.support.cloud import wait_for
from tests.support.kubernetes.lab import hostname
from tests.support.kubernetes.own import KUBECTL
from tests.support.kubernetes.own import OwnLab
from tests.support.kubernetes.own import Run
from tests.support.processes import kill

MASTER, WORKER = "kube_master", "kube_worker"
SECRET = "hyperpod-k8s-molecule0001"
LOG = "/var/log/provision/provisioning.log"
KILLS = 8
# So many runs are killed, each of which begins with what the one before has left, until one may go on to its end.
IN_A_ROW = int(os.environ.get("PODFORGE_KILLS_IN_A_ROW") or 4)
# The task before kubeadm's: strategy free, as each node has it, prints a task's name when it is over.
BEFORE = {
    MASTER: "kubeadm_master : Become one of several masters",
    WORKER: "kubeadm_worker : Check the role's input",
}
IMAGES = {
    node: [f"/opt/kubernetes/images/{name}.tar" for name in names]
    for node, names in (
        (MASTER, ("etcd", "kube-[acp]*", "coredns", "flannel*", "pause")),
        (WORKER, ("[!dek]*", "kube-proxy")),
    )
}
# crictl of these containers takes them away behind containerd's back, which goes on to tell kubelet of them.
RESET = (
    "kubeadm reset --force >/dev/null 2>&1; rm -f /etc/cni/net.d/*; ip link delete cni0 2>/dev/null;"
    " ! systemctl is-active --quiet containerd || systemctl restart containerd"
)
# What a run has started on a node: what podman has brought in has no parent there. At the end nothing of it is left.
END = """
started() { ps -e -o pid=,ppid=,stat= | awk -v own=$$ '{ parent[$1] = $2; state[$1] = $3 } END { for (pid in parent) {
    for (top = pid; parent[top] > 0; ) top = parent[top]
    if (top != 1 && top != own && state[pid] !~ /^Z/) print pid } }'; }
pids=$(started)
[ -n "$pids" ] || exit 0
kill -STOP $pids 2>/dev/null
ps -o args= -p "$(echo $pids | tr ' ' ,)" | cut -c 1-70
while pids=$(started); [ -n "$pids" ]; do kill -KILL $pids 2>/dev/null; sleep 0.05; done
"""
CLOCK = """
import datetime
class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        with open("/run/clock/offset") as file:
            return super().now(tz) + datetime.timedelta(seconds=float(file.read()))
datetime.datetime = Clock
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[OwnLab]:
    """Nodes on which nothing has run, removed at the end; logs of all runs stay."""
    folder = LOGS / "kubernetes"
    folder.mkdir(parents=True, exist_ok=True)
    lab = OwnLab("kubernetes-faults", folder, MASTER, WORKER)
    try:
        lab.up()
        for node in lab.nodes:
            # the registry can't be reached, at once
            lab.must(node, "echo 127.0.0.1 k8s.gcr.io >> /etc/hosts")
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def seconds() -> dict[str, float]:
    """How long the parts of a run took that are killed later."""
    return {}


def worker_of(lab: OwnLab) -> str:
    return hostname(lab.nodes[WORKER])


def begun(run: Run, node: str) -> float:
    """When kubeadm's part of a run has begun."""

    def there() -> bool:
        return f"TASK [podforge.hyperpod.{BEFORE[node]}" in run.output or run.process.poll() is not None

    wait_for(f"what is after {BEFORE[node]}", there, 300, pause=0.05)
    assert run.process.poll() is None, run.output[-3000:]
    return time.monotonic()


def timed(lab: OwnLab, node: str) -> float:
    """Seconds of kubeadm's part of a run, and of what comes after it; all must be well."""
    run = lab.run(node)
    begin = begun(run, node)
    run.well()
    return time.monotonic() - begin


def leave(lab: OwnLab) -> None:
    """The worker as one that has never joined; what it has waited for is forgotten."""
    lab.must(WORKER, f"{RESET}; : > {LOG}")
    lab.must(MASTER, f"{KUBECTL} delete node {worker_of(lab)} --ignore-not-found")


def told(lab: OwnLab) -> list[str]:
    """What the worker says that it has waited for."""
    return re.findall(r"waiting \(([a-z-]+)\)", lab.shell(WORKER, f"cat {LOG}"))


def write(lab: OwnLab, value: dict[str, Any] | None) -> None:
    """The join secret as somebody else has written it; None: it is gone."""
    if value is None:
        arguments = ["delete-secret", "--secret-id", SECRET, "--force-delete-without-recovery"]
    else:
        arguments = ["create-secret", "--name", SECRET, "--secret-string", json.dumps(value)]
    lab.cloud.aws("secretsmanager", *arguments)


def secret(lab: OwnLab) -> dict[str, Any]:
    """What is in the join secret."""
    found: dict[str, Any] = json.loads(
        lab.cloud.aws("secretsmanager", "get-secret-value", "--secret-id", SECRET)["SecretString"]
    )
    return found


def has_joined(lab: OwnLab) -> None:
    """The worker is whole: with all that kubeadm does at its end, and without what it must not leave."""
    name = worker_of(lab)
    annotation = "kubeadm\\.alpha\\.kubernetes\\.io/cri-socket"
    assert "containerd" in lab.must(
        MASTER, f"{KUBECTL} get node {name} -o jsonpath='{{.metadata.annotations.{annotation}}}'"
    )
    labels = json.loads(lab.must(MASTER, f"{KUBECTL} get node {name} -o json"))["metadata"]["labels"]
    assert labels["team"] == "vision"
    token = secret(lab)["token"].split(".")[1]
    assert lab.shell(WORKER, f"grep -rl {token} /etc/kubernetes /run /var/lib/podforge {LOG} /tmp").split() == []


def is_a_master(lab: OwnLab) -> None:
    """The master is whole, and others are let in."""
    assert lab.must(MASTER, "su - ubuntu -c 'kubectl get --raw /readyz'") == "ok"
    lab.must(MASTER, f"{KUBECTL} -n kube-flannel get daemonset kube-flannel-ds")
    lab.must(MASTER, f"{KUBECTL} -n kube-system get secret podforge-control-plane")
    der = "openssl x509 -in /etc/kubernetes/pki/ca.crt -noout -pubkey | openssl pkey -pubin -outform der | sha256sum"
    found = secret(lab)
    assert found["discovery_token_ca_cert_hash"] == f"sha256:{lab.must(MASTER, der).split()[0]}"
    assert found["token"] in lab.must(MASTER, "kubeadm token list")
    timers = "systemctl is-active podforge-kubernetes-join-secret.timer podforge-kubernetes-certificates.timer"
    assert lab.must(MASTER, timers).split() == ["active", "active"]
    assert lab.shell(MASTER, "cd /var/lib/podforge; find -name '*.begun' -o -path './pending/*'") == ""


def killed(lab: OwnLab, node: str, point: float) -> bool:
    """Start a run, and kill it and all that it has started on the node, so many seconds after kubeadm's part has begun.

    False: it has ended before.
    """
    run = lab.run(node)
    try:
        begun(run, node)
        time.sleep(point)
        late = run.process.poll() is not None
    finally:
        kill(run.process)
    ended = lab.must(node, END).splitlines()
    there = lab.shell(node, "cd /etc/kubernetes; ls -d *.conf pki/ca.crt manifests/*.yaml 2>/dev/null").split()
    print(f"{node} killed after {point:.1f} s: {ended[-1] if ended else '-'}; there: {' '.join(there)}")
    return not late


def kill_all(lab: OwnLab, node: str, points: list[float], fresh: Callable[[], object]) -> None:
    """One run after the other is killed: each goes on with what the one before has left.

    One that had little left to do, and has ended before, counts for nothing: again from the beginning, and sooner.
    """
    fresh()
    for point in points:
        sooner = point
        while not killed(lab, node, sooner):
            fresh()
            sooner /= 2


def rows(chance: random.Random, whole: float) -> list[list[float]]:
    """When runs are killed: anywhere, and all over what is there."""
    points = [chance.uniform(number, number + 1) * whole / KILLS for number in range(KILLS)]
    number = KILLS // IN_A_ROW
    return [points[first::number] for first in range(number)]


def test_an_image_that_is_missing_is_named_and_so_is_a_secret(lab: OwnLab) -> None:
    images = f"{{{{ {IMAGES}[inventory_hostname] }}}}"
    run = lab.run(MASTER, WORKER, kubeadm_common_image_archives=images, kubeadm_worker_timeout=1)
    assert run.end() != 0
    assert "failed to pull image k8s.gcr.io/kube-scheduler:v1.20.2" in run.output, run.output[-6000:]
    assert f"there is no secret {SECRET} yet: the master makes it once it is up" in " ".join(run.output.split())


def test_the_next_run_makes_the_cluster(lab: OwnLab, seconds: dict[str, float]) -> None:
    seconds[MASTER] = timed(lab, MASTER)
    is_a_master(lab)


def test_an_image_that_kubelet_has_cleared_away_is_brought_again(lab: OwnLab, seconds: dict[str, float]) -> None:
    lab.must(WORKER, "ctr -n k8s.io images rm k8s.gcr.io/kube-proxy:v1.20.2")
    seconds[WORKER] = timed(lab, WORKER)
    lab.wait_ready(MASTER, hostname(lab.nodes[MASTER]), worker_of(lab))
    has_joined(lab)
    running = "-n kube-system get pods -l k8s-app=kube-proxy -o jsonpath='{.items[*].status.phase}'"
    wait_for("kube-proxy", lambda: lab.shell(MASTER, f"{KUBECTL} {running}") == "Running Running", 60)
    assert "changed=0 " in lab.run(WORKER).well()


def test_what_a_worker_waits_for_is_told_apart(lab: OwnLab) -> None:
    leave(lab)
    value = secret(lab)
    folder = lab.folder / "clock"
    folder.mkdir(exist_ok=True)
    environment = json.loads((lab.folder / "environment.json").read_text(encoding="utf-8"))
    (folder / "environment.json").write_text(json.dumps({**environment, "PYTHONPATH": "/run/clock"}), encoding="utf-8")
    lab.must(WORKER, "mkdir /run/clock && echo 0 > /run/clock/offset")
    lab.put(WORKER, "/run/clock/sitecustomize.py", CLOCK)
    refuse = f"INPUT -s {lab.nodes[WORKER]} -p tcp --dport 6443 -j REJECT --reject-with tcp-reset"
    throttle = ("fault set throttle", "--operation", "secretsmanager:GetSecretValue", "--percent")

    def waits_for(kind: str) -> None:
        wait_for(kind, lambda: kind in told(lab) or run.process.poll() is not None, 90, pause=0.3)
        assert kind in told(lab), f"{told(lab)}\n{run.output[-3000:]}"

    write(lab, None)
    run = lab.run(WORKER, molecule_lab=str(folder))
    try:
        waits_for("missing")
        write(lab, {**value, "discovery_token_ca_cert_hash": f"sha256:{'0' * 64}"})
        waits_for("stale-hash")
        # a token whose time has come: the cluster forgets it, and the secret has it still
        end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=2)
        patch = json.dumps({"stringData": {"expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}"}})
        token = f"bootstrap-token-{value['token'].split('.')[0]}"
        lab.must(MASTER, f"{KUBECTL} -n kube-system patch secret {token} -p '{patch}'")
        wait_for("the token's end", lambda: value["token"] not in lab.shell(MASTER, "kubeadm token list"), 60)
        write(lab, None)
        write(lab, value)
        waits_for("stale-token")
        lab.must(MASTER, f"iptables -I {refuse}")
        lab.must(MASTER, "systemctl start podforge-kubernetes-join-secret.service")
        assert secret(lab)["token"] != value["token"], "expired, and renewed"
        waits_for("api")
        lab.cloud.cli(*throttle, "100")
        waits_for("throttled")
        lab.must(WORKER, "echo -3600 > /run/clock/offset")
        lab.must(MASTER, f"iptables -D {refuse}")
        lab.cloud.cli(*throttle, "30")
        waits_for("clock")
        lab.must(WORKER, "echo 0 > /run/clock/offset")
        run.well()
    finally:
        kill(run.process)
        lab.cloud.cli("fault clear")
    print(lab.shell(WORKER, f"cat {LOG}"))
    assert re.search(r"this node's clock is 3(599|60[01]) s behind the API's", lab.shell(WORKER, f"cat {LOG}"))
    has_joined(lab)
    lab.wait_ready(MASTER, worker_of(lab))


def test_api_server_and_containerd_die_while_kubeadm_is_at_work(lab: OwnLab, chance: random.Random) -> None:
    leave(lab)
    run = lab.run(WORKER)
    try:
        lab.must(WORKER, "until pgrep -f '^kubeadm join' >/dev/null; do sleep 0.05; done")
        time.sleep(chance.uniform(0, 1))
        lab.must(MASTER, "pkill -KILL -x kube-apiserver")
        lab.must(WORKER, "pgrep -f '^kubeadm join' && systemctl restart containerd")
        run.well()
    finally:
        kill(run.process)
    has_joined(lab)
    lab.wait_ready(MASTER, worker_of(lab))


def test_a_worker_killed_anywhere_joins_with_the_next_run(
    lab: OwnLab, chance: random.Random, seconds: dict[str, float]
) -> None:
    for row in rows(chance, seconds[WORKER]):
        kill_all(lab, WORKER, row, lambda: leave(lab))
        lab.run(WORKER).well()
        has_joined(lab)
    lab.wait_ready(MASTER, worker_of(lab))
    assert "changed=0 " in lab.run(WORKER).well()


def test_a_master_killed_anywhere_is_made_by_the_next_run(
    lab: OwnLab, chance: random.Random, seconds: dict[str, float]
) -> None:
    lab.must(WORKER, RESET)
    for row in rows(chance, seconds[MASTER]):
        kill_all(lab, MASTER, row, lambda: lab.must(MASTER, RESET))
        if lab.shell(MASTER, "ls /var/lib/podforge/kubeadm-init.begun"):
            # a reset that was killed as well leaves etcd's data
            lab.must(MASTER, "rm -f /etc/kubernetes/manifests/*; mkdir -p /var/lib/etcd/member")
        lab.run(MASTER).well()
        is_a_master(lab)
    assert "changed=0 " in lab.run(MASTER).well()
    # and it is one that a worker can join
    lab.run(WORKER).well()
    lab.wait_ready(MASTER, hostname(lab.nodes[MASTER]), worker_of(lab))
