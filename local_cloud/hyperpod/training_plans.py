# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training plans: what is offered, what a plan is at a moment, and which groups it fits. Pure.

Source: Amazon SageMaker Developer Guide, "Reserve training plans": reservations of 1 to 182 days in steps of a day, of
1, 2, 4 ... 64 instances; the statuses of a plan ("View training plan details"); a plan is for one kind of resource, and
a cluster may use one that is Scheduled or Active, of its own zone ("Training plans utilization for SageMaker HyperPod
clusters"). Reservations begin and end at 11:30 UTC, as in the examples there. Here they cost nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Iterable
    from collections.abc import Mapping

    from local_cloud.hyperpod.clock import Instant

HYPERPOD = "hyperpod-cluster"
USABLE = ("Scheduled", "Active")
COUNTS = (1, 2, 4, 8, 16, 32, 64)
DAY = 86400
MAX_DAYS = 182
_BEGIN = 11 * 3600 + 30 * 60
# Virtual seconds until the payment has arrived.
_PAYMENT = 60.0
_FEE = {"UpfrontFee": "0.00", "CurrencyCode": "USD"}
_CHECK = 6


@dataclass(frozen=True)
class Offering:
    """Capacity that can be reserved.

    Attributes:
        target: one of SageMakerResourceName.
        instance_type: with ``ml.``.
        count: instances.
        zone: name of the Availability Zone.
        start: Unix time, seconds.
        hours: length.
    """

    target: str
    instance_type: str
    count: int
    zone: str
    start: int
    hours: int

    @property
    def end(self) -> int:
        """Unix time, seconds."""
        return self.start + self.hours * 3600

    def identifier(self, region: str) -> str:
        """The offering itself, sealed: it can be taken up after a restart, and only in its region."""
        body = json.dumps([self.target, self.instance_type, self.count, self.zone, self.start, self.hours]).encode()
        return "tpo-" + base64.b32encode(_seal(region, body) + body).decode().rstrip("=").lower()


@dataclass(frozen=True)
class TrainingPlan:
    """A plan: its offering, and when it was taken up and begins in virtual time. JSON round trip."""

    name: str
    arn: str
    offering: Offering
    zone_id: str
    created: float
    begins: float
    tags: dict[str, str] = field(default_factory=dict)

    def status(self, now: float) -> str:
        """Status at a virtual time."""
        if now >= self.begins + self.offering.hours * 3600:
            return "Expired"
        if now >= self.begins:
            return "Active"
        return "Scheduled" if now >= self.created + _PAYMENT else "Pending"


def plan_to_dict(plan: TrainingPlan) -> dict[str, Any]:
    """JSON types."""
    return asdict(plan)


def plan_from_dict(data: Mapping[str, Any]) -> TrainingPlan:
    """What plan_to_dict made."""
    return TrainingPlan(**{**data, "offering": Offering(**data["offering"])})


def offering_of(identifier: str, region: str) -> Offering | None:
    """The offering of an identifier; None if it is none of this region."""
    text = identifier.removeprefix("tpo-").upper()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        return None
    seal, body = raw[:_CHECK], raw[_CHECK:]
    return Offering(*json.loads(body)) if seal == _seal(region, body) else None


def _seal(region: str, body: bytes) -> bytes:
    return hashlib.sha256(region.encode() + body).digest()[:_CHECK]


def search(params: Mapping[str, Any], zones: Iterable[str], targets: Iterable[str], now: float) -> list[Offering]:
    """What fits a SearchTrainingPlanOfferings request.

    Args:
        params: the request.
        zones: zones that have the instance type.
        targets: all kinds of resources.
        now: Unix time, seconds.

    Raises:
        ServiceError: the request leaves out what to search for.
    """
    for member in ("InstanceType", "DurationHours"):
        if member not in params:
            raise invalid(f"{member} is required to search for training plan offerings.")
    days = -(-params["DurationHours"] // 24)
    count = params.get("InstanceCount", 1)
    if days > MAX_DAYS or count not in COUNTS:
        return []
    earliest = max(now, params["StartTimeAfter"].timestamp() if "StartTimeAfter" in params else now)
    start = int(-(-(earliest - _BEGIN) // DAY) * DAY + _BEGIN)
    latest = params["EndTimeBefore"].timestamp() if "EndTimeBefore" in params else None
    found = [
        Offering(target, params["InstanceType"], count, zone, start, 24 * days)
        for target in dict.fromkeys(params.get("TargetResources", targets))
        for zone in sorted(zones)
    ]
    return [offering for offering in found if latest is None or offering.end <= latest]


def show_offering(offering: Offering, params: Mapping[str, Any], region: str) -> dict[str, Any]:
    """One of TrainingPlanOfferings."""
    asked = {f"Requested{name}": params[name] for name in ("StartTimeAfter", "EndTimeBefore") if name in params}
    return {
        "TrainingPlanOfferingId": offering.identifier(region),
        "TargetResources": [offering.target],
        **asked,
        **_length(offering),
        **_FEE,
        "ReservedCapacityOfferings": [
            {
                "ReservedCapacityType": "Instance",
                "InstanceType": offering.instance_type,
                "InstanceCount": offering.count,
                "AvailabilityZone": offering.zone,
                **_length(offering),
                **_span(offering),
            }
        ],
    }


def show_plan(plan: TrainingPlan, now: Instant, in_use: int) -> dict[str, Any]:
    """One of TrainingPlanSummaries; DescribeTrainingPlan has the same members. ``in_use``: instances of clusters."""
    status, offering = plan.status(now.virtual), plan.offering
    reserved = {
        "ReservedCapacityArn": plan.arn.replace(":training-plan/", ":reserved-capacity/") + "-rc1",
        "ReservedCapacityType": "Instance",
        "InstanceType": offering.instance_type,
        "TotalInstanceCount": offering.count,
        "Status": status,
        "AvailabilityZone": offering.zone,
        "AvailabilityZoneId": plan.zone_id,
        **_length(offering),
        **_span(offering),
    }
    return {
        "TrainingPlanArn": plan.arn,
        "TrainingPlanName": plan.name,
        "Status": status,
        **_length(offering),
        **_span(offering),
        **_FEE,
        "TotalInstanceCount": offering.count,
        "AvailableInstanceCount": max(0, offering.count - in_use) if status in USABLE else 0,
        "InUseInstanceCount": in_use,
        "TargetResources": [offering.target],
        "ReservedCapacitySummaries": [reserved],
    }


def check_groups(
    specs: Iterable[Mapping[str, Any]],
    plans: Mapping[str, TrainingPlan],
    zones_of: Callable[[Mapping[str, Any]], Collection[str]],
    now: float,
) -> None:
    """Raise ServiceError unless the plans that groups name exist and fit.

    Args:
        specs: groups as in CreateCluster.
        plans: by ARN.
        zones_of: the zones of a group's subnets.
        now: virtual time.
    """
    for spec in specs:
        arn = spec.get("TrainingPlanArn")
        if arn is None:
            continue
        name, plan = spec["InstanceGroupName"], plans.get(arn)
        if plan is None:
            raise invalid(f"The training plan {arn} of instance group {name} does not exist.")
        status, offering = plan.status(now), plan.offering
        if status not in USABLE:
            raise invalid(
                f"The training plan {arn} of instance group {name} must be in Scheduled or Active status. "
                f"Status: {status}."
            )
        if offering.target != HYPERPOD:
            raise invalid(
                f"The training plan {arn} of instance group {name} is for {offering.target}. Training plans are "
                f"specific to their target resource; use one for {HYPERPOD}."
            )
        kinds = [spec["InstanceType"]] if "InstanceType" in spec else spec["InstanceRequirements"]["InstanceTypes"]
        if set(kinds) != {offering.instance_type}:
            raise invalid(
                f"The instance type of instance group {name} must match the training plan {arn}: "
                f"{offering.instance_type}. Instance type: {', '.join(kinds)}."
            )
        zones = zones_of(spec)
        if offering.zone not in zones:
            raise invalid(
                f"The subnets of instance group {name} must be in the Availability Zone of the training plan {arn}: "
                f"{offering.zone}. Availability Zones of the subnets: {', '.join(sorted(zones))}."
            )


def _length(offering: Offering) -> dict[str, int]:
    return {"DurationHours": offering.hours, "DurationMinutes": 0}


def _span(offering: Offering) -> dict[str, datetime]:
    return {
        "StartTime": datetime.fromtimestamp(offering.start, timezone.utc),
        "EndTime": datetime.fromtimestamp(offering.end, timezone.utc),
    }
