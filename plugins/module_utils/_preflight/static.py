# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the description by itself. hyperpod_description refuses a bad one; here its good points are told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._findings import Finding

_KEYS = ("cluster_name", "cluster", "network", "execution_role", "lifecycle", "node_types", "nodes")


def judge_form(description: dict[str, Any]) -> list[Finding]:
    """Whether this is what hyperpod_description returns."""
    missing = [key for key in _KEYS if key not in description]
    if missing:
        what = f"The description lacks {', '.join(missing)}"
        fix = "give the description that podforge.hyperpod.hyperpod_description returns"
        return [failure("description", what, where="description", fix=fix)]
    return []


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
