# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls: parameters, pages, what is missing, what is repeated, and what errors say."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod import api
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import failure_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import region_problem

ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"
DESCRIBED = {"ClusterArn": ARN, "ClusterName": "demo", "ClusterStatus": "InService", "InstanceGroups": []}
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


def node(number: int) -> dict[str, Any]:
    return {
        "InstanceGroupName": "w",
        "InstanceId": f"i-{number}",
        "InstanceType": "ml.c5.large",
        "LaunchTime": NOW,
        "InstanceStatus": {"Status": "Running"},
    }


def test_describe(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_response("describe_cluster", DESCRIBED, {"ClusterName": "demo"})
    assert api.describe_cluster(client, "demo") == DESCRIBED


@pytest.mark.parametrize(
    ("call", "method", "missing"),
    [
        (api.describe_cluster, "describe_cluster", None),
        (api.list_nodes, "list_cluster_nodes", []),
        (api.list_tags, "list_tags", {}),
    ],
)
def test_what_is_not_there_is_no_error(sagemaker: Any, call: Any, method: str, missing: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error(method, "ResourceNotFound", "no such cluster")
    assert call(client, ARN) == missing


def test_nodes_come_page_by_page(sagemaker: Any) -> None:
    client, stubber = sagemaker
    asked = {"ClusterName": "demo", "IncludeNodeLogicalIds": True, "MaxResults": 100}
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": [node(1)], "NextToken": "t"}, asked)
    stubber.add_response("list_cluster_nodes", {"ClusterNodeSummaries": [node(2)]}, {**asked, "NextToken": "t"})
    assert [found["InstanceId"] for found in api.list_nodes(client, "demo")] == ["i-1", "i-2"]


def test_tags_are_a_dict(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_response("list_tags", {"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "t"}, {"ResourceArn": ARN})
    stubber.add_response("list_tags", {"Tags": [{"Key": "b", "Value": "2"}]}, {"ResourceArn": ARN, "NextToken": "t"})
    assert api.list_tags(client, ARN) == {"a": "1", "b": "2"}


def test_throttles_and_server_errors_are_repeated(sagemaker: Any, clock: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error("describe_cluster", "ThrottlingException", "slow down")
    stubber.add_client_error("describe_cluster", "InternalFailure", "oops", http_status_code=500)
    stubber.add_response("describe_cluster", DESCRIBED)
    assert api.describe_cluster(client, "demo") == DESCRIBED
    assert len(clock.slept) == 2


def test_an_error_says_what_was_tried_and_what_the_service_said(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error("create_cluster", "ResourceLimitExceeded", "too many", http_status_code=400)
    with pytest.raises(HyperPodError) as caught:
        api.create_cluster(client, {"ClusterName": "demo"})
    assert caught.value.message == "Failed to create cluster demo"
    assert (caught.value.code, caught.value.status, caught.value.passing) == ("ResourceLimitExceeded", 400, False)
    assert "too many" in failure_text(caught.value, "us-west-2")


def test_creating_what_exists_is_an_error(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error("create_cluster", "ResourceInUse", "exists")
    with pytest.raises(HyperPodError, match="exists"):
        api.create_cluster(client, {"ClusterName": "demo"})


def test_deleting_what_is_gone_is_none(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_client_error("delete_cluster", "ResourceNotFound", "gone")
    assert api.delete_cluster(client, {"ClusterName": "demo"}) == {}


def test_changes_of_tags(sagemaker: Any) -> None:
    client, stubber = sagemaker
    stubber.add_response("add_tags", {}, {"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "1"}]})
    stubber.add_response("delete_tags", {}, {"ResourceArn": ARN, "TagKeys": ["b"]})
    api.OPERATIONS["AddTags"](client, {"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "1"}]})
    api.OPERATIONS["DeleteTags"](client, {"ResourceArn": ARN, "TagKeys": ["b"]})


def client_error(code: str, status: int = 400) -> HyperPodError:
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return HyperPodError("Failed to do it", botocore.exceptions.ClientError(answer, "DoIt"))


@pytest.mark.parametrize(
    ("error", "passing", "words"),
    [
        (HyperPodError("x", botocore.exceptions.NoCredentialsError()), False, "AWS_ACCESS_KEY_ID"),
        (client_error("UnrecognizedClientException"), False, "not accepted in us-west-2"),
        (client_error("AccessDeniedException"), False, "Grant the action"),
        (client_error("ThrottlingException"), True, "m"),
        (client_error("ServiceUnavailable", 503), True, "m"),
        (client_error("Odd", 500), True, "m"),
        (client_error("NotImplemented", 501), False, "m"),
        (client_error("ValidationException"), False, "m"),
        (
            HyperPodError("x", botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1")),
            True,
            "Check that the endpoint is right",
        ),
        (HyperPodError("x", botocore.exceptions.ConnectionClosedError(endpoint_url="http://e")), True, "closed"),
        (HyperPodError("just words"), False, "just words"),
    ],
)
def test_errors(error: HyperPodError, passing: bool, words: str) -> None:
    text = failure_text(error, "us-west-2")
    assert words in text
    assert "\n" not in text
    assert error.passing is passing


def refusal(code: str, message: str) -> HyperPodError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return HyperPodError("Failed to create cluster demo", botocore.exceptions.ClientError(answer, "CreateCluster"))


def test_a_known_refusal_is_explained() -> None:
    limit = "The account-level service limit 'ml.p5.48xlarge for cluster usage' is 0 Instances"
    text = failure_text(refusal("ResourceLimitExceeded", limit), "us-west-2")
    assert f"{limit}. Likely cause: the account's quota" in text
    assert "What to do: ask Service Quotas for more" in text


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "Value at 'lifeCycleConfig.sourceS3Uri' failed to satisfy constraint: quota"),
        ("ValidationException", "LifeCycleConfig is odd"),
        ("ConflictException", "The quota is about to change"),
    ],
)
def test_a_refusal_is_not_explained_by_what_happens_to_running_instances(code: str, message: str) -> None:
    assert failure_text(refusal(code, message), "us-west-2").endswith(message)


def test_long_lists_of_the_service_are_cut_short() -> None:
    values = ", ".join(f"ml.t{number}.large" for number in range(209))
    text = f"Failed: Member must satisfy enum value set: [{values}]"
    assert failure_text(HyperPodError(text), "us-west-2") == "Failed: Member must satisfy enum value set: [209 values]"
    short = "Member must satisfy enum value set: [Controller, Login, Compute]"
    assert failure_text(HyperPodError(short), "us-west-2") == short


def test_an_unknown_region_is_named_when_nothing_answers() -> None:
    error = HyperPodError("x", botocore.exceptions.EndpointConnectionError(endpoint_url="https://e"))
    assert "Is region us-wset-2 right?" in failure_text(error, "us-wset-2")


@pytest.mark.parametrize(
    ("region", "wrong"), [("us-west-2", False), ("eu-north-9", False), ("mars-1", True), (None, True)]
)
def test_regions(region: str | None, wrong: bool) -> None:
    assert (region_problem(region) is not None) is wrong
