# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of ``hyperpod_cluster`` that changes nothing, against a bare ``describe_cluster`` of boto3 in a fresh Python.

``python -m tests.bench.noop`` prints the ratio (aim: 1.5 at most) and where the time goes. Both sides are new processes
that ask the same local cloud (instances are records) about the same cluster; the module is run as Ansible runs it on a
host, without the playbook around it. Rounds alternate, the fastest of each side counts, so that what else runs on the
machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from tests.support.cloud import Cloud
from tests.support.cloud import wait_for

ROOT = Path(__file__).resolve().parents[2]
AIM = 1.5
ROUNDS = 7
CLUSTER = "bench"
MODULE = "ansible_collections.podforge.hyperpod.plugins.modules.hyperpod_cluster"
BARE = f"import boto3; boto3.client('sagemaker').describe_cluster(ClusterName='{CLUSTER}')"
# The parts of a run, each with all before it, in processes of their own.
PARTS = {
    "Python starts": "pass",
    "boto3 is imported": "import boto3",
    "the model is read, a client is made": "import boto3; boto3.client('sagemaker')",
    "the cluster is described": BARE,
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def fastest(commands: dict[str, tuple[list[str], str]], environment: dict[str, str]) -> dict[str, float]:
    """Seconds of the fastest run of each command and its input; they take turns. A command that fails ends it all."""
    best = dict.fromkeys(commands, float("inf"))
    for _round in range(ROUNDS):
        for name, (command, text) in commands.items():
            began = time.monotonic()
            done = subprocess.run(
                command, env=environment, cwd=ROOT, input=text, capture_output=True, text=True, check=False
            )
            best[name] = min(best[name], time.monotonic() - began)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stdout}{done.stderr}")
    return best


def make_cluster(environment: dict[str, str]) -> dict[str, Any]:
    """A small Slurm cluster; returns options that name what it has."""
    where = {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    iam, sagemaker = boto3.client("iam", **where), boto3.client("sagemaker", **where)
    role = iam.create_role(RoleName="node", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    groups = {"controller": {"NodeType": "Controller"}, "workers": {"NodeType": "Compute", "PartitionNames": ["p1"]}}
    sagemaker.create_cluster(
        ClusterName=CLUSTER,
        InstanceGroups=[
            {
                "InstanceGroupName": name,
                "InstanceType": "ml.c5.xlarge",
                "InstanceCount": 1,
                "ExecutionRole": role,
                "SlurmConfig": slurm,
            }
            for name, slurm in groups.items()
        ],
        Tags=[{"Key": "team", "Value": "a"}],
    )
    wait_for(
        "the cluster is in service",
        lambda: sagemaker.describe_cluster(ClusterName=CLUSTER)["ClusterStatus"] == "InService",
        120,
    )
    wanted = [{"instance_group_name": name, "instance_count": 1, "execution_role": role} for name in groups]
    return {"name": CLUSTER, "instance_groups": wanted, "tags": {"team": "a"}}


def measure() -> dict[str, float]:
    """Seconds of each part, and of the whole module."""
    cloud = Cloud("noop", provider="records", speed=600)
    cloud.purge()
    try:
        cloud.up()
        environment = cloud.environment
        task = json.dumps({"ANSIBLE_MODULE_ARGS": make_cluster(environment)})
        commands = {name: ([sys.executable, "-c", code], "") for name, code in PARTS.items()}
        commands["the module's code is imported"] = ([sys.executable, "-c", f"import {MODULE}"], "")
        commands["the module"] = ([sys.executable, "-m", MODULE], task)
        done = subprocess.run(
            commands["the module"][0],
            env=environment,
            cwd=ROOT,
            input=task,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or json.loads(done.stdout)["changed"]:
            raise SystemExit(f"the task is to change nothing, and to work:\n{done.stdout}{done.stderr}")
        return fastest(commands, environment)
    finally:
        cloud.purge()


def main() -> int:
    """Measure and print; 0 if it could be measured, whether or not the aim is reached."""
    parser = argparse.ArgumentParser(description="hyperpod_cluster that changes nothing / a bare describe_cluster")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    measured = measure()
    bare, module = measured["the cluster is described"], measured["the module"]
    if arguments.json:
        print(json.dumps({"module_seconds": module, "bare_seconds": bare, "parts": measured}))
        return 0
    verdict = "reached" if module / bare <= AIM else "NOT reached"
    print(f"hyperpod_cluster, no change / bare describe: {module / bare:.2f}   aim {AIM:.2f} {verdict}")
    print("where the time goes, seconds from the start of the process, fastest of each")
    for name, seconds in measured.items():
        print(f"  {name:<40} {seconds:6.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
