# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Day two, by the playbooks as an operator runs them: scale, orphans, replacement, upgrade.

The tests start and end containers (or only say to the real API server that a node is Ready) as instances would.
"""

from __future__ import annotations

import json
import time
from typing import Any

from day_two import CLUSTER
from day_two import Operator
from day_two import names
from support import eventually
from support import playbook
from support import said
from support_kubernetes import kubectl
from support_kubernetes import ready
from test_kubeadm import INVENTORY
from test_kubeadm import PLAY

from tests.support.kubernetes.lab import KubernetesLab

PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: kept, labels: {app: kept}}
spec:
  replicas: 1
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: pause, image: "k8s.gcr.io/pause:3.2", imagePullPolicy: Never}]
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: kept}
spec: {minAvailable: 1, selector: {matchLabels: {app: kept}}}
"""


def test_what_cannot_be_is_refused_before_anything_is_changed(operator: Operator, name: str) -> None:
    for play, variables, words in (
        ("k8s_upgrade.yml", {"k8s_upgrade_version": "1.22"}, "one minor version at a time. Fix: upgrade to 1.21 first"),
        ("k8s_replace_node.yml", {"k8s_replace_nodes": [name.replace("-22", "-21"), name]}, "is a master"),
    ):
        done = operator.play(play, **variables)
        assert done.returncode != 0, play
        assert words in said(done), said(done)


def test_a_node_is_replaced_under_its_name_and_goes_on_where_it_was_stopped(
    operator: Operator, master: Any, lab: KubernetesLab, name: str
) -> None:
    master.check_output(f"kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - <<'end'{PODS}end")
    there = "get pods -l app=kept -o jsonpath='{.items[*].spec.nodeName} {.items[*].status.phase}'"
    assert eventually(lambda: kubectl(master, there) == f"{name} Running", 60), kubectl(master, "describe pods")
    # a budget is kept to, and nothing is lost by it
    done = operator.play("k8s_replace_node.yml", k8s_replace_nodes=[name], k8s_drain_timeout=5)
    assert done.returncode != 0
    assert "disruption budget" in said(done), said(done)
    assert "run this again, which goes on here" in said(done)
    assert operator.nodes()[name]["InstanceStatus"]["Status"] == "Running"
    assert ready(master, name)
    assert "true" in kubectl(master, f"get node {name} -o jsonpath='{{.spec.unschedulable}}'")
    kubectl(master, "delete pdb kept")
    # killed while the service is at work on it; without naming nodes it goes on
    before = operator.nodes()[name]["InstanceId"]
    process = operator.start("k8s_replace_node.yml")
    assert eventually(lambda: operator.nodes()[name]["InstanceId"] != before, 120)
    process.kill()
    process.communicate()
    assert name not in kubectl(master, "get nodes")
    after = operator.nodes()[name]["InstanceId"]
    process = operator.start("k8s_replace_node.yml")
    # the new instance: its lifecycle script, with Secrets Manager throttled
    lab.cloud.cli("fault set throttle", "--percent", "30", "--operation", "secretsmanager:GetSecretValue")
    lab.replace("kube_worker")
    joined = playbook(PLAY, INVENTORY, "--limit=kube_worker", variables={"kubeadm_worker_labels": {"team": "speech"}})
    lab.cloud.cli("fault clear")
    assert joined.returncode == 0, said(joined)
    output, _none = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert operator.nodes()[name]["InstanceId"] == after, "it was replaced once"
    assert eventually(lambda: kubectl(master, there) == f"{name} Running", 60), kubectl(master, "describe pods")
    assert json.loads(kubectl(master, f"get node {name} -o json"))["metadata"]["labels"]["team"] == "speech"
    assert kubectl(master, "-n kube-system get configmaps -l podforge.hyperpod/replacement -o name") == ""
    kubectl(master, "delete deployment kept")


def a_kubelet_says_it_is_ready(master: Any, node: str) -> None:
    """What the API server is told of a node that has joined."""
    definition = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node, "labels": {"sagemaker.amazonaws.com/instance-group-name": "worker-group-1"}},
    }
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
    status = json.dumps(
        {"status": {"conditions": [{**condition, "lastHeartbeatTime": now, "lastTransitionTime": now}]}}
    )
    call = "curl -sS --fail-with-body --cacert ca --cert cert --key key -H content-type:"
    server = "https://127.0.0.1:6443/api/v1/nodes"
    config = "kubectl --kubeconfig /etc/kubernetes/admin.conf config view --raw -o jsonpath="
    master.check_output(
        f"""set -e; cd "$(mktemp -d)"; cp /etc/kubernetes/pki/ca.crt ca
        {config}'{{.users[0].user.client-certificate-data}}' | base64 -d > cert
        {config}'{{.users[0].user.client-key-data}}' | base64 -d > key
        {call}application/json -X POST -d '{json.dumps(definition)}' {server}
        {call}application/strategic-merge-patch+json -X PATCH -d '{status}' {server}/{node}/status"""
    )


def test_a_node_more_and_what_is_left_of_it(operator: Operator, master: Any, lab: KubernetesLab, name: str) -> None:
    # no room: told before anything is changed
    description = operator.description
    more = {**operator.group(1), "instance_count": 256}
    operator.description = {**description, "instance_groups": [operator.group(0), more]}
    done = operator.play("k8s_scale.yml")
    assert done.returncode != 0
    assert "For 257 nodes: pod_cidr 10.244.0.0/16 has 256 blocks of /24" in said(done)
    # one more, whose token is looked after, and which is waited for
    operator.description = {**description, "instance_groups": [operator.group(0), {**more, "instance_count": 2}]}
    process = operator.start("k8s_scale.yml")
    (new,) = eventually(lambda: set(operator.nodes()) - names(lab), 300)
    a_kubelet_says_it_is_ready(master, new)
    output, _none = process.communicate(timeout=300)
    assert process.returncode == 0, output
    # its instance goes, and what is left is removed; asked by default, and nobody is there to answer
    lab.cloud.aws(
        *("sagemaker", "batch-delete-cluster-nodes", "--cluster-name", CLUSTER),
        *("--node-ids", operator.nodes()[new]["InstanceId"]),
    )
    assert eventually(lambda: new not in operator.nodes(), 60)
    assert eventually(lambda: "Unknown" in kubectl(master, f"get node {new} -o jsonpath='{{.status.conditions}}'"), 90)
    listed = operator.play("k8s_orphan_nodes.yml", "--check")
    assert listed.returncode == 0, said(listed)
    assert f"{new}: no instance of {CLUSTER} has this name or address" in said(listed)
    unanswered = operator.play("k8s_orphan_nodes.yml")
    assert unanswered.returncode != 0
    assert "Nothing was removed" in said(unanswered)
    assert new in kubectl(master, "get nodes")
    done = operator.play("k8s_orphan_nodes.yml", k8s_orphan_nodes_confirm=True)
    assert done.returncode == 0, said(done)
    assert new not in kubectl(master, "get nodes")
    assert ready(master, name)
