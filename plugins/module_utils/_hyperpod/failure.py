# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a cluster failed: what the service, its events and the lifecycle log of the first failed node say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from . import api
from .common import HyperPodError
from .explain import explain
from .transformations import to_result
from .waiters import groups_of
from .waiters import short_groups

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Mapping
    from collections.abc import Sequence
    from datetime import datetime

LOG_LINES = 30
MAX_EVENTS = 50
# Told while nodes come and go, and no failure.
_NOISE = re.compile(r"lost orchestration-ready", re.IGNORECASE)
# How many nodes' logs are looked at when nothing says which node failed.
_MAX_STREAMS = 20
# Nodes that are named in a line.
_MAX_NAMES = 5
# What the host agent writes: the first at the beginning of each attempt, the second when the scripts have ended well.
_ATTEMPT_MARK = "[SageMaker] Downloading lifecycle scripts"
_SUCCESS_MARK = "The lifecycle scripts succeeded"
# Attempts that are looked back, by lines: the last one may be that of a rollback.
_LOOK_BACK = 10
_INSTANCE_ID = re.compile(r"\bi-[0-9a-f]{8}(?:[0-9a-f]{9})?\b")

Report = dict[str, Any]


def groups_concerned(described: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Groups that failed, lack instances or hold a failed node, by name."""
    bad = {node["InstanceGroupName"] for node in nodes if node["InstanceStatus"]["Status"] == "Failure"}
    bad.update(
        group["InstanceGroupName"] for group in groups_of(described) if group.get("Status") in ("Failed", "Degraded")
    )
    if not bad:
        bad.update(group["InstanceGroupName"] for group in short_groups(described))
    return [group["InstanceGroupName"] for group in groups_of(described) if group["InstanceGroupName"] in bad]


def failed_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Nodes in state Failure, or with a message, oldest first. A node that runs keeps the message of an old failure."""
    found = [
        node
        for node in nodes
        if node["InstanceStatus"]["Status"] == "Failure"
        or (node["InstanceStatus"].get("Message") and node["InstanceStatus"]["Status"] != "Running")
    ]
    return sorted(
        found, key=lambda node: (node["InstanceStatus"]["Status"] != "Failure", str(node.get("LaunchTime", "")))
    )


def log_group(described: Mapping[str, Any]) -> str:
    """``/aws/sagemaker/Clusters/<name>/<id>``; the id is the end of the ARN."""
    return f"/aws/sagemaker/Clusters/{described['ClusterName']}/{described['ClusterArn'].rsplit('/', 1)[-1]}"


def gather(
    sagemaker: Any,
    logs: Callable[[], Any],
    described: Mapping[str, Any],
    message: str,
    *,
    since: datetime | None = None,
    only: Collection[str] | None = None,
) -> Report:
    """Everything that is known of a failure. What can't be read is noted, never an error of its own.

    Args:
        sagemaker: client.
        logs: makes the client of CloudWatch Logs.
        described: answer of DescribeCluster.
        message: what the service said; empty when it said nothing.
        since: when the attempt began; older events are left out.
        only: instance ids whose logs may tell; None: look for a node that failed.
    """
    unread: list[str] = []
    nodes = _nodes(sagemaker, described["ClusterName"], unread)
    events = _events(sagemaker, described, since, unread)
    log = _log(logs, described, _suspects(described, nodes, events, message, only), unread)
    failed = failed_nodes(nodes)
    said = [
        message,
        *(event["failure_message"] for event in events if event.get("failure_message")),
        *(node["InstanceStatus"]["Message"] for node in failed if node["InstanceStatus"].get("Message")),
    ]
    return {
        "message": message,
        "instance_groups": groups_concerned(described, nodes),
        "nodes": [to_result(dict(node)) for node in failed],
        "events": events,
        "log": log,
        "causes": [found.told() for found in explain(said)],
        "unread": unread,
    }


def _nodes(sagemaker: Any, name: str, unread: list[str]) -> list[Report]:
    try:
        return api.list_nodes(sagemaker, name)
    except HyperPodError as error:
        unread.append(str(error))
        return []


def _events(sagemaker: Any, described: Mapping[str, Any], since: datetime | None, unread: list[str]) -> list[Report]:
    """Warnings and errors among the newest events, oldest first; only DescribeClusterEvent tells FailureMessage."""
    if described.get("NodeProvisioningMode") != "Continuous":
        return []
    name = described["ClusterName"]
    filters: dict[str, Any] = {} if since is None else {"EventTimeAfter": since}
    found = []
    try:
        for summary in api.list_events(sagemaker, name, MAX_EVENTS, **filters) or []:
            if summary.get("EventLevel") in ("Warn", "Error") and not _NOISE.search(summary.get("Description", "")):
                event = to_result(summary)
                details = api.describe_event(sagemaker, name, summary["EventId"])
                event["failure_message"] = failure_message_of(details)
                found.append(event)
    except HyperPodError as error:
        unread.append(str(error))
    return without_doubles(found[::-1])


def without_doubles(events: Sequence[Report]) -> list[Report]:
    """Failures are told in pairs, and of each try again; the last of those that say the same is enough."""
    last: dict[tuple[Any, ...], Report] = {}
    for event in events:
        said = event.get("failure_message") or event.get("description")
        key = (event.get("instance_group_name"), event.get("instance_id"), said)
        last.pop(key, None)
        last[key] = event
    return list(last.values())


def failure_message_of(details: Mapping[str, Any]) -> str | None:
    """FailureMessage, whichever of the subtrees of an event's metadata has it."""
    metadata = details.get("EventDetails", {}).get("EventMetadata", {})
    return next((str(part["FailureMessage"]) for part in metadata.values() if part.get("FailureMessage")), None)


@dataclass(frozen=True)
class _Suspects:
    """Whose log may tell: ids that the message names, then nodes known to have failed, then the groups concerned.

    ``only``: of these instances; None: of any.
    """

    named: frozenset[str]
    known: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    only: Collection[str] | None


def _suspects(
    described: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    events: Sequence[Report],
    message: str,
    only: Collection[str] | None,
) -> _Suspects:
    known = [(node["InstanceGroupName"], node["InstanceId"]) for node in failed_nodes(nodes)]
    known += [(event["instance_group_name"], event["instance_id"]) for event in events if event.get("instance_id")]
    groups = groups_concerned(described, nodes)
    return _Suspects(frozenset(_INSTANCE_ID.findall(message)), tuple(known), tuple(groups), only)


def _log(
    logs: Callable[[], Any],
    described: Mapping[str, Any],
    suspects: _Suspects,
    unread: list[str],
) -> Report | None:
    """The end of the lifecycle log of the first node that failed."""
    group = log_group(described)
    try:
        client = logs()
        for stream in _streams(client, group, suspects):
            _prefix, instance_group, instance_id = stream.split("/", 2)
            lines = _last_failure(
                api.log_tail(client, group, stream, LOG_LINES * _LOOK_BACK), instance_id in suspects.named
            )
            if lines:
                return {
                    "log_group": group,
                    "stream": stream,
                    "instance_group_name": instance_group,
                    "instance_id": instance_id,
                    "lines": lines[-LOG_LINES:],
                }
    except HyperPodError as error:
        unread.append(str(error))
    return None


def _last_failure(lines: Sequence[str], known: bool) -> list[str]:
    """The last attempt, if it did not end well; of a node that is known to have failed, the last that did not."""
    attempts: list[list[str]] = [[]]
    for line in lines:
        if _ATTEMPT_MARK in line:
            attempts.append([])
        attempts[-1].append(line)
    failed = [attempt for attempt in attempts if attempt and not any(_SUCCESS_MARK in line for line in attempt)]
    if not failed or (failed[-1] is not attempts[-1] and not known):
        return []
    return failed[-1]


def _streams(client: Any, group: str, suspects: _Suspects) -> list[str]:
    """Streams of the suspects, the likeliest first, then all others: instances may be gone already."""
    there = api.log_streams(client, group, "LifecycleConfig/")
    names = [
        stream["logStreamName"] for stream in sorted(there, key=lambda stream: stream.get("firstEventTimestamp", 0))
    ]
    zeroth = [name for name in names if name.rsplit("/", 1)[-1] in suspects.named]
    first = [f"LifecycleConfig/{instance_group}/{instance_id}" for instance_group, instance_id in suspects.known]
    second = [name for name in names if name.split("/")[1] in suspects.groups]
    ordered = zeroth + [name for name in first if name in names] + second + names
    if suspects.only is not None:
        ordered = [name for name in ordered if name.rsplit("/", 1)[-1] in suspects.only]
    return list(dict.fromkeys(ordered))[:_MAX_STREAMS]


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """The report for a terminal or a log."""
    lines = [f"reason: {report['message']}"] if report["message"] else []
    if report["instance_groups"]:
        lines.append(f"instance groups concerned: {', '.join(report['instance_groups'])}")
    lines += _node_lines(report["nodes"])
    for event in report["events"]:
        said = event.get("failure_message") or event.get("description") or ""
        about = " ".join(filter(None, (event.get("instance_group_name"), event.get("instance_id"))))
        lines.append(f"event {event['event_time']} {event['event_level']}: {said}{f' ({about})' if about else ''}")
    if report["log"]:
        log = report["log"]
        lines.append(f"end of the lifecycle log of {log['instance_id']} ({log['log_group']} {log['stream']}):")
        lines += [f"  {line}" for line in log["lines"]]
    lines += [f"could not be read: {problem}" for problem in report["unread"]]
    for cause in report["causes"]:
        lines += [f"likely cause: {cause['cause']}", f"what to do: {cause['fix']}"]
    return lines


def _node_lines(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for all nodes of a group of which the same is said, be it hundreds."""
    alike: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        status = node["instance_status"]
        text = f"{status['status']}: {status['message']}" if status.get("message") else status["status"]
        name = node["instance_id"] or node.get("node_logical_id") or "without an id"
        alike.setdefault((node["instance_group_name"], text), []).append(name)
    lines = []
    for (group, text), names in alike.items():
        more = [f"and {len(names) - _MAX_NAMES} more"] if len(names) > _MAX_NAMES else []
        named = ", ".join([*names[:_MAX_NAMES], *more])
        lines.append(f"{'node' if len(names) == 1 else 'nodes'} {named} of {group}: {text}")
    return lines
