# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only master is lost, and the one in its place has made a new cluster: workloads come back from the cloud's S3."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import changed
from support import eventually
from support import playbook
from support import said
from support_kubernetes import BUCKET
from support_kubernetes import kubectl
from support_kubernetes import make_bucket
from support_kubernetes import reach_s3
from support_kubernetes import ready
from support_kubernetes import secret
from test_kubeadm import INVENTORY
from test_kubeadm import PLAY

from tests.support.kubernetes.lab import KubernetesLab

PROGRAM = "podforge-kubernetes-backup"
NOTE = "/var/lib/podforge/kubernetes-restore.json"
APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: restored}
spec:
  replicas: 1
  selector: {matchLabels: {app: restored}}
  template:
    metadata: {labels: {app: restored}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: pause, image: "k8s.gcr.io/pause:3.2", imagePullPolicy: Never}]
"""
PODS = "get pods -l app=restored -o jsonpath='{range .items[*]}{.metadata.uid} {.spec.nodeName} {.status.phase};{end}'"
# as of a machine that dies: nothing of it goes on
KILLED = f"""
setsid {PROGRAM} restore --replace >/dev/null 2>&1 &
timeout 120 sh -c 'until pgrep -f "[k]ubeadm init" >/dev/null; do sleep 0.1; done' || exit 1
sleep 3
kill -9 -$! && test -e {NOTE}
"""


def restore(*arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """The playbook, as an operator runs it, whom nobody can ask."""
    given = {"k8s_masters": ["kube_master"], "k8s_workers": "kube_worker", "hyperpod_nodes_become": False, **variables}
    return playbook("../playbooks/k8s_restore.yml", INVENTORY, *arguments, variables=given, seconds=600)


def pods(master: Any) -> list[list[str]]:
    """UID, node and phase of each."""
    return [one.split() for one in kubectl(master, PODS).split(";") if one]


@pytest.fixture(scope="module")
def backup(lab: KubernetesLab, master: Any, name: str) -> str:
    """A backup of a cluster that has something to lose; its name."""
    make_bucket(lab)
    reach_s3(lab, master)
    master.run_expect([0], f"kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - <<'END'\n{APP}\nEND")
    kubectl(master, "create secret generic restored --from-literal=word=kept")
    assert eventually(lambda: [pod[1:] for pod in pods(master)] == [[name, "Running"]], 60), pods(master)
    master.check_output(f"systemctl start {PROGRAM}.service")
    (found,) = json.loads(master.check_output(f"{PROGRAM} list"))["backups"]
    kubectl(master, "create configmap later")
    return str(found)


def test_it_is_made_at_its_time_and_leaves_nothing(master: Any, backup: str) -> None:
    timer = master.check_output(f"systemctl show --property=ActiveState,UnitFileState {PROGRAM}.timer")
    assert timer.split() == ["ActiveState=active", "UnitFileState=enabled"]
    journal = master.check_output(f"journalctl --no-pager --output=cat -u {PROGRAM}")
    assert backup in journal
    assert "PRIVATE" not in journal
    assert "kubernetes" not in master.check_output("ls /var/tmp")
    assert PROGRAM not in master.check_output("ctr --namespace k8s.io containers list --quiet")


def test_what_would_lose_something_or_does_not_fit_is_refused(
    master: Any, lab: KubernetesLab, backup: str, tmp_path: Path
) -> None:
    before = kubectl(master, "get configmap later -o jsonpath='{.metadata.uid}'")
    done = restore()
    assert done.returncode != 0
    assert "Nothing was changed: the cluster that the backup is of runs on this master" in said(done), said(done)
    place, whole = f"s3://{BUCKET}/kubernetes", tmp_path / "whole.tar"
    lab.cloud.aws("s3", "cp", f"{place}/{backup}", str(whole))
    for other, change, words in (
        ("damaged.tar", "printf x | dd of=etcd.db.gz bs=1 seek=99 conv=notrunc", "etcd is damaged"),
        (
            "other.tar",
            """sed -i 's/"cluster": "molecule"/"cluster": "other"/' manifest.json""",
            "it is of cluster other",
        ),
    ):
        script = f"mkdir {other}.d && cd {other}.d && tar xf {whole} && {change} && tar cf ../{other} *"
        subprocess.run(["sh", "-c", script], check=True, capture_output=True, cwd=tmp_path)
        lab.cloud.aws("s3", "cp", str(tmp_path / other), f"{place}/{other}")
        refused = master.run(f"{PROGRAM} restore {other} --replace")
        lab.cloud.aws("s3", "rm", f"{place}/{other}")
        assert refused.rc == 1
        assert words in refused.stderr, refused.stderr
    assert kubectl(master, "get configmap later -o jsonpath='{.metadata.uid}'") == before


def test_the_only_master_is_lost_and_its_workloads_come_back(
    master: Any, lab: KubernetesLab, backup: str, name: str
) -> None:
    invitation, (pod,) = secret(lab, "kube_master"), pods(master)
    lab.replace("kube_master")
    reach_s3(lab, master)
    # what its lifecycle script does
    done = playbook(PLAY, INVENTORY, "--limit=kube_master", seconds=900)
    assert done.returncode == 0, said(done)
    authority = "sha256sum /etc/kubernetes/pki/ca.crt"
    new = master.check_output(authority)
    assert secret(lab, "kube_master")["discovery_token_ca_cert_hash"] != invitation["discovery_token_ca_cert_hash"]
    assert pods(master) == []
    # the old one's backups are safe from it
    saved = master.run(f"{PROGRAM} save")
    assert saved.rc == 1
    assert "this cluster is new and has no workers" in saved.stderr
    looked = restore("--check")
    assert looked.returncode == 0, said(looked)
    assert f"{backup} would be restored" in said(looked)
    assert master.check_output(authority) == new
    # killed while kubeadm is at work; the role makes no other cluster of it
    master.check_output(KILLED)
    assert "podforge-kubernetes" in master.check_output("ls /var/tmp")
    refused = playbook(PLAY, INVENTORY, "--limit=kube_master")
    assert refused.returncode != 0
    assert "a restore has begun on this node" in said(refused), said(refused)
    done = restore()
    assert done.returncode == 0, said(done)
    assert "a restore that was stopped goes on" in said(done)
    assert not master.file(NOTE).exists
    # nor the keys that the one that was killed had at hand
    assert "podforge-kubernetes" not in master.check_output("ls /var/tmp")
    # all is as it was then, the pod as well, which has never stopped; and the worker takes another one
    word = kubectl(master, "get secret restored -o jsonpath='{.data.word}' | base64 -d")
    assert word == "kept"
    assert "later" not in kubectl(master, "get configmaps -o name")
    assert eventually(lambda: ready(master, name), 60), kubectl(master, "get nodes")
    kubectl(master, "scale deployment restored --replicas=2")
    assert eventually(lambda: [one[1:] for one in pods(master)] == [[name, "Running"]] * 2, 120), kubectl(
        master, "describe pods -l app=restored"
    )
    assert pod in pods(master)
    assert secret(lab, "kube_master")["discovery_token_ca_cert_hash"] == invitation["discovery_token_ca_cert_hash"]


def test_a_second_restore_is_asked_for_and_the_role_brings_flannel_up_to_date(master: Any, backup: str) -> None:
    asked = restore()
    assert asked.returncode != 0
    assert "Nothing was changed: the cluster that the backup is of runs on this master" in said(asked), said(asked)
    for changes in (1, 0):
        done = playbook(PLAY, INVENTORY, "--limit=kube_master")
        assert done.returncode == 0, said(done)
        assert changed(done.stdout, "kube_master") == changes, done.stdout
    # and it is backed up again under its own name
    master.check_output("sleep 1")
    saved = json.loads(master.check_output(f"{PROGRAM} save"))["saved"]
    assert saved[:-20] == backup[:-20]
    assert json.loads(master.check_output(f"{PROGRAM} list"))["backups"] == [backup, saved]


def test_what_can_not_be_saved_is_set_aside(master: Any, name: str) -> None:
    """Its API is down, and nobody can ask its etcd, which runs on until it is stopped."""
    master.check_output(
        "mv /etc/kubernetes/manifests/kube-apiserver.yaml /root && rm /etc/kubernetes/pki/etcd/healthcheck-client.*"
    )
    api = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=3s get --raw /readyz"
    assert eventually(lambda: master.run(api).rc != 0, 60)
    master.check_output("pgrep -x etcd")
    done = restore(kubeadm_master_restore_confirm="true")
    assert done.returncode == 0, said(done)
    assert "etcd's data and the keys, of which no backup could be made" in said(done), said(done)
    kept = master.check_output("ls -d /var/lib/podforge/kubernetes-before/*/")
    assert master.check_output(f"stat -c %a:%U {kept}") == "700:root"
    for file in ("member/snap/db", "pki/ca.key", "encryption.yaml"):
        assert master.file(f"{kept}{file}").size > 0
    assert eventually(lambda: ready(master, name), 120), kubectl(master, "get nodes")
    assert kubectl(master, "get secret restored -o jsonpath='{.data.word}' | base64 -d") == "kept"
