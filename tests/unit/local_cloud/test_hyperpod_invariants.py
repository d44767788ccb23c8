# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds whatever happens: random calls, faults and waits against the state machines."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import rules_change
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import cluster_from_dict
from local_cloud.hyperpod.model import cluster_to_dict
from local_cloud.hyperpod.model import node_from_dict
from local_cloud.hyperpod.model import node_to_dict
from local_cloud.hyperpod.show import cluster_details

FAULTS = st.sampled_from(["", "", "", "capacity", "launch", "efa", "lifecycle"])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(0, 4)),
        st.tuples(st.just("extra"), st.integers(0, 2)),
        st.tuples(st.just("drop"), st.just(0)),
        st.tuples(st.just("replace"), st.integers(0, 3)),
        st.tuples(st.just("reboot"), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 3)),
        st.tuples(st.just("software"), st.integers(0, 1)),
        st.tuples(st.just("add"), st.integers(1, 2)),
        st.tuples(st.just("tick"), st.integers(1, 6)),
    ),
    max_size=8,
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Play:
    """Calls in random order; those that the rules refuse are left out, as by the service."""

    def __init__(self, continuous: bool, faults: list[str], *, settled: bool = False) -> None:
        self.world = World()
        fail = {"work": list(faults), "extra": list(faults[::-1])}
        self.world.fail = {} if settled else fail
        self.highest: Counter[str] = Counter({"ctl": 1, "login": 1, "work": 2})
        self.world.create(groups(2), **({"NodeProvisioningMode": "Continuous"} if continuous else {}))
        if settled:
            self.world.run()
            self.world.fail = fail

    def do(self, action: str, number: int) -> None:
        world = self.world
        if action == "tick":
            for _dummy in range(number):
                world.tick()
                self.check()
            return
        # With continuous provisioning all but a second software update is taken while one goes on.
        if world.c.status != "InService" or (world.c.job is not None and action == "software"):
            return
        if action in ("scale", "extra"):
            name = "work" if action == "scale" else "extra"
            self._update(InstanceGroups=[group(name, number, "Compute")])
        elif action == "drop" and "extra" in world.c.groups:
            self._update(InstanceGroupsToDelete=["extra"])
        elif action == "software":
            release = {"ImageReleaseVersion": "1.0.0"} if number else {}
            batch = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}
            named = [{"InstanceGroupName": name, **release} for name in world.c.groups]
            world.software(InstanceGroups=named, DeploymentConfig=batch)
        elif action == "add" and world.c.continuous and "work" in world.c.groups:
            self.world.call(
                changes_nodes.add, NodesToAdd=[{"InstanceGroupName": "work", "IncrementTargetCountBy": number}]
            )
        elif action in ("replace", "reboot", "remove"):
            self._node(action, number)
        for item in world.c.groups.values():
            self.highest[item.name] = max(self.highest[item.name], item.target)
        self.check()

    def _update(self, **params: Any) -> None:
        if not list(rules_change.update_findings({"ClusterName": "demo", **params}, self.world.c)):
            self.world.update(**params)

    def _node(self, action: str, number: int) -> None:
        nodes = self.world.members("work")
        if not nodes:
            return
        function = {
            "replace": changes_nodes.replace_nodes,
            "reboot": changes_nodes.reboot_nodes,
            "remove": changes_nodes.delete_nodes,
        }[action]
        self.world.call(function, NodeIds=[nodes[number % len(nodes)].instance_id])

    def check(self) -> None:
        cluster = self.world.c
        live = Counter(n.group for n in cluster.nodes.values() if n.phase not in LEAVING)
        for name, count in live.items():
            assert count <= self.highest[name], f"{count} live nodes of {name}"
        for attribute in ("instance_id", "token"):
            values = [getattr(n, attribute) for n in cluster.nodes.values()]
            assert len(set(values)) == len(values), f"{attribute} used twice"
        names = [n.name for n in cluster.nodes.values() if n.phase not in LEAVING]
        assert len(set(names)) == len(names), "a name used twice"
        addresses = [n.placement.ip_address for n in cluster.nodes.values()]
        assert len(set(addresses)) == len(addresses), "an address used twice"
        for shown in cluster_details(cluster)["InstanceGroups"]:
            assert 0 <= shown["CurrentCount"] <= live[shown["InstanceGroupName"]]


@QUICK
@given(st.booleans(), st.booleans(), st.lists(FAULTS, max_size=10), ACTIONS)
def test_whatever_happens_it_settles_at_what_was_asked_for(
    continuous: bool, settled: bool, faults: list[str], actions: list[tuple[str, int]]
) -> None:
    play = Play(continuous, faults, settled=settled)
    for action, number in actions:
        play.do(action, number)
    play.world.run()
    cluster = play.world.c
    play.check()
    assert cluster.status in ("InService", "Failed")
    assert cluster.job is None
    if cluster.status == "Failed" and not cluster.continuous:
        assert cluster.nodes == {}
        assert cluster.failure_message
        return
    for item in cluster.groups.values():
        nodes = cluster.group_nodes(item.name)
        assert len(nodes) == item.target
        assert {(n.image_id, n.release) for n in nodes} <= {(item.image_id, item.release)}
        assert {n.phase for n in nodes} <= {Phase.RUN, Phase.FAILED}
        if cluster.continuous:
            assert {n.phase for n in nodes} <= {Phase.RUN}
            assert all(o.status != "InProgress" for o in cluster.operations)
    play.world.delete()
    play.world.run()
    assert play.world.cluster is None


@QUICK
@given(
    st.lists(st.sampled_from(["", "capacity", "launch", "efa", "lifecycle"]), min_size=1, max_size=4), st.integers(3, 6)
)
def test_an_update_succeeds_whole_or_leaves_no_trace(faults: list[str], target: int) -> None:
    world = World()
    world.create(groups(2))
    world.run()
    before = {n.key: n for n in world.c.nodes.values()}
    described = cluster_details(world.c)
    added = target - 2
    world.fail = {"work": list(faults)}
    world.update(InstanceGroups=[group("work", target, "Compute", ThreadsPerCore=2)], NodeRecovery="None")
    world.run()
    assert world.c.status == "InService"
    if any(faults[:added]):
        after = cluster_details(world.c)
        assert after.pop("FailureMessage")
        assert after == described
        assert dict(world.c.nodes) == before
    else:
        assert len(world.members("work")) == target
        assert world.c.failure_message is None


@QUICK
@given(st.booleans(), st.lists(FAULTS, max_size=6), ACTIONS)
def test_every_state_survives_the_way_to_the_disk(
    continuous: bool, faults: list[str], actions: list[tuple[str, int]]
) -> None:
    play = Play(continuous, faults)
    for action, number in actions:
        play.do(action, number)
    cluster = play.world.c
    nodes = {key: node_from_dict(node_to_dict(node)) for key, node in cluster.nodes.items()}
    assert cluster_from_dict(cluster_to_dict(cluster), nodes) == cluster
