# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three masters: how they came together, the first one killed, another one in its place, and all of them lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import testinfra
from support import eventually
from support import playbook
from support import said
from support_kubernetes import NAMED
from support_kubernetes import kubectl
from support_kubernetes import lab_of
from support_kubernetes import make_bucket
from support_kubernetes import reach_s3
from support_kubernetes import ready
from support_kubernetes import secret

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import hostname

PLAY = "kubeadm/converge.yml"
INVENTORY = f"--inventory={Path(__file__).parents[2] / 'inventory_kubeadm_ha.yml'}"
MASTERS = ("kube_master1", "kube_master2", "kube_master3")
ETCDCTL = (
    "etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt "
    "--key=/etc/kubernetes/pki/etcd/server.key --endpoints=https://127.0.0.1:2379"
)


@pytest.fixture(scope="session")
def lab() -> KubernetesLab:
    return lab_of(*MASTERS, "kube_worker")


def node(lab: KubernetesLab, name: str) -> Any:
    return testinfra.get_host(f"podman://{lab.container(name)}")


@pytest.fixture
def second(lab: KubernetesLab) -> Any:
    """The master that is asked: not the one that dies."""
    return node(lab, "kube_master2")


@pytest.fixture
def worker(lab: KubernetesLab) -> Any:
    return node(lab, "kube_worker")


def members(lab: KubernetesLab, second: Any) -> list[str]:
    """Members of etcd by name, those that answer."""
    pod = f"etcd-{hostname(lab.nodes['kube_master2'])}"
    found = json.loads(kubectl(second, f"exec -n kube-system {pod} -- {ETCDCTL} member list -w json"))
    return sorted(member.get("name", "") for member in found["members"])


def identities(lab: KubernetesLab, first: Any) -> list[int]:
    """Of the first master's etcd: of the cluster, and of its member."""
    pod = f"etcd-{hostname(lab.nodes['kube_master1'])}"
    (found,) = json.loads(kubectl(first, f"exec -n kube-system {pod} -- {ETCDCTL} endpoint status -w json"))
    return [found["Status"]["header"][key] for key in ("cluster_id", "member_id")]


def test_all_are_ready_and_etcd_has_three_members(lab: KubernetesLab, second: Any) -> None:
    names = [hostname(address) for address in lab.nodes.values()]
    assert eventually(lambda: all(ready(second, name) for name in names), 180), kubectl(second, "get nodes,pods -A")
    assert members(lab, second) == sorted(hostname(lab.nodes[name]) for name in MASTERS)
    # the lock was given back
    assert (
        "NotFound" in second.run("su - ubuntu -c 'kubectl -n kube-system get lease podforge-control-plane-join'").stderr
    )


def test_no_key_is_left_anywhere(lab: KubernetesLab, second: Any, worker: Any) -> None:
    """Of no use once all masters have joined, it goes from the secret, and what it opens from the cluster."""
    name = f"{NAMED}-control-plane"
    first = node(lab, "kube_master1")
    # its timer does so every two minutes
    first.check_output("systemctl start podforge-kubernetes-join-secret.service")
    assert "certificate_key" not in secret(lab, "kube_master2", name)
    certs = "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get secret kubeadm-certs"
    assert "NotFound" in first.run(certs).stderr
    key = secret(lab, "kube_master2", name, stage="AWSPREVIOUS")["certificate_key"]
    assert len(key) == 64
    for host in (first, second, worker):
        assert host.run(f"grep -rl {key} /etc/kubernetes /run /var/lib/podforge /var/log /tmp").stdout == ""
        assert key not in host.run("journalctl --no-pager").stdout
    # and it is not written again
    first.check_output("systemctl start podforge-kubernetes-join-secret.service")
    assert secret(lab, "kube_master2", name, stage="AWSPREVIOUS")["certificate_key"] == key


def test_the_first_is_killed_and_the_cluster_goes_on(lab: KubernetesLab, second: Any, worker: Any) -> None:
    kubectl(second, "create secret generic kept --from-literal=word=through-the-loss")
    first = hostname(lab.nodes["kube_master1"])
    was = secret(lab, "kube_master2")
    lab.kill("kube_master1")
    api = "kubectl --kubeconfig /etc/kubernetes/kubelet.conf --request-timeout=3s get --raw /readyz"
    assert eventually(lambda: worker.run(api).stdout == "ok", 60)
    assert eventually(lambda: not ready(second, first), 120)
    # work goes on
    kubectl(second, "run probe --image=k8s.gcr.io/pause:3.2 --restart=Never")
    phase = "get pod probe -o jsonpath='{.status.phase}'"
    assert eventually(lambda: kubectl(second, phase) == "Running", 120), kubectl(second, "describe pod probe")
    # and so do masters: one of those that are left lets others in
    for name in ("kube_master2", "kube_master3"):
        node(lab, name).check_output("systemctl start podforge-kubernetes-join-secret.service")
    assert secret(lab, "kube_master2")["discovery_token_ca_cert_hash"] == was["discovery_token_ca_cert_hash"]


def test_a_worker_joins_without_the_first(lab: KubernetesLab, second: Any) -> None:
    name = hostname(lab.nodes["kube_worker"])
    machine = f"get node {name} -o jsonpath='{{.status.nodeInfo.machineID}}'"
    was = kubectl(second, machine)
    lab.replace("kube_worker")
    done = playbook(PLAY, INVENTORY, "--limit=kube_worker", seconds=900)
    assert done.returncode == 0, said(done)
    assert kubectl(second, machine) != was
    assert eventually(lambda: ready(second, name), 120), kubectl(second, "get nodes")


def test_another_first_joins_the_others(lab: KubernetesLab, second: Any) -> None:
    was = second.check_output("sha256sum /etc/kubernetes/pki/ca.crt /etc/kubernetes/podforge/encryption.yaml")
    lab.replace("kube_master1")
    done = playbook(PLAY, INVENTORY, "--limit=kube_master1", seconds=900)
    assert done.returncode == 0, said(done)
    first = node(lab, "kube_master1")
    # one cluster, of three, without the dead one's member
    assert first.check_output("sha256sum /etc/kubernetes/pki/ca.crt /etc/kubernetes/podforge/encryption.yaml") == was
    assert members(lab, second) == sorted(hostname(lab.nodes[name]) for name in MASTERS)
    assert "etcd's member" in first.check_output("cat /var/log/provision/provisioning.log")
    assert eventually(lambda: ready(second, hostname(lab.nodes["kube_master1"])), 120)
    # its own API reads what others have encrypted
    own = f"--server=https://{lab.nodes['kube_master1']}:6443 get secret kept -o jsonpath='{{.data.word}}'"
    assert eventually(lambda: first.run(f"su - ubuntu -c {json.dumps(f'kubectl {own}')}").stdout, 60)


def test_all_are_lost_and_come_back_while_their_scripts_wait(lab: KubernetesLab, second: Any) -> None:
    """Of a backup, on the first; its script goes on with what came of it, and the others join that."""
    make_bucket(lab)
    first = node(lab, "kube_master1")
    reach_s3(lab, first)
    first.check_output("systemctl start podforge-kubernetes-backup.service")
    before = identities(lab, first)
    refused = first.run("podforge-kubernetes-backup restore --check")
    assert "still runs an API or an etcd of this cluster" in refused.stderr, refused.stderr
    was = first.check_output("sha256sum /etc/kubernetes/pki/ca.crt /etc/kubernetes/podforge/encryption.yaml")
    for name in MASTERS:
        lab.kill(name)
    for name in MASTERS:
        lab.replace(name)
    reach_s3(lab, first)
    with ThreadPoolExecutor(1) as pool:
        scripts = pool.submit(playbook, PLAY, INVENTORY, f"--limit={','.join(MASTERS)}", seconds=1500)
        log = "grep -c 'waiting (api)' /var/log/provision/provisioning.log"
        assert eventually(lambda: all(node(lab, name).run(log).rc == 0 for name in MASTERS) or scripts.done(), 600)
        given = {"k8s_masters": list(MASTERS), "k8s_workers": "kube_worker", "hyperpod_nodes_become": False}
        restored = playbook("../playbooks/k8s_restore.yml", INVENTORY, variables=given, seconds=900)
        assert restored.returncode == 0, said(restored)
        done = scripts.result()
    assert done.returncode == 0, said(done)
    assert "waiting (restore)" in first.check_output("cat /var/log/provision/provisioning.log")
    assert not first.file("/var/lib/podforge/kubeadm-init.begun").exists
    assert first.check_output("sha256sum /etc/kubernetes/pki/ca.crt /etc/kubernetes/podforge/encryption.yaml") == was
    names = [hostname(address) for address in lab.nodes.values()]
    assert eventually(lambda: all(ready(second, name) for name in names), 180), kubectl(second, "get nodes,pods -A")
    assert members(lab, second) == sorted(hostname(lab.nodes[name]) for name in MASTERS)
    assert kubectl(second, "get secret kept -o jsonpath='{.data.word}' | base64 -d") == "through-the-loss"
    # members of the etcd before that come back are not its own
    assert not set(identities(lab, first)) & set(before)
