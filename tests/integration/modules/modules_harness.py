# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local cloud of our own over HTTP (instances are records), and Ansible run for real against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import TypeVar

import boto3
from botocore.config import Config

from tests.support.processes import kill
from tools import permissions

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-west-2"
PREFIX = "podforge.hyperpod."
SERVE = """
import logging
import sys
from local_cloud.paths import CloudPaths
from local_cloud.server import Server, ServerSettings, clean_environment
clean_environment()
logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
settings = ServerSettings(
    name="modules", port=int(sys.argv[1]), provider="records", speed=float(sys.argv[2]), enforce_iam=True
)
Server(settings, CloudPaths.of("modules")).serve(lambda: None)
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def eventually(look: Callable[[], T | None], seconds: float = 60) -> T:
    """What ``look`` finds, as soon as it finds something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


@dataclass(frozen=True)
class Keys:
    """Credentials."""

    key: str
    secret: str


# A key that nobody made is the account's root user.
ROOT_KEYS = Keys("AKIAMODULES", "secret-of-the-tests")
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})


@dataclass
class Cloud:
    """The running cloud: ``place`` has the ids that clusters are made of."""

    url: str
    port: int
    state: Path
    speed: float
    process: subprocess.Popen[bytes] | None = None
    place: dict[str, str] = field(default_factory=dict)
    keys: dict[frozenset[str], Keys] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = (self.state / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.port), str(self.speed)],
            cwd=ROOT,
            env={**os.environ, "PODFORGE_STATE": str(self.state), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.url}/_local_cloud/health", timeout=5).read()
            except OSError:
                assert self.process.poll() is None, (self.state / "serve.log").read_text()
                time.sleep(0.2)
            else:
                return
        raise AssertionError("the local cloud does not answer")

    def stop(self) -> None:
        """End the server."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=60)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Call the admin endpoint."""
        token = json.loads((self.state / "modules" / "server.json").read_text())["token"]
        request = urllib.request.Request(
            f"{self.url}/_local_cloud/{path}",
            method=method,
            data=json.dumps(body).encode(),
            headers={"X-Admin-Token": token},
        )
        return json.loads(urllib.request.urlopen(request, timeout=60).read())

    def fault(self, kind: str, **more: Any) -> None:
        """Inject a fault."""
        self.admin("PUT", "faults", {"kind": kind, **more})

    def set_speed(self, speed: float) -> None:
        """Virtual seconds per second."""
        self.admin("PUT", "speed", {"speed": speed})

    def client(self, service: str) -> Any:
        """A plain client of the account's root user."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ROOT_KEYS.key,
            aws_secret_access_key=ROOT_KEYS.secret,
            config=PATIENT,
        )

    def at_rest(self, name: str) -> dict[str, Any]:
        """The answer of DescribeCluster when the cluster is in service and complete."""
        client = self.client("sagemaker")

        def look() -> dict[str, Any] | None:
            told: dict[str, Any] = client.describe_cluster(ClusterName=name)
            groups = [*told["InstanceGroups"], *told.get("RestrictedInstanceGroups", [])]
            busy = any(
                group["CurrentCount"] != group["TargetCount"]
                or group.get("ActiveOperations")
                or group["Status"] != "InService"
                for group in groups
            )
            return None if busy or told["ClusterStatus"] != "InService" else told

        return eventually(look)

    def kubernetes(self, name: str) -> str:
        """ARN of an EKS cluster, made if it isn't there."""
        eks = self.client("eks")
        if name not in eks.list_clusters()["clusters"]:
            network = {"subnetIds": [self.place["subnet"]], "securityGroupIds": [self.place["group"]]}
            access = {"authenticationMode": "API"}
            eks.create_cluster(name=name, roleArn=self.place["role"], resourcesVpcConfig=network, accessConfig=access)
        arn: str = eks.describe_cluster(name=name)["cluster"]["arn"]
        return arn

    def training_plan(self, name: str, instance_type: str, until: str = "", **search: Any) -> str:
        """ARN of a training plan, made if it isn't there, as soon as it can be used, or has a status.

        ``search`` is what is to be searched for among the offerings.
        """
        sagemaker = self.client("sagemaker")
        if name not in {plan["TrainingPlanName"] for plan in sagemaker.list_training_plans()["TrainingPlanSummaries"]}:
            wanted = {"InstanceCount": 4, "DurationHours": 24 * 182, "TargetResources": ["hyperpod-cluster"], **search}
            found = sagemaker.search_training_plan_offerings(InstanceType=instance_type, **wanted)
            offering = found["TrainingPlanOfferings"][0]["TrainingPlanOfferingId"]
            sagemaker.create_training_plan(TrainingPlanName=name, TrainingPlanOfferingId=offering)

        def look() -> str | None:
            told = sagemaker.describe_training_plan(TrainingPlanName=name)
            wanted = told["Status"] == until if until else told["Status"] != "Pending"
            return str(told["TrainingPlanArn"]) if wanted else None

        return eventually(look)

    def keys_for(self, plugins: frozenset[str]) -> Keys:
        """Keys of a user who may do what the documentation of these plugins names, and nothing else."""
        if not plugins:
            return ROOT_KEYS
        if plugins not in self.keys:
            self.keys[plugins] = self.user(f"user-{len(self.keys)}", permissions.policy(plugins))
        return self.keys[plugins]

    def user(self, name: str, policy: dict[str, Any]) -> Keys:
        """Keys of a new user who has the policy."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        self.allow(name, policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"])

    def allow(self, name: str, policy: dict[str, Any]) -> None:
        """Give a user this policy instead of the one it has."""
        self.client("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))

    def requests(self) -> list[str]:
        """Operations that were asked for until now, such as ``sagemaker:ListTags``, in their order."""
        lines = (self.state / "serve.log").read_text().splitlines()
        return [line.split()[1] for line in lines if line.startswith("local_cloud.access ")]

    def found(self) -> None:
        """Make the network, role and bucket that clusters need."""
        ec2, iam, s3 = self.client("ec2"), self.client("iam"), self.client("s3")
        vpc = ec2.create_vpc(CidrBlock="10.198.0.0/16")["Vpc"]["VpcId"]
        zone = f"{REGION}a"
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.198.0.0/20", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
        to_itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=to_itself)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=to_itself)
        role = iam.create_role(RoleName="node", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        bucket = "sagemaker-modules"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        for prefix in ("one", "two"):
            s3.put_object(Bucket=bucket, Key=f"{prefix}/on_create.sh", Body=b"#!/bin/sh\n")
        self.place = {"subnet": subnet, "group": group, "role": role, "bucket": bucket}


@dataclass
class Played:
    """What a play left: the result of each task, and what was on the terminal."""

    results: list[dict[str, Any]]
    output: str

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.results[index]

    def progress(self, name: str) -> list[str]:
        """Lines about a cluster."""
        return [line for line in self.output.splitlines() if line.startswith(f"{name} 0")]


class Ansible:
    """Runs tasks in a real ansible-playbook."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder

    def environment(self, keys: Keys = ROOT_KEYS, **more: str) -> dict[str, str]:
        """Environment of ansible-playbook; nothing of the user's AWS settings gets in."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        return {
            **inherited,
            "AWS_ENDPOINT_URL": self.cloud.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys.key,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "ANSIBLE_HOME": str(self.folder / "home"),
            # Ansible writes jobs to $HOME and looks for them in the home that passwd has
            "ANSIBLE_ASYNC_DIR": str(self.folder / "async"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FILTER_PLUGINS": str(Path(__file__).parent / "filter_plugins"),
            "ANSIBLE_NOCOLOR": "1",
            **more,
        }

    def command(self, tasks: list[dict[str, Any]]) -> tuple[list[str], Path]:
        """Write the playbook; returns the command and the file that will hold the results."""
        results = self.folder / f"results-{time.monotonic_ns()}.json"
        names = [f"result_{index}" for index in range(len(tasks))]
        steps: list[dict[str, Any]] = [
            {"ignore_errors": True, **task, "register": name} for task, name in zip(tasks, names, strict=True)
        ]
        listed = "{{ [" + ", ".join(names) + "] | to_json | kept_in('" + str(results) + "') }}"
        steps.append({"ansible.builtin.debug": {"msg": listed}})
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": steps,
        }
        playbook = self.folder / f"play-{time.monotonic_ns()}.json"
        playbook.write_text(json.dumps([play]))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "-i", "localhost,", str(playbook)], results

    def start(self, *tasks: dict[str, Any]) -> tuple[subprocess.Popen[str], Path]:
        """Start a play, in a session of its own, with no more rights than its modules' documentation names.

        The file will hold the results.
        """
        command, results = self.command(list(tasks))
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(self.cloud.keys_for(plugins_of(tasks))),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return running, results

    def play(self, *tasks: dict[str, Any], at: dict[str, Callable[[], None]] | None = None) -> Played:
        """Run tasks one after the other, failed ones too. ``at``: what to do at the first line that has some words."""
        running, results = self.start(*tasks)
        lines, ahead = [], list((at or {}).items())
        with running:
            assert running.stdout is not None
            try:
                for line in running.stdout:
                    lines.append(line)
                    if ahead and ahead[0][0] in line:
                        ahead.pop(0)[1]()
            except BaseException:
                # a playbook whose output nobody reads any more never ends
                kill(running)
                raise
        output = "".join(lines)
        assert results.exists(), output
        assert not ahead, f"no line has {ahead[0][0]!r}: {output}"
        for secret in (ROOT_KEYS.secret, *(keys.secret for keys in self.cloud.keys.values())):
            assert secret not in output + results.read_text()
        return Played(json.loads(results.read_text()), output)

    def group(self, name: str, count: int, kind: str = "Compute", **more: Any) -> dict[str, Any]:
        """A group of a Slurm cluster."""
        slurm: dict[str, Any] = {"node_type": kind}
        if kind == "Compute":
            slurm["partition_names"] = ["p1"]
        return {
            "instance_group_name": name,
            "instance_type": "ml.c5.xlarge",
            "instance_count": count,
            "execution_role": self.cloud.place["role"],
            "life_cycle_config": self.lifecycle("one"),
            "slurm_config": slurm,
            **more,
        }

    def lifecycle(self, prefix: str) -> dict[str, str]:
        """Lifecycle files in the bucket."""
        return {"source_s3_uri": f"s3://{self.cloud.place['bucket']}/{prefix}", "on_create": "on_create.sh"}

    def wish(self, name: str, workers: int = 2, **more: Any) -> dict[str, Any]:
        """Options of a Slurm cluster with a controller and workers."""
        return {
            "name": name,
            "orchestrator": {"slurm": {"slurm_config_strategy": "Managed"}},
            "vpc_config": {
                "security_group_ids": [self.cloud.place["group"]],
                "subnets": [self.cloud.place["subnet"]],
            },
            "instance_groups": [self.group("controller", 1, "Controller"), self.group("workers", workers)],
            "wait_delay": 1,
            "wait_timeout": 120,
            **more,
        }


def plugins_of(tasks: Iterable[dict[str, Any]]) -> frozenset[str]:
    """Names of our modules in tasks."""
    return frozenset(key.removeprefix(PREFIX) for task in tasks for key in task if key.startswith(PREFIX))


def cluster(options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """A task of hyperpod_cluster; keywords are the task's own (check_mode, diff, ...)."""
    return {"podforge.hyperpod.hyperpod_cluster": options, **keywords}
