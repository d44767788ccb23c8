# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that change clusters: rules, references, quotas, then the change, saved before the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import changes
from local_cloud.hyperpod import changes_nodes
from local_cloud.hyperpod import messages
from local_cloud.hyperpod import rules
from local_cloud.hyperpod import rules_change
from local_cloud.hyperpod import training_plans
from local_cloud.hyperpod.limits import check_quotas
from local_cloud.hyperpod.model import JobKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.changes_nodes import NodesChange
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.regions import Region

Params = dict[str, Any]


def region_of(core: Core, context: RequestContext) -> Region:
    """The caller's region."""
    return core.region(context.account_id, context.region, context.partition)


def find(core: Core, region: Region, identifier: str) -> Cluster:
    """The cluster, with all that time has brought. Raises ResourceNotFound. With the region's lock held."""
    cluster = core.settle(region, region.find(identifier))
    if cluster is None:
        raise messages.not_found(identifier)
    return cluster


def create_cluster(core: Core, params: Params, context: RequestContext) -> Params:
    """CreateCluster."""
    rules.require(rules.create_findings(params))
    region = region_of(core, context)
    specs = [*params.get("InstanceGroups", []), *params.get("RestrictedInstanceGroups", [])]
    with region.lock:
        core.settle_all(region)
        if any(cluster.name == params["ClusterName"] for cluster in region.clusters.values()):
            raise messages.in_use(params["ClusterName"])
        region.references.check_settings(params)
        region.references.check_groups(specs)
        _check_plans(core, region, params, specs)
        check_quotas(core.quotas, region.clusters.values(), None, specs)
        legacy = _legacy(region, params, specs)
        made = changes.create(
            params, context, core.clock.now(), core.environment(), placer=region.placer(), legacy=legacy
        )
        core.advance(region, None, made.cluster, events=made.events)
    return {"ClusterArn": made.cluster.arn}


def update_cluster(core: Core, params: Params, context: RequestContext) -> Params:
    """UpdateCluster."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.update_findings(params, cluster))
        retry = cluster.continuous and cluster.status == "Failed"
        if cluster.status != "InService" and not retry:
            raise messages.conflict(cluster.name, cluster.status, "updated")
        settings, groups, restricted = rules_change.merged(params, cluster)
        given = [*params.get("InstanceGroups", []), *params.get("RestrictedInstanceGroups", [])]
        region.references.check_settings({k: v for k, v in params.items() if k == "ClusterRole"})
        region.references.check_groups(given)
        had = {name: group.spec.get("TrainingPlanArn") for name, group in cluster.groups.items()}
        after = [*groups, *restricted]
        new = [spec for spec in after if spec.get("TrainingPlanArn") != had.get(spec["InstanceGroupName"])]
        _check_plans(core, region, settings, new)
        check_quotas(core.quotas, region.clusters.values(), cluster, after)
        made = changes.update(
            cluster,
            params,
            core.clock.now(),
            core.environment(),
            placer=region.placer(),
            legacy=_legacy(region, settings, groups),
        )
        core.advance(region, cluster, made.cluster, events=made.events)
    return {"ClusterArn": cluster.arn}


def update_cluster_software(core: Core, params: Params, context: RequestContext) -> Params:
    """UpdateClusterSoftware."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.software_findings(params, cluster))
        busy = cluster.job is not None and cluster.job.kind is JobKind.SOFTWARE
        if cluster.status != "InService" or busy:
            status = "SystemUpdating" if busy else cluster.status
            raise messages.conflict(cluster.name, status, "updated")
        made = changes.software(cluster, params, core.clock.now(), core.environment())
        core.advance(region, cluster, made.cluster, events=made.events)
    return {"ClusterArn": cluster.arn}


def delete_cluster(core: Core, params: Params, context: RequestContext) -> Params:
    """DeleteCluster."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        if cluster.status not in ("InService", "Failed") and not cluster.continuous:
            raise messages.conflict(cluster.name, cluster.status, "deleted")
        if cluster.status == "Deleting":
            raise messages.conflict(cluster.name, cluster.status, "deleted")
        made = changes.delete(cluster, core.clock.now(), core.environment())
        core.advance(region, cluster, made.cluster, events=made.events)
    return {"ClusterArn": cluster.arn}


def batch_replace(core: Core, params: Params, context: RequestContext) -> Params:
    """BatchReplaceClusterNodes."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.replace_findings(params, cluster, "replaced"))
        return _nodes_change(
            core, region, cluster, changes_nodes.replace_nodes(cluster, params, core.clock.now(), core.environment())
        )


def batch_reboot(core: Core, params: Params, context: RequestContext) -> Params:
    """BatchRebootClusterNodes."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.replace_findings(params, cluster, "rebooted"))
        return _nodes_change(
            core, region, cluster, changes_nodes.reboot_nodes(cluster, params, core.clock.now(), core.environment())
        )


def batch_delete(core: Core, params: Params, context: RequestContext) -> Params:
    """BatchDeleteClusterNodes."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.delete_findings(params, cluster))
        return _nodes_change(
            core, region, cluster, changes_nodes.delete_nodes(cluster, params, core.clock.now(), core.environment())
        )


def batch_add(core: Core, params: Params, context: RequestContext) -> Params:
    """BatchAddClusterNodes."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.add_findings(params, cluster))
        more: dict[str, int] = {}
        for item in params["NodesToAdd"]:
            name = item["InstanceGroupName"]
            more[name] = more.get(name, 0) + item["IncrementTargetCountBy"]
        specs = [
            {**group.spec, "InstanceCount": group.target + more.get(group.name, 0)} for group in cluster.groups.values()
        ]
        check_quotas(core.quotas, region.clusters.values(), cluster, specs)
        change = changes_nodes.add(cluster, params, core.clock.now(), core.environment(), placer=region.placer())
        return _nodes_change(core, region, cluster, change)


def start_health_check(core: Core, params: Params, context: RequestContext) -> Params:
    """StartClusterHealthCheck."""
    region = region_of(core, context)
    with region.lock:
        cluster = find(core, region, params["ClusterName"])
        rules.require(rules_change.health_findings(params, cluster))
        change = changes_nodes.start_health_check(cluster, params, core.clock.now(), core.environment())
        return _nodes_change(core, region, cluster, change)


def _nodes_change(core: Core, region: Region, cluster: Cluster, change: NodesChange) -> Params:
    core.advance(region, cluster, change.cluster, events=change.events)
    return change.answer


def _check_plans(core: Core, region: Region, settings: Params, specs: Iterable[Params]) -> None:
    """Raise ServiceError unless the training plans of groups fit them."""
    placer = region.placer()
    training_plans.check_groups(
        specs, region.plans, lambda spec: placer.zones(settings, spec), core.clock.now().virtual
    )


def _legacy(region: Region, settings: Mapping[str, Any], specs: Iterable[Mapping[str, Any]]) -> str | None:
    if "Eks" in settings.get("Orchestrator", {}):
        return None
    return region.references.legacy_form(specs)
