# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an upgrade takes, and what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_networks import kubernetes_networks
from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_upgrade_plan import kubernetes_upgrade_plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.nodes import MASTER_LABELS


def node(name, version, *, master=False):
    labels = {MASTER_LABELS[1]: ""} if master else {}
    return {"metadata": {"name": name, "labels": labels}, "status": {"nodeInfo": {"kubeletVersion": version}}}


def there(master="v1.32.4", first="v1.32.4", second="v1.32.4"):
    return [node("w1", first), node("m1", master, master=True), node("w2", second)]


@pytest.mark.parametrize(
    ("target", "server", "nodes", "masters", "workers"),
    [
        ("1.33", "v1.32.4", there(), ["m1"], ["w1", "w2"]),
        ("v1.32.5", "v1.32.4", there(), ["m1"], ["w1", "w2"]),
        # all have it: nothing
        ("1.32", "v1.32.4", there(), [], []),
        ("1.32.4", "v1.32.4", there(), [], []),
        # it goes on where it was stopped
        ("1.33", "v1.33.1", there("v1.32.4"), ["m1"], ["w1", "w2"]),
        ("1.33", "v1.33.1", there("v1.33.1", "v1.33.1"), [], ["w2"]),
        ("1.33", "v1.32.4", there("v1.33.1", "v1.33.1", "v1.33.1"), ["m1"], []),
        # builds of one's own
        ("1.32.4", "v1.32.4+own", there("v1.32.4-own"), [], []),
    ],
)
def test_who_is_upgraded(target, server, nodes, masters, workers):
    assert kubernetes_upgrade_plan(target, server, nodes) == {"problem": "", "masters": masters, "workers": workers}


def test_one_that_was_left_halfway_is_done_again():
    nodes = there()
    nodes[2]["metadata"]["annotations"] = {"podforge.hyperpod/upgrade": "false"}
    found = kubernetes_upgrade_plan("1.32", "v1.32.4", nodes)
    assert (found["masters"], found["workers"]) == ([], ["w2"])


def test_again_takes_all():
    found = kubernetes_upgrade_plan("1.32", "v1.32.4", there(), again=True)
    assert (found["masters"], found["workers"]) == (["m1"], ["w1", "w2"])


@pytest.mark.parametrize(
    ("target", "server", "nodes", "words"),
    [
        ("1.34", "v1.32.4", there(), "one minor version at a time. Fix: upgrade to 1.33 first"),
        ("2.0", "v1.32.4", there(), "one minor version at a time"),
        ("1.31", "v1.32.4", there(), "there is no way back to 1.31"),
        ("1.32.3", "v1.32.4", there(), "there is no way back to 1.32.3"),
        ("1.33", "v1.32.4", there(second="v1.30.9"), "w2 (1.30.9) would be more than two minor versions behind 1.33"),
        ("new", "v1.32.4", there(), "is no version of Kubernetes"),
    ],
)
def test_what_is_refused(target, server, nodes, words):
    found = kubernetes_upgrade_plan(target, server, nodes)
    assert words in found["problem"]
    assert found["masters"] + found["workers"] == []


@pytest.mark.parametrize(
    ("manager", "prefix"),
    [
        ({}, 24),
        ({"extraArgs": {"node-cidr-mask-size": "25"}}, 25),
        ({"extraArgs": [{"name": "bind-address", "value": "::"}, {"name": "node-cidr-mask-size", "value": "26"}]}, 26),
    ],
)
def test_networks_of_a_cluster_that_is_there(manager, prefix):
    networking = {"podSubnet": "10.240.0.0/14", "serviceSubnet": "10.96.0.0/16"}
    found = kubernetes_networks({"networking": networking, "controllerManager": manager})
    assert found == {"pod_cidr": "10.240.0.0/14", "service_cidr": "10.96.0.0/16", "node_prefix": prefix}
