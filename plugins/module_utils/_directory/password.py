# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator's password: from an option or from a secret. It is in no message, result or diff.

Rules: https://docs.aws.amazon.com/directoryservice/latest/devguide/API_CreateMicrosoftAD.html and
https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_getting_started_create_directory.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import HyperPodError
from .._hyperpod.common import client_of
from . import api

if TYPE_CHECKING:
    from collections.abc import Mapping

# The key of a secret's JSON that is taken when none is named, as the secrets of other AWS services have it.
_DEFAULT_KEY = "password"
_SHORTEST, _LONGEST = 8, 64
_CATEGORIES = 3


def password_of(module: Any) -> str:
    """The password that the module's options name. Whatever the module returns is searched for it from then on.

    Raises:
        HyperPodError: the secret can't be read, or holds no password, or the service would not take it.
    """
    params = module.params
    if params["password"] is not None:
        password, place = str(params["password"]), "password"
    else:
        secret = params["password_secret"]
        answer = api.secret_value(client_of(module, "secretsmanager"), secret)
        place = f"password_secret {secret}"
        password = in_secret(answer, params["password_secret_key"], place)
        module.no_log_values.add(password)
    found = problem(password)
    if found:
        raise HyperPodError(f"{place}: {found}")
    return password


def in_secret(answer: Mapping[str, Any], key: str | None, place: str) -> str:
    """The password in an answer of GetSecretValue: the value at the key of its JSON, or all of it. Pure.

    Args:
        answer: of the service.
        key: of the JSON object; None: C(password) if there is such a key, else all of the text.
        place: what an error calls the secret.

    Raises:
        HyperPodError: it isn't there.
    """
    text = answer.get("SecretString")
    if text is None:
        raise HyperPodError(f"{place} is binary: store the password as text, or as JSON with a key for it")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        if key is None:
            return str(text)
        raise HyperPodError(f"{place} is no JSON object, so it has no key {key}: leave password_secret_key out")
    if key is None and _DEFAULT_KEY not in parsed:
        keys = ", ".join(sorted(parsed)) or "none"
        raise HyperPodError(f"{place} has no key {_DEFAULT_KEY}, its keys are: {keys}. Name one by password_secret_key")
    value = parsed.get(key or _DEFAULT_KEY)
    if not isinstance(value, str) or not value:
        keys = ", ".join(sorted(parsed)) or "none"
        raise HyperPodError(f"{place} has no text at key {key or _DEFAULT_KEY}; its keys are: {keys}")
    return value


def problem(password: str) -> str | None:
    """Why the service would refuse a password, without telling it. Pure."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        return f"the password has {len(password)} characters; it needs {_SHORTEST} to {_LONGEST}"
    kinds = (
        any(letter.islower() for letter in password),
        any(letter.isupper() for letter in password),
        any(letter.isdigit() for letter in password),
        any(not letter.isalnum() and not letter.isspace() for letter in password),
    )
    if sum(kinds) < _CATEGORIES:
        return (
            "the password is too simple; it needs characters of three of these kinds: lower case letters, upper case"
            " letters, digits, others"
        )
    if "admin" in password.lower():
        return "the password contains the word admin, which the service does not take"
    return None
