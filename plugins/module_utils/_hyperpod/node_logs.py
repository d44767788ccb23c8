# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_logs_info`` does.

Names of groups and streams: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-cluster-management-slurm.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from . import api
from .common import HyperPodError
from .common import at_least
from .common import client_of
from .failure import log_group
from .members import Member
from .members import choose
from .members import no_cluster
from .members import plain_name
from .parallel import in_parallel
from .times import milliseconds
from .times import moment
from .transformations import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = {
    "lifecycle": "LifecycleConfig/",
    "health_agent": "SagemakerHealthMonitoringAgent/",
    "deep_health_check": "DeepHealthCheckResults/",
}
# Streams that are asked for one by one; for more of them all are listed, fifty a call.
_FEW = 20
_ALL_LINES = 1 << 40


@dataclass(frozen=True)
class Stream:
    """One log stream, by what its name says. The results of deep health checks are not sorted by group."""

    kind: str
    name: str
    group: str | None
    instance_id: str


def stream_of(kind: str, name: str) -> Stream:
    """``LifecycleConfig/<group>/<instance>`` or ``DeepHealthCheckResults/<instance>``."""
    group, _slash, instance_id = name.removeprefix(KINDS[kind]).rpartition("/")
    return Stream(kind, name, group or None, instance_id)


@dataclass(frozen=True)
class Wanted:
    """Whose logs: of these groups, and of these instances; None means all. ``members``: the nodes there are now."""

    groups: frozenset[str] | None
    instances: frozenset[str] | None
    members: tuple[Member, ...] = ()

    def prefixes(self, kind: str) -> list[str]:
        """What to list: as few streams as go by the beginning of their names."""
        prefix = KINDS[kind]
        group_of = {member.instance_id: member.group for member in self.members}
        instances = sorted(self.instances or ())
        if kind == "deep_health_check":
            return [prefix + name for name in instances] if 0 < len(instances) <= _FEW else [prefix]
        if 0 < len(instances) <= _FEW and all(name in group_of for name in instances):
            return [f"{prefix}{group_of[name]}/{name}" for name in instances]
        if self.groups is not None and self.instances is None:
            return [f"{prefix}{name}/" for name in sorted(self.groups)]
        return [prefix]

    def has(self, stream: Stream) -> bool:
        """The stream is wanted."""
        if self.groups is None and self.instances is None:
            return True
        group = stream.group or next((m.group for m in self.members if m.instance_id == stream.instance_id), None)
        return (self.groups is not None and group in self.groups) or (
            self.instances is not None and stream.instance_id in self.instances
        )


def logs(module: Any) -> list[dict[str, Any]]:
    """The logs that were asked for, by kind, group and instance; none where there is no such cluster.

    Raises:
        HyperPodError: bad input, or a service refuses to answer.
    """
    params = module.params
    at_least(params, tail=0, calls_per_second=0.1)
    since = milliseconds(moment("since", params["since"]))
    group = _group(module)
    if group is None:
        module.warn(f"{no_cluster(params['cluster_name'])}; logs of one that is gone go by cluster_id")
        return []
    wanted = _wanted(module)
    client = client_of(module, "logs")
    streams = [stream for kind in dict.fromkeys(params["kinds"]) for stream in _streams(client, group, kind, wanted)]
    read = in_parallel(
        lambda stream: api.log_events(client, group, stream.name, params["tail"] or _ALL_LINES, since),
        streams,
        params["calls_per_second"],
    )
    return [log_result(group, stream, events) for stream, events in zip(streams, read, strict=True)]


def _group(module: Any) -> str | None:
    """The log group, which outlives the cluster."""
    name = module.params["cluster_name"]
    if module.params["cluster_id"]:
        return f"/aws/sagemaker/Clusters/{name}/{module.params['cluster_id']}"
    described = api.describe_cluster(client_of(module, "sagemaker"), name)
    return log_group(described) if described else None


def _wanted(module: Any) -> Wanted:
    """Look up nodes by their names, which takes a listing unless they are all instance ids."""
    params = module.params
    groups = None if params["instance_groups"] is None else frozenset(params["instance_groups"])
    nodes = params["nodes"]
    by_name = [node for node in nodes or [] if not (plain_name(node) or "").startswith("i-")]
    if not by_name and not (groups and "deep_health_check" in params["kinds"]):
        ids = None if nodes is None else frozenset(str(plain_name(node)) for node in nodes)
        return Wanted(groups, ids)
    members = tuple(api.list_members(client_of(module, "sagemaker"), params["cluster_name"]))
    chosen = choose(nodes or [], members)
    if chosen.problems:
        raise HyperPodError("; ".join(chosen.problems))
    gone = [node for node in chosen.missing if node in by_name]
    if gone:
        module.warn(f"No node is named {', '.join(gone)} now; logs of former ones go by instance id")
    there = {str(member.instance_id) for member in chosen.found.values() if member.instance_id}
    former = {str(plain_name(node)) for node in chosen.missing if node not in by_name}
    return Wanted(groups, None if nodes is None else frozenset(there | former), members)


def _streams(client: Any, group: str, kind: str, wanted: Wanted) -> list[Stream]:
    found: dict[str, Stream] = {}
    for prefix in wanted.prefixes(kind):
        for summary in api.log_streams(client, group, prefix):
            stream = stream_of(kind, summary["logStreamName"])
            if wanted.has(stream):
                found[stream.name] = stream
    return [found[name] for name in sorted(found)]


def log_result(group: str, stream: Stream, events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A log as the module returns it."""
    listed = list(events)
    times = [
        format_time(datetime.fromtimestamp(event["timestamp"] / 1000, timezone.utc))
        for event in listed
        if "timestamp" in event
    ]
    return {
        "kind": stream.kind,
        "log_group": group,
        "stream": stream.name,
        "instance_group_name": stream.group,
        "instance_id": stream.instance_id,
        "first_event_time": times[0] if times else None,
        "last_event_time": times[-1] if times else None,
        "lines": [str(event["message"]).rstrip() for event in listed],
    }
