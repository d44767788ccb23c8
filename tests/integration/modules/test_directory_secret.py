# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""directory_secret: made once, changed in steps, and never a password in what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from in_process import directly
from modules_harness import PREFIX
from modules_harness import Cloud

ONE = {"username": "ReadOnly", "bind_dn": "CN=ReadOnly,DC=x"}
TWO = {"username": "ReadOnly2", "bind_dn": "CN=ReadOnly2,DC=x"}
GIVEN = "given-Passw0rd-of-the-test"


def task(name: str, state: str = "present", *, check: bool = False, **options: Any) -> dict[str, Any]:
    """A task; fields and accounts where they belong."""
    if state == "present":
        options = {"fields": ONE, "tags": {"podforge:cluster": "demo"}, **options}
    if state == "pending":
        options = {"accounts": [ONE, TWO], **options}
    return {f"{PREFIX}directory_secret": {"name": name, "state": state, **options}, "check_mode": check, "diff": True}


def value(cloud: Cloud, name: str, stage: str = "AWSCURRENT") -> dict[str, str]:
    """What Secrets Manager holds."""
    client = cloud.client("secretsmanager")
    return dict(json.loads(client.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]))


def labels(cloud: Cloud, name: str) -> list[list[str]]:
    """Labels of all versions that have any."""
    told = cloud.client("secretsmanager").describe_secret(SecretId=name)
    return sorted(sorted(stages) for stages in told["VersionIdsToStages"].values() if stages)


def test_made_once(cloud: Cloud) -> None:
    checked, made, again = directly(cloud, task("a/made", check=True), task("a/made"), task("a/made", fields=TWO))
    assert [result["changed"] for result in (checked, made, again)] == [True, True, False]
    assert checked["secret"] == {key: text for key, text in made["secret"].items() if key != "arn"}
    held = value(cloud, "a/made")
    assert {key: text for key, text in held.items() if key != "password"} == ONE
    assert made["secret"]["current"] == ONE
    assert made["secret"]["tags"] == {"podforge:cluster": "demo"}
    assert held["password"] not in json.dumps([checked, made, again])


def test_a_given_value_is_kept_and_not_shown(cloud: Cloud) -> None:
    (made,) = directly(cloud, task("a/given", secret_fields={"password": GIVEN}))
    assert value(cloud, "a/given")["password"] == GIVEN
    assert GIVEN not in json.dumps(made)


def test_a_change_in_steps_each_of_which_can_be_repeated(cloud: Cloud) -> None:
    results = directly(cloud, task("a/turns"))
    old = value(cloud, "a/turns")["password"]
    results += directly(cloud, task("a/turns", "pending", check=True), task("a/turns", "pending"))
    new = value(cloud, "a/turns", "AWSPENDING")["password"]
    assert value(cloud, "a/turns")["password"] == old, "nodes take the old one as yet"
    results += directly(cloud, task("a/turns", "pending"), task("a/turns", "settled"))
    assert "state current first" in results[-1]["msg"]
    results += directly(cloud, task("a/turns", "current", check=True), task("a/turns", "current"))
    assert value(cloud, "a/turns") == {**TWO, "password": new}
    results += directly(cloud, task("a/turns", "current"), task("a/turns", "pending"))
    assert results[-1]["secret"]["rotation"] == "rolling_out"
    assert labels(cloud, "a/turns") == [["AWSCURRENT", "AWSPENDING"], ["AWSPREVIOUS"]]
    results += directly(cloud, task("a/turns", "settled"), task("a/turns", "settled"))
    assert [result["changed"] for result in results] == [
        *(True, True, True, False, False, True, True, False, False, True, False)
    ]
    assert results[-1]["secret"]["rotation"] == "none"
    assert labels(cloud, "a/turns") == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    results += directly(cloud, task("a/turns", "pending"))
    assert results[-1]["secret"]["pending"] == ONE, "they take turns"
    assert not [text for text in (old, new) if text in json.dumps(results)]


def test_gone_and_back_with_the_value_that_it_had(cloud: Cloud) -> None:
    directly(cloud, task("a/gone"))
    old = value(cloud, "a/gone")
    checked, gone, again = directly(
        cloud, task("a/gone", "absent", check=True), task("a/gone", "absent"), task("a/gone", "absent")
    )
    assert [result["changed"] for result in (checked, gone, again)] == [True, True, False]
    assert gone["secret"] == {}
    (refused,) = directly(cloud, task("a/gone", "pending"))
    assert "there is no secret a/gone. Fix: state present first" in refused["msg"]
    (back,) = directly(cloud, task("a/gone"))
    assert back["changed"]
    assert value(cloud, "a/gone") == old
    (removed,) = directly(cloud, task("a/gone", "absent", recovery_days=0))
    assert removed["changed"]
    (absent,) = directly(cloud, task("a/gone", "absent"))
    assert not absent["changed"]


def test_tags_are_kept_up(cloud: Cloud) -> None:
    (made,) = directly(cloud, task("a/tags"))
    (tagged,) = directly(cloud, task("a/tags", tags={"Owner": "me"}))
    assert tagged["changed"]
    assert tagged["secret"]["tags"] == {**made["secret"]["tags"], "Owner": "me"}


@pytest.mark.parametrize(
    ("state", "options", "words"),
    [
        ("pending", {"accounts": [ONE]}, "accounts: 1 given, two take turns. Fix: name both"),
        ("absent", {"recovery_days": 3}, "recovery_days: 3 is out of range. Fix: use 0, or 7 to 30"),
        ("current", {}, "there is no secret a/nowhere. Fix: state present first"),
    ],
)
def test_wrong_input(cloud: Cloud, state: str, options: dict[str, Any], words: str) -> None:
    (result,) = directly(cloud, task("a/nowhere", state, **options))
    assert result["failed"]
    assert words in result["msg"]
