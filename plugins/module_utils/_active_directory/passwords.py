# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated passwords, and where they are kept: in Secrets Manager before the directory gets them, so none is lost."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import api_call
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import client_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._secret.api import reset_password

from .errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .users import User

# The complexity rule of Active Directory wants three of these five kinds; the fifth is other letters.
_KINDS = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!#%*+-./:=?@_~")
LEAST = 12
# What ResetUserPassword takes, and Windows' own limit
MOST = 127
_CURRENT = "AWSCURRENT"
_PENDING = "AWSPENDING"


def generated(length: int, name: str) -> str:
    """A password of all kinds of characters that does not have the user's name in it."""
    alphabet = "".join(_KINDS)
    while True:
        text = "".join(secrets.choice(alphabet) for _place in range(length))
        if all(set(text) & set(kind) for kind in _KINDS) and name.lower() not in text.lower():
            return text


def _members(value: str) -> dict[str, Any] | None:
    """What a secret's value has besides the password, if it is a JSON object.

    Raises:
        DirectoryError: the object has no password.
    """
    try:
        told = json.loads(value)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    if not isinstance(told.get("password"), str):
        raise DirectoryError(
            "the secret is there already, and is a JSON object without a text at password",
            "add password to it, or give another password_secret",
        )
    return told


def password_in(value: str) -> str:
    """The password in a secret's value: a member of a JSON object, or all of it."""
    members = _members(value)
    return value if members is None else str(members["password"])


def with_password(value: str, password: str) -> str:
    """A secret's value with another password, in the same form."""
    members = _members(value)
    return password if members is None else json.dumps({**members, "password": password})


@api_call("read secret {name}", missing=None)
def _read(client: Any, name: str) -> dict[str, Any] | None:
    answer: dict[str, Any] = client.get_secret_value(SecretId=name, VersionStage=_CURRENT)
    return answer


@api_call("create secret {name}")
def _create(client: Any, name: str, value: str, description: str, key: str | None) -> str:
    more = {"KmsKeyId": key} if key else {}
    return str(client.create_secret(Name=name, SecretString=value, Description=description, **more)["ARN"])


@api_call("write secret {name}")
def _propose(client: Any, name: str, value: str) -> str:
    return str(client.put_secret_value(SecretId=name, SecretString=value, VersionStages=[_PENDING])["VersionId"])


@api_call("make the new version of secret {name} the current one")
def _promote(client: Any, name: str, version: str, before: str) -> None:
    client.update_secret_version_stage(
        SecretId=name, VersionStage=_CURRENT, MoveToVersionId=version, RemoveFromVersionId=before
    )


class Passwords:
    """The passwords of a task's users.

    Args:
        module: an AnsibleAWSModule, for its clients; asked for when one is needed.
        domain: DNS name, for the description of secrets.
        conceal: told of each password, before anything is done with it.
    """

    def __init__(self, module: Any, domain: str, conceal: Callable[[str], None]) -> None:
        self._module = module
        self._domain = domain
        self._conceal = conceal
        self._clients: dict[str, Any] = {}
        self.arns: dict[str, str] = {}

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = client_of(self._module, service)
        return self._clients[service]

    def for_new(self, user: User) -> str | None:
        """The password of a user who isn't there yet. It is in its secret when this returns.

        A secret that is there already has it: a run was interrupted, or somebody put it there.
        """
        if not user.generate:
            return user.password
        if user.secret is None:
            return self._generate(user)
        found = _read(self._client("secretsmanager"), user.secret)
        if found is None:
            password = self._generate(user)
            self.arns[user.name] = self._make(user.secret, user.name, password)
            return password
        self.arns[user.name] = found["ARN"]
        value = password_in(found.get("SecretString") or "")
        if not 0 < len(value) <= MOST:
            raise DirectoryError(
                f"secret {user.secret} is there already and holds no password", "give another password_secret"
            )
        self._conceal(value)
        return value

    def for_known(self, user: User) -> tuple[str | None, Callable[[], None]]:
        """A password for a user who has one: given, or a new one. And what to do when the directory has it."""
        if not user.generate:
            return user.password, _nothing
        password = self._generate(user)
        if user.secret is None:
            return password, _nothing
        client, secret = self._client("secretsmanager"), user.secret
        found = _read(client, secret)
        if found is None:
            self.arns[user.name] = self._make(secret, user.name, password)
            return password, _nothing
        self.arns[user.name] = found["ARN"]
        version = _propose(client, secret, with_password(found.get("SecretString") or "", password))
        return password, lambda: _promote(client, secret, version, found["VersionId"])

    def set_by_service(self, directory: str, name: str, password: str) -> None:
        """Have AWS Directory Service set a password; this enables the account too."""
        reset_password(self._client("ds"), directory, name, password)

    def _generate(self, user: User) -> str:
        password = generated(self._module.params["password_length"], user.name)
        self._conceal(password)
        return password

    def _make(self, secret: str, name: str, password: str) -> str:
        description = f"Password of {name} in {self._domain}"
        key = self._module.params["password_secret_kms_key"]
        return str(_create(self._client("secretsmanager"), secret, password, description, key))


def _nothing() -> None:
    """There is nothing to do."""
