# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups, their members, organizational units, and who is in what."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import attributes
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import security
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import group_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import unit_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import DirectoryError
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.groups import Group
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.groups import plan_group
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.groups import plan_members
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.groups import wanted_groups
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.membership import Memberships
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import dn_key
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.ous import Found
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.ous import Unit
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.ous import plan_unit
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.ous import wanted_units
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Add
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Delete
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Entry
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Modify
from hypothesis import given
from hypothesis import strategies as st

BASE = "DC=corp,DC=example"
GROUPS = f"OU=Groups,{BASE}"
BARE = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)


def params(spec: dict[str, Any], kind: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    blank = dict.fromkeys(spec[kind]["options"])
    top = {name: option.get("default") for name, option in spec.items()}
    return {**top, **more, kind: [{**blank, **item} for item in items]}


def group(**options: Any) -> Group:
    return wanted_groups(params(group_spec(), "groups", {"name": "Dev", **options}), BASE)[0]


def entry(dn: str, **values: Any) -> Entry:
    listed = {name.lower(): value if isinstance(value, list) else [value] for name, value in values.items()}
    return Entry(
        dn, {name: [v if isinstance(v, bytes) else str(v).encode() for v in vs] for name, vs in listed.items()}
    )


def there(scope: str = "global", category: str = "security", **values: Any) -> Entry:
    kind = attributes.group_type(scope, category)
    return entry(f"CN=Dev,{GROUPS}", objectClass=["top", "group"], sAMAccountName="Dev", groupType=kind, **values)


def test_a_new_group() -> None:
    (step,) = plan_group(None, group(path="OU=Groups", gid_number=7, description="x"), container="CN=Users").steps
    assert isinstance(step, Add)
    assert step.dn == f"CN=Dev,{GROUPS}"
    assert step.attributes["groupType"] == [b"-2147483646"]
    assert (step.attributes["gidNumber"], step.attributes["description"]) == ([b"7"], [b"x"])


@pytest.mark.parametrize(
    ("before", "options", "types"),
    [
        (("global", "security"), {}, []),
        (("global", "security"), {"scope": "universal"}, [("universal", "security")]),
        (
            ("global", "security"),
            {"scope": "domain_local"},
            [("universal", "security"), ("domain_local", "security")],
        ),
        (("domain_local", "security"), {"scope": "global"}, [("universal", "security"), ("global", "security")]),
        (("universal", "security"), {"category": "distribution"}, [("universal", "distribution")]),
    ],
)
def test_scope_and_category(before: tuple[str, str], options: dict[str, Any], types: list[tuple[str, str]]) -> None:
    steps = plan_group(there(*before), group(**options), container="").steps
    sent = [step.changes["groupType"][1][0] for step in steps if isinstance(step, Modify)]
    assert sent == [b"%d" % attributes.group_type(*kind) for kind in types]


def test_groups_of_the_system_keep_their_kind() -> None:
    builtin = entry(f"CN=Users,CN=Builtin,{BASE}", objectClass=["group"], groupType="-2147483643")
    with pytest.raises(DirectoryError, match="a group of the system"):
        plan_group(builtin, group(scope="global"), container="")
    assert plan_group(builtin, group(), container="").steps == ()


def test_an_account_that_is_no_group() -> None:
    with pytest.raises(DirectoryError, match="is no group"):
        plan_group(entry("CN=Dev", objectClass=["user"]), group(state="absent"), container="")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "a/b"}, "name: it has '/'"),
        ({"name": "g" * 100}, "cn: it has 100 characters, the directory takes 64"),
        ({"gid_number": -1}, "gid_number: -1"),
        ({"members": ["alice", "CN=a,,DC=x"]}, "members[1]: 'CN=a,,DC=x' is not a distinguished name"),
        ({"members": ["CN=a,DC=other"]}, "members[0]: 'CN=a,DC=other' is not in the directory"),
        ({"members": [""]}, "members[0]: it is empty"),
        ({"description": "x" * 1025}, "description: it has 1025"),
    ],
)
def test_wrong_groups(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DirectoryError) as raised:
        group(**options)
    assert said in str(raised.value)


def user(name: str, primary: int = 513) -> Entry:
    return entry(f"CN={name},OU=Users,{BASE}", primaryGroupID=primary)


def test_members_come_and_go() -> None:
    a, b, c = (user(name) for name in "abc")
    here = f"CN=Dev,{GROUPS}"
    both = plan_members(here, [a.dn.upper(), b.dn], [a, c], purge=True)
    assert both.steps == (
        Modify(here, {"member": ("delete", [b.dn.encode()])}),
        Modify(here, {"member": ("add", [c.dn.encode()])}),
    )
    assert plan_members(here, [a.dn, b.dn], [a], purge=False).steps == ()
    assert plan_members(here, [a.dn], [], purge=False).steps == ()
    assert plan_members(here, [a.dn], [], purge=True).steps == (Modify(here, {"member": ("delete", [a.dn.encode()])}),)


def test_those_whose_primary_group_it_is_are_members() -> None:
    sid = attributes.sid_bytes("S-1-5-21-1-2-3-513")
    assert plan_members("CN=Domain Users", [], [user("a")], purge=True, sid=sid).steps == ()
    assert plan_members("CN=Domain Users", [], [user("a", 1234)], purge=True, sid=sid).steps


def test_many_members_are_several_requests() -> None:
    many = [user(f"u{number}") for number in range(2500)]
    steps = plan_members("CN=Dev", [], many, purge=True).steps
    assert [len(step.changes["member"][1]) for step in steps if isinstance(step, Modify)] == [1000, 1000, 500]


NAMES = st.sampled_from([f"CN={name},{BASE}" for name in "abcdef"])


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True), st.booleans())
def test_members_are_as_asked_afterwards(current: list[str], wanted: list[str], purge: bool) -> None:
    found = plan_members("CN=g", current, [Entry(dn, {}) for dn in wanted], purge=purge)
    members = {dn_key(dn) for dn in current}
    for step in found.steps:
        assert isinstance(step, Modify)
        kind, values = step.changes["member"]
        named = {dn_key(value.decode()) for value in values}
        assert named.isdisjoint(members) if kind == "add" else named <= members
        members = members | named if kind == "add" else members - named
    expected = {dn_key(dn) for dn in wanted} | (set() if purge else {dn_key(dn) for dn in current})
    assert members == expected == {dn_key(dn) for dn in found.after}


def unit(**options: Any) -> Unit:
    return wanted_units(params(unit_spec(), "ous", {"path": "OU=Groups", **options}), BASE)[0]


def test_units_are_made_topmost_first_and_removed_innermost_first() -> None:
    items = [
        {"path": "OU=b,OU=a"},
        {"path": "OU=a"},
        {"path": "OU=x", "state": "absent"},
        {"path": "OU=y,OU=x", "state": "absent"},
    ]
    ordered = wanted_units(params(unit_spec(), "ous", *items), BASE)
    assert [item.name for item in ordered] == ["OU=y,OU=x", "OU=x", "OU=a", "OU=b,OU=a"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "CN=Users"}, "'CN=Users' is no organizational unit"),
        ({"path": BASE}, "is no organizational unit"),
        ({"path": "OU=" + "x" * 65}, "path: it has 65 characters"),
    ],
)
def test_wrong_units(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DirectoryError) as raised:
        unit(**options)
    assert said in str(raised.value)


def test_a_unit_twice() -> None:
    with pytest.raises(DirectoryError, match=r"it is in the list already, as ous\[0\]"):
        wanted_units(params(unit_spec(), "ous", {"path": "OU=a"}, {"path": f"ou=A,{BASE}"}), BASE)


def test_a_protected_unit() -> None:
    created = plan_unit(Found(None), unit(protected=True))
    assert created.again
    current = entry(GROUPS, nTSecurityDescriptor=BARE)
    parent, own = plan_unit(Found(current, parent_descriptor=BARE), unit(protected=True)).steps
    assert isinstance(parent, Modify)
    assert isinstance(own, Modify)
    assert (parent.dn, own.dn) == (BASE, GROUPS)
    protected = own.changes["nTSecurityDescriptor"][1][0]
    guarded = parent.changes["nTSecurityDescriptor"][1][0]
    there = entry(GROUPS, nTSecurityDescriptor=protected)
    assert plan_unit(Found(there, parent_descriptor=guarded), unit(protected=True)).steps == ()
    with pytest.raises(DirectoryError, match="protected from accidental deletion"):
        plan_unit(Found(there), unit(state="absent"))
    bare, delete = plan_unit(Found(there), unit(state="absent", protected=False)).steps
    assert isinstance(bare, Modify)
    assert not security.has(bare.changes["nTSecurityDescriptor"][1][0], security.PROTECTED)
    assert delete == Delete(GROUPS)


def test_a_unit_that_is_not_empty() -> None:
    found = Found(entry(GROUPS), 3)
    with pytest.raises(DirectoryError, match="not empty: 3 objects"):
        plan_unit(found, unit(state="absent"))
    assert plan_unit(found, unit(state="absent", recursive=True)).steps == (Delete(GROUPS, tree=True),)
    assert plan_unit(Found(None), unit(state="absent")).result == "absent"
    with pytest.raises(DirectoryError, match="the account that this task runs as is in it"):
        plan_unit(Found(entry(GROUPS), 3, own_account=True), unit(state="absent", recursive=True))


def test_units_that_the_domain_needs() -> None:
    with pytest.raises(DirectoryError, match="the domain itself needs it"):
        plan_unit(Found(entry(GROUPS, isCriticalSystemObject="TRUE")), unit(state="absent", recursive=True))


def test_an_access_list_that_can_not_be_read() -> None:
    with pytest.raises(DirectoryError, match="can't be read"):
        plan_unit(Found(entry(GROUPS)), unit(protected=True))


def test_nested_memberships_with_a_circle() -> None:
    def named(name: str) -> str:
        return f"CN={name},{BASE}"

    groups = [
        entry(named("outer"), member=[named("middle").upper()], objectSid=attributes.sid_bytes("S-1-5-21-9-513")),
        entry(named("middle"), member=[named("inner"), named("alice")]),
        entry(named("inner"), member=[named("middle"), named("bob")]),
    ]
    seen = Memberships(groups)
    alice = entry(named("Alice"), primaryGroupID="513")
    assert seen.groups_of(alice, nested=False) == [named("middle"), named("outer")]
    assert seen.groups_of(entry(named("bob")), nested=True) == [named("inner"), named("middle"), named("outer")]
    assert seen.members_of(groups[0], nested=False) == [named("middle")]
    assert seen.members_of(groups[0], nested=True) == [named("alice"), named("bob"), named("inner"), named("middle")]
    assert seen.members_of(groups[1], nested=True) == [named("alice"), named("bob"), named("inner")]
    assert seen.groups_of(entry(named("nobody")), nested=True) == []
