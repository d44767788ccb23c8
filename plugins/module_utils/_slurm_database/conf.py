# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurmdbd.conf: its text, and what a secret in it must look like. Pure. Private.

Form of the file: slurm.conf(5) and the parser of Slurm (src/common/parse_config.c): # begins a comment and a backslash
takes the meaning of what follows it, both also between quotes; a value with blanks stands in quotes and can't have one.
"""

from __future__ import annotations

import json
import re
import typing as t

from . import DatabaseError

_LOGIN_KEY = "StoragePass"
MASK = "(secret)"
_KEY = re.compile(r"^[A-Za-z][A-Za-z0-9]*$")
_LINE = re.compile(rf"(?mi)({_LOGIN_KEY}\s*=).*$")


def render(config: t.Mapping[str, t.Any], login: tuple[str, str] | None) -> str:
    """The file's text.

    Args:
        config: settings; null leaves one out, lists are joined by commas.
        login: user and password of an external database.

    Raises:
        DatabaseError: a setting can't stand in the file, named without a secret.
    """
    lines = ["# Written by the module podforge.hyperpod.slurmdbd_config: changes made here are lost."]
    seen: dict[str, str] = {}
    for key, value in sorted(config.items()):
        if not _KEY.match(key):
            raise DatabaseError(f"config: {key!r} is no name of a setting of slurmdbd.conf")
        if key.lower() in seen:
            raise DatabaseError(f"config: {key} and {seen[key.lower()]} are the same setting; keep one")
        seen[key.lower()] = key
        if key.lower() == _LOGIN_KEY.lower():
            raise DatabaseError(f"config: leave {_LOGIN_KEY} out; the password comes from secret_id")
        if value is not None:
            lines.append(f"{key}={_value(value, f'config: {key}')}")
    if login is not None:
        if "storageuser" in seen:
            raise DatabaseError("config: leave StorageUser out; the user comes from secret_id")
        lines += [
            f"StorageUser={escaped(login[0], 'the user')}",
            f"{_LOGIN_KEY}={escaped(login[1], 'the password')}",
        ]
    return "\n".join([*lines, ""])


def masked(text: str) -> str:
    """The text as it may be shown."""
    return _LINE.sub(rf"\1{MASK}", text)


def login_of(text: str, identifier: str, user: str | None = None) -> tuple[str, str]:
    """User and password in the text of a secret: a JSON object, as RDS and its console make it, or the password alone.

    Args:
        text: the secret.
        identifier: its name, for messages.
        user: the user when the secret does not tell.

    Raises:
        DatabaseError: something is missing.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {"password": text.rstrip("\r\n")}
    found = {"username": document.get("username") or user, "password": document.get("password")}
    for key, value in found.items():
        if not isinstance(value, str) or not value:
            raise DatabaseError(
                f"secret {identifier} has no {key}: store a JSON object with username and password, as RDS does"
            )
    return str(found["username"]), str(found["password"])


def escaped(text: str, what: str) -> str:
    """A value that Slurm reads as this text.

    Raises:
        DatabaseError: there is no way to write it; the text is not told.
    """
    if re.search(r"[\x00-\x1f\x7f]", text) or not text.isascii():
        raise DatabaseError(
            f"{what} in the secret has characters that slurmdbd.conf can't hold; use ASCII, no line break"
        )
    quotes = " " in text or text == ""
    if quotes and '"' in text:
        raise DatabaseError(
            f"{what} in the secret has both blanks and quotes, which slurmdbd.conf can't hold; change it"
        )
    if text.startswith('"'):
        raise DatabaseError(f"{what} in the secret begins with a quote, which slurmdbd.conf can't hold; change it")
    safe = text.replace("\\", "\\\\").replace("#", "\\#")
    return f'"{safe}"' if quotes else safe


def _value(value: t.Any, where: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ",".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
    if re.search(r'[\n\r#"]', text):
        raise DatabaseError(f"{where} holds a line break, a # or a quote, which slurmdbd.conf can't hold here")
    return f'"{text}"' if " " in text else text
