# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells when it fails: the events of its attempt, the calls made until then, and what to do."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.naming import counted
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.reporting import ClusterReport
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.waiting import ClusterWaiter
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import WaitFailed

BEGUN = datetime(2026, 11, 28, 3, tzinfo=timezone.utc)
CLUSTER = {
    "ClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456",
    "ClusterName": "demo",
    "ClusterStatus": "Failed",
    "NodeProvisioningMode": "Continuous",
    "FailureMessage": "no capacity",
    "InstanceGroups": [],
}


class Module:
    """What a run needs of AnsibleAWSModule."""

    def __init__(self, region: str | None = "us-west-2", **clients: Any) -> None:
        self.clients = clients
        self.region = region
        self.params = {"_resume": {"started": BEGUN.timestamp() - 600}, "wait_timeout": 60, "wait_delay": 1}

    def client(self, name: str, **_more: Any) -> Any:
        return self.clients[name]


@pytest.mark.parametrize("acted", [True, False])
def test_only_events_of_the_attempt_are_read_where_it_is_known_when_it_began(
    sagemaker: Any, logs: Any, acted: bool
) -> None:
    client, stubber = sagemaker
    run = ClusterReport(Module(sagemaker=client, logs=logs[0]), "demo", ClusterWaiter)
    run.journey.calls.append({"operation": "UpdateCluster", "reason": "more workers"})
    run.journey.changed = acted
    run.journey.acted_at = BEGUN.timestamp() if acted else 0.0
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": []})
    asked = {"ClusterName": "demo", "SortBy": "EventTime", "SortOrder": "Descending", "MaxResults": 50}
    after = {"EventTimeAfter": BEGUN - timedelta(seconds=60)} if acted else {}
    stubber.add_response("list_cluster_events", {"Events": []}, {**asked, **after})
    logs[1].add_response("describe_log_streams", {"logStreams": []})
    error = run.late("Cluster demo is not in service", WaitFailed("no capacity", CLUSTER), "run again")
    assert error.kwargs["changed"] is acted
    assert error.kwargs["calls"] == [{"operation": "UpdateCluster", "reason": "more workers"}]
    assert "no capacity" in str(error)
    lines = error.kwargs["_progress"]["lines"]
    assert lines[0].endswith("UpdateCluster: more workers")
    assert "Cluster demo is not in service after" in lines[1]


def test_a_wait_that_ends_without_a_cluster_tells_the_calls_all_the_same(sagemaker: Any) -> None:
    run = ClusterReport(Module(sagemaker=sagemaker[0]), "demo", ClusterWaiter)
    error = run.late("Cluster demo is not deleted", WaitFailed("it stays", None, timed_out=True), "run again")
    assert "(wait_timeout: 60 s): it stays. The service works on; run again" in str(error)
    assert error.kwargs["calls"] == []


def test_what_goes_on_when_time_is_up_is_not_taken_for_a_cause(sagemaker: Any, logs: Any) -> None:
    client, stubber = sagemaker
    run = ClusterReport(Module(sagemaker=client, logs=logs[0]), "demo", ClusterWaiter)
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": []})
    logs[1].add_response("describe_log_streams", {"logStreams": []})
    described = {**CLUSTER, "ClusterStatus": "Updating", "NodeProvisioningMode": None, "FailureMessage": None}
    state = "Updating | w 1/2 running | newest event: Instance lifecycle script execution has Started"
    error = run.late("Cluster demo is not in service", WaitFailed(state, described, timed_out=True), "run again")
    assert state in str(error)
    assert "Likely cause" not in str(error)
    assert (error.kwargs["failure"]["causes"], error.kwargs["failure"]["message"]) == ([], "")
    assert not any(line.startswith("reason:") for line in error.kwargs["_progress"]["lines"])


def test_no_region(sagemaker: Any) -> None:
    with pytest.raises(HyperPodError, match="No region: set region"):
        ClusterReport(Module(None, sagemaker=sagemaker[0]), "demo", ClusterWaiter)


def test_numbers_in_sentences() -> None:
    assert counted(1, "pass", "passes") == "1 pass"
    assert counted(0, "pass", "passes") == "0 passes"
    assert counted(2, "node") == "2 nodes"
