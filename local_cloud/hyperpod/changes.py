# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that change a cluster as a whole: what its state is right after the call. Pure but for the ids and the placer.

The rules have been checked before. What follows from the new state is the business of the steps.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from local_cloud.hyperpod import images
from local_cloud.hyperpod import messages
from local_cloud.hyperpod import roles
from local_cloud.hyperpod import timings
from local_cloud.hyperpod.draft import Draft
from local_cloud.hyperpod.draft import Environment
from local_cloud.hyperpod.members import add_nodes
from local_cloud.hyperpod.members import instance_types
from local_cloud.hyperpod.model import Cluster
from local_cloud.hyperpod.model import Event
from local_cloud.hyperpod.model import Group
from local_cloud.hyperpod.model import GroupUpdate
from local_cloud.hyperpod.model import Job
from local_cloud.hyperpod.model import JobKind
from local_cloud.hyperpod.model import Operation
from local_cloud.hyperpod.model import Phase
from local_cloud.hyperpod.model import group_to_dict
from local_cloud.hyperpod.rules_change import kept
from local_cloud.hyperpod.rules_change import updated_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.clock import Instant
    from local_cloud.hyperpod.model import Placement

SETTINGS = (
    "VpcConfig",
    "Orchestrator",
    "NodeRecovery",
    "TieredStorageConfig",
    "NodeProvisioningMode",
    "ClusterRole",
    "AutoScaling",
    "RestrictedInstanceGroupsConfig",
)
MAX_OPERATIONS = 1000


class Placer(Protocol):
    """Finds places for nodes."""

    def take(self, settings: Mapping[str, Any], spec: Mapping[str, Any], count: int) -> list[Placement]:
        """``count`` free places for nodes of a group. Raises ServiceError."""

    def zones(self, settings: Mapping[str, Any], spec: Mapping[str, Any]) -> set[str]:
        """Availability zones that nodes of a group can be in."""


@dataclasses.dataclass(frozen=True)
class Change:
    """A cluster after a call, and the events that the call itself makes."""

    cluster: Cluster
    events: list[Event]


def create(
    params: Mapping[str, Any],
    context: RequestContext,
    now: Instant,
    env: Environment,
    *,
    placer: Placer,
    legacy: str | None,
) -> Change:
    """The new cluster of a CreateCluster call."""
    cluster_id = env.ids.cluster_id()
    settings = {member: params[member] for member in SETTINGS if member in params}
    settings.setdefault("NodeRecovery", "Automatic")
    arn = f"arn:{context.partition}:sagemaker:{context.region}:{context.account_id}:cluster/{cluster_id}"
    cluster = Cluster(
        arn=arn,
        cluster_id=cluster_id,
        name=params["ClusterName"],
        account_id=context.account_id,
        region=context.region,
        partition=context.partition,
        created=now.wall,
        status="Creating",
        settings=settings,
        groups={},
        nodes={},
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
        legacy=legacy,
        munge_key="" if images.orchestrator_of(settings) == "Eks" else env.ids.munge_key(),
    )
    d = Draft(cluster, now, env)
    d.event("Cluster", f"Cluster {cluster.name} creation started successfully")
    for restricted, member in ((False, "InstanceGroups"), (True, "RestrictedInstanceGroups")):
        for spec in params.get(member, []):
            _new_group(d, spec, restricted)
    added = _fill(d, placer)
    doom, later = _doom(d)
    d.set(job=Job(JobKind.CREATE, doom=doom, doom_at_controller=later, added=added))
    if cluster.continuous:
        _scaling_operation(d, {})
    return Change(d.done(), d.events)


def update(
    cluster: Cluster,
    params: Mapping[str, Any],
    now: Instant,
    env: Environment,
    *,
    placer: Placer,
    legacy: str | None,
) -> Change:
    """The cluster after an UpdateCluster call."""
    previous = {
        "settings": cluster.settings,
        "groups": {name: group_to_dict(group) for name, group in cluster.groups.items()},
        "legacy": cluster.legacy,
    }
    d = Draft(cluster, now, env)
    d.set(settings={**cluster.settings, **updated_settings(params)}, legacy=legacy)
    d.event("Cluster", f"Cluster {cluster.name} update started successfully")
    # API reference, ImageId: with continuous provisioning new groups inherit the AMI of the earliest existing one.
    earliest = next(iter(cluster.groups.values()), None) if cluster.continuous else None
    for restricted, member in ((False, "InstanceGroups"), (True, "RestrictedInstanceGroups")):
        for spec in params.get(member, []):
            if spec["InstanceGroupName"] in d.groups:
                _changed_group(d, d.groups[spec["InstanceGroupName"]], spec)
            else:
                _new_group(d, spec, restricted, earliest)
    for name in params.get("InstanceGroupsToDelete", []):
        d.group(d.groups[name], deleting=True, status="Deleting", target=0, minimum=0, minimum_by=None, update=None)
    d.roles = roles.of(dataclasses.replace(d.cluster, groups=d.groups))
    added = _fill(d, placer)
    doom, later = _doom(d)
    if cluster.continuous:
        _scaling_operation(d, cluster.groups)
        if cluster.status == "Failed":
            # A failed creation is tried again with what the update has corrected.
            d.set(status="Updating", failure_message=None, job=Job(JobKind.CREATE, doom=doom))
            _retry_failed(d)
    else:
        d.set(
            status="Updating",
            failure_message=None,
            job=Job(JobKind.UPDATE, previous=previous, doom=doom, doom_at_controller=later, added=added),
        )
    return Change(d.done(), d.events)


def software(cluster: Cluster, params: Mapping[str, Any], now: Instant, env: Environment) -> Change:
    """The cluster after an UpdateClusterSoftware call."""
    d = Draft(cluster, now, env)
    versions = {g["InstanceGroupName"]: g.get("ImageReleaseVersion") for g in params.get("InstanceGroups", [])}
    for name in versions or dict.fromkeys(cluster.groups):
        group = d.groups[name]
        image_id, release = images.resolve(
            cluster.region, images.orchestrator_of(cluster.settings), params.get("ImageId"), versions.get(name)
        )
        d.event(
            "InstanceGroup",
            f"InstanceGroup {name} in Cluster {cluster.name} has been scheduled for UpdateClusterSoftware to "
            f"{versions.get(name) or 'latest'}.",
            group=name,
        )
        d.group(
            group,
            status="SystemUpdating",
            update=GroupUpdate(
                status="Pending",
                image_id=image_id,
                release=release,
                previous_image_id=group.image_id,
                previous_release=group.release,
                config=params.get("DeploymentConfig", {}),
                todo=tuple(node.key for node in d.members(name)),
            ),
        )
    status = cluster.status if cluster.continuous else "SystemUpdating"
    d.set(status=status, failure_message=None, job=Job(JobKind.SOFTWARE))
    return Change(d.done(), d.events)


def delete(cluster: Cluster, now: Instant, env: Environment) -> Change:
    """The cluster after a DeleteCluster call."""
    d = Draft(cluster, now, env)
    d.event("Cluster", f"Cluster {cluster.name} deletion started successfully")
    for group in list(d.groups.values()):
        d.group(group, status="Deleting", deleting=True, minimum_by=None, update=None)
    d.set(status="Deleting", job=Job(JobKind.DELETE))
    return Change(d.done(), d.events)


def _new_group(d: Draft, spec: dict[str, Any], restricted: bool, earliest: Group | None = None) -> None:
    """Add a group; ``earliest``: the one whose image it inherits when it asks for none."""
    orchestrator = images.orchestrator_of(d.cluster.settings)
    image_id, release = images.resolve(
        d.cluster.region, orchestrator, spec.get("ImageId"), spec.get("ImageReleaseVersion")
    )
    if earliest is not None and not {"ImageId", "ImageReleaseVersion"} & set(spec):
        image_id, release = earliest.desired_image
    minimum = spec.get("MinInstanceCount", 0)
    name = spec["InstanceGroupName"]
    group = Group(
        name=name,
        spec=spec,
        status="Creating",
        target=spec["InstanceCount"],
        minimum=minimum,
        restricted=restricted,
        image_id=image_id,
        release=release,
        minimum_by=d.now.virtual + timings.MINIMUM_COUNT if minimum else None,
    )
    d.group(group)
    d.event(
        "InstanceGroup", f"InstanceGroup {name} creation started successfully in Cluster {d.cluster.name}", group=name
    )


def _changed_group(d: Draft, group: Group, spec: dict[str, Any]) -> None:
    minimum = spec.get("MinInstanceCount", 0)
    below = minimum > sum(n.joined for n in d.members(group.name))
    waits = d.cluster.continuous and not below and group.status != "Creating"
    serving = "SystemUpdating" if group.updating else "InService"
    d.group(
        group,
        spec=kept(spec, group),
        target=spec["InstanceCount"],
        minimum=minimum,
        deleting=False,
        status=serving if waits else ("Creating" if group.status == "Creating" else "Updating"),
        minimum_by=d.now.virtual + timings.MINIMUM_COUNT if minimum and below else None,
    )
    if waits:
        d.group(d.groups[group.name], steady=(spec["InstanceCount"], minimum))
    d.event(
        "InstanceGroup",
        f"InstanceGroup {group.name} update started successfully in Cluster {d.cluster.name}",
        group=group.name,
    )


def _fill(d: Draft, placer: Placer) -> tuple[str, ...]:
    """Make the nodes that the groups lack; their keys."""
    phase = Phase.WAIT if d.cluster.continuous else Phase.LAUNCH
    keys: list[str] = []
    for name, nodes in d.by_group().items():
        group = d.groups[name]
        missing = 0 if group.deleting else group.target - len(nodes)
        if missing > 0:
            placements = placer.take(d.cluster.settings, group.spec, missing)
            keys += [node.key for node in add_nodes(d, group, placements, phase)]
    return tuple(keys)


def _doom(d: Draft) -> tuple[str | None, bool]:
    """(why the change is bound to fail, whether that shows only once the controller is up)."""
    if d.cluster.eks or d.cluster.legacy is None:
        return None, False
    if any("SlurmConfig" in group.spec for group in d.groups.values()):
        return messages.BOTH_FORMS, False
    for name in roles.from_legacy(d.cluster.legacy).named:
        if name not in d.groups or d.groups[name].deleting:
            return messages.agent_key_error(name), True
    return None, False


def _scaling_operation(d: Draft, before: Mapping[str, Group]) -> None:
    """Record a scaling operation for the groups whose counts changed."""
    details = []
    for name, group in d.groups.items():
        old = before.get(name)
        if old is not None and (old.target, old.minimum) == (group.target, group.minimum):
            continue
        if old is None and group.target == 0:
            continue
        current = sum(n.joined for n in d.nodes.values() if n.group == name)
        details.append(
            {
                "InstanceGroupName": name,
                "Status": "InProgress",
                "Original": {
                    "CurrentCount": current,
                    "TargetCount": old.target if old else 0,
                    "MinCount": old.minimum if old else 0,
                },
                "Desired": {"CurrentCount": current, "TargetCount": group.target, "MinCount": group.minimum},
            }
        )
    add_scaling(d, details)


def add_scaling(d: Draft, details: list[dict[str, Any]]) -> str | None:
    """Add a scaling operation; running ones of the same groups are superseded. Its id."""
    if not details:
        return None
    names = {item["InstanceGroupName"] for item in details}
    operations = []
    for operation in d.cluster.operations:
        if operation.type == "Scaling" and operation.status == "InProgress":
            scaling = tuple(
                {**s, "Status": "Superseded"} if s["InstanceGroupName"] in names and s["Status"] == "InProgress" else s
                for s in operation.scaling
            )
            open_ = any(s["Status"] == "InProgress" for s in scaling)
            operation = dataclasses.replace(  # noqa: PLW2901 - the changed one takes its place
                operation, scaling=scaling, status="InProgress" if open_ else "Superseded"
            )
        operations.append(operation)
    operation_id = d.env.ids.uuid()
    operations.append(Operation(operation_id, "Scaling", "InProgress", d.now.wall, scaling=tuple(details)))
    d.set(operations=tuple(operations[-MAX_OPERATIONS:]))
    for item in details:
        name = item["InstanceGroupName"]
        d.event(
            "InstanceGroup",
            f"InstanceGroup {name} scaling started successfully in Cluster {d.cluster.name}",
            group=name,
            metadata={
                "InstanceGroupScaling": {
                    "InstanceCount": item["Original"]["CurrentCount"],
                    "TargetCount": item["Desired"]["TargetCount"],
                    "MinCount": item["Desired"]["MinCount"],
                }
            },
        )
    return operation_id


def _retry_failed(d: Draft) -> None:
    for node in list(d.nodes.values()):
        if node.phase is Phase.FAILED and node.deadline is None and node.group in d.groups:
            kind = instance_types(d.groups[node.group].spec)[0]
            d.node(node, deadline=d.now.virtual, spec=d.groups[node.group].spec, instance_type=kind)
    for group in list(d.groups.values()):
        if not group.deleting:
            d.group(group, status="Creating")
