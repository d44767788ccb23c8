# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked for, and how what may not is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import UsersError
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import shared_users
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import wanted
from ansible_collections.podforge.hyperpod.plugins.modules.local_users import shared_text

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBASVqtMCWRhE4A/bbcN0M9hPq3d2kqGTQmpDzZOv5JY"


def ask(users: list[dict[str, Any]], groups: list[dict[str, Any]] | None = None, shared: str = "") -> Any:
    return wanted({"users": users, "groups": groups or [], "home_root": "/fsx"}, shared)


def test_the_file_of_the_lifecycle_scripts_is_read_whatever_its_form() -> None:
    text = "\ufeffana,2001,/fsx/ana\r\n\n# comment\n  ben , 2002 , /fsx/ben  # his\ncarl,2003,\ndora,2004"
    assert shared_users(text) == [
        {"name": "ana", "uid": 2001, "home": "/fsx/ana"},
        {"name": "ben", "uid": 2002, "home": "/fsx/ben"},
        {"name": "carl", "uid": 2003, "home": None},
        {"name": "dora", "uid": 2004, "home": None},
    ]


@pytest.mark.parametrize("line", ["ana", "ana,x,/fsx/ana", "ana,-1,/fsx/ana", "ana,2001,/fsx/ana,more", "ana,2001x"])
def test_a_line_of_another_form_is_named(line: str) -> None:
    with pytest.raises(UsersError, match=r"shared_users, line 2: .*: write name,uid,home"):
        shared_users(f"ok,2000,/fsx/ok\n{line}\n")


def test_a_file_that_was_emptied_removes_nobody(tmp_path: Path) -> None:
    path = tmp_path / "shared_users.txt"
    path.write_text("# none\n")
    assert shared_text("ana,2001", str(path), "report") == "ana,2001\n# none\n"
    with pytest.raises(UsersError, match=r"shared_users\.txt has no users, and unlisted is remove"):
        shared_text("ana,2001", str(path), "remove")
    path.write_text("ben,2002\n")
    assert shared_text("", str(path), "remove") == "\nben,2002\n"


def test_what_is_said_beside_the_file_counts() -> None:
    made = ask([{"name": "ana", "groups": ["docker"], "keys": [KEY]}], shared="ana,2001,/fsx/ana\nben,2002")
    assert list(made.users) == ["ana", "ben"]
    ana = made.users["ana"]
    assert (ana.uid, ana.gid, ana.group, ana.home, ana.groups, ana.keys) == (
        *(2001, 2001, "ana", "/fsx/ana", frozenset({"docker"}), (KEY,)),
    )
    with pytest.raises(UsersError, match=r"users\[0\] \(ana\): uid is 2009, and 2001 in shared_users; write it once"):
        ask([{"name": "ana", "uid": 2009}], shared="ana,2001,/fsx/ana")


def test_the_primary_group_follows_from_what_is_said() -> None:
    made = ask([{"name": "ana", "uid": 2001, "group": "vision"}], [{"name": "vision", "gid": 3001}])
    assert (made.users["ana"].gid, list(made.groups)) == (3001, ["vision"])
    made = ask([{"name": "ana", "uid": 2001, "gid": 3001}])
    assert (made.users["ana"].gid, made.groups["ana"].gid) == (3001, 3001)


@pytest.mark.parametrize(
    "name",
    *[
        [
            "",
            "-rf",
            "--help",
            "Ana",
            "1ana",
            "a" * 33,
            "a b",
            "a:b",
            "a,b",
            "a\n",
            "a\nroot:x:0:0",
            "ana/..",
            "..",
            "%ana",
            "$(id)",
            "ä",
        ]
    ],
)
def test_hostile_names_are_refused_for_users_and_groups(name: str) -> None:
    for users, groups in (([{"name": name, "uid": 2001}], []), ([], [{"name": name, "gid": 3001}])):
        with pytest.raises(UsersError, match="is no name for a user or group"):
            ask(users, groups)
    with pytest.raises(UsersError, match="no name"):
        ask([{"name": "ana", "uid": 2001, "groups": [name]}])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"uid": None}, "uid is not given; it must be the same on all nodes"),
        ({"uid": 0}, "uid is 0; use 1000 to 2147483647"),
        ({"uid": 65534}, "uid is 65534; use"),
        ({"gid": 999}, "gid is 999; use"),
        ({"name": "root"}, "root is the system's own"),
        ({"group": "vision"}, "group vision has no gid"),
        ({"home": "/etc/ana"}, "home is /etc/ana, which is the system's"),
        ({"home": "/"}, "write an absolute path"),
        ({"home": "/fsx/ana/"}, "write an absolute path"),
        ({"home": "/fsx/../etc"}, "write an absolute path"),
        ({"home": "/fsx/a:b"}, "write an absolute path"),
        ({"home": "/fsx/a\n"}, "write an absolute path"),
        ({"shell": "/bin/sh\nroot"}, "write an absolute path"),
        ({"comment": "a:b"}, "leave out colons"),
        ({"sudo": "ALL=(ALL) ALL\nben ALL=(ALL) ALL"}, "write one rule in one line"),
        ({"sudo": "ALL"}, "write one rule in one line"),
        ({"keys": ["ssh-ed25519 AAAA"]}, r"keys\[0\] is no public key"),
        ({"keys": [KEY, KEY.replace("ssh-ed25519", "ssh-rsa", 1)]}, r"keys\[1\] is no public key"),
        ({"keys": [f"{KEY} a\n{KEY} b"]}, r"keys\[0\] is no public key"),
        ({"keys": ["# " + KEY]}, r"keys\[0\] is no public key"),
    ],
)
def test_what_can_not_be_is_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsersError, match=words):
        ask([{"name": "ana", "uid": 2001, **more}])


def test_a_private_key_is_refused_without_being_told() -> None:
    with pytest.raises(UsersError) as error:
        ask([{"name": "ana", "uid": 2001, "keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz"]}])
    assert "keys[0] is a private key" in str(error.value)
    assert "b3BlbnNz" not in str(error.value)


def test_keys_may_have_options() -> None:
    for key in (f'from="10.0.0.0/8",no-pty {KEY} ana', f"restrict {KEY}", KEY):
        assert ask([{"name": "ana", "uid": 2001, "keys": [key]}]).users["ana"].keys == (key,)


def test_the_same_twice_is_refused_and_all_problems_are_told_at_once() -> None:
    users = [{"name": "ana", "uid": 2001}, {"name": "ana", "uid": 2002}, {"name": "ben", "uid": 2001}, {"name": "-x"}]
    with pytest.raises(UsersError) as error:
        ask(users, [{"name": "a", "gid": 3001}, {"name": "b", "gid": 3001}])
    for words in ("users[1] (ana) is there twice", "uid 2001 is that of ana too", "gid 3001 is that of a too", "'-x'"):
        assert words in str(error.value)
    with pytest.raises(UsersError, match="home /fsx/x is that of ana too"):
        ask([{"name": name, "uid": uid, "home": "/fsx/x"} for name, uid in (("ana", 2001), ("ben", 2002))])


def test_rules_of_sudo_are_those_of_who_is_there() -> None:
    made = ask(
        [
            {"name": "ana", "uid": 2001, "sudo": "ALL=(ALL) ALL"},
            {"name": "b", "uid": 2002, "sudo": "ALL=ALL", "state": "absent"},
        ],
        [{"name": "vision", "gid": 3001, "sudo": "ALL=(root) NOPASSWD: /usr/bin/id"}],
    )
    assert made.sudo == ("%vision ALL=(root) NOPASSWD: /usr/bin/id", "ana ALL=(ALL) ALL")
