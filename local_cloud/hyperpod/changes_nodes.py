# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that act on single nodes: the cluster after them, and their answers. Pure but for the ids and the placer."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import timings
from local_cloud.hyperpod.changes import add_scaling
from local_cloud.hyperpod.draft import Draft
from local_cloud.hyperpod.draft import Environment
from local_cloud.hyperpod.instance_types import accelerated
from local_cloud.hyperpod.members import add_nodes
from local_cloud.hyperpod.members import instance_types
from local_cloud.hyperpod.messages import invalid
from local_cloud.hyperpod.model import Event
from local_cloud.hyperpod.model import Operation
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.show import node_status
from local_cloud.hyperpod.steps_node import replace
from local_cloud.hyperpod.steps_node import terminate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.hyperpod.changes import Placer
    from local_cloud.hyperpod.clock import Instant
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Group
    from local_cloud.hyperpod.model import Node

_SETTLED = (Phase.RUN, Phase.FAILED)
_ADD_OPTIONAL = ("AvailabilityZones", "InstanceTypes")


@dataclasses.dataclass(frozen=True)
class NodesChange:
    """A cluster after a call on nodes, the call's answer, and its events."""

    cluster: Cluster
    answer: dict[str, Any]
    events: list[Event]


def replace_nodes(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment) -> NodesChange:
    """BatchReplaceClusterNodes."""
    d = Draft(cluster, now, env)
    answer = _batch(d, params, "ErrorCode", ("InstanceIdNotFound", "InvalidInstanceStatus", "InstanceIdInUse"))
    for node in _chosen(d, answer):
        replace(d, d.node(node, failures=0))
    return NodesChange(d.done(), answer, d.events)


def reboot_nodes(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment) -> NodesChange:
    """BatchRebootClusterNodes."""
    d = Draft(cluster, now, env)
    answer = _batch(d, params, "ErrorCode", ("InstanceIdNotFound", "InvalidInstanceStatus", "InstanceIdInUse"))
    for node in _chosen(d, answer):
        reboot(d, node)
    return NodesChange(d.done(), answer, d.events)


def reboot(d: Draft, node: Node) -> None:
    """Have a node restarted."""
    d.event(
        "Instance",
        f"Reboot of EC2 Instance {node.instance_id} is currently in progress on Cluster {d.cluster.name} and IG "
        f"{node.group}",
        group=node.group,
        instance_id=node.instance_id,
        metadata={"Instance": {"NodeLogicalId": node.key}},
    )
    d.node(node, phase=Phase.REBOOT, deadline=None)


def delete_nodes(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment) -> NodesChange:
    """BatchDeleteClusterNodes: the target counts of the groups go down with the nodes."""
    d = Draft(cluster, now, env)
    answer = _batch(d, params, "Code", ("NodeIdNotFound", "InvalidNodeStatus", "NodeIdInUse"), settled=None)
    details: dict[str, dict[str, Any]] = {}
    for node in _chosen(d, answer):
        group = d.groups[node.group]
        target = max(group.target - 1, 0)
        details.setdefault(group.name, _detail(d, group))["Desired"]["TargetCount"] = target
        d.group(group, target=target, minimum=min(group.minimum, target), steady=(target, min(group.minimum, target)))
        terminate(d, node)
    if cluster.continuous:
        add_scaling(d, list(details.values()))
    answer = {name: value for name, value in answer.items() if value}
    return NodesChange(d.done(), answer, d.events)


def add(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment, *, placer: Placer) -> NodesChange:
    """BatchAddClusterNodes."""
    token = params.get("ClientToken")
    request = json.dumps(params["NodesToAdd"], sort_keys=True)
    known = cluster.tokens.get(token) if token else None
    if known is not None and now.virtual - known["at"] < timings.CLIENT_TOKEN_LIFE:
        if known["request"] != request:
            raise invalid("The ClientToken was used before in a request with other parameters.")
        nodes = [cluster.nodes[key] for key in known["keys"] if key in cluster.nodes]
        successful = [_added(node) for node in nodes]
        return NodesChange(cluster, {"Successful": successful, "Failed": known["failed"]}, [])
    d = Draft(cluster, now, env)
    added: list[tuple[Node, dict[str, Any]]] = []
    failed: list[dict[str, Any]] = []
    details: dict[str, dict[str, Any]] = {}
    for item in params["NodesToAdd"]:
        problem = _add_problem(d, item, placer)
        if problem is not None:
            failed.append(problem)
            continue
        group = d.groups[item["InstanceGroupName"]]
        count = item["IncrementTargetCountBy"]
        zones = item.get("AvailabilityZones")
        spec = {**group.spec, "AvailabilityZones": zones} if zones else group.spec
        placements = placer.take(cluster.settings, spec, count)
        kind = item["InstanceTypes"][0] if item.get("InstanceTypes") else None
        details.setdefault(group.name, _detail(d, group))["Desired"]["TargetCount"] = group.target + count
        group = d.group(group, target=group.target + count, steady=(group.target + count, group.minimum))
        added += [(node, item) for node in add_nodes(d, group, placements, Phase.WAIT, kind)]
    add_scaling(d, list(details.values()))
    if token:
        keys = [node.key for node, _dummy in added]
        fresh = {t: v for t, v in cluster.tokens.items() if now.virtual - v["at"] < timings.CLIENT_TOKEN_LIFE}
        entry = {"at": now.virtual, "request": request, "keys": keys, "failed": failed}
        d.set(tokens={**fresh, token: entry})
    answer = {"Successful": [_added(node, item) for node, item in added], "Failed": failed}
    return NodesChange(d.done(), answer, d.events)


def start_health_check(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment) -> NodesChange:
    """StartClusterHealthCheck. Nodes without accelerators have nothing to check."""
    d = Draft(cluster, now, env)
    keys: list[str] = []
    for item in params["DeepHealthCheckConfigurations"]:
        wanted = set(item.get("InstanceIds", []))
        for node in d.members(item["InstanceGroupName"]):
            if wanted and node.instance_id not in wanted:
                continue
            if node.phase is Phase.RUN and accelerated(node.instance_type):
                d.node(node, phase=Phase.CHECK, deadline=None)
                keys.append(node.key)
    operation = Operation(
        env.ids.uuid(),
        "DeepHealthCheck",
        "InProgress" if keys else "Done",
        now.wall,
        health=tuple(params["DeepHealthCheckConfigurations"]),
        nodes=tuple(keys),
    )
    d.set(operations=(*cluster.operations, operation))
    return NodesChange(d.done(), {"ClusterArn": cluster.arn}, d.events)


def node_action(cluster: Cluster, hostname: str, action: str, now: Instant, env: Environment) -> NodesChange:
    """The Slurm agent saw Action:Replace or Action:Reboot on a node.

    With NodeRecovery None it is only recorded; controllers are never replaced.
    """
    d = Draft(cluster, now, env)
    node = next((n for n in cluster.nodes.values() if n.hostname == hostname), None)
    if node is None or node.phase not in _SETTLED:
        return NodesChange(cluster, {}, [])
    allowed = cluster.automatic_recovery and cluster.status == "InService"
    if not allowed or (action == "Replace" and d.is_controller(node.group)):
        record = {"time": now.wall, "action": action, "node": hostname, "instance_id": node.instance_id}
        d.set(actions=(*cluster.actions, record)[-100:])
    elif action == "Replace":
        replace(d, node)
    else:
        reboot(d, node)
    return NodesChange(d.done(), {}, d.events)


def _batch(
    d: Draft,
    params: Mapping[str, Any],
    code: str,
    codes: tuple[str, str, str],
    settled: tuple[Phase, ...] | None = _SETTLED,
) -> dict[str, Any]:
    """Judge each id: the lists of the answer. ``settled``: phases a node must be in; None: all but leaving ones."""
    missing, status, busy = codes
    answer: dict[str, Any] = {"Successful": [], "Failed": []}
    if params.get("NodeLogicalIds"):
        answer.update(SuccessfulNodeLogicalIds=[], FailedNodeLogicalIds=[])
    by_id = {n.instance_id: n for n in d.nodes.values()}
    taken: set[str] = set()
    for member, good, bad, label in (
        ("NodeIds", "Successful", "Failed", "NodeId"),
        ("NodeLogicalIds", "SuccessfulNodeLogicalIds", "FailedNodeLogicalIds", "NodeLogicalId"),
    ):
        for identifier in params.get(member, []):
            node = by_id.get(identifier) if member == "NodeIds" else d.nodes.get(identifier)
            problem: tuple[str, str] | None = None
            if node is None:
                problem = (missing, f"Node {identifier} does not exist in cluster {d.cluster.name}.")
            elif node.key in taken:
                problem = (busy, f"Node {identifier} is already part of this request.")
            elif node.phase in (Phase.TERMINATE, Phase.DRAIN, Phase.REPLACE):
                problem = (busy, f"Another operation is already in progress for node {identifier}.")
            elif settled is not None and node.phase not in settled:
                problem = (status, f"Node {identifier} is in {node_status(node)} status. Wait until it is Running.")
            if problem is None and node is not None:
                taken.add(node.key)
                answer[good].append(identifier)
            elif problem is not None:
                answer[bad].append({label: identifier, code: problem[0], "Message": problem[1]})
    return answer


def _chosen(d: Draft, answer: dict[str, Any]) -> list[Node]:
    ids = set(answer["Successful"])
    keys = set(answer.get("SuccessfulNodeLogicalIds", []))
    return [n for n in list(d.nodes.values()) if n.instance_id in ids or n.key in keys]


def _detail(d: Draft, group: Group) -> dict[str, Any]:
    current = sum(n.joined for n in d.nodes.values() if n.group == group.name)
    counts = {"CurrentCount": current, "TargetCount": group.target, "MinCount": group.minimum}
    return {
        "InstanceGroupName": group.name,
        "Status": "InProgress",
        "Original": counts,
        "Desired": dict(counts),
    }


def _add_problem(d: Draft, item: dict[str, Any], placer: Placer) -> dict[str, Any] | None:
    name = item["InstanceGroupName"]
    group = d.groups.get(name)
    code = message = None
    if group is None:
        code, message = "InstanceGroupNotFound", f"Instance group {name} does not exist in cluster {d.cluster.name}."
    elif group.status != "InService" or d.cluster.status != "InService":
        code, message = "InvalidInstanceGroupStatus", f"Instance group {name} is in {group.status} status."
    elif not set(item.get("InstanceTypes", [])) <= set(instance_types(group.spec)):
        code, message = "IncompatibleInstanceTypes", f"Instance group {name} does not use all of these instance types."
    elif not set(item.get("AvailabilityZones", [])) <= placer.zones(d.cluster.settings, group.spec):
        code, message = "IncompatibleAvailabilityZones", f"Instance group {name} has no subnet in all of these zones."
    if code is None:
        return None
    optional: dict[str, Any] = {m: item[m] for m in _ADD_OPTIONAL if m in item}
    return {
        "InstanceGroupName": name,
        "ErrorCode": code,
        "FailedCount": item["IncrementTargetCountBy"],
        "Message": message,
        **optional,
    }


def _added(node: Node, item: Mapping[str, Any] | None = None) -> dict[str, Any]:
    optional: dict[str, Any] = {m: item[m] for m in _ADD_OPTIONAL if item and m in item}
    return {
        "NodeLogicalId": node.key,
        "InstanceGroupName": node.group,
        "Status": node_status(node),
        **optional,
    }
