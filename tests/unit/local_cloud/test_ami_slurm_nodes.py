# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster agent reads from Slurm and does about it. The lines are those of Slurm 22.05.8."""

from __future__ import annotations

import pytest

from local_cloud.ami.agents import slurm_nodes

LINE = (
    "NodeName={name} Arch=x86_64 CoresPerSocket=1  CPUAlloc=0 Gres=(null) NodeAddr=10.46.4.12 "
    "OS=Linux 6.18 #1 SMP @0  State={state} ThreadsPerCore=1 Partitions=dev,partition-1  "
    "BootTime=2026-11-22T18:44:35 SlurmdStartTime={started} LastBusyTime=2026-11-22T19:43:58 "
    "ExtSensorsTemp=n/s{reason}"
)


def line(state: str = "IDLE+FAIL", reason: str = "Action:Replace", started: str = "2026-11-22T19:42:26") -> str:
    text = f" Reason={reason} [root@2026-11-22T19:43:58]" if reason else ""
    return LINE.format(name="ip-10-46-4-12", state=state, reason=text, started=started)


def test_parse() -> None:
    [state] = slurm_nodes.parse(line(state="DOWN*+DRAIN", reason="a [b@c] d"))
    assert state.flags == {"DOWN", "DRAIN"}
    assert not state.responding
    assert state.reason == "a [b@c] d"
    assert state.stamp == "root@2026-11-22T19:43:58"
    assert state.started == "2026-11-22T19:42:26"


def test_parse_of_a_healthy_node_and_of_noise() -> None:
    [state] = slurm_nodes.parse("No nodes in the system\n\n" + line(state="IDLE", reason="", started="None"))
    assert (state.reason, state.stamp, state.started, state.responding) == ("", "", "", True)


@pytest.mark.parametrize("state", ["IDLE+FAIL", "DOWN", "DOWN*", "IDLE+DRAIN", "MIXED+DRAIN"])
@pytest.mark.parametrize("action", ["Replace", "Reboot"])
def test_requests(state: str, action: str) -> None:
    states = slurm_nodes.parse(line(state=state, reason=f"Action:{action}"))
    assert slurm_nodes.requests(states, slurm_nodes.Watch()) == [(states[0], action)]


@pytest.mark.parametrize(
    "reason", ["action:replace", "Action:Replace now", "Action: Replace", "Action:Replace ", "Action:Delete", ""]
)
def test_other_texts_ask_for_nothing(reason: str) -> None:
    assert slurm_nodes.requests(slurm_nodes.parse(line(reason=reason)), slurm_nodes.Watch()) == []


def test_a_working_node_is_left_alone() -> None:
    assert slurm_nodes.requests(slurm_nodes.parse(line(state="IDLE")), slurm_nodes.Watch()) == []


def test_a_request_is_passed_on_once_and_the_replacement_is_resumed() -> None:
    watch = slurm_nodes.Watch()
    [state] = slurm_nodes.parse(line())
    slurm_nodes.passed_on(state, watch, {state.name: "i-old"})
    assert slurm_nodes.requests([state], watch) == []
    later = slurm_nodes.parse(line(started="2026-11-22T19:50:00"))
    assert slurm_nodes.returned(later, watch, {state.name: "i-old"}) == []
    assert slurm_nodes.returned([state], watch, {state.name: "i-new"}) == []
    assert slurm_nodes.returned(later, watch, {state.name: "i-new"}) == [state.name]
    silent = slurm_nodes.parse(line(state="DOWN*", started="2026-11-22T19:50:00"))
    assert slurm_nodes.returned(silent, watch, {state.name: "i-new"}) == []


def test_a_reboot_is_the_same_instance() -> None:
    watch = slurm_nodes.Watch()
    [state] = slurm_nodes.parse(line(reason="Action:Reboot"))
    slurm_nodes.passed_on(state, watch, {state.name: "i-old"})
    later = slurm_nodes.parse(line(reason="Action:Reboot", started="2026-11-22T19:50:00"))
    assert slurm_nodes.returned(later, watch, {state.name: "i-old"}) == [state.name]


def test_the_same_request_later_counts_again() -> None:
    watch = slurm_nodes.Watch()
    [state] = slurm_nodes.parse(line())
    slurm_nodes.passed_on(state, watch, {})
    slurm_nodes.forget(slurm_nodes.parse(line(state="IDLE", reason="")), watch)
    assert watch == slurm_nodes.Watch()
    assert slurm_nodes.requests([state], watch) == [(state, "Replace")]


def test_a_request_that_is_repeated_is_passed_on_again() -> None:
    watch = slurm_nodes.Watch()
    [first] = slurm_nodes.parse(line())
    slurm_nodes.passed_on(first, watch, {})
    [second] = slurm_nodes.parse(line().replace("19:43:58]", "19:59:00]"))
    assert slurm_nodes.requests([second], watch) == [(second, "Replace")]
