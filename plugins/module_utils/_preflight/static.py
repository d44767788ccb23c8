# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the description by itself, whoever made it: hyperpod_description refuses a bad one itself. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Any

from .._description import legacy
from .._description.rules import Rules
from .._findings import did_you_mean
from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._findings import Finding

# Service model: ClusterName, ClusterInstanceGroupName, ClusterInstanceCount.
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_NAME_MAX = 63
COUNT_MAX = 6758
_KEYS = ("cluster_name", "cluster", "network", "execution_role", "lifecycle", "node_types", "nodes")


def judge_form(description: dict[str, Any]) -> list[Finding]:
    """Whether this is what hyperpod_description returns."""
    missing = [key for key in _KEYS if key not in description]
    if missing:
        what = f"The description lacks {', '.join(missing)}"
        fix = "give the description that podforge.hyperpod.hyperpod_description returns"
        return [failure("description", what, where="description", fix=fix)]
    return []


def judge_groups(description: dict[str, Any], has_network: bool | None) -> list[Finding]:
    """Names, counts, storage and Slurm roles: the same rules by which hyperpod_description judges files."""
    cluster = description["cluster"]
    slurm_api = any(group.get("slurm_config") for group in cluster["instance_groups"])
    parameters = description.get("provisioning_parameters")
    rules = Rules({**cluster, "cluster_name": description["cluster_name"]}, _where)
    eks = is_eks(description)
    found = rules.run(slurm_api=slurm_api and not eks, has_network=has_network)
    # That rule is of the description's own file format.
    findings = [finding for finding in found if finding.check != "orchestrator"]
    findings += _judge_names(description)
    if parameters and slurm_api:
        what = "The description has provisioning_parameters and slurm_config in its groups"
        fix = "keep one of the two forms"
        findings.append(failure("both_forms", what, where="description", why="HyperPod refuses both at once", fix=fix))
    names = {str(group.get("instance_group_name")) for group in cluster["instance_groups"]}
    for path, name in legacy.names(parameters or {}):
        if name not in names:
            what = f"The instance group '{name}' of provisioning_parameters.json is not in the cluster"
            fix = did_you_mean(name, names, otherwise=f"name one of {', '.join(sorted(names))}")
            where = ".".join(["provisioning_parameters", *map(str, path)])
            findings.append(failure("group_consistency", what, where=where, value=name, fix=fix))
    return findings


def _judge_names(description: dict[str, Any]) -> list[Finding]:
    findings = []
    groups = description["cluster"]["instance_groups"]
    named = [("cluster_name", description["cluster_name"])]
    named += [
        (_where(("instance_groups", n, "instance_group_name")), g["instance_group_name"]) for n, g in enumerate(groups)
    ]
    for where, name in named:
        if len(name) > _NAME_MAX or not _NAME.fullmatch(name):
            fix = "use 1 to 63 letters, digits and inner hyphens, beginning and ending with a letter or digit"
            findings.append(failure("names", f"'{name}' is not a valid name", where=where, value=name, fix=fix))
    for number, group in enumerate(groups):
        count = int(group["instance_count"])
        if not 0 <= count <= COUNT_MAX:
            where = _where(("instance_groups", number, "instance_count"))
            what = f"{count} instances are out of range"
            findings.append(failure("counts", what, where=where, value=count, fix=f"use 0 to {COUNT_MAX}"))
    return findings


def is_eks(description: dict[str, Any]) -> bool:
    """Whether the cluster is one on EKS."""
    return bool((description["cluster"].get("orchestrator") or {}).get("eks"))


def judge_existing(name: str, cluster: dict[str, Any] | None) -> Finding:
    """Whether the name is taken; ``cluster``: answer of DescribeCluster, None: it is free."""
    if cluster is None:
        return passed("cluster", f"There is no cluster {name} yet", where=name)
    status = str(cluster.get("ClusterStatus"))
    if status in ("Failed", "Deleting"):
        what = f"There is a cluster {name}, and it is {status}"
        said = str(cluster.get("FailureMessage") or "")
        fix = "wait until it is gone" if status == "Deleting" else "delete it first, or set recreate_failed"
        return warning("cluster", what, where=name, value=status, why=said, fix=fix)
    return passed("cluster", f"There is a cluster {name}, and it is {status}", where=name, value=status)


def _where(path: tuple[Any, ...]) -> str:
    """``instance_groups[0].instance_type``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")


def judge_description(description: dict[str, Any], instance_types: Collection[str]) -> list[Finding]:
    """Names, instance types and roles of the groups."""
    name = description["cluster_name"]
    groups = description["cluster"]["instance_groups"]
    names = [group["instance_group_name"] for group in groups]
    findings = [passed("names", f"Cluster {name} with groups {', '.join(names)}", where=name)]
    for kind in sorted(description["nodes"]["by_type"]):
        findings.append(
            passed("instance_type", f"{kind} is an instance type of HyperPod", where=kind)
            if kind in instance_types
            else failure(
                "instance_type",
                f"{kind} is not an instance type of HyperPod",
                where=kind,
                fix="use a type of the service's list, or a botocore that knows this one",
            )
        )
    if is_eks(description):
        return findings
    types = description["node_types"]
    missing = [group for group in names if not types.get(group)]
    if missing:
        what = f"These groups have no role: {', '.join(missing)}"
        findings.append(failure("group_consistency", what, where=name, fix="give each group a Slurm node type"))
    else:
        roles = ", ".join(f"{group} ({types[group]})" for group in names)
        findings.append(passed("group_consistency", f"Each group has a role: {roles}", where=name))
    return findings


def largest_volume(description: dict[str, Any]) -> int:
    """The largest EBS volume of any group, in GB; 0 without one."""
    return max(
        (
            int((storage.get("ebs_volume_config") or {}).get("volume_size_in_gb") or 0)
            for group in description["cluster"]["instance_groups"]
            for storage in group.get("instance_storage_configs") or []
        ),
        default=0,
    )
