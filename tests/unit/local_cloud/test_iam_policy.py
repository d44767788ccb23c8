# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies judged, and what requests need."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.calls import Call
from local_cloud.iam_policy import ALLOWED
from local_cloud.iam_policy import EXPLICIT_DENY
from local_cloud.iam_policy import IMPLICIT_DENY
from local_cloud.iam_policy import decide
from local_cloud.iam_requests import Request
from local_cloud.iam_requests import needed

OBJECT = "arn:aws:s3:::sagemaker-x/a/b"
CONTEXT = {
    "aws:principalaccount": ["1"],
    "aws:resourceaccount": ["1"],
    "aws:username": ["me"],
    "aws:tagkeys": ["a", "b"],
}
PLACE = "arn:aws:%s:us-west-2:123456789012:"


def statement(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def condition(**operators: Any) -> dict[str, Any]:
    return statement(Condition={name.replace("__", ":"): value for name, value in operators.items()})


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], IMPLICIT_DENY),
        ([statement()], ALLOWED),
        ([statement(action="S3:getobject")], ALLOWED),
        ([statement(action=["s3:Put*", "s3:Get*"])], ALLOWED),
        ([statement(action="s3:GetObjec?")], ALLOWED),
        ([statement(action="s3:GetObjec")], IMPLICIT_DENY),
        ([statement(action="s3.GetObject")], IMPLICIT_DENY),
        ([statement(resource="arn:aws:s3:::sagemaker-*/*")], ALLOWED),
        ([statement(resource="arn:aws:s3:::Sagemaker-*")], IMPLICIT_DENY),
        ([statement(), statement("Deny", "s3:*")], EXPLICIT_DENY),
        ([statement("Deny", "s3:*", "arn:aws:s3:::other"), statement()], ALLOWED),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], ALLOWED),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], IMPLICIT_DENY),
        ([{"Effect": "Allow", "Action": "*", "NotResource": OBJECT}], IMPLICIT_DENY),
        ([statement(resource="arn:aws:s3:::sagemaker-x/${aws:username}/*")], IMPLICIT_DENY),
        ([statement(resource="arn:aws:s3:::sagemaker-x/a/b${aws:nothing}")], IMPLICIT_DENY),
        ([condition(StringEquals={"aws:ResourceAccount": "${aws:PrincipalAccount}"})], ALLOWED),
        ([condition(StringEquals={"aws:ResourceAccount": ["2", "3"]})], IMPLICIT_DENY),
        ([condition(StringNotEquals={"aws:ResourceAccount": "2"})], ALLOWED),
        ([condition(StringNotLike={"aws:ResourceAccount": "*"})], IMPLICIT_DENY),
        ([condition(StringLike={"aws:Nothing": "*"})], IMPLICIT_DENY),
        ([condition(StringLikeIfExists={"aws:Nothing": "x"})], ALLOWED),
        ([condition(Null={"aws:Nothing": True})], ALLOWED),
        ([condition(Null={"aws:username": True})], IMPLICIT_DENY),
        ([condition(ForAllValues__StringEquals={"aws:TagKeys": ["a", "b", "c"]})], ALLOWED),
        ([condition(ForAllValues__StringEquals={"aws:TagKeys": ["a"]})], IMPLICIT_DENY),
        ([condition(ForAnyValue__StringEquals={"aws:TagKeys": ["a"]})], ALLOWED),
        ([condition(DateLessThan={"aws:CurrentTime": "2020"})], IMPLICIT_DENY),
        (
            [statement(), statement("Deny", Condition={"DateLessThan": {"aws:CurrentTime": "2020"}})],
            EXPLICIT_DENY,
        ),
    ],
)
def test_decisions(statements: list[dict[str, Any]], expected: str) -> None:
    assert decide([{"Statement": statements}], "s3:GetObject", OBJECT, CONTEXT).result == expected


def test_a_context_key_that_is_missing_is_named() -> None:
    asked = [{"Statement": condition(StringEquals={"cloudwatch:namespace": "x"})}]
    assert decide(asked, "s3:GetObject", OBJECT, CONTEXT).missing == {"cloudwatch:namespace"}
    assert not decide([*asked, {"Statement": statement()}], "s3:GetObject", OBJECT, CONTEXT).missing


def call(service: str, protocol: str) -> Call:
    return Call(service, "", protocol, "us-west-2", "key", signed=True, malformed=False, mutating=True)


def request(operation: str, **more: Any) -> Request:
    return Request(
        **{"operation": operation, "path": "/", "host": "", "copy_source": "", "body": b"", "form": {}, **more}
    )


GROUPS = {
    "ClusterName": "demo",
    "Tags": [{"Key": "a", "Value": "b"}],
    "InstanceGroups": [
        {"ExecutionRole": "arn:role/b"},
        {"ExecutionRole": "arn:role/a"},
        {"ExecutionRole": "arn:role/a"},
    ],
}
DEMO = "arn:aws:sagemaker:us-west-2:123456789012:cluster/demo"


@pytest.mark.parametrize(
    ("service", "protocol", "asked", "expected"),
    [
        (
            "sagemaker",
            "json",
            request("CreateCluster", body=json.dumps(GROUPS).encode()),
            [
                ("sagemaker:CreateCluster", DEMO),
                ("iam:PassRole", "arn:role/a"),
                ("iam:PassRole", "arn:role/b"),
                ("sagemaker:AddTags", DEMO),
            ],
        ),
        ("sagemaker", "json", request("ListClusters", body=b"{}"), [("sagemaker:ListClusters", "")]),
        ("sagemaker", "json", request("DescribeCluster", body=b"not JSON"), [("sagemaker:DescribeCluster", "")]),
        ("s3", "rest-xml", request("ListBuckets"), [("s3:ListAllMyBuckets", "*")]),
        ("s3", "rest-xml", request("HeadBucket", path="/b"), [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("s3", "rest-xml", request("GetObject", path="/b/k/l"), [("s3:GetObject", "arn:aws:s3:::b/k/l")]),
        (
            "s3",
            "rest-xml",
            request("GetObject", path="/k", host="b.s3.us-west-2.amazonaws.com"),
            [("s3:GetObject", "arn:aws:s3:::b/k")],
        ),
        (
            "s3",
            "rest-xml",
            request("CopyObject", path="/b/k", copy_source="/c/l?versionId=1"),
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::c/l")],
        ),
        (
            "s3",
            "rest-xml",
            request("DeleteObjects", path="/b", body=b"<Delete><Object><Key>x&amp;y</Key></Object></Delete>"),
            [("s3:DeleteObject", "arn:aws:s3:::b/x&y")],
        ),
        (
            "iam",
            "query",
            request("GetRole", form={"RoleName": ["r"]}),
            [("iam:GetRole", "arn:aws:iam::123456789012:role/r")],
        ),
        (
            "eks",
            "rest-json",
            request("DescribeCluster", path="/clusters/c"),
            [("eks:DescribeCluster", f"{PLACE % 'eks'}cluster/c")],
        ),
        (
            "eks",
            "rest-json",
            request("DescribeAddon", path="/clusters/c/addons/coredns"),
            [("eks:DescribeAddon", f"{PLACE % 'eks'}addon/c/coredns/*")],
        ),
        (
            "eks",
            "rest-json",
            request("ListAddons", path="/clusters/c/addons"),
            [("eks:ListAddons", f"{PLACE % 'eks'}cluster/c")],
        ),
        (
            "sagemaker",
            "json",
            request("DescribeTrainingPlan", body=b'{"TrainingPlanName": "p"}'),
            [("sagemaker:DescribeTrainingPlan", f"{PLACE % 'sagemaker'}training-plan/p")],
        ),
        ("ec2", "ec2", request("DescribeSubnets"), [("ec2:DescribeSubnets", "*")]),
        ("monitoring", "query", request("PutMetricData"), [("cloudwatch:PutMetricData", "*")]),
    ],
)
def test_needed(service: str, protocol: str, asked: Request, expected: list[tuple[str, str]]) -> None:
    assert needed(call(service, protocol), asked, PLACE) == expected
