# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage means, where a password is, and what keeps a directory from being deleted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.explain import interfaces_told
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.explain import likely
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.explain import shares_told
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.explain import trusts_told
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.explain import used_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.info import wanted
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.password import in_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.password import problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.waiters import active
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.waiters import gone
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.waiters import state_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError

GOOD = "Hidden-Pass-1"


@pytest.mark.parametrize(
    ("described", "seen", "done", "failed"),
    [
        (None, [], False, None),
        (None, ["Creating"], False, "somebody else has deleted it"),
        ({"Stage": "Deleted"}, ["Creating"], False, "somebody else has deleted it"),
        ({"Stage": "Requested"}, [], False, None),
        ({"Stage": "Created"}, ["Creating"], False, None),
        ({"Stage": "Impaired"}, [], False, None),
        ({"Stage": "Active"}, [], True, None),
        ({"Stage": "Deleting"}, [], False, "deleted by somebody else"),
        ({"Stage": "Failed", "StageReason": "no room"}, [], False, "Failed: no room"),
        ({"Stage": "RestoreFailed"}, [], False, "the service gives no reason"),
    ],
)
def test_active(described: Any, seen: list[str], done: bool, failed: str | None) -> None:
    verdict = active(described, seen)
    assert verdict.done is done
    assert (failed or "") in (verdict.failed or "")
    assert bool(verdict.failed) == bool(failed)


@pytest.mark.parametrize(
    ("described", "seen", "done", "failed"),
    [
        (None, [], True, None),
        ({"Stage": "Deleted"}, [], True, None),
        ({"Stage": "Deleting"}, [], False, None),
        ({"Stage": "Active"}, [], False, None),
        ({"Stage": "Active", "StageReason": "in use"}, ["Deleting"], False, "directory Active: in use"),
    ],
)
def test_gone(described: Any, seen: list[str], done: bool, failed: str | None) -> None:
    verdict = gone(described, seen)
    assert verdict.done is done
    assert (failed or "") in (verdict.failed or "")
    assert bool(verdict.failed) == bool(failed)


def test_the_line() -> None:
    assert state_text(None) == "not there"
    assert state_text({"Stage": "Creating"}) == "Creating"
    described = {"Stage": "Impaired", "DnsIpAddrs": ["10.0.1.2", "10.0.0.2"], "StageReason": "why"}
    assert state_text(described) == "Impaired | DNS 10.0.0.2, 10.0.1.2 | why"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD, None),
        (f'{{"password": "{GOOD}", "username": "Admin"}}', None),
        (f'{{"admin": "{GOOD}"}}', "admin"),
    ],
)
def test_where_the_password_is(text: str, key: str | None) -> None:
    assert in_secret({"SecretString": text}, key, "password_secret s") == GOOD


def test_text_that_is_json_but_no_object_is_a_password() -> None:
    assert in_secret({"SecretString": "12345678"}, None, "password_secret s") == "12345678"


@pytest.mark.parametrize(
    ("answer", "key", "words"),
    [
        ({"SecretBinary": b"x"}, None, "is binary"),
        ({"SecretString": GOOD}, "admin", "is no JSON object"),
        ({"SecretString": f'{{"b": "{GOOD}", "a": "x"}}'}, None, "has no key password, its keys are: a, b"),
        ({"SecretString": f'{{"b": "{GOOD}"}}'}, "c", "no text at key c; its keys are: b"),
        ({"SecretString": '{"password": 12345678}'}, None, "no text at key password"),
        ({"SecretString": '{"password": ""}'}, None, "no text at key password"),
        ({"SecretString": "{}"}, None, "its keys are: none"),
    ],
)
def test_no_password_there(answer: dict[str, Any], key: str | None, words: str) -> None:
    with pytest.raises(HyperPodError) as caught:
        in_secret(answer, key, "password_secret s")
    assert words in caught.value.message
    assert caught.value.message.startswith("password_secret s ")
    assert GOOD not in caught.value.message


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (GOOD, None),
        ("passWord1", None),
        ("pass-word1", None),
        ("Aa1-567", "has 7 characters; it needs 8 to 64"),
        ("Aa1-" * 17, "has 68 characters"),
        ("abcdefgh", "too simple"),
        ("abcdefg1", "too simple"),
        ("ABCDEFG1", "too simple"),
        ("abcd efg1", "too simple"),
        ("My-Admin-1", "contains the word admin"),
    ],
)
def test_what_a_password_needs(password: str, words: str | None) -> None:
    found = problem(password)
    assert (words is None) == (found is None)
    assert (words or "") in (found or "")
    assert password not in (found or "")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Cannot delete the directory because it still has authorized applications.", "applications are still allowed"),
        ("ClientException: The directory has trusts", "trusts with other domains"),
        ("Directory is shared", "shared with other accounts"),
        ("DirectoryLimitExceededException: Directory limit exceeded", "as many directories"),
        ("User is not authorized to perform: ec2:CreateSecurityGroup", "with the rights of who runs the task"),
        ("The shortName value is wrong", "NetBIOS name is not allowed"),
        ("Domain name already exists in the VPC", "of this name already"),
        ("Invalid subnet ID(s).", "availability zones"),
        ("Password is too weak", "not strong enough"),
        ("An internal service error has been encountered", "the service itself"),
        ("something else", ""),
    ],
)
def test_likely_causes(said: str, words: str) -> None:
    found = likely([said])
    assert words in (found[0].cause if found else "")
    assert bool(found) == bool(words)


def test_what_still_uses_it() -> None:
    interfaces = [
        {"NetworkInterfaceId": "eni-1", "Description": "AWS created network interface for directory d-1"},
        {"NetworkInterfaceId": "eni-2", "Description": "FSx"},
        {"NetworkInterfaceId": "eni-3"},
    ]
    assert trusts_told([{"TrustId": "t-1", "RemoteDomainName": "b.net"}]) == ["trust t-1 with b.net"]
    shares = [{"SharedAccountId": "444455556666", "ShareStatus": "Shared"}]
    assert shares_told(shares) == ["share with account 444455556666 (Shared)"]
    assert interfaces_told(interfaces, "d-1") == [
        "network interface eni-2 in the directory's security group (FSx)",
        "network interface eni-3 in the directory's security group (no description)",
    ]
    assert used_text([]) == []
    assert used_text(["a", "b"]) == ["Still used by: a, b"]


DIRECTORY = {
    "DirectoryId": "d-1",
    "Name": "Corp.example.com",
    "Type": "MicrosoftAD",
    "Stage": "Active",
    "VpcSettings": {"VpcId": "vpc-1"},
}


@pytest.mark.parametrize(
    ("more", "asked", "found"),
    [
        ({}, {}, True),
        ({"Type": "SimpleAD"}, {}, False),
        ({"Stage": "Deleted"}, {}, False),
        ({}, {"names": ["corp.EXAMPLE.com."]}, True),
        ({}, {"names": []}, False),
        ({}, {"directory_ids": ["d-2"]}, False),
        ({}, {"directory_ids": ["d-1"], "vpc_id": "vpc-1"}, True),
        ({}, {"vpc_id": "vpc-2"}, False),
    ],
)
def test_which_are_told(more: dict[str, Any], asked: dict[str, Any], found: bool) -> None:
    params = {"names": None, "directory_ids": None, "vpc_id": None, **asked}
    assert wanted({**DIRECTORY, **more}, params) is found
