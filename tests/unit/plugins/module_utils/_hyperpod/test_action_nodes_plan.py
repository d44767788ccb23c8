# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every branch of the plan for nodes: names, refusals, batches, additions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import Member
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import address_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import choose
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import member_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.members import plain_name
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_plan import Wish
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.nodes_plan import plan_nodes


def cluster(status: str = "InService", **more: Any) -> dict[str, Any]:
    groups = [
        {"InstanceGroupName": "c", "TargetCount": 1, "SlurmConfig": {"NodeType": "Controller"}},
        {"InstanceGroupName": "w", "TargetCount": 3},
    ]
    return {"ClusterName": "demo", "ClusterStatus": status, "InstanceGroups": groups, **more}


def member(number: int, group: str = "w", status: str = "Running", instance: bool = True) -> Member:
    return Member(
        key=f"logical-{number}",
        instance_id=f"i-{number:017x}" if instance else None,
        logical_id=f"logical-{number}",
        group=group,
        instance_type="ml.c5.large",
        hostname=f"ip-10-0-0-{number % 250}",
        status=status,
        message=None,
    )


def wish(state: str, *nodes: str, **more: Any) -> Wish:
    return Wish("demo", state, nodes, token="token", **more)


ONE, TWO = member(1), member(2)
CONTROLLER = member(9, "c")
FLOWING = cluster(NodeProvisioningMode="Continuous")


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("i-01234567", "i-01234567"),
        (" i-01234567 ", "i-01234567"),
        ("i-xyz", None),
        ("hyperpod-i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("hyperpod-else", "hyperpod-else"),
        ("IP-10-0-0-1.us-west-2.compute.internal", "ip-10-0-0-1"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.999", None),
        ("0b0f-11", "0b0f-11"),
        ("two words", None),
        ("", None),
    ],
)
def test_plain_names(given: str, plain: str | None) -> None:
    assert plain_name(given) == plain


def test_a_member_of_a_summary() -> None:
    summary = {
        "InstanceGroupName": "w",
        "InstanceId": "",
        "NodeLogicalId": "l-1",
        "InstanceType": "t",
        "PrivateDnsHostname": "ip-10-0-0-1.ec2.internal",
        "InstanceStatus": {"Status": "Pending", "Message": "m"},
    }
    found = member_of(summary)
    assert (found.key, found.instance_id, found.hostname, found.message) == ("l-1", None, "ip-10-0-0-1", "m")
    assert found.names == {"l-1", "ip-10-0-0-1", "10.0.0.1"}
    bare = member_of({"InstanceGroupName": "w", "InstanceId": "i-1", "InstanceStatus": {"Status": "Running"}})
    assert (bare.key, bare.logical_id, bare.hostname) == ("i-1", None, None)
    assert address_of("other-name") is None


def test_each_node_is_chosen_once_and_one_that_leaves_gives_way() -> None:
    leaving = replace(member(3, status="ShuttingDown"), hostname=ONE.hostname)
    chosen = choose(["10.0.0.1", str(ONE.instance_id), "logical-2", "i-00000000"], [leaving, ONE, TWO])
    assert chosen.found == {"10.0.0.1": ONE, "logical-2": TWO}
    assert chosen.missing == ["i-00000000"]
    twin = replace(member(4), hostname=ONE.hostname)
    assert "names of" not in str(choose(["10.0.0.1"], [ONE, twin]).problems[0])
    assert "several nodes" in choose(["10.0.0.1"], [ONE, twin]).problems[0]


@pytest.mark.parametrize(
    ("described", "wanted", "words"),
    [
        (cluster(), wish("rebooted"), "nodes is empty"),
        (cluster(), wish("rebooted", "a b"), "nodes[0]: 'a b' is none of"),
        (None, wish("rebooted", "logical-1"), "There is no cluster demo"),
        (None, wish("added", group="w", count=1), "There is no cluster demo"),
        (cluster(), wish("rebooted", "logical-1", "logical-8"), "no such nodes: logical-8"),
        (cluster(), wish("replaced", "logical-9"), "controller can't be replaced: logical-9 (group c)"),
        (cluster(), wish("absent", "logical-9"), "controller can't be deleted"),
        (cluster("Failed", FailureMessage="no luck."), wish("rebooted", "logical-1"), "is Failed: no luck. The"),
        (cluster("Failed", NodeProvisioningMode="Continuous"), wish("added", group="w", count=1), "gives no reason"),
        (cluster(), wish("added", group="w", count=1), "raise instance_count of the group by hyperpod_cluster"),
        (FLOWING, wish("added", group="x", count=1), "no instance group x; it has c, w"),
        (FLOWING, wish("added", group="c", count=1), "is the Slurm controller's"),
        (FLOWING, wish("added", group="w", count=0), "count: 0, at least 1"),
        (FLOWING, wish("added", group="w", target_count=-1), "target_count: -1, at least 0"),
        (FLOWING, replace(wish("added", group="w", count=1), token="a b"), "client_token: 'a b'"),
    ],
)
def test_refusals(described: dict[str, Any] | None, wanted: Wish, words: str) -> None:
    planned = plan_nodes(described, [ONE, TWO, CONTROLLER], wanted)
    assert words in str(planned.refusal)
    assert planned.calls == ()


def test_a_busy_cluster_is_waited_for_unless_there_is_nothing_to_do() -> None:
    assert plan_nodes(cluster("Updating"), [ONE], wish("rebooted", "logical-1")).busy
    assert plan_nodes(
        cluster("Updating", NodeProvisioningMode="Continuous"), [], wish("added", group="w", count=1)
    ).busy
    nothing = plan_nodes(cluster("Updating"), [ONE], wish("absent", "logical-7"))
    assert not nothing.busy
    assert nothing.missing == ("logical-7",)
    assert nothing.calls == ()


def test_absent_is_a_state() -> None:
    assert plan_nodes(None, [], wish("absent", "logical-1")).missing == ("logical-1",)
    leaving = member(3, status="ShuttingDown")
    planned = plan_nodes(cluster(), [ONE, leaving], wish("absent", "logical-1", "logical-3", "logical-5"))
    assert list(planned.targets) == ["logical-1"]
    assert list(planned.joined) == ["logical-3"]
    assert planned.missing == ("logical-5",)
    assert planned.calls[0].request == {"ClusterName": "demo", "NodeIds": [ONE.instance_id]}
    assert planned.calls[0].reason == "1 node is to be deleted"
    assert plan_nodes(cluster(), [leaving], wish("absent", "logical-3")).calls == ()


def sizes(state: str, nodes: list[Member]) -> list[tuple[int, int]]:
    planned = plan_nodes(cluster(), nodes, wish(state, *(node.key for node in nodes)))
    return [(len(c.request.get("NodeIds", [])), len(c.request.get("NodeLogicalIds", []))) for c in planned.calls]


def test_batches_are_as_large_as_a_call_takes() -> None:
    assert sizes("rebooted", [member(n) for n in range(60)]) == [(25, 0), (25, 0), (10, 0)]
    assert sizes("replaced", [member(n) for n in range(25)]) == [(25, 0)]
    assert sizes("absent", [member(n) for n in range(200)]) == [(99, 0), (99, 0), (2, 0)]
    mixed = [member(n, instance=n >= 60) for n in range(120)]
    assert sizes("absent", mixed) == [(50, 0), (10, 40), (0, 20)]
    assert sizes("rebooted", [member(1, instance=False), member(2)]) == [(1, 1)]


def test_the_controller_may_be_rebooted() -> None:
    planned = plan_nodes(cluster(), [CONTROLLER], wish("rebooted", "logical-9"))
    assert [call.operation for call in planned.calls] == ["BatchRebootClusterNodes"]


def test_additions() -> None:
    planned = plan_nodes(FLOWING, [], wish("added", group="w", count=120, zones=("a",), types=("t",)))
    assert planned.adding == 120
    items = [call.request["NodesToAdd"][0] for call in planned.calls]
    assert [item["IncrementTargetCountBy"] for item in items] == [50, 50, 20]
    assert (items[0]["AvailabilityZones"], items[0]["InstanceTypes"]) == (["a"], ["t"])
    assert [call.request["ClientToken"] for call in planned.calls] == ["token", "token.2", "token.3"]
    long = plan_nodes(FLOWING, [], replace(wish("added", group="w", count=51), token="x" * 64))
    assert [len(call.request["ClientToken"]) for call in long.calls] == [64, 64]
    assert len({call.request["ClientToken"] for call in long.calls}) == 2


def test_a_target_count_asks_for_what_is_missing() -> None:
    pending = member(3, status="Pending")
    planned = plan_nodes(FLOWING, [ONE, pending], wish("added", group="w", target_count=5))
    assert [call.request["NodesToAdd"][0]["IncrementTargetCountBy"] for call in planned.calls] == [2]
    assert planned.joined == {"logical-3": pending}
    assert plan_nodes(FLOWING, [ONE], wish("added", group="w", target_count=3)).calls == ()
    assert plan_nodes(FLOWING, [ONE], wish("added", group="w", target_count=1)).adding == 0
