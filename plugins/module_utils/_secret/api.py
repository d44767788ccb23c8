# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of Secrets Manager, one function each. Private to this collection."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import HyperPodError
from .._hyperpod.common import api_call
from .plan import Found
from .plan import value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of ResetUserPassword (AWS Directory Service API reference).
_FIXES = {
    "UserDoesNotExistException": "Fix: make the account first (podforge.hyperpod.ad_user), below the OU of the "
    "domain's NetBIOS name; others are not the service's to change",
    "InvalidPasswordException": "Fix: give a password that the directory's policy allows",
    "EntityDoesNotExistException": "Fix: correct directory_id: aws ds describe-directories",
    "DirectoryUnavailableException": "Fix: wait until the directory is Active: aws ds describe-directories",
}


def find(client: Any, name: str, *stages: str) -> Found | None:
    """The secret, with the values of versions that have these labels; None: there is none."""
    told = describe(client, name)
    if told is None:
        return None
    found = Found(
        arn=told["ARN"],
        deleted=told.get("DeletedDate") is not None,
        tags={tag["Key"]: tag["Value"] for tag in told.get("Tags") or []},
        stages=told.get("VersionIdsToStages") or {},
    )
    if found.deleted:
        return found
    values = {stage: value_of(read(client, name, stage)) for stage in stages if found.version(stage)}
    return replace(found, values={stage: value for stage, value in values.items() if value is not None})


@api_call("look at secret {name}", missing=None)
def describe(client: Any, name: str) -> dict[str, Any] | None:
    """Answer of DescribeSecret; None: there is none."""
    return dict(client.describe_secret(SecretId=name))


@api_call("read secret {name}")
def read(client: Any, name: str, stage: str) -> str | None:
    """The text of the version with a label."""
    text: str | None = client.get_secret_value(SecretId=name, VersionStage=stage).get("SecretString")
    return text


@api_call("create secret {name}")
def create(client: Any, name: str, value: Mapping[str, Any], token: str, more: Mapping[str, Any]) -> None:
    """Make the secret with its first value. With the same ``token`` a call that is repeated makes nothing twice.

    ``more``: parameters of CreateSecret.
    """
    client.create_secret(Name=name, SecretString=json.dumps(dict(value)), ClientRequestToken=token, **more)


@api_call("restore secret {name}")
def restore(client: Any, name: str) -> None:
    """Take back that it is scheduled for deletion."""
    client.restore_secret(SecretId=name)


@api_call("put a value into secret {name}")
def put(client: Any, name: str, stage: str, value: Mapping[str, Any], token: str) -> None:
    """A new version with a label, of the id ``token``; a call that is repeated makes it once."""
    text = json.dumps(dict(value))
    client.put_secret_value(SecretId=name, SecretString=text, VersionStages=[stage], ClientRequestToken=token)


@api_call("move the label {stage} of secret {name}")
def move(client: Any, name: str, stage: str, source: str, target: str | None) -> None:
    """Take a label from one version, and give it to another unless that is None."""
    more = {} if target is None else {"MoveToVersionId": target}
    client.update_secret_version_stage(SecretId=name, VersionStage=stage, RemoveFromVersionId=source, **more)


@api_call("tag secret {name}")
def tag(client: Any, name: str, tags: Mapping[str, str]) -> None:
    """Set these tags; others stay."""
    client.tag_resource(SecretId=name, Tags=[{"Key": key, "Value": text} for key, text in tags.items()])


@api_call("delete secret {name}")
def delete(client: Any, name: str, days: int) -> None:
    """Schedule the deletion; at once with 0 days."""
    how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    client.delete_secret(SecretId=name, **how)


@api_call("set the password of {username} in directory {directory}")
def _reset(client: Any, directory: str, username: str, password: str) -> None:
    client.reset_user_password(DirectoryId=directory, UserName=username, NewPassword=password)


def reset_password(client: Any, directory: str, username: str, password: str) -> None:
    """Have AWS Directory Service give an account a password, and enable it.

    Raises:
        HyperPodError: the service refuses, with the fix where it is known.
    """
    try:
        _reset(client, directory, username, password)
    except HyperPodError as error:
        error.advice = _FIXES.get(error.code, "")
        raise
