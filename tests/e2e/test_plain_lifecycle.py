# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local cloud with nothing of this collection: awscli and a lifecycle script in plain bash, legacy Slurm form."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.cloud import Cloud
from tests.support.cloud import wait_for

HERE = Path(__file__).parent / "plain_lifecycle"
BUCKET, ROLE, CLUSTER = "sagemaker-plain-lifecycle", "plain-node", "plain"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
PARAMETERS = {
    "version": "1.0.0",
    "workload_manager": "slurm",
    "controller_group": "head",
    "worker_groups": [{"instance_group_name": "work", "partition_name": "dev"}],
}


def group(name: str, role: str) -> dict[str, object]:
    """One instance group of one node."""
    return {
        "InstanceGroupName": name,
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 1,
        "LifeCycleConfig": {"SourceS3Uri": f"s3://{BUCKET}/src", "OnCreate": "on_create.sh"},
        "ExecutionRole": role,
        "ThreadsPerCore": 1,
    }


def test_a_plain_bash_lifecycle_makes_a_working_cluster(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "provisioning_parameters.json").write_text(json.dumps(PARAMETERS))
    (tmp_path / "greeting.txt").write_text("hello\n")
    region = cloud.environment["AWS_REGION"]
    cloud.aws(
        "s3api", "create-bucket", "--bucket", BUCKET, "--create-bucket-configuration", f"LocationConstraint={region}"
    )
    for file in (HERE / "on_create.sh", tmp_path / "provisioning_parameters.json", tmp_path / "greeting.txt"):
        cloud.aws("s3api", "put-object", "--bucket", BUCKET, "--key", f"src/{file.name}", "--body", str(file))
    role = cloud.aws("iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document", json.dumps(TRUST))[
        "Role"
    ]["Arn"]
    groups = json.dumps([group("head", role), group("work", role)])
    cloud.aws("sagemaker", "create-cluster", "--cluster-name", CLUSTER, "--instance-groups", groups)

    def settled() -> str | None:
        status = cloud.aws("sagemaker", "describe-cluster", "--cluster-name", CLUSTER)["ClusterStatus"]
        return status if status != "Creating" else None

    status = wait_for("the cluster", settled, 600, pause=2)
    assert status == "InService", cloud.cli("logs", "--cluster", CLUSTER, check=False).stdout[-4000:]
    head, work = cloud.in_group(CLUSTER, "head")[0], cloud.in_group(CLUSTER, "work")[0]
    wait_for(
        "sinfo", lambda: "idle" in cloud.shell(head, "sinfo --noheader --partition=dev --format %T", check=False), 180
    )
    host = cloud.shell(work, "hostname").strip()
    assert cloud.shell(head, "srun --partition=dev hostname").strip() == host
    assert cloud.shell(head, "cat /fsx/plain-work").strip() == "hello from work"
    log = cloud.shell(work, "cat /var/log/provision/provisioning.log")
    assert "HOME=unset" in log
    assert "[done]" in log

    cloud.aws("sagemaker", "delete-cluster", "--cluster-name", CLUSTER)
    wait_for("deletion", lambda: CLUSTER not in str(cloud.aws("sagemaker", "list-clusters")), 300, pause=2)
    cloud.aws("s3", "rb", f"s3://{BUCKET}", "--force")
    cloud.aws("iam", "delete-role", "--role-name", ROLE)
