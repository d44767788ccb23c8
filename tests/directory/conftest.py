# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One directory for all tests of this layer, and one local cloud with a directory of its own.

``lab`` is a bare domain with its endpoint (tests/support/directory.py): what a test creates there bears the test's own
names, and a fault is taken back. ``cloud`` is a whole local cloud.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ad_harness import Domain

from tests.support.aws_directory import REGION
from tests.support.aws_directory import DirectoryUser
from tests.support.aws_directory import Network
from tests.support.aws_directory import until
from tests.support.cloud import PREFIX
from tests.support.cloud import Cloud
from tests.support.directory import DirectoryLab

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryLab]:
    """The bare domain; about ten seconds."""
    number = 150 + int(hashlib.sha256(PREFIX.encode()).hexdigest(), 16) % 50
    folder = tmp_path_factory.mktemp("lab")
    with DirectoryLab(
        f"{PREFIX}-lab", f"10.{number}.7.0/24", folder=folder, plain_port=True, controller_ldaps=True
    ) as made:
        yield made


@pytest.fixture(scope="session")
def domain(lab: DirectoryLab) -> Domain:
    """The modules for Active Directory, against that domain."""
    return Domain(lab)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A local cloud with containers."""
    with Cloud("managed-ad").session() as made:
        yield made


@pytest.fixture(scope="session")
def user(cloud: Cloud) -> DirectoryUser:
    """Somebody with an SDK."""
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=f"http://127.0.0.1:{cloud.port}")

    return DirectoryUser(client)


@pytest.fixture(scope="session")
def node(cloud: Cloud, user: DirectoryUser, network: Network) -> str:
    """A node in that VPC: the instance id."""
    s3, sagemaker = user.client("s3"), user.client("sagemaker")
    bucket = "sagemaker-directory-nodes"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="src/on_create.sh", Body=b"#!/bin/sh\nexit 0\n")
    role = user.client("iam").create_role(RoleName="directory-node", AssumeRolePolicyDocument=json.dumps(TRUST))
    group = user.client("ec2").create_security_group(GroupName="nodes", Description="nodes", VpcId=network.vpc)
    sagemaker.create_cluster(
        ClusterName="directory",
        InstanceGroups=[
            {
                "InstanceGroupName": "head",
                "InstanceType": "ml.c5.xlarge",
                "InstanceCount": 1,
                "LifeCycleConfig": {"SourceS3Uri": f"s3://{bucket}/src", "OnCreate": "on_create.sh"},
                "ExecutionRole": role["Role"]["Arn"],
                "ThreadsPerCore": 1,
            }
        ],
        VpcConfig={"SecurityGroupIds": [group["GroupId"]], "Subnets": network.subnets[:1]},
    )

    def running() -> list[str]:
        nodes = sagemaker.list_cluster_nodes(ClusterName="directory")["ClusterNodeSummaries"]
        return [each["InstanceId"] for each in nodes if each["InstanceStatus"]["Status"] == "Running"]

    return str(until("the node runs", running, 180)[0])


@pytest.fixture(scope="session")
def network(cloud: Cloud, user: DirectoryUser) -> Network:
    """The VPC."""
    return user.network(".".join(cloud.network["vpc_cidr"].split(".")[:2]))
