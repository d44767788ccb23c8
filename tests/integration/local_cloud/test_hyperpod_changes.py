# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters change as the service changes them: created, updated, patched, scaled; faults included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud
from hyperpod_harness import error_of

pytestmark = pytest.mark.usefixtures("no_faults")


def running(account: Account, name: str, **more: Any) -> None:
    account.sagemaker.create_cluster(**account.request(name, **more))
    account.wait(name, "InService")


def group_of(account: Account, cluster: str, name: str) -> dict[str, Any]:
    return next(g for g in account.describe(cluster)["InstanceGroups"] if g["InstanceGroupName"] == name)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("insufficient_capacity", "We currently do not have sufficient capacity for the requested instance type(s)."),
        ("node_launch_failure", "failed to provision"),
        ("health_check_failure", "EFA health checks did not run successfully."),
        ("lifecycle_failure", "Lifecycle scripts did not run successfully."),
    ],
)
def test_a_fault_fails_the_creation_and_nothing_stays(account: Account, kind: str, text: str) -> None:
    name = f"fault-{kind.replace('_', '-')}"
    account.fault(kind, count=1, instance_group="worker-group-1")
    account.sagemaker.create_cluster(**account.request(name))
    described = account.wait(name, "Failed")
    assert text in described["FailureMessage"]
    assert account.nodes(name) == []
    account.delete(name)


def test_update_grows_shrinks_and_deletes_groups(cloud: Cloud, account: Account) -> None:
    running(account, "updates")
    before = {n["InstanceId"] for n in account.nodes("updates")}
    worker = account.group_spec("worker-group-1", 4, "Compute")
    account.sagemaker.update_cluster(ClusterName="updates", InstanceGroups=[worker])
    code, message, _dummy = error_of(account.sagemaker.update_cluster, ClusterName="updates", InstanceGroups=[worker])
    assert code == "ConflictException"
    assert "Updating" in message
    account.wait("updates", "InService")
    assert before < {n["InstanceId"] for n in account.nodes("updates")}
    assert group_of(account, "updates", "worker-group-1")["CurrentCount"] == 4
    account.sagemaker.update_cluster(
        ClusterName="updates",
        InstanceGroups=[account.group_spec("worker-group-1", 1, "Compute"), account.group_spec("extra", 1, "Compute")],
        InstanceGroupsToDelete=["my-login-group"],
    )
    account.wait("updates", "InService")
    names = sorted(g["InstanceGroupName"] for g in account.describe("updates")["InstanceGroups"])
    assert names == ["controller-machine", "extra", "worker-group-1"]
    account.fault("insufficient_capacity", percent=100, instance_group="extra")
    account.sagemaker.update_cluster(
        ClusterName="updates", InstanceGroups=[account.group_spec("extra", 3, "Compute")], NodeRecovery="None"
    )
    described = account.wait("updates", "InService")
    assert "sufficient capacity" in described["FailureMessage"]
    assert described["NodeRecovery"] == "Automatic"
    assert group_of(account, "updates", "extra")["TargetCount"] == 1
    cloud.admin("DELETE", "faults")
    account.delete("updates")
    assert not [
        i
        for i in cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
        if "updates" in i["Description"]
    ]


def test_replace_reboot_and_delete_nodes(account: Account) -> None:
    running(account, "batch")
    nodes = {n["InstanceGroupName"]: n for n in account.nodes("batch")}
    worker, controller = nodes["worker-group-1"], nodes["controller-machine"]
    call = account.sagemaker.batch_replace_cluster_nodes
    assert "Slurm controller" in error_of(call, ClusterName="batch", NodeIds=[controller["InstanceId"]])[1]
    assert call(ClusterName="batch", NodeIds=[worker["InstanceId"]])["Successful"] == [worker["InstanceId"]]

    def by_name():
        return {n["PrivateDnsHostname"]: n for n in account.nodes("batch")}

    new = account.until(
        lambda: by_name()[worker["PrivateDnsHostname"]],
        lambda n: n["InstanceId"] != worker["InstanceId"] and n["InstanceStatus"]["Status"] == "Running",
    )
    answer = account.sagemaker.batch_reboot_cluster_nodes(
        ClusterName="batch", NodeIds=[new["InstanceId"], controller["InstanceId"]]
    )
    assert len(answer["Successful"]) == 2
    account.until(
        lambda: account.nodes("batch"), lambda ns: all(n["InstanceStatus"]["Status"] == "Running" for n in ns)
    )
    answer = account.sagemaker.batch_delete_cluster_nodes(
        ClusterName="batch", NodeIds=[new["InstanceId"], worker["InstanceId"]]
    )
    assert answer["Successful"] == [new["InstanceId"]]
    assert answer["Failed"][0]["Code"] == "NodeIdNotFound"
    account.until(lambda: len(account.nodes("batch")), lambda n: n == 3)
    assert group_of(account, "batch", "worker-group-1")["TargetCount"] == 1
    account.delete("batch")


def test_software_update(account: Account) -> None:
    params = account.request("software")
    for spec in params["InstanceGroups"]:
        spec["ImageReleaseVersion"] = "1.0.0"
    account.sagemaker.create_cluster(**params)
    account.wait("software", "InService")
    before = {n["InstanceId"] for n in account.nodes("software")}
    account.sagemaker.update_cluster_software(ClusterName="software")
    assert account.describe("software")["ClusterStatus"] == "SystemUpdating"
    conflict = error_of(account.sagemaker.update_cluster_software, ClusterName="software")
    assert conflict[0] == "ConflictException"
    account.wait("software", "InService")
    nodes = account.nodes("software")
    assert {n["InstanceId"] for n in nodes} == before
    assert all("LastSoftwareUpdateTime" in n and n["ImageVersionStatus"] == "UpToDate" for n in nodes)
    assert {g["SoftwareUpdateStatus"] for g in account.describe("software")["InstanceGroups"]} == {"Succeeded"}
    account.delete("software")


def test_an_alarm_of_cloudwatch_takes_an_update_back(cloud: Cloud, account: Account) -> None:
    running(account, "alarmed")
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="too-hot",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="m",
        Namespace="n",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    cloudwatch.set_alarm_state(AlarmName="too-hot", StateValue="ALARM", StateReason="a test")
    account.sagemaker.update_cluster_software(
        ClusterName="alarmed",
        InstanceGroups=[{"InstanceGroupName": "worker-group-1", "ImageReleaseVersion": "1.1.0"}],
        DeploymentConfig={"AutoRollbackConfiguration": [{"AlarmName": "too-hot"}]},
    )
    assert "too-hot" in account.wait("alarmed", "InService")["FailureMessage"]
    group = group_of(account, "alarmed", "worker-group-1")
    assert (group["SoftwareUpdateStatus"], group["CurrentImageReleaseVersion"]) == ("RollbackComplete", "1.2.0")
    account.delete("alarmed")


def test_continuous_provisioning(account: Account) -> None:
    account.fault("insufficient_capacity", count=3, instance_group="worker-group-1")
    account.sagemaker.create_cluster(**account.request("cont", NodeProvisioningMode="Continuous"))
    pending = account.nodes("cont", IncludeNodeLogicalIds=True)
    assert len(pending) == 4
    assert all(n["NodeLogicalId"] for n in pending)
    account.wait("cont", "InService")
    account.until(
        lambda: group_of(account, "cont", "worker-group-1"), lambda g: g["CurrentCount"] == g["TargetCount"] == 2
    )
    added = account.sagemaker.batch_add_cluster_nodes(
        ClusterName="cont", NodesToAdd=[{"InstanceGroupName": "worker-group-1", "IncrementTargetCountBy": 1}]
    )
    logical = added["Successful"][0]["NodeLogicalId"]
    details = account.until(
        lambda: account.sagemaker.describe_cluster_node(ClusterName="cont", NodeLogicalId=logical)["NodeDetails"],
        lambda d: d["InstanceStatus"]["Status"] == "Running",
    )
    operations = account.until(
        lambda: account.sagemaker.list_cluster_operations(ClusterName="cont")["ClusterOperationSummaries"],
        lambda o: {x["Status"] for x in o} == {"Done"},
    )
    assert len(operations) == 2
    one = account.sagemaker.describe_cluster_operation(ClusterName="cont", OperationId=operations[0]["OperationId"])
    assert one["ScalingDetails"][0]["Desired"]["TargetCount"] == 3
    events = account.sagemaker.list_cluster_events(ClusterName="cont", NodeId=details["InstanceId"])["Events"]
    assert events[0]["ResourceType"] == "Instance"
    errors = [
        e
        for page in account.sagemaker.get_paginator("list_cluster_events").paginate(ClusterName="cont", MaxResults=7)
        for e in page["Events"]
        if e["EventLevel"] == "Error"
    ]
    assert len(errors) == 3
    event = account.sagemaker.describe_cluster_event(ClusterName="cont", EventId=errors[0]["EventId"])["EventDetails"]
    metadata = event["EventDetails"]["EventMetadata"]["Instance"]
    assert "sufficient capacity" in metadata["FailureMessage"]
    nobody = "00000000-0000-0000-0000-000000000000"
    missing = error_of(account.sagemaker.describe_cluster_event, ClusterName="cont", EventId=nobody)
    assert missing[0] == "ResourceNotFound"
    account.delete("cont")


def test_a_flexible_group_takes_the_next_type_when_the_first_is_short(account: Account) -> None:
    params = account.request("flex", NodeProvisioningMode="Continuous")
    types = ["ml.c5.large", "ml.c5.2xlarge"]
    params["InstanceGroups"][2] = account.group_spec(
        "worker-group-1", 1, "Compute", InstanceType=None, InstanceRequirements={"InstanceTypes": types}
    )
    account.fault("insufficient_capacity", count=1, instance_group="worker-group-1")
    account.sagemaker.create_cluster(**params)
    group = account.until(lambda: group_of(account, "flex", "worker-group-1"), lambda g: g["CurrentCount"] == 1)
    assert {d["InstanceType"]: d["CurrentCount"] for d in group["InstanceTypeDetails"]} == dict(
        zip(types, (0, 1), strict=True)
    )
    account.delete("flex")


def test_the_legacy_form_and_slurm_config_exclude_each_other(account: Account) -> None:
    form = {
        "version": "1.0.0",
        "workload_manager": "slurm",
        "controller_group": "controller-machine",
        "worker_groups": [{"instance_group_name": "worker-group-1", "partition_name": "p"}],
    }
    account.put("legacy/on_create.sh", b"#!/bin/sh\n")
    account.put("legacy/provisioning_parameters.json", json.dumps(form).encode())
    lifecycle = {"SourceS3Uri": f"s3://{account.bucket}/legacy/", "OnCreate": "on_create.sh"}
    legacy = account.request("legacy")
    for spec in legacy["InstanceGroups"]:
        spec.pop("SlurmConfig")
        spec["LifeCycleConfig"] = lifecycle
    account.sagemaker.create_cluster(**legacy)
    account.wait("legacy", "InService")
    both = account.request("both")
    for spec in both["InstanceGroups"]:
        spec["LifeCycleConfig"] = lifecycle
    account.sagemaker.create_cluster(**both)
    assert "provisioning_parameters.json" in account.wait("both", "Failed")["FailureMessage"]
    account.sagemaker.update_cluster(ClusterName="legacy", InstanceGroups=both["InstanceGroups"])
    described = account.wait("legacy", "InService")
    assert "Both SLURM config and provisioning_parameters" in described["FailureMessage"]
    assert "SlurmConfig" not in described["InstanceGroups"][0]
    account.s3.delete_object(Bucket=account.bucket, Key="legacy/provisioning_parameters.json")
    account.sagemaker.update_cluster(ClusterName="legacy", InstanceGroups=both["InstanceGroups"])
    account.until(
        lambda: account.describe("legacy"),
        lambda d: d["ClusterStatus"] == "InService" and "SlurmConfig" in d["InstanceGroups"][0],
    )
    account.delete("legacy")
    account.delete("both")


def test_health_check(account: Account) -> None:
    params = account.request("health")
    params["InstanceGroups"][2]["InstanceType"] = "ml.g5.8xlarge"
    account.sagemaker.create_cluster(**params)
    account.wait("health", "InService")
    config = [{"InstanceGroupName": "worker-group-1", "DeepHealthChecks": ["InstanceStress"]}]
    account.sagemaker.start_cluster_health_check(ClusterName="health", DeepHealthCheckConfigurations=config)
    statuses = {n["InstanceStatus"]["Status"] for n in account.nodes("health")}
    assert statuses == {"Running", "DeepHealthCheckInProgress"}
    account.until(
        lambda: account.nodes("health"), lambda ns: all(n["InstanceStatus"]["Status"] == "Running" for n in ns)
    )
    listed = account.sagemaker.list_cluster_operations(ClusterName="health", Type="DeepHealthCheck")
    assert listed["ClusterOperationSummaries"][0]["Status"] == "Done"
    name = f"/aws/sagemaker/Clusters/health/{account.describe('health')['ClusterArn'].rsplit('/', 1)[-1]}"
    ids = {n["InstanceId"] for n in account.nodes("health") if n["InstanceGroupName"] == "worker-group-1"}
    logged = account.until(
        lambda: account.cloud.client("logs").filter_log_events(
            logGroupName=name, logStreamNamePrefix="DeepHealthCheckResults/"
        )["events"],
        lambda events: len(events) == len(ids),
    )
    assert {event["logStreamName"] for event in logged} == {f"DeepHealthCheckResults/{i}" for i in ids}
    assert {json.loads(event["message"])["level"] for event in logged} == {"info"}
    account.delete("health")
