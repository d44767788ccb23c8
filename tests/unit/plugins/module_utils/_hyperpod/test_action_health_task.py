# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deep health check that is under way already is joined, and check mode knows that."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.health_run import HealthTask

NOW = datetime(2026, 11, 28, 3, tzinfo=timezone.utc)
ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"
NODE = "i-00000000000000001"
OURS = "00000000-0000-0000-0000-000000000001"


class Module:
    """What a task needs of AnsibleAWSModule."""

    def __init__(self, client: Any, check_mode: bool) -> None:
        self.made = client
        self.check_mode = check_mode
        self.region = "us-west-2"
        self._diff = False
        self.params = {
            "cluster_name": "demo",
            "deep_health_checks": ["InstanceStress"],
            "instance_groups": ["w"],
            "nodes": None,
            "fail_on_unhealthy": True,
            "wait": False,
            "wait_timeout": 100,
            "wait_delay": 10,
            "_resume": None,
        }

    def client(self, _name: str, **_more: Any) -> Any:
        return self.made


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("running", [True, False])
def test_the_same_check_is_joined(sagemaker: Any, check_mode: bool, running: bool) -> None:
    client, stubber = sagemaker
    group = {"InstanceGroupName": "w", "CurrentCount": 1, "TargetCount": 1}
    described = {"ClusterArn": ARN, "ClusterName": "demo", "ClusterStatus": "InService", "InstanceGroups": [group]}
    stubber.add_response("describe_cluster", described)
    node = {
        "InstanceGroupName": "w",
        "InstanceId": NODE,
        "InstanceType": "ml.p5.48xlarge",
        "LaunchTime": NOW,
        "InstanceStatus": {"Status": "DeepHealthCheckInProgress" if running else "Running"},
    }
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": [node]})
    operation = {"OperationId": OURS, "ClusterArn": ARN, "Type": "DeepHealthCheck", "Status": "InProgress"}
    operations = [operation] if running else []
    stubber.add_response("list_cluster_operations", {"ClusterOperationSummaries": operations})
    if running:
        details = [{"InstanceGroupName": "w", "DeepHealthChecks": ["InstanceStress"]}]
        stubber.add_response("describe_cluster_operation", {**operation, "DeepHealthCheckDetails": details})
    elif not check_mode:
        stubber.add_response("start_cluster_health_check", {"ClusterArn": ARN})
    result = HealthTask(Module(client, check_mode)).run()
    assert result["changed"] is not running
    assert [call["operation"] for call in result["calls"]] == ([] if running else ["StartClusterHealthCheck"])
    assert [node["instance_id"] for node in result["nodes"]] == [NODE]
