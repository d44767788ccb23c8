# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter: nodes of the cluster as hyperpod_cluster_info has them."""

from __future__ import annotations

from typing import Any

from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_labels_plan import kubernetes_labels_plan

MEMBERS = [{"private_dns_hostname": "ip-10-1-0-11.us-west-2.compute.internal"}, {"private_dns_hostname": None}]


def node(name: str, address: str = "") -> dict[str, Any]:
    addresses = [{"type": "InternalIP", "address": address}] if address else []
    return {"metadata": {"name": name, "resourceVersion": "1"}, "status": {"addresses": addresses}}


def test_nodes_of_the_cluster_by_name_or_address() -> None:
    nodes = [node("ip-10-1-0-11"), node("other-name", "10.1.0.11"), node("somebody", "10.1.0.12")]
    found = kubernetes_labels_plan(nodes, MEMBERS, labels={"team": "vision"})
    assert [patch["metadata"]["name"] for patch in found["patches"]] == ["ip-10-1-0-11", "other-name"]


def test_without_nodes_it_says_what_is_to_be_noted() -> None:
    taint = {"key": "dedicated", "effect": "NoSchedule"}
    found = kubernetes_labels_plan([], [], labels={"team": "vision", "on": True}, taints=[taint])
    assert found["end"] == {"labels": "on=True team=vision", "taints": "dedicated=:NoSchedule"}
    assert kubernetes_labels_plan([], [], labels={"team": "a b"})["problems"]
    assert kubernetes_labels_plan([], [])["end"] == {"labels": "", "taints": ""}


def test_what_was_noted_goes() -> None:
    there = {**node("ip-10-1-0-11"), "spec": {"taints": [{"key": "dedicated", "effect": "NoSchedule"}]}}
    found = kubernetes_labels_plan([there], MEMBERS, noted={"labels": "", "taints": "dedicated=:NoSchedule"})
    assert found["patches"][0]["spec"] == {"taints": []}
    assert found["said"] == ["ip-10-1-0-11: taint dedicated=:NoSchedule is taken away"]
