# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local MariaDB's hardening, slurmdbd.conf with its secret, and why a database elsewhere does not answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import DatabaseError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import conf
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import connection
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import server
from hypothesis import given
from hypothesis import strategies as st

# As MariaDB 10.11 of Debian 12 has them.
ROOT = {"access": 1, "plugin": "mysql_native_password", "authentication_string": "invalid"}
ROOT["auth_or"] = [{}, {"plugin": "unix_socket"}]
SOCKET = {"access": 0, "plugin": "unix_socket", "authentication_string": ""}
OPEN = {"access": 0, "plugin": "mysql_native_password", "authentication_string": ""}
LOCKED = {**OPEN, "account_locked": True}


def line(kind: str, *fields: Any) -> str:
    return "\t".join([kind, *(str(field) if isinstance(field, int) else field.encode().hex() for field in fields)])


def answer(accounts: dict[str, Any], databases: dict[str, int], rights: dict[str, str] | None = None) -> server.Server:
    lines = [line("account", *name.split("@"), json.dumps(way)) for name, way in accounts.items()]
    lines += [f"{line('database', name, tables)}\t" for name, tables in databases.items()]
    for database, grantee in (rights or {}).items():
        lines += [line("grant", grantee, database, right) for right in server.RIGHTS]
    return server.parse("\n".join(lines))


FRESH = {"root@localhost": ROOT, "mysql@localhost": ROOT, "mariadb.sys@localhost": LOCKED}
READY = {**FRESH, "slurm@localhost": SOCKET}
BOOKS = {"mysql": 31, "slurm_acct_db": 12}
GRANTED = {"slurm_acct_db": "'slurm'@'localhost'"}


def plan(found: server.Server) -> list[str]:
    return server.plan(found, "slurm_acct_db", "slurm")


def test_a_fresh_server_gets_the_database_and_its_account() -> None:
    assert plan(answer(FRESH, {"mysql": 31})) == [
        "CREATE USER 'slurm'@'localhost' IDENTIFIED VIA unix_socket",
        "CREATE DATABASE `slurm_acct_db` CHARACTER SET utf8mb4",
        "GRANT ALL ON `slurm_acct_db`.* TO 'slurm'@'localhost'",
    ]


def test_a_server_that_is_ready_is_left_alone() -> None:
    assert plan(answer(READY, BOOKS, GRANTED)) == []


def test_everything_open_is_closed() -> None:
    accounts = {**READY, "@%": OPEN, "root@%": SOCKET, "root@localhost": OPEN, "slurm@10.%": OPEN}
    rights = {**GRANTED, "test": "''@'%'", "test\\_%": "''@'%'"}
    assert plan(answer(accounts, {**BOOKS, "test": 0}, rights)) == [
        "DROP USER ''@'%'",
        "DROP USER 'root'@'%'",
        "DROP USER 'slurm'@'10.%'",
        "ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket",
        "DROP DATABASE test",
        r"DELETE FROM mysql.db WHERE Db IN ('test', 'test\\_%')",
        "FLUSH PRIVILEGES",
    ]


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({"plugin": "mysql_native_password", "authentication_string": "*1234"}, id="password of the AMI"),
        pytest.param({**OPEN, "auth_or": [{}, {"plugin": "unix_socket"}]}, id="socket, and nothing at all"),
    ],
)
def test_slurmdbds_account_has_the_socket_and_nothing_else(way: dict[str, Any]) -> None:
    found = answer({**READY, "slurm@localhost": way}, BOOKS, GRANTED)
    assert plan(found) == ["ALTER USER 'slurm'@'localhost' IDENTIFIED VIA unix_socket"]


def test_missing_rights_are_given() -> None:
    assert plan(answer(READY, BOOKS)) == ["GRANT ALL ON `slurm_acct_db`.* TO 'slurm'@'localhost'"]


def test_what_is_somebody_elses_is_told() -> None:
    found = answer({**READY, "o'x`y@%": OPEN}, {**BOOKS, "test": 3})
    assert "DROP DATABASE test" not in plan(found)
    assert [concern[:30] for concern in server.concerns(found, "slurm")] == [
        "account o'x`y@% needs no passw",
        "database test has 3 tables and",
    ]


@given(st.text(min_size=1).filter(lambda text: "@" not in text))
def test_hostile_accounts_break_nothing(name: str) -> None:
    found = answer({**READY, f"{name}@localhost": OPEN}, BOOKS, GRANTED)
    for statement in plan(found):
        assert statement.startswith(("DROP USER ''", "ALTER USER 'root'@", "ALTER USER 'slurm'@"))


@pytest.mark.parametrize("text", ["account\tzz\tzz\tzz", "nonsense", "account\t61\t62\t63"])
def test_an_unknown_answer_is_explained(text: str) -> None:
    with pytest.raises(DatabaseError, match=r"10\.4 or later"):
        server.parse(text)


CONFIG = {"DbdHost": "ip-1", "ArchiveJobs": True, "DebugFlags": ["DB_ARCHIVE", "DB_JOB"], "PurgeJobAfter": None}


def test_slurmdbd_conf() -> None:
    assert conf.render(CONFIG, ("admin", "p#1\\")).splitlines()[1:] == [
        "ArchiveJobs=yes",
        "DbdHost=ip-1",
        "DebugFlags=DB_ARCHIVE,DB_JOB",
        "StorageUser=admin",
        "StoragePass=p\\#1\\\\",
    ]


def test_the_password_is_masked() -> None:
    shown = conf.masked(conf.render({}, ("admin", "geheim")) + "storagepass = other\n")
    assert "geheim" not in shown
    assert "other" not in shown
    assert shown.count(conf.MASK) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"StoragePass": "x"}, "leave StoragePass out"),
        ({"storagepass": "x"}, "leave StoragePass out"),
        ({"StorageUser": "x"}, "leave StorageUser out"),
        ({"DbdHost": "a\nStoragePass=b"}, "config: DbdHost holds a line break"),
        ({"Dbd Host": "a"}, "is no name of a setting"),
        ({"DbdHost": "a", "dbdhost": "b"}, "are the same setting"),
    ],
)
def test_settings_that_cannot_stand_there(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DatabaseError, match=message):
        conf.render(config, ("admin", "x"))


def unescape(written: str) -> str:
    """What Slurm's parser makes of a value: no quotes around it, and a backslash frees the character after it."""
    text, result = (written[1:-1] if written.startswith('"') else written), ""
    while text:
        assert text[0] != "#"
        result, text = (result + text[1], text[2:]) if text[0] == "\\" else (result + text[0], text[1:])
    return result


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_a_password_comes_out_as_it_went_in_or_is_refused(password: str) -> None:
    if password.startswith('"') or (" " in password and '"' in password):
        with pytest.raises(DatabaseError, match="change it"):
            conf.escaped(password, "the password")
    else:
        assert unescape(conf.escaped(password, "the password")) == password


@pytest.mark.parametrize("password", ["a\nb", "a\x00", "pässword"])
def test_a_password_that_no_file_holds_is_refused_untold(password: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        conf.escaped(password, "the password")
    assert password not in str(caught.value)


def test_logins() -> None:
    assert conf.login_of('{"username": "admin", "password": "x", "host": "db"}', "s") == ("admin", "x")
    for text in ('{"username": "admin"}', '{"password": "geheim"}', '{"username": 1, "password": "x"}', "geheim", "[]"):
        with pytest.raises(DatabaseError, match=r"secret s has no (username|password)") as caught:
            conf.login_of(text, "s")
        assert "geheim" not in str(caught.value)


def test_the_first_connection_verifies_and_hides() -> None:
    call = connection.command("/usr/bin/mariadb", {"StorageHost": "db", "StoragePort": 3307}, "/ca.pem", 5)
    assert call[1] == "--defaults-extra-file=/dev/stdin"  # the client wants it first
    assert {"--host=db", "--port=3307", "--ssl-ca=/ca.pem", "--ssl-verify-server-cert"} <= set(call)
    assert connection.login_file("admin", 'a"b\\') == '[client]\nuser="admin"\npassword="a\\"b\\\\"\n'


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("ERROR 1045 (28000): Access denied for user 'admin'", "does not take user and password of secret s"),
        ("ERROR 2003 (HY000): Can't connect", "security group"),
        ("ERROR 2005 (HY000): Unknown server host", "the name is unknown"),
        ("ERROR 2026 (HY000): TLS/SSL error: self-signed", "not from an authority in /ca.pem"),
        ("ERROR 9999 something else", "something else"),
    ],
)
def test_why_a_database_does_not_answer(said: str, cause: str) -> None:
    told = connection.explain(f"a warning\n{said}\n", {"StorageHost": "db"}, "/ca.pem", "s")
    assert told.startswith("database db:3306: ")
    assert cause in told
    assert said in told


@pytest.mark.parametrize("line", ["StoragePass={}", "#StoragePass={}", "StorageUser=slurm storagepass = {}"])
def test_no_diff_shows_the_password_of_a_file_that_was_there(line: str) -> None:
    assert "Old-Secret-1" not in conf.masked(f"DbdHost=x\n{line.format('Old-Secret-1')}\n")
