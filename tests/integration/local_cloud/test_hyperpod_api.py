# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HyperPod operations answer and refuse, over HTTP with boto3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from hyperpod_harness import Account
from hyperpod_harness import Cloud
from hyperpod_harness import error_of

UNTRUSTED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


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


def test_events_are_for_continuous_clusters(account: Account, demo: str) -> None:
    assert error_of(account.sagemaker.list_cluster_events, ClusterName=demo)[0] == "ValidationException"


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
