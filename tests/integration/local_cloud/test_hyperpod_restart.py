# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server killed in the middle of things, and clusters of thousands of nodes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud(Path(tempfile.mkdtemp(prefix="pf-engine-")), speed=1)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Account:
    return Account(cloud)


def again(cloud: Cloud, speed: float) -> None:
    """Kill the server, and start it with another speed."""
    cloud.kill()
    cloud.speed = speed
    cloud.start()


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what belongs to the request."""
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_what_was_answered_survives_a_kill_and_goes_on(cloud: Cloud, account: Account) -> None:
    sagemaker = account.sagemaker
    for name in ("kept", "gone"):
        sagemaker.create_cluster(**account.request(name, Tags=[{"Key": "a", "Value": "b"}]))
    offered = sagemaker.search_training_plan_offerings(InstanceType="ml.p5.48xlarge", DurationHours=24)
    offering = offered["TrainingPlanOfferings"][0]["TrainingPlanOfferingId"]
    sagemaker.create_training_plan(TrainingPlanName="kept", TrainingPlanOfferingId=offering)
    plan = told(sagemaker.describe_training_plan(TrainingPlanName="kept"))
    eks = cloud.client("eks")
    network = {"subnetIds": [account.subnet]}
    eks.create_cluster(name="kept", roleArn=account.role, resourcesVpcConfig=network)
    eks.create_addon(clusterName="kept", addonName="vpc-cni")
    addon = told(eks.describe_addon(clusterName="kept", addonName="vpc-cni"))
    arn = account.describe("kept")["ClusterArn"]
    before = account.nodes("kept")
    again(cloud, speed=1)
    assert account.describe(arn)["ClusterStatus"] == "Creating"
    assert {n["InstanceId"] for n in account.nodes("kept")} == {n["InstanceId"] for n in before}
    assert told(sagemaker.describe_training_plan(TrainingPlanName="kept")) == plan
    assert told(eks.describe_addon(clusterName="kept", addonName="vpc-cni")) == addon
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    cloud.admin("PUT", "speed", {"speed": 3600})
    account.wait("kept", "InService")
    account.wait("gone", "InService")
    cloud.admin("PUT", "speed", {"speed": 1})
    worker = next(n for n in account.nodes("kept") if n["InstanceGroupName"] == "worker-group-1")
    sagemaker.batch_replace_cluster_nodes(ClusterName="kept", NodeIds=[worker["InstanceId"]])
    sagemaker.delete_cluster(ClusterName="gone")
    again(cloud, speed=3600)
    nodes = account.until(
        lambda: account.nodes("kept"),
        lambda ns: all(
            n["InstanceStatus"]["Status"] == "Running" and n["InstanceId"] != worker["InstanceId"] for n in ns
        ),
    )
    assert worker["PrivateDnsHostname"] in {n["PrivateDnsHostname"] for n in nodes}
    account.wait_gone("gone")
    account.delete("kept")
    assert cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_three_thousand_nodes(cloud: Cloud, account: Account) -> None:
    cloud.admin("PUT", "speed", {"speed": 3600})
    calls = 0

    def count(**_unused: object) -> None:
        nonlocal calls
        calls += 1

    started = time.monotonic()
    account.sagemaker.create_cluster(**account.request("large", workers=2998))
    account.wait("large", "InService", timeout=60)
    created = time.monotonic() - started
    account.sagemaker.meta.events.register("before-send.sagemaker.ListClusterNodes", count)
    started = time.monotonic()
    nodes = account.nodes("large")
    listed = time.monotonic() - started
    assert len({n["InstanceId"] for n in nodes}) == 3000
    assert calls == 30
    times = []
    for _dummy in range(5):
        started = time.monotonic()
        account.describe("large")
        times.append(time.monotonic() - started)
    print(f"created {created:.1f} s, listed {listed:.1f} s, described {min(times):.3f} s")
    # Far above what it takes: the machine may be busy.
    assert created < 60
    assert listed < 15
    assert min(times) < 0.5
    account.sagemaker.update_cluster(
        ClusterName="large", InstanceGroups=[account.group_spec("worker-group-1", 10, "Compute")]
    )
    account.wait("large", "InService", timeout=60)
    assert len(account.nodes("large")) == 12
    account.sagemaker.delete_cluster(ClusterName="large")
    account.wait_gone("large", timeout=60)
