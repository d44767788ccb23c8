# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service keeps of clusters, instance groups and nodes. All values are immutable; changes make new ones."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from dataclasses import field
from typing import Any


class Phase(str, enum.Enum):
    """Where a node is in its life; finer than the API's status."""

    WAIT = "wait"  # wanted, no instance yet: its turn hasn't come, or the last try failed
    LAUNCH = "launch"  # the provider is to start the instance
    BOOT = "boot"  # started, has not reported yet
    LIFECYCLE = "lifecycle"  # its lifecycle script runs
    CHECK = "check"  # a deep health check is to begin
    HEALTH = "health"  # a deep health check runs
    RUN = "run"
    REBOOT = "reboot"  # the provider is to restart the instance
    REBOOTING = "rebooting"  # restarted, has not reported yet
    REIMAGE = "reimage"  # the provider is to give it a new root volume
    REPLACE = "replace"  # the provider is to end the instance; the node gets another one
    TERMINATE = "terminate"  # the provider is to end the instance, and the node with it
    DRAIN = "drain"  # ended; the node disappears when the time is over
    FAILED = "failed"


class Purpose(str, enum.Enum):
    """Why an instance is being provisioned; decides what it shows and what its failure means."""

    CREATE = "create"
    REPLACE = "replace"
    UPDATE = "update"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Placement:
    """Where a node is in the network. AZ and ids as EC2 has them."""

    vpc_id: str
    vpc_cidr: str
    subnet_id: str
    subnet_cidr: str
    availability_zone: str
    availability_zone_id: str
    ip_address: str
    agent_ip_address: str


@dataclass(frozen=True)
class Node:
    """One member of an instance group. ``key`` (the NodeLogicalId) outlives the instances behind it."""

    key: str
    group: str
    index: int
    instance_id: str
    instance_type: str
    token: str
    placement: Placement
    spec: dict[str, Any]
    """The group's specification at the time of provisioning: later changes don't reach a live node."""
    image_id: str
    release: str
    created: float
    """Wall clock, epoch seconds: LaunchTime of the instance."""
    phase: Phase = Phase.LAUNCH
    purpose: Purpose = Purpose.CREATE
    deadline: float | None = None
    """Virtual seconds at which time alone moves the node on."""
    message: str | None = None
    root_volume: int = 1
    attempt: int = 1
    """Number of the lifecycle run on this root volume that is wanted."""
    failures: int = 0
    """Failed tries to provision it since it last ran."""
    joined: bool = False
    """It has run since it was provisioned: counts in CurrentCount."""
    fault: str | None = None
    """What is going to fail in this provisioning by an injected fault: efa, lifecycle or deep."""
    updated: float | None = None
    """Wall clock: LastSoftwareUpdateTime."""
    previous_image: tuple[str, str] | None = None
    """(image id, release) to return to when a software update fails."""
    seen_document: str | None = None
    """Digest of the resource_config.json it was provisioned with."""

    @property
    def name(self) -> str:
        """InstanceName of resource_config.json."""
        return f"{self.group}-{self.index}"

    @property
    def hostname(self) -> str:
        """``ip-a-b-c-d`` of the customer's address."""
        return "ip-" + self.placement.ip_address.replace(".", "-")


# SoftwareUpdateStatus of an update that goes on.
UPDATE_OPEN = ("Pending", "InProgress", "RollbackInProgress")


@dataclass(frozen=True)
class GroupUpdate:
    """A running or finished UpdateClusterSoftware of one group."""

    status: str
    """SoftwareUpdateStatus."""
    image_id: str
    release: str
    previous_image_id: str
    previous_release: str
    config: dict[str, Any] = field(default_factory=dict)
    """DeploymentConfig as given."""
    next_batch: float = 0.0
    """Virtual seconds before which no batch starts."""
    todo: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    failed: bool = False
    message: str | None = None


@dataclass(frozen=True)
class Group:
    """An instance group: what was asked for, and where it stands."""

    name: str
    spec: dict[str, Any]
    """As in the request (InstanceGroups or RestrictedInstanceGroups item)."""
    status: str
    target: int
    minimum: int = 0
    restricted: bool = False
    image_id: str = ""
    release: str = ""
    update: GroupUpdate | None = None
    minimum_by: float | None = None
    """Virtual seconds at which an unmet MinInstanceCount rolls the group back."""
    steady: tuple[int, int] = (0, 0)
    """(target, minimum) when it was last InService."""
    deleting: bool = False

    @property
    def updating(self) -> bool:
        """A software update goes on."""
        return self.update is not None and self.update.status in UPDATE_OPEN

    @property
    def desired_image(self) -> tuple[str, str]:
        """(image id, release) that new instances get: where a running software update leads, or leads back to."""
        update = self.update
        if update is None or not self.updating:
            return self.image_id, self.release
        if update.status == "RollbackInProgress":
            return update.previous_image_id, update.previous_release
        return update.image_id, update.release


class JobKind(str, enum.Enum):
    """What a cluster is busy with as a whole."""

    CREATE = "create"
    UPDATE = "update"
    ROLLBACK = "rollback"
    SOFTWARE = "software"
    DELETE = "delete"


@dataclass(frozen=True)
class Job:
    """The change a cluster undergoes. In Continuous mode only creation, software update and deletion are jobs."""

    kind: JobKind
    previous: dict[str, Any] | None = None
    """``{"settings": {...}, "groups": {name: group as dict}}`` to return to; None: nothing was before (creation)."""
    doom: str | None = None
    """The change is bound to fail with this message ..."""
    doom_at_controller: bool = False
    """... as soon as the controller has booted (else at once)."""
    added: tuple[str, ...] = ()
    failure: str | None = None


@dataclass(frozen=True)
class Operation:
    """One entry of ListClusterOperations."""

    operation_id: str
    type: str
    status: str
    created: float
    scaling: tuple[dict[str, Any], ...] = ()
    health: tuple[dict[str, Any], ...] = ()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """One entry of ListClusterEvents; ``metadata`` is the union EventMetadata."""

    event_id: str
    time: float
    resource_type: str
    description: str
    level: str = "Info"
    group: str | None = None
    instance_id: str | None = None
    operation_id: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster, whole."""

    arn: str
    cluster_id: str
    name: str
    account_id: str
    region: str
    partition: str
    created: float
    status: str
    settings: dict[str, Any]
    """The cluster-level members of the request that DescribeCluster shows."""
    groups: dict[str, Group]
    nodes: dict[str, Node]
    tags: dict[str, str] = field(default_factory=dict)
    failure_message: str | None = None
    job: Job | None = None
    operations: tuple[Operation, ...] = ()
    legacy: str | None = None
    """Text of provisioning_parameters.json found below the controller's SourceS3Uri."""
    munge_key: str = ""
    revision: int = 1
    tokens: dict[str, Any] = field(default_factory=dict)
    """ClientTokens of BatchAddClusterNodes."""
    actions: tuple[dict[str, Any], ...] = ()
    """Node actions the Slurm agent asked for that were not carried out (NodeRecovery None)."""

    @property
    def continuous(self) -> bool:
        """NodeProvisioningMode is Continuous."""
        return bool(self.settings.get("NodeProvisioningMode") == "Continuous")

    @property
    def eks(self) -> bool:
        """Orchestrated by EKS; anything else is Slurm."""
        return "Eks" in self.settings.get("Orchestrator", {})

    @property
    def automatic_recovery(self) -> bool:
        """NodeRecovery, whose default is Automatic."""
        return bool(self.settings.get("NodeRecovery", "Automatic") == "Automatic")

    @property
    def log_group(self) -> str:
        """Name of its CloudWatch log group."""
        return f"/aws/sagemaker/Clusters/{self.name}/{self.cluster_id}"

    def group_nodes(self, name: str) -> list[Node]:
        """Nodes of a group, in the order of their numbers."""
        return sorted((n for n in self.nodes.values() if n.group == name), key=lambda n: n.index)


LEAVING = frozenset({Phase.TERMINATE, Phase.DRAIN})


def group_to_dict(group: Group) -> dict[str, Any]:
    """JSON form of a group."""
    return dataclasses.asdict(group)


def group_from_dict(data: dict[str, Any]) -> Group:
    """Inverse of :func:`group_to_dict`."""
    update = data.get("update")
    if update is not None:
        update = GroupUpdate(**{**update, "todo": tuple(update["todo"]), "batch": tuple(update["batch"])})
    return Group(**{**data, "update": update, "steady": tuple(data["steady"])})


def node_to_dict(node: Node) -> dict[str, Any]:
    """JSON form of a node."""
    data = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
    data["placement"] = dataclasses.asdict(node.placement)
    return data


def node_from_dict(data: dict[str, Any]) -> Node:
    """Inverse of :func:`node_to_dict`."""
    previous = data["previous_image"]
    return Node(
        **{
            **data,
            "phase": Phase(data["phase"]),
            "purpose": Purpose(data["purpose"]),
            "placement": Placement(**data["placement"]),
            "previous_image": None if previous is None else (previous[0], previous[1]),
        }
    )


def cluster_to_dict(cluster: Cluster) -> dict[str, Any]:
    """JSON form of a cluster without its nodes (they are kept one by one)."""
    data = {f.name: getattr(cluster, f.name) for f in dataclasses.fields(cluster) if f.name != "nodes"}
    data["groups"] = [group_to_dict(g) for g in cluster.groups.values()]
    data["operations"] = [dataclasses.asdict(o) for o in cluster.operations]
    data["job"] = None if cluster.job is None else dataclasses.asdict(cluster.job)
    return data


def cluster_from_dict(data: dict[str, Any], nodes: dict[str, Node]) -> Cluster:
    """Inverse of :func:`cluster_to_dict`."""
    job = data["job"]
    if job is not None:
        job = Job(**{**job, "kind": JobKind(job["kind"]), "added": tuple(job["added"])})
    operations = tuple(
        Operation(**{**o, "scaling": tuple(o["scaling"]), "health": tuple(o["health"]), "nodes": tuple(o["nodes"])})
        for o in data["operations"]
    )
    groups = {g["name"]: group_from_dict(g) for g in data["groups"]}
    rest = {**data, "job": job, "operations": operations, "groups": groups, "actions": tuple(data["actions"])}
    return Cluster(**rest, nodes=nodes)
