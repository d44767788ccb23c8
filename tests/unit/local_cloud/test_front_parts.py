# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front's pure parts: calls, answers, faults, names, quotas."""

from __future__ import annotations

import io
import json
from datetime import datetime
from datetime import timezone
from pathlib import Path
from typing import Any

import botocore.parsers
import botocore.session
import pytest

from local_cloud.calls import identify
from local_cloud.calls import operation_name
from local_cloud.context import RequestContext
from local_cloud.errors import LocalCloudError
from local_cloud.errors import ServiceError
from local_cloud.faults import Fault
from local_cloud.faults import Faults
from local_cloud.faults import parse_fault
from local_cloud.mends import bucket_name_is_valid
from local_cloud.moto_store import groups_of
from local_cloud.paths import CloudPaths
from local_cloud.quotas import Quotas
from local_cloud.wire import error_answer
from local_cloud.wire import json_answer

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")


def environ(method: str = "POST", path: str = "/", service: str = "", body: bytes = b"", **more: str) -> dict[str, Any]:
    signature = {}
    if service:
        scope = f"AKIAIOSFODNN7EXAMPLE/20260101/us-west-2/{service}/aws4_request"
        signature["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body), **signature, **more}


def target(service: str, name: str) -> dict[str, Any]:
    return environ(service=service, HTTP_X_AMZ_TARGET=name)


FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
CBOR = {"HTTP_SMITHY_PROTOCOL": "rpc-v2-cbor"}


@pytest.mark.parametrize(
    ("request_environ", "service", "operation", "protocol", "mutating"),
    [
        (target("sagemaker", "SageMaker.CreateCluster"), "sagemaker", "CreateCluster", "json", True),
        (target("sagemaker", "SageMaker.ListClusters"), "sagemaker", "ListClusters", "json", False),
        (target("logs", "Logs_20140328.GetLogEvents"), "logs", "GetLogEvents", "json", False),
        (environ(service="ec2", body=b"Action=DescribeVpcs", **FORM), "ec2", "DescribeVpcs", "ec2", False),
        (environ(service="iam", body=b"Action=CreateRole&RoleName=a", **FORM), "iam", "CreateRole", "query", True),
        (environ(service="iam", body=b"Action=GetawayCar", **FORM), "iam", "GetawayCar", "query", True),
        (environ("GET", service="sts", QUERY_STRING="Action=GetAny"), "sts", "GetAny", "query", False),
        (environ("PUT", "/bucket/key", "s3", body=b"Action=x", **FORM), "s3", "PUT /bucket/key", "rest-xml", True),
        (environ("HEAD", "/bucket/key", "s3"), "s3", "HEAD /bucket/key", "rest-xml", False),
        (environ("GET", "/clusters", "eks"), "eks", "GET /clusters", "rest-json", False),
        (environ("POST", "/2013-04-01/cidr", "route53"), "route53", "POST /2013-04-01/cidr", "rest-xml", True),
        (environ(path="/service/S/operation/PutIt", service="x", **CBOR), "x", "PutIt", "cbor", True),
    ],
)
def test_what_a_request_is(
    request_environ: dict[str, Any], service: str, operation: str, protocol: str, mutating: bool
) -> None:
    length = len(request_environ["wsgi.input"].getvalue())
    call = identify(request_environ)
    assert (call.service, call.operation, call.protocol, call.mutating) == (service, operation, protocol, mutating)
    assert (call.region, call.access_key_id, call.signed) == ("us-west-2", "AKIAIOSFODNN7EXAMPLE", True)
    assert len(request_environ["wsgi.input"].read()) == length


def test_signatures() -> None:
    presigned = environ("GET", "/b/k", QUERY_STRING="X-Amz-Credential=AKIA%2F20260101%2Feu-west-1%2Fs3%2Faws4_request")
    call = identify(presigned)
    assert (call.service, call.region, call.access_key_id, call.signed) == ("s3", "eu-west-1", "AKIA", True)
    old = identify(environ("GET", "/b/k", HTTP_AUTHORIZATION="AWS AKIA:c2ln"))
    assert (old.service, old.access_key_id, old.malformed) == ("s3", "AKIA", False)
    none = identify(environ("GET", "/b/k"))
    assert (none.service, none.signed, none.malformed) == ("s3", False, False)
    assert identify(environ(HTTP_AUTHORIZATION="Bearer x", HTTP_X_AMZ_TARGET="SageMaker.ListClusters")).malformed


@pytest.mark.parametrize(
    ("method", "path", "service", "name"),
    [
        ("PUT", "/bucket/key", "s3", "PutObject"),
        ("GET", "/clusters/x/access-entries", "eks", "ListAccessEntries"),
        ("GET", "/no/such", "eks", "GET /no/such"),
        ("GET", "/x", "nothing", "GET /x"),
    ],
)
def test_names_of_rest_operations(method: str, path: str, service: str, name: str) -> None:
    more = {"RAW_URI": path, "QUERY_STRING": "", "SERVER_NAME": "a", "SERVER_PORT": "1", "wsgi.url_scheme": "http"}
    request = environ(method, path, service, **more)
    assert operation_name(identify(request), request) == name


@pytest.mark.parametrize(
    ("protocol", "service"),
    [
        ("json", "sagemaker"),
        ("query", "iam"),
        ("ec2", "ec2"),
        ("rest-json", "eks"),
        ("rest-xml", "s3"),
        ("rest-xml", "route53"),
    ],
)
def test_errors_as_sdks_read_them(protocol: str, service: str) -> None:
    answer = error_answer(protocol, service, ServiceError("NotImplemented", "a <b> & 'c'", 501), "the-id")
    parser: Any = botocore.parsers.create_parser(protocol)
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(model.operation_names[0]).output_shape
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    parsed = parser.parse(response, shape)
    assert parsed["Error"]["Code"] == "NotImplemented"
    assert parsed["Error"]["Message"] == "a <b> & 'c'"


def test_errors_in_cbor() -> None:
    text = "m" * 300
    answer = error_answer("cbor", "monitoring", ServiceError("Throttled", text), "the-id")
    parser: Any = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    headers = {"smithy-protocol": "rpc-v2-cbor", **{k.lower(): v for k, v in answer.headers.items()}}
    parsed = parser.parse({"status_code": 400, "headers": headers, "body": answer.body}, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("Throttled", text)


def test_results_by_the_model() -> None:
    shape = SAGEMAKER.operation_model("DescribeCluster").output_shape
    when = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=timezone.utc)
    result = {
        "ClusterArn": "a",
        "ClusterStatus": "Creating",
        "InstanceGroups": [],
        "CreationTime": when,
        "VpcConfig": None,
    }
    assert json.loads(json_answer(shape, result, "the-id").body) == {
        "ClusterArn": "a",
        "ClusterStatus": "Creating",
        "InstanceGroups": [],
        "CreationTime": 1767225600.123,
    }
    with pytest.raises(KeyError, match="NoSuchMember"):
        json_answer(shape, {"NoSuchMember": 1}, "the-id")
    for wrong in ({"ClusterArn": 1}, {"CreationTime": datetime(2026, 1, 1)}, {"CreationTime": "x"}):
        with pytest.raises(TypeError):
            json_answer(shape, wrong, "the-id")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ([], "object"),
        ({"kind": "nonsense", "count": 1}, "none of throttle"),
        ({"kind": "throttle"}, "one of percent, count and rate"),
        ({"kind": "throttle", "percent": 1, "count": 1}, "one of percent, count and rate"),
        ({"kind": "throttle", "rate": 3, "count": 1}, "one of percent, count and rate"),
        ({"kind": "throttle", "rate": 0}, "above 0"),
        ({"kind": "drop", "rate": 3}, "for throttle only"),
        ({"kind": "throttle", "percent": 101}, "0 to 100"),
        ({"kind": "throttle", "percent": True}, "0 to 100"),
        ({"kind": "throttle", "count": 1.5}, "whole number"),
        ({"kind": "throttle", "count": -1}, "whole number"),
        ({"kind": "throttle", "count": 1, "operation": 5}, "no text"),
        ({"kind": "throttle", "count": 1, "instance_group": "a"}, "hits requests"),
        ({"kind": "node_launch_failure", "count": 1, "operation": "a"}, "hits nodes"),
        ({"kind": "throttle", "count": 1, "node": "a"}, "unknown member node"),
    ],
)
def test_faults_that_make_no_sense(raw: Any, told: str) -> None:
    with pytest.raises(ServiceError, match=told):
        parse_fault(raw)


def test_faults_count_and_aim(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    faults = Faults(path)
    faults.put(Fault("node_launch_failure", count=2, instance_group="a"))
    assert not faults.take("node_launch_failure", "b")
    assert not faults.take("insufficient_capacity", "a")
    assert faults.take("node_launch_failure", "a")
    again = Faults(path)
    assert [again.take("node_launch_failure", "a") for _dummy in range(3)] == [True, False, False]
    assert not Faults(path).take("node_launch_failure", "a")
    again.put(Fault("throttle", percent=100, operation="s3:*"))
    assert again.take_request("throttle", "s3", "PutObject")
    assert not again.take_request("throttle", "ec2", "RunInstances")
    again.put(Fault("throttle", percent=0, operation="s3:*"))
    assert not again.any_request_fault


def test_faults_are_drawn_alike_for_one_seed_and_apart_for_each_fault() -> None:
    def draws(seed: int, disturbed: bool, kind: str = "throttle") -> list[bool]:
        faults = Faults()
        faults.set_seed(seed)
        faults.put(Fault("throttle", percent=40))
        faults.put(Fault("drop", percent=40))
        found = []
        for _dummy in range(200):
            if disturbed:
                faults.take_request("drop", "s3", "PutObject")
            found.append(faults.take_request(kind, "s3", "PutObject"))
        return found

    assert draws(1, disturbed=False) == draws(1, disturbed=True)
    assert draws(1, disturbed=False) != draws(2, disturbed=False)
    assert draws(1, disturbed=False) != draws(1, disturbed=False, kind="drop")
    assert 50 < sum(draws(1, disturbed=False)) < 110


def test_throttling_by_rate_lets_so_many_calls_pass(tmp_path: Path) -> None:
    now = [0.0]
    faults = Faults(tmp_path / "faults.json", clock=lambda: now[0])
    faults.put(Fault("throttle", rate=3, operation="ListClusters"))

    def throttled(operation: str = "ListClusters") -> bool:
        return faults.take_request("throttle", "sagemaker", operation)

    assert [throttled() for _dummy in range(5)] == [False, False, False, True, True]
    assert not throttled("DescribeCluster")
    now[0] += 0.34
    assert [throttled(), throttled()] == [False, True]
    now[0] += 60
    assert [throttled() for _dummy in range(4)] == [False, False, False, True]
    assert Faults(tmp_path / "faults.json").describe()["faults"] == [
        {"kind": "throttle", "rate": 3, "operation": "ListClusters"}
    ]


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a-", "a" * 33, "a/b", "..", "a_b"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(LocalCloudError, match="not usable"):
        CloudPaths.of(name)


def test_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PODFORGE_STATE", "PODFORGE_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    assert CloudPaths.of().state == Path("/home/u/.local/state/podforge-hyperpod/default")
    assert CloudPaths.of().cache == Path("/home/u/.cache/podforge-hyperpod")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert CloudPaths.of().state == Path("/home/u/.local/state/podforge-hyperpod/default")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert CloudPaths.of("a").state == Path("/x/podforge-hyperpod/a")
    monkeypatch.setenv("PODFORGE_STATE", "/s")
    assert CloudPaths.of("a").api_socket == Path("/s/a/socket/api.sock")
    monkeypatch.setenv("PODFORGE_STATE", "/" + "long/" * 25)
    with pytest.raises(LocalCloudError, match="set PODFORGE_STATE to a shorter folder"):
        CloudPaths.of()


def test_groups_that_a_call_may_change() -> None:
    assert groups_of("s3") == ("s3",)
    assert groups_of("sts") == groups_of("iam") == ("iam",)
    assert groups_of("ec2") == groups_of("eks") == groups_of("elasticloadbalancing") == ("rest",)
    assert {"iam", "rest", "s3"} < set(groups_of("cloudformation"))
    assert list(groups_of("cloudformation")) == sorted(groups_of("cloudformation"))


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("sagemaker-a", True),
        ("a.b", True),
        ("1.2.3", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("ab", False),
        ("1.2.3.4", False),
        ("a..b", False),
        ("A-b", False),
        ("a-", False),
        ("a\n", False),
        ("xn--a", False),
        ("a-s3alias", False),
    ],
)
def test_bucket_names(name: str, valid: bool) -> None:
    assert bucket_name_is_valid(name) is valid


def test_quota_pages_and_values(tmp_path: Path) -> None:
    context = RequestContext("123456789012", "us-west-2", "aws", "id", "AKIA", "arn")
    quotas = Quotas(tmp_path / "quotas.json")
    names: list[str] = []
    params: dict[str, Any] = {"ServiceCode": "sagemaker", "MaxResults": 90}
    while True:
        page = quotas.handle("ListServiceQuotas", params, context)
        names += [quota["QuotaName"] for quota in page["Quotas"]]
        assert len(page["Quotas"]) <= 90
        if "NextToken" not in page:
            break
        params["NextToken"] = page["NextToken"]
    assert len(names) == len(set(names)) > 200
    for token in ("x", "LTE=", "OTk5OTk="):
        with pytest.raises(ServiceError, match="InvalidPaginationToken"):
            quotas.handle("ListServiceQuotas", {**params, "NextToken": token}, context)
    name = "ml.c5.xlarge for cluster usage"
    quotas.put({name: 2})
    assert Quotas(tmp_path / "quotas.json").value(name) == 2
    quotas.put({name: None})
    assert quotas.value(name) == 6758
    for wrong in ([], {"none": 1}, {name: "2"}, {name: -1}, {name: True}):
        with pytest.raises(ServiceError, match="ValidationException"):
            quotas.put(wrong)
