# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata service's values, folders and tokens."""

from __future__ import annotations

import json

import pytest

from local_cloud.ami.agents import imds_tree
from local_cloud.ami.agents.imds import Tokens
from local_cloud.ami.agents.imds import ttl_of

DOCUMENT = {
    "imds": {
        "instance-id": "i-0a",
        "instance-type": "p5.48xlarge",
        "region": "us-west-2",
        "availability-zone": "us-west-2a",
        "availability-zone-id": "usw2-az1",
        "local-ipv4": "10.0.0.4",
        "iam-role": "demo",
    },
    "credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2099-01-01T00:00:00Z"},
}
SPEC = {"hostname": "ip-10-0-0-4", "account_id": "123456789012", "partition": "aws", "image_id": "ami-1"}
VALUES = imds_tree.tree(DOCUMENT, SPEC, "02:00:00:00:00:01")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta-data/instance-id", "i-0a"),
        ("meta-data/instance-type", "p5.48xlarge"),
        ("meta-data/placement/region", "us-west-2"),
        ("meta-data/placement/availability-zone", "us-west-2a"),
        ("meta-data/placement/availability-zone-id", "usw2-az1"),
        ("meta-data/local-ipv4", "10.0.0.4"),
        ("meta-data/local-hostname", "ip-10-0-0-4.us-west-2.compute.internal"),
        ("meta-data/mac", "02:00:00:00:00:01"),
        ("meta-data/iam/security-credentials/", "demo"),
        ("meta-data/iam", "info\nsecurity-credentials/"),
        ("meta-data/placement/", "availability-zone\navailability-zone-id\nregion"),
        ("", "dynamic/\nmeta-data/"),
        ("meta-data/nothing", None),
        ("meta-data/instance", None),
    ],
)
def test_paths(path: str, value: str | None) -> None:
    assert imds_tree.answer(VALUES, path) == value


def test_role_credentials_are_those_of_the_document() -> None:
    keys = json.loads(imds_tree.answer(VALUES, "meta-data/iam/security-credentials/demo") or "")
    assert keys["Code"] == "Success"
    assert {key: keys[key] for key in DOCUMENT["credentials"]} == DOCUMENT["credentials"]


def test_without_credentials_there_is_no_role() -> None:
    values = imds_tree.tree({"imds": DOCUMENT["imds"]}, SPEC, "02:00:00:00:00:01")
    assert imds_tree.answer(values, "meta-data/iam") is None


def test_identity_document() -> None:
    identity = json.loads(imds_tree.answer(VALUES, "dynamic/instance-identity/document") or "")
    assert (identity["accountId"], identity["region"], identity["instanceId"]) == ("123456789012", "us-west-2", "i-0a")


@pytest.mark.parametrize(("header", "ttl"), [("1", 1), ("21600", 21600), ("21601", None), ("0", None), ("x", None)])
def test_ttl(header: str, ttl: int | None) -> None:
    assert ttl_of(header) == ttl


def test_no_ttl() -> None:
    assert ttl_of(None) is None


def test_tokens_expire_and_others_are_refused() -> None:
    tokens = Tokens()
    token = tokens.issue(10, now=100.0)
    assert tokens.valid(token, 109.9)
    assert not tokens.valid(token, 110.0)
    assert not tokens.valid("other", 100.0)
    assert not tokens.valid(None, 100.0)
