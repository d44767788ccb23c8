# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What slurmctld says of its nodes, and what the cluster agent does about it. Nothing here does I/O.

Source: Amazon SageMaker developer guide, "Manually replace or reboot a node using Slurm": the reason must be exactly
``Action:Replace`` or ``Action:Reboot``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

ACTIONS = {"Action:Replace": "Replace", "Action:Reboot": "Reboot"}
TROUBLED = {"FAIL", "DOWN", "DRAIN"}
_REASON = re.compile(r" Reason=(?P<reason>.*) \[(?P<who>[^\[\]@]*)@(?P<when>[^\[\]]*)\]")


@dataclass(frozen=True)
class NodeState:
    """One node of ``scontrol show node --oneliner``.

    ``stamp`` is who set the reason and when; ``started`` when its slurmd started, in slurmctld's own notation
    (comparable as text), empty when it has not registered.
    """

    name: str
    flags: frozenset[str]
    responding: bool
    reason: str
    stamp: str
    started: str


def parse(text: str) -> list[NodeState]:
    """The nodes in the output of ``scontrol show node --oneliner``."""
    states = []
    for line in text.splitlines():
        name = re.match(r"NodeName=(\S+)", line)
        state = re.search(r" State=(\S+)", line)
        if not name or not state:
            continue
        reason = _REASON.search(line)
        started = re.search(r" SlurmdStartTime=(\S+)", line)
        stamp = f"{reason['who']}@{reason['when']}" if reason else ""
        flags = frozenset(re.findall(r"[A-Z_]+", state.group(1)))
        known = started.group(1) if started and started.group(1) not in {"None", "Unknown"} else ""
        responding = "*" not in state.group(1) and "NOT_RESPONDING" not in flags
        states.append(NodeState(name.group(1), flags, responding, reason["reason"] if reason else "", stamp, known))
    return states


@dataclass
class Watch:
    """Memory of the cluster agent, kept over restarts.

    ``posted``: node -> stamp of the request that was passed on. ``returning``: node -> when its slurmd had started, and
    for a replacement the instance it was at that moment. A later start, of another instance, means that it is back.
    """

    posted: dict[str, str] = field(default_factory=dict)
    returning: dict[str, list[str]] = field(default_factory=dict)


def requests(states: list[NodeState], watch: Watch) -> list[tuple[NodeState, str]]:
    """Nodes whose replacement or reboot is asked for and has not been passed on, each with the action's name."""
    return [
        (state, ACTIONS[state.reason])
        for state in states
        if state.reason in ACTIONS and state.flags & TROUBLED and watch.posted.get(state.name) != state.stamp
    ]


def passed_on(state: NodeState, watch: Watch, instances: Mapping[str, str]) -> None:
    """Note that the service knows of the request. ``instances``: node name -> instance id now."""
    replaced = instances.get(state.name, "") if ACTIONS[state.reason] == "Replace" else ""
    watch.posted[state.name] = state.stamp
    watch.returning[state.name] = [state.started, replaced]


def returned(states: list[NodeState], watch: Watch, instances: Mapping[str, str]) -> list[str]:
    """Nodes that came back after their action and are still held by its reason: they are to be resumed."""
    names = []
    for state in states:
        started, replaced = watch.returning.get(state.name, ["", ""])
        held = state.name in watch.returning and state.reason in ACTIONS
        another = not replaced or instances.get(state.name, replaced) != replaced
        if held and another and state.responding and state.started > started:
            names.append(state.name)
    return names


def forget(states: list[NodeState], watch: Watch) -> None:
    """Drop what is over: nodes that carry no such reason any more, and nodes that are gone."""
    held = {state.name for state in states if state.reason in ACTIONS}
    watch.posted = {name: stamp for name, stamp in watch.posted.items() if name in held}
    watch.returning = {name: start for name, start in watch.returning.items() if name in held}
