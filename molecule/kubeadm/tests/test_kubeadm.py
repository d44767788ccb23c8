# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of two nodes that works; a node replaced; a token renewed; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import changed
from support import eventually
from support import playbook
from support import said
from support_kubernetes import kubectl
from support_kubernetes import ready
from support_kubernetes import secret

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import hostname

PLAY = "kubeadm/converge.yml"
INVENTORY = f"--inventory={Path(__file__).parents[2] / 'inventory_kubeadm.yml'}"
REFRESH = "systemctl start podforge-kubernetes-join-secret.service"


def test_all_nodes_and_the_system_are_ready(master: Any, lab: KubernetesLab) -> None:
    names = [hostname(address) for address in lab.nodes.values()]
    everyone = eventually(lambda: all(ready(master, node) for node in names), 180)
    assert everyone, kubectl(master, "get nodes,pods -A")

    def waiting() -> list[str]:
        pods = json.loads(kubectl(master, "get pods -A -o json"))["items"]
        return [
            pod["metadata"]["name"]
            for pod in pods
            # not those of jobs, which end
            if pod["spec"]["restartPolicy"] == "Always"
            and not all(status["ready"] for status in pod["status"].get("containerStatuses", [{"ready": False}]))
        ]

    assert eventually(lambda: not waiting(), 180), kubectl(master, "get pods -A")


def test_each_node_has_a_block_of_the_pods_network(master: Any) -> None:
    blocks = kubectl(master, "get nodes -o jsonpath='{.items[*].spec.podCIDR}'").split()
    assert len(set(blocks)) == 2
    assert all(block.startswith("10.244.") and block.endswith("/24") for block in blocks)


def test_labels_of_a_node(master: Any, name: str) -> None:
    labels = json.loads(kubectl(master, f"get node {name} -o json"))["metadata"]["labels"]
    assert labels["node.kubernetes.io/instance-type"] == "c5.xlarge"
    assert labels["sagemaker.amazonaws.com/instance-group-name"] == "worker-group-1"
    assert labels["team"] == "vision"


def test_containers_are_on_the_scratch_disk_and_pin_memory(worker: Any) -> None:
    assert worker.file("/opt/dlami/nvme/containerd/io.containerd.metadata.v1.bolt").is_directory
    # as systemd has it: a container may not raise limits
    assert worker.check_output("systemctl show --property=LimitMEMLOCK --value containerd") == "infinity"
    assert "cgroupDriver: systemd" in worker.check_output("cat /var/lib/kubelet/config.yaml")
    assert "SystemdCgroup = true" in worker.check_output("containerd config dump")


def test_secrets_are_encrypted_in_etcd(master: Any) -> None:
    kubectl(master, "delete secret probe --ignore-not-found")
    kubectl(master, "create secret generic probe --from-literal=word=plain-in-etcd")
    found = master.run("grep -rl plain-in-etcd /var/lib/etcd")
    assert found.stdout == ""
    assert master.run("grep -rl k8s:enc:aescbc:v1:podforge /var/lib/etcd").stdout != ""


def test_packages_are_held(worker: Any) -> None:
    assert worker.check_output("apt-mark showhold").split() == ["cri-tools", "kubeadm", "kubectl", "kubelet"]


def test_no_token_is_left_on_a_node(worker: Any, lab: KubernetesLab) -> None:
    token = secret(lab, "kube_master")["token"].split(".")[1]
    found = worker.run(f"grep -rl {token} /etc/kubernetes /run /var/lib/podforge /var/log /tmp")
    assert found.stdout.split() == []


def test_a_token_that_has_gone_is_replaced(master: Any, lab: KubernetesLab) -> None:
    before = secret(lab, "kube_master")
    master.check_output(REFRESH)
    assert secret(lab, "kube_master") == before
    master.check_output(f"kubeadm token delete {before['token'].split('.')[0]}")
    master.check_output(REFRESH)
    after = secret(lab, "kube_master")
    assert after["token"] != before["token"]
    assert after["discovery_token_ca_cert_hash"] == before["discovery_token_ca_cert_hash"]
    assert after["token"] in master.check_output("kubeadm token list")
    assert before["token"].split(".")[1] not in master.check_output("journalctl -u podforge-kubernetes-join-secret")
    timer = master.check_output("systemctl show podforge-kubernetes-join-secret.timer -p ActiveState,UnitFileState")
    assert sorted(timer.split()) == ["ActiveState=active", "UnitFileState=enabled"]


def test_certificates_are_renewed_and_the_audit_policy_is_read(master: Any) -> None:
    # a policy and a threshold of another day; at 100 % a certificate of today is due
    policy = {"rules": [{"level": "Request"}]}
    days = {"kubeadm_master_renew_below": 100, "kubeadm_master_audit_policy": policy}
    done = playbook(PLAY, INVENTORY, "--limit=kube_master", variables=days)
    assert done.returncode == 0, said(done)
    kubectl(master, "get nodes")
    assert '"level":"Request"' in master.check_output("tail -n 200 /var/log/kubernetes/audit.log")
    serial = "openssl x509 -noout -serial"
    served = f"openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | {serial}"
    before, processes = master.check_output(served), master.check_output("pgrep -f '^(etcd|kube-[acs])'").split()
    done = master.run("systemctl start podforge-kubernetes-certificates.service")
    assert done.rc == 0, master.check_output("journalctl --no-pager -u podforge-kubernetes-certificates")
    after = master.check_output(served)
    assert after != before
    assert after == master.check_output(f"{serial} -in /etc/kubernetes/pki/apiserver.crt")
    # all four are other processes, and the user's kubeconfig has the new certificate
    assert not set(processes) & set(master.check_output("pgrep -f '^(etcd|kube-[acs])'").split())
    assert len(processes) == 4
    mine = "grep client-certificate-data {} | sha256sum"
    assert master.check_output(mine.format("/home/ubuntu/.kube/config")) == master.check_output(
        mine.format("/etc/kubernetes/admin.conf")
    )
    assert kubectl(master, "get --raw /readyz") == "ok"
    assert master.check_output("stat -c %a:%U /home/ubuntu/.kube/config") == "600:ubuntu"


def test_networks_of_the_cluster_stay(master: Any) -> None:
    del master
    done = playbook(PLAY, INVENTORY, "--limit=kube_master", variables={"kubeadm_master_pod_cidr": "10.240.0.0/14"})
    assert done.returncode != 0
    assert "the cluster was made with 10.244.0.0/16, which can't be changed any more" in said(done)


def test_a_node_of_another_cluster_is_refused(worker: Any, master: Any, lab: KubernetesLab) -> None:
    conf = "/etc/kubernetes/kubelet.conf"
    other = worker.check_output(
        "openssl req -x509 -newkey ed25519 -noenc -keyout /dev/null -days 9 -subj /CN=other 2>/dev/null | base64 -w 0"
    )
    worker.check_output(f"cp {conf} /root/kept && sed -i 's|authority-data: .*|authority-data: {other}|' {conf}")
    done = playbook(PLAY, INVENTORY, "--limit=kube_worker")
    worker.check_output(f"mv /root/kept {conf}")
    assert done.returncode != 0
    assert "has joined a cluster whose CA is" in said(done)
    assert secret(lab, "kube_master")["token"] not in said(done)
    assert ready(master, hostname(lab.nodes["kube_worker"]))


def test_labels_are_changed_on_day_two(master: Any, name: str) -> None:
    """By the node itself, which takes away what it has set and nothing else."""
    kubectl(master, f"label node {name} rack=7")
    done = playbook(PLAY, INVENTORY, "--limit=kube_worker", variables={"kubeadm_worker_labels": {"crew": "robots"}})
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "kube_worker") == 1
    labels = json.loads(kubectl(master, f"get node {name} -o json"))["metadata"]["labels"]
    assert {key: labels.get(key) for key in ("crew", "team", "rack")} == {"crew": "robots", "team": None, "rack": "7"}
    assert labels["node.kubernetes.io/instance-type"] == "c5.xlarge"
