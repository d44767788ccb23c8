# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HyperPod service: answers operations, agents and the local cloud's own questions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import agent
from local_cloud.hyperpod import operations
from local_cloud.hyperpod import plan_calls
from local_cloud.hyperpod import reading
from local_cloud.hyperpod import tagging
from local_cloud.hyperpod.core import Core
from local_cloud.hyperpod.show import node_status
from local_cloud.hyperpod.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.clock import Clock
    from local_cloud.hyperpod.core import FaultSource
    from local_cloud.hyperpod.core import QuotaSource
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.outside import Access
    from local_cloud.providers.base import Provider

_OPERATIONS: dict[str, Callable[[Core, dict[str, Any], RequestContext], dict[str, Any]]] = {
    "CreateCluster": operations.create_cluster,
    "UpdateCluster": operations.update_cluster,
    "UpdateClusterSoftware": operations.update_cluster_software,
    "DeleteCluster": operations.delete_cluster,
    "BatchAddClusterNodes": operations.batch_add,
    "BatchDeleteClusterNodes": operations.batch_delete,
    "BatchRebootClusterNodes": operations.batch_reboot,
    "BatchReplaceClusterNodes": operations.batch_replace,
    "StartClusterHealthCheck": operations.start_health_check,
    "DescribeCluster": reading.describe_cluster,
    "ListClusters": reading.list_clusters,
    "ListClusterNodes": reading.list_nodes,
    "DescribeClusterNode": reading.describe_node,
    "ListClusterEvents": reading.list_events,
    "DescribeClusterEvent": reading.describe_event,
    "ListClusterOperations": reading.list_operations,
    "DescribeClusterOperation": reading.describe_operation,
    "AddTags": tagging.add_tags,
    "ListTags": tagging.list_tags,
    "DeleteTags": tagging.delete_tags,
    "SearchTrainingPlanOfferings": plan_calls.search_offerings,
    "CreateTrainingPlan": plan_calls.create_plan,
    "DescribeTrainingPlan": plan_calls.describe_plan,
    "ListTrainingPlans": plan_calls.list_plans,
}
OPERATIONS = frozenset(_OPERATIONS)


class HyperPodService:
    """Safe to use from several threads. Everything answered is saved."""

    def __init__(
        self,
        state_dir: Path,
        cloud: str,
        provider: Provider,
        *,
        faults: FaultSource,
        access: Access,
        quotas: QuotaSource,
        speed: float = 1.0,
    ) -> None:
        """Load the state and begin to work.

        Args:
            state_dir: the service's own folder (CloudPaths.hyperpod_dir).
            cloud: name of the local cloud; part of each NodeSpec.
            provider: starts and ends instances. It is the caller's to close, after :meth:`close`.
            faults: faults.Faults; engine faults are taken from it.
            access: moto_access.MotoAccess.
            quotas: quotas.Quotas.
            speed: virtual seconds per wall second.
        """
        self._core = Core(state_dir, cloud, provider, faults=faults, access=access, quotas=quotas, speed=speed)
        self._worker = Worker(self._core)
        self._worker.start()

    def handle(self, operation: str, params: dict[str, Any], context: RequestContext) -> dict[str, Any]:
        """Answer one of OPERATIONS. ``params`` are checked against the service model. Raises ServiceError."""
        if operation not in _OPERATIONS:
            raise ServiceError("NotImplemented", f"local_cloud does not serve {operation}.", 501)
        return _OPERATIONS[operation](self._core, params, context)

    def agent_document(self, instance_id: str, token: str) -> dict[str, Any]:
        """What the agent of an instance is told. Raises ServiceError (403 for a wrong token, 404 for a wrong id)."""
        return agent.document(self._core, instance_id, token)

    def agent_event(self, instance_id: str, token: str, event: dict[str, Any]) -> None:
        """Take an agent's report; saved when this returns. Raises ServiceError as agent_document does."""
        agent.event(self._core, instance_id, token, event)

    def eks_nodes(self, account_id: str, region: str, cluster_arn: str) -> int:
        """Nodes that are joined to an EKS cluster."""
        found = [r for r in self._core.regions() if (r.account_id, r.region) == (account_id, region)]
        count = 0
        for here in found:
            with here.lock:
                self._core.settle_all(here)
                clusters = list(here.clusters.values())
            for cluster in clusters:
                if cluster.settings.get("Orchestrator", {}).get("Eks", {}).get("ClusterArn") == cluster_arn:
                    count += sum(node.joined for node in cluster.nodes.values())
        return count

    def snapshot(self) -> dict[str, Any]:
        """All clusters with their groups and nodes, as JSON types, without secrets."""
        clusters = []
        for region in self._core.regions():
            with region.lock:
                self._core.settle_all(region)
                found = list(region.clusters.values())
            clusters += [_snapshot(cluster) for cluster in found]
        return {"speed": self._core.clock.speed, "clusters": clusters}

    @property
    def clock(self) -> Clock:
        """Virtual time."""
        return self._core.clock

    def set_speed(self, speed: float) -> None:
        """Change how fast virtual time goes. Raises ValueError unless it is positive."""
        self._core.set_speed(speed)

    def close(self) -> None:
        """Stop working and close the files. Instances stay as they are."""
        self._worker.stop()
        self._core.close()


def _snapshot(cluster: Cluster) -> dict[str, Any]:
    return {
        "account_id": cluster.account_id,
        "region": cluster.region,
        "name": cluster.name,
        "arn": cluster.arn,
        "status": cluster.status,
        "failure_message": cluster.failure_message,
        "groups": [
            {
                "name": group.name,
                "status": group.status,
                "target": group.target,
                "current": sum(n.joined for n in cluster.nodes.values() if n.group == group.name),
            }
            for group in cluster.groups.values()
        ],
        "nodes": [
            {
                "instance_id": node.instance_id,
                "instance_name": node.name,
                "instance_group": node.group,
                "instance_type": node.instance_type,
                "hostname": node.hostname,
                "ip_address": node.placement.ip_address,
                "status": node_status(node),
                "phase": node.phase.value,
                "message": node.message,
            }
            for node in cluster.nodes.values()
        ],
        "recorded_actions": list(cluster.actions),
    }
