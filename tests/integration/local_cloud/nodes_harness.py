# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's side of the agent protocol, and moto behind the same socket: all that nodes need of an API."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import BaseWSGIServer
from werkzeug.serving import make_server

from local_cloud.providers.base import NodeSpec

ACCOUNT = "123456789012"
REGION = "us-west-2"
VPC_CIDR = "10.46.0.0/16"
SUBNET_CIDR = "10.46.4.0/24"
CLUSTER = "Nodes-Demo"
CLUSTER_ID = "abcdefghijkl"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:cluster/{CLUSTER_ID}"
BUCKET = "sagemaker-nodes-demo"
MUNGE_KEY = "not-a-secret-" * 8
AGENT = re.compile(r"^/_local_cloud/agent/v1/nodes/(i-[0-9a-f]{17})(/events)?$")


def wait(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer of the condition."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} seconds: {what}; last seen: {found!r}"
        time.sleep(0.5)


def make_spec(cloud: str, group: str, number: int, last: int, **changes: Any) -> NodeSpec:
    """An instance of the demo cluster at 10.46.4.<last>."""
    address = f"10.46.4.{last}"
    facts: dict[str, Any] = {
        "cloud": cloud,
        "account_id": ACCOUNT,
        "region": REGION,
        "partition": "aws",
        "cluster_arn": ARN,
        "cluster_id": CLUSTER_ID,
        "cluster_name": CLUSTER,
        "instance_group": group,
        "instance_id": f"i-{last:017x}",
        "instance_type": "ml.c5.xlarge",
        "instance_name": f"{group}-{number}",
        "node_logical_id": f"{last:010x}",
        "availability_zone": f"{REGION}a",
        "availability_zone_id": "usw2-az1",
        "vpc_id": "vpc-0a1",
        "vpc_cidr": VPC_CIDR,
        "subnet_id": "subnet-0a1",
        "subnet_cidr": SUBNET_CIDR,
        "ip_address": address,
        "agent_ip_address": str(ipaddress.IPv4Address("172.16.0.0") + last),
        "hostname": f"ip-{address.replace('.', '-')}",
        "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/demo",
        "source_s3_uri": f"s3://{BUCKET}/lifecycle",
        "on_create": "on_create.sh",
        "on_init_complete": None,
        "ebs_volume_gb": None,
        "mounts": ("/fsx",),
        "threads_per_core": 1,
        "orchestrator": "Slurm",
        "image_id": "ami-0a1",
        "image_release_version": "1.0",
        "agent_token": f"token-{last}",
    }
    return NodeSpec(**{**facts, **changes})


class Harness:
    """Two listeners of one application, documents of the nodes, and the events they sent."""

    def __init__(self, state: Path, port: int) -> None:
        self.port = port
        self.socket = state / "socket" / "api.sock"
        self.socket.parent.mkdir(mode=0o700, parents=True)
        self.specs: dict[str, NodeSpec] = {}
        self.types = {"controller-machine": "Controller", "worker-group-1": "Compute", "my-login-group": "Login"}
        self.attempts: dict[str, int] = {}
        self.lifecycle: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.refuse_logs = False
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._servers: list[BaseWSGIServer] = []
        self.start()

    def start(self) -> None:
        """Listen."""
        self._servers = [
            make_server("127.0.0.1", self.port, self, threaded=True),
            make_server(f"unix://{self.socket}", 0, self, threaded=True),
        ]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self.socket.unlink(missing_ok=True)

    def client(self, service: str) -> Any:
        """A client of moto."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="AKIAHARNESS",
            aws_secret_access_key="harness",
        )

    def add(self, spec: NodeSpec) -> NodeSpec:
        """Make an instance known."""
        self.specs[spec.instance_id] = spec
        return spec

    def kinds(self, spec: NodeSpec) -> list[str]:
        """Types of the events of an instance, in order."""
        return [event["type"] for instance, event in self.events if instance == spec.instance_id]

    def last(self, spec: NodeSpec, kind: str) -> dict[str, Any] | None:
        """The newest event of that type."""
        found = [event for instance, event in self.events if instance == spec.instance_id and event["type"] == kind]
        return found[-1] if found else None

    def log_lines(self, spec: NodeSpec) -> list[str]:
        """What CloudWatch Logs has of an instance; nothing when the stream is not there."""
        logs = self.client("logs")
        try:
            answer = logs.get_log_events(
                logGroupName=f"/aws/sagemaker/Clusters/{CLUSTER}/{CLUSTER_ID}",
                logStreamName=f"LifecycleConfig/{spec.instance_group}/{spec.instance_id}",
                startFromHead=True,
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in answer["events"]]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """The WSGI application."""
        match = AGENT.match(environ["PATH_INFO"])
        if match is None:
            if self.refuse_logs and "Logs_2014" in environ.get("HTTP_X_AMZ_TARGET", ""):
                start_response("503 Service Unavailable", [("Content-Length", "0")])
                return [b""]
            return self._moto(environ, start_response)
        spec = self.specs.get(match.group(1))
        if spec is None or environ.get("HTTP_X_AGENT_TOKEN") != spec.agent_token:
            start_response("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        if match.group(2):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            self.events.append((spec.instance_id, json.loads(body)))
            start_response("204 No Content", [])
            return [b""]
        data = json.dumps(self.document(spec)).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
        return [data]

    def document(self, spec: NodeSpec) -> dict[str, Any]:
        """The agent document, as the service answers it."""
        resource = json.dumps(self.resource_config(), indent=2)
        workers = [{"instance_group_name": "worker-group-1", "partition_name": "partition-1"}]
        parameters = {
            "version": "1.0.0",
            "workload_manager": "slurm",
            "controller_group": "controller-machine",
            "worker_groups": workers,
        }
        secret = {"mode": "0640", "owner": "root", "group": "root"}
        lifecycle = {
            "source_s3_uri": spec.source_s3_uri,
            "on_create": spec.on_create,
            "on_init_complete": spec.on_init_complete,
            "attempt": self.attempts.get(spec.instance_id, 1),
            "wanted": True,
        }
        controllers = [s.ip_address for s in self.specs.values() if self.types[s.instance_group] == "Controller"]
        return {
            "revision": 1,
            "files": {
                "/opt/ml/config/resource_config.json": {"content": resource, **secret},
                "/opt/ml/config/provisioning_parameters.json": {"content": json.dumps(parameters), **secret},
                "/etc/munge/munge.key": {"content": MUNGE_KEY, "mode": "0400", "owner": "munge", "group": "munge"},
            },
            "hosts": [[s.ip_address, s.hostname] for s in self.specs.values()],
            "lifecycle": {**lifecycle, **self.lifecycle.get(spec.instance_id, {})},
            "credentials": {
                "AccessKeyId": "ASIANODE",
                "SecretAccessKey": "node-secret",
                "Token": "node-token",
                "Expiration": "2099-01-01T00:00:00Z",
            },
            "imds": {
                "instance-id": spec.instance_id,
                "instance-type": spec.instance_type.removeprefix("ml."),
                "region": REGION,
                "availability-zone": spec.availability_zone,
                "availability-zone-id": spec.availability_zone_id,
                "local-ipv4": spec.ip_address,
                "iam-role": "demo",
            },
            "cluster": {
                "arn": ARN,
                "id": CLUSTER_ID,
                "name": CLUSTER,
                "orchestrator": spec.orchestrator,
                "slurm": {
                    "controllers": controllers,
                    "node_type": self.types[spec.instance_group],
                    "strategy": "Managed",
                },
            },
        }

    def resource_config(self) -> dict[str, Any]:
        """The inventory: all instances that are known."""
        groups: list[dict[str, Any]] = []
        for name in self.types:
            instances = [
                {
                    "InstanceName": s.instance_name,
                    "AgentIpAddress": s.agent_ip_address,
                    "CustomerIpAddress": s.ip_address,
                    "InstanceId": s.instance_id,
                    "InstanceLabel": None,
                }
                for s in self.specs.values()
                if s.instance_group == name
            ]
            types = [s.instance_type for s in self.specs.values() if s.instance_group == name]
            kind = types[0] if types else "ml.c5.xlarge"
            groups.append({"Name": name, "InstanceType": kind, "Instances": instances or None})
        cluster = {"ClusterArn": ARN, "ClusterName": CLUSTER}
        return {"ClusterConfig": cluster, "ClusterType": "Slurm", "InstanceGroups": groups}


def run_in(container: str, command: str, check: bool = True) -> str:
    """What a shell command in a container prints, errors included."""
    done = subprocess.run(
        ["podman", "exec", container, "bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    if check and done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
    return done.stdout
