# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_cluster_info`` does."""

from __future__ import annotations

from typing import Any

from . import api
from .common import at_least
from .common import client_of
from .export import export
from .parallel import in_parallel
from .transformations import cluster_result
from .transformations import to_result


def clusters(module: Any) -> list[dict[str, Any]]:
    """The clusters asked for, by name; those that don't exist are left away.

    Raises:
        HyperPodError: the service can't be asked, or refuses to answer.
    """
    at_least(module.params, calls_per_second=0.1)
    client = client_of(module, "sagemaker")
    found = []
    for name in _names(client, module.params):
        described = api.describe_cluster(client, name)
        if described is not None:
            tags = api.list_tags(client, described["ClusterArn"])
            cluster = cluster_result(described, tags)
            if module.params["include_nodes"] or module.params["detail"]:
                rate = module.params["calls_per_second"] if module.params["detail"] else None
                cluster["nodes"] = nodes(client, described["ClusterName"], rate)
            if module.params["include_export"]:
                cluster["export"] = export(described, tags, module.region)
            found.append(cluster)
    return sorted(found, key=lambda cluster: str(cluster["cluster_name"]))


def nodes(client: Any, name: str, rate: float | None = None) -> list[dict[str, Any]]:
    """Nodes of a cluster by group and launch time.

    Args:
        client: of SageMaker.
        name: of the cluster.
        rate: describe each node, at most so many in a second; None: only list them.
    """
    listed = sorted(
        api.list_nodes(client, name),
        key=lambda node: (node["InstanceGroupName"], str(node.get("LaunchTime", "")), node["InstanceId"]),
    )
    if rate is not None:
        described = in_parallel(lambda node: api.describe_node(client, name, _identifier(node)), listed, rate)
        # One that went between the two calls is told as it was listed.
        listed = [details or node for details, node in zip(described, listed, strict=True)]
    return [to_result(node) for node in listed]


def _identifier(node: dict[str, Any]) -> tuple[str, str]:
    """By what DescribeClusterNode finds a node: one that is being provisioned has no instance id yet."""
    return ("NodeId", node["InstanceId"]) if node["InstanceId"] else ("NodeLogicalId", node["NodeLogicalId"])


def _names(client: Any, params: dict[str, Any]) -> list[str]:
    if params["names"] is not None:
        return list(dict.fromkeys(params["names"]))
    filters = {"NameContains": params["name_contains"]} if params["name_contains"] else {}
    return [summary["ClusterName"] for summary in api.list_clusters(client, **filters)]
