# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the database, and what should be there. Pure. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .values import Value

Settings = t.Mapping[str, Value]


@dataclass(frozen=True)
class Account:
    """An account; None: not said."""

    description: str | None = None
    organization: str | None = None


@dataclass(frozen=True)
class User:
    """A user; None: not said."""

    default_account: str | None = None
    admin_level: str | None = None


@dataclass(frozen=True)
class Association:
    """An account in the cluster (no user), or a user in an account."""

    account: str
    user: str = ""
    parent: str | None = None
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """Of one cluster; accounts' descriptions, users' levels and QOS are those of all clusters of the database."""

    cluster: str
    known: bool = True
    accounts: t.Mapping[str, Account] = field(default_factory=dict)
    users: t.Mapping[str, User] = field(default_factory=dict)
    associations: t.Mapping[tuple[str, str], Association] = field(default_factory=dict)
    qos: t.Mapping[str, Settings] = field(default_factory=dict)
