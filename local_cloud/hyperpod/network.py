# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds places for nodes in a region: free addresses of the subnets that a group may use."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod.addresses import NoAddressError
from local_cloud.hyperpod.addresses import allocate
from local_cloud.hyperpod.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from local_cloud.hyperpod.addresses import Subnet
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Placement
    from local_cloud.hyperpod.references import References
    from local_cloud.hyperpod.training_plans import TrainingPlan


class RegionPlacer:
    """Places for one call: what it has given out is taken for its later answers."""

    def __init__(
        self, references: References, clusters: Iterable[Cluster], plans: Mapping[str, TrainingPlan] | None = None
    ) -> None:
        self._references = references
        self._plans = plans or {}
        self._used: dict[str, set[str]] = {}
        self._agents: set[str] = set()
        for cluster in clusters:
            for node in cluster.nodes.values():
                self._used.setdefault(node.placement.subnet_id, set()).add(node.placement.ip_address)
                self._agents.add(node.placement.agent_ip_address)
        self._looked_at: set[str] = set()

    def zones(self, settings: Mapping[str, Any], spec: Mapping[str, Any]) -> set[str]:
        """See changes.Placer."""
        return {subnet.availability_zone for subnet in self._subnets(settings, spec)}

    def take(self, settings: Mapping[str, Any], spec: Mapping[str, Any], count: int) -> list[Placement]:
        """See changes.Placer."""
        subnets = self._subnets(settings, spec)
        zones = spec.get("AvailabilityZones")
        plan = self._plans.get(spec.get("TrainingPlanArn", ""))
        if plan is not None:
            zones = [plan.offering.zone]
        if zones:
            subnets = [s for s in subnets if s.availability_zone in zones]
        new = [s for s in subnets if s.subnet_id not in self._looked_at]
        for subnet_id, addresses in self._references.used_addresses(new).items():
            self._used.setdefault(subnet_id, set()).update(addresses)
            self._looked_at.add(subnet_id)
        try:
            placements = allocate(subnets, self._used, self._agents, count)
        except NoAddressError as error:
            names = ", ".join(s.subnet_id for s in subnets) or "none"
            raise invalid(
                f"Insufficient free addresses in the subnets of instance group {spec['InstanceGroupName']}: "
                f"{error.wanted} needed, {error.free} free. Subnets: {names}."
            ) from None
        for placement in placements:
            self._used.setdefault(placement.subnet_id, set()).add(placement.ip_address)
            self._agents.add(placement.agent_ip_address)
        return placements

    def _subnets(self, settings: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Subnet]:
        config = spec.get("OverrideVpcConfig") or settings.get("VpcConfig")
        return [self._references.platform_subnet()] if config is None else self._references.subnets(config["Subnets"])
