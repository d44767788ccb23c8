# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been answered survives kill -9, for HyperPod and for moto's services."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from front_harness import TRUST
from front_harness import FrontCloud
from front_harness import make_account


@pytest.fixture(scope="module")
def cloud() -> Iterator[FrontCloud]:
    instance = FrontCloud("state")
    try:
        instance.up("--speed", "1000")
        yield instance
    finally:
        instance.close()


def restart(cloud: FrontCloud) -> None:
    cloud.kill()
    cloud.up("--speed", "1000")


def test_kill_9_loses_nothing_that_was_answered(cloud: FrontCloud) -> None:
    ec2, s3, iam = cloud.client("ec2"), cloud.client("s3"), cloud.client("iam")
    policy = "arn:aws:iam::aws:policy/AmazonSageMakerClusterInstanceRolePolicy"
    account = make_account(cloud)
    body = os.urandom(3_000_000)
    s3.put_object(Bucket="sagemaker-front-test", Key="big", Body=body, Metadata={"some_key": "v"})
    iam.attach_role_policy(RoleName="node", PolicyArn=policy)
    policy_id = iam.get_policy(PolicyArn=policy)["Policy"]["PolicyId"]
    secret = cloud.client("secretsmanager").create_secret(Name="s", SecretString="hidden")["ARN"]
    other = cloud.client_of_account("s3", "111122223333", "us-east-1")
    other.create_bucket(Bucket="bucket-of-another")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    cloud.run("fault", "set", "insufficient_capacity", "--count", "2", "--instance-group", "workers")
    cloud.admin("PUT", "quotas", {"L-8762A75F": 1})
    arn = cloud.client("sagemaker").create_cluster(
        ClusterName="kept", InstanceGroups=[account["group"]], VpcConfig=account["vpc_config"]
    )["ClusterArn"]

    restart(cloud)

    assert cloud.client("sagemaker").describe_cluster(ClusterName="kept")["ClusterArn"] == arn
    subnets = {each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]}
    assert set(account["vpc_config"]["Subnets"]) <= subnets
    found = s3.get_object(Bucket="sagemaker-front-test", Key="big")
    assert found["Body"].read() == body
    assert found["Metadata"] == {"some_key": "v"}
    attached = iam.list_attached_role_policies(RoleName="node")["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [policy]
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    assert iam.get_policy(PolicyArn=policy)["Policy"]["PolicyId"] == policy_id
    assert cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "hidden"
    # The session made before the restart still names its account.
    assert other.list_buckets()["Buckets"][0]["Name"] == "bucket-of-another"
    # moto dates its images by its own start.
    now = ec2.describe_images(ImageIds=[image["ImageId"]])["Images"][0]
    assert {**now, "CreationDate": ""} == {**image, "CreationDate": ""}
    assert ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    fault = {"kind": "insufficient_capacity", "count": 2, "instance_group": "workers"}
    assert cloud.admin("GET", "faults")[1]["faults"] == [fault]
    assert cloud.admin("GET", "quotas")[1] == {"ml.p5.48xlarge for cluster usage": 1.0}
    # Objects that refer to each other still do: moto takes the rule back from the group that it finds.
    group = account["vpc_config"]["SecurityGroupIds"][0]
    rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    restart(cloud)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


def test_deleting_survives_too_and_leaves_no_bodies(cloud: FrontCloud) -> None:
    s3 = cloud.client("s3", "us-east-1")
    s3.create_bucket(Bucket="short-lived")
    bodies = cloud.state / "moto" / "s3-objects"
    before = set(bodies.iterdir())
    for number in range(3):
        s3.put_object(Bucket="short-lived", Key=f"k{number}", Body=b"body %d" % number)
    s3.copy_object(Bucket="short-lived", Key="copy", CopySource={"Bucket": "short-lived", "Key": "k0"})
    assert len(set(bodies.iterdir()) - before) == 3
    s3.delete_objects(Bucket="short-lived", Delete={"Objects": [{"Key": f"k{n}"} for n in range(3)]})
    assert len(set(bodies.iterdir()) - before) == 1
    restart(cloud)
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="short-lived")["Contents"]] == ["copy"]
    assert s3.get_object(Bucket="short-lived", Key="copy")["Body"].read() == b"body 0"
    s3.delete_object(Bucket="short-lived", Key="copy")
    s3.delete_bucket(Bucket="short-lived")
    restart(cloud)
    with pytest.raises(ClientError, match=r"404|Not Found"):
        s3.head_bucket(Bucket="short-lived")
    assert set(bodies.iterdir()) == before


def test_multipart_upload_goes_on_after_a_restart(cloud: FrontCloud) -> None:
    s3 = cloud.client("s3", "us-east-1")
    s3.create_bucket(Bucket="in-parts")
    upload = s3.create_multipart_upload(Bucket="in-parts", Key="k")["UploadId"]
    parts = []
    for number, content in enumerate([b"a" * 5_300_000, b"b"], start=1):
        part = s3.upload_part(Bucket="in-parts", Key="k", UploadId=upload, PartNumber=number, Body=content)
        parts.append({"ETag": part["ETag"], "PartNumber": number})
        if number == 1:
            restart(cloud)
    s3.complete_multipart_upload(Bucket="in-parts", Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="in-parts", Key="k")["Body"].read() == b"a" * 5_300_000 + b"b"


def test_a_put_does_not_write_other_objects_again(cloud: FrontCloud) -> None:
    s3 = cloud.client("s3", "us-east-1")
    s3.create_bucket(Bucket="large-and-small")
    s3.put_object(Bucket="large-and-small", Key="large", Body=os.urandom(20_000_000))
    before = {path: path.stat().st_mtime_ns for path in (cloud.state / "moto" / "s3-objects").iterdir()}
    s3.put_object(Bucket="large-and-small", Key="small", Body=b"x")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (cloud.state / "moto" / "s3.pickle").stat().st_size < 50_000


def test_managed_policies_and_public_images_are_not_written(cloud: FrontCloud) -> None:
    cloud.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=TRUST)
    cloud.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")
    assert (cloud.state / "moto" / "iam.pickle").stat().st_size < 1_000_000
    assert (cloud.state / "moto" / "rest.pickle").stat().st_size < 1_000_000


def test_log_events_are_there_after_a_moment_and_after_a_clean_end(cloud: FrontCloud) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")

    def put(message: str) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": message}
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])

    def messages() -> list[str]:
        events = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
        return [event["message"] for event in events]

    put("one")
    saved = cloud.state / "moto" / "logs.pickle"
    deadline = time.monotonic() + 10
    while b"one" not in saved.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    restart(cloud)
    assert messages() == ["one"]
    put("two")
    cloud.run("down")
    cloud.up()
    assert messages() == ["one", "two"]


def test_many_writers_at_once(cloud: FrontCloud) -> None:
    failed: list[BaseException] = []
    vpc = cloud.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def work(number: int) -> None:
        try:
            ec2, iam, far = cloud.client("ec2"), cloud.client("iam"), cloud.client("ec2", "eu-west-1")
            for step in range(4):
                ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number * 4 + step}.0/24")
                iam.create_role(RoleName=f"r-{number}-{step}", AssumeRolePolicyDocument=TRUST)
                ec2.describe_subnets()
                far.describe_vpcs()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    restart(cloud)
    found: list[dict[str, Any]] = cloud.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "Subnets"
    ]
    assert len(found) == 24
    roles = [role["RoleName"] for role in cloud.client("iam").list_roles()["Roles"]]
    assert len([name for name in roles if name.startswith("r-")]) == 24


def test_reset_by_moto_s_own_path_is_kept(cloud: FrontCloud) -> None:
    cloud.client("sqs").create_queue(QueueName="gone")
    assert cloud.raw("POST", "/moto-api/reset", b"")[0] == 200
    restart(cloud)
    assert "QueueUrls" not in cloud.client("sqs").list_queues()


def test_state_that_cannot_be_read_is_refused_with_the_fix(cloud: FrontCloud) -> None:
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.run("down")
    version = cloud.state / "moto" / "version.json"
    right = version.read_text()
    version.write_text(json.dumps({"moto": "1.0"}))
    done = cloud.run("up", code=1)
    assert "saved by moto 1.0" in done.stderr
    assert "down --purge" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert cloud.run("status", code=3).stdout.startswith("local_cloud 'state' is not up")
    version.write_text(right)
    (cloud.state / "moto" / "sqs.pickle").write_bytes(b"nonsense")
    done = cloud.run("up", code=1)
    assert "sqs.pickle can't be read" in done.stderr
    assert "down --purge" in done.stderr
