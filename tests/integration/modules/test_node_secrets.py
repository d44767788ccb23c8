# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that a node reads with its own role: found, missing, binary, denied; the value is never told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import secret_text
from modules_harness import REGION
from modules_harness import ROOT_KEYS
from modules_harness import Cloud
from modules_harness import Keys

NAME = "books/login"
VALUE = {"username": "admin", "password": "geheim-4711"}


@pytest.fixture(name="node", autouse=True)
def _node(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The environment of a node, and a client of its operator."""
    use(monkeypatch, cloud, ROOT_KEYS)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = cloud.client("secretsmanager")
    arn = client.create_secret(Name=NAME, SecretString=json.dumps(VALUE))["ARN"]
    yield client
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def use(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, keys: Keys) -> None:
    # the session of other tests, which remembers their keys
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret)


def test_by_name_and_by_arn(node: Any) -> None:
    arn = node.describe_secret(SecretId=NAME)["ARN"]
    assert json.loads(secret_text(NAME, REGION)) == VALUE
    # the region is in the ARN
    assert json.loads(secret_text(arn, "eu-west-9")) == VALUE


def test_a_secret_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"no/such: It does not exist .*Fix: correct the name and the region"):
        secret_text("no/such", REGION)


def test_a_binary_secret(node: Any) -> None:
    node.create_secret(Name="binary", SecretBinary=b"\x00")
    try:
        with pytest.raises(SourceError, match="binary: The secret is binary"):
            secret_text("binary", REGION)
    finally:
        node.delete_secret(SecretId="binary", ForceDeleteWithoutRecovery=True)


def test_a_role_that_may_not(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, cloud, cloud.keys_for(frozenset({"hyperpod_cluster_info"})))
    with pytest.raises(SourceError, match="allow the execution role secretsmanager:GetSecretValue") as caught:
        secret_text(NAME, REGION)
    assert VALUE["password"] not in str(caught.value)
