# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is to be done with a secret. Pure.

A value is a JSON object. Which version nodes take is told by the label AWSCURRENT; a new one is prepared under
AWSPENDING, as in every rotation of Secrets Manager ("Rotation by Lambda function" in its user guide). After it became
current it keeps AWSPENDING until all nodes have taken it, so that what is left to do can be told from the labels alone.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
NONE, PREPARED, ROLLING_OUT = "none", "prepared", "rolling_out"
PASSWORD = "password"  # noqa: S105 - the name of the field, not its value
# What results may tell of a value.
SHOWN = ("username", "bind_dn")
LENGTH = 32
# Three of four kinds are asked for (AWS Directory Service user guide, "Password policies"); nothing that a shell, a
# URL, LDAP or a configuration file would take for its own.
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.~")


class SecretError(Exception):
    """A secret that is not in a state for what is asked of it. The text names it, and the fix."""


@dataclass(frozen=True)
class Found:
    """A secret as it is. ``stages`` are the labels by version id, ``values`` what was read, by label."""

    arn: str
    deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def current(self) -> Mapping[str, Any] | None:
        """The value that is taken."""
        return self.values.get(CURRENT)

    @property
    def pending(self) -> Mapping[str, Any] | None:
        """The value that a change prepared or makes known."""
        return self.values.get(PENDING)

    def version(self, stage: str) -> str | None:
        """Id of the version that has a label."""
        return next((version for version, stages in self.stages.items() if stage in stages), None)


@dataclass(frozen=True)
class Plan:
    """Calls to make, in the order of the fields; ``put`` is label and value, ``tags`` are those that are missing."""

    restore: bool = False
    create: Mapping[str, Any] | None = field(default=None, repr=False)
    put: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False)
    promote: bool = False
    settle: bool = False
    delete: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self != Plan()


def rotation(found: Found | None) -> str:
    """How far a change of the value has come."""
    pending = found.version(PENDING) if found else None
    if found is None or pending is None:
        return NONE
    return ROLLING_OUT if pending == found.version(CURRENT) else PREPARED


def value_of(text: str | None) -> dict[str, Any] | None:
    """The fields of a value; a text that is no JSON object is a password (AWS ParallelCluster keeps it so)."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {PASSWORD: text}


def shown(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a result may tell of a value."""
    return None if value is None else {key: value[key] for key in SHOWN if key in value}


def mark(username: str) -> str:
    """Key of the tag that tells which version of the secret an account has."""
    return f"podforge:password-of:{username}"


def marked(directory: str, version: str) -> str:
    """Value of that tag."""
    return f"{directory} {version}"


def new_password() -> str:
    """A random password of all kinds of characters."""
    while True:
        password = "".join(secrets.choice("".join(_KINDS)) for _number in range(LENGTH))
        if all(any(letter in kind for letter in password) for kind in _KINDS) and password[0].isalnum():
            return password


def plan_present(
    found: Found | None, fields: Mapping[str, Any], secret: Mapping[str, Any], tags: Mapping[str, str]
) -> Plan:
    """A secret that is to be there; a value that it has stays, whatever the fields are."""
    value = {**fields, **(secret or {PASSWORD: new_password()})}
    if found is None:
        return Plan(create=value, tags=dict(tags))
    missing = found.version(CURRENT) is None
    changed = {key: text for key, text in tags.items() if found.tags.get(key) != text}
    return Plan(restore=found.deleted, put=(CURRENT, value) if missing else None, tags=changed)


def plan_pending(found: Found | None, name: str, accounts: Sequence[Mapping[str, str]]) -> Plan:
    """A new value for the account whose turn it is. One that is prepared, or not yet on all nodes, stays.

    Raises:
        SecretError: there is no such secret, or its value names an account that is none of the two.
    """
    there = _there(found, name)
    if rotation(there) != NONE:
        return Plan()
    names = [account["username"].lower() for account in accounts]
    # the first one, where it is not named: a password alone
    current = str((there.current or {}).get("username", accounts[0]["username"])).lower()
    if current not in names:
        raise SecretError(
            f"secret {name} is of the account {current}, which is none of those that take turns "
            f"({', '.join(account['username'] for account in accounts)}). Fix: name it among them"
        )
    other = accounts[1 - names.index(current)]
    return Plan(put=(PENDING, {**(there.current or {}), **other, PASSWORD: new_password()}))


def plan_current(found: Found | None, name: str) -> Plan:
    """What was prepared is what nodes take from now on."""
    return Plan(promote=rotation(_there(found, name)) == PREPARED)


def plan_settled(found: Found | None, name: str) -> Plan:
    """All nodes have what is current.

    Raises:
        SecretError: a value is prepared that is not current yet.
    """
    state = rotation(_there(found, name))
    if state == PREPARED:
        raise SecretError(f"secret {name} has a value that is not current yet. Fix: state current first")
    return Plan(settle=state == ROLLING_OUT)


def plan_absent(found: Found | None) -> Plan:
    """No secret, or one that is scheduled for deletion."""
    return Plan(delete=found is not None and not found.deleted)


def _there(found: Found | None, name: str) -> Found:
    if found is None or found.deleted:
        raise SecretError(f"there is no secret {name}. Fix: state present first, or correct the name")
    if found.version(CURRENT) is None:
        raise SecretError(f"secret {name} has no value. Fix: state present first")
    return found
