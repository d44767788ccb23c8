# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published pair of the AWS documentation, unchanged: killed again and again, finished, run again, removed.

The tests build on each other, in the order of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from operator_harness import Operator
from operator_harness import pair

CLUSTER = "my-hyperpod-cluster"
ONE_OF_EACH = {
    "clusters": 1,
    "buckets": 1,
    "roles": 1,
    "vpcs": 1,
    "subnets": 2,
    "security groups": 1,
    "nat gateways": 1,
    "internet gateways": 1,
    "endpoints": 1,
    "addresses": 1,
}


@pytest.fixture(name="variables")
def _variables() -> dict[str, Any]:
    return pair(Path())


def test_check_mode_of_an_empty_account(operator: Operator, variables: dict[str, Any]) -> None:
    """It says what would be made, and makes nothing."""
    run = operator.play("cluster", variables, "--check")
    assert run.status == 0, run.output
    assert "role iam-role-for-cluster" in run.output
    assert run.changed == 1
    assert not any(operator.made().values())


@pytest.mark.one_core
@pytest.mark.parametrize("at", ["TASK [NAT gateway]", "TASK [Bundle]", " Creating |"])
def test_killed(operator: Operator, variables: dict[str, Any], at: str) -> None:
    """Each run goes on where the one before was killed."""
    operator.play_and_kill("cluster", variables, at)


def test_the_next_run_finishes_the_job(operator: Operator, variables: dict[str, Any]) -> None:
    """Everything is there, once."""
    run = operator.play("cluster", variables)
    assert run.status == 0, run.output
    assert run.deprecations == []
    assert operator.made() == ONE_OF_EACH
    described = operator.client("sagemaker").describe_cluster(ClusterName=CLUSTER)
    assert described["ClusterStatus"] == "InService"
    groups = {group["InstanceGroupName"]: group for group in described["InstanceGroups"]}
    assert groups["worker-group-1"]["InstanceType"] == "ml.trn1.32xlarge"
    assert all(group["ExecutionRole"].endswith(":role/iam-role-for-cluster") for group in groups.values())
    # the table of the nodes, and the next command
    for word in (
        "controller-machine",
        "my-login-group",
        "worker-group-1",
        "aws sagemaker list-cluster-nodes --cluster-name my-hyperpod-cluster",
    ):
        assert word in run.output


def test_the_legacy_form_is_staged_as_it_is(operator: Operator, variables: dict[str, Any]) -> None:
    """HyperPod reads it from the place of the lifecycle files."""
    described = operator.client("sagemaker").describe_cluster(ClusterName=CLUSTER)
    bucket, prefix = (
        described["InstanceGroups"][0]["LifeCycleConfig"]["SourceS3Uri"].removeprefix("s3://").split("/", 1)
    )
    staged = (
        operator.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/provisioning_parameters.json")["Body"].read()
    )
    published = Path(variables["hyperpod_provisioning_parameters_file"]).read_text()
    assert json.loads(staged) == json.loads(published)


def test_a_second_run_changes_nothing(operator: Operator, variables: dict[str, Any]) -> None:
    """changed=0 in the recap."""
    run = operator.play("cluster", variables)
    assert run.status == 0, run.output
    assert run.changed == 0, run.output


def counts(operator: Operator) -> dict[str, int]:
    described = operator.client("sagemaker").describe_cluster(ClusterName=CLUSTER)
    return {group["InstanceGroupName"]: group["CurrentCount"] for group in described["InstanceGroups"]}


def sources(operator: Operator) -> set[str]:
    described = operator.client("sagemaker").describe_cluster(ClusterName=CLUSTER)
    return {group["LifeCycleConfig"]["SourceS3Uri"] for group in described["InstanceGroups"]}


@pytest.mark.one_core
def test_a_changed_description_updates_the_cluster(operator: Operator, tmp_path: Path) -> None:
    """More instances, and another lifecycle bundle, to which all groups are moved."""
    before = sources(operator)

    def grow(config: dict[str, Any], _form: dict[str, Any]) -> None:
        config["InstanceGroups"][1]["InstanceCount"] = 2

    run = operator.play("cluster", {**pair(tmp_path, grow), "hyperpod_node_vars": {"chrony_dhcp_sources": True}})
    assert run.status == 0, run.output
    assert "UpdateCluster: instance_groups[" in run.output
    assert counts(operator) == {"controller-machine": 1, "my-login-group": 2, "worker-group-1": 1}
    after = sources(operator)
    assert len(after) == 1
    assert after != before


@pytest.mark.one_core
def test_fewer_instances_have_to_be_allowed(operator: Operator, variables: dict[str, Any]) -> None:
    """Refused with the way around, and done when a variable says so."""
    refused = operator.play("cluster", variables)
    assert refused.status != 0
    assert "allow_scale_down: true" in " ".join(refused.output.split())
    assert counts(operator)["my-login-group"] == 2
    run = operator.play("cluster", {**variables, "hyperpod_allow_scale_down": True})
    assert run.status == 0, run.output
    assert counts(operator) == {"controller-machine": 1, "my-login-group": 1, "worker-group-1": 1}


def test_check_mode_of_a_built_cluster(operator: Operator, variables: dict[str, Any]) -> None:
    """Nothing would change."""
    run = operator.play("cluster", variables, "--check")
    assert run.status == 0, run.output
    assert run.changed == 0, run.output


def test_the_inventory(operator: Operator) -> None:
    """Groups and variables of the nodes, with the roles of the legacy form."""
    listed = operator.inventory()
    hosts = listed["_meta"]["hostvars"]
    nodes = {name: values for name, values in hosts.items() if "hyperpod_cluster_name" in values}
    assert len(nodes) == 3
    assert {values["hyperpod_role"] for values in nodes.values()} == {"controller", "login", "compute"}
    controller = listed["hyperpod_role_controller"]["hosts"][0]
    assert nodes[controller]["hyperpod_instance_group"] == "controller-machine"
    assert nodes[controller]["ansible_connection"] == "podforge.hyperpod.podman"
    assert nodes[controller]["hyperpod_ssm_target"].startswith("sagemaker-cluster:")
    worker = nodes[listed["hyperpod_role_compute"]["hosts"][0]]
    assert worker["hyperpod_partitions"] == ["partition-1"]
    assert set(listed["hyperpod_cluster_my_hyperpod_cluster"]["hosts"]) == set(nodes)


def test_teardown_asks_first(operator: Operator, variables: dict[str, Any]) -> None:
    """With the inventory of a real account it wants the cluster's name."""
    run = operator.play("teardown", {**variables, "hyperpod_teardown_confirm": ""})
    assert run.status != 0
    assert f"hyperpod_teardown_confirm={CLUSTER}" in " ".join(run.output.split())
    assert operator.made() == ONE_OF_EACH


@pytest.mark.one_core
@pytest.mark.parametrize("at", ["Deleting |", "TASK [NAT gateway]"])
def test_teardown_killed(operator: Operator, variables: dict[str, Any], at: str) -> None:
    """Each run goes on where the one before was killed."""
    operator.play_and_kill("teardown", variables, at)


def test_teardown_leaves_what_it_did_not_make(operator: Operator, variables: dict[str, Any]) -> None:
    """A role and a VPC of somebody else, the role by the name that the description uses."""
    ec2, iam = operator.client("ec2"), operator.client("iam")
    foreign = ec2.create_vpc(CidrBlock="10.250.0.0/16")["Vpc"]["VpcId"]
    trust = (operator.tree / "playbooks" / "files" / "node_trust.json").read_text()
    iam.create_role(RoleName="somebody-else", AssumeRolePolicyDocument=trust)
    run = operator.play("teardown", {**variables, "hyperpod_execution_role": {"name": "somebody-else"}})
    assert run.status == 0, run.output
    assert [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == [foreign]
    assert "somebody-else" in [role["RoleName"] for role in iam.list_roles()["Roles"]]
    ec2.delete_vpc(VpcId=foreign)
    iam.delete_role(RoleName="somebody-else")


def test_teardown_to_the_end_and_again(operator: Operator, variables: dict[str, Any]) -> None:
    """Nothing is left; a second run changes nothing."""
    run = operator.play("teardown", variables)
    assert run.status == 0, run.output
    assert not any(operator.made().values()), operator.made()
    again = operator.play("teardown", variables)
    assert again.status == 0, again.output
    assert again.changed == 0, again.output
