# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of nodes on day two: what is set, what is taken away, and what is others'."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import settings
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.settings import Noted
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.settings import Settings
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.settings import Taint

VISION = Taint("dedicated", "vision", "NoSchedule")
ROBOTS = Taint("dedicated", "robots", "NoSchedule")
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-11-28T12:00:00Z"}
QUARANTINE = {"key": "quarantine", "value": "true", "effect": "NoSchedule"}


def node(name: str = "ip-10-1-0-11", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "resourceVersion": "7", "labels": more.get("labels", {})}
    if "note" in more:
        metadata["annotations"] = {settings.NOTE: more["note"]}
    return {"metadata": metadata, "spec": {"taints": more["taints"]} if more.get("taints") else {}}


@pytest.mark.parametrize(
    ("there", "wanted", "noted", "changes"),
    [
        ({"a": "1"}, {"a": "1"}, [("a", "1")], {}),
        ({"a": "1", "b": "2"}, {"a": "3", "c": ""}, [], {"a": "3", "c": ""}),
        # not wanted any more
        ({"a": "1"}, {}, [("a", "1")], {"a": None}),
        # others': never set by us, or changed by somebody since, or gone
        ({"a": "1"}, {}, [], {}),
        ({"a": "2"}, {}, [("a", "1")], {}),
        ({}, {}, [("a", "1")], {}),
        # a run that was killed has left some nodes with the value before
        ({"a": "1"}, {}, [("a", "1"), ("a", "2")], {"a": None}),
    ],
)
def test_labels(there: dict[str, str], wanted: dict[str, str], noted: Any, changes: dict[str, Any]) -> None:
    found = settings.label_changes(there, wanted, noted)
    assert found == changes
    after = {key: value for key, value in {**there, **found}.items() if value is not None}
    assert settings.label_changes(after, wanted, noted) == {}


@pytest.mark.parametrize(
    ("there", "wanted", "noted", "after"),
    [
        ([], [VISION], [], [VISION.object()]),
        ([VISION.object()], [VISION], [VISION], [VISION.object()]),
        # another value, in its place; others' stay as they are
        ([NOT_READY, VISION.object(), QUARANTINE], [ROBOTS], [VISION], [NOT_READY, ROBOTS.object(), QUARANTINE]),
        ([NOT_READY, VISION.object(), QUARANTINE], [], [VISION], [NOT_READY, QUARANTINE]),
        # of the same key with another effect, or another value than was set
        ([{**VISION.object(), "effect": "NoExecute"}], [], [VISION], [{**VISION.object(), "effect": "NoExecute"}]),
        ([ROBOTS.object()], [], [VISION], [ROBOTS.object()]),
        # the effect is changed
        (
            [VISION.object()],
            [VISION._replace(effect="NoExecute")],
            [VISION],
            [{**VISION.object(), "effect": "NoExecute"}],
        ),
        # when it was added stays
        ([{**VISION.object(), "timeAdded": "x"}], [VISION], [], [{**VISION.object(), "timeAdded": "x"}]),
        ([{"key": "k", "effect": "NoSchedule"}], [], [Taint("k", "", "NoSchedule")], []),
    ],
)
def test_taints(there: Any, wanted: Any, noted: Any, after: Any) -> None:
    assert settings.taints_after(there, wanted, noted) == after
    assert settings.taints_after(after, wanted, noted) == after


def test_what_is_said_of_a_node() -> None:
    there = node(labels={"team": "vision", "old": "x", "zone": "a"}, taints=[VISION.object(), QUARANTINE])
    wanted = Settings({"team": "robots", "new": ""}, (Taint("busy", "", "NoExecute"),))
    found = settings.plan(there, wanted, Noted(frozenset({("old", "x")}), frozenset({VISION})))
    assert found.said == (
        "label team=robots (was vision)",
        "label new=",
        "label old is taken away (was x)",
        "taint dedicated=vision:NoSchedule is taken away",
        "taint busy=:NoExecute, by which pods that do not tolerate it end",
    )
    assert found.taints == [QUARANTINE, {"key": "busy", "effect": "NoExecute"}]
    nothing = settings.plan(there, Settings(), Noted())
    assert (nothing.labels, nothing.taints, nothing.said) == ({}, None, ())


def test_labels_that_each_node_has_of_its_own_stay() -> None:
    (zone,) = [key for key in settings.AUTOMATIC if key.endswith("/zone")]
    found = settings.plan(node(labels={zone: "a"}), Settings({zone: "b"}), Noted(frozenset({(zone, "a")})))
    assert found.labels == {}


def test_the_note_is_read_as_it_is_written() -> None:
    noted = Noted(frozenset({("a", "1"), ("a", "2"), ("b/c", "")}), frozenset({VISION, Taint("k", "", "NoExecute")}))
    assert noted.data() == {"labels": "a=1 a=2 b/c=", "taints": "dedicated=vision:NoSchedule k=:NoExecute"}
    assert settings.noted_of(noted.data()) == noted
    assert settings.noted_of({}) == Noted()


# --- the node itself ---


@pytest.mark.parametrize(
    ("labels", "note", "wanted", "found"),
    [
        # joined a moment ago, by kubelet's own arguments
        ({"team": "vision"}, "", {"team": "vision"}, ({}, "team=vision", [])),
        ({"team": "vision"}, "team=vision", {"team": "vision"}, ({}, None, [])),
        ({"team": "vision"}, "team=vision", {"team": "robots"}, ({"team": "robots"}, "team=robots", [])),
        ({"team": "vision", "rack": "1"}, "team=vision", {}, ({"team": None}, "", [])),
        ({}, "", {}, ({}, None, [])),
        # the administrator has changed them
        ({"team": "robots"}, settings.ADMINISTRATOR, {"team": "vision"}, ({}, None, ["team"])),
        ({"team": "vision"}, settings.ADMINISTRATOR, {"team": "vision"}, ({}, None, [])),
    ],
)
def test_what_a_node_changes_of_itself(labels: dict[str, str], note: str, wanted: dict[str, str], found: Any) -> None:
    kind = settings.AUTOMATIC[0]
    there = node(labels={**labels, kind: "other"}, note=note)
    changes, text, left = found
    assert settings.by_node(there, {**wanted, kind: "p5.48xlarge"}) == ({**changes, kind: "p5.48xlarge"}, text, left)


# --- the fleet ---


def test_all_workers_of_the_cluster_and_nobody_else() -> None:
    master = node("ip-10-1-0-10", labels={"node-role.kubernetes.io/control-plane": ""})
    nodes = [master, node(), node("ip-10-1-0-12", labels={"team": "vision"}), node("somebody")]
    known = ["ip-10-1-0-10", "ip-10-1-0-11", "ip-10-1-0-12"]
    noted = Noted(frozenset({("old", "x")}), frozenset({VISION}))
    found = settings.fleet(Settings({"team": "vision"}), {}, nodes, known, noted)
    assert found.problems == []
    assert found.patches == [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": "ip-10-1-0-11",
                "labels": {"team": "vision"},
                "annotations": {settings.NOTE: settings.ADMINISTRATOR},
            },
        }
    ]
    assert found.said == ["ip-10-1-0-11: label team=vision"]
    assert found.begin == {"labels": "old=x team=vision", "taints": str(VISION)}
    assert found.end == {"labels": "team=vision", "taints": ""}


def test_taints_are_refused_where_the_node_has_changed_since() -> None:
    found = settings.fleet(Settings({}, (VISION,)), {}, [node(taints=[QUARANTINE])], ["ip-10-1-0-11"], Noted())
    (patch,) = found.patches
    assert patch["metadata"] == {"name": "ip-10-1-0-11", "resourceVersion": "7"}
    assert patch["spec"]["taints"] == [QUARANTINE, VISION.object()]


def test_labels_that_nodes_may_not_give_themselves() -> None:
    restricted = {"node-restriction.kubernetes.io/tier": "gold"}
    found = settings.fleet(Settings(), restricted, [node()], ["ip-10-1-0-11"], Noted())
    assert found.patches[0]["metadata"]["labels"] == restricted
    assert found.end["labels"] == "node-restriction.kubernetes.io/tier=gold"


@pytest.mark.parametrize(
    ("labels", "taints", "word"),
    [
        ({"team": "two words"}, (), "labels team=two words is no label: write"),
        ({"-team": "x"}, (), "is no label"),
        ({"x" * 64: "x"}, (), "is no label"),
        ({"node-role.kubernetes.io/worker": ""}, (), "none that a node may give itself: take names"),
        ({"node-restriction.kubernetes.io/a": "b"}, (), "k8s_restricted_labels"),
        ({"node-role.kubernetes.io/control-plane": ""}, (), "makes a node a master: leave"),
        ({}, (Taint("", "", "NoSchedule"),), "taints =:NoSchedule is no taint"),
        ({}, (Taint("k", "v", "Never"),), "as effect one of NoSchedule, PreferNoSchedule, NoExecute"),
        ({}, (Taint("k", "two words", "NoExecute"),), "is no taint"),
        ({}, (VISION, ROBOTS), "taints dedicated has several values with the effect NoSchedule"),
    ],
)
def test_what_can_not_be_is_said_with_the_fix(labels: dict[str, str], taints: Any, word: str) -> None:
    (told,) = settings.problems(Settings(labels, taints))
    assert word in told
    assert told.count(": ") == 1
    refused = settings.fleet(Settings(labels, taints), {}, [node()], ["ip-10-1-0-11"], Noted())
    assert (refused.problems, refused.patches) == ([told], [])


def test_what_can_be() -> None:
    labels = {"team": "vision", "example.com/a.b": "", "node.kubernetes.io/a": "1", "topology.kubernetes.io/zone": "z"}
    taints = (VISION, VISION._replace(effect="NoExecute"), Taint("k", "", "PreferNoSchedule"))
    assert settings.problems(settings.settings_of(labels, [taint.object() for taint in taints])) == []
    assert settings.problems(Settings({"node-role.kubernetes.io/worker": ""}), by_node=False) == []
    assert settings.problems(Settings({"node-role.kubernetes.io/master": ""}), by_node=False) != []
