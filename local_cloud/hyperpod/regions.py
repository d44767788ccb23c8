# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters and training plans of one account and region in memory, with their file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from local_cloud.hyperpod import messages
from local_cloud.hyperpod import training_plans
from local_cloud.hyperpod.network import RegionPlacer
from local_cloud.hyperpod.references import References

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Event
    from local_cloud.hyperpod.model import Node
    from local_cloud.hyperpod.store import Store
    from local_cloud.hyperpod.training_plans import TrainingPlan

_PLANS = "training_plans"


class Region:
    """All reads and changes are made with ``lock`` held. The clusters themselves are immutable."""

    def __init__(self, account_id: str, region: str, partition: str, store: Store) -> None:
        self.account_id = account_id
        self.region = region
        self.partition = partition
        self.store = store
        self.lock = threading.RLock()
        self.clusters: dict[str, Cluster] = {}
        self.instances: dict[str, tuple[str, str]] = {}
        """Instance id -> (cluster ARN, node key)."""
        self.references = References(account_id, region, partition)
        self.plans: dict[str, TrainingPlan] = {
            arn: training_plans.plan_from_dict(data) for arn, data in store.setting(_PLANS, {}).items()
        }
        for cluster in store.load():
            self.clusters[cluster.arn] = cluster
            self._index(None, cluster)

    def find(self, identifier: str) -> Cluster:
        """The cluster of this name or ARN. Raises ServiceError ResourceNotFound."""
        if identifier.startswith("arn:"):
            if identifier in self.clusters:
                return self.clusters[identifier]
        else:
            for cluster in self.clusters.values():
                if cluster.name == identifier:
                    return cluster
        raise messages.not_found(identifier)

    def node(self, instance_id: str) -> tuple[Cluster, Node] | None:
        """The node behind an instance id."""
        arn, key = self.instances.get(instance_id, ("", ""))
        cluster = self.clusters.get(arn)
        if cluster is None or key not in cluster.nodes:
            return None
        return cluster, cluster.nodes[key]

    def commit(self, old: Cluster | None, new: Cluster, events: Sequence[Event]) -> None:
        """Save a new state of a cluster, then let it be seen."""
        if new is old and not events:
            return
        self.store.save(old, new, events)
        self.clusters[new.arn] = new
        self._index(old, new)

    def remove(self, cluster: Cluster) -> None:
        """Forget a cluster."""
        self.store.remove(cluster)
        del self.clusters[cluster.arn]
        for node in cluster.nodes.values():
            self.instances.pop(node.instance_id, None)

    def find_plan(self, identifier: str) -> TrainingPlan:
        """The training plan of this name or ARN. Raises ServiceError ResourceNotFound."""
        for plan in self.plans.values():
            if identifier in (plan.arn, plan.name):
                return plan
        raise messages.not_found(identifier, "Training plan")

    def keep_plan(self, plan: TrainingPlan) -> None:
        """Save a training plan, then let it be seen."""
        plans = {**self.plans, plan.arn: plan}
        self.store.set_setting(_PLANS, {arn: training_plans.plan_to_dict(each) for arn, each in plans.items()})
        self.plans = plans

    def plan_nodes(self, plan: TrainingPlan) -> list[tuple[Cluster, Node]]:
        """The nodes that a training plan is to give instances to, in the order in which they get them."""
        return [
            (cluster, node)
            for cluster in self.clusters.values()
            for node in cluster.nodes.values()
            if node.group in cluster.groups and cluster.groups[node.group].spec.get("TrainingPlanArn") == plan.arn
        ]

    def placer(self) -> RegionPlacer:
        """A finder of free addresses, for one call."""
        return RegionPlacer(self.references, self.clusters.values(), self.plans)

    def _index(self, old: Cluster | None, new: Cluster) -> None:
        before = {} if old is None else old.nodes
        for key, node in before.items():
            after = new.nodes.get(key)
            if after is None or after.instance_id != node.instance_id:
                self.instances.pop(node.instance_id, None)
        for key, node in new.nodes.items():
            if before.get(key) is not node:
                self.instances[node.instance_id] = (new.arn, key)
