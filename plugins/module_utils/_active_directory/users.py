# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task wants of users: the options, checked and in the directory's form. Pure."""

from __future__ import annotations

import string
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from . import ssh_keys
from .attributes import expiry
from .checks import Problems
from .names import account_problem
from .names import domain_of
from .names import name_problem
from .names import within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .ssh_keys import Key

# Options that are text: attribute and rangeUpper of the schema, learn.microsoft.com/windows/win32/adschema.
TEXTS = {
    "upn": ("userPrincipalName", 1024),
    "given_name": ("givenName", 64),
    "surname": ("sn", 64),
    "display_name": ("displayName", 256),
    "email": ("mail", 256),
    "description": ("description", 1024),
    "unix_home_directory": ("unixHomeDirectory", 2048),
    "login_shell": ("loginShell", 1024),
}
NUMBERS = {"uid_number": "uidNumber", "gid_number": "gidNumber"}
_LARGEST_ID = 2**31 - 1
# What Secrets Manager takes in the name of a secret, API_CreateSecret
_SECRET_NAME = frozenset(string.ascii_letters + string.digits + "/_+=.@-")
_SECRET_FIELDS = frozenset({"name", "domain"})


@dataclass(frozen=True)
class User:
    """A user as a task wants it; None: as it is."""

    name: str
    present: bool = True
    path: str | None = None
    cn: str | None = None
    enabled: bool | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    keys: Sequence[Key] | None = None
    purge_keys: bool = True
    account_expires: int | None = None
    password_never_expires: bool | None = None
    must_change_password: bool | None = None
    read_only: bool | None = None
    has_password: bool = False
    generate: bool = False
    secret: str | None = None
    always: bool = False
    password: str | None = field(default=None, repr=False)


def secret_name(template: str, name: str, domain: str) -> str:
    """The name of a user's secret.

    Raises:
        ValueError: the template has other fields, or the name characters that Secrets Manager does not take.
    """
    try:
        fields = {found for _text, found, _spec, _conversion in string.Formatter().parse(template) if found is not None}
    except ValueError as error:
        raise ValueError(f"'{template}' is no template: {error}") from error
    if not fields <= _SECRET_FIELDS:
        raise ValueError(f"'{template}' has other fields than {{name}} and {{domain}}")
    text = template.format(name=name, domain=domain)
    odd = sorted(set(text) - _SECRET_NAME)
    if odd or not 0 < len(text) <= 512:
        shown = " ".join(repr(char) for char in odd) or f"{len(text)} characters"
        raise ValueError(f"'{text}' can't be the name of a secret because of {shown}: letters, digits and /_+=.@- can")
    return text


def wanted_users(params: Mapping[str, Any], base: str) -> list[User]:
    """The users of a task.

    Args:
        params: the module's options.
        base: distinguished name of the domain.

    Raises:
        DirectoryError: something is wrong with one or more of them; all problems at once.
    """
    problems = Problems("users", [item["name"] for item in params["users"]])
    found = []
    for index, item in enumerate(params["users"]):
        with problems.of(index):
            found.append(_wanted(item, params, base, problems))
    problems.same_names()
    problems.stop()
    return found


def _wanted(item: Mapping[str, Any], params: Mapping[str, Any], base: str, problems: Problems) -> User:
    name = item["name"]
    problems.note("name", account_problem(name, "user"))
    if item["cn"] is not None:
        problems.note("cn", name_problem(item["cn"]))
    return User(
        name=name,
        present=(item["state"] or params["state"]) == "present",
        path=_path(item["path"] or params["path"], base),
        cn=item["cn"],
        enabled=item["enabled"],
        texts=_texts(item, problems),
        numbers=_numbers(item, problems),
        keys=_keys(item["ssh_keys"], problems),
        purge_keys=params["purge_ssh_keys"] if item["purge_ssh_keys"] is None else item["purge_ssh_keys"],
        account_expires=None if item["account_expires"] is None else expiry(item["account_expires"]),
        read_only=item["read_only"],
        **_password(item, params, base, problems),
    )


def _path(path: str | None, base: str) -> str | None:
    return None if path is None else within(path, base)


def _texts(item: Mapping[str, Any], problems: Problems) -> dict[str, str]:
    found = {}
    for option, (_attribute, longest) in TEXTS.items():
        value = item[option]
        if value is None:
            continue
        if len(value) > longest:
            problems.note(option, f"it has {len(value)} characters, the directory takes {longest}")
        if any(ord(char) < 0x20 for char in value):
            problems.note(option, "it has a line break or another control character")
        found[option] = value
    return found


def _numbers(item: Mapping[str, Any], problems: Problems) -> dict[str, int]:
    found = {option: item[option] for option in NUMBERS if item[option] is not None}
    for option, value in found.items():
        if not 0 < value <= _LARGEST_ID:
            problems.note(option, f"{value} is not between 1 and {_LARGEST_ID}; 0 is root's")
    return found


def _keys(lines: Sequence[str] | None, problems: Problems) -> list[Key] | None:
    if lines is None:
        return None
    found: dict[tuple[str, str], Key] = {}
    for number, line in enumerate(lines):
        with problems.at(f"ssh_keys[{number}]"):
            key = ssh_keys.parse(line)
            found[key.identity] = key
    return list(found.values())


def _password(item: Mapping[str, Any], params: Mapping[str, Any], base: str, problems: Problems) -> dict[str, Any]:
    """What the options say about the password."""
    given = item["password"]
    template = item["password_secret"] or params["password_secret"]
    generate = bool(item["generate_password"])
    never = item["password_never_expires"]
    if item["read_only"] and never is None:
        never = True
    if given is not None and not given:
        problems.note("password", "it is empty")
    if given and generate:
        problems.note("generate_password", "there is a password too: give one of the two")
    if item["must_change_password"] and never:
        problems.note("must_change_password", "a password that never expires can't have to be changed: set one of them")
    secret = None
    if generate and template:
        try:
            secret = secret_name(template, item["name"], domain_of(base))
        except ValueError as error:
            problems.note("password_secret", str(error))
    return {
        "has_password": bool(given) or generate,
        "password": given,
        "generate": generate,
        "secret": secret,
        "always": (item["update_password"] or params["update_password"]) == "always",
        "password_never_expires": never,
        "must_change_password": item["must_change_password"],
    }
