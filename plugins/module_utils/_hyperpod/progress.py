# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the line tells of a cluster's state. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from typing import Any

from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

# Characters of an event that a line has room for.
LONGEST_EVENT = 120

# ClusterInstanceStatus, in the order in which states are told.
_STATES = {
    "Running": "running",
    "Pending": "pending",
    "SystemUpdating": "updating",
    "DeepHealthCheckInProgress": "in deep health check",
    "ShuttingDown": "shutting down",
    "Failure": "failed",
    "NotFound": "missing",
}


def group_text(group: Mapping[str, Any], states: Mapping[str, int]) -> str:
    """``worker-group-1 12/16 running, 3 pending, 1 failed``."""
    running = states.get("Running", 0)
    parts = [f"{running}/{group.get('TargetCount', 0)} running", *states_text(states)]
    if group.get("Status") == "Deleting":
        parts.append("to be deleted")
    return f"{group['InstanceGroupName']} {', '.join(parts)}"


def states_text(states: Mapping[str, int]) -> list[str]:
    """``3 pending``, ``1 failed``: the states that are there, but for running."""
    parts = [f"{states[state]} {word}" for state, word in _STATES.items() if state != "Running" and states.get(state)]
    return parts + [f"{count} {state}" for state, count in states.items() if state not in _STATES]


def states_by_group(nodes: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """How many nodes of each group are in each state, from the answers of ListClusterNodes."""
    counted: dict[str, Counter[str]] = {}
    for node in nodes:
        states = counted.setdefault(node["InstanceGroupName"], Counter())
        states[node["InstanceStatus"]["Status"]] += 1
    return counted


def event_text(event: Mapping[str, Any]) -> str:
    """``newest event: Instance i-0abc started``, with its level where it is more than information."""
    level = str(event.get("EventLevel", "Info"))
    text = " ".join(str(event.get("Description", "")).split())
    if len(text) > LONGEST_EVENT:
        text = f"{text[: LONGEST_EVENT - 3]}..."
    return f"newest event: {'' if level == 'Info' else f'{level}: '}{text}"


def state_text(
    described: Mapping[str, Any] | None,
    nodes: Iterable[Mapping[str, Any]],
    event: Mapping[str, Any] | None = None,
) -> str:
    """All but the time: a change of this text is what is worth a line."""
    if described is None:
        return "not there"
    states = states_by_group(nodes)
    groups = [group_text(group, states.get(group["InstanceGroupName"], {})) for group in groups_of(described)]
    newest = [event_text(event)] if event else []
    return " | ".join([described["ClusterStatus"], *groups, *newest])
