# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each instance group is for: controller, login or compute. Private to this collection.

Two sources: C(SlurmConfig) of the groups in resource_config.json, and provisioning_parameters.json (version 1.0.0).
The second holds names of groups typed by a person; a name that does not fit must never turn a login node into a
compute node, so every mismatch that concerns this node is an error.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .documents import JsonDict
from .documents import NodeError
from .resource import EKS
from .resource import Group
from .resource import Resource

# AWS documentation, "Setting up multiple controller nodes for a SageMaker HyperPod Slurm cluster"
_MULTI_HEAD = {
    "slurm_shared_directory": "shared_directory",
    "slurm_database_endpoint": "database_host",
    "slurm_database_secret_arn": "database_secret_id",
}


@dataclass(frozen=True)
class GroupRole:
    """What a group is for; C(partition) is None but for compute groups of Slurm clusters."""

    node_type: str
    partition: str | None = None


@dataclass(frozen=True)
class Provisioning:
    """C(form) is C(api) (SlurmConfig), C(legacy) (provisioning_parameters.json) or C(none)."""

    form: str
    roles: dict[str, GroupRole] = field(default_factory=dict)
    filesystems: JsonDict = field(default_factory=dict)
    multi_head: JsonDict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def resolve_provisioning(resource: Resource, parameters: JsonDict | None, parameters_path: str) -> Provisioning:
    """Decide each group's role from what the node has.

    :param parameters: the content of provisioning_parameters.json, None when there is no such file.
    :raises NodeError: contradictions, and names that only one of the files has.
    """
    filesystems = _filesystems(parameters or {})
    multi_head = _multi_head(parameters or {}, parameters_path)
    if resource.orchestrator == EKS:
        roles = {group.name: GroupRole("compute") for group in resource.groups}
        return Provisioning("none", roles)
    if any(group.node_type for group in resource.groups):
        return _from_slurm_config(resource, filesystems, multi_head)
    if parameters is not None:
        return _from_parameters(resource, parameters, parameters_path, filesystems, multi_head)
    if resource.controller_ips:
        return Provisioning("none", _controllers_by_address(resource))
    raise NodeError(
        f"{parameters_path}: no such file, and {resource.path} has no SlurmConfig: which groups are controller, login "
        "and compute is told nowhere. Give each instance group its SlurmConfig, or put provisioning_parameters.json "
        "beside the lifecycle script"
    )


def role_of(group: Group, provisioning: Provisioning, resource: Resource, parameters_path: str) -> GroupRole:
    """The role of this node's own group; none is an error, never a guess."""
    role = provisioning.roles.get(group.name)
    if role is not None:
        return role
    known = ", ".join(f"{name} ({entry.node_type})" for name, entry in provisioning.roles.items()) or "none"
    if provisioning.form == "legacy":
        raise NodeError(
            f"{parameters_path}: names no role for instance group {group.name!r}, which {resource.path} has; it names "
            f"{known}. Set controller_group, login_group or worker_groups[].instance_group_name to exactly the name "
            "of the instance group"
        )
    raise NodeError(
        f"{resource.path}: instance group {group.name!r} has no SlurmConfig.NodeType, others have ({known}). Give "
        "every instance group its SlurmConfig"
    )


def _from_slurm_config(resource: Resource, filesystems: JsonDict, multi_head: JsonDict) -> Provisioning:
    roles = {}
    for group in resource.groups:
        if group.node_type:
            partition = group.partitions[0] if group.partitions and group.node_type == "compute" else None
            roles[group.name] = GroupRole(group.node_type, partition)
    _need_one_controller([name for name, role in roles.items() if role.node_type == "controller"], resource.path)
    return Provisioning("api", roles, filesystems, multi_head)


def _from_parameters(
    resource: Resource, parameters: JsonDict, path: str, filesystems: JsonDict, multi_head: JsonDict
) -> Provisioning:
    manager = parameters.get("workload_manager", "slurm")
    if manager != "slurm":
        raise NodeError(f"{path}: workload_manager is {manager!r}, expected 'slurm'")
    roles: dict[str, GroupRole] = {}
    controller = _name(parameters, "controller_group", path)
    if controller is None:
        raise NodeError(f"{path}: controller_group is missing; set it to the name of the controller's instance group")
    _add(roles, controller, GroupRole("controller"), path, "controller_group")
    login = _name(parameters, "login_group", path)
    if login is not None:
        _add(roles, login, GroupRole("login"), path, "login_group")
    workers = parameters.get("worker_groups") or []
    if not isinstance(workers, list):
        raise NodeError(f"{path}: worker_groups is no list")
    for index, worker in enumerate(workers):
        where = f"worker_groups[{index}]"
        if not isinstance(worker, dict):
            raise NodeError(f"{path}: {where} is no object")
        name = _name(worker, "instance_group_name", path, where)
        if name is None:
            raise NodeError(f"{path}: {where}.instance_group_name is missing")
        _add(roles, name, GroupRole("compute", _name(worker, "partition_name", path, where)), path, where)
    return Provisioning("legacy", roles, filesystems, multi_head, _compare(resource, roles, path))


def _compare(resource: Resource, roles: dict[str, GroupRole], path: str) -> tuple[str, ...]:
    """Names against the inventory. Worker groups may be missing in a file that lags; controller and login may not."""
    present = [group.name for group in resource.groups]
    has = ", ".join(present) or "none"
    missing = [name for name in roles if name not in present]
    for name in missing:
        if roles[name].node_type != "compute":
            key = "controller_group" if roles[name].node_type == "controller" else "login_group"
            raise NodeError(
                f"{path}: {key} is {name!r}, but {resource.path} has no such instance group (it has {has}). Both must "
                "have exactly the same name"
            )
    warnings = [
        f"{path}: worker group {name!r} is not in {resource.path} (it has {has}): misspelt, or the file is old"
        for name in missing
    ]
    warnings += [
        f"{resource.path}: instance group {name!r} has no role in {path}" for name in present if name not in roles
    ]
    return tuple(warnings)


def _controllers_by_address(resource: Resource) -> dict[str, GroupRole]:
    """Only the controllers are known: by their addresses in the cluster-wide SlurmConfig."""
    return {
        instance.group: GroupRole("controller")
        for instance in resource.instances
        if instance.customer_ip in resource.controller_ips
    }


def _need_one_controller(names: list[str], path: str) -> None:
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise NodeError(f"{path}: exactly one instance group must have NodeType Controller, found {found}")


def _add(roles: dict[str, GroupRole], name: str, role: GroupRole, path: str, where: str) -> None:
    if name in roles:
        raise NodeError(
            f"{path}: {where} names instance group {name!r}, which is already {roles[name].node_type}; a group has one "
            "role and at most one partition"
        )
    roles[name] = role


def _name(value: JsonDict, key: str, path: str, where: str = "") -> str | None:
    found: t.Any = value.get(key)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise NodeError(f"{path}: {where + '.' if where else ''}{key} is no text")
    return found


def _filesystems(parameters: JsonDict) -> JsonDict:
    """File systems as the parameters name them; they are there in both forms."""
    found: JsonDict = {}
    if parameters.get("fsx_dns_name") and parameters.get("fsx_mountname"):
        found["lustre"] = {"dns_name": parameters["fsx_dns_name"], "mount_name": parameters["fsx_mountname"]}
    if parameters.get("fsx_openzfs_dns_name"):
        found["openzfs"] = {"dns_name": parameters["fsx_openzfs_dns_name"]}
    return found


def _multi_head(parameters: JsonDict, path: str) -> JsonDict:
    """What the parameters name for several controllers; they are read in both forms."""
    block = parameters.get("slurm_configurations") or {}
    if not isinstance(block, dict):
        raise NodeError(f"{path}: slurm_configurations is no object")
    found = {name: _name(block, key, path, "slurm_configurations") for key, name in _MULTI_HEAD.items()}
    return {name: value for name, value in found.items() if value is not None}
