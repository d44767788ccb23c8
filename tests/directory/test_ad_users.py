# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ad_user and ad_info against a real domain controller."""

from __future__ import annotations

from typing import Any

import pytest
from ad_harness import KEYS
from ad_harness import PASSWORD
from ad_harness import Domain
from ad_harness import only
from ad_harness import results


@pytest.fixture(name="path", scope="module")
def _path(domain: Domain) -> str:
    return domain.unit()


def test_a_user_comes_changes_and_goes(domain: Domain, path: str) -> None:
    alice = {"name": "alice", "password": PASSWORD, "given_name": "Alice", "email": "a@example.com", "path": path}
    checked = domain.users(alice, check=True, diff=True)
    assert (checked["changed"], results(checked, "users")) == (True, ["created"])
    assert checked["diff"]["after"]["alice"]["password"] == "set, not shown"
    assert domain.stored("alice") == {}
    made = domain.users(alice, diff=True)
    assert only(made, "users")["dn"] == f"CN=alice,{path},{domain.base}"
    assert domain.accepts("alice", PASSWORD)
    same = domain.users(alice, diff=True)
    assert (same["changed"], same["diff"]) == (False, {"before": {}, "after": {}})

    wish = {"name": "ALICE", "surname": "Ito", "given_name": "", "uid_number": 2001, "account_expires": "2099-01-01"}
    checked = domain.users(wish, check=True)
    changed = domain.users(wish, diff=True)
    names = ["account_expires", "given_name", "surname", "uid_number"]
    assert only(checked, "users")["changes"] == only(changed, "users")["changes"] == names
    assert changed["diff"]["before"]["ALICE"]["given_name"] == "Alice"
    told = only(domain.run("ad_info", gather=["users"], names=["alice"]), "users")
    assert (told["surname"], told["given_name"], told["email"]) == ("Ito", "", "a@example.com")
    assert (told["uid_number"], told["account_expires"]) == (2001, "2099-01-01T00:00:00Z")
    assert not domain.users(wish)["changed"]

    disabled = domain.users({"name": "alice", "enabled": False})
    assert only(disabled, "users")["changes"] == ["enabled"]
    refused = domain.run("ad_info", domain.directly(bind_user=f"alice@{domain.lab.domain}", bind_password=PASSWORD))
    assert "the account is disabled" in refused["msg"]
    assert domain.users({"name": "alice"}, state="absent", check=True)["changed"]
    assert results(domain.users({"name": "alice"}, state="absent"), "users") == ["removed"]
    assert results(domain.users({"name": "alice"}, state="absent"), "users") == ["absent"]


HOSTILE = [
    "Ito, Alice",
    'a+b"c\\d<e>f;g=h',
    "#number",
    " blanks around ",
    "*)(objectClass=*",
    "Ünïcödé 漢字 🚀",
    "x" * 64,
    "a,CN=Administrator",
    "back\\slash\\",
]


def test_hostile_names(domain: Domain, path: str) -> None:
    users = [
        {"name": f"hostile{number}", "cn": name, "display_name": name, "enabled": False}
        for number, name in enumerate(HOSTILE)
    ]
    users.append({"name": "ha(r)d'$#&!~", "enabled": False})
    first = domain.users(*users, path=path, direct=False)
    assert results(first, "users") == ["created"] * len(users), first
    for number, name in enumerate(HOSTILE):
        assert domain.stored(f"hostile{number}")["cn"] == [name.encode()]
        assert domain.stored(f"hostile{number}")["displayName"] == [name.encode()]
    assert not domain.users(*users, path=path, direct=False)["changed"]
    names = [user["name"] for user in users]
    told = domain.run("ad_info", gather=["users"], names=names)
    assert {user["name"] for user in told["users"]} == set(names)
    group = {"name": "All hostile ones", "path": path, "members": [user["dn"] for user in told["users"]]}
    assert domain.run("ad_group", groups=[group])["changed"]
    assert not domain.run("ad_group", groups=[{**group, "members": names}])["changed"]
    gone = domain.users(*({"name": name} for name in names), state="absent", direct=False)
    assert results(gone, "users") == ["removed"] * len(users)


def test_keys_beside_other_mappings(domain: Domain, path: str) -> None:
    assert domain.users({"name": "keys", "enabled": False, "ssh_keys": [f"{KEYS[0]} laptop"]}, path=path)["changed"]
    admin, dn = domain.admin(), f"CN=keys,{path},{domain.base}"
    mapping = "X509:<I>DC=corp<S>CN=keys"
    assert admin.modify(dn, {"altSecurityIdentities": [("MODIFY_ADD", [mapping])]})
    admin.unbind()
    assert domain.users({"name": "keys", "ssh_keys": [KEYS[1]], "purge_ssh_keys": False})["changed"]
    values = {value.decode() for value in domain.stored("keys")["altSecurityIdentities"]}
    assert values == {mapping, f"{KEYS[0]} laptop", KEYS[1]}
    assert domain.users({"name": "keys", "ssh_keys": [KEYS[1]]})["changed"]
    assert not domain.users({"name": "keys", "ssh_keys": [KEYS[1]]})["changed"]
    assert domain.users({"name": "keys", "ssh_keys": []})["changed"]
    assert domain.stored("keys")["altSecurityIdentities"] == [mapping.encode()]


def test_what_an_account_is_refused_for(domain: Domain, path: str) -> None:
    users = [
        {"name": "mustchange", "must_change_password": True},
        {"name": "expired", "account_expires": "2020-01-01"},
    ]
    domain.users(*({**user, "password": PASSWORD} for user in users), path=path)
    for name, said in (("mustchange", "must change its password"), ("expired", "the account has expired")):
        reach = domain.directly(bind_user=f"{name}@{domain.lab.domain}", bind_password=PASSWORD)
        assert said in domain.run("ad_info", reach)["msg"]
    again = [{"name": "mustchange", "password": PASSWORD, "must_change_password": True}]
    assert not domain.users(*again)["changed"]
    always = domain.users(*again, update_password="always")
    assert only(always, "users")["changes"] == ["must_change_password", "password"]
    domain.users({"name": "mustchange", "password": f"{PASSWORD}-2", "update_password": "always"})
    assert domain.accepts("mustchange", f"{PASSWORD}-2")


def test_failures_are_each_users_own(domain: Domain, path: str) -> None:
    users: list[dict[str, Any]] = [{"name": f"many{number}", "password": PASSWORD} for number in range(8)]
    users[2]["password"] = "short"
    users[5].update(upn=f"many0@{domain.lab.domain}")
    users[6]["path"] = f"OU=Nowhere,{path}"
    users[7]["path"] = "CN=Users"
    users.append({"name": "many8"})
    domain.secrets.append('"short"')
    failed = domain.users(*users, path=path)
    domain.secrets.pop()
    assert failed["failed"]
    assert failed["changed"]
    assert results(failed, "users") == ["created"] * 2 + ["failed"] + ["created"] * 2 + ["failed"] * 4, failed
    told = {user["name"]: user.get("message", "") for user in failed["users"]}
    assert "does not satisfy the domain's policy" in told["many2"]
    assert "another user has this user principal name" in told["many5"]
    assert "does not exist" in told["many6"]
    assert "the bind user may not do this there" in told["many7"]
    assert "new users that are enabled need a password" in told["many8"]
    assert failed["msg"].splitlines()[0] == "5 of 9 users failed; the others are as they are to be:"
    assert all(name in failed["msg"] for name in ("many2", "many6", "many7", "many8"))
    assert domain.accepts("many0", PASSWORD)


def test_names_that_others_have(domain: Domain, path: str) -> None:
    domain.users({"name": "first", "cn": "Same Name", "enabled": False}, path=path)
    clash = domain.users({"name": "second", "cn": "Same Name", "enabled": False}, path=path)
    assert "an object of this name is there already" in clash["msg"]
    domain.run("ad_group", groups=[{"name": "third", "path": path}])
    other = domain.users({"name": "third", "enabled": False}, path=path)
    assert "is no user" in other["msg"]


def test_admin_does_not_lock_itself_out(domain: Domain) -> None:
    for wish in ({"state": "absent"}, {"enabled": False}):
        assert "this task runs as this very account" in domain.users({"name": "Admin", **wish})["msg"]
    whole = domain.run("ad_ou", ous=[{"path": f"OU={domain.lab.netbios}"}], state="absent", recursive=True)
    assert "the account that this task runs as is in it" in whole["msg"]
    assert domain.accepts("Admin", domain.lab.admin_password)


def test_wrong_input_changes_nothing(domain: Domain, path: str) -> None:
    wrong = domain.users({"name": "fine", "enabled": False}, {"name": "not*fine"}, {"name": "fine"}, path=path)
    assert wrong["msg"].startswith("Nothing was changed: 2 problems")
    assert domain.stored("fine") == {}


def test_passwords_are_not_set_through_a_balancer_that_ends_tls(domain: Domain, path: str) -> None:
    refused = domain.users({"name": "behind", "password": PASSWORD}, path=path, direct=False)
    assert "takes passwords on encrypted connections only" in refused["msg"]
    assert "Set directory_id" in refused["msg"]
    assert domain.stored("behind") == {}
    # all else goes this way
    assert domain.users({"name": "behind", "enabled": False}, path=path, direct=False)["changed"]


def test_read_only_can_not_change_anything(domain: Domain, path: str) -> None:
    wish = {"name": "reader", "read_only": True, "password": PASSWORD}
    assert domain.users(wish, {"name": "usual", "password": PASSWORD}, path=path)["changed"]
    assert not domain.users(wish)["changed"]

    def writes(user: str) -> dict[str, bool]:
        """What a user gets done."""
        own, other = f"CN={user},{path},{domain.base}", f"CN=keys,{path},{domain.base}"
        bound = domain.bound(user, PASSWORD)
        new, old = (f'"{text}"'.encode("utf-16-le") for text in (f"{PASSWORD}-3", PASSWORD))
        done = {
            "own phone": bound.modify(own, {"telephoneNumber": [("MODIFY_REPLACE", ["1"])]}),
            "own certificate": bound.modify(own, {"userCertificate": [("MODIFY_REPLACE", [b"x"])]}),
            "own keys": bound.modify(own, {"altSecurityIdentities": [("MODIFY_REPLACE", [KEYS[0]])]}),
            "own name": bound.modify(own, {"displayName": [("MODIFY_REPLACE", ["x"])]}),
            "own shell": bound.modify(own, {"loginShell": [("MODIFY_REPLACE", ["/bin/sh"])]}),
            "own removal": bound.delete(own),
            "other's phone": bound.modify(other, {"telephoneNumber": [("MODIFY_REPLACE", ["1"])]}),
            "other's keys": bound.modify(other, {"altSecurityIdentities": [("MODIFY_REPLACE", [KEYS[0]])]}),
            "a user": bound.add(f"CN=x,{path},{domain.base}", "user", {"sAMAccountName": "x"}),
            "a computer": bound.add(
                f"CN=pc,CN=Computers,{domain.base}", "computer", {"sAMAccountName": "pc$", "userAccountControl": 4096}
            ),
            "a member": bound.modify(f"CN=All hostile ones,{path},{domain.base}", {"member": [("MODIFY_ADD", [own])]}),
            "own password": bound.modify(own, {"unicodePwd": [("MODIFY_DELETE", [old]), ("MODIFY_ADD", [new])]}),
        }
        bound.unbind()
        return done

    # the domain lets users change their passwords once a day; for this test at once
    domain.lab.samba_tool("domain", "passwordsettings", "set", "--min-pwd-age=0")
    usual = [what for what, done in writes("usual").items() if done]
    assert usual == ["own phone", "own certificate", "own password"]
    assert [what for what, done in writes("reader").items() if done] == []

    reach = domain.directly(bind_user=f"reader@{domain.lab.domain}", bind_password=PASSWORD)
    seen = domain.run("ad_info", reach, gather=["users", "groups", "ous"], rights=True)
    nothing = {"attributes": [], "children": [], "permissions": False}
    assert [item["dn"] for item in seen["users"] + seen["groups"] + seen["ous"] if item["rights"] != nothing] == []
    assert len(seen["users"]) > 3
    usual_reach = domain.directly(bind_user=f"usual@{domain.lab.domain}", bind_password=f"{PASSWORD}-3")
    own = only(domain.run("ad_info", usual_reach, gather=["users"], names=["usual"], rights=True), "users")
    assert "telephoneNumber" in own["rights"]["attributes"]
    assert domain.users({"name": "reader", "read_only": False})["changed"]
    assert "own phone" in [what for what, done in writes("reader").items() if done]
