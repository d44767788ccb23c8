# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgements of preflight over answers of AWS."""

from __future__ import annotations

import pytest

exceptions = pytest.importorskip("botocore.exceptions")
parsers = pytest.importorskip("botocore.parsers")

from ansible_collections.podforge.hyperpod.plugins.module_utils._findings import soften  # noqa: E402
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import access  # noqa: E402
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import connection  # noqa: E402
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import network  # noqa: E402
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import quotas  # noqa: E402
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import storage  # noqa: E402


def levels(findings):
    return [(finding.check, finding.level) for finding in findings]


SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "MapPublicIpOnLaunch": False, "AvailableIpAddressCount": 10}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
IGW = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}


def table(*routes, subnet=None, main=False):
    association = {"Main": main} if subnet is None else {"Main": False, "SubnetId": subnet}
    return {"Routes": [LOCAL, *routes], "Associations": [association]}


@pytest.mark.parametrize(
    ("subnets", "tables", "needed", "expected"),
    [
        ([SUBNET], [table(NAT, subnet="subnet-1")], 4, [("subnet_private", "pass"), ("subnet_addresses", "pass")]),
        ([SUBNET], [table(NAT, main=True)], 4, [("subnet_private", "pass"), ("subnet_addresses", "pass")]),
        ([SUBNET], [table(NAT, main=True)], 11, [("subnet_private", "pass"), ("subnet_addresses", "failure")]),
        ([SUBNET], [table(IGW, subnet="subnet-1")], 4, [("subnet_private", "failure"), ("subnet_addresses", "pass")]),
        # the main table counts only where a subnet has none of its own
        (
            [SUBNET],
            [table(IGW, main=True), table(NAT, subnet="subnet-1")],
            4,
            [("subnet_private", "pass"), ("subnet_addresses", "pass")],
        ),
        (
            [{**SUBNET, "MapPublicIpOnLaunch": True}],
            [table(NAT, main=True)],
            4,
            [("subnet_private", "failure"), ("subnet_addresses", "pass")],
        ),
        (
            [SUBNET],
            [table(main=True)],
            4,
            [("subnet_private", "pass"), ("subnet_egress", "warning"), ("subnet_addresses", "pass")],
        ),
        ([], [], 4, [("subnet_exists", "failure")]),
    ],
)
def test_subnets(subnets, tables, needed, expected):
    assert levels(network.judge_subnets(["subnet-1"], subnets, tables, needed)) == expected


def test_subnets_of_two_vpcs():
    other = {**SUBNET, "SubnetId": "subnet-2", "VpcId": "vpc-2"}
    found = network.judge_subnets(["subnet-1", "subnet-2"], [SUBNET, other], [], 1)
    assert levels(found) == [("subnet_vpc", "failure")]


def rule(group=None, cidr=None, protocol="-1"):
    return {
        "IpProtocol": protocol,
        "UserIdGroupPairs": [{"GroupId": group}] if group else [],
        "IpRanges": [{"CidrIp": cidr}] if cidr else [],
    }


@pytest.mark.parametrize(
    ("inbound", "outbound", "expected"),
    [
        ([rule("sg-1")], [rule("sg-1")], ("pass", "pass")),
        ([rule("sg-1")], [rule(cidr="0.0.0.0/0")], ("pass", "warning")),
        ([rule("sg-1")], [], ("pass", "failure")),
        ([], [rule("sg-1")], ("failure", "pass")),
        # a rule for another group, or for some ports, is no rule for all traffic to itself
        ([rule("sg-2")], [rule("sg-1")], ("failure", "pass")),
        ([rule("sg-1", protocol="tcp")], [rule("sg-1")], ("failure", "pass")),
        ([rule(cidr="0.0.0.0/0")], [rule("sg-1")], ("failure", "pass")),
    ],
)
def test_security_group_rules(inbound, outbound, expected):
    group = {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": inbound, "IpPermissionsEgress": outbound}
    found = network.judge_security_groups(["sg-1"], [group], "vpc-1")
    assert levels(found) == [("security_group_in", expected[0]), ("security_group_out", expected[1])]


def test_security_group_missing_or_elsewhere():
    assert levels(network.judge_security_groups(["sg-1"], [], "vpc-1")) == [("security_group_exists", "failure")]
    group = {
        "GroupId": "sg-1",
        "VpcId": "vpc-2",
        "IpPermissions": [rule("sg-1")],
        "IpPermissionsEgress": [rule("sg-1")],
    }
    assert ("security_group_vpc", "failure") in levels(network.judge_security_groups(["sg-1"], [group], "vpc-1"))


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}, True),
        (
            {
                "Effect": "Allow",
                "Action": ["sts:TagSession", "sts:AssumeRole"],
                "Principal": {"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]},
            },
            True,
        ),
        ({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}, False),
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}, False),
        ({"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"Service": "sagemaker.amazonaws.com"}}, False),
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}, False),
    ],
)
def test_trust(statement, trusted):
    assert access.trusts({"Statement": [statement]}) is trusted
    assert access.trusts({"Statement": statement}) is trusted


def test_role():
    good = {"Statement": {"Effect": "Allow", "Action": "*", "Principal": {"Service": access.SERVICE}}}
    assert levels(access.judge_role("arn", good, ["p"])) == [("role_trust", "pass")]
    assert levels(access.judge_role("arn", good, None)) == [("role_trust", "pass")]
    assert levels(access.judge_role("arn", {}, [])) == [("role_trust", "failure"), ("role_policies", "warning")]
    arn = "arn:aws:iam::111122223333:role/x"
    assert access.judge_account(arn, "111122223333") is None
    assert access.judge_account(arn, "123456789012").level == "failure"


@pytest.mark.parametrize(
    ("status", "region", "made", "expected"),
    [
        (200, "us-west-2", False, ("bucket_exists", "pass")),
        (200, None, False, ("bucket_exists", "pass")),
        (200, "us-east-1", True, ("bucket_region", "failure")),
        (301, "us-east-1", True, ("bucket_region", "failure")),
        (403, None, True, ("bucket_exists", "failure")),
        (404, None, True, ("bucket_exists", "pass")),
        (404, None, False, ("bucket_exists", "failure")),
    ],
)
def test_bucket(status, region, made, expected):
    assert levels(storage.judge_bucket("b", status, region, "us-west-2", made=made)) == [expected]


def test_bucket_name():
    assert storage.judge_bucket_name("sagemaker-x", role_is_made=False).level == "pass"
    assert storage.judge_bucket_name("x", role_is_made=False).level == "failure"
    assert storage.judge_bucket_name("x", role_is_made=True).level == "warning"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"#!/bin/bash\necho\n", [("entry_exists", "pass")]),
        (None, [("entry_exists", "failure")]),
        (b"echo\n", [("entry_shebang", "failure")]),
        (b"", [("entry_shebang", "failure")]),
        (b"#!/bin/bash\r\necho\r\n", [("entry_line_ends", "failure")]),
        (b"echo\r\n", [("entry_shebang", "failure"), ("entry_line_ends", "failure")]),
    ],
)
def test_entry(content, expected):
    assert levels(storage.judge_entry("s3://b/on_create.sh", content)) == expected


def test_quotas():
    values = {"ml.c5.xlarge for cluster usage": 2, quotas.PER_CLUSTER: 20, quotas.EBS.upper(): 1024}
    found = quotas.judge_quotas(values, {"ml.c5.xlarge": 4, "ml.p5.48xlarge": 0}, 4, 500)
    assert [(f.where, f.level) for f in found] == [
        ("ml.c5.xlarge for cluster usage", "failure"),
        (quotas.PER_CLUSTER, "pass"),
        (quotas.TOTAL, "warning"),
        (quotas.EBS, "pass"),
    ]


def test_region():
    assert connection.judge_region("us-west-2", ["us-west-2"]).level == "pass"
    assert connection.judge_region(None, ["us-west-2"]).level == "failure"
    assert "did you mean 'us-west-2'" in connection.judge_region("us-wets-2", ["us-west-2", "eu-west-1"]).fix


def client_error(code):
    return exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, "GetCallerIdentity")


def test_three_ways_not_to_reach_aws():
    local = "http://127.0.0.1:4567"
    nobody = connection.judge_connection_error(exceptions.NoCredentialsError(), local)
    refused = connection.judge_connection_error(client_error("ExpiredToken"), local)
    down = connection.judge_connection_error(exceptions.EndpointConnectionError(endpoint_url=local), local)
    away = connection.judge_connection_error(exceptions.EndpointConnectionError(endpoint_url="https://x"), None)
    assert [f.check for f in (nobody, refused, down, away)] == ["credentials", "credentials", "api", "api"]
    assert "AWS_PROFILE" in nobody.fix
    assert "python -m local_cloud up" in down.fix
    assert "local_cloud" not in away.fix
    other = connection.judge_connection_error(parsers.ResponseParserError("Unable to parse response"), local)
    assert (other.check, other.value) == ("api", local)
    assert "does not speak the AWS API" in other.what
    assert isinstance(parsers.ResponseParserError("x"), connection.aws_errors())
    assert connection.judge_connection_error(client_error("AccessDenied"), local) is None


def test_ignored_failures_become_warnings():
    found = soften([storage.judge_bucket_name("x", role_is_made=False)], ["bucket_name"])
    assert levels(found) == [("bucket_name", "warning")]
    assert levels(soften(found, [])) == [("bucket_name", "warning")]
