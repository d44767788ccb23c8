# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inputs: one clear message each, and nothing is made."""

from __future__ import annotations

from typing import Any

from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster

NAME = "wrong"


def with_workers(ansible: Ansible, **more: Any) -> dict[str, Any]:
    """A wish whose workers have something odd."""
    return ansible.wish(
        NAME, instance_groups=[ansible.group("controller", 1, "Controller"), ansible.group("workers", 1, **more)]
    )


def test_wrong_inputs(ansible: Ansible, cloud: Cloud) -> None:
    place = cloud.place
    good = ansible.wish(NAME)
    no_controller = {**good, "instance_groups": [ansible.group("workers", 1)]}
    twice = {**good, "instance_groups": [*good["instance_groups"], ansible.group("workers", 1)]}
    missing_name = {**good, "instance_groups": [{"instance_count": 1, "execution_role": place["role"]}]}
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({**good, "instance_groop": []}, ["instance_groop"]),
        ({**good, "state": "there"}, ["state", "present, absent"]),
        ({**good, "name": "-bad-"}, ["cluster_name: '-bad-' does not match"]),
        (with_workers(ansible, instance_counts=1), ["instance_groups.instance_counts"]),
        (with_workers(ansible, instance_count="many"), ["instance_count", "many"]),
        (with_workers(ansible, instance_count=-1), ["instance_groups[workers].instance_count: -1, at least 0"]),
        (with_workers(ansible, slurm_config={"node_type": "Worker"}), ["node_type", "Controller, Login, Compute"]),
        (with_workers(ansible, execution_role="node"), ["instance_groups[workers].execution_role", "at least 20"]),
        (
            with_workers(ansible, instance_requirements={"instance_types": ["ml.c5.large"]}),
            ["instance_type|instance_requirements", "mutually exclusive"],
        ),
        (
            with_workers(ansible, life_cycle_config={"on_create": "a", "on_init_complete": "b"}),
            ["on_create|on_init_complete", "mutually exclusive"],
        ),
        (
            with_workers(ansible, instance_storage_configs=[{}]),
            ["one of the following is required", "ebs_volume_config"],
        ),
        (with_workers(ansible, instance_type="ml.enormous"), ["Failed to create cluster wrong", "ml.enormous"]),
        (
            with_workers(
                ansible,
                auto_patch_config={"patching_strategy": "WhenIdle", "patch_schedule": {"next_patch_date": "sunday"}},
            ),
            ["next_patch_date", "sunday"],
        ),
        (missing_name, ["instance_group_name", "required"]),
        (twice, ["named more than once: workers"]),
        (no_controller, ["Failed to create cluster wrong", "ontroller"]),
        (
            {**good, "vpc_config": {"security_group_ids": [place["group"]], "subnets": ["subnet-0000000000000bad0"]}},
            ["subnet-0000000000000bad0"],
        ),
        ({"name": NAME, "wait_delay": 1}, ["Failed to create cluster wrong"]),
        (
            {"name": NAME, "instance_groups": [{"instance_group_name": "workers"}]},
            ["are missing: instance_groups[workers].instance_count, instance_groups[workers].execution_role"],
        ),
    ]
    results = directly(cloud, *[cluster(options) for options, _words in wrong])
    for (options, words), result in zip(wrong, results, strict=True):
        assert result.get("failed"), options
        for word in words:
            assert word in result["msg"], result["msg"]
        assert "Traceback" not in result["msg"]
        assert "\n" not in result["msg"].strip()
    assert cloud.client("sagemaker").list_clusters(NameContains=NAME)["ClusterSummaries"] == []


def test_wrong_updates(ansible: Ansible, cloud: Cloud) -> None:
    """Each is refused with what to do instead, before or by the service, and the cluster stays as it is."""
    place, name = cloud.place, "steady"

    def workers(**options: Any) -> dict[str, Any]:
        return {"name": name, "instance_groups": [{"instance_group_name": "workers", **options}]}

    odd = {"security_group_ids": [place["group"]], "subnets": ["subnet-0000000000000bad0"]}
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"name": name, "vpc_config": odd}, ["vpc_config.subnets", "override_vpc_config"]),
        ({"name": name, "node_provisioning_mode": "Continuous"}, ["make another cluster"]),
        (workers(instance_count=1), ["instance_groups[workers].instance_count: is 2, wanted 1", "allow_scale_down"]),
        (workers(instance_type="ml.m5.xlarge", threads_per_core=2), ["instance_type", "threads_per_core", "stays"]),
        (workers(execution_role=f"{place['role']}2"), ["execution_role", "other policies"]),
        (workers(image_id="ami-0123456789abcdef0"), ["image_id", "UpdateClusterSoftware"]),
        (workers(slurm_config={"node_type": "Login"}), ["slurm_config.node_type", "stays"]),
        (workers(instance_count=7000), ["instance_groups[workers].instance_count: 7000, at most 6758"]),
        (workers(life_cycle_config={"source_s3_uri": "s3://nowhere/x"}), ["Failed to update cluster", "nowhere"]),
        ({**workers(), "instance_groups": [{"instance_group_name": "new"}]}, ["needs instance_count, execution_role"]),
        ({**workers(), "purge_instance_groups": True}, ["Failed to update cluster steady", "ontroller"]),
    ]
    tasks = [cluster(options) for options, _words in wrong]
    (first,) = directly(cloud, cluster(ansible.wish(name)))
    assert first["changed"], first["msg"]
    before = cloud.at_rest(name)
    for (options, words), result in zip(wrong, directly(cloud, *tasks), strict=True):
        assert result.get("failed"), options
        for word in words:
            assert word in result["msg"], result["msg"]
        assert "Traceback" not in result["msg"]
    after = cloud.at_rest(name)
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}
    cloud.client("sagemaker").delete_cluster(ClusterName=name)


SURROUNDINGS = [
    (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"},
        [
            "Failed to describe cluster wrong",
            "Unable to locate credentials",
            "Give access_key and secret_key, or profile",
        ],
    ),
    ({"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, ["profile (nobody)"]),
    ({"AWS_REGION": "mars-1"}, ["'mars-1' is not the name of an AWS region"]),
    ({"AWS_REGION": ""}, ["No region"]),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ["Could not connect", "http://127.0.0.1:9", "running and reachable"]),
]


def test_wrong_surroundings(ansible: Ansible) -> None:
    modules = {"hyperpod_cluster": ansible.wish(NAME), "hyperpod_cluster_info": {"names": [NAME]}}
    cases = [(module, environment, words) for module in modules for environment, words in SURROUNDINGS]
    del cases[-1]  # an endpoint that isn't there is asked many times: once is enough
    tasks = [
        {f"podforge.hyperpod.{module}": modules[module], "environment": environment}
        for module, environment, _words in cases
    ]
    for (module, environment, words), result in zip(cases, ansible.play(*tasks).results, strict=True):
        assert result.get("failed"), (module, environment)
        for word in words:
            assert word in result["msg"], (module, environment, result["msg"])
        assert "Traceback" not in result["msg"]
        assert "\n" not in result["msg"].strip()
