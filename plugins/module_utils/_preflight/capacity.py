# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: instance types in their zones, and training plans. Pure: answers of EC2 and SageMaker in, findings out.

EC2 knows types without ``ml.``. What EC2 offers in an Availability Zone is where HyperPod can have it at all; capacity
is another matter, and nobody tells it beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed
from .._findings import warning
from .._hyperpod.naming import counted

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .._findings import Finding

TARGET = "hyperpod-cluster"
USABLE = ("Scheduled", "Active")


def ec2_name(instance_type: str) -> str:
    """The name that EC2 has for an instance type of SageMaker."""
    return instance_type.removeprefix("ml.")


def types_of(group: Mapping[str, Any]) -> list[str]:
    """Instance types that a group may have, in its order of preference."""
    one = group.get("instance_type")
    return [one] if one else list((group.get("instance_requirements") or {}).get("instance_types") or [])


def judge_offerings(
    wanted: Mapping[str, Collection[str]], offered: Mapping[str, Collection[str]], *, choices: Collection[str] = ()
) -> list[Finding]:
    """Instance types in their zones.

    Args:
        wanted: type of SageMaker -> names of the zones where nodes of it may be placed.
        offered: type of EC2 -> names of the zones that offer it.
        choices: types that are one of several of their group: without them there is still another.
    """
    findings = []
    for kind, zones in sorted(wanted.items()):
        there = sorted(set(zones) & set(offered.get(ec2_name(kind), ())))
        missing = sorted(set(zones) - set(there))
        elsewhere = ", ".join(sorted(offered.get(ec2_name(kind), ()))) or "none of this region"
        if not missing:
            findings.append(passed("instance_offering", f"{kind} is offered in {', '.join(there)}", where=kind))
            continue
        level = warning if there or kind in choices else failure
        findings.append(
            level(
                "instance_offering",
                f"{kind} is not offered in {', '.join(missing)}",
                where=kind,
                value=", ".join(missing),
                why="HyperPod would answer that there is no capacity",
                fix=f"use subnets in zones that offer it ({elsewhere}), or another type",
            )
        )
    return findings


def judge_zones(wanted: Iterable[str], known: Collection[str], region: str) -> list[Finding]:
    """Zones that subnets are to be made in."""
    findings = []
    for zone in sorted(set(wanted)):
        if zone in known:
            findings.append(passed("availability_zone", f"{zone} is a zone of {region}", where=zone))
            continue
        fix = f"use one of {', '.join(sorted(known))}"
        findings.append(failure("availability_zone", f"{zone} is not a zone of {region}", where=zone, fix=fix))
    return findings


def judge_training_plan(
    arn: str,
    plan: Mapping[str, Any] | None,
    types: Mapping[str, Collection[str]],
    zones: Mapping[str, Collection[str]],
    needed: int,
) -> list[Finding]:
    """A training plan against the groups that use it.

    Source: Amazon SageMaker Developer Guide, "Training plans utilization for SageMaker HyperPod clusters": a cluster
    can use a plan that is Scheduled or Active, made for clusters, in the zone of the plan.

    Args:
        arn: the plan.
        plan: answer of DescribeTrainingPlan; None: there is none.
        types: group -> its instance types.
        zones: group -> names of the zones of its subnets; empty: not known.
        needed: instances that the groups need in addition to what they have.
    """
    if plan is None:
        what, fix = "The training plan does not exist", "correct the ARN: aws sagemaker list-training-plans"
        return [failure("training_plan", what, where=arn, fix=fix)]
    reserved = plan.get("ReservedCapacitySummaries") or []
    problems = [_plan_status(arn, str(plan.get("Status"))), _plan_target(arn, plan.get("TargetResources") or [])]
    kinds = sorted({str(part["InstanceType"]) for part in reserved if part.get("InstanceType")})
    for group, wanted in sorted(types.items()):
        wrong = sorted(set(wanted) - set(kinds))
        if kinds and wrong:
            what = f"The training plan is for {', '.join(kinds)}, and the group {group} has {', '.join(wrong)}"
            fix = "use the plan's instance type, or another plan"
            problems.append(failure("training_plan", what, where=arn, value=", ".join(wrong), fix=fix))
    problems += [_plan_zones(arn, reserved, group, there) for group, there in sorted(zones.items())]
    free = int(plan.get("AvailableInstanceCount") or 0)
    if plan.get("Status") in USABLE and free < needed:
        what = f"The training plan has {counted(free, 'instance')} left, and the cluster needs {needed} more"
        fix = "ask for less, or use another plan for the rest"
        problems.append(failure("training_plan", what, where=arn, value=free, fix=fix))
    found = [problem for problem in problems if problem is not None]
    return found or [passed("training_plan", "The training plan fits its groups", where=arn)]


def _plan_status(arn: str, status: str) -> Finding | None:
    what = f"The training plan is {status}"
    if status == "Active":
        return None
    if status == "Scheduled":
        why, fix = (
            "Instances can't start before it is active",
            "nothing, if the cluster may wait for its nodes",
        )
        return warning("training_plan", what, where=arn, value=status, why=why, fix=fix)
    fix = "wait until it is Scheduled" if status == "Pending" else "use another plan: aws sagemaker list-training-plans"
    why = "A cluster can only use a plan that is Scheduled or Active"
    return failure("training_plan", what, where=arn, value=status, why=why, fix=fix)


def _plan_target(arn: str, targets: Collection[str]) -> Finding | None:
    if not targets or TARGET in targets:
        return None
    what, why = f"The training plan is for {', '.join(targets)}", "Training plans are specific to their target resource"
    fix = f"use a plan for {TARGET}: aws sagemaker search-training-plan-offerings --target-resources {TARGET}"
    return failure("training_plan", what, where=arn, value=", ".join(targets), why=why, fix=fix)


def _plan_zones(arn: str, reserved: Sequence[Mapping[str, Any]], group: str, zones: Collection[str]) -> Finding | None:
    has = sorted({str(part["AvailabilityZone"]) for part in reserved if part.get("AvailabilityZone")})
    if not has or not zones or set(has) & set(zones):
        return None
    there = ", ".join(sorted(zones))
    return failure(
        "training_plan",
        f"The training plan has its capacity in {', '.join(has)}, the subnets of the group {group} are in {there}",
        where=arn,
        value=there,
        why="No instance of the plan could join the cluster",
        fix=f"use a subnet in {has[0]}, for the group by override_vpc_config",
    )
