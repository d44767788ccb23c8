# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance of local_cloud that is started and ended by its own command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-west-2"
ACCOUNT = "123456789012"
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "test"
QUICK = Config(retries={"total_max_attempts": 1}, read_timeout=30)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class FrontCloud:
    """One instance with the records provider; ``close`` removes all of it."""

    def __init__(self, name: str = "front") -> None:
        self.name = name
        # Not pytest's folder: a socket's path is short.
        self.folder = Path(tempfile.mkdtemp(prefix="podforge-front-"))
        self.port = free_port()
        self._session = boto3.session.Session()
        self._lock = threading.Lock()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "PODFORGE_STATE": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.folder / self.name

    def run(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line; ``code``: the exit status it must have."""
        command = [sys.executable, "-m", "local_cloud", *arguments, "--name", self.name]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert code is None or done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *arguments: str) -> str:
        return self.run("up", "--port", str(self.port), "--provider", "records", *arguments).stdout

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads((self.state / "server.json").read_text())
        return settings

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        pid = self.settings["pid"]
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        # the folder of a process may go while it is read
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def close(self) -> None:
        self.run("down", "--purge", code=None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, service: str, region: str = REGION, **overrides: Any) -> Any:
        settings: dict[str, Any] = {
            "region_name": region,
            "endpoint_url": self.url,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "config": QUICK,
        }
        # One session reads each model once; making clients isn't thread-safe.
        with self._lock:
            return self._session.client(service, **{**settings, **overrides})

    def client_of_account(self, service: str, account: str, region: str = REGION) -> Any:
        """A client with a role session in another account."""
        arn = f"arn:aws:iam::{account}:role/visitor"
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return self.client(
            service,
            region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def admin(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """A raw call below /_local_cloud/; returns status and JSON."""
        headers = {"X-Admin-Token": self.settings["token"] if token is None else token}
        return self.raw(method, f"/_local_cloud/{path}", json.dumps(body).encode() if body else None, headers)

    def raw(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """A request without any SDK; returns status and JSON, or the text."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode()

    def sagemaker(self, operation: str, body: Any, region: str = REGION) -> tuple[int, Any]:
        """An operation as a client sends that checks nothing; ``body`` bytes go as they are."""
        scope = f"{KEY}/20260101/{region}/sagemaker/aws4_request"
        headers = {
            "X-Amz-Target": f"SageMaker.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00",
        }
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.raw("POST", "/", content, headers)
        return status, answer


def make_account(cloud: FrontCloud, bucket: str = "sagemaker-front-test") -> dict[str, Any]:
    """Network, role and staged script, as a customer has them; returns an instance group's settings and a VpcConfig."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="lifecycle/on_create.sh", Body=b"#!/bin/sh\nexit 0\n")
    role = cloud.client("iam").create_role(RoleName="node", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    return {
        "group": {
            "InstanceGroupName": "controller",
            "InstanceType": "ml.c5.xlarge",
            "InstanceCount": 1,
            "ExecutionRole": role,
            "LifeCycleConfig": {"SourceS3Uri": f"s3://{bucket}/lifecycle", "OnCreate": "on_create.sh"},
        },
        "vpc_config": {"SecurityGroupIds": [group], "Subnets": [subnet]},
    }
