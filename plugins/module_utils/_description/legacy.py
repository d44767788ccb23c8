# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: provisioning_parameters.json, the legacy Slurm form. Pure.

Source: AWS documentation, SageMaker HyperPod references, "Configuration form for provisioning_parameters.json"; for the
block ``slurm_configurations`` "Setting up multiple controller nodes for a SageMaker HyperPod Slurm cluster".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Any

from .._findings import did_you_mean
from .._findings import failure
from .._findings import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._findings import Finding
    from .documents import Document
    from .model import Checker

VERSION = "1.0.0"
WORKLOAD_MANAGER = "slurm"
_TEXT_KEYS = (
    "version",
    "workload_manager",
    "controller_group",
    "login_group",
    "fsx_dns_name",
    "fsx_mountname",
    "fsx_openzfs_dns_name",
)
_REQUIRED = ("version", "workload_manager", "controller_group", "worker_groups")
_KNOWN = (*_TEXT_KEYS, "worker_groups", "slurm_configurations")
_WORKER_KEYS = ("instance_group_name", "partition_name")
_MULTI_HEAD_KEYS = (
    "slurm_database_secret_arn",
    "slurm_database_endpoint",
    "slurm_database_user",
    "slurm_shared_directory",
    "slurm_sns_arn",
)
# Slurm itself takes more; whitespace and these would break the line of slurm.conf (slurm.conf(5), PartitionName).
_PARTITION = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check(checker: Checker) -> None:
    """Check the form by itself: keys, types, constants."""
    data = checker.document.data
    if not isinstance(data, dict):
        checker.wrong_type(data, "a mapping", ())
        return
    for key, value in data.items():
        if key not in _KNOWN:
            checker.unknown_key(key, (), _KNOWN)
        elif key in _TEXT_KEYS and not isinstance(value, str):
            checker.wrong_type(value, "a string", (key,))
    for key in _REQUIRED:
        if data.get(key) is None:
            checker.missing_key(key, ())
    _constant(checker, "version", VERSION)
    _constant(checker, "workload_manager", WORKLOAD_MANAGER)
    _workers(checker, data.get("worker_groups"))
    _multi_head(checker, data.get("slurm_configurations"))
    if bool(data.get("fsx_dns_name")) != bool(data.get("fsx_mountname")):
        given, lacking = sorted(("fsx_dns_name", "fsx_mountname"), key=lambda name: not data.get(name))
        checker.missing_key(lacking, (), fix=f"add '{lacking}', or take '{given}' away: a mount needs both")


def _constant(checker: Checker, key: str, wanted: str) -> None:
    value = checker.document.data.get(key)
    if isinstance(value, str) and value != wanted:
        what = f"'{shown(value)}' is not '{wanted}', the only value of this key"
        where = checker.document.where((key,))
        checker.findings.append(failure("bad_value", what, where=where, value=value, fix=f"write '{wanted}'"))


def _workers(checker: Checker, groups: Any) -> None:
    if groups is None:
        return
    if not isinstance(groups, list):
        checker.wrong_type(groups, "a list", ("worker_groups",))
        return
    for index, group in enumerate(groups):
        path = ("worker_groups", index)
        if not isinstance(group, dict):
            checker.wrong_type(group, "a mapping", path)
            continue
        for key, value in group.items():
            if key not in _WORKER_KEYS:
                checker.unknown_key(key, path, _WORKER_KEYS)
            elif not isinstance(value, str):
                checker.wrong_type(value, "a string", (*path, key))
        for key in _WORKER_KEYS:
            if group.get(key) is None:
                checker.missing_key(key, path)
        partition = group.get("partition_name")
        if isinstance(partition, str) and not _PARTITION.fullmatch(partition):
            checker.findings.append(
                failure(
                    "bad_value",
                    f"'{shown(partition)}' is not a name for a partition",
                    where=checker.document.where((*path, "partition_name")),
                    value=partition,
                    fix="use letters, digits, dots, hyphens and underscores",
                )
            )


def _multi_head(checker: Checker, block: Any) -> None:
    if block is None:
        return
    path = ("slurm_configurations",)
    if not isinstance(block, dict):
        checker.wrong_type(block, "a mapping", path)
        return
    for key in block:
        if key not in _MULTI_HEAD_KEYS:
            checker.unknown_key(key, path, _MULTI_HEAD_KEYS)


def node_types(parameters: dict[str, Any]) -> dict[str, str]:
    """Node type (``Controller``, ``Login``, ``Compute``) by instance group, of a form that passed :func:`check`."""
    types = {str(group.get("instance_group_name")): "Compute" for group in parameters.get("worker_groups") or []}
    if parameters.get("login_group"):
        types[str(parameters["login_group"])] = "Login"
    types[str(parameters.get("controller_group"))] = "Controller"
    return types


def partitions(parameters: dict[str, Any]) -> dict[str, list[str]]:
    """Instance groups by partition."""
    result: dict[str, list[str]] = {}
    for group in parameters.get("worker_groups") or []:
        result.setdefault(str(group.get("partition_name")), []).append(str(group.get("instance_group_name")))
    return result


def names(parameters: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """Every place that names an instance group, with the name."""
    places: list[tuple[tuple[Any, ...], str]] = [
        ((key,), parameters[key]) for key in ("controller_group", "login_group") if isinstance(parameters.get(key), str)
    ]
    groups = parameters.get("worker_groups")
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        if isinstance(group, dict) and isinstance(group.get("instance_group_name"), str):
            places.append((("worker_groups", index, "instance_group_name"), group["instance_group_name"]))
    return places


def consistency(config: Document, form: Document, groups: Sequence[dict[str, Any]]) -> list[Finding]:
    """Whether the two files name the same instance groups, each in one role.

    ``groups``: instance groups of the cluster configuration as options.
    """
    findings: list[Finding] = []
    existing = [str(group["instance_group_name"]) for group in groups if "instance_group_name" in group]
    seen: set[str] = set()
    for path, name in names(form.data):
        if name not in existing:
            findings.append(
                failure(
                    "group_consistency",
                    f"The instance group '{name}' is named here but is not in {config.name}",
                    where=form.where(path),
                    value=name,
                    why="The cluster agent would stop at it",
                    fix=did_you_mean(
                        name, existing, otherwise=f"add the group to {config.name}, or name one of its groups"
                    ),
                )
            )
        elif name in seen:
            findings.append(
                failure(
                    "group_consistency",
                    f"The instance group '{name}' has two roles in this file",
                    where=form.where(path),
                    value=name,
                    fix="name each group once, as controller, login or worker group",
                )
            )
        seen.add(name)
    unread = not isinstance(form.data.get("worker_groups"), list)
    for index, name in enumerate(existing):
        if not unread and name not in seen and not _misspelt(name, seen):
            findings.append(
                failure(
                    "group_consistency",
                    f"The instance group '{name}' has no role in {form.name}",
                    where=config.where(("InstanceGroups", index, "InstanceGroupName")),
                    value=name,
                    why="Its nodes would start without Slurm",
                    fix=f"name it in {form.name}: controller_group, login_group or worker_groups",
                )
            )
    return findings


def _misspelt(name: str, mentioned: set[str]) -> bool:
    """Whether a mentioned, unknown name is meant to be this one, so that its own finding says it already."""
    return did_you_mean(name, mentioned, otherwise="") != ""
