# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a master and a worker on their way into a cluster: the next run gets there.

A cluster of its own in two containers, made by real kubeadm; where no packages of Kubernetes are, the gate leaves this
file out and says so. Here: an image is missing, or was cleared away, and the join secret does not come.

Elsewhere, and not again here:

Secrets Manager throttled while a replaced node joins, scaled by one, orphans: molecule/kubeadm, test_operations.py.
The first of three masters killed, replaced: molecule/kubeadm_ha.
A node of another cluster is refused, a token that was removed: molecule/kubeadm, test_kubeadm.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import LOGS
from tests.support.cloud import wait_for
from tests.support.kubernetes.lab import hostname
from tests.support.kubernetes.own import KUBECTL
from tests.support.kubernetes.own import OwnLab

MASTER, WORKER = "kube_master", "kube_worker"
SECRET = "hyperpod-k8s-molecule0001"
LOG = "/var/log/provision/provisioning.log"
IMAGES = {
    node: [f"/opt/kubernetes/images/{name}.tar" for name in names]
    for node, names in (
        (MASTER, ("etcd", "kube-[acp]*", "coredns", "flannel*", "pause")),
        (WORKER, ("[!dek]*", "kube-proxy")),
    )
}


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


def worker_of(lab: OwnLab) -> str:
    return hostname(lab.nodes[WORKER])


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


def test_an_image_that_is_missing_is_named_and_so_is_a_secret(lab: OwnLab) -> None:
    images = f"{{{{ {IMAGES}[inventory_hostname] }}}}"
    run = lab.run(MASTER, WORKER, kubeadm_common_image_archives=images, kubeadm_worker_timeout=1)
    assert run.end() != 0
    assert "failed to pull image k8s.gcr.io/kube-scheduler:v1.20.2" in run.output, run.output[-6000:]
    assert f"there is no secret {SECRET} yet: the master makes it once it is up" in " ".join(run.output.split())


def test_the_next_run_makes_the_cluster(lab: OwnLab) -> None:
    lab.run(MASTER).well()
    is_a_master(lab)


def test_an_image_that_kubelet_has_cleared_away_is_brought_again(lab: OwnLab) -> None:
    lab.must(WORKER, "ctr -n k8s.io images rm k8s.gcr.io/kube-proxy:v1.20.2")
    lab.run(WORKER).well()
    lab.wait_ready(MASTER, hostname(lab.nodes[MASTER]), worker_of(lab))
    has_joined(lab)
    running = "-n kube-system get pods -l k8s-app=kube-proxy -o jsonpath='{.items[*].status.phase}'"
    wait_for("kube-proxy", lambda: lab.shell(MASTER, f"{KUBECTL} {running}") == "Running Running", 60)
    assert "changed=0 " in lab.run(WORKER).well()
