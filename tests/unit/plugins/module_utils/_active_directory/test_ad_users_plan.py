# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users: wrong input is told before anything is done, and plans change what is asked for and nothing else."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import security
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import ssh_keys
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import user_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.checks import encodable
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import DirectoryError
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import escape_value
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Add
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Delete
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Entry
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Modify
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Move
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import ServicePassword
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users import User
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users import secret_name
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users import wanted_users
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users_plan import plan_user
from hypothesis import given
from hypothesis import strategies as st

BASE = "DC=corp,DC=example"
USERS = f"OU=Users,OU=CORP,{BASE}"
CONTAINER = f"CN=Users,{BASE}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SECRET = "Secret-Pass-1"
BARE = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)


def params(*users: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Options as the module has them: all there, None where not given."""
    spec = user_spec()
    blank = dict.fromkeys(spec["users"]["options"])
    top = {name: option.get("default") for name, option in spec.items()}
    return {**top, **more, "users": [{**blank, **user} for user in users]}


def wanted(**options: Any) -> User:
    return wanted_users(params({"name": "alice", **options}), BASE)[0]


def entry(dn: str = f"CN=alice,{USERS}", **attributes: Any) -> Entry:
    """A user as the directory tells of one."""
    values = {
        "objectClass": ["top", "person", "user"],
        "sAMAccountName": "alice",
        "cn": "alice",
        "userAccountControl": "512",
        "pwdLastSet": "134000000000000000",
        "accountExpires": str(2**63 - 1),
        **attributes,
    }
    listed = {name.lower(): value if isinstance(value, list) else [value] for name, value in values.items()}
    return Entry(
        dn, {name: [v if isinstance(v, bytes) else str(v).encode() for v in vs] for name, vs in listed.items()}
    )


def plan(current: Entry | None, user: User, **more: Any) -> Plan:
    return plan_user(current, user, container=CONTAINER, base=BASE, **more)


def test_a_new_user() -> None:
    user = wanted(
        password=SECRET,
        path="OU=Users,OU=CORP",
        given_name="Alice",
        description="",
        ssh_keys=[f"{KEY} laptop"],
        uid_number=2001,
        account_expires="2026-12-31",
        must_change_password=True,
    )
    made = plan(None, user)
    (step,) = made.steps
    assert isinstance(step, Add)
    assert (step.dn, step.password) == (f"CN=alice,{USERS}", True)
    assert step.attributes["userAccountControl"] == [b"512"]
    assert step.attributes["userPrincipalName"] == [b"alice@corp.example"]
    assert step.attributes["altSecurityIdentities"] == [f"{KEY} laptop".encode()]
    assert step.attributes["uidNumber"] == [b"2001"]
    assert step.attributes["pwdLastSet"] == [b"0"]
    assert "description" not in step.attributes
    assert SECRET not in repr(made) + repr(user)


def test_a_new_user_needs_a_password_or_to_be_disabled() -> None:
    with pytest.raises(DirectoryError, match="need a password"):
        plan(None, wanted())
    (step,) = plan(None, wanted(enabled=False)).steps
    assert isinstance(step, Add)
    assert (step.password, step.attributes["userAccountControl"]) == (False, [b"514"])
    assert step.dn == f"CN=alice,{CONTAINER}"


def test_nothing_given_changes_nothing() -> None:
    assert plan(entry(mail="a@b.c"), wanted()).result == "unchanged"
    assert plan(entry(), wanted(password=SECRET)).steps == ()
    assert plan(None, wanted(state="absent")).result == "absent"


def test_removal() -> None:
    assert plan(entry(), wanted(state="absent")).steps == (Delete(f"CN=alice,{USERS}"),)


@pytest.mark.parametrize(
    ("options", "attribute", "values"),
    [
        ({"email": "new@example.com"}, "mail", [b"new@example.com"]),
        ({"email": ""}, "mail", []),
        ({"uid_number": 5}, "uidNumber", [b"5"]),
        ({"enabled": False}, "userAccountControl", [b"514"]),
        ({"password_never_expires": True}, "userAccountControl", [b"66048"]),
        ({"account_expires": "2000-01-01"}, "accountExpires", [b"125911584000000000"]),
    ],
)
def test_one_difference_is_one_change(options: dict[str, Any], attribute: str, values: list[bytes]) -> None:
    made = plan(entry(mail="old@example.com"), wanted(**options))
    assert made.steps == (Modify(f"CN=alice,{USERS}", {attribute: ("replace", values)}),)
    assert made.changes == list(options)


def test_other_bits_of_the_account_stay() -> None:
    made = plan(entry(userAccountControl=str(0x10000 | 0x80000 | 514)), wanted(enabled=True))
    (step,) = made.steps
    assert isinstance(step, Modify)
    assert step.changes == {"userAccountControl": ("replace", [b"%d" % (0x10000 | 0x80000 | 512)])}
    assert (made.before, made.after) == ({"enabled": False}, {"enabled": True})


def test_moved_and_renamed_at_once_and_changed_there() -> None:
    made = plan(entry(), wanted(cn="Ito, Alice", path="OU=Staff,OU=CORP", email="a@b.c"))
    there = f"OU=Staff,OU=CORP,{BASE}"
    assert made.steps == (
        Move(f"CN=alice,{USERS}", "CN=Ito\\, Alice", there),
        Modify(f"CN=Ito\\, Alice,{there}", {"mail": ("replace", [b"a@b.c"])}),
    )
    assert plan(entry(), wanted(path="ou=users,ou=corp,dc=CORP,dc=Example")).steps == ()


def test_keys() -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx0hAuGQ2kRNCSEQeW0pcXXuEqyNFuyRErsfEKN3Sd0 desk"
    mapping = "X509:<S>CN=alice"
    current = entry(altSecurityIdentities=[mapping, other])
    (step,) = plan(current, wanted(ssh_keys=[KEY])).steps
    assert isinstance(step, Modify)
    assert step.changes["altSecurityIdentities"][1] == [mapping.encode(), KEY.encode()]
    (step,) = plan(current, wanted(ssh_keys=[KEY], purge_ssh_keys=False)).steps
    assert isinstance(step, Modify)
    assert step.changes["altSecurityIdentities"][1] == [mapping.encode(), other.encode(), KEY.encode()]
    assert plan(entry(altSecurityIdentities=[mapping, KEY]), wanted(ssh_keys=[KEY, KEY])).steps == ()


def test_password_always() -> None:
    made = plan(entry(), wanted(password=SECRET, update_password="always", must_change_password=True))
    assert made.steps == (Modify(f"CN=alice,{USERS}", {"pwdLastSet": ("replace", [b"0"])}, password=True),)
    assert made.changes == ["must_change_password", "password"]
    assert SECRET not in repr(made)


def test_password_by_service() -> None:
    """The account is disabled until it has its password, and is what it is to be after the service enabled it."""
    made = plan(None, wanted(password=SECRET, enabled=False), by_service=True)
    add, reset, modify = made.steps
    assert isinstance(add, Add)
    assert isinstance(modify, Modify)
    assert (add.password, add.attributes["userAccountControl"]) == (False, [b"546"])
    assert reset == ServicePassword("alice")
    assert modify.changes == {"userAccountControl": ("replace", [b"514"])}
    again = plan(entry(), wanted(password=SECRET, update_password="always"), by_service=True)
    assert again.steps[0] == ServicePassword("alice")
    assert isinstance(again.steps[1], Modify)
    assert not again.steps[1].password


def test_an_interrupted_creation_goes_on() -> None:
    unfinished = entry(userAccountControl="546", pwdLastSet="0")
    made = plan(unfinished, wanted(password=SECRET), by_service=True)
    assert made.steps == (
        ServicePassword("alice"),
        Modify(f"CN=alice,{USERS}", {"userAccountControl": ("replace", [b"512"])}),
    )
    disabled_by_somebody = entry(userAccountControl="514", pwdLastSet="0")
    assert plan(disabled_by_somebody, wanted(password=SECRET), by_service=True).steps == ()


def test_read_only() -> None:
    assert wanted(read_only=True).password_never_expires is True
    assert wanted(read_only=True, password_never_expires=False).password_never_expires is False
    assert plan(None, wanted(password=SECRET, read_only=True)).again
    user = wanted(read_only=True, password_never_expires=False)
    (step,) = plan(entry(nTSecurityDescriptor=BARE), user).steps
    assert isinstance(step, Modify)
    ((_kind, (value,)),) = step.changes.values()
    assert security.has(value, security.READ_ONLY)
    assert plan(entry(nTSecurityDescriptor=value), user).steps == ()
    (step,) = plan(entry(nTSecurityDescriptor=value), wanted(read_only=False)).steps
    assert isinstance(step, Modify)
    assert not security.has(step.changes["nTSecurityDescriptor"][1][0], security.READ_ONLY)
    with pytest.raises(DirectoryError, match="access list can't be read"):
        plan(entry(), user)


@pytest.mark.parametrize("options", [{"state": "absent"}, {"enabled": False}])
def test_nobody_locks_themselves_out(options: dict[str, Any]) -> None:
    own, other = b"own", b"other"
    with pytest.raises(DirectoryError, match="runs as this very account"):
        plan(entry(objectSid=own), wanted(**options), own=frozenset({own}))
    assert plan(entry(objectSid=other), wanted(**options), own=frozenset({own})).steps
    assert plan(entry(objectSid=own), wanted(email="a@b.c"), own=frozenset({own})).steps


@pytest.mark.parametrize("kind", [["top", "group"], ["top", "person", "user", "computer"]])
def test_accounts_that_are_no_users(kind: list[str]) -> None:
    with pytest.raises(DirectoryError, match=r"is (no user|a computer): CN=alice"):
        plan(entry(objectClass=kind), wanted(state="absent"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "a" * 21}, "users[0] 'aaaaaaaaaaaaaaaaaaaaa' name: it has 21 characters"),
        ({"cn": "x" * 65}, "cn: it has 65 characters"),
        ({"given_name": "x" * 65}, "given_name: it has 65 characters, the directory takes 64"),
        ({"display_name": "a\nb"}, "display_name: it has a line break"),
        ({"uid_number": 0}, "uid_number: 0 is not between 1"),
        ({"gid_number": 2**31}, "gid_number: 2147483648 is not between 1"),
        ({"ssh_keys": [KEY, "nonsense"]}, "ssh_keys[1]: not an OpenSSH public key"),
        ({"path": "Users"}, "'Users' is not a distinguished name"),
        ({"path": "OU=Users,DC=other"}, "is not in the directory"),
        ({"account_expires": "soon"}, "'soon' is no point in time"),
        ({"password": ""}, "password: it is empty"),
        ({"password": SECRET, "generate_password": True}, "give one of the two"),
        ({"must_change_password": True, "read_only": True}, "can't have to be changed"),
        ({"generate_password": True, "password_secret": "a/{user}"}, "has other fields than {name} and {domain}"),
        ({"generate_password": True, "password_secret": "a{"}, "is no template"),
        ({"generate_password": True, "password_secret": "a b"}, "can't be the name of a secret because of ' '"),
    ],
)
def test_wrong_input(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DirectoryError) as raised:
        wanted_users(params({"name": "alice", **options}), BASE)
    assert said in str(raised.value)
    assert "Nothing was changed" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_all_problems_at_once() -> None:
    users = [{"name": "alice"}, {"name": "Alice", "ssh_keys": ["x"]}, {"name": "bob*"}]
    with pytest.raises(DirectoryError) as raised:
        wanted_users(params(*users), BASE)
    assert str(raised.value).splitlines()[0] == "Nothing was changed: 3 problems"
    assert "users[1] 'Alice': it is in the list already, as users[0]" in str(raised.value)
    many = [{"name": f"bad*{number}"} for number in range(30)]
    with pytest.raises(DirectoryError, match="and 10 more"):
        wanted_users(params(*many), BASE)


def test_defaults_of_the_task() -> None:
    users = wanted_users(
        params(
            {"name": "a", "generate_password": True},
            {"name": "b", "state": "present", "path": "OU=Other", "update_password": "on_create"},
            state="absent",
            path="OU=Users",
            update_password="always",
            purge_ssh_keys=False,
            password_secret="hyperpod/{domain}/{name}",
        ),
        BASE,
    )
    assert [(user.present, user.path, user.always, user.purge_keys) for user in users] == [
        (False, f"OU=Users,{BASE}", True, False),
        (True, f"OU=Other,{BASE}", False, False),
    ]
    assert [user.secret for user in users] == ["hyperpod/corp.example/a", None]


def test_names_of_secrets() -> None:
    assert secret_name("x/{domain}/{name}", "alice", "corp.example") == "x/corp.example/alice"
    with pytest.raises(ValueError, match="can't be the name of a secret because of 'ö'"):
        secret_name("{name}", "jörg", "corp.example")


def test_halves_of_surrogate_pairs() -> None:
    with pytest.raises(DirectoryError, match=r"users\[0\].name: character 1 is half"):
        encodable({"users": [{"name": "a\ud800"}]})


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@given(TEXT, st.dictionaries(st.sampled_from(["email", "surname", "description"]), TEXT))
def test_what_was_made_is_as_it_is_to_be(cn: str, texts: dict[str, str]) -> None:
    """A user that a plan makes needs no change by the same wish."""
    if not cn.strip():
        return
    user = wanted(cn=cn, path="OU=Users,OU=CORP", enabled=False, ssh_keys=[KEY], **texts)
    (step,) = plan(None, user).steps
    assert isinstance(step, Add)
    made = Entry(step.dn, {name.lower(): values for name, values in step.attributes.items()})
    assert made.dn == f"CN={escape_value(cn)},{USERS}"
    assert plan(made, user).steps == ()
    assert ssh_keys.looks_like_key(made.text("altSecurityIdentities"))
