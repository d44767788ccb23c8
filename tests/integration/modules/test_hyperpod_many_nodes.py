# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of three thousand nodes: how many calls its nodes take, and that the modules cope with the numbers."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.info import nodes
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import CLUSTER_FIELDS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_request
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import eventually

NAME = "many"


@pytest.fixture(name="many")
def _many(cloud: Cloud, ansible: Ansible) -> Any:
    """A client of the cloud with the cluster."""
    quotas = (
        "ml.c5.xlarge for cluster usage",
        "Maximum number instances allowed per SageMaker HyperPod cluster",
        "Total number of instances allowed across SageMaker HyperPod clusters",
    )
    cloud.admin("PUT", "quotas", dict.fromkeys(quotas, 5000))
    sagemaker = cloud.client("sagemaker")
    wish = ansible.wish(NAME, workers=2999)
    sagemaker.create_cluster(ClusterName=NAME, **to_request(CLUSTER_FIELDS, wish))
    until = time.monotonic() + 300
    while sagemaker.describe_cluster(ClusterName=NAME)["ClusterStatus"] != "InService":
        assert time.monotonic() < until, "the cluster does not come up"
        time.sleep(1)
    yield sagemaker
    sagemaker.delete_cluster(ClusterName=NAME)
    # Until it is gone its nodes count for the quota of the next tests.
    eventually(lambda: not sagemaker.list_clusters(NameContains=NAME)["ClusterSummaries"] or None, 120)


@pytest.mark.one_core
def test_three_thousand_nodes(ansible: Ansible, many: Any) -> None:
    calls: Counter[str] = Counter()
    many.meta.events.register("before-send.sagemaker", lambda request, **_more: calls.update([operation_of(request)]))
    listed = nodes(many, NAME)
    assert len({node["instance_id"] for node in listed}) == 3000
    assert calls == {"ListClusterNodes": 30}
    names = [node["instance_id"] for node in listed]
    options = {"cluster_name": NAME, "state": "rebooted", "nodes": names}
    seen, checked = ansible.play(
        {"podforge.hyperpod.hyperpod_cluster_info": {"names": [NAME], "include_nodes": True}},
        {"podforge.hyperpod.hyperpod_node": options, "check_mode": True},
    ).results
    assert len(seen["clusters"][0]["nodes"]) == 3000
    assert len(checked["calls"]) == 120
    assert [node["name"] for node in checked["nodes"]] == names


def operation_of(request: Any) -> str:
    """Name of the operation in a request of the JSON protocol."""
    target = request.headers["X-Amz-Target"]
    return (target.decode() if isinstance(target, bytes) else str(target)).rsplit(".", 1)[-1]
