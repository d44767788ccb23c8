# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the documented rules between fields of a cluster, which the service model doesn't have. Pure.

Source: "SageMaker HyperPod references", section Slurm configuration, and "Getting started with SageMaker HyperPod using
the AWS CLI", common validation errors (AWS documentation); API reference of CreateCluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Sequence

    from .._findings import Finding

CONTROLLER = "Controller"
LOGIN = "Login"
COMPUTE = "Compute"


class Rules:
    """Rules over one cluster's options.

    ``where(path)`` gives the place of an option's key path, in the user's own names. ``excused`` are option paths that
    are only missing because they are misspelt.
    """

    def __init__(
        self,
        cluster: dict[str, Any],
        where: Callable[[tuple[Any, ...]], str],
        *,
        excused: Collection[tuple[Any, ...]] = (),
    ) -> None:
        self.cluster = cluster
        self.excused = excused
        self.groups: Sequence[dict[str, Any]] = cluster.get("instance_groups") or []
        self.findings: list[Finding] = []
        self._where = where

    def _fail(
        self, check: str, what: str, path: tuple[Any, ...], *, value: Any = None, why: str = "", fix: str
    ) -> None:
        self.findings.append(failure(check, what, where=self._where(path), value=value, why=why, fix=fix))

    def run(self, *, slurm_api: bool, has_network: bool | None) -> list[Finding]:
        """All rules.

        Args:
            slurm_api: node types come with the request (SlurmConfig), not from provisioning_parameters.json.
            has_network: the cluster gets a VPC; None: not known here.
        """
        self._duplicates()
        for index, group in enumerate(self.groups):
            path = ("instance_groups", index)
            self._instance_choice(group, path)
            self._counts(group, path)
            self._lifecycle(group, path)
            self._storage(group, path, has_network=has_network)
        if "eks" in (self.cluster.get("orchestrator") or {}):
            self._fail(
                "orchestrator",
                "This is an EKS cluster, and this description is for Slurm clusters",
                ("orchestrator", "eks"),
                fix="create it with the module podforge.hyperpod.hyperpod_cluster",
            )
        elif slurm_api:
            self._slurm()
        return self.findings

    def _duplicates(self) -> None:
        seen: dict[str, int] = {}
        for index, group in enumerate(self.groups):
            name = group.get("instance_group_name")
            if name is None:
                continue
            if name in seen:
                self._fail(
                    "duplicate_group",
                    f"The instance group '{name}' stands twice; the first is number {seen[name] + 1} of the list",
                    ("instance_groups", index, "instance_group_name"),
                    value=name,
                    fix="give each group its own name, or take one away",
                )
            seen.setdefault(str(name), index)

    def _instance_choice(self, group: dict[str, Any], path: tuple[Any, ...]) -> None:
        one, several = group.get("instance_type"), group.get("instance_requirements")
        if one and several:
            self._fail(
                "instance_choice", "Both instance_type and instance_requirements are given", path, fix="keep one"
            )
        if group and not one and not several and (*path, "instance_type") not in self.excused:
            self._fail("missing_key", "The key 'instance_type' is missing", path, fix="add 'instance_type'")
        continuous = self.cluster.get("node_provisioning_mode") == "Continuous"
        if several and not continuous:
            self._fail(
                "instance_choice",
                "Groups of several instance types need the provisioning mode Continuous",
                (*path, "instance_requirements"),
                fix="give one instance_type, or set node_provisioning_mode to Continuous",
            )

    def _counts(self, group: dict[str, Any], path: tuple[Any, ...]) -> None:
        low, count = group.get("min_instance_count"), group.get("instance_count")
        if low is None:
            return
        if isinstance(count, int) and low > count:
            what = f"The minimum of {low} is more than instance_count, {count}"
            self._fail("counts", what, (*path, "min_instance_count"), value=low, fix=f"use 0 to {count}")
        if self.cluster.get("node_provisioning_mode") != "Continuous":
            self._fail(
                "counts",
                "A minimum count needs the provisioning mode Continuous",
                (*path, "min_instance_count"),
                value=low,
                fix="take it away, or set node_provisioning_mode to Continuous",
            )

    def _lifecycle(self, group: dict[str, Any], path: tuple[Any, ...]) -> None:
        config = group.get("life_cycle_config") or {}
        path = (*path, "life_cycle_config")
        if config.get("on_create") and config.get("on_init_complete"):
            self._fail("lifecycle", "OnCreate and OnInitComplete exclude each other", path, fix="keep one of them")

    def _storage(self, group: dict[str, Any], path: tuple[Any, ...], *, has_network: bool | None) -> None:
        kinds: dict[str, int] = {}
        for index, storage in enumerate(group.get("instance_storage_configs") or []):
            place = (*path, "instance_storage_configs", index)
            kind = next(iter(storage), "")
            ebs = storage.get("ebs_volume_config") or {}
            if not ebs.get("root_volume"):
                kinds[kind] = kinds.get(kind, 0) + 1
            elif "volume_size_in_gb" in ebs or "volume_kms_key_id" not in ebs:
                self._fail(
                    "storage",
                    "The root volume takes a KMS key and no size",
                    (*place, "ebs_volume_config"),
                    fix="give volume_kms_key_id alone, or leave root_volume away",
                )
            if kind.startswith("fsx") and kinds[kind] == 2:
                self._fail("storage", f"Only one {kind} may stand in a group", place, fix="take one away")
            if kind.startswith("fsx") and has_network is False:
                self._fail(
                    "storage",
                    "File systems of FSx need a VPC of your own",
                    place,
                    fix="describe the network (VpcConfig, or hyperpod_network)",
                )

    def _slurm(self) -> None:
        if not self.groups or any(path[-1] in ("slurm_config", "node_type") for path in self.excused):
            return
        if not any("slurm_config" in group for group in self.groups):
            self._fail(
                "slurm_roles",
                "No instance group has a Slurm node type",
                ("instance_groups",),
                why="HyperPod would not know which node is the controller",
                fix="set slurm_config.node_type in each group, or give provisioning_parameters.json as well",
            )
            return
        types = [(group.get("slurm_config") or {}).get("node_type") for group in self.groups]
        controllers = [index for index, kind in enumerate(types) if kind == CONTROLLER]
        if any(kind not in (CONTROLLER, LOGIN, COMPUTE, None) for kind in types):
            pass  # which group it is can't be said before that value is right
        elif len(controllers) != 1:
            names = ", ".join(str(self.groups[index].get("instance_group_name")) for index in controllers) or "none"
            self._fail(
                "slurm_roles",
                f"A Slurm cluster has exactly one controller group, here: {names}",
                ("instance_groups",),
                fix="set slurm_config.node_type to Controller in exactly one group",
            )
        elif self.groups[controllers[0]].get("instance_count", 1) != 1:
            self._fail(
                "slurm_roles",
                "The controller group has exactly one instance",
                ("instance_groups", controllers[0], "instance_count"),
                value=self.groups[controllers[0]].get("instance_count"),
                fix="set it to 1; several controllers need the legacy form with slurm_configurations",
            )
        if types.count(LOGIN) > 1:
            self._fail(
                "slurm_roles", "There is more than one login group", ("instance_groups",), fix="keep at most one"
            )
        for index, group in enumerate(self.groups):
            if ("instance_groups", index) not in self.excused:
                self._node_type(group, ("instance_groups", index))

    def _node_type(self, group: dict[str, Any], path: tuple[Any, ...]) -> None:
        config = group.get("slurm_config")
        if config is None:
            self._fail(
                "slurm_roles",
                "This group has no Slurm node type, and others have one",
                path,
                value=group.get("instance_group_name"),
                fix="set slurm_config.node_type to Controller, Login or Compute",
            )
            return
        place = (*path, "slurm_config")
        if config.get("node_type") == COMPUTE and not config.get("partition_names"):
            self._fail(
                "partitions", "A compute group needs a partition", place, fix="add partition_names with one name"
            )
        if config.get("node_type") in (CONTROLLER, LOGIN) and config.get("partition_names"):
            self._fail(
                "partitions",
                "Partitions can only be given to compute groups",
                (*place, "partition_names"),
                value=config["partition_names"],
                fix="take partition_names away here",
            )
