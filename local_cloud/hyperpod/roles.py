# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Slurm role an instance group has, from either form of the Slurm configuration. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.hyperpod.model import Cluster

CONTROLLER = "Controller"
LOGIN = "Login"
COMPUTE = "Compute"
RANK = {CONTROLLER: 0, LOGIN: 1, COMPUTE: 2}
FORM_NAME = "provisioning_parameters.json"


@dataclass(frozen=True)
class SlurmRoles:
    """Node type and partition per instance group; ``form`` is legacy, api or none."""

    form: str = "none"
    types: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    """Every group name that the legacy form mentions."""


def from_groups(specs: Mapping[str, Mapping[str, Any]]) -> SlurmRoles:
    """Roles by the SlurmConfig of the groups (name -> specification)."""
    types = {name: spec["SlurmConfig"]["NodeType"] for name, spec in specs.items() if spec.get("SlurmConfig")}
    partitions = {
        name: spec["SlurmConfig"]["PartitionNames"][0]
        for name, spec in specs.items()
        if spec.get("SlurmConfig", {}).get("PartitionNames")
    }
    return SlurmRoles("api" if types else "none", types, partitions)


def from_legacy(text: str) -> SlurmRoles:
    """Roles by the text of provisioning_parameters.json.

    What is not understood is left out, as the node's scripts find out about it, not the service.
    """
    try:
        form = json.loads(text)
    except ValueError:
        return SlurmRoles()
    if not isinstance(form, dict):
        return SlurmRoles()
    types: dict[str, str] = {}
    partitions: dict[str, str] = {}
    workers = form.get("worker_groups") or []
    for worker in workers if isinstance(workers, list) else []:
        if isinstance(worker, dict) and isinstance(worker.get("instance_group_name"), str):
            types[worker["instance_group_name"]] = COMPUTE
            if isinstance(worker.get("partition_name"), str):
                partitions[worker["instance_group_name"]] = worker["partition_name"]
    for key, node_type in (("login_group", LOGIN), ("controller_group", CONTROLLER)):
        if isinstance(form.get(key), str) and form[key]:
            types[form[key]] = node_type
    return SlurmRoles("legacy", types, partitions, tuple(types))


def of(cluster: Cluster) -> SlurmRoles:
    """Roles of a cluster's groups. SlurmConfig wins over the legacy form; EKS clusters have none."""
    if cluster.eks:
        return SlurmRoles()
    roles = from_groups({name: group.spec for name, group in cluster.groups.items()})
    if roles.form == "none" and cluster.legacy is not None:
        return from_legacy(cluster.legacy)
    return roles


def form_of(roles: SlurmRoles, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of /opt/ml/config/provisioning_parameters.json for a cluster configured by SlurmConfig.

    Keys as in "Configuration form for provisioning_parameters.json" of the Developer Guide.
    """
    by_type = {node_type: [n for n, t in roles.types.items() if t == node_type] for node_type in RANK}
    form: dict[str, Any] = {"version": "1.0.0", "workload_manager": "slurm"}
    if by_type[CONTROLLER]:
        form["controller_group"] = by_type[CONTROLLER][0]
    if by_type[LOGIN]:
        form["login_group"] = by_type[LOGIN][0]
    form["worker_groups"] = [
        {"instance_group_name": name, "partition_name": roles.partitions.get(name, "")} for name in by_type[COMPUTE]
    ]
    for name in [*by_type[CONTROLLER], *by_type[LOGIN], *by_type[COMPUTE]]:
        for config in specs[name].get("InstanceStorageConfigs", []):
            if "FsxLustreConfig" in config and "fsx_dns_name" not in form:
                form["fsx_dns_name"] = config["FsxLustreConfig"]["DnsName"]
                form["fsx_mountname"] = config["FsxLustreConfig"]["MountName"]
            if "FsxOpenZfsConfig" in config:
                form.setdefault("fsx_openzfs_dns_name", config["FsxOpenZfsConfig"]["DnsName"])
    return form
