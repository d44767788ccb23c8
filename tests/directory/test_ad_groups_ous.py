# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ad_group, ad_ou and what ad_info tells of memberships, against a real domain controller."""

from __future__ import annotations

from ad_harness import Domain
from ad_harness import only
from ad_harness import results


def test_units_come_change_and_go(domain: Domain) -> None:
    top = f"OU=Research,OU={domain.lab.netbios}"
    units = [
        {"path": f"OU=Deep\\, down,{top}", "description": "inner"},
        {"path": top, "protected": True, "description": "outer"},
    ]
    checked = domain.run("ad_ou", ous=units, check=True, diff=True)
    assert results(checked, "ous") == ["created", "created"]
    assert checked["diff"]["after"][top]["protected"] is True
    assert results(domain.run("ad_ou", ous=units), "ous") == ["created", "created"]
    same = domain.run("ad_ou", ous=units, diff=True)
    assert (same["changed"], same["diff"]["after"]) == (False, {})
    changed = domain.run("ad_ou", ous=[{"path": top, "description": ""}], diff=True)
    assert changed["diff"] == {"before": {top: {"description": "outer"}}, "after": {top: {"description": ""}}}
    told = only(domain.run("ad_info", gather=["ous"], names=["Research"]), "ous")
    assert (told["protected"], told["description"]) == (True, "")

    admin = domain.admin()
    assert not admin.delete(f"{top},{domain.base}"), "it is protected from its administrator"
    refused = domain.run("ad_ou", ous=[{"path": top}], state="absent")
    assert "it is not empty: 1 objects are in it" in refused["msg"]
    refused = domain.run("ad_ou", ous=[{"path": top}], state="absent", recursive=True)
    assert "it is protected from accidental deletion. Set protected: false as well." in refused["msg"]
    unprotected = domain.run("ad_ou", ous=[{"path": top, "protected": False}])
    assert only(unprotected, "ous")["changes"] == ["protected"]
    both = [{"path": top}, {"path": f"OU=Deep\\, down,{top}"}]
    assert results(domain.run("ad_ou", ous=both, state="absent", check=True), "ous") == ["removed", "removed"]
    assert results(domain.run("ad_ou", ous=both, state="absent"), "ous") == ["removed", "removed"]
    assert results(domain.run("ad_ou", ous=both, state="absent"), "ous") == ["absent", "absent"]
    admin.unbind()


def test_units_that_can_not_be(domain: Domain) -> None:
    nowhere = domain.run("ad_ou", ous=[{"path": "OU=a,OU=nowhere"}])
    assert "it, or what it is to be in, does not exist" in nowhere["msg"]
    beside = domain.run("ad_ou", ous=[{"path": "OU=beside"}])
    assert "the bind user may not do this there" in beside["msg"]
    needed = domain.run("ad_ou", ous=[{"path": "OU=Domain Controllers"}], state="absent", recursive=True)
    assert "the domain itself needs it" in needed["msg"]


def test_groups_and_their_members(domain: Domain) -> None:
    path = domain.unit()
    domain.users(*({"name": name, "enabled": False} for name in ("anna", "ben", "cleo")), path=path)
    groups = [
        {"name": "Everybody here", "members": ["Inner", "anna"]},
        {"name": "Inner", "members": [f"CN=ben,{path}", f"cn=CLEO,{path},{domain.base}"]},
    ]
    checked = domain.run("ad_group", groups=groups, path=path, check=True)
    assert results(checked, "groups") == ["created", "created"]
    assert results(domain.run("ad_group", groups=groups, path=path), "groups") == ["created", "created"]
    assert not domain.run("ad_group", groups=groups, path=path)["changed"]

    def members(name: str, *, nested: bool = False) -> set[str]:
        told = domain.run("ad_info", gather=["groups"], names=[name], memberships=True, nested=nested)
        return {dn.split(",")[0].removeprefix("CN=") for dn in only(told, "groups")["members"]}

    assert members("Everybody here") == {"anna", "Inner"}
    assert members("Everybody here", nested=True) == {"anna", "ben", "cleo", "Inner"}
    of = domain.run("ad_info", gather=["users"], names=["ben"], memberships=True, nested=True)
    assert [dn.split(",")[0] for dn in only(of, "users")["member_of"]][-2:] == ["CN=Inner", "CN=Users"]

    added = domain.run("ad_group", groups=[{"name": "Inner", "members": ["anna"], "purge_members": False}], diff=True)
    assert only(added, "groups")["changes"] == ["members"]
    assert len(added["diff"]["after"]["Inner"]["members"]) == 3
    assert domain.run("ad_group", groups=[{"name": "Inner", "members": ["anna"]}])["changed"]
    assert members("Inner") == {"anna"}
    assert domain.run("ad_group", groups=[{"name": "Inner", "members": []}])["changed"]
    assert members("Inner") == set()

    missing = domain.run("ad_group", groups=[{"name": "Inner", "members": ["anna", "nobody", "CN=no one"]}])
    assert "members that don't exist: 'nobody', 'CN=no one'; no member was changed" in missing["msg"]
    assert members("Inner") == set()

    kinds = [{"name": "Inner", "scope": "domain_local", "category": "distribution", "gid_number": 7}]
    assert only(domain.run("ad_group", groups=kinds), "groups")["changes"] == ["category", "gid_number", "scope"]
    assert not domain.run("ad_group", groups=kinds)["changed"]
    told = only(domain.run("ad_info", gather=["groups"], names=["inner"]), "groups")
    assert (told["scope"], told["category"], told["gid_number"]) == ("domain_local", "distribution", 7)

    gone = [{"name": "Inner"}, {"name": "Everybody here"}]
    assert results(domain.run("ad_group", groups=gone, state="absent"), "groups") == ["removed", "removed"]
    assert results(domain.run("ad_group", groups=gone, state="absent"), "groups") == ["absent", "absent"]


def test_domain_users_have_their_members_already(domain: Domain) -> None:
    path = domain.unit()
    domain.users({"name": "dora", "enabled": False}, path=path)
    wish = [{"name": "Domain Users", "members": ["dora"], "purge_members": False}]
    assert not domain.run("ad_group", groups=wish)["changed"]
