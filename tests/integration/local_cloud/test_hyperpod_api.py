# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HyperPod operations over HTTP with boto3, against a server with the records provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from hyperpod_harness import Account
from hyperpod_harness import Cloud
from hyperpod_harness import error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

UNTRUSTED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud(Path(tempfile.mkdtemp(prefix="pf-engine-")), speed=3600)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Account:
    return Account(cloud)


@pytest.fixture(autouse=True)
def no_faults(cloud: Cloud) -> Iterator[None]:
    yield
    cloud.admin("DELETE", "faults")


@pytest.fixture(scope="module")
def demo(account: Account) -> Iterator[str]:
    """A running cluster that tests leave as it is."""
    account.sagemaker.create_cluster(**account.request("demo", Tags=[{"Key": "team", "Value": "a"}]))
    account.wait("demo", "InService")
    yield "demo"
    account.delete("demo")


def running(account: Account, name: str, **more: Any) -> None:
    account.sagemaker.create_cluster(**account.request(name, **more))
    account.wait(name, "InService")


def group_of(account: Account, cluster: str, name: str) -> dict[str, Any]:
    return next(g for g in account.describe(cluster)["InstanceGroups"] if g["InstanceGroupName"] == name)


def test_answers_fit_the_service_model(account: Account, demo: str) -> None:
    described = account.describe(demo)
    arn = described["ClusterArn"]
    assert account.describe(arn)["ClusterName"] == demo
    shape = (
        botocore.session.get_session().get_service_model("sagemaker").operation_model("DescribeCluster").output_shape
    )
    unknown = set(described) - set(shape.members) - {"ResponseMetadata"}
    assert not unknown
    members = shape.members["InstanceGroups"].member.members
    assert not set(described["InstanceGroups"][0]) - set(members)
    assert arn.startswith("arn:aws:sagemaker:us-west-2:123456789012:cluster/")
    assert len(arn.rpartition("/")[2]) == 12
    node = account.nodes(demo)[0]
    details = account.sagemaker.describe_cluster_node(ClusterName=demo, NodeId=node["InstanceId"])["NodeDetails"]
    assert details["PrivatePrimaryIp"].startswith("10.198.0.")
    assert (
        details["PrivateDnsHostname"]
        == f"ip-{details['PrivatePrimaryIp'].replace('.', '-')}.us-west-2.compute.internal"
    )
    logical = account.sagemaker.describe_cluster_node(ClusterName=demo, NodeLogicalId=details["NodeLogicalId"])
    assert logical["NodeDetails"]["InstanceId"] == node["InstanceId"]


def test_nodes_are_seen_in_the_customers_network_and_logs(cloud: Cloud, account: Account, demo: str) -> None:
    nodes = account.nodes(demo)
    interfaces = cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    ours = {i["PrivateIpAddress"]: i for i in interfaces if i["SubnetId"] == account.subnet}
    for node in nodes:
        address = node["PrivateDnsHostname"].partition(".")[0][3:].replace("-", ".")
        assert ours[address]["Groups"][0]["GroupId"] == account.group
        assert int(address.rpartition(".")[2]) >= 4
    group = f"/aws/sagemaker/Clusters/demo/{account.describe(demo)['ClusterArn'].rpartition('/')[2]}"
    worker = next(n for n in nodes if n["InstanceGroupName"] == "worker-group-1")
    stream = f"LifecycleConfig/worker-group-1/{worker['InstanceId']}"
    lines = account.until(
        lambda: cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"],
        lambda events: len(events) == 2,
    )
    assert [e["message"] for e in lines] == [
        "[SageMaker] Downloading lifecycle scripts",
        "[SageMaker] The lifecycle scripts succeeded.",
    ]


REFERENCES = [
    ({"VpcConfig": {"Subnets": ["subnet-00000000"], "SecurityGroupIds": ["sg-0"]}}, "subnet-00000000' does not exist"),
    ({"VpcConfig": {"Subnets": ["SUBNET"], "SecurityGroupIds": ["sg-00000000"]}}, "sg-00000000' does not exist"),
    ({"VpcConfig": {"Subnets": ["SUBNET"], "SecurityGroupIds": ["FOREIGN"]}}, "belong to different networks"),
    ({"VpcConfig": {"Subnets": ["SUBNET", "OTHER"], "SecurityGroupIds": ["GROUP"]}}, "must be in the same VPC"),
    ({"ExecutionRole": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
    ({"ExecutionRole": "arn:aws:iam::123456789012:role/untrusted"}, "allows principal 'sagemaker.amazonaws.com'"),
    ({"LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-none/src", "OnCreate": "on_create.sh"}}, "does not exist or"),
    ({"LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-podforge-test/src", "OnCreate": "no.sh"}}, "no.sh does not"),
    ({"LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-east/src", "OnCreate": "on_create.sh"}}, "is in this region"),
    ({"VpcConfig": {"Subnets": ["TINY"], "SecurityGroupIds": ["GROUP"]}}, "Insufficient free addresses"),
    (
        {"Orchestrator": {"Eks": {"ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/none"}}},
        "EKS cluster arn:aws:eks:us-west-2:123456789012:cluster/none does not exist",
    ),
]


@pytest.fixture(scope="module")
def things(cloud: Cloud, account: Account) -> dict[str, str]:
    """Ids that the reference tests speak of."""
    ec2 = cloud.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    cloud.client("iam").create_role(RoleName="untrusted", AssumeRolePolicyDocument=json.dumps(UNTRUSTED))
    cloud.client("s3", "us-east-1").create_bucket(Bucket="sagemaker-east")
    tiny_vpc = ec2.create_subnet(VpcId=account_vpc(ec2, account), CidrBlock="10.199.0.0/28")
    return {
        "SUBNET": account.subnet,
        "GROUP": account.group,
        "OTHER": ec2.create_subnet(VpcId=other, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"],
        "FOREIGN": ec2.create_security_group(VpcId=other, GroupName="x", Description="x")["GroupId"],
        "TINY": tiny_vpc["Subnet"]["SubnetId"],
    }


def account_vpc(ec2: Any, account: Account) -> str:
    """The account's VPC, with a second address range for a small subnet."""
    ec2.associate_vpc_cidr_block(VpcId=account.vpc, CidrBlock="10.199.0.0/24")
    return account.vpc


@pytest.mark.parametrize(("change", "text"), REFERENCES, ids=[text for _dummy, text in REFERENCES])
def test_what_a_request_refers_to_must_exist(
    account: Account, things: dict[str, str], change: dict[str, Any], text: str
) -> None:
    params = account.request("refs", workers=10)
    for member, value in json.loads(json.dumps(change)).items():
        if member == "VpcConfig":
            params[member] = {name: [things.get(item, item) for item in items] for name, items in value.items()}
        elif member == "Orchestrator":
            params[member] = value
            params["InstanceGroups"] = [account.group_spec("w", 1)]
        else:
            params["InstanceGroups"][2][member] = value
    code, message, status = error_of(account.sagemaker.create_cluster, **params)
    assert (code, status) == ("ValidationException", 400)
    assert text in message
    assert error_of(account.sagemaker.describe_cluster, ClusterName="refs")[0] == "ResourceNotFound"


def test_rules_and_names_over_the_wire(account: Account, demo: str) -> None:
    create = account.sagemaker.create_cluster
    bad = account.request("bad")
    bad["InstanceGroups"] = bad["InstanceGroups"][1:]
    assert error_of(create, **bad)[:2] == (
        "ValidationException",
        "Exactly one instance group must have SlurmConfig NodeType Controller. No controller group found.",
    )
    code, message, status = error_of(create, **account.request(demo))
    assert (code, status) == ("ResourceInUse", 400)
    assert "already exists" in message
    code, message, _dummy = error_of(account.sagemaker.describe_cluster, ClusterName="nope")
    assert (code, message) == ("ResourceNotFound", "Cluster with name nope not found.")
    for operation in ("update_cluster", "delete_cluster", "list_cluster_nodes", "update_cluster_software"):
        more = {"NodeRecovery": "None"} if operation == "update_cluster" else {}
        assert error_of(getattr(account.sagemaker, operation), ClusterName="nope", **more)[0] == "ResourceNotFound"
    node = error_of(account.sagemaker.describe_cluster_node, ClusterName=demo, NodeId="i-00000000000000000")
    assert node[0] == "ResourceNotFound"


def test_the_network_of_a_cluster_stays(cloud: Cloud, account: Account, demo: str) -> None:
    """boto3 can't send what its model doesn't know, so the request is made by hand."""
    scope = "test/20260101/us-west-2/sagemaker/aws4_request"
    request = urllib.request.Request(
        f"http://127.0.0.1:{cloud.port}/",
        data=json.dumps({"ClusterName": demo, "VpcConfig": account.request("x")["VpcConfig"]}).encode(),
        headers={
            "X-Amz-Target": "SageMaker.UpdateCluster",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    answer = json.load(caught.value)
    assert caught.value.code == 400
    assert answer["__type"].endswith("ValidationException")
    assert "VpcConfig can't be updated" in answer.get("message", answer.get("Message"))


def test_quotas(cloud: Cloud, account: Account) -> None:
    cloud.admin("PUT", "quotas", {"ml.c5.2xlarge for cluster usage": 1})
    params = account.request("quota")
    params["InstanceGroups"][2] = account.group_spec("worker-group-1", 2, "Compute", InstanceType="ml.c5.2xlarge")
    code, message, _dummy = error_of(account.sagemaker.create_cluster, **params)
    assert code == "ResourceLimitExceeded"
    assert message.startswith(
        "The account-level service limit 'ml.c5.2xlarge for cluster usage' is 1 Instances, with current utilization of "
        "0 Instances and a request delta of 2 Instances."
    )


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


def test_events_are_for_continuous_clusters(account: Account, demo: str) -> None:
    assert error_of(account.sagemaker.list_cluster_events, ClusterName=demo)[0] == "ValidationException"


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


def test_tags(account: Account, demo: str) -> None:
    arn = account.describe(demo)["ClusterArn"]
    sagemaker = account.sagemaker
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    assert {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=arn)["Tags"]} == {"team": "b", "x": ""}
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["x", "none"])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert error_of(sagemaker.list_tags, ResourceArn=arn[:-12] + "0" * 12)[0] == "ResourceNotFound"
    many = [{"Key": f"k{i}", "Value": "v"} for i in range(50)]
    assert error_of(sagemaker.add_tags, ResourceArn=arn, Tags=many)[0] == "ValidationException"


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


def test_regions_and_accounts_do_not_mix(cloud: Cloud, account: Account, demo: str) -> None:
    east = Account(cloud, "us-east-1", "sagemaker-podforge-east", "10.50.0.0/16")
    east.sagemaker.create_cluster(**east.request(demo))
    east.wait(demo, "InService")
    assert [c["ClusterName"] for c in east.sagemaker.list_clusters()["ClusterSummaries"]] == [demo]
    arn = east.describe(demo)["ClusterArn"]
    assert arn.startswith("arn:aws:sagemaker:us-east-1:")
    assert error_of(account.sagemaker.describe_cluster, ClusterName=arn)[0] == "ResourceNotFound"
    assert east.nodes(demo)[0]["PrivateDnsHostname"].endswith(".ec2.internal")
    iam = cloud.client("iam")
    role = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="visitor", AssumeRolePolicyDocument=json.dumps(role))
    keys = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/visitor", RoleSessionName="s")[
        "Credentials"
    ]
    other = cloud.client("sagemaker", key=keys["AccessKeyId"])
    assert other.list_clusters()["ClusterSummaries"] == []
    assert error_of(other.describe_cluster, ClusterName=demo)[0] == "ResourceNotFound"
    east.delete(demo)
    assert account.describe(demo)["ClusterStatus"] == "InService"


def test_what_is_not_served_says_so(account: Account, demo: str) -> None:
    arn = account.describe(demo)["ClusterArn"]
    with pytest.raises(ClientError) as caught:
        account.sagemaker.list_compute_quotas(ClusterArn=arn)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


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


def test_awscli_works_unchanged(cloud: Cloud, demo: str) -> None:
    program = shutil.which("aws", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "awscli is part of the test requirements"
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-west-2",
        "HOME": str(cloud.folder),
    }
    command = [program, "--endpoint-url", f"http://127.0.0.1:{cloud.port}", "sagemaker", "list-cluster-nodes"]
    done = subprocess.run(
        [*command, "--cluster-name", demo], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["ClusterNodeSummaries"]) == 4
