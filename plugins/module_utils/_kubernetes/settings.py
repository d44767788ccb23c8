# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: labels and taints of nodes: what is wanted, what is there, and what was set before and is to go. Pure.

A node may change most of its own labels, and none of its taints (NodeRestriction). So it sees to its labels itself when
it joins, and remembers them in an annotation. Afterwards the administrator does, for all nodes, who remembers it in a
ConfigMap: what a node could write must not decide which taint is taken from it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from dataclasses import field

from .nodes import MASTER_LABELS
from .nodes import node_of

# Each node's own, which it brings back itself.
AUTOMATIC = (
    "node.kubernetes.io/instance-type",
    "sagemaker.amazonaws.com/instance-group-name",
    "topology.kubernetes.io/zone",
)
# Further labels that a node has set itself; or ADMINISTRATOR, and then it leaves those alone.
NOTE = "podforge.hyperpod/labels"
ADMINISTRATOR = "k8s_labels.yml"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NAME = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
# Of Kubernetes' own kubelet accepts these alone (pkg/kubelet/apis/well_known_labels.go), with others it does not start.
_OWN = re.compile(r"([^/]+\.)?(kubernetes|k8s)\.io/")
_KUBELET = re.compile(
    r"([^/]+\.)?(kubelet|node)\.kubernetes\.io/|kubernetes\.io/(hostname|os|arch)$"
    r"|beta\.kubernetes\.io/(instance-type|os|arch)$|(topology|failure-domain\.beta)\.kubernetes\.io/(zone|region)$"
)


class Taint(t.NamedTuple):
    """A taint; a node has one of each key and effect."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """As kubectl writes it."""
        return f"{self.key}={self.value}:{self.effect}"

    def object(self) -> dict[str, str]:
        """As the API has it."""
        value = {"value": self.value} if self.value else {}
        return {"key": self.key, **value, "effect": self.effect}


@dataclass(frozen=True)
class Settings:
    """What all workers are to have."""

    labels: t.Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


@dataclass(frozen=True)
class Noted:
    """What was set before: to be taken away where it is no more wanted. A label may have had several values."""

    labels: frozenset[tuple[str, str]] = frozenset()
    taints: frozenset[Taint] = frozenset()

    def data(self) -> dict[str, str]:
        """As the ConfigMap has it."""
        return {
            "labels": " ".join(sorted(f"{key}={value}" for key, value in self.labels)),
            "taints": " ".join(sorted(map(str, self.taints))),
        }


@dataclass(frozen=True)
class Change:
    """What one node is to be given: labels (None: taken away), and all of its taints (None: they stay)."""

    labels: t.Mapping[str, str | None]
    taints: list[dict[str, t.Any]] | None
    said: tuple[str, ...]


def taint_of(given: t.Mapping[str, t.Any]) -> Taint:
    """A taint as a description or the API has it."""
    return Taint(str(given.get("key") or ""), str(given.get("value") or ""), str(given.get("effect") or ""))


def settings_of(labels: t.Mapping[str, t.Any], taints: t.Iterable[t.Mapping[str, t.Any]]) -> Settings:
    """What is wanted, as a description has it."""
    return Settings({str(key): str(value) for key, value in labels.items()}, tuple(taint_of(one) for one in taints))


def noted_of(data: t.Mapping[str, str]) -> Noted:
    """What the ConfigMap says."""
    found = set()
    for text in data.get("taints", "").split():
        rest, _colon, effect = text.rpartition(":")
        key, _equals, value = rest.partition("=")
        found.add(Taint(key, value, effect))
    return Noted(frozenset(_pairs(data.get("labels", "").split())), frozenset(found))


def _pairs(texts: t.Iterable[str]) -> t.Iterator[tuple[str, str]]:
    for text in texts:
        key, _equals, value = text.partition("=")
        yield key, value


# --- what is wrong ---


def problems(wanted: Settings, *, by_node: bool = True) -> list[str]:
    """Why that can't be, each with the fix after its last colon.

    :param by_node: of labels, whether a node must be allowed to give them to itself.
    """
    found = []
    for key, value in wanted.labels.items():
        if not _NAME.fullmatch(key) or not _VALUE.fullmatch(value):
            rule = "write at most 63 letters and digits, with - _ . inside, and a / after a domain before the name"
            found.append(f"labels {key}={value} is no label: {rule}")
        elif key in MASTER_LABELS:
            found.append(f"labels {key} makes a node a master: leave it to kubeadm")
    own = [key for key in wanted.labels if by_node and _OWN.match(key) and not _KUBELET.match(key)]
    refused = [key for key in own if key not in MASTER_LABELS]
    if refused:
        rule = "take names that are not Kubernetes' own, or k8s_restricted_labels of playbooks/k8s_labels.yml"
        found.append(f"labels {', '.join(refused)} are none that a node may give itself: {rule}")
    for taint in wanted.taints:
        if not _NAME.fullmatch(taint.key) or not _VALUE.fullmatch(taint.value) or taint.effect not in EFFECTS:
            rule = f"it needs a key, maybe a value, and as effect one of {', '.join(EFFECTS)}"
            found.append(f"taints {taint} is no taint: {rule}")
    pairs = [(taint.key, taint.effect) for taint in wanted.taints]
    found += [
        f"taints {key} has several values with the effect {effect}, and a node can have one: leave one of them"
        for key, effect in sorted({pair for pair in pairs if pairs.count(pair) > 1})
    ]
    return found


# --- what changes ---


def label_changes(
    there: t.Mapping[str, str], wanted: t.Mapping[str, str], noted: t.Collection[tuple[str, str]]
) -> dict[str, str | None]:
    """Labels to set, and those to take away (None): what was set before, is not wanted, and still has that value."""
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if there.get(key) != value}
    gone = {key for key, value in noted if key not in wanted and there.get(key) == value}
    return {**changes, **dict.fromkeys(sorted(gone))}


def taints_after(
    there: t.Sequence[t.Mapping[str, t.Any]], wanted: t.Sequence[Taint], noted: t.Collection[Taint]
) -> list[dict[str, t.Any]]:
    """All taints of a node: others' as they are, in their order, and those that are wanted."""
    new = {(taint.key, taint.effect): taint for taint in wanted}
    after = []
    for one in there:
        taint = taint_of(one)
        want = new.pop((taint.key, taint.effect), None)
        if want is not None:
            # with when it was added, while it is the same
            after.append(dict(one) if want == taint else want.object())
        elif taint not in noted:
            after.append(dict(one))
    return [*after, *(taint.object() for taint in new.values())]


def plan(node: t.Mapping[str, t.Any], wanted: Settings, noted: Noted) -> Change:
    """What a node is to be given by the administrator."""
    there = node["metadata"].get("labels") or {}
    labels = label_changes(
        there,
        {key: value for key, value in wanted.labels.items() if key not in AUTOMATIC},
        [pair for pair in noted.labels if pair[0] not in AUTOMATIC],
    )
    before = (node.get("spec") or {}).get("taints") or []
    after = taints_after(before, wanted.taints, noted.taints)
    said = [
        f"label {key} is taken away (was {there[key]})"
        if value is None
        else f"label {key}={value}{f' (was {there[key]})' if key in there else ''}"
        for key, value in labels.items()
    ]
    texts = [[str(taint_of(one)) for one in taints] for taints in (before, after)]
    said += [f"taint {text} is taken away" for text in texts[0] if text not in texts[1]]
    said += [
        f"taint {text}{', by which pods that do not tolerate it end' if text.endswith(':NoExecute') else ''}"
        for text in texts[1]
        if text not in texts[0]
    ]
    return Change(labels, None if after == before else after, tuple(said))


def by_node(
    node: t.Mapping[str, t.Any], wanted: t.Mapping[str, str]
) -> tuple[dict[str, str | None], str | None, list[str]]:
    """Labels that a node is to change of itself, its note (None: it stays), and labels that it leaves as they are."""
    metadata = node["metadata"]
    there = metadata.get("labels") or {}
    note = str((metadata.get("annotations") or {}).get(NOTE, ""))
    own = {key: value for key, value in wanted.items() if key not in AUTOMATIC}
    if note == ADMINISTRATOR:
        automatic = {key: value for key, value in wanted.items() if key in AUTOMATIC}
        return label_changes(there, automatic, ()), None, [key for key in own if there.get(key) != own[key]]
    changes = label_changes(there, wanted, list(_pairs(filter(None, note.split(",")))))
    text = ",".join(f"{key}={value}" for key, value in sorted(own.items()))
    return changes, None if text == note else text, []


# --- the fleet ---


@dataclass(frozen=True)
class Fleet:
    """What is to be patched, said of each node, and what the ConfigMap is to have before and after that."""

    problems: list[str] = field(default_factory=list)
    patches: list[dict[str, t.Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    begin: dict[str, str] = field(default_factory=dict)
    end: dict[str, str] = field(default_factory=dict)


def fleet(
    wanted: Settings,
    restricted: t.Mapping[str, str],
    nodes: t.Iterable[t.Mapping[str, t.Any]],
    known: t.Collection[str],
    noted: Noted,
) -> Fleet:
    """Labels and taints of all workers of a cluster.

    :param restricted: further labels, that nodes may not give themselves.
    :param known: names and addresses of the cluster's nodes; others are left alone, and masters are.
    """
    found = problems(wanted) + problems(Settings(restricted), by_node=False)
    if found:
        return Fleet(found)
    all_wanted = Settings({**wanted.labels, **restricted}, wanted.taints)
    patches, said = [], []
    for node in nodes:
        short = node_of(node)
        if short.master or not {short.name, *short.addresses} & set(known):
            continue
        change = plan(node, all_wanted, noted)
        if change.said:
            patches.append(_patch(node, change))
            said.append(f"{short.name}: {', '.join(change.said)}")
    end = Noted(frozenset(all_wanted.labels.items()), frozenset(all_wanted.taints))
    # at any moment it has all that may be on a node
    begin = Noted(noted.labels | end.labels, noted.taints | end.taints)
    return Fleet([], patches, said, begin.data(), end.data())


def _patch(node: t.Mapping[str, t.Any], change: Change) -> dict[str, t.Any]:
    metadata: dict[str, t.Any] = {"name": node["metadata"]["name"]}
    patch: dict[str, t.Any] = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
    if change.labels:
        metadata["labels"] = dict(change.labels)
        metadata["annotations"] = {NOTE: ADMINISTRATOR}
    if change.taints is not None:
        # the list is set as a whole: refused when somebody, Kubernetes itself maybe, has changed the node since
        metadata["resourceVersion"] = node["metadata"]["resourceVersion"]
        patch["spec"] = {"taints": change.taints}
    return patch
