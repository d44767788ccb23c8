# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of the API, one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from .common import api_call
from .members import Member
from .members import member_of
from .naming import snake

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection

Answer = dict[str, Any]


@api_call("describe cluster {name}", missing=None)
def describe_cluster(client: Any, name: str) -> Answer | None:
    """Answer of DescribeCluster; None when there is no such cluster."""
    answer: Answer = client.describe_cluster(ClusterName=name)
    answer.pop("ResponseMetadata", None)
    return answer


@api_call("list the tags of {arn}", missing={})
def list_tags(client: Any, arn: str) -> dict[str, str]:
    """Tags by key."""
    pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
    tags: dict[str, str] = boto3_tag_list_to_ansible_dict(pages.build_full_result().get("Tags", []))
    return tags


@api_call("list clusters")
def list_clusters(client: Any, **filters: Any) -> list[Answer]:
    """Summaries of ListClusters, all pages."""
    pages = client.get_paginator("list_clusters").paginate(**filters)
    summaries: list[Answer] = pages.build_full_result().get("ClusterSummaries", [])
    return summaries


@api_call("list the nodes of cluster {name}", missing=[])
def list_nodes(client: Any, name: str) -> list[Answer]:
    """Summaries of ListClusterNodes, all pages, 100 nodes a call."""
    pages = client.get_paginator("list_cluster_nodes").paginate(
        ClusterName=name, IncludeNodeLogicalIds=True, PaginationConfig={"PageSize": 100}
    )
    nodes: list[Answer] = pages.build_full_result().get("ClusterNodeSummaries", [])
    return nodes


def list_members(client: Any, name: str) -> list[Member]:
    """The nodes, to look them up by their names."""
    return [member_of(summary) for summary in list_nodes(client, name)]


@api_call("describe node {identifier[0]} {identifier[1]} of cluster {name}", missing=None)
def describe_node(client: Any, name: str, identifier: tuple[str, str]) -> Answer | None:
    """``NodeDetails`` of a node; None when it isn't there. ``identifier``: NodeId or NodeLogicalId, and its value."""
    details: Answer = client.describe_cluster_node(ClusterName=name, **dict([identifier]))["NodeDetails"]
    return details


@api_call("list the events of cluster {name}", missing=None)
def list_events(
    client: Any, name: str, limit: int, levels: Collection[str] | None = None, **filters: Any
) -> list[Answer] | None:
    """The newest events, newest first; None: there is no such cluster. The service keeps those of Continuous mode only.

    Args:
        limit: at most so many.
        levels: only events of these levels, by which the service can't filter.
        filters: parameters of the call.
    """
    pages = client.get_paginator("list_cluster_events").paginate(
        ClusterName=name,
        SortBy="EventTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 100 if levels else min(limit, 100)},
        **filters,
    )
    events: list[Answer] = []
    for page in pages:
        events += [event for event in page.get("Events", []) if not levels or event.get("EventLevel") in levels]
        if len(events) >= limit:
            break
    return events[:limit]


@api_call("describe event {event_id} of cluster {name}", missing={})
def describe_event(client: Any, name: str, event_id: str) -> Answer:
    """``EventDetails`` of one event."""
    details: Answer = client.describe_cluster_event(ClusterName=name, EventId=event_id).get("EventDetails", {})
    return details


@api_call("create cluster {request[ClusterName]}")
def create_cluster(client: Any, request: Answer) -> Answer:
    """Answer of CreateCluster."""
    answer: Answer = client.create_cluster(**request)
    return answer


@api_call("update cluster {request[ClusterName]}")
def update_cluster(client: Any, request: Answer) -> Answer:
    """Answer of UpdateCluster."""
    answer: Answer = client.update_cluster(**request)
    return answer


@api_call("delete cluster {request[ClusterName]}", missing={})
def delete_cluster(client: Any, request: Answer) -> Answer:
    """Answer of DeleteCluster; empty when there was no such cluster."""
    answer: Answer = client.delete_cluster(**request)
    return answer


@api_call("change nodes of cluster {request[ClusterName]} ({operation})")
def change_nodes(client: Any, operation: str, request: Answer) -> Answer:
    """Answer of one of the Batch...ClusterNodes calls. Its ResponseMetadata tells whether the call was repeated."""
    answer: Answer = getattr(client, snake(operation))(**request)
    return answer


@api_call("update the software of cluster {request[ClusterName]}")
def update_software(client: Any, request: Answer) -> Answer:
    """Answer of UpdateClusterSoftware."""
    answer: Answer = client.update_cluster_software(**request)
    return answer


@api_call("start a deep health check of cluster {request[ClusterName]}")
def start_health_check(client: Any, request: Answer) -> Answer:
    """Answer of StartClusterHealthCheck."""
    answer: Answer = client.start_cluster_health_check(**request)
    return answer


@api_call("list the deep health checks of cluster {name}", missing=[])
def list_health_checks(client: Any, name: str) -> list[Answer]:
    """The newest hundred operations of this kind, newest first. botocore has no paginator for them."""
    answer = client.list_cluster_operations(
        ClusterName=name, Type="DeepHealthCheck", SortBy="CreationTime", SortOrder="Descending", MaxResults=100
    )
    operations: list[Answer] = answer.get("ClusterOperationSummaries", [])
    return operations


@api_call("describe operation {operation_id} of cluster {name}", missing={})
def describe_operation(client: Any, name: str, operation_id: str) -> Answer:
    """Answer of DescribeClusterOperation."""
    answer: Answer = client.describe_cluster_operation(ClusterName=name, OperationId=operation_id)
    return answer


@api_call("set tags of {request[ResourceArn]}")
def add_tags(client: Any, request: Answer) -> Answer:
    """Answer of AddTags."""
    answer: Answer = client.add_tags(**request)
    return answer


@api_call("remove tags of {request[ResourceArn]}")
def delete_tags(client: Any, request: Answer) -> Answer:
    """Answer of DeleteTags."""
    answer: Answer = client.delete_tags(**request)
    return answer


# What a plan's calls are made with.
OPERATIONS: dict[str, Callable[[Any, Answer], Answer]] = {
    "AddTags": add_tags,
    "CreateCluster": create_cluster,
    "DeleteCluster": delete_cluster,
    "DeleteTags": delete_tags,
    "UpdateCluster": update_cluster,
}


@api_call("list the log streams in {group}", missing=[])
def log_streams(client: Any, group: str, prefix: str) -> list[Answer]:
    """Log streams whose names start with ``prefix``."""
    pages = client.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix=prefix)
    streams: list[Answer] = pages.build_full_result().get("logStreams", [])
    return streams


@api_call("read log stream {stream}", missing={})
def _log_page(client: Any, group: str, stream: str, **more: Any) -> Answer:
    """One page of a log stream, read from its end."""
    page: Answer = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=False, **more)
    return page


def log_events(client: Any, group: str, stream: str, lines: int, since: int | None = None) -> list[Answer]:
    """The last events of a log stream, oldest first; none when it doesn't exist.

    A page may be empty although there is more: the end is where the token stays as it was
    (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html).

    Args:
        lines: at most so many.
        since: milliseconds since the epoch; older events are left out.
    """
    events: list[Answer] = []
    more: Answer = {} if since is None else {"startTime": since}
    while len(events) < lines:
        page = _log_page(client, group, stream, limit=min(lines - len(events), 10000), **more)
        events = page.get("events", []) + events
        token = page.get("nextBackwardToken")
        if token is None or token == more.get("nextToken"):
            break
        more["nextToken"] = token
    return events[-lines:]


def log_tail(client: Any, group: str, stream: str, lines: int) -> list[str]:
    """The last lines of a log stream, oldest first."""
    return [str(event["message"]).rstrip() for event in log_events(client, group, stream, lines)]
