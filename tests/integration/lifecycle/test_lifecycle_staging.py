# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_lifecycle against S3: staged whole, once, completed, pruned, removed; and what it refuses."""

from __future__ import annotations

from typing import Any

import boto3
from modules_harness import REGION
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

PYTHON = "3.11"  # of the nodes, whatever runs this
NAMES = ["bundle.tar", "manifest.json", "on_create.sh"]


def lifecycle(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    """A task; keywords that a task has itself go there."""
    keywords = {key: more.pop(key) for key in ("check_mode", "diff", "environment") if key in more}
    options = {"cluster_name": name, "bucket": cloud.place["bucket"], "node_pythons": [PYTHON], **more}
    return {"podforge.hyperpod.hyperpod_lifecycle": options, **keywords}


def keys(cloud: Cloud, prefix: str) -> list[str]:
    answer = cloud.client("s3").list_objects_v2(Bucket=cloud.place["bucket"], Prefix=prefix)
    return [item["Key"] for item in answer.get("Contents", [])]


def test_staged_once_and_completed(ansible: Ansible, cloud: Cloud) -> None:
    legacy = {"version": "1.0.0", "controller_group": "c"}
    checked, staged, again, other = ansible.play(
        lifecycle(cloud, "once", check_mode=True, diff=True),
        lifecycle(cloud, "once", diff=True),
        lifecycle(cloud, "once", diff=True),
        lifecycle(cloud, "once", provisioning_parameters=legacy, node_vars={"a": 1}),
    ).results
    assert checked["changed"], checked
    assert checked["lifecycle"] == staged["lifecycle"]
    assert checked["uploaded"] == staged["uploaded"] == NAMES
    found = staged["lifecycle"]
    assert found["source_s3_uri"] == f"s3://{cloud.place['bucket']}/podforge/once/{found['content_id']}"
    assert found["on_create"] == "on_create.sh"
    assert staged["diff"]["before"] == {"objects": []}
    assert staged["diff"]["after"] == {"objects": [f"{found['prefix']}/{name}" for name in NAMES]}
    assert (again["changed"], again["uploaded"], again["lifecycle"]) == (False, [], found)
    assert again["diff"]["before"] == again["diff"]["after"]
    assert other["lifecycle"]["content_id"] != found["content_id"]
    assert other["uploaded"] == ["bundle.tar", "provisioning_parameters.json", "manifest.json", "on_create.sh"]
    assert len(keys(cloud, found["prefix"])) == 3

    # as a killed run leaves it, and as somebody's hand does: same size, other content
    s3 = cloud.client("s3")
    s3.delete_object(Bucket=found["bucket"], Key=f"{found['prefix']}/on_create.sh")
    manifest = f"{found['prefix']}/manifest.json"
    size = s3.head_object(Bucket=found["bucket"], Key=manifest)["ContentLength"]
    s3.put_object(Bucket=found["bucket"], Key=manifest, Body=b"x" * size)
    completed, same = ansible.play(lifecycle(cloud, "once"), lifecycle(cloud, "once")).results
    assert completed["uploaded"] == ["manifest.json", "on_create.sh"], completed
    assert not same["changed"]


def test_old_bundles_go_but_not_those_in_use(ansible: Ansible, cloud: Cloud) -> None:
    first, second = ansible.play(
        lifecycle(cloud, "used", node_vars={"a": 1}), lifecycle(cloud, "used", node_vars={"a": 2})
    ).results
    config = {"source_s3_uri": first["lifecycle"]["source_s3_uri"], "on_create": "on_create.sh"}
    head = ansible.group("head", 1, "Controller", life_cycle_config=config)
    wish = {**ansible.wish("used"), "instance_groups": [head]}
    made, third, refused, gone, forced, nothing = ansible.play(
        cluster(wish),
        lifecycle(cloud, "used", node_vars={"a": 3}, prune_age=0),
        lifecycle(cloud, "used", state="absent"),
        cluster({"name": "used", "state": "absent", "wait_delay": 1}),
        lifecycle(cloud, "used", state="absent", diff=True),
        lifecycle(cloud, "used", state="absent"),
    ).results
    assert made["changed"], made
    assert third["removed"] == [second["lifecycle"]["content_id"]], third
    assert f"still refers to {first['lifecycle']['source_s3_uri']}" in refused["msg"]
    assert gone["changed"]
    assert forced["removed"] == sorted([first["lifecycle"]["content_id"], third["lifecycle"]["content_id"]])
    assert keys(cloud, "podforge/used/") == []
    assert (nothing["changed"], nothing["removed"]) == (False, [])


def test_refused_with_one_clear_message(ansible: Ansible, cloud: Cloud) -> None:
    elsewhere = "sagemaker-elsewhere"
    s3 = boto3.client(
        "s3", "eu-west-1", endpoint_url=cloud.url, aws_access_key_id="AKIAMODULES", aws_secret_access_key="x"
    )
    s3.create_bucket(Bucket=elsewhere, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    results = ansible.play(
        lifecycle(cloud, "bad", bucket="sagemaker-none"),
        lifecycle(cloud, "bad", bucket="sagemaker-none", check_mode=True),
        lifecycle(cloud, "bad", bucket=elsewhere),
        lifecycle(cloud, "bad", node_vars={"db": {"password": "hunter2-planted"}}),
        lifecycle(cloud, "bad", node_pythons=["3.9"]),
        lifecycle(cloud, "bad", collections=["nobody.nothing"]),
        lifecycle(cloud, "bad", wheels_dir="/nowhere", cache_dir=str(ansible.folder / "cache")),
        lifecycle(cloud, "bad", region="moon-west-1"),
    ).results
    expected = [
        f"bucket sagemaker-none does not exist; create it in {REGION}",
        None,
        f"bucket {elsewhere} is in region eu-west-1, the cluster's is {REGION}",
        "node_vars.db.password looks like a secret",
        "no wheels are locked for Python 3.9",
        "collection 'nobody.nothing' is not installed here",
        "wheels_dir: /nowhere is no folder",
        "'moon-west-1' is not the name of an AWS region",
    ]
    for result, text in zip(results, expected, strict=True):
        assert (text is None) == (not result.get("failed")), result
        assert (text or "") in result.get("msg", "")
    assert keys(cloud, "podforge/bad/") == []


def test_nobody_answers(ansible: Ansible, cloud: Cloud) -> None:
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    (result,) = ansible.play(lifecycle(cloud, "down", environment=nobody)).results
    assert "Failed to look at bucket" in result["msg"]
    assert "Check that the endpoint is right" in result["msg"]
