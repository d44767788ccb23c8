# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ad_info tells."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from . import security
from . import ssh_keys
from .attributes import DISABLED
from .attributes import NEVER
from .attributes import NEVER_EXPIRES
from .attributes import category_of
from .attributes import duration_days
from .attributes import file_time
from .attributes import generalized_time
from .attributes import guid_text
from .attributes import level_text
from .attributes import scope_of
from .checks import encodable
from .connection import reach_of
from .directory import DESCRIPTOR
from .directory import Directory
from .errors import DirectoryError
from .membership import Memberships
from .names import any_of
from .names import chunks
from .names import domain_of
from .names import escape_filter
from .names import filter_problem
from .names import split_dn
from .names import within
from .users import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .states import Entry

_AT_ONCE = 200
_COMMON = ("description", "objectSid", "objectGUID", "whenCreated", "whenChanged")
_RIGHTS = ("allowedAttributesEffective", "allowedChildClassesEffective", "sDRightsEffective")
_ACCOUNT = ("sAMAccountName", "cn", "primaryGroupID")
_USER = (
    *_COMMON,
    *_ACCOUNT,
    "userAccountControl",
    "accountExpires",
    "pwdLastSet",
    "lockoutTime",
    "uidNumber",
    "gidNumber",
    "altSecurityIdentities",
    *(attribute for attribute, _longest in TEXTS.values()),
)
_GROUP = (*_COMMON, *_ACCOUNT, "groupType", "gidNumber", "mail", "displayName")
_UNIT = (*_COMMON, "ou")
# Bit tests, MS-ADTS 3.1.1.3.4.4.1: a domain controller's account has this one
_CONTROLLERS = "(userAccountControl:1.2.840.113556.1.4.803:=8192)"
_PERSON = "(&(objectCategory=person)(objectClass=user))"
_KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "users": (_PERSON, "sAMAccountName", _USER),
    "groups": ("(objectClass=group)", "sAMAccountName", _GROUP),
    "ous": ("(objectClass=organizationalUnit)", "ou", _UNIT),
}


def info(module: Any) -> dict[str, Any]:
    """The result of ad_info; ``module`` is an AnsibleModule.

    Raises:
        DirectoryError: something can't be read; says why.
    """
    encodable(module.params)
    directory = Directory(reach_of(module.params), module.params["base_dn"])
    try:
        return {**_told(module.params, directory), "asked": dict(directory.asked)}
    finally:
        directory.close()


def _told(params: dict[str, Any], directory: Directory) -> dict[str, Any]:
    wanted = params["gather"]
    problem = filter_problem(params["filter"]) if params["filter"] else ""
    if problem:
        raise DirectoryError(f"filter: {problem}", "parentheses within a value are written \\28 and \\29")
    base = within(params["search_base"], directory.domain) if params["search_base"] else directory.base
    if params["search_base"] and directory.read(base, ["objectClass"]) is None:
        raise DirectoryError(
            f"search_base: {base} does not exist", "check it; a path below the domain can leave it out"
        )
    told: dict[str, Any] = {"domain": _domain(directory)} if "domain" in wanted else {}
    memberships = _memberships(directory) if params["memberships"] and {"users", "groups"} & set(wanted) else None
    for kind, describe in (("users", _user), ("groups", _group), ("ous", _unit)):
        if kind not in wanted:
            continue
        entries = _entries(directory, kind, params, base)
        told[kind] = [describe(entry) for entry in sorted(entries, key=lambda entry: entry.dn.lower())]
        for item, entry in zip(told[kind], sorted(entries, key=lambda entry: entry.dn.lower()), strict=True):
            if memberships is not None and kind != "ous":
                item["member_of"] = memberships.groups_of(entry, nested=params["nested"])
            if memberships is not None and kind == "groups":
                item["members"] = memberships.members_of(entry, nested=params["nested"])
            if params["rights"]:
                item["rights"] = _rights(entry)
    return told


def _entries(directory: Directory, kind: str, params: dict[str, Any], base: str) -> list[Entry]:
    """The objects of a kind, in as few searches as their number allows."""
    is_kind, named_by, attributes = _KINDS[kind]
    wanted = [*attributes, *(_RIGHTS if params["rights"] else ())]
    if kind == "ous" or (kind == "users" and params["rights"]):
        wanted.append(DESCRIPTOR)
    more = params["filter"] or ""
    if params["names"] is None:
        return directory.search(f"(&{is_kind}{more})", wanted, base=base)
    found: list[Entry] = []
    for portion in chunks(list(dict.fromkeys(params["names"])), _AT_ONCE):
        found += directory.search(f"(&{is_kind}{any_of(named_by, portion)}{more})", wanted, base=base)
    return found


def _memberships(directory: Directory) -> Memberships:
    return Memberships(directory.search("(objectClass=group)", ["member", "objectSid"], base=directory.domain))


def _rights(entry: Entry) -> dict[str, Any]:
    """What the bind user may do with an object: the domain controller computes it."""
    return {
        "attributes": sorted(entry.texts("allowedAttributesEffective")),
        "children": sorted(entry.texts("allowedChildClassesEffective")),
        "permissions": (entry.number("sDRightsEffective") or 0) != 0,
    }


def _common(entry: Entry) -> dict[str, Any]:
    guid = entry.first("objectGUID")
    return {
        "dn": entry.dn,
        "description": entry.text("description"),
        "guid": guid_text(guid) if guid else "",
        "created": generalized_time(entry.text("whenCreated")),
        "modified": generalized_time(entry.text("whenChanged")),
    }


def _user(entry: Entry) -> dict[str, Any]:
    control = entry.number("userAccountControl") or 0
    values = entry.texts("altSecurityIdentities")
    told = {
        **_common(entry),
        "name": entry.account,
        "cn": entry.text("cn"),
        "sid": entry.sid,
        "enabled": not control & DISABLED,
        "locked": bool(entry.number("lockoutTime")),
        "password_never_expires": bool(control & NEVER_EXPIRES),
        "password_last_set": file_time(entry.number("pwdLastSet") or 0),
        "must_change_password": entry.number("pwdLastSet") == 0 and not control & NEVER_EXPIRES,
        "account_expires": file_time(entry.number("accountExpires") or NEVER),
        "uid_number": entry.number("uidNumber"),
        "gid_number": entry.number("gidNumber"),
        "ssh_keys": sorted(value for value in values if ssh_keys.looks_like_key(value)),
        **{option: entry.text(attribute) for option, (attribute, _longest) in TEXTS.items()},
    }
    descriptor = entry.first(DESCRIPTOR)
    if descriptor:
        told["read_only"] = security.has(descriptor, security.READ_ONLY)
    return told


def _group(entry: Entry) -> dict[str, Any]:
    value = entry.number("groupType") or 0
    return {
        **_common(entry),
        "name": entry.account,
        "cn": entry.text("cn"),
        "sid": entry.sid,
        "scope": scope_of(value),
        "category": category_of(value),
        "gid_number": entry.number("gidNumber"),
        "email": entry.text("mail"),
        "display_name": entry.text("displayName"),
    }


def _unit(entry: Entry) -> dict[str, Any]:
    descriptor = entry.first(DESCRIPTOR)
    return {
        **_common(entry),
        "name": split_dn(entry.dn)[0][0][1],
        "protected": bool(descriptor) and security.has(descriptor, security.PROTECTED),
    }


def _domain(directory: Directory) -> dict[str, Any]:
    """Facts about the domain, from three searches."""
    root = directory.root
    wanted = ["objectSid", "ms-DS-MachineAccountQuota", *_POLICY]
    domain = directory.read(directory.domain, wanted)
    partitions = f"CN=Partitions,{root.text('configurationNamingContext')}"
    named = directory.search(f"(nCName={escape_filter(directory.domain)})", ["nETBIOSName"], base=partitions)
    attributes = ["dNSHostName", "operatingSystem", "operatingSystemVersion"]
    controllers = directory.search(_CONTROLLERS, attributes, base=directory.domain)
    return {
        "base_dn": directory.domain,
        "dns_name": domain_of(directory.domain),
        "netbios_name": named[0].text("nETBIOSName") if named else "",
        "sid": domain.sid if domain else "",
        "forest_base_dn": root.text("rootDomainNamingContext"),
        "domain_level": level_text(root.number("domainFunctionality") or 0),
        "forest_level": level_text(root.number("forestFunctionality") or 0),
        "answered_by": root.text("dnsHostName"),
        "controllers": sorted(
            (
                {
                    "host": entry.text("dNSHostName"),
                    "dn": entry.dn,
                    "operating_system": " ".join(map(entry.text, attributes[1:])).strip(),
                }
                for entry in controllers
            ),
            key=lambda controller: controller["host"],
        ),
        "password_policy": {name: tell(domain) if domain else None for name, tell in _POLICY_TOLD.items()},
        "computers_per_user": domain.number("ms-DS-MachineAccountQuota") if domain else None,
    }


_POLICY = ("minPwdLength", "pwdProperties", "pwdHistoryLength", "maxPwdAge", "minPwdAge", "lockoutThreshold")
_POLICY_TOLD: dict[str, Callable[[Entry], Any]] = {
    "minimum_length": lambda entry: entry.number("minPwdLength"),
    "complexity": lambda entry: bool((entry.number("pwdProperties") or 0) & 1),
    "history": lambda entry: entry.number("pwdHistoryLength"),
    "maximum_age_days": lambda entry: duration_days(entry.number("maxPwdAge") or 0),
    "minimum_age_days": lambda entry: duration_days(entry.number("minPwdAge") or 0),
    "lockout_threshold": lambda entry: entry.number("lockoutThreshold"),
}
