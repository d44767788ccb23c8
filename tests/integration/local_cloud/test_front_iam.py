# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies enforced and simulated, and file systems of FSx, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from front_harness import ACCOUNT
from front_harness import REGION
from front_harness import FrontCloud
from front_harness import make_account

USER = f"arn:aws:iam::{ACCOUNT}:user/ann"


@pytest.fixture(scope="module")
def cloud() -> Iterator[FrontCloud]:
    instance = FrontCloud("front-iam")
    try:
        instance.up("--speed", "1000", "--enforce-iam")
        yield instance
    finally:
        instance.close()


class Ann:
    """A user whose permissions change."""

    def __init__(self, cloud: FrontCloud) -> None:
        self._cloud = cloud
        self._iam = cloud.client("iam")
        self._iam.create_user(UserName="ann")
        self._keys = self._iam.create_access_key(UserName="ann")["AccessKey"]

    def may(self, *actions: str, resource: str = "*", effect: str = "Allow") -> None:
        statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
        self._iam.put_user_policy(
            UserName="ann", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement})
        )

    def client(self, service: str) -> Any:
        return self._cloud.client(
            service,
            aws_access_key_id=self._keys["AccessKeyId"],
            aws_secret_access_key=self._keys["SecretAccessKey"],
        )


@pytest.fixture(scope="module")
def ann(cloud: FrontCloud) -> Ann:
    return Ann(cloud)


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_each_protocol_says_who_may_not_do_what_on_what(cloud: FrontCloud, ann: Ann) -> None:
    ann.may("sts:Nothing")
    assert ann.client("sts").get_caller_identity()["Arn"] == USER
    code, message = refusal(ann.client("sagemaker").describe_cluster, ClusterName="demo")
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {USER} is not authorized to perform: sagemaker:DescribeCluster on resource: "
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:cluster/demo "
        "because no identity-based policy allows the sagemaker:DescribeCluster action"
    )
    code, message = refusal(ann.client("ec2").describe_subnets)
    assert code == "UnauthorizedOperation"
    assert "ec2:DescribeSubnets" in message
    code, message = refusal(ann.client("iam").get_role, RoleName="x")
    assert (code, f"iam:GetRole on resource: arn:aws:iam::{ACCOUNT}:role/x" in message) == ("AccessDenied", True)
    code, message = refusal(ann.client("s3").get_object, Bucket="b", Key="k/l")
    assert (code, 's3:GetObject on resource: "arn:aws:s3:::b/k/l"' in message) == ("AccessDenied", True)
    assert refusal(ann.client("s3").head_bucket, Bucket="b")[0] == "403"
    code, message = refusal(ann.client("eks").describe_cluster, name="c")
    assert (code, "eks:DescribeCluster" in message) == ("AccessDeniedException", True)
    ann.may("*", effect="Deny")
    assert refusal(ann.client("ec2").describe_subnets)[1].endswith("with an explicit deny in an identity-based policy")


def test_creation_needs_the_right_to_pass_the_role_and_to_tag(cloud: FrontCloud, ann: Ann) -> None:
    place = make_account(cloud)
    wish = {"ClusterName": "mine", "InstanceGroups": [place["group"]], "VpcConfig": place["vpc_config"]}
    sagemaker = ann.client("sagemaker")
    ann.may("sagemaker:CreateCluster", "sagemaker:DeleteCluster")
    code, message = refusal(sagemaker.create_cluster, **wish)
    assert (code, f"iam:PassRole on resource: {place['group']['ExecutionRole']}" in message) == (
        "AccessDeniedException",
        True,
    )
    ann.may("sagemaker:CreateCluster", "iam:PassRole")
    message = refusal(sagemaker.create_cluster, **wish, Tags=[{"Key": "a", "Value": "b"}])[1]
    assert "sagemaker:AddTags" in message
    sagemaker.create_cluster(**wish)
    assert "sagemaker:DeleteCluster" in refusal(sagemaker.delete_cluster, ClusterName="mine")[1]


def test_sessions_of_roles_have_the_policies_of_the_role(cloud: FrontCloud) -> None:
    iam, sts = cloud.client("iam"), cloud.client("sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    session = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    cloud.client("ec2", **session).describe_subnets()
    message = refusal(cloud.client("ec2", **session).create_vpc, CidrBlock="10.0.0.0/16")[1]
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/session " in message


def test_simulation_tells_what_a_role_may(cloud: FrontCloud) -> None:
    iam = cloud.client("iam")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    arn = iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="simulated", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerClusterInstanceRolePolicy"
    )
    asked = {
        "PolicySourceArn": arn,
        "ActionNames": ["s3:GetObject", "s3:DeleteObject"],
        "ResourceArns": ["arn:aws:s3:::sagemaker-x/k", "arn:aws:s3:::other/k"],
        "ContextEntries": [
            {"ContextKeyName": key, "ContextKeyValues": [ACCOUNT], "ContextKeyType": "string"}
            for key in ("aws:ResourceAccount", "aws:PrincipalAccount", "s3:ResourceAccount")
        ],
    }
    results = iam.simulate_principal_policy(**asked)["EvaluationResults"]
    decisions = {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in results}
    assert len(decisions) == 4
    assert decisions.pop(("s3:GetObject", "arn:aws:s3:::sagemaker-x/k")) == "allowed"
    assert set(decisions.values()) == {"implicitDeny"}
    assert refusal(iam.simulate_principal_policy, PolicySourceArn=f"{arn}x", ActionNames=["a:b"])[0] == "NoSuchEntity"


def test_file_systems_tell_state_mount_name_and_network(cloud: FrontCloud) -> None:
    ec2, fsx = cloud.client("ec2"), cloud.client("fsx")
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.30.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="fsx", Description="fsx", VpcId=vpc)["GroupId"]
    made = fsx.create_file_system(
        FileSystemType="LUSTRE", StorageCapacity=1200, SubnetIds=[subnet], SecurityGroupIds=[group]
    )["FileSystem"]
    found = fsx.describe_file_systems(FileSystemIds=[made["FileSystemId"]])["FileSystems"][0]
    assert (found["Lifecycle"], found["VpcId"]) == ("AVAILABLE", vpc)
    assert len(found["LustreConfiguration"]["MountName"]) == 8
    interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert [i["Groups"][0]["GroupId"] for i in interfaces] == [group]
    fsx.delete_file_system(FileSystemId=made["FileSystemId"])
    assert refusal(fsx.describe_file_systems, FileSystemIds=[made["FileSystemId"]])[0] == "FileSystemNotFound"
    inside = [{"Name": "subnet-id", "Values": [subnet]}]
    assert not ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]


def test_a_cloud_that_runs_without_enforcement_is_not_taken_for_one_with(cloud: FrontCloud) -> None:
    assert "already up" in cloud.up("--enforce-iam")
    cloud.run("down")
    cloud.up()
    refused = cloud.run("up", "--enforce-iam", code=1)
    assert "is up without --enforce-iam" in refused.stderr
