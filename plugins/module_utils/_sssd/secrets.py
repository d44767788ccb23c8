# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is in the secrets of a directory: a password, an account, a certificate."""

from __future__ import annotations

import json
import typing as t

from .._node.aws import CURRENT
from .._node.aws import secret_text
from .common import SssdError


def secret_value(identifier: str, key: str | None, region: str | None, usual: str = "password") -> str:
    """A value from Secrets Manager.

    Args:
        identifier: name or ARN.
        key: key of a secret that is a JSON object; without it see :func:`pick`.
        region: of a secret that is given by its name.
        usual: the key when none is given.

    Raises:
        SourceError: it can't be read, with the reason and the fix.
        SssdError: there is no such key, or nothing in it.
    """
    return pick(secret_text(identifier, region), key, identifier, usual)


def bind_account(identifier: str, key: str | None, region: str | None, stage: str = CURRENT) -> tuple[str, str | None]:
    """The password of the account that reads the directory, and its distinguished name if the secret has it.

    A secret that names its account can change to another account, and the old one works until all nodes have it.

    Args:
        identifier: name or ARN.
        key: key of the password in a JSON object; without it see :func:`pick`.
        region: of a secret that is given by its name.
        stage: label of the version.

    Raises:
        SourceError: it can't be read, with the reason and the fix.
        SssdError: there is no such key, or nothing in it.
    """
    text = secret_text(identifier, region, stage)
    return pick(text, key, identifier, "password"), bind_dn_in(text)


def bind_dn_in(text: str) -> str | None:
    """The distinguished name in the text of a secret, C(bind_dn) of a JSON object; None: there is none."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    found = document.get("bind_dn") if isinstance(document, dict) else None
    return found if isinstance(found, str) and found.strip() else None


def pick(text: str, key: str | None, where: str, usual: str) -> str:
    """The value in the text of a secret: all of it, or one of a JSON object.

    Without a key that is the usual one, or the only one. Line ends at the end, which files bring along, are left out.

    Raises:
        SssdError: there is no such key, or nothing in it.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    value: t.Any = text
    if isinstance(document, dict):
        if key is None:
            key = usual if usual in document else next(iter(document)) if len(document) == 1 else None
        if key is None:
            what = f"The secret is a JSON object with {len(document)} keys, none of them is {usual!r}"
            raise SssdError(f"{where}: {what}. Fix: name the key (secret_key)")
        value = document.get(key)
    elif key is not None:
        raise SssdError(
            f"{where}: The secret is no JSON object, and its key {key!r} is asked for. Fix: leave secret_key out"
        )
    if not isinstance(value, str) or not value.strip():
        place = f"key {key!r} of the secret" if key is not None else "the secret"
        raise SssdError(
            f"{where}: There is no text in {place}. Fix: store the value there, or name another key (secret_key)"
        )
    return value.rstrip("\r\n")
