# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ds_user_password: set once for each version of the secret, and never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from in_process import directly
from modules_harness import PREFIX
from modules_harness import Cloud
from permissions_secrets import new_directory

NAME = "passwords/admin"
ADMIN = {"username": "Admin", "bind_dn": "CN=Admin,DC=x"}


@pytest.fixture(name="directory", scope="module")
def _directory(cloud: Cloud) -> str:
    directly(cloud, {f"{PREFIX}directory_secret": {"name": NAME, "fields": ADMIN}})
    return new_directory(cloud, "passwords.example.com", "10.79")


def task(directory: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """A task."""
    return {f"{PREFIX}ds_user_password": {"directory_id": directory, **options}, "check_mode": check}


def test_set_once_for_each_version(cloud: Cloud, directory: str) -> None:
    results = directly(
        cloud,
        task(directory, secret=NAME, check=True),
        task(directory, secret=NAME),
        task(directory, secret=NAME),
        task(directory, secret=NAME, force=True),
    )
    assert [result["changed"] for result in results] == [True, True, False, True]
    assert {result["username"] for result in results} == {"Admin"}
    client = cloud.client("secretsmanager")
    password = json.loads(client.get_secret_value(SecretId=NAME)["SecretString"])["password"]
    assert password not in json.dumps(results)
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps({**ADMIN, "password": "Another-One-7"}))
    changed, again = directly(cloud, task(directory, secret=NAME), task(directory, secret=NAME))
    assert [changed["changed"], again["changed"]] == [True, False]
    assert changed["version_id"] != results[0]["version_id"]


def test_a_password_alone_takes_a_name(cloud: Cloud, directory: str) -> None:
    cloud.client("secretsmanager").create_secret(Name="passwords/plain", SecretString="Plain-One-7")
    nobody, somebody = directly(
        cloud, task(directory, secret="passwords/plain"), task(directory, secret="passwords/plain", username="Admin")
    )
    assert "secret passwords/plain names no account. Fix: give username" in nobody["msg"]
    assert somebody["changed"]


def test_a_random_one_is_another_each_time(cloud: Cloud, directory: str) -> None:
    asked = len(cloud.requests())
    results = directly(cloud, *[task(directory, username="Admin", random=True)] * 2)
    assert [(result["changed"], result["version_id"]) for result in results] == [(True, None)] * 2
    # twice each, so that the password before it is of no use, either
    assert cloud.requests()[asked:].count("ds:ResetUserPassword") == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": NAME, "username": "nobody"}, ["User nobody does not exist", "Fix: make the account first"]),
        ({"secret": NAME, "directory_id": "d-0000000000"}, ["d-0000000000", "Fix: correct directory_id"]),
        ({"secret": "passwords/none"}, ["there is no secret passwords/none", "directory_secret"]),
        ({"secret": NAME, "version_stage": "AWSPENDING"}, [f"secret {NAME} has no version AWSPENDING", "Fix: "]),
        ({"secret": NAME, "random": True}, ["mutually exclusive"]),
        ({"random": True}, ["username"]),
        ({}, ["secret"]),
    ],
)
def test_wrong_input(cloud: Cloud, directory: str, options: dict[str, Any], words: list[str]) -> None:
    (result,) = directly(cloud, {f"{PREFIX}ds_user_password": {"directory_id": directory, **options}})
    assert result["failed"]
    for word in words:
        assert word in result["msg"], result["msg"]
