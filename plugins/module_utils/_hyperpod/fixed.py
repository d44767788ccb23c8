# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be changed in a cluster that exists, why, and the way around. Pure.

Sources: Developer Guide, "Updating SageMaker HyperPod cluster configuration" (InstanceType, ExecutionRole and
ThreadsPerCore have to be those that the group was made with; no change between InstanceType and InstanceRequirements;
no instance type can be taken away while instances of it run; the EKS cluster stays); "SageMaker HyperPod references"
(NodeType); API reference of UpdateCluster (no VpcConfig; ClusterRole stays while AutoScaling is enabled);
UpdateClusterSoftware (images). The service gives no list: what it refuses besides is told with its own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

    from .schema import Field
    from .states import Current

_NEW_GROUP = (
    "It stays as the group was made: add a group with another name, and remove this one (purge_instance_groups: true)"
)
_NEW_CLUSTER = "It stays as the cluster was made: make another cluster"
_SOFTWARE = "Instances get another image by UpdateClusterSoftware (module podforge.hyperpod.hyperpod_software)"

# Option of the cluster -> the way around.
CLUSTER = {
    "vpc_config": f"{_NEW_CLUSTER}, or give new groups a network of their own (override_vpc_config)",
    "node_provisioning_mode": _NEW_CLUSTER,
}
# Option of a group -> the way around.
GROUP = {
    "instance_type": _NEW_GROUP,
    "execution_role": f"{_NEW_GROUP}; or give the role that the group has other policies",
    "threads_per_core": _NEW_GROUP,
    "override_vpc_config": _NEW_GROUP,
    "capacity_requirements": _NEW_GROUP,
    "image_id": _SOFTWARE,
    "image_release_version": _SOFTWARE,
}


def cluster_problems(current: Current, before: Mapping[str, Any], field: Field, wanted: Any) -> Iterator[str]:
    """Why an option of the cluster can't have the value that is wanted, which is another than it has."""
    option, there = field.option, before.get(field.option)
    if option in CLUSTER:
        yield CLUSTER[option]
    elif option == "orchestrator":
        if set(there or ()) != set(wanted) or "eks" in wanted:
            yield _NEW_CLUSTER
    elif option == "cluster_role" and current.described.get("AutoScaling", {}).get("Mode") == "Enable":
        yield "It stays while scaling is on: set auto_scaling.mode to Disable first, in a run of its own"


def group_problems(
    described: Mapping[str, Any], before: Mapping[str, Any], field: Field, wanted: Any
) -> Iterator[tuple[str, str]]:
    """Why an option of a group can't have the value that is wanted, which is another than it has.

    Args:
        described: the group in the answer of DescribeCluster.
        before: the group in the form of the options.
        field: the option.
        wanted: its value.

    Yields:
        Path below the group, and the way around.
    """
    option, there = field.option, before.get(field.option)
    if option in GROUP:
        yield option, GROUP[option]
    elif option == "instance_requirements":
        if there is None:
            yield option, _NEW_GROUP
        else:
            yield from _types_in_use(described, wanted)
    elif option == "slurm_config":
        # Groups without one get theirs when a cluster leaves provisioning_parameters.json behind.
        kind = (there or {}).get("node_type")
        if kind is not None and wanted.get("node_type", kind) != kind:
            yield f"{option}.node_type", _NEW_GROUP


def _types_in_use(described: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    running = {
        detail["InstanceType"] for detail in described.get("InstanceTypeDetails", []) if detail.get("CurrentCount")
    }
    gone = sorted(running - set(wanted.get("instance_types", running)))
    if gone:
        yield (
            "instance_requirements.instance_types",
            f"Instances of {', '.join(gone)} run in this group: keep the type in the list, or delete these nodes first",
        )
