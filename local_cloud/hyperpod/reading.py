# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that only read clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import messages
from local_cloud.hyperpod import rules
from local_cloud.hyperpod import rules_change
from local_cloud.hyperpod import show
from local_cloud.hyperpod.operations import find
from local_cloud.hyperpod.operations import region_of
from local_cloud.hyperpod.pagination import paginate

if TYPE_CHECKING:
    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.model import Node

Params = dict[str, Any]


def describe_cluster(core: Core, params: Params, context: RequestContext) -> Params:
    """DescribeCluster."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        now = core.clock.now().virtual
        return show.cluster_details(cluster, {arn: plan.status(now) for arn, plan in region.plans.items()})


def list_clusters(core: Core, params: Params, context: RequestContext) -> Params:
    """ListClusters."""
    region = region_of(core, context)
    with region.lock:
        core.settle_all(region)
        clusters = list(region.clusters.values())
    chosen = [c for c in clusters if params.get("NameContains", "") in c.name and _within(params, c.created)]
    plan = params.get("TrainingPlanArn")
    if plan:
        chosen = [c for c in chosen if any(g.spec.get("TrainingPlanArn") == plan for g in c.groups.values())]
    by_name = params.get("SortBy") == "NAME"
    page, token = paginate(
        "ListClusters",
        params,
        chosen,
        key=lambda c: (c.name if by_name else c.created, c.arn),
        descending=_descending(params, False),
    )
    return _page("ClusterSummaries", [show.cluster_summary(c) for c in page], token)


def list_nodes(core: Core, params: Params, context: RequestContext) -> Params:
    """ListClusterNodes."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
    logical = bool(params.get("IncludeNodeLogicalIds"))
    part = params.get("InstanceGroupNameContains", "")
    by_name = params.get("SortBy") == "NAME"
    nodes = [
        n
        for n in cluster.nodes.values()
        if part in n.group and _within(params, n.created) and (logical or show.instance_id(cluster, n))
    ]
    page, token = paginate(
        "ListClusterNodes",
        params,
        nodes,
        key=lambda n: (_node_name(n) if by_name else n.created, _node_name(n)),
        descending=_descending(params, False),
    )
    return _page("ClusterNodeSummaries", [show.node_summary(cluster, n, logical) for n in page], token)


def describe_node(core: Core, params: Params, context: RequestContext) -> Params:
    """DescribeClusterNode."""
    given = [member for member in ("NodeId", "NodeLogicalId") if params.get(member)]
    if len(given) != 1:
        raise messages.invalid("Exactly one of NodeId or NodeLogicalId must be specified.")
    region = region_of(core, context)
    identifier = params[given[0]]
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        key = identifier if given[0] == "NodeLogicalId" else region.instances.get(identifier, ("", ""))[1]
    node = cluster.nodes.get(key)
    if node is None or (given[0] == "NodeId" and show.instance_id(cluster, node) != identifier):
        raise ServiceError("ResourceNotFound", f"Node {identifier} not found in cluster {cluster.name}.")
    return {"NodeDetails": show.node_details(cluster, node)}


def list_events(core: Core, params: Params, context: RequestContext) -> Params:
    """ListClusterEvents."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.events_findings(cluster))
        events = region.store.events(cluster.arn)
    for member, attribute in (
        ("InstanceGroupName", "group"),
        ("NodeId", "instance_id"),
        ("ResourceType", "resource_type"),
        ("OperationId", "operation_id"),
    ):
        if member in params:
            events = [e for e in events if getattr(e, attribute) == params[member]]
    events = [e for e in events if _within(params, e.time, "EventTime")]
    page, token = paginate(
        "ListClusterEvents",
        params,
        events,
        key=lambda e: (e.time, e.event_id),
        descending=_descending(params, True),
    )
    return _page("Events", [show.event_summary(cluster, e) for e in page], token)


def describe_event(core: Core, params: Params, context: RequestContext) -> Params:
    """DescribeClusterEvent."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.events_findings(cluster))
        event = region.store.event(cluster.arn, params["EventId"])
    if event is None:
        raise ServiceError("ResourceNotFound", f"Event {params['EventId']} not found in cluster {cluster.name}.")
    return {"EventDetails": show.event_details(cluster, event)}


def list_operations(core: Core, params: Params, context: RequestContext) -> Params:
    """ListClusterOperations."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
    chosen = [
        o
        for o in cluster.operations
        if params.get("Status", o.status) == o.status
        and params.get("Type", o.type) == o.type
        and _within(params, o.created)
    ]
    page, token = paginate(
        "ListClusterOperations",
        params,
        chosen,
        key=lambda o: (o.created, o.operation_id),
        descending=_descending(params, True),
    )
    return _page("ClusterOperationSummaries", [show.operation_summary(cluster, o) for o in page], token)


def describe_operation(core: Core, params: Params, context: RequestContext) -> Params:
    """DescribeClusterOperation."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
    for operation in cluster.operations:
        if operation.operation_id == params["OperationId"]:
            return show.operation_details(cluster, operation)
    raise ServiceError("ResourceNotFound", f"Operation {params['OperationId']} not found in cluster {cluster.name}.")


def _node_name(node: Node) -> str:
    return f"{node.group}-{node.index:05d}"


def _page(member: str, items: list[Any], token: str | None) -> Params:
    return {member: items, **({"NextToken": token} if token else {})}


def _descending(params: Params, default: bool) -> bool:
    return bool(params["SortOrder"] == "Descending") if "SortOrder" in params else default


def _within(params: Params, seconds: float, prefix: str = "CreationTime") -> bool:
    after, before = params.get(f"{prefix}After"), params.get(f"{prefix}Before")
    # Compared as it is shown: in milliseconds.
    seconds = round(seconds, 3)
    return (after is None or seconds > after.timestamp()) and (before is None or seconds < before.timestamp())
