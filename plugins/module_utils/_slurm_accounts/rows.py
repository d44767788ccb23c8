# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of ``sacctmgr --parsable2 --noheader list``. Pure. Private."""

from __future__ import annotations

import typing as t

from .state import Account
from .state import Association
from .state import Settings
from .state import State
from .state import User
from .values import ASSOCIATION
from .values import QOS
from .values import AccountsError
from .values import Setting
from .values import shown

_ASSOCIATION_HEAD = ("Account", "ParentName", "User", "Partition")
_COUNTS = {
    "clusters": 1,
    "accounts": 3,
    "users": 3,
    "associations": len(_ASSOCIATION_HEAD) + len(ASSOCIATION),
    "qos": 1 + len(QOS),
}


def queries(cluster: str) -> dict[str, list[str]]:
    """The arguments of sacctmgr for each part of the state."""
    association = [*_ASSOCIATION_HEAD, *(setting.name for setting in ASSOCIATION)]
    where = f"cluster={cluster}"
    return {
        "clusters": ["list", "cluster", "format=Cluster"],
        "accounts": ["list", "account", "format=Account,Organization,Description"],
        "users": ["list", "user", where, "format=User,DefaultAccount,AdminLevel"],
        # only what is set there itself, not what is inherited from above
        "associations": ["list", "associations", where, "wopl", f"format={','.join(association)}"],
        "qos": ["list", "qos", f"format={','.join(['Name', *(setting.name for setting in QOS)])}"],
    }


def parse(cluster: str, answers: t.Mapping[str, str]) -> State:
    """The state, from the answers to :func:`queries`. See :func:`unreadable` for what is left out.

    Raises:
        AccountsError: a line has fewer fields than were asked for.
    """
    rows = {part: [row for line in _lines(text) if (row := _row(part, line))] for part, text in answers.items()}
    return State(
        cluster=cluster,
        known=[cluster] in rows["clusters"],
        accounts=dict(_account(row) for row in rows["accounts"]),
        users=dict(_user(row) for row in rows["users"]),
        # those that hold in one partition only are nobody's business here
        associations=dict(_association(row) for row in rows["associations"] if not row[3]),
        qos=dict(_qos(row) for row in rows["qos"]),
    )


def unreadable(answers: t.Mapping[str, str]) -> list[str]:
    """Lines in which somebody's name or text has the separator: they can't be told from others, and are let alone."""
    return [line for part, text in answers.items() for line in _lines(text) if _row(part, line) is None]


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def _row(part: str, line: str) -> list[str] | None:
    fields, count = line.split("|"), _COUNTS[part]
    if len(fields) < count:
        raise AccountsError(f"sacctmgr has answered {len(fields)} fields where {count} were asked for: {line}")
    return fields if len(fields) == count else None


def _account(row: list[str]) -> tuple[str, Account]:
    return row[0], Account(description=row[2], organization=row[1])


def _user(row: list[str]) -> tuple[str, User]:
    return row[0], User(row[1] or None, row[2].lower() or "none")


def _association(row: list[str]) -> tuple[tuple[str, str], Association]:
    head = len(_ASSOCIATION_HEAD)
    account, parent, user, _partition = row[:head]
    return (account, user), Association(account, user, parent or None, _settings(row[head:], ASSOCIATION))


def _qos(row: list[str]) -> tuple[str, Settings]:
    return row[0], _settings(row[1:], QOS)


def _settings(fields: t.Sequence[str], settings: t.Sequence[Setting]) -> Settings:
    return {setting.name: shown(text, setting) for setting, text in zip(settings, fields, strict=True)}
