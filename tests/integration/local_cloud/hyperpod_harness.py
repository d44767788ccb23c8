# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server process with the records provider, and what a customer needs in an account before CreateCluster."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "sagemaker-podforge-test"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_SERVE = """
import sys
from local_cloud.paths import CloudPaths
from local_cloud.server import Server, ServerSettings, clean_environment
clean_environment()
name, port, speed = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
server = Server(ServerSettings(name=name, port=port, provider="records", speed=speed), CloudPaths.of(name))
server.serve(lambda: print("ready", flush=True))
"""


class Cloud:
    """One server; its state lives in ``folder``."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.folder = folder
        self.port = free_port()
        self.speed = speed
        self.process: subprocess.Popen[str] | None = None
        self.region = "us-west-2"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        environment = {**os.environ, "PODFORGE_STATE": str(self.folder), "PYTHONPATH": str(ROOT)}
        with (self.folder / "test-server.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, "enginetest", str(self.port), str(self.speed)],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", (self.folder / "test-server.log").read_text()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def client(self, service: str, region: str | None = None, key: str = "test") -> Any:
        """A boto3 client without retries, so that each error is seen, and without client-side checks."""
        return boto3.client(
            service,
            region_name=region or self.region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=key,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the admin endpoint."""
        token = json.loads((self.folder / "enginetest" / "server.json").read_text())["token"]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_local_cloud/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Admin-Token": token, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def remove(self) -> None:
        """Stop, and remove the state."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Account:
    """Network, role and bucket in one region of a cloud, and short ways to say things."""

    def __init__(
        self, cloud: Cloud, region: str = "us-west-2", bucket: str = BUCKET, cidr: str = "10.198.0.0/16"
    ) -> None:
        self.cloud = cloud
        self.region = region
        self.bucket = bucket
        ec2 = cloud.client("ec2", region)
        self.vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=f"{region}a")["Subnet"][
            "SubnetId"
        ]
        self.group = ec2.create_security_group(VpcId=self.vpc, GroupName="nodes", Description="nodes")["GroupId"]
        iam = cloud.client("iam", region)
        try:
            role = iam.create_role(RoleName="node", AssumeRolePolicyDocument=json.dumps(TRUST))
        except ClientError:
            role = iam.get_role(RoleName="node")
        self.role = role["Role"]["Arn"]
        self.s3 = cloud.client("s3", region)
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.s3.create_bucket(Bucket=bucket, **where)
        self.put("src/on_create.sh", b"#!/bin/bash\n")
        self.sagemaker = cloud.client("sagemaker", region)

    def put(self, key: str, body: bytes) -> None:
        """An object in the bucket."""
        self.s3.upload_fileobj(io.BytesIO(body), self.bucket, key)

    def group_spec(self, name: str, count: int, node_type: str | None = None, **more: Any) -> dict[str, Any]:
        """An instance group; None as a value leaves a member out."""
        spec: dict[str, Any] = {
            "InstanceGroupName": name,
            "InstanceType": "ml.c5.xlarge",
            "InstanceCount": count,
            "LifeCycleConfig": {"SourceS3Uri": f"s3://{self.bucket}/src", "OnCreate": "on_create.sh"},
            "ExecutionRole": self.role,
            "ThreadsPerCore": 1,
        }
        if node_type is not None:
            spec["SlurmConfig"] = {"NodeType": node_type}
            if node_type == "Compute":
                spec["SlurmConfig"]["PartitionNames"] = ["p1"]
        spec.update(more)
        return {member: value for member, value in spec.items() if value is not None}

    def request(self, name: str, workers: int = 2, **more: Any) -> dict[str, Any]:
        """Parameters of CreateCluster: controller, login, workers."""
        params: dict[str, Any] = {
            "ClusterName": name,
            "InstanceGroups": [
                self.group_spec("controller-machine", 1, "Controller"),
                self.group_spec("my-login-group", 1, "Login"),
                self.group_spec("worker-group-1", workers, "Compute"),
            ],
            "VpcConfig": {"SecurityGroupIds": [self.group], "Subnets": [self.subnet]},
        }
        params.update(more)
        return params

    def describe(self, name: str) -> dict[str, Any]:
        """DescribeCluster."""
        answer: dict[str, Any] = self.sagemaker.describe_cluster(ClusterName=name)
        return answer

    def nodes(self, name: str, **more: Any) -> list[dict[str, Any]]:
        """All pages of ListClusterNodes."""
        pages = self.sagemaker.get_paginator("list_cluster_nodes").paginate(ClusterName=name, **more)
        return [node for page in pages for node in page["ClusterNodeSummaries"]]

    def wait(self, name: str, *statuses: str, timeout: float = 20) -> dict[str, Any]:
        """Poll until the cluster is in one of the statuses."""
        return self.until(lambda: self.describe(name), lambda d: d["ClusterStatus"] in statuses, timeout)

    def until(self, read: Callable[[], Any], good: Callable[[Any], bool], timeout: float = 20) -> Any:
        """Poll until what is read is good."""
        end = time.monotonic() + timeout
        while True:
            value = read()
            if good(value):
                return value
            assert time.monotonic() < end, f"still {value}"
            time.sleep(0.05)

    def wait_gone(self, name: str, timeout: float = 20) -> None:
        """Poll until the cluster does not exist."""
        end = time.monotonic() + timeout
        while True:
            try:
                status = self.describe(name)["ClusterStatus"]
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFound":
                    return
                raise
            assert time.monotonic() < end, f"still {status}"
            time.sleep(0.05)

    def delete(self, name: str) -> None:
        """Delete and wait."""
        self.sagemaker.delete_cluster(ClusterName=name)
        self.wait_gone(name)

    def fault(self, kind: str, **more: Any) -> None:
        """Inject a fault."""
        self.cloud.admin("PUT", "faults", {"kind": kind, **more})


def error_of(call: Callable[..., Any], **params: Any) -> tuple[str, str, int]:
    """(code, message, HTTP status) of a call that must fail."""
    try:
        answer = call(**params)
    except ClientError as error:
        response = error.response
        return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"no error but {answer}")
