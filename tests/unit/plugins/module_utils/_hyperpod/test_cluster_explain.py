# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known messages lead to a cause and a fix."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.explain import explain

MESSAGES = [
    (
        "We currently do not have sufficient capacity for the requested instance type(s). Please try again.",
        "training plan",
    ),
    ("The account-level service limit 'ml.p5.48xlarge for cluster usage' is 0 Instances", "quota"),
    ("Configuration drift detected: node ip-10-0-0-1 is in partition dev", "slurm.conf was edited"),
    ("Both SlurmConfig and provisioning_parameters.json were found", "provisioning_parameters.json"),
    ("Exactly one instance group with node type Controller is required", "exactly one group of node_type Controller"),
    ("Found 2 controller groups", "exactly one group of node_type Controller"),
    ("PartitionNames must not be given for Login groups", "partition names belong to Compute"),
    ("LifeCycleConfig is required for EKS clusters", "no complete life_cycle_config"),
    ("OnCreate and OnInitComplete are mutually exclusive", "both entry points"),
    ("FSx configurations need a custom VPC", "in a VPC of yours"),
    ("EFA health checks did not run successfully", "all traffic to and from itself"),
    ("The security group sg-1 is not valid", "security group"),
    ("The subnet subnet-1 has a route to an internet gateway", "subnet is public"),
    ("There are not enough free IP addresses in subnet-1", "too few free addresses"),
    ("The subnet subnet-1 does not exist", "doesn't exist in this account"),
    ("Lifecycle scripts did not run successfully on instance i-1", "lifecycle script ended with an error"),
    ("Access denied for s3 object", "may not read"),
    ("SageMaker could not assume the role", "can't assume the execution role"),
    ("RequestLimitExceeded: DeleteNetworkInterface: Request limit exceeded", "throttled"),
    ("The instance timed out", "healthy in time"),
    ("The cluster agent failed to configure Slurm: KeyError: 'workers'.", "names an instance group"),
    ("Unknown partition gpu", "other partitions than the service"),
    ("Node ip-10-0-0-1 is in two partitions", "other partitions than the service"),
    ("Both SLURM config and provisioning_parameters.json are provided", "while the request has slurm_config"),
    ("Update required to use SlurmConfig in InstanceGroups. Missing in: workers.", "some have not"),
    ("SlurmConfig needs a compatible AMI", "image is too old"),
    ("Instance i-1 is configured as a Slurm controller node and can't be replaced.", "neither replaced nor deleted"),
    ("LifeCycleConfig is incomplete: SourceS3Uri is required.", "no complete life_cycle_config"),
    ("LifeCycleConfig is provided but empty.", "no complete life_cycle_config"),
    ("Deep health checks did not run successfully.", "did not pass the deep health check"),
    ("Instance bootstrap failed likely because of customer network misconfiguration.", "no way out of the subnet"),
    ("The training plan is not active", "training plan is not active"),
    ("The KMS key is disabled", "KMS key is disabled"),
    ("The EKS cluster arn:aws:eks:x must be in ACTIVE status.", "EKS cluster is not there or not active"),
    ("User: x is not authorized to perform: sagemaker:DescribeCluster", "lacks a permission"),
    ("InternalServerError: The service broke down on it in 3 calls.", "had a fault"),
    ("More than one controller node is not supported", "exactly one group of node_type Controller"),
    ("The subnet ID 'subnet-1' does not exist.", "doesn't exist in this account"),
    ("You cannot assume role arn:aws:iam::1:role/x", "can't assume the execution role"),
    ("Insufficient free addresses in the subnets of instance group w: 9 needed, 4 free.", "too few free addresses"),
    ("The S3 bucket 'nope' of SourceS3Uri s3://nope/x does not exist or is not accessible.", "may not read"),
    ("IncorrectInstance: NoSuchKey while reading s3", "may not read"),
]


@pytest.mark.parametrize(("message", "cause"), MESSAGES)
def test_known_messages(message: str, cause: str) -> None:
    found = explain([message])
    assert len(found) == 1
    assert cause in found[0].cause
    assert found[0].fix


def test_unknown_messages_and_doubles() -> None:
    assert explain(["something new"]) == []
    assert len(explain([MESSAGES[0][0], MESSAGES[0][0], "something new", MESSAGES[1][0]])) == 2
