# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of training plans."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from typing import Any

import botocore.session

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import messages
from local_cloud.hyperpod import rules
from local_cloud.hyperpod import show
from local_cloud.hyperpod import training_plans
from local_cloud.hyperpod.operations import region_of
from local_cloud.hyperpod.pagination import paginate
from local_cloud.hyperpod.training_plans import TrainingPlan

if TYPE_CHECKING:
    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.regions import Region

Params = dict[str, Any]
QUOTA = "Number of training plans per Region"


def search_offerings(core: Core, params: Params, context: RequestContext) -> Params:
    """SearchTrainingPlanOfferings."""
    for member in ("UltraServerType", "UltraServerCount", "TrainingPlanArn"):
        if member in params:
            what = "extensions of training plans" if member == "TrainingPlanArn" else "UltraServers"
            raise ServiceError("NotImplemented", f"local_cloud does not serve {what} ({member}).", 501)
    region = region_of(core, context)
    zones = region.references.zones_offering(params["InstanceType"]) if "InstanceType" in params else []
    found = training_plans.search(params, zones, _targets(), core.clock.now().wall)
    return {"TrainingPlanOfferings": [training_plans.show_offering(each, params, region.region) for each in found]}


@functools.cache
def _targets() -> list[str]:
    """All kinds of resources that plans are for."""
    shape: Any = botocore.session.get_session().get_service_model("sagemaker").shape_for("SageMakerResourceName")
    return list(shape.enum)


def create_plan(core: Core, params: Params, context: RequestContext) -> Params:
    """CreateTrainingPlan."""
    rules.require(rules.tag_findings(params.get("Tags", [])))
    if params.get("SpareInstanceCountPerUltraServer"):
        raise messages.invalid("SpareInstanceCountPerUltraServer is for offerings of UltraServers.")
    region = region_of(core, context)
    now, name = core.clock.now(), params["TrainingPlanName"]
    with region.lock:
        offering = training_plans.offering_of(params["TrainingPlanOfferingId"], region.region)
        if offering is None or offering.end <= now.wall:
            identifier = params["TrainingPlanOfferingId"]
            raise ServiceError("ResourceNotFound", f"Training plan offering {identifier} not found.")
        arn = f"arn:{context.partition}:sagemaker:{context.region}:{context.account_id}:training-plan/{name}"
        if arn in region.plans:
            raise ServiceError("ResourceInUse", f"Training plan with name {name} already exists.")
        used = sum(plan.status(now.virtual) != "Expired" for plan in region.plans.values())
        if used >= core.quotas.value(QUOTA):
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{QUOTA}' is {int(core.quotas.value(QUOTA))}, with current "
                f"utilization of {used} and a request delta of 1.",
            )
        plan = TrainingPlan(
            name=name,
            arn=arn,
            offering=offering,
            zone_id=region.references.zone_id(offering.zone),
            created=now.virtual,
            begins=now.virtual + max(0.0, offering.start - now.wall),
            tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
        )
        region.keep_plan(plan)
    return {"TrainingPlanArn": arn}


def describe_plan(core: Core, params: Params, context: RequestContext) -> Params:
    """DescribeTrainingPlan, by name or ARN."""
    region = region_of(core, context)
    given = params["TrainingPlanName"]
    with region.lock:
        plan = region.find_plan(given)
        return training_plans.show_plan(plan, core.clock.now(), _in_use(core, region, plan))


def list_plans(core: Core, params: Params, context: RequestContext) -> Params:
    """ListTrainingPlans."""
    region = region_of(core, context)
    now = core.clock.now()
    with region.lock:
        plans = [training_plans.show_plan(p, now, _in_use(core, region, p)) for p in region.plans.values()]
    wanted = [condition["Value"] for condition in params.get("Filters", [])]
    after, before = params.get("StartTimeAfter"), params.get("StartTimeBefore")
    chosen = [
        plan
        for plan in plans
        if all(plan["Status"] == value for value in wanted)
        and (after is None or plan["StartTime"] > after)
        and (before is None or plan["StartTime"] < before)
    ]
    by = params.get("SortBy", "StartTime")
    page, token = paginate(
        "ListTrainingPlans",
        params,
        chosen,
        key=lambda plan: (plan[by].timestamp() if by == "StartTime" else plan[by], plan["TrainingPlanArn"]),
        descending=params.get("SortOrder") == "Descending",
    )
    return {"TrainingPlanSummaries": page, **({"NextToken": token} if token else {})}


def _in_use(core: Core, region: Region, plan: TrainingPlan) -> int:
    """Instances of clusters whose groups have the plan. With the region's lock held."""
    core.settle_all(region)
    return sum(show.instance_id(cluster, node) is not None for cluster, node in region.plan_nodes(plan))
