# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training plans: searched, taken up, told, and used by the groups that they fit."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud
from hyperpod_harness import error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "ml.p5.48xlarge"
ARN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/{}"
NOW = datetime.now(timezone.utc)
# Never so soon that a plan would be active before it was seen to be scheduled.
SEARCH: dict[str, Any] = {
    "InstanceType": KIND,
    "InstanceCount": 4,
    "DurationHours": 30,
    "StartTimeAfter": NOW + timedelta(days=1),
    "TargetResources": ["hyperpod-cluster"],
}


@pytest.fixture(autouse=True)
def real_time(cloud: Cloud) -> Iterator[None]:
    """Plans stay in a status until the test lets time pass."""
    cloud.admin("PUT", "speed", {"speed": 1})
    yield
    cloud.admin("PUT", "speed", {"speed": cloud.speed})


@pytest.fixture(scope="module")
def subnets(cloud: Cloud, account: Account) -> list[str]:
    """One in the second zone, one in the first."""
    ec2, made = cloud.client("ec2"), []
    for block, zone in (("10.201.0.0/24", "b"), ("10.202.0.0/24", "a")):
        ec2.associate_vpc_cidr_block(VpcId=account.vpc, CidrBlock=block)
        subnet = ec2.create_subnet(VpcId=account.vpc, CidrBlock=block, AvailabilityZone=f"us-west-2{zone}")
        made.append(str(subnet["Subnet"]["SubnetId"]))
    return made


def offering(account: Account, **more: Any) -> dict[str, Any]:
    found = account.sagemaker.search_training_plan_offerings(**{**SEARCH, **more})["TrainingPlanOfferings"]
    return dict(found[0])


def made(account: Account, name: str, **more: Any) -> str:
    """ARN of a new plan."""
    identifier = offering(account, **more)["TrainingPlanOfferingId"]
    answer = account.sagemaker.create_training_plan(TrainingPlanName=name, TrainingPlanOfferingId=identifier)
    return str(answer["TrainingPlanArn"])


def told(account: Account, name: str) -> dict[str, Any]:
    return dict(account.sagemaker.describe_training_plan(TrainingPlanName=name))


def pass_time(cloud: Cloud, account: Account, name: str, status: str) -> None:
    """Let virtual time run until the plan has the status: a day takes half a second, a minute no time at all."""
    for speed in (3600, 200_000):
        cloud.admin("PUT", "speed", {"speed": speed})
        if speed == 3600:
            account.until(lambda: told(account, name)["Status"], lambda found: found != "Pending")
        if told(account, name)["Status"] == status:
            break
    account.until(lambda: told(account, name)["Status"], lambda found: found == status)
    cloud.admin("PUT", "speed", {"speed": 1})


def with_plan(account: Account, name: str, arn: str, kind: str = KIND, **more: Any) -> dict[str, Any]:
    params = account.request(name)
    params["InstanceGroups"][2] = account.group_spec(
        "worker-group-1", 2, "Compute", InstanceType=kind, TrainingPlanArn=arn, **more
    )
    return params


def test_what_is_offered(account: Account) -> None:
    after = (NOW + timedelta(days=3)).replace(microsecond=0)
    found = offering(account, StartTimeAfter=after, EndTimeBefore=after + timedelta(days=4))
    assert found["TrainingPlanOfferingId"].startswith("tpo-")
    assert found["TargetResources"] == ["hyperpod-cluster"]
    assert (found["DurationHours"], found["DurationMinutes"]) == (48, 0)
    assert found["RequestedStartTimeAfter"] == after
    reserved = found["ReservedCapacityOfferings"]
    assert [(part["InstanceType"], part["InstanceCount"]) for part in reserved] == [(KIND, 4)]
    assert reserved[0]["AvailabilityZone"] == "us-west-2a"
    assert after <= reserved[0]["StartTime"] < after + timedelta(days=1)
    assert reserved[0]["EndTime"] - reserved[0]["StartTime"] == timedelta(hours=48)
    search = account.sagemaker.search_training_plan_offerings
    late = {"StartTimeAfter": after, "EndTimeBefore": after + timedelta(hours=1)}
    for nothing in ({"InstanceCount": 3}, {"DurationHours": 183 * 24}, late):
        assert search(**{**SEARCH, **nothing})["TrainingPlanOfferings"] == []
    every = search(InstanceType=KIND, DurationHours=24)["TrainingPlanOfferings"]
    assert {offer["TargetResources"][0] for offer in every} > {"hyperpod-cluster", "training-job"}


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({**SEARCH, "InstanceType": "ml.c5.xlarge"}, "ValidationException", "enum value set: [ml.p4d.24xlarge,"),
        ({**SEARCH, "TargetResources": []}, "ValidationException", "length greater than or equal to 1"),
        ({"InstanceType": KIND}, "ValidationException", "DurationHours is required"),
        ({"DurationHours": 24}, "ValidationException", "InstanceType is required"),
        ({"UltraServerType": "ml.u-p6e-gb200x72"}, "NotImplemented", "UltraServers"),
        ({"TrainingPlanArn": ARN.format("x")}, "NotImplemented", "extensions"),
    ],
)
def test_wrong_searches(account: Account, params: dict[str, Any], code: str, text: str) -> None:
    found = error_of(account.sagemaker.search_training_plan_offerings, **params)
    assert found[0] == code
    assert text in found[1]


def test_the_life_of_a_plan(cloud: Cloud, account: Account) -> None:
    sagemaker, taken = account.sagemaker, offering(account)
    (zone,) = cloud.client("ec2").describe_availability_zones(ZoneNames=["us-west-2a"])["AvailabilityZones"]
    tags = [{"Key": "team", "Value": "a"}]
    identifier = taken["TrainingPlanOfferingId"]
    arn = sagemaker.create_training_plan(TrainingPlanName="life", TrainingPlanOfferingId=identifier, Tags=tags)[
        "TrainingPlanArn"
    ]
    assert arn == ARN.format("life")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "x", "Value": "y"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "x", "Value": "y"}]
    pending = told(account, "life")
    assert (pending["Status"], pending["AvailableInstanceCount"]) == ("Pending", 0)
    for status, available in (("Scheduled", 4), ("Active", 4), ("Expired", 0)):
        pass_time(cloud, account, "life", status)
        found = told(account, arn)
        assert (found["Status"], found["AvailableInstanceCount"]) == (status, available)
        assert (found["TotalInstanceCount"], found["InUseInstanceCount"]) == (4, 0)
        (reserved,) = found["ReservedCapacitySummaries"]
        assert (reserved["Status"], reserved["InstanceType"]) == (status, KIND)
        assert (reserved["AvailabilityZone"], reserved["AvailabilityZoneId"]) == ("us-west-2a", zone["ZoneId"])
        assert found["StartTime"] == taken["ReservedCapacityOfferings"][0]["StartTime"]


def test_what_is_refused(cloud: Cloud, account: Account) -> None:
    create, taken = account.sagemaker.create_training_plan, offering(account)["TrainingPlanOfferingId"]
    assert error_of(create, TrainingPlanName="x", TrainingPlanOfferingId="tpo-none")[0] == "ResourceNotFound"
    forged = taken[:-4] + "aaaa"
    assert error_of(create, TrainingPlanName="x", TrainingPlanOfferingId=forged)[0] == "ResourceNotFound"
    east = cloud.client("sagemaker", "us-east-1").create_training_plan
    assert error_of(east, TrainingPlanName="x", TrainingPlanOfferingId=taken)[0] == "ResourceNotFound"
    code, message, _status = error_of(create, TrainingPlanName="no_", TrainingPlanOfferingId="")
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected")
    made(account, "once")
    code, message, status = error_of(create, TrainingPlanName="once", TrainingPlanOfferingId=taken)
    assert (code, message, status) == ("ResourceInUse", "Training plan with name once already exists.", 400)
    cloud.admin("PUT", "quotas", {"Number of training plans per Region": 1})
    code, message, _status = error_of(create, TrainingPlanName="twice", TrainingPlanOfferingId=taken)
    cloud.admin("PUT", "quotas", {"Number of training plans per Region": None})
    assert code == "ResourceLimitExceeded"
    assert "'Number of training plans per Region' is 1" in message
    describe = account.sagemaker.describe_training_plan
    for nobody in ("twice", ARN.format("twice"), ARN.format("once").replace("us-west-2", "us-east-1")):
        assert error_of(describe, TrainingPlanName=nobody)[0] == "ResourceNotFound"
    assert error_of(account.sagemaker.list_tags, ResourceArn=ARN.format("twice"))[0] == "ResourceNotFound"


def test_plans_are_listed_in_pages(account: Account) -> None:
    later = NOW + timedelta(days=30)
    for name in ("list-b", "list-a", "list-c"):
        made(account, name, StartTimeAfter=later + timedelta(days=1))
    pages = account.sagemaker.get_paginator("list_training_plans")
    asked = {"StartTimeAfter": later, "SortBy": "TrainingPlanName", "SortOrder": "Descending", "MaxResults": 2}
    listed = [[p["TrainingPlanName"] for p in page["TrainingPlanSummaries"]] for page in pages.paginate(**asked)]
    assert listed == [["list-c", "list-b"], ["list-a"]]
    listing = account.sagemaker.list_training_plans
    assert listing(StartTimeAfter=later, StartTimeBefore=later)["TrainingPlanSummaries"] == []
    for status, count in (("Pending", 3), ("Failed", 0)):
        filters = [{"Name": "Status", "Value": status}]
        found = listing(StartTimeAfter=later, Filters=filters)["TrainingPlanSummaries"]
        assert len(found) == count
    assert error_of(listing, NextToken="made up")[0] == "ValidationException"
    assert error_of(listing, Filters=[])[0] == "ValidationException"


def test_plans_that_do_not_fit(cloud: Cloud, account: Account, subnets: list[str]) -> None:
    """Each refusal names the group, the plan and what it is for."""
    create = account.sagemaker.create_cluster
    fits = made(account, "fits")
    pending = error_of(create, **with_plan(account, "refused", fits))
    pass_time(cloud, account, "fits", "Scheduled")
    jobs = made(account, "jobs", TargetResources=["training-job"])
    pass_time(cloud, account, "jobs", "Scheduled")
    away = {"OverrideVpcConfig": {"Subnets": subnets[:1], "SecurityGroupIds": [account.group]}}
    refusals = [
        (pending, "must be in Scheduled or Active status. Status: Pending."),
        (error_of(create, **with_plan(account, "refused", ARN.format("nobody"))), "does not exist"),
        (error_of(create, **with_plan(account, "refused", jobs)), "is for training-job"),
        (error_of(create, **with_plan(account, "refused", fits, "ml.p5e.48xlarge")), f"match the training plan {fits}"),
        (error_of(create, **with_plan(account, "refused", fits, **away)), "us-west-2a. Availability Zones"),
    ]
    for (code, message, status), text in refusals:
        assert (code, status) == ("ValidationException", 400)
        assert text in message
        assert "worker-group-1" in message
    assert error_of(account.sagemaker.describe_cluster, ClusterName="refused")[0] == "ResourceNotFound"


def test_groups_use_a_plan_until_they_are_told_otherwise(cloud: Cloud, account: Account, subnets: list[str]) -> None:
    sagemaker = account.sagemaker
    arn = made(account, "used")
    pass_time(cloud, account, "used", "Active")
    cloud.admin("PUT", "speed", {"speed": 3600})
    network = {"OverrideVpcConfig": {"Subnets": subnets, "SecurityGroupIds": [account.group]}}
    asked = with_plan(account, "planned", arn, **network)
    asked["VpcConfig"]["Subnets"] = subnets[:1]
    sagemaker.create_cluster(**asked)
    account.wait("planned", "InService")
    group = account.describe("planned")["InstanceGroups"][2]
    assert (group["TrainingPlanArn"], group["TrainingPlanStatus"]) == (arn, "Active")
    # Both workers are where the capacity is, though another subnet comes first.
    workers = [n for n in account.nodes("planned") if n["InstanceGroupName"] == "worker-group-1"]
    assert {n["PrivateDnsHostname"].split("-")[2] for n in workers} == {"202"}
    assert (told(account, "used")["InUseInstanceCount"], told(account, "used")["AvailableInstanceCount"]) == (2, 2)
    assert [c["ClusterName"] for c in sagemaker.list_clusters(TrainingPlanArn=arn)["ClusterSummaries"]] == ["planned"]
    # Taken away, and given back by an update that leaves the group's own network as it is.
    spec = with_plan(account, "planned", arn)["InstanceGroups"][2]
    for change in ({name: value for name, value in spec.items() if name != "TrainingPlanArn"}, spec):
        sagemaker.update_cluster(ClusterName="planned", InstanceGroups=[change])
        account.wait("planned", "InService")
        in_use = told(account, "used")["InUseInstanceCount"]
        assert in_use == (2 if change is spec else 0)
    pass_time(cloud, account, "used", "Expired")
    cloud.admin("PUT", "speed", {"speed": 3600})
    same = with_plan(account, "planned", arn, **network)["InstanceGroups"][2]
    sagemaker.update_cluster(ClusterName="planned", InstanceGroups=[{**same, "InstanceCount": 1}])
    account.wait("planned", "InService")
    assert account.describe("planned")["InstanceGroups"][2]["TrainingPlanStatus"] == "Expired"
    new = account.group_spec("more", 1, "Compute", InstanceType=KIND, TrainingPlanArn=arn)
    code, message, _status = error_of(sagemaker.update_cluster, ClusterName="planned", InstanceGroups=[new])
    assert code == "ValidationException"
    assert "Status: Expired" in message
    account.delete("planned")
    assert told(account, "used")["InUseInstanceCount"] == 0


def test_a_plan_gives_no_more_instances_than_it_has(cloud: Cloud, account: Account) -> None:
    arn = made(account, "single", InstanceCount=1)
    pass_time(cloud, account, "single", "Scheduled")
    cloud.admin("PUT", "speed", {"speed": 3600})
    account.sagemaker.create_cluster(**with_plan(account, "many", arn))
    assert "sufficient capacity" in account.wait("many", "Failed")["FailureMessage"]
    account.delete("many")
