# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests against the installed service model."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.model_check import problems
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.model_check import unknown_instance_types

SHAPE = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateCluster").input_shape
ROLE = "arn:aws:iam::111122223333:role/node"


def request(**group: Any) -> dict[str, Any]:
    return {
        "ClusterName": "demo",
        "InstanceGroups": [{"InstanceGroupName": "w", "InstanceCount": 1, "ExecutionRole": ROLE, **group}],
    }


def test_a_good_request_has_no_problems() -> None:
    good = request(
        InstanceType="ml.c5.large",
        LifeCycleConfig={"SourceS3Uri": "s3://b/p", "OnCreate": "x.sh"},
        KubernetesConfig={"Labels": {"team": "x"}},
    )
    assert problems(SHAPE, good, "1") == []


@pytest.mark.parametrize("count", [0, 6758])
def test_limits_are_allowed(count: int) -> None:
    assert problems(SHAPE, {**request(InstanceCount=count), "ClusterName": "x" * 63}, "1") == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"ClusterName": "-demo"}, "cluster_name: '-demo' does not match"),
        ({"ClusterName": "x" * 64}, "cluster_name: 64 characters, at most 63 allowed"),
        (request(InstanceCount=-1), "instance_groups[w].instance_count: -1, at least 0 allowed"),
        (request(InstanceCount=9999), "instance_groups[w].instance_count: 9999, at most 6758 allowed"),
        (request(ExecutionRole="podforge-demo-node"), "instance_groups[w].execution_role: 18 characters, at least 20"),
        (request(LifeCycleConfig={"SourceS3Uri": "b/p"}), "source_s3_uri: 'b/p' does not match (https|s3)"),
        (
            request(OnStartDeepHealthChecks=["Guess"]),
            "on_start_deep_health_checks[0]: 'Guess' is none of InstanceStress",
        ),
        (request(OnStartDeepHealthChecks=[]), "on_start_deep_health_checks: 0 items, at least 1 allowed"),
        (request(KubernetesConfig={"Labels": {"a b": "x"}}), "labels: key 'a b': 'a b' does not match"),
        ({"ClusterName": "demo", "Future": 1}, "future: the installed botocore 9.9 does not know it"),
    ],
)
def test_problems_name_the_option(bad: dict[str, Any], problem: str) -> None:
    found = problems(SHAPE, bad, "9.9")
    assert len([text for text in found if problem in text]) == 1


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(SHAPE, request(InstanceCount=-1, ExecutionRole="x"), "1")) == 2


def test_unknown_instance_types_are_no_problem_but_known() -> None:
    wanted = request(InstanceRequirements={"InstanceTypes": ["ml.c5.large", "ml.p99.huge"]})
    assert problems(SHAPE, wanted, "1") == []
    assert list(unknown_instance_types(SHAPE, wanted)) == ["ml.p99.huge"]
    assert unknown_instance_types(SHAPE, request(InstanceType="ml.c5.large")) == {}
    assert "ml.c5.xlarge" in unknown_instance_types(SHAPE, request(InstanceType="ml.c5.xlage"))["ml.c5.xlage"]
