# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published pair, cluster-config.json and provisioning_parameters.json, as a description."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[4] / "fixtures"


def pair(name="aws-docs-slurm"):
    return {
        "cluster_config_file": str(FIXTURES / name / "cluster-config.json"),
        "provisioning_parameters_file": str(FIXTURES / name / "provisioning_parameters.json"),
    }


def test_the_published_pair_unchanged(run):
    result, findings = run(**pair())
    assert findings == []
    assert result["form"] == "published"
    assert result["provisioning_parameters"] == json.loads(
        (FIXTURES / "aws-docs-slurm" / "provisioning_parameters.json").read_text()
    )
    assert result["node_types"] == {
        "controller-machine": "controller",
        "my-login-group": "login",
        "worker-group-1": "compute",
    }
    assert result["partitions"] == {"partition-1": ["worker-group-1"]}
    assert result["execution_role"] == {
        "mode": "use",
        "name": "iam-role-for-cluster",
        "arn": "arn:aws:iam::111122223333:role/iam-role-for-cluster",
    }
    assert result["cluster"]["instance_groups"][0]["instance_storage_configs"] == [
        {"ebs_volume_config": {"volume_size_in_gb": 500}}
    ]


def test_a_description_that_is_only_a_default_gives_way(run):
    result, findings = run(description={"cluster_name": "x"}, description_is_default=True, **pair())
    assert findings == []
    assert result["form"] == "published"


def test_the_role_of_the_published_pair_can_be_made_by_name(run):
    result, findings = run({"make_execution_role": True}, **pair())
    assert findings == []
    assert result["execution_role"] == {"mode": "create", "name": "iam-role-for-cluster", "arn": None}
    assert all("execution_role" not in group for group in result["cluster"]["instance_groups"])


def test_blanks_of_the_documentation_are_filled_by_variables(run):
    _result, findings = run(**pair("aws-docs-slurm-blanks"))
    assert {finding.check for finding in findings} == {"blank"}
    assert all("hyperpod_execution_role" in finding.fix for finding in findings)
    result, findings = run({"execution_role": {"name": "r"}}, **pair("aws-docs-slurm-blanks"))
    assert findings == []
    assert result["execution_role"]["name"] == "r"
    assert result["lifecycle"]["bucket"] == "sagemaker-my-hyperpod-cluster-{account_id}-{region}"


def test_variables_win_over_the_published_pair(run):
    overrides = {
        "network": {"vpc_cidr": "10.0.0.0/16", "availability_zones": ["us-west-2a", "us-west-2b"]},
        "lifecycle_bucket": {"name": "sagemaker-mine"},
        "region": "us-west-2",
        "tags": {"a": 1},
    }
    result, findings = run(overrides, **pair())
    assert findings == []
    assert result["region"] == "us-west-2"
    assert [subnet["cidr"] for subnet in result["network"]["private_subnets"]] == ["10.0.0.0/18", "10.0.64.0/18"]
    assert result["lifecycle"]["bucket"] == "sagemaker-mine"
    assert result["cluster"]["tags"] == {"a": "1"}


def edited(tmp_path, config=None, form=None):
    paths = pair()
    for key, edit in (("cluster_config_file", config), ("provisioning_parameters_file", form)):
        data = json.loads(Path(paths[key]).read_text())
        if edit:
            edit(data)
        paths[key] = str(tmp_path / Path(paths[key]).name)
        Path(paths[key]).write_text(json.dumps(data, indent=2))
    return paths


BAD_PAIRS = [
    (
        "config",
        lambda d: d["InstanceGroups"][2].update(InstanceGroupName="workers"),
        "group_consistency",
        "cluster-config",
    ),
    ("form", lambda d: d.update(login_group="my-login-grup"), "group_consistency", "did you mean 'my-login-group'"),
    ("form", lambda d: d.pop("login_group"), "group_consistency", "controller_group, login_group or worker_groups"),
    ("form", lambda d: d.update(login_group="controller-machine"), "group_consistency", "name each group once"),
    ("form", lambda d: d.update(version="2.0"), "bad_value", "write '1.0.0'"),
    ("form", lambda d: d.update(workload_manager="pbs"), "bad_value", "write 'slurm'"),
    ("form", lambda d: d.update(controler_group="x"), "unknown_key", "did you mean 'controller_group'"),
    ("form", lambda d: d.update(fsx_dns_name="fs-1"), "missing_key", "add 'fsx_mountname'"),
    ("form", lambda d: d["worker_groups"][0].pop("partition_name"), "missing_key", "add 'partition_name'"),
    ("form", lambda d: d["worker_groups"][0].update(partition_name="a b"), "bad_value", "letters, digits"),
    ("form", lambda d: d.update(worker_groups={"a": 1}), "wrong_type", "write a list"),
    (
        "config",
        lambda d: d["InstanceGroups"][0].update(SlurmConfig={"NodeType": "Controller"}),
        "both_forms",
        "take SlurmConfig",
    ),
    ("config", lambda d: d["InstanceGroups"][0].update(InstanceCount="1"), "wrong_type", "write a whole number"),
    ("config", lambda d: d["InstanceGroups"][0].update(InstancType="x"), "unknown_key", "did you mean 'InstanceType'"),
    ("config", lambda d: d["InstanceGroups"].append(dict(d["InstanceGroups"][2])), "duplicate_group", "its own name"),
    ("config", lambda d: d["InstanceGroups"][0].update(InstanceType="ml.c5.xl"), "instance_type", "did you mean"),
    ("config", lambda d: d["InstanceGroups"][0].pop("ExecutionRole"), "missing_key", "hyperpod_execution_role"),
    ("config", lambda d: d["InstanceGroups"][0].update(ExecutionRole="role"), "bad_value", "arn:aws:iam"),
    (
        "config",
        lambda d: d.update(VpcConfig={"Subnets": ["$SUBNET_ID"], "SecurityGroupIds": ["sg-1"]}),
        "blank",
        "hyperpod_network",
    ),
]


@pytest.mark.parametrize("case", BAD_PAIRS, ids=[f"{n}-{b[2]}" for n, b in enumerate(BAD_PAIRS)])
def test_mistakes_in_the_published_pair(run, tmp_path, case):
    which, edit, check, fix = case
    _result, findings = run(**edited(tmp_path, **{which: edit}))
    shown = [finding.text() for finding in findings]
    assert findings, "nothing was found"
    assert {finding.check for finding in findings} == {check}, shown
    assert any(fix in finding.fix for finding in findings), shown
    assert all(".json" in finding.where for finding in findings)
    if check != "group_consistency":
        assert len(findings) == 1, shown


def test_a_request_with_slurm_config_needs_no_second_file(run, tmp_path):
    def edit(data):
        for index, kind in enumerate(["Controller", "Login", "Compute"]):
            data["InstanceGroups"][index]["SlurmConfig"] = {"NodeType": kind}
        data["InstanceGroups"][2]["SlurmConfig"]["PartitionNames"] = ["p1"]

    paths = edited(tmp_path, config=edit)
    del paths["provisioning_parameters_file"]
    result, findings = run(**paths)
    assert findings == []
    assert result["provisioning_parameters"] is None
    assert result["node_types"]["controller-machine"] == "controller"


def test_a_request_without_any_node_type_is_refused(run):
    paths = pair()
    del paths["provisioning_parameters_file"]
    _result, findings = run(**paths)
    assert [finding.check for finding in findings] == ["slurm_roles"]
    assert "provisioning_parameters.json" in findings[0].fix
