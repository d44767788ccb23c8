# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_events_info`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from . import api
from .common import HyperPodError
from .common import at_least
from .common import client_of
from .explain import explain
from .failure import failure_message_of
from .members import choose
from .members import no_cluster
from .members import plain_name
from .parallel import in_parallel
from .times import moment
from .transformations import to_result

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROBLEMS = frozenset({"Warn", "Error"})


def events(module: Any) -> list[dict[str, Any]]:
    """The newest events that were asked for, oldest first; none where there is no such cluster.

    Raises:
        HyperPodError: bad input, or the service refuses to answer.
    """
    params = module.params
    at_least(params, limit=1, calls_per_second=0.1)
    name = params["cluster_name"]
    filters = _filters(params)
    client = client_of(module, "sagemaker")
    if params["node"]:
        instance_id = _instance_id(client, name, params["node"])
        if instance_id is None:
            module.warn(f"Cluster {name} has no node {params['node']} now; events of a former one go by instance id")
            return []
        filters["NodeId"] = instance_id
    try:
        summaries = api.list_events(client, name, params["limit"], levels=params["levels"], **filters)
    except HyperPodError as error:
        if error.code == "ValidationException" and "Continuous" in str(error.exception):
            module.warn(f"The service keeps events of clusters in Continuous mode only, and {name} is none")
            return []
        raise
    if summaries is None:
        module.warn(no_cluster(name))
        return []
    wanted = [event for event in summaries if _in_detail(event, params["detail"])]
    described = in_parallel(
        lambda event: api.describe_event(client, name, event["EventId"]), wanted, params["calls_per_second"]
    )
    details = {event["EventId"]: detail for event, detail in zip(wanted, described, strict=True)}
    return [event_result(event, details.get(event["EventId"])) for event in reversed(summaries)]


def _filters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of ListClusterEvents."""
    filters = {
        "InstanceGroupName": params["instance_group"],
        "ResourceType": params["resource_type"],
        "OperationId": params["operation_id"],
        "EventTimeAfter": moment("since", params["since"]),
        "EventTimeBefore": moment("until", params["until"]),
    }
    return {name: value for name, value in filters.items() if value is not None}


def _instance_id(client: Any, name: str, node: str) -> str | None:
    plain = plain_name(node)
    if plain and plain.startswith("i-"):
        return plain
    chosen = choose([node], api.list_members(client, name))
    if chosen.problems:
        raise HyperPodError(chosen.problems[0].replace("nodes[0]", "node"))
    return next((member.instance_id for member in chosen.found.values()), None)


def _in_detail(event: Mapping[str, Any], detail: str) -> bool:
    return detail == "all" or (detail == "problems" and event.get("EventLevel") in _PROBLEMS)


def event_result(event: Mapping[str, Any], details: Mapping[str, Any] | None) -> dict[str, Any]:
    """An event as the module returns it; ``details`` is what DescribeClusterEvent says, if it was asked."""
    result: dict[str, Any] = to_result(dict(event))
    if details is not None:
        metadata = details.get("EventDetails", {}).get("EventMetadata", {})
        result["metadata"] = to_result(dict(metadata))
        message = failure_message_of(details)
        if message:
            result["failure_message"] = message
            result["causes"] = [found.told() for found in explain([message])]
    return result
