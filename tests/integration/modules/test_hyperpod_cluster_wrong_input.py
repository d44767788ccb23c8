# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inputs: one clear message each, and nothing is made."""

from __future__ import annotations

from typing import Any

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
    ]
    played = ansible.play(*[cluster(options) for options, _words in wrong])
    for (options, words), result in zip(wrong, played.results, strict=True):
        assert result.get("failed"), options
        for word in words:
            assert word in result["msg"], result["msg"]
        assert "Traceback" not in result["msg"]
        assert "\n" not in result["msg"].strip()
    assert cloud.client("sagemaker").list_clusters(NameContains=NAME)["ClusterSummaries"] == []


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
