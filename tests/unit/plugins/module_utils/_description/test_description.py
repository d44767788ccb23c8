# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description of a cluster: what is read, what is refused, in which words."""

from __future__ import annotations

import copy

import pytest
import yaml
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.describe import broken_variable_files

GOOD = {
    "cluster_name": "demo",
    "region": "us-west-2",
    "network": {"vpc_cidr": "10.198.0.0/16", "availability_zones": ["us-west-2a"]},
    "execution_role": {"name": "podforge-demo-node"},
    "lifecycle_bucket": {"name": "sagemaker-podforge-demo-{account_id}"},
    "node_vars": {"chrony_servers": ["169.254.169.123"]},
    "orchestrator": {"slurm": {"slurm_config_strategy": "Managed"}},
    "tags": {"Project": "x"},
    "instance_groups": [
        {
            "instance_group_name": "controller-machine",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 1,
            "slurm_config": {"node_type": "Controller"},
        },
        {
            "instance_group_name": "my-login-group",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 1,
            "slurm_config": {"node_type": "Login"},
        },
        {
            "instance_group_name": "worker-group-1",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 2,
            "threads_per_core": 1,
            "instance_storage_configs": [{"ebs_volume_config": {"volume_size_in_gb": 500}}],
            "slurm_config": {"node_type": "Compute", "partition_names": ["p1"]},
        },
    ],
}


def changed(path, value):
    """GOOD with one value replaced, or removed when it is None."""
    data = copy.deepcopy(GOOD)
    level = data
    for part in path[:-1]:
        level = level[part]
    if value is None:
        del level[path[-1]]
    else:
        level[path[-1]] = value
    return data


def test_how_far_updates_may_go(run):
    result, findings = run(description={**GOOD, "purge_instance_groups": True, "allow_scale_down": "yes"})
    assert findings == []
    assert result["cluster"]["purge_instance_groups"] is True
    assert result["cluster"]["allow_scale_down"] is True
    _none, findings = run(description={**GOOD, "allow_scale_down": "perhaps"})
    assert [finding.check for finding in findings] == ["wrong_type"]
    assert "allow_scale_down" in findings[0].where
    assert "purge_instance_groups" not in run(description=GOOD)[0]["cluster"]


def test_our_form(run):
    result, findings = run(description=GOOD)
    assert findings == []
    assert result["cluster_name"] == "demo"
    assert result["cluster"]["orchestrator"] == {"slurm": {"slurm_config_strategy": "Managed"}}
    assert result["cluster"]["instance_groups"] == GOOD["instance_groups"]
    assert result["cluster"]["tags"] == {"Project": "x"}
    assert result["node_types"] == {
        "controller-machine": "controller",
        "my-login-group": "login",
        "worker-group-1": "compute",
    }
    assert result["partitions"] == {"p1": ["worker-group-1"]}
    assert result["nodes"] == {"total": 4, "by_type": {"ml.c5.xlarge": 4}}
    assert result["execution_role"] == {"mode": "create", "name": "podforge-demo-node", "arn": None}
    assert result["lifecycle"] == {"managed": True, "bucket": "sagemaker-podforge-demo-{account_id}"}
    assert result["provisioning_parameters"] is None
    assert result["network"]["private_subnets"] == [
        {"name": "demo-private-us-west-2a", "cidr": "10.198.0.0/18", "availability_zone": "us-west-2a"}
    ]
    assert result["network"]["public_subnet"]["cidr"] == "10.198.192.0/24"


def test_numbers_from_templates_may_be_strings(run):
    result, findings = run(description=changed(["instance_groups", 2, "instance_count"], "3"))
    assert findings == []
    assert result["cluster"]["instance_groups"][2]["instance_count"] == 3


def test_defaults_for_what_is_left_out(run):
    data = {key: GOOD[key] for key in ("cluster_name", "instance_groups")}
    result, findings = run(description=data)
    assert findings == []
    assert result["network"] == {"mode": "none"}
    assert result["execution_role"]["name"] == "demo-node"
    assert result["lifecycle"]["bucket"] == "sagemaker-demo-{account_id}-{region}"
    assert "tags" not in result["cluster"]


BAD = [
    (["instance_groups", 1, "instance_typ"], "ml.c5.xlarge", "unknown_key", "did you mean 'instance_type'"),
    (["regoin"], "us-west-2", "unknown_key", "did you mean 'region'"),
    (["instance_groups", 2, "slurm_config", "partitions"], ["p1"], "unknown_key", "did you mean 'partition_names'"),
    (["instance_groups", 0, "instance_count"], "one", "wrong_type", "write a whole number"),
    (["instance_groups", 0, "instance_count"], True, "wrong_type", "write a whole number"),
    (["instance_groups"], {"a": 1}, "wrong_type", "write a list"),
    (["instance_groups", 1], "login", "wrong_type", "write a mapping"),
    (["network"], "10.0.0.0/16", "wrong_type", "write a mapping"),
    (["network", "nat_gateway"], "maybe", "wrong_type", "write true or false"),
    (["network", "vpc_cidr"], "10.198.0.0/33", "network", "write a block such as"),
    (["network", "vpc_cidr"], "10.198.0.0/28", "network", "use /16 to /24"),
    (["network", "availability_zones"], ["usw2-az4"], "network", "give its name in your account"),
    (["network", "vpc_id"], "vpc-1", "network", "keep the keys of one"),
    (["network"], {"subnet_ids": ["subnet-1"]}, "missing_key", "add 'security_group_ids'"),
    (["execution_role"], {"name": "a", "arn": "arn:aws:iam::123456789012:role/a"}, "execution_role", "keep one"),
    (["execution_role"], {"arn": "iam-role"}, "execution_role", "or 'name' instead"),
    (["execution_role"], {}, "missing_key", "add 'name'"),
    (["lifecycle_bucket"], {"name": "Big_Bucket"}, "lifecycle_bucket", "use 3 to 63 small letters"),
    (["region"], "oregon", "region", "us-west-2"),
    (["cluster_name"], "my_cluster", "bad_value", "letters, digits and inner hyphens"),
    (["cluster_name"], None, "missing_key", "add 'cluster_name'"),
    (["instance_groups"], None, "missing_key", "add 'instance_groups'"),
    (["instance_groups", 0, "instance_type"], "ml.c5.xlrge", "instance_type", "did you mean 'ml.c5.xlarge'"),
    (["instance_groups", 0, "instance_type"], "c5.xlarge", "instance_type", "did you mean 'ml.c5.xlarge'"),
    (["instance_groups", 0, "instance_type"], None, "missing_key", "add 'instance_type'"),
    (["instance_groups", 1, "instance_group_name"], "worker-group-1", "duplicate_group", "its own name"),
    (["instance_groups", 1, "instance_group_name"], "login_group", "bad_value", "inner hyphens"),
    (["instance_groups", 2, "threads_per_core"], 3, "out_of_range", "use 1 to 2"),
    (["instance_groups", 0, "slurm_config", "node_type"], "Head", "bad_value", "use one of"),
    (["instance_groups", 0, "slurm_config", "node_type"], "Login", "slurm_roles", "in exactly one group"),
    (["instance_groups", 0, "instance_count"], 2, "slurm_roles", "set it to 1"),
    (["instance_groups", 2, "slurm_config"], {"node_type": "Compute"}, "partitions", "add partition_names"),
    (
        ["instance_groups", 1, "slurm_config"],
        {"node_type": "Login", "partition_names": ["p1"]},
        "partitions",
        "take partition_names away",
    ),
    (["instance_groups", 1, "slurm_config"], None, "slurm_roles", "Controller, Login or Compute"),
    (
        ["orchestrator"],
        {"eks": {"cluster_arn": "arn:aws:eks:us-west-2:123456789012:cluster/x"}},
        "orchestrator",
        "module",
    ),
    (["instance_groups", 2, "min_instance_count"], 1, "counts", "Continuous"),
    (
        ["instance_groups", 2, "instance_requirements"],
        {"instance_types": ["ml.c5.xlarge"]},
        "instance_choice",
        "keep one",
    ),
    (
        ["instance_groups", 2, "life_cycle_config"],
        {"on_create": "a.sh", "on_init_complete": "b.sh"},
        "lifecycle",
        "keep one",
    ),
    (
        ["instance_groups", 2, "instance_storage_configs"],
        [
            {
                "ebs_volume_config": {"volume_size_in_gb": 1},
                "fsx_lustre_config": {"dns_name": "fs-12345678.fsx.us-west-2.amazonaws.com", "mount_name": "a"},
            }
        ],
        "union",
        "keep one",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "check", "fix"), BAD, ids=[f"{'.'.join(map(str, b[0]))}-{b[2]}" for b in BAD]
)
def test_one_finding_for_one_mistake(run, path, value, check, fix):
    result, findings = run(description=changed(path, value))
    shown = [finding.text() for finding in findings]
    if check == "instance_choice":
        # several types also need the other provisioning mode
        findings = findings[:1]
    if path[-1] == "node_type" and value == "Login":
        # no controller, and two login groups
        findings = findings[:1]
    assert [finding.check for finding in findings] == [check], shown
    assert fix in findings[0].fix
    assert "hyperpod_description" in findings[0].where
    assert result == {}


def test_names_of_files_start_from_a_given_folder(run, tmp_path):
    (tmp_path / "mine.yml").write_text(yaml.safe_dump(changed(["nodes"], 4)))
    _result, findings = run(description_file="mine.yml", relative_to=str(tmp_path))
    assert [finding.check for finding in findings] == ["unknown_key"]
    _result, (missing,) = run(description_file="other.yml", relative_to=str(tmp_path))
    assert f"looked for as {tmp_path}/other.yml" in missing.fix
    _result, findings = run(description_file=str(tmp_path / "mine.yml"), relative_to="/nowhere")
    assert [finding.check for finding in findings] == ["unknown_key"]


@pytest.mark.parametrize("how", ["description", "variable"])
def test_a_zone_of_another_region(run, how):
    if how == "description":
        _result, (finding,) = run(description=changed(["region"], "eu-west-1"))
        assert "network.availability_zones[0]" in finding.where
    else:
        network = {"vpc_cidr": "10.198.0.0/16", "availability_zones": ["eu-west-1a"]}
        _result, (finding,) = run(description=GOOD, overrides={"network": network})
        assert finding.where.startswith("hyperpod_network")
    assert "is not an availability zone of the region" in finding.what
    assert "a, or correct the region" in finding.fix
    # the preflight will know: nobody says which region, or it is none
    assert run(description=changed(["region"], "us-west-22"))[1] == []
    assert run(description={key: value for key, value in GOOD.items() if key != "region"})[1] == []


def test_broken_files_of_variables_are_found(tmp_path):
    folder = tmp_path / "group_vars" / "all"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n---\nb: 1\n")
    (folder / "encrypted.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n31323334\n35363738\n")
    assert broken_variable_files(tmp_path) == []
    (folder / "bad.yml").write_text("a: 1\n b: 2\n")
    (tmp_path / "hosts.yml").write_text("all:\n")
    for place in (tmp_path, tmp_path / "hosts.yml"):
        (finding,) = broken_variable_files(place)
        assert finding.where == f"{folder}/bad.yml:2:3"
        assert "not valid YAML" in finding.what


def test_every_finding_at_once(run):
    data = changed(["instance_groups", 1, "instance_count"], "two")
    data["cluster_name"] = "-x"
    data["instance_groups"][2]["instance_group_name"] = "controller-machine"
    data["nodes"] = 4
    _result, findings = run(description=data)
    assert sorted(finding.check for finding in findings) == [
        "bad_value",
        "duplicate_group",
        "unknown_key",
        "wrong_type",
    ]


def test_the_file_that_sets_the_variable_is_named_with_the_line(run, tmp_path):
    folder = tmp_path / "group_vars" / "all"
    folder.mkdir(parents=True)
    data = changed(["instance_groups", 2, "instance_count"], "two")
    (folder / "cluster.yml").write_text(
        "# a comment\n" + yaml.safe_dump({"hyperpod_description": data}, sort_keys=False)
    )
    (folder / "other.yml").write_text("hyperpod_other: 1\n")
    _result, findings = run(description=data, search_paths=[str(tmp_path)])
    text = (folder / "cluster.yml").read_text().splitlines()
    line = 1 + next(number for number, row in enumerate(text) if "instance_count: two" in row)
    assert findings[0].where.endswith(f"cluster.yml:{line}: hyperpod_description.instance_groups[2].instance_count")


@pytest.mark.parametrize(
    "case",
    [
        ("a.yml", "cluster_name: demo\ninstance_groups:\n  - a: 1\n b: 2\n", "a.yml:4:", "not valid YAML"),
        ("a.yml", "cluster_name: demo\ncluster_name: other\n", "a.yml:2", "stands twice"),
        ("a.json", '{\n  "ClusterName": "x",\n}\n', "a.json:", "not valid JSON"),
        ("a.json", '{"ClusterName": "x" "InstanceGroups": []}', "a.json:1:21", "not valid JSON"),
        ("a.json", '{"ClusterName": <name>}', "a.json:1:17", "not valid JSON"),
        ("a.json", "[]", "a.json", "a mapping is wanted"),
    ],
)
def test_broken_files(run, tmp_path, case):
    name, text, place, what = case
    (tmp_path / name).write_text(text)
    key = "description_file" if name.endswith("yml") else "cluster_config_file"
    _result, findings = run(**{key: str(tmp_path / name)})
    found = next(finding for finding in findings if what in finding.what)
    assert place in found.where
    assert found.fix
    if "not valid" in what or "mapping" in what:
        assert len(findings) == 1


def test_a_missing_file_is_named(run, tmp_path):
    _result, findings = run(cluster_config_file=str(tmp_path / "no.json"))
    assert [finding.check for finding in findings] == ["file"]
    assert "no.json" in findings[0].where


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({}, "Nothing describes the cluster"),
        ({"description": GOOD, "cluster_config_file": "x.json"}, "several ways at once"),
        ({"description": GOOD, "provisioning_parameters_file": "x.json"}, "without hyperpod_cluster_config_file"),
    ],
)
def test_the_choice_of_forms(run, params, what):
    _result, findings = run(**params)
    assert len(findings) == 1
    assert what in findings[0].what
