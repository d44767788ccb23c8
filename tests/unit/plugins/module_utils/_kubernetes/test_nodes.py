# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are left over, and how far a replacement is."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_nodes import kubernetes_nodes
from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_replacement import kubernetes_replacement
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import nodes


def node(number, ready="True", **labels):
    name = f"ip-10-1-0-{number}"
    return {
        "metadata": {"name": name, "labels": {key.replace("__", "/"): value for key, value in labels.items()}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"10.1.0.{number}"}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}],
            "nodeInfo": {"machineID": f"m{number}", "systemUUID": "u", "kubeletVersion": "v1.32.4"},
        },
    }


def member(number, status="Running", instance="i-0", group="workers"):
    return {
        "instance_group_name": group,
        "instance_id": f"{instance}{number:016d}" if instance else "",
        "node_logical_id": None,
        "private_dns_hostname": f"ip-10-1-0-{number}.us-west-2.compute.internal" if number else "",
        "instance_status": {"status": status},
    }


MASTER = {**node(10), "metadata": {"name": "ip-10-1-0-10", "labels": {nodes.MASTER_LABELS[0]: ""}}}


def left(*there, members=None, **options):
    members = [member(10), member(11)] if members is None else members
    return nodes.orphans([nodes.node_of(one) for one in there], nodes.known_of_members(members), **options)


def test_a_node_without_an_instance_is_left_over():
    found = left(MASTER, node(11), node(12, "Unknown"), node(13, "False"))
    assert found.remove == ("ip-10-1-0-12", "ip-10-1-0-13")
    # a kubelet that is not heard of ends no pods
    assert found.drain == ("ip-10-1-0-13",)
    assert found.keep == {}


def test_a_ready_node_is_somebodys():
    assert "somebody runs it" in left(MASTER, node(12)).keep["ip-10-1-0-12"]
    asked = left(MASTER, node(12), include_ready=True)
    assert (asked.remove, asked.drain) == (("ip-10-1-0-12",), ("ip-10-1-0-12",))


def test_a_master_never_is():
    gone = left(MASTER, node(11), members=(member(11),), include_ready=True)
    assert gone.remove == ()
    assert "is a master" in gone.keep["ip-10-1-0-10"]


def test_a_node_of_another_name_and_the_same_address_stays():
    other = node(11, "Unknown")
    other["metadata"]["name"] = "worker-1"
    assert left(MASTER, other).remove == ()


@pytest.mark.parametrize(
    ("labels", "stays"),
    [({}, True), ({nodes.GROUP_LABEL: "workers"}, True), ({nodes.GROUP_LABEL: "others"}, False)],
)
def test_a_node_that_may_be_under_way_stays(labels, stays):
    """One of the group has an instance and no name yet."""
    gone = node(12, "Unknown")
    gone["metadata"]["labels"] = labels
    found = left(MASTER, gone, members=(member(10, group="controllers"), member(0, "Pending")))
    assert bool(found.keep) == stays
    assert bool(found.remove) != stays


def test_a_kubeconfig_of_another_cluster_is_told():
    found = left(node(20, "Unknown"), node(21, "Unknown"))
    assert found.remove == ()
    assert "see whether the kubeconfig is that of this cluster" in found.problem
    assert left(node(20, "Unknown"), members=()).problem


def test_the_resource_file_says_the_same():
    config = {"InstanceGroups": [{"Name": "workers", "Instances": [{"CustomerIpAddress": "10.1.0.11"}]}]}
    assert nodes.known_of_config(config) == nodes.known_of_members([member(11)])


def test_nodes_in_short():
    (found,) = kubernetes_nodes([MASTER])
    assert (found["master"], found["ready"], found["version"], found["addresses"]) == (
        True,
        "True",
        "1.32.4",
        ["10.1.0.10"],
    )
    assert kubernetes_nodes([{"metadata": {"name": "new"}}])[0]["ready"] == "Unknown"
    assert (found["unschedulable"], found["unfinished"]) == (False, "")
    noted = {"name": "new", "annotations": {"podforge.hyperpod/upgrade": "true"}}
    (found,) = kubernetes_nodes([{"metadata": noted, "spec": {"unschedulable": True}}])
    assert (found["unschedulable"], found["unfinished"]) == (True, "true")


MARK = {"instance_id": member(11)["instance_id"], "machine": "m11/u"}


def todo(there, members, mark=None, name="ip-10-1-0-11"):
    return kubernetes_replacement(name, there, members, mark)


def steps(found):
    return found["drain"], found["remove"], found["replace"]


def test_a_replacement_from_its_beginning():
    found = todo([MASTER, node(11)], [member(10), member(11)])
    assert found["problem"] == ""
    assert (found["instance_id"], found["machine"]) == (MARK["instance_id"], MARK["machine"])
    assert steps(found) == (True, True, True)


@pytest.mark.parametrize(
    ("there", "members", "left_to_do"),
    [
        # stopped before or after it was drained
        ([node(11)], [member(11)], (True, True, True)),
        # a kubelet that does not answer evicts nothing
        ([node(11, "Unknown")], [member(11)], (False, True, True)),
        # away from Kubernetes, and not replaced yet
        ([], [member(11)], (False, False, True)),
        ([], [member(11, "Failure")], (False, False, True)),
        # the service is at work on it, and would refuse to be asked again
        ([], [member(11, "Pending")], (False, False, False)),
        # another instance: all that is left is to wait
        ([], [member(11, instance="i-1")], (False, False, False)),
        ([node(11)], [member(11, instance="i-1")], (False, False, False)),
        # it has no name for a while, or a name and no instance: the mark says which one has to go
        ([], [member(10)], (False, False, False)),
        ([], [member(11, "Pending", instance="")], (False, False, False)),
    ],
)
def test_a_replacement_goes_on(there, members, left_to_do):
    found = todo(there, members, MARK)
    assert steps(found) == left_to_do
    assert (found["problem"], found["instance_id"], found["machine"]) == ("", MARK["instance_id"], MARK["machine"])


def test_what_an_administrator_had_cordoned():
    cordoned = {**node(11), "spec": {"unschedulable": True}}
    assert todo([cordoned], [member(11)])["cordoned"]
    assert not todo([node(11)], [member(11)])["cordoned"]
    # afterwards the playbook's own cordon is on it
    assert not todo([cordoned], [member(11)], {**MARK, "cordoned": "false"})["cordoned"]
    assert todo([], [member(10)], {**MARK, "cordoned": "true"})["cordoned"]


def test_a_machine_that_has_joined_since_is_left_alone():
    fresh = node(11)
    fresh["status"]["nodeInfo"]["machineID"] = "new"
    assert steps(todo([fresh], [member(11)], MARK)) == (False, False, True)


@pytest.mark.parametrize(
    ("there", "members", "name", "words"),
    [
        ([MASTER], [member(10)], "ip-10-1-0-10", "is a master"),
        ([], [member(10)], "ip-10-1-0-11", "the cluster has no node"),
        ([node(11)], [member(10)], "ip-10-1-0-11", "left over in Kubernetes"),
        ([node(11)], [member(11)], "10.1.0.11", "is ip-10-1-0-11 in Kubernetes"),
        ([], [member(11, "Pending", instance="")], "ip-10-1-0-11", "has no instance yet"),
    ],
)
def test_what_cannot_be_replaced(there, members, name, words):
    assert words in todo(there, members, name=name)["problem"]
