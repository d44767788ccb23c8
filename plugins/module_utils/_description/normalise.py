# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: from a reading of either form to the one dictionary that the playbooks use. Pure.

docs/description.md shows that dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from . import legacy
from . import wishes
from .directory import CREATE
from .directory import plan_directory

if TYPE_CHECKING:
    from .reading import Overrides
    from .reading import Reading

_DEFAULT_BUCKET = f"sagemaker-{{cluster}}-{wishes.ACCOUNT}-{wishes.REGION}"


def description(reading: Reading, overrides: Overrides) -> dict[str, Any]:
    """The dictionary for the playbooks, of a reading without findings."""
    cluster = {key: value for key, value in reading.cluster.items() if key != "tags" or value}
    name = cluster.pop("cluster_name")
    groups = [dict(group) for group in cluster["instance_groups"]]
    types = (
        legacy.node_types(reading.parameters)
        if reading.parameters is not None
        else {group["instance_group_name"]: (group.get("slurm_config") or {}).get("node_type", "") for group in groups}
    )
    role = reading.role or {"name": f"{name}-node"[:64]}
    if all("execution_role" in group for group in groups):
        role = {"arn": groups[0]["execution_role"]}
    counts: dict[str, int] = {}
    for group in groups:
        kind = group.get("instance_type") or (group.get("instance_requirements") or {}).get("instance_types", [""])[0]
        counts[kind] = counts.get(kind, 0) + int(group["instance_count"])
    return {
        "form": reading.form,
        "sources": reading.sources,
        "cluster_name": name,
        "region": reading.region,
        "cluster": {**cluster, "instance_groups": groups},
        "network": wishes.plan_network(reading.network, name, _directory_zones(reading)),
        "execution_role": {
            "mode": "use" if "arn" in role else "create",
            "name": role.get("name") or wishes.role_name(role["arn"]),
            "arn": role.get("arn"),
        },
        "lifecycle": _lifecycle(reading, overrides, name, groups),
        "directory": plan_directory(reading.directory, name),
        "provisioning_parameters": reading.parameters,
        # what is said to the roles themselves wins
        "node_vars": {**reading.kubernetes, **reading.node_vars},
        "node_types": {group: kind.lower() for group, kind in types.items()},
        "partitions": _partitions(reading, groups),
        "nodes": {"total": sum(counts.values()), "by_type": counts},
    }


def _directory_zones(reading: Reading) -> list[str]:
    """Zones of the subnets that are made for a directory; none: no such subnets."""
    if reading.directory.get("mode") != CREATE:
        return []
    return list(reading.directory.get("availability_zones") or reading.network.get("availability_zones", []))[:2]


def _lifecycle(reading: Reading, overrides: Overrides, name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    sources = [(group.get("life_cycle_config") or {}).get("source_s3_uri") for group in groups]
    theirs = next((source for source in sources if source), None)
    bucket = reading.bucket.get("name") or (bucket_of(theirs) if theirs else None)
    return {
        "managed": overrides.lifecycle_managed,
        "bucket": bucket or _DEFAULT_BUCKET.replace("{cluster}", name.lower()),
    }


def bucket_of(uri: str) -> str:
    """The bucket of ``s3://bucket/prefix``."""
    return uri.split("://", 1)[-1].split("/", 1)[0]


def _partitions(reading: Reading, groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    if reading.parameters is not None:
        return legacy.partitions(reading.parameters)
    result: dict[str, list[str]] = {}
    for group in groups:
        for partition in (group.get("slurm_config") or {}).get("partition_names") or []:
            result.setdefault(partition, []).append(group["instance_group_name"])
    return result
