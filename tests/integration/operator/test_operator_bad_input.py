# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mistake gives one message that names place and fix, and nothing is made."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from operator_harness import Operator
from operator_harness import pair

OWN = "inventory/local/group_vars/all/cluster.yml"
Edit = Callable[[dict[str, Any]], None]

# what, edit of our own description, words of the message
OURS: list[tuple[str, Edit, list[str]]] = [
    (
        "unknown key",
        lambda d: d["instance_groups"][2].update(instance_cuont=2),
        ["cluster.yml:", "instance_groups[2].instance_cuont", "did you mean 'instance_count'"],
    ),
    (
        "wrong type",
        lambda d: d["instance_groups"][2].update(instance_count="two"),
        ["cluster.yml:", "instance_groups[2].instance_count", "write a whole number"],
    ),
    (
        "duplicate group",
        lambda d: d["instance_groups"][1].update(instance_group_name="worker-group-1"),
        ["cluster.yml:", "instance_groups[2].instance_group_name", "stands twice", "give each group its own name"],
    ),
    (
        "unknown instance type",
        lambda d: d["instance_groups"][2].update(instance_type="ml.c5.xlrage"),
        ["cluster.yml:", "instance_groups[2].instance_type", "did you mean 'ml.c5.xlarge'"],
    ),
    (
        "region and zone don't fit",
        lambda d: d.update(region="eu-west-1"),
        ["cluster.yml:", "network.availability_zones[0]", "zone such as eu-west-1a"],
    ),
]


@pytest.fixture(autouse=True)
def _nothing_is_made(operator: Operator) -> Any:
    before = operator.made()
    yield
    assert operator.made() == before


@pytest.mark.parametrize(("what", "edit", "words"), OURS, ids=[case[0] for case in OURS])
def test_in_our_own_description(operator: Operator, what: str, edit: Edit, words: list[str]) -> None:
    """The file that sets the variable is named, with the line."""
    path = operator.tree / OWN
    original = path.read_text()
    data = yaml.safe_load(original)
    edit(data["hyperpod_description"])
    try:
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        run = operator.play("cluster")
    finally:
        path.write_text(original)
    said(run, words, what)


def said(run: Any, words: list[str], what: str) -> None:
    """One finding, with all words, and a play that failed."""
    assert run.status != 0, run.output
    assert len(run.findings) == 1, (what, run.output)
    assert "findings:" not in run.output, "the message alone, not the same again as data"
    finding = " ".join(run.findings[0].split())
    assert "Fix: " in finding
    for word in words:
        assert word in finding, (word, finding)


PAIRS: list[tuple[str, Any, list[str]]] = [
    (
        "group of the form is not in the request",
        lambda config, form: form.update(login_group="my-login-grp"),
        ["provisioning_parameters.json:5", "login_group", "my-login-grp", "did you mean 'my-login-group'"],
    ),
    (
        "group of the request is not in the form",
        lambda config, form: form.pop("login_group"),
        ["cluster-config.json:", "InstanceGroups[1].InstanceGroupName", "my-login-group", "name it in"],
    ),
    (
        "both forms",
        lambda config, form: config["InstanceGroups"][0].update(SlurmConfig={"NodeType": "Controller"}),
        ["cluster-config.json:", "InstanceGroups[0].SlurmConfig", "take SlurmConfig away"],
    ),
]


@pytest.mark.parametrize(("what", "edit", "words"), PAIRS, ids=[case[0] for case in PAIRS])
def test_in_the_published_pair(operator: Operator, tmp_path: Path, what: str, edit: Any, words: list[str]) -> None:
    """Between the two files."""
    said(operator.play("cluster", pair(tmp_path, edit)), words, what)


def test_broken_json(operator: Operator, tmp_path: Path) -> None:
    """The place, by line and column."""
    files = pair(tmp_path, lambda config, form: None)
    path = Path(files["hyperpod_provisioning_parameters_file"])
    path.write_text(path.read_text().replace('"slurm",', '"slurm"'))
    said(operator.play("cluster", files), [f"{path}:4:", "not valid JSON", "comma"], "broken JSON")


def test_names_of_files_start_where_the_command_was_typed(operator: Operator) -> None:
    """As with every program; modules run in the folder of the playbook."""
    (operator.tree / "mine.json").write_text('{"ClusterName": "x",}')
    said(operator.play("cluster", {"hyperpod_cluster_config_file": "mine.json"}), ["mine.json:1:", "comma"], "relative")


def test_broken_variables_of_the_inventory(operator: Operator) -> None:
    """ansible-core names neither file nor line."""
    path = operator.tree / OWN
    original = path.read_text()
    try:
        path.write_text(original + "bad: [1\nx: 2\n")
        run = operator.play("cluster")
    finally:
        path.write_text(original)
    assert run.status != 0
    text = " ".join(run.output.split())
    assert f"{OWN}:{len(original.splitlines()) + 2}:" in text, run.output
    assert "not valid YAML" in text
    assert "Fix: check the indentation" in text


def test_broken_yaml(operator: Operator, tmp_path: Path) -> None:
    """The place, by line and column."""
    path = tmp_path / "cluster.yml"
    path.write_text("cluster_name: demo\ninstance_groups:\n  - a: 1\n b: 2\n")
    variables = {"hyperpod_description_file": str(path)}
    said(operator.play("cluster", variables), [f"{path}:4:", "not valid YAML", "indentation"], "broken YAML")


def test_missing_script(operator: Operator) -> None:
    """The user's own lifecycle files, without the entry script."""
    bucket = "sagemaker-lifecycle-111122223333"  # as in the published pair
    s3 = operator.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    try:
        run = operator.play("cluster", {**pair(Path()), "hyperpod_lifecycle_managed": False})
    finally:
        s3.delete_bucket(Bucket=bucket)
    said(run, [f"s3://{bucket}/src/on_create.sh", "is not there", "upload it"], "missing script")


def test_wrong_region(operator: Operator) -> None:
    """A name that no region has."""
    said(
        operator.play("cluster", {"hyperpod_region": "us-west-22"}),
        ["'us-west-22'", "did you mean 'us-west-2'"],
        "region",
    )


def test_no_credentials(operator: Operator) -> None:
    """Neither in variables nor in the environment."""
    run = operator.play("cluster", {"hyperpod_access_key": "", "hyperpod_secret_key": ""})
    said(run, ["No AWS credentials", "AWS_PROFILE"], "credentials")


def test_api_not_running(operator: Operator) -> None:
    """Nobody at the endpoint."""
    url = "http://127.0.0.1:9"
    run = operator.play("cluster", {"hyperpod_local_cloud": False, "hyperpod_endpoint_url": url})
    said(run, [url, "not running", "make cluster", "python -m local_cloud up"], "API")


def test_every_finding_at_once(operator: Operator, tmp_path: Path) -> None:
    """Several mistakes in both files are several findings of one run."""

    def edit(config: dict[str, Any], form: dict[str, Any]) -> None:
        config["InstanceGroups"][0]["InstanceCount"] = "1"
        config["InstanceGroups"].append(copy.deepcopy(config["InstanceGroups"][2]))
        form["version"] = "2"

    run = operator.play("cluster", pair(tmp_path, edit))
    assert run.status != 0
    assert len(run.findings) == 3, run.output
