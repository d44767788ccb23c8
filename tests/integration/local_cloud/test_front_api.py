# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers what, over HTTP: signatures, validation, unknown operations, accounts and regions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from front_harness import ACCOUNT
from front_harness import KEY
from front_harness import REGION
from front_harness import ROOT
from front_harness import SECRET
from front_harness import FrontCloud
from front_harness import make_account


@pytest.fixture(scope="module")
def cloud() -> Iterator[FrontCloud]:
    instance = FrontCloud()
    try:
        instance.up("--speed", "1000")
        yield instance
    finally:
        instance.close()


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_request_without_signature_is_refused_as_aws_does(cloud: FrontCloud) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListClusters", "Content-Type": "application/x-amz-json-1.1"}
    status, answer = cloud.raw("POST", "/", b"{}", headers)
    assert (status, answer["__type"]) == (403, "MissingAuthenticationTokenException")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = cloud.raw("POST", "/", b"Action=DescribeVpcs&Version=2016-11-15", form)
    assert status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in answer


def test_authorization_of_no_known_form(cloud: FrontCloud) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListClusters", "Authorization": "Bearer abc"}
    status, answer = cloud.raw("POST", "/", b"{}", headers)
    assert (status, answer["__type"]) == (400, "IncompleteSignatureException")


def test_region_that_does_not_exist(cloud: FrontCloud) -> None:
    with pytest.raises(ClientError, match="valid region, not 'us-west-9'") as caught:
        cloud.client("sagemaker", "us-west-9").list_clusters()
    assert code_of(caught) == ("InvalidSignatureException", 403)


def test_violations_of_the_model_are_told_all_at_once(cloud: FrontCloud) -> None:
    body = {
        "ClusterName": "bad_name",
        "InstanceGroups": [{"InstanceGroupName": "a", "InstanceCount": 7000, "InstanceType": "ml.none"}],
        "NodeRecovery": "Sometimes",
    }
    status, answer = cloud.sagemaker("CreateCluster", body)
    assert (status, answer["__type"]) == (400, "ValidationException")
    message = answer["message"]
    assert message.startswith("5 validation errors detected: Value 'bad_name' at 'clusterName' failed to satisfy")
    assert "Value '7000' at 'instanceGroups.1.member.instanceCount'" in message
    assert (
        "Value null at 'instanceGroups.1.member.executionRole' failed to satisfy constraint: Member must not" in message
    )
    assert (
        "Value 'Sometimes' at 'nodeRecovery' failed to satisfy constraint: Member must satisfy enum value set"
        in message
    )


def test_types_and_broken_json(cloud: FrontCloud) -> None:
    status, answer = cloud.sagemaker("DescribeCluster", {"ClusterName": 5})
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert answer["message"] == "NUMBER_VALUE can not be converted to a String"
    status, answer = cloud.sagemaker("DescribeCluster", b"{")
    assert (status, answer["__type"]) == (400, "SerializationException")
    status, answer = cloud.sagemaker("ListClusters", {"NoSuchMember": 1, "MaxResults": None})
    assert status == 200


def test_missing_cluster(cloud: FrontCloud) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("sagemaker").describe_cluster(ClusterName="nope")
    assert code_of(caught) == ("ResourceNotFound", 400)
    assert len(caught.value.response["ResponseMetadata"]["RequestId"]) == 36


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sagemaker", "list_cluster_scheduler_configs", {}),
        ("eks", "list_access_entries", {"clusterName": "x"}),
        ("eks", "describe_addon_versions", {}),
        ("iam", "get_context_keys_for_custom_policy", {"PolicyInputList": ["{}"]}),
        ("ec2", "describe_fast_launch_images", {}),
        ("route53", "list_cidr_collections", {}),
        ("pricing", "describe_services", {}),
        ("grafana", "list_workspaces", {}),
    ],
)
def test_operation_that_is_not_there(cloud: FrontCloud, service: str, operation: str, arguments: dict) -> None:
    with pytest.raises(ClientError) as caught:
        # The SDK's own retries: it must not repeat this.
        getattr(cloud.client(service, config=None), operation)(**arguments)
    assert code_of(caught) == ("NotImplemented", 501)
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert caught.value.operation_name in str(caught.value)


def test_operation_that_no_model_knows(cloud: FrontCloud) -> None:
    status, answer = cloud.sagemaker("MakeCoffee", {})
    assert (status, answer["__type"]) == (501, "NotImplemented")
    assert "MakeCoffee is not known" in answer["Message"]


@pytest.mark.parametrize("path", ["/", "/no/such/path", "/moto-api/nothing", "/%ff", "/a/b?Action=What", "/clusters/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("service", ["eks", "s3", "ec2", "lambda", "nothing"])
def test_never_an_html_page(cloud: FrontCloud, method: str, path: str, service: str) -> None:
    scope = f"{KEY}/20260101/{REGION}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"}
    _dummy, answer = cloud.raw(method, path, b"x" if method == "POST" else None, headers)
    assert "<html" not in str(answer).lower()
    assert "<!doctype" not in str(answer).lower()


def test_html_in_a_bucket_stays_html(cloud: FrontCloud) -> None:
    s3 = cloud.client("s3", "us-east-1")
    s3.create_bucket(Bucket="pages-of-mine")
    s3.put_object(Bucket="pages-of-mine", Key="a.html", Body=b"<!doctype html>hello", ContentType="text/html")
    assert s3.get_object(Bucket="pages-of-mine", Key="a.html")["Body"].read() == b"<!doctype html>hello"
    assert s3.head_object(Bucket="pages-of-mine", Key="a.html")["ContentLength"] == 20
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="pages-of-mine", Key="b.html")
    assert code_of(caught) == ("404", 404)


@pytest.mark.parametrize("name", ["Upper", "a_b", "ab", "a..b", "192.168.0.1", "-a-b", "xn--abc", "a" * 64])
def test_invalid_bucket_names(cloud: FrontCloud, name: str) -> None:
    s3 = cloud.client("s3", "us-east-1")
    # botocore checks some of it itself: this is about the service.
    s3.meta.events.unregister(
        "before-parameter-build.s3", __import__("botocore.handlers").handlers.validate_bucket_name
    )
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket=name)
    assert code_of(caught) == ("InvalidBucketName", 400)


def test_trust_policy_is_checked(cloud: FrontCloud) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("iam").create_role(RoleName="broken", AssumeRolePolicyDocument="{not json")
    assert code_of(caught)[0] == "MalformedPolicyDocument"


def test_managed_policies_of_hyperpod_exist(cloud: FrontCloud) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerClusterInstanceRolePolicy"
    assert cloud.client("iam").get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn


def test_quotas_of_instance_types(cloud: FrontCloud) -> None:
    quotas = cloud.client("service-quotas")
    names = {
        quota["QuotaName"]: quota
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        for quota in page["Quotas"]
    }
    assert len(names) > 200
    found = names["ml.p5.48xlarge for cluster usage"]
    assert found["QuotaCode"] == "L-8762A75F"
    assert cloud.admin("PUT", "quotas", {"ml.p5.48xlarge for cluster usage": 3})[0] == 200
    applied = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-8762A75F")["Quota"]
    assert applied["Value"] == 3
    default = quotas.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode="L-8762A75F")["Quota"]
    assert default["Value"] == found["Value"]
    with pytest.raises(ClientError) as caught:
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")
    assert code_of(caught)[0] == "NoSuchResourceException"
    assert cloud.admin("PUT", "quotas", {"no such quota": 3})[0] == 400
    assert cloud.admin("PUT", "quotas", {"L-8762A75F": None})[1] == {}


def test_log_events_are_filtered_by_prefix_and_come_by_time(cloud: FrontCloud) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="filtered")
    now = int(time.time() * 1000)
    for stream, moments in (("a/1", (1, 3)), ("a/2", (2,)), ("b/1", (0,))):
        logs.create_log_stream(logGroupName="filtered", logStreamName=stream)
        events = [{"timestamp": now + moment, "message": f"{stream} {moment}"} for moment in moments]
        logs.put_log_events(logGroupName="filtered", logStreamName=stream, logEvents=events)

    def told(**more: object) -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="filtered", PaginationConfig={"PageSize": 2}, **more
        )
        return [event["message"] for page in pages for event in page["events"]]

    assert told(logStreamNamePrefix="a/") == ["a/1 1", "a/2 2", "a/1 3"]
    assert told() == ["b/1 0", "a/1 1", "a/2 2", "a/1 3"]
    assert told(logStreamNames=["a/1"]) == ["a/1 1", "a/1 3"]
    assert told(logStreamNamePrefix="none") == []
    with pytest.raises(ClientError) as caught:
        told(logStreamNamePrefix="a", logStreamNames=["a/1"])
    assert code_of(caught) == ("InvalidParameterException", 400)


def test_eks_keeps_what_hyperpod_asks_for(cloud: FrontCloud) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.30.1.0/24")["Subnet"]["SubnetId"]
    eks = cloud.client("eks")
    eks.create_cluster(
        name="kube",
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={"subnetIds": [subnet]},
        accessConfig={"authenticationMode": "API"},
    )
    cluster = eks.describe_cluster(name="kube")["cluster"]
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert cluster["resourcesVpcConfig"]["vpcId"] == vpc


def test_tags_of_clusters_are_the_service_s_and_others_moto_s(cloud: FrontCloud) -> None:
    sagemaker = cloud.client("sagemaker")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:cluster/abcdefghijkl"
    with pytest.raises(ClientError) as caught:
        sagemaker.list_tags(ResourceArn=arn)
    assert code_of(caught)[0] == "ResourceNotFound"
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    model = sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})["ModelArn"]
    sagemaker.add_tags(ResourceArn=model, Tags=[{"Key": "k", "Value": "v"}])
    assert sagemaker.list_tags(ResourceArn=model)["Tags"] == [{"Key": "k", "Value": "v"}]


def test_accounts_and_regions_do_not_mix(cloud: FrontCloud) -> None:
    other = cloud.client_of_account("ec2", "111122223333")
    vpc = other.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    mine = {each["VpcId"] for each in cloud.client("ec2").describe_vpcs()["Vpcs"]}
    assert vpc not in mine
    assert vpc not in {
        v["VpcId"] for v in cloud.client_of_account("ec2", "111122223333", "us-east-1").describe_vpcs()["Vpcs"]
    }
    identity = cloud.client_of_account("sts", "111122223333").get_caller_identity()
    assert identity["Account"] == "111122223333"
    assert identity["Arn"] == "arn:aws:sts::111122223333:assumed-role/visitor/test"


def test_clusters_of_accounts_and_regions_do_not_mix(cloud: FrontCloud) -> None:
    account = make_account(cloud)
    arn = cloud.client("sagemaker").create_cluster(
        ClusterName="mine", InstanceGroups=[account["group"]], VpcConfig=account["vpc_config"]
    )["ClusterArn"]
    assert arn.split(":")[3:5] == [REGION, ACCOUNT]

    def names(client: object) -> list[str]:
        return [c["ClusterName"] for c in client.list_clusters()["ClusterSummaries"]]  # type: ignore[attr-defined]

    assert names(cloud.client("sagemaker")) == ["mine"]
    assert names(cloud.client("sagemaker", "us-east-1")) == []
    assert names(cloud.client_of_account("sagemaker", "111122223333")) == []
    for stranger in (cloud.client("sagemaker", "us-east-1"), cloud.client_of_account("sagemaker", "111122223333")):
        with pytest.raises(ClientError) as caught:
            stranger.describe_cluster(ClusterName="mine")
        assert code_of(caught)[0] == "ResourceNotFound"


def test_presigned_url_belongs_to_the_account_of_its_key(cloud: FrontCloud) -> None:
    s3 = cloud.client_of_account("s3", "444455556666", "us-east-1")
    s3.create_bucket(Bucket="bucket-of-the-other")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket-of-the-other", "Key": "k"})
    assert cloud.raw("PUT", url.removeprefix(cloud.url), b"content")[0] == 200
    assert s3.get_object(Bucket="bucket-of-the-other", Key="k")["Body"].read() == b"content"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket-of-the-other", "Key": "k"})
    assert cloud.raw("GET", url.removeprefix(cloud.url)) == (200, "content")


def test_admin_wants_its_token_and_agents_theirs(cloud: FrontCloud) -> None:
    assert cloud.admin("GET", "status", token="wrong")[0] == 403
    assert cloud.raw("GET", "/_local_cloud/status")[0] == 403
    status, answer = cloud.raw("GET", "/_local_cloud/health")
    assert (status, answer["status"], answer["name"]) == (200, "ok", "front")
    assert "token" not in answer
    assert cloud.admin("GET", "nothing")[0] == 404
    status, answer = cloud.admin("GET", "agent/v1/nodes/i-00000000000000000")
    assert status in (403, 404)


def test_a_page_in_a_browser_may_not_reset(cloud: FrontCloud) -> None:
    status, _dummy = cloud.raw("POST", "/moto-api/reset", b"", {"Origin": "http://evil.example"})
    assert status == 403
    status, _dummy = cloud.raw("GET", "/moto-api/data.json", headers={"Host": "rebound.example"})
    assert status == 403


def test_awscli_knows_nothing_of_us(cloud: FrontCloud) -> None:
    command = [str(Path(sys.executable).parent / "aws"), "--endpoint-url", cloud.url, "--region", "eu-west-1"]
    environment = {**cloud.environment, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def aws(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    assert json.loads(aws("sagemaker", "list-clusters").stdout) == {"ClusterSummaries": []}
    done = aws("sagemaker", "delete-cluster", "--cluster-name", "not_valid")
    assert "ValidationException" in done.stderr
    assert "at 'clusterName' failed to satisfy constraint" in done.stderr


def test_clients_of_moto_s_server_mode(cloud: FrontCloud) -> None:
    program = """
import boto3
from moto import mock_aws
with mock_aws():
    client = boto3.client("sqs", "eu-central-1")
    client.create_queue(QueueName="q")
    print(client.list_queues()["QueueUrls"][0])
"""
    other = FrontCloud("moto")
    try:
        other.up()
        environment = {
            **other.environment,
            "TEST_SERVER_MODE": "true",
            "TEST_SERVER_MODE_ENDPOINT": other.url,
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert "/q" in done.stdout, done.stderr
        assert other.url.removeprefix("http://") in done.stdout or "amazonaws" in done.stdout
    finally:
        other.close()
