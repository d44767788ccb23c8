# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task wants of groups, and what to do with one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .attributes import category_of
from .attributes import group_type
from .attributes import is_builtin
from .attributes import rid_of
from .attributes import scope_of
from .checks import Problems
from .errors import DirectoryError
from .names import account_problem
from .names import child
from .names import chunks
from .names import dn_key
from .names import name_problem
from .names import within
from .states import ADD
from .states import REMOVE
from .states import REPLACE
from .states import Add
from .states import Delete
from .states import Modify
from .states import Plan
from .users_plan import moved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .states import Entry
    from .states import Step

# Options that are text: attribute and rangeUpper of the schema.
TEXTS = {"description": ("description", 1024), "display_name": ("displayName", 256), "email": ("mail", 256)}
ATTRIBUTES = (
    "objectClass",
    "sAMAccountName",
    "cn",
    "groupType",
    "gidNumber",
    "objectSid",
    "primaryGroupID",
    *(attribute for attribute, _longest in TEXTS.values()),
)
# Members in one request: a domain controller takes about 5000
_AT_ONCE = 1000
_UNIVERSAL = "universal"


@dataclass(frozen=True)
class Group:
    """A group as a task wants it; None: as it is."""

    name: str
    present: bool = True
    path: str | None = None
    cn: str | None = None
    scope: str | None = None
    category: str | None = None
    gid_number: int | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[str] | None = None
    purge_members: bool = True


def wanted_groups(params: Mapping[str, Any], base: str) -> list[Group]:
    """The groups of a task; ``base`` is the distinguished name of the domain.

    Raises:
        DirectoryError: something is wrong with one or more of them; all problems at once.
    """
    problems = Problems("groups", [item["name"] for item in params["groups"]])
    found = []
    for index, item in enumerate(params["groups"]):
        with problems.of(index):
            found.append(_wanted(item, params, base, problems))
    problems.same_names()
    problems.stop()
    return found


def _wanted(item: Mapping[str, Any], params: Mapping[str, Any], base: str, problems: Problems) -> Group:
    problems.note("name", account_problem(item["name"], "group"))
    if item["cn"] is not None or item["name"]:
        problems.note("cn", name_problem(item["cn"] if item["cn"] is not None else item["name"]))
    for option, (_attribute, longest) in TEXTS.items():
        if len(item[option] or "") > longest:
            problems.note(option, f"it has {len(item[option])} characters, the directory takes {longest}")
    if item["gid_number"] is not None and not 0 < item["gid_number"] < 2**31:
        problems.note("gid_number", f"{item['gid_number']} is not between 1 and {2**31 - 1}; 0 is root's")
    for number, member in enumerate(item["members"] or ()):
        with problems.at(f"members[{number}]"):
            if is_dn(member):
                within(member, base)
            elif not member.strip():
                raise DirectoryError("it is empty", "give an account name or a distinguished name")
    path = item["path"] or params["path"]
    purge = item["purge_members"]
    return Group(
        name=item["name"],
        present=(item["state"] or params["state"]) == "present",
        path=None if path is None else within(path, base),
        cn=item["cn"],
        scope=item["scope"],
        category=item["category"],
        gid_number=item["gid_number"],
        texts={option: item[option] for option in TEXTS if item[option] is not None},
        members=item["members"],
        purge_members=params["purge_members"] if purge is None else purge,
    )


def is_dn(member: str) -> bool:
    """Whether a member is given by its distinguished name: account names have no equals sign."""
    return "=" in member


def plan_group(current: Entry | None, wanted: Group, *, container: str) -> Plan:
    """What to do with a group, all but its members.

    Args:
        current: the account of this name, if there is one.
        wanted: what it is to be.
        container: where new groups go whose path isn't given.

    Raises:
        DirectoryError: it can't be done; says why.
    """
    if current is not None and "group" not in current.texts("objectClass"):
        raise DirectoryError(f"the account of this name is no group: {current.dn}", "choose another name")
    if not wanted.present:
        if current is None:
            return Plan("absent", "")
        return Plan("removed", current.dn, (Delete(current.dn),), {"dn": current.dn}, {})
    return _creation(wanted, container) if current is None else _change(current, wanted)


def _creation(wanted: Group, container: str) -> Plan:
    dn = child("CN", wanted.cn or wanted.name, wanted.path or container)
    scope, category = wanted.scope or "global", wanted.category or "security"
    attributes: dict[str, list[bytes]] = {
        "objectClass": [b"top", b"group"],
        "sAMAccountName": [wanted.name.encode()],
        "groupType": [b"%d" % group_type(scope, category)],
    }
    attributes.update({TEXTS[option][0]: [text.encode()] for option, text in wanted.texts.items() if text})
    if wanted.gid_number is not None:
        attributes["gidNumber"] = [b"%d" % wanted.gid_number]
    told: dict[str, Any] = {"dn": dn, "scope": scope, "category": category}
    told.update({option: text for option, text in wanted.texts.items() if text})
    told.update({"gid_number": wanted.gid_number} if wanted.gid_number is not None else {})
    return Plan("created", dn, (Add(dn, attributes),), {}, told)


def _change(current: Entry, wanted: Group) -> Plan:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    steps: list[Step] = []
    move, dn = moved(current.dn, wanted.cn, wanted.path)
    if move is not None:
        steps.append(move)
        before["dn"], after["dn"] = current.dn, dn
    steps += _kind(current, wanted, dn, before, after)
    send: dict[str, tuple[str, list[bytes]]] = {}
    for option, text in wanted.texts.items():
        attribute = TEXTS[option][0]
        if current.text(attribute) != text:
            send[attribute] = (REPLACE, [text.encode()] if text else [])
            before[option], after[option] = current.text(attribute), text
    if wanted.gid_number is not None and current.number("gidNumber") != wanted.gid_number:
        send["gidNumber"] = (REPLACE, [b"%d" % wanted.gid_number])
        before["gid_number"], after["gid_number"] = current.number("gidNumber"), wanted.gid_number
    if send:
        steps.append(Modify(dn, send))
    return Plan("changed" if steps else "unchanged", dn, tuple(steps), before, after)


def _kind(current: Entry, wanted: Group, dn: str, before: dict[str, Any], after: dict[str, Any]) -> list[Step]:
    """Steps to another scope or category: between global and domain_local the way is over universal."""
    value = current.number("groupType") or 0
    scope, category = scope_of(value), category_of(value)
    new_scope, new_category = wanted.scope or scope, wanted.category or category
    if (scope, category) == (new_scope, new_category):
        return []
    if is_builtin(value):
        raise DirectoryError("it is a group of the system, whose scope and category are fixed", "leave both out")
    for option, old, new in (("scope", scope, new_scope), ("category", category, new_category)):
        if old != new:
            before[option], after[option] = old, new
    way = [new_scope] if _UNIVERSAL in (scope, new_scope) or scope == new_scope else [_UNIVERSAL, new_scope]
    return [Modify(dn, {"groupType": (REPLACE, [b"%d" % group_type(step, new_category)])}) for step in way]


@dataclass(frozen=True)
class Membership:
    """What to do with the members of a group."""

    steps: tuple[Step, ...]
    before: Sequence[str]
    after: Sequence[str]


def plan_members(
    group: str, current: Sequence[str], wanted: Sequence[Entry], *, purge: bool, sid: bytes = b""
) -> Membership:
    """What to do with the members of a group.

    Args:
        group: its distinguished name.
        current: distinguished names of its members.
        wanted: the members it is to have.
        purge: members that aren't wanted are taken out.
        sid: its security identifier. Those whose primary group it is are members without being listed.
    """
    have = {dn_key(dn): dn for dn in current}
    rid = rid_of(sid) if sid else None
    others = [entry for entry in wanted if rid is None or entry.number("primaryGroupID") != rid]
    want = {dn_key(entry.dn): entry.dn for entry in others}
    add = [dn for key, dn in want.items() if key not in have]
    remove = [dn for key, dn in have.items() if key not in want] if purge else []
    steps: list[Step] = []
    for kind, dns in ((REMOVE, remove), (ADD, add)):
        for portion in chunks(dns, _AT_ONCE):
            steps.append(Modify(group, {"member": (kind, [dn.encode() for dn in portion])}))
    gone = {dn_key(dn) for dn in remove}
    after = sorted([dn for key, dn in have.items() if key not in gone] + add)
    return Membership(tuple(steps), sorted(current), after)
