# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and databases of a local MariaDB: what is there, and what is to be done about it. Pure. Private.

Sources: mariadb-secure-installation(1) for what a fresh server leaves open; MariaDB Knowledge Base, "Authentication
Plugin - Unix Socket" and "mysql.global_priv Table"; Slurm's accounting guide for the rights of slurmdbd.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from dataclasses import field

from . import DatabaseError

# Names come as hexadecimal digits: whatever somebody has called an account, a line has the same number of fields.
LOOK = """\
SELECT 'account', HEX(User), HEX(Host), HEX(Priv) FROM mysql.global_priv;
SELECT 'database', HEX(SCHEMA_NAME), COUNT(TABLE_NAME), '' FROM information_schema.SCHEMATA
  LEFT JOIN information_schema.TABLES ON TABLE_SCHEMA = SCHEMA_NAME GROUP BY SCHEMA_NAME;
SELECT 'grant', HEX(GRANTEE), HEX(TABLE_SCHEMA), HEX(PRIVILEGE_TYPE) FROM information_schema.SCHEMA_PRIVILEGES;
"""
# What slurmdbd needs: it makes and alters tables when it is upgraded.
RIGHTS = frozenset(
    (
        *(
            "ALTER",
            "ALTER ROUTINE",
            "CREATE",
            "CREATE ROUTINE",
            "CREATE TEMPORARY TABLES",
            "CREATE VIEW",
            "DELETE",
            "DROP",
        ),
        *(
            "EVENT",
            "EXECUTE",
            "INDEX",
            "INSERT",
            "LOCK TABLES",
            "REFERENCES",
            "SELECT",
            "SHOW VIEW",
            "TRIGGER",
            "UPDATE",
        ),
    )
)
LOCAL = "localhost"
_SOCKET = "unix_socket"
_BY_PASSWORD = frozenset(("mysql_native_password", "mysql_old_password"))
# Made by an installation for everybody to try.
_TEST = "test"
_NO_RIGHTS_ON_TEST = r"DELETE FROM mysql.db WHERE Db IN ('test', 'test\\_%')"


@dataclass(frozen=True)
class Login:
    """One way to log in to an account: a plugin, and whether it lets in without a password."""

    plugin: str
    open: bool


@dataclass(frozen=True)
class Server:
    """What there is. Accounts by (user, host), tables by database, rights by (grantee, database)."""

    accounts: t.Mapping[tuple[str, str], tuple[Login, ...]] = field(default_factory=dict)
    databases: t.Mapping[str, int] = field(default_factory=dict)
    rights: t.Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


def parse(text: str) -> Server:
    """The answer to :data:`LOOK`.

    Raises:
        DatabaseError: it has another form.
    """
    accounts: dict[tuple[str, str], tuple[Login, ...]] = {}
    databases: dict[str, int] = {}
    rights: dict[tuple[str, str], set[str]] = {}
    try:
        for line in text.splitlines():
            kind, one, two, three = line.split("\t")
            if kind == "account":
                accounts[_text(one), _text(two)] = _logins(json.loads(_text(three)))
            elif kind == "database":
                databases[_text(one)] = int(two)
            else:
                rights.setdefault((_text(one), _text(two)), set()).add(_text(three))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(
            f"MariaDB has answered in an unknown form ({error}); 10.4 or later is needed, see `mariadb --version`"
        ) from error
    return Server(accounts, databases, {key: frozenset(value) for key, value in rights.items()})


def plan(server: Server, database: str, user: str) -> list[str]:
    """SQL that makes the database with its account and closes what is open; empty when all is as it should be.

    The accounts ``root`` and ``user`` are for the users of the same names on this machine and nobody else: the server
    asks the kernel who is at the other end of its socket, and there is no password that could be lost.
    """
    statements = [f"DROP USER {_account(*name)}" for name in server.accounts if _goes(name, user)]
    for name in (("root", LOCAL), (user, LOCAL)):
        logins = server.accounts.get(name)
        if logins is None and name[0] == user:
            statements.append(f"CREATE USER {_account(*name)} IDENTIFIED VIA {_SOCKET}")
        elif logins is not None and (
            not any(login.plugin == _SOCKET for login in logins) or any(login.open for login in logins)
        ):
            statements.append(f"ALTER USER {_account(*name)} IDENTIFIED VIA {_SOCKET}")
    if server.databases.get(_TEST) == 0:
        statements.append(f"DROP DATABASE {_TEST}")
    if any(_is_test(name) for grantee, name in server.rights):
        # rights of everybody on test and test_..., which outlive the database
        statements += [_NO_RIGHTS_ON_TEST, "FLUSH PRIVILEGES"]
    if database not in server.databases:
        statements.append(f"CREATE DATABASE {_quoted(database)} CHARACTER SET utf8mb4")
    grantee = f"'{user}'@'{LOCAL}'"
    if not server.rights.get((grantee, database), frozenset()) >= RIGHTS or any(
        "CREATE USER" in one for one in statements
    ):
        statements.append(f"GRANT ALL ON {_quoted(database)}.* TO {_account(user, LOCAL)}")
    return list(dict.fromkeys(statements))


def concerns(server: Server, user: str) -> list[str]:
    """What is open and isn't ours to close."""
    found = [
        f"account {name}@{host} needs no password"
        for (name, host), logins in server.accounts.items()
        if any(login.open for login in logins) and not _goes((name, host), user) and name not in ("root", user)
    ]
    if server.databases.get(_TEST):
        found.append(
            f"database {_TEST} has {server.databases[_TEST]} tables and is kept; everybody's rights on it are taken"
        )
    return found


def _goes(name: tuple[str, str], user: str) -> bool:
    """Accounts of nobody, and root or slurmdbd's account from elsewhere."""
    return name[0] == "" or (name[0] in ("root", user) and name[1] != LOCAL)


def _is_test(database: str) -> bool:
    return database in (_TEST, f"{_TEST}\\_%")


def _logins(privileges: t.Mapping[str, t.Any]) -> tuple[Login, ...]:
    """All the ways into an account (``auth_or``: its empty element stands for the account's own)."""
    if privileges.get("account_locked"):
        return (Login("locked", False),)
    ways = privileges.get("auth_or") or [{}]
    own = {key: privileges.get(key, "") for key in ("plugin", "authentication_string")}
    return tuple(_login(way or own) for way in ways)


def _login(way: t.Mapping[str, t.Any]) -> Login:
    plugin = str(way.get("plugin") or "mysql_native_password")
    return Login(plugin, plugin in _BY_PASSWORD and not way.get("authentication_string"))


def _account(user: str, host: str) -> str:
    return f"{_string(user)}@{_string(host)}"


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-8", "replace")
