# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of a node that is there, by the operator's playbook."""

from __future__ import annotations

import json
from typing import Any

from day_two import Operator
from support import changed
from support import playbook
from support import said
from support_kubernetes import kubectl
from test_kubeadm import INVENTORY
from test_kubeadm import PLAY

TIER = "node-restriction.kubernetes.io/tier"
SOUND = {"labels": {"team": "sound"}, "taints": [{"key": "dedicated", "value": "sound", "effect": "NoSchedule"}]}


def seen(master: Any, name: str) -> tuple[dict[str, str], list[str]]:
    """Labels of a node that are neither Kubernetes' nor the role's, and its taints."""
    node = json.loads(kubectl(master, f"get node {name} -o json"))
    labels = {key: value for key, value in node["metadata"]["labels"].items() if "/" not in key or key == TIER}
    taints = [f"{one['key']}={one.get('value', '')}:{one['effect']}" for one in node["spec"].get("taints", [])]
    return labels, sorted(taints)


def noted(master: Any) -> dict[str, str]:
    found = json.loads(kubectl(master, "-n kube-system get configmap podforge-node-settings -o json"))
    return dict(found["data"])


def played(operator: Operator, kubernetes: dict[str, Any], *arguments: str, **variables: Any) -> int:
    """Changes of a run that has passed."""
    operator.description = {**operator.description, "kubernetes": kubernetes}
    done = operator.play("k8s_labels.yml", *arguments, **variables)
    del operator.description["kubernetes"]
    assert done.returncode == 0, said(done)
    return changed(done.stdout, "localhost")


def test_labels_and_taints_of_a_node_that_is_there(operator: Operator, master: Any, worker: Any, name: str) -> None:
    restricted = {"k8s_restricted_labels": {TIER: "gold"}}
    # what workers of this cluster were to join with
    assert noted(master) == {"labels": "team=vision", "taints": ""}
    # somebody's
    kubectl(master, f"label --overwrite node {name} rack=7 team=vision crew-")
    kubectl(master, f"taint --overwrite node {name} quarantine=yes:PreferNoSchedule")
    before = seen(master, name)
    assert before == ({"rack": "7", "team": "vision"}, ["quarantine=yes:PreferNoSchedule"])
    assert played(operator, SOUND, "--check", **restricted)
    assert seen(master, name) == before
    assert played(operator, SOUND, **restricted)
    after = ({"rack": "7", "team": "sound", TIER: "gold"}, ["dedicated=sound:NoSchedule", before[1][0]])
    assert seen(master, name) == after
    assert played(operator, SOUND, **restricted) == 0
    # the node may do neither, nor does it bring back what it has joined with
    own = "kubectl --kubeconfig /etc/kubernetes/kubelet.conf"
    for words in (f"taint node {name} dedicated-", f"label --overwrite node {name} {TIER}=none"):
        assert "orbidden" in worker.run(f"{own} {words}").stderr, words
    done = playbook(PLAY, INVENTORY, "--limit=kube_worker")
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "kube_worker") == 0
    assert "left as k8s_labels.yml has set them" in said(done)
    assert seen(master, name) == after
    # not named any more: all of it goes, and nothing else
    assert played(operator, {})
    assert seen(master, name) == ({"rack": "7"}, ["quarantine=yes:PreferNoSchedule"])
    assert noted(master) == {"labels": "", "taints": ""}
    kubectl(master, f"taint node {name} quarantine-")
