# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side of the service that the agents on the instances talk to (docs/architecture.md, "Node agent <-> service")."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import resource_config
from local_cloud.hyperpod import roles
from local_cloud.hyperpod.changes_nodes import node_action
from local_cloud.hyperpod.draft import Observation
from local_cloud.hyperpod.images import orchestrator_of
from local_cloud.hyperpod.model import LEAVING
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.steps_node import runs_lifecycle

if TYPE_CHECKING:
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Node
    from local_cloud.hyperpod.regions import Region

_KINDS = {
    "Booted": "booted",
    "LifecycleStarted": "lifecycle-started",
    "LifecycleSucceeded": "lifecycle-succeeded",
    "LifecycleFailed": "lifecycle-failed",
}
_ACTIONS = ("Replace", "Reboot")
_PROVISIONING = frozenset({Phase.LAUNCH, Phase.BOOT, Phase.REIMAGE, Phase.LIFECYCLE})


def document(core: Core, instance_id: str, token: str) -> dict[str, Any]:
    """What an instance is told about itself and its cluster. Raises ServiceError for a wrong id or token."""
    region, _cluster, _node = _authenticate(core, instance_id, token)
    with region.lock:
        _region, cluster, node = _authenticate(core, instance_id, token)
        cluster, node, text = _resource_text(region, cluster, node)
    role = node.spec["ExecutionRole"]
    credentials = core.access.role_credentials(role.split(":")[4], cluster.region, role, node.instance_id)
    return {
        "revision": cluster.revision,
        "files": resource_config.files(cluster, node, text),
        "hosts": sorted([n.placement.ip_address, n.hostname] for n in cluster.nodes.values() if n.phase not in LEAVING),
        "lifecycle": _lifecycle(cluster, node),
        "credentials": credentials,
        "imds": {
            "instance-id": node.instance_id,
            "instance-type": node.instance_type.removeprefix("ml."),
            "region": cluster.region,
            "availability-zone": node.placement.availability_zone,
            "availability-zone-id": node.placement.availability_zone_id,
            "local-ipv4": node.placement.ip_address,
            "iam-role": role.rpartition("/")[2],
        },
        "cluster": {
            "arn": cluster.arn,
            "id": cluster.cluster_id,
            "name": cluster.name,
            "orchestrator": orchestrator_of(cluster.settings),
            "slurm": _slurm(cluster, node),
        },
    }


def event(core: Core, instance_id: str, token: str, body: dict[str, Any]) -> None:
    """Take an agent's report. It is saved when this returns. Raises ServiceError."""
    kind = body.get("type")
    region, _cluster, _node = _authenticate(core, instance_id, token)
    with region.lock:
        _region, cluster, node = _authenticate(core, instance_id, token)
        if kind == "NodeAction":
            _node_action(core, region, cluster, node, body)
        elif kind in _KINDS and body.get("attempt", node.attempt) != node.attempt:
            return  # told late: meanwhile another run is wanted
        elif kind in _KINDS:
            seen = Observation(_KINDS[kind], node.key, node.instance_id, str(body.get("message") or ""))
            core.advance(region, cluster, cluster, observations=[seen])
        else:
            raise ServiceError("ValidationException", f"type {kind!r} is none of {', '.join([*_KINDS, 'NodeAction'])}.")


def _node_action(core: Core, region: Region, cluster: Cluster, node: Node, body: dict[str, Any]) -> None:
    if roles.of(cluster).types.get(node.group) != roles.CONTROLLER:
        raise ServiceError("AccessDeniedException", "Only the agent of a Slurm controller reports node actions.", 403)
    action = body.get("action")
    if action not in _ACTIONS:
        raise ServiceError("ValidationException", f"action {action!r} is none of {', '.join(_ACTIONS)}.")
    change = node_action(cluster, str(body.get("node_name", "")), action, core.clock.now(), core.environment())
    core.advance(region, cluster, change.cluster, events=change.events)


def _authenticate(core: Core, instance_id: str, token: str) -> tuple[Region, Cluster, Node]:
    for region in core.regions():
        with region.lock:
            found = region.node(instance_id)
        if found is not None:
            cluster, node = found
            if hmac.compare_digest(node.token.encode(), token.encode()):
                return region, cluster, node
            raise ServiceError("AccessDeniedException", "The agent's token is not valid for this instance.", 403)
    raise ServiceError("ResourceNotFound", f"Instance {instance_id} not found.", 404)


def _resource_text(region: Region, cluster: Cluster, node: Node) -> tuple[Cluster, Node, str]:
    """resource_config.json of a node: current on controllers, elsewhere that of its provisioning."""
    controller = roles.of(cluster).types.get(node.group) == roles.CONTROLLER
    if not controller and node.seen_document is not None:
        kept = region.store.document(cluster.arn, node.seen_document)
        if kept is not None:
            return cluster, node, kept
    text = resource_config.to_text(resource_config.render(cluster, _eks(region, cluster)))
    if controller:
        return cluster, node, text
    digest = hashlib.sha256(text.encode()).hexdigest()
    region.store.put_document(cluster.arn, digest, text)
    node = dataclasses.replace(node, seen_document=digest)
    changed = dataclasses.replace(cluster, nodes={**cluster.nodes, node.key: node})
    region.commit(cluster, changed, [])
    return changed, node, text


def _eks(region: Region, cluster: Cluster) -> resource_config.EksFacts | None:
    if not cluster.eks:
        return None
    try:
        return region.references.eks_facts(cluster.settings["Orchestrator"]["Eks"]["ClusterArn"])
    except ServiceError:
        return None  # the customer has removed it meanwhile


def _lifecycle(cluster: Cluster, node: Node) -> dict[str, Any]:
    config = node.spec.get("LifeCycleConfig") or {}
    return {
        "source_s3_uri": config.get("SourceS3Uri"),
        "on_create": config.get("OnCreate"),
        "on_init_complete": config.get("OnInitComplete"),
        "attempt": node.attempt,
        "wanted": runs_lifecycle(cluster, node) and node.phase in _PROVISIONING,
    }


def _slurm(cluster: Cluster, node: Node) -> dict[str, Any] | None:
    if cluster.eks:
        return None
    strategy = cluster.settings.get("Orchestrator", {}).get("Slurm", {}).get("SlurmConfigStrategy")
    return {
        "controllers": resource_config.controllers(cluster),
        "node_type": roles.of(cluster).types.get(node.group),
        "strategy": "Merge" if cluster.continuous else strategy or "Managed",
    }
