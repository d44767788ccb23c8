# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the directory that users come from - made for the cluster, or an LDAPS server that is there. Pure.

Names: Directory Service API reference, CreateMicrosoftAD (domain, NetBIOS name, edition); Microsoft, "Naming
conventions in Active Directory" (sAMAccountName up to 20 characters for users); Secrets Manager API
reference, CreateSecret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .._findings import did_you_mean
from .._findings import failure
from .._findings import shown

if TYPE_CHECKING:
    from .model import Checker

CREATE, EXISTING, ABSENT = "create", "existing", "absent"
MODES = (CREATE, EXISTING, ABSENT)
EDITIONS = ("Standard", "Enterprise")
ACCOUNTS = ("ReadOnly", "ReadOnly2")
# Whose members administer nodes, and use them.
GROUPS = ("ClusterAdmin", "ClusterDev")
LDAPS_PORT = 636
# A certificate of a year, and a month to renew it in.
VALID_DAYS, RENEW_DAYS = 365, 30
# Subnets are of /28 at least (VPC user guide, "Subnet sizing"); see wishes.plan_network
_ZONES_OF_A_SMALL_VPC = 3

_DOMAIN = re.compile(
    r"(?=.{1,255}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE
)
_NETBIOS = re.compile(r"[^\\/:*?\"<>|.\s]{1,15}")
_SECRET = re.compile(r"[\w/+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+", re.ASCII)
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,19}")
_DN = re.compile(r"(?:[A-Za-z]+=[^=]+)(?:,[A-Za-z]+=[^=]+)*")


@dataclass(frozen=True)
class _Key:
    """What a key may hold: ``kind`` is text, number, texts or objects; ``modes`` are those it has a meaning in."""

    kind: str
    modes: tuple[str, ...] = (CREATE, EXISTING)


KEYS = {
    "mode": _Key("text", MODES),
    "domain": _Key("text"),
    "ldaps_name": _Key("text"),
    "ldaps_port": _Key("number", (EXISTING,)),
    "search_base": _Key("text"),
    "bind_secret": _Key("text"),
    "bind_dn": _Key("text", (EXISTING,)),
    "bind_accounts": _Key("texts", (CREATE,)),
    "admin_secret": _Key("text", (CREATE,)),
    "netbios_name": _Key("text", (CREATE,)),
    "edition": _Key("text", (CREATE,)),
    "availability_zones": _Key("texts", (CREATE,)),
    "subnet_ids": _Key("texts", (CREATE,)),
    "certificate": _Key("certificate"),
    "organizational_units": _Key("objects", (CREATE,)),
    "groups": _Key("objects", (CREATE,)),
    "users": _Key("objects", (CREATE,)),
}
_FILES = ("certificate_file", "private_key_file", "chain_file")
_OWN_CA = ("ca_secret", "ca_folder", "names", "valid_days", "renew_days")
CERTIFICATE_KEYS = {
    "arn": _Key("text"),
    "ca_file": _Key("text", (EXISTING,)),
    **{key: _Key("text", (CREATE,)) for key in _FILES},
    "ca_secret": _Key("text", (CREATE,)),
    "ca_folder": _Key("text", (CREATE,)),
    "names": _Key("texts", (CREATE,)),
    "valid_days": _Key("number", (CREATE,)),
    "renew_days": _Key("number", (CREATE,)),
}


def check_directory(checker: Checker, value: Any, path: tuple[Any, ...]) -> dict[str, Any]:
    """A wish for a directory. Returns what is usable of it; empty: none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        checker.wrong_type(value, "a mapping", path)
        return {}
    mode = value.get("mode", CREATE)
    if mode not in MODES:
        fix = did_you_mean(str(mode), MODES, otherwise=f"use one of {', '.join(MODES)}")
        _fail(checker, f"'{shown(mode)}' is not one of {', '.join(MODES)}", (*path, "mode"), value=mode, fix=fix)
        return {}
    result = _keys(checker, value, path, KEYS, mode)
    if mode == ABSENT:
        return {}
    if "certificate" in result:
        place = (*path, "certificate")
        result["certificate"] = _keys(checker, value["certificate"], place, CERTIFICATE_KEYS, mode)
        if mode == EXISTING and not value["certificate"]:
            checker.missing_key("arn", place, fix="add 'arn' of a certificate in ACM, or 'ca_file' with the CA as PEM")
    _required(checker, value, path, mode)
    _names(checker, result, path)
    _certificate(checker, result.get("certificate", {}), (*path, "certificate"))
    _objects(checker, result, path)
    return {**result, "mode": mode}


def _keys(
    checker: Checker, value: dict[str, Any], path: tuple[Any, ...], known: dict[str, _Key], mode: str
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        place = (*path, key)
        if key not in known:
            checker.unknown_key(key, path, known)
        elif mode not in known[key].modes:
            if mode != ABSENT:
                fix = f"take it away, or set mode to {known[key].modes[0]}"
                _fail(checker, f"'{key}' has no meaning with the mode {mode}", place, value=item, fix=fix)
        elif item is not None:
            wanted = _wanted(known[key].kind, item)
            if wanted:
                checker.wrong_type(item, wanted, place)
            else:
                result[key] = int(item) if known[key].kind == "number" else item
    return result


def _wanted(kind: str, item: Any) -> str:
    """What is wanted instead; nothing if the item is of the kind."""
    if kind == "number":
        number = isinstance(item, int) and not isinstance(item, bool)
        return "" if number or (isinstance(item, str) and re.fullmatch(r"\d{1,6}", item)) else "a whole number"
    if kind == "texts":
        texts = isinstance(item, list) and item and all(isinstance(entry, str) for entry in item)
        return "" if texts else "a list of strings"
    if kind == "objects":
        mappings = isinstance(item, list) and all(isinstance(entry, dict) for entry in item)
        return "" if mappings else "a list of mappings"
    if kind == "certificate":
        return "" if isinstance(item, dict) else "a mapping"
    return "" if isinstance(item, str) else "a string"


def _required(checker: Checker, value: dict[str, Any], path: tuple[Any, ...], mode: str) -> None:
    wanted = ["domain"] if mode == CREATE else ["domain", "bind_secret", "certificate"]
    for key in wanted:
        if value.get(key) is None and (*path, key) not in checker.excused:
            checker.missing_key(key, path)


def _names(checker: Checker, wish: dict[str, Any], path: tuple[Any, ...]) -> None:
    for key, pattern, what, fix in (
        ("domain", _DOMAIN, "a domain name with at least two parts", "write a name such as corp.example.com"),
        ("ldaps_name", _DOMAIN, "a host name", "write a full name such as ldaps.corp.example.com, without ldaps://"),
        ("netbios_name", _NETBIOS, "a NetBIOS name", 'use 1 to 15 characters without \\ / : * ? " < > | and dots'),
        ("search_base", _DN, "a distinguished name", "write one such as DC=corp,DC=example,DC=com"),
        ("bind_dn", _DN, "a distinguished name", "write one such as CN=ReadOnly,OU=Users,DC=corp,DC=example,DC=com"),
        ("bind_secret", _SECRET, "the name or ARN of a secret", "use letters, digits and / _ + = . @ -"),
        ("admin_secret", _SECRET, "the name or ARN of a secret", "use letters, digits and / _ + = . @ -"),
    ):
        if key in wish and not pattern.fullmatch(wish[key]):
            _fail(checker, f"'{shown(wish[key])}' is not {what}", (*path, key), value=wish[key], fix=fix)
    if "edition" in wish and wish["edition"] not in EDITIONS:
        fix = did_you_mean(wish["edition"], EDITIONS, otherwise=f"use one of {', '.join(EDITIONS)}")
        what = f"'{shown(wish['edition'])}' is not one of {', '.join(EDITIONS)}"
        _fail(checker, what, (*path, "edition"), value=wish["edition"], fix=fix)
    accounts = wish.get("bind_accounts", list(ACCOUNTS))
    if len(accounts) != 2 or len({name.lower() for name in accounts}) != 2:
        what = "Two accounts of different names take turns when the password is changed"
        _fail(checker, what, (*path, "bind_accounts"), value=accounts, fix="give two names, or leave the key away")
    for index, name in enumerate(accounts):
        if not _ACCOUNT.fullmatch(name):
            fix = "use 1 to 20 letters, digits, dots, hyphens and underscores"
            what = f"'{shown(name)}' is not a name for an account"
            _fail(checker, what, (*path, "bind_accounts", index), value=name, fix=fix)
    if "subnet_ids" in wish and len(set(wish["subnet_ids"])) != 2:
        what = "A directory takes two subnets, in two availability zones"
        _fail(checker, what, (*path, "subnet_ids"), value=wish["subnet_ids"], fix="give two subnets")
    if "availability_zones" in wish and len(set(wish["availability_zones"])) != 2:
        what = "A directory takes two availability zones"
        _fail(checker, what, (*path, "availability_zones"), value=wish["availability_zones"], fix="give two zones")


def _certificate(checker: Checker, wish: dict[str, Any], path: tuple[Any, ...]) -> None:
    ways = [keys for keys in (("arn",), ("ca_file",), _FILES, _OWN_CA) if any(key in wish for key in keys)]
    if len(ways) > 1:
        given = ", ".join(key for keys in ways for key in keys if key in wish)
        what = f"The certificate is given in several ways at once: {given}"
        _fail(checker, what, path, fix="keep arn, or the files, or the keys of a private CA")
        return
    if "arn" in wish and not _CERTIFICATE.fullmatch(wish["arn"]):
        fix = "give arn:aws:acm:<region>:<account>:certificate/<id>"
        what = f"'{shown(wish['arn'])}' is not the ARN of a certificate"
        _fail(checker, what, (*path, "arn"), value=wish["arn"], fix=fix)
    if ways == [_FILES]:
        for key in ("certificate_file", "private_key_file"):
            if key not in wish:
                checker.missing_key(key, path)
    if "ca_secret" in wish and "ca_folder" in wish:
        _fail(checker, "The key of the CA is to be kept in two places", path, fix="keep ca_secret or ca_folder")
    if "ca_secret" in wish and not _SECRET.fullmatch(wish["ca_secret"]):
        what = f"'{shown(wish['ca_secret'])}' is not the name of a secret"
        _fail(checker, what, (*path, "ca_secret"), value=wish["ca_secret"], fix="use letters, digits and / _ + = . @ -")
    for index, name in enumerate(wish.get("names", [])):
        if not _DOMAIN.fullmatch(name.removeprefix("*.")):
            what = f"'{shown(name)}' is not a host name"
            _fail(checker, what, (*path, "names", index), value=name, fix="write a full name, without ldaps://")
    valid, renew = wish.get("valid_days", VALID_DAYS), wish.get("renew_days", RENEW_DAYS)
    if not 1 <= renew < valid <= 825:
        what = f"A certificate of {valid} days can't be renewed {renew} days before its end"
        fix = "use valid_days of 2 to 825, and fewer renew_days"
        _fail(checker, what, path, value=valid, fix=fix)


def _objects(checker: Checker, wish: dict[str, Any], path: tuple[Any, ...]) -> None:
    """What the modules need to tell objects apart; all else in them is the modules' to judge."""
    for key, main in (("organizational_units", "path"), ("groups", "name"), ("users", "name")):
        seen: dict[str, int] = {}
        for index, item in enumerate(wish.get(key, [])):
            place = (*path, key, index)
            name = item.get(main)
            if "password" in item:
                what = "The password of a user stands in the description, where many can read it"
                fix = "take it away, and name a secret that has it as password_secret, or set generate_password"
                _fail(checker, what, (*place, "password"), fix=fix)
            if name is None:
                checker.missing_key(main, place)
                continue
            if not isinstance(name, str):
                checker.wrong_type(name, "a string", (*place, main))
                continue
            first = seen.setdefault(name.lower(), index)
            if first != index:
                what = f"'{shown(name)}' stands twice; the first is number {first + 1} of the list"
                _fail(checker, what, (*place, main), value=name, fix="take one away")


def check_place(checker: Checker, wish: dict[str, Any], network: dict[str, Any], path: tuple[Any, ...]) -> None:
    """Whether the network has room for the directory that is to be made: a VPC, and two zones of it."""
    if wish.get("mode") != CREATE:
        return
    made = "vpc_cidr" in network
    if "subnet_ids" in wish and made:
        what = "The directory's subnets are given, and the network is to be made"
        fix = "take directory.subnet_ids away, or use a network by its ids"
        _fail(checker, what, (*path, "subnet_ids"), value=wish["subnet_ids"], fix=fix)
    elif made:
        zones = wish.get("availability_zones") or network.get("availability_zones", [])
        if len(set(zones)) < 2:
            what = "A directory takes two availability zones, and the network has one"
            fix = f"add directory.availability_zones with two zones, such as {_two_zones(zones)}"
            _fail(checker, what, path, value=zones, fix=fix)
        elif network["vpc_cidr"].endswith("/24") and len(network.get("availability_zones", [])) > _ZONES_OF_A_SMALL_VPC:
            what = f"The VPC {network['vpc_cidr']} has no room left for the two subnets of a directory"
            _fail(checker, what, path, value=network["vpc_cidr"], fix="use a /23 or larger as network.vpc_cidr")
    elif "availability_zones" in wish:
        what = "Zones are given for a directory in a network that is not to be made"
        _fail(checker, what, (*path, "availability_zones"), fix="give directory.subnet_ids instead")
    elif "subnet_ids" not in wish:
        what = "The directory needs two subnets in two availability zones"
        fix = "add directory.subnet_ids, or have the network made (vpc_cidr)"
        _fail(checker, what, path, fix=fix)


def _two_zones(zones: list[str]) -> str:
    first = zones[0] if zones else "us-west-2a"
    second = first[:-1] + ("b" if first[-1:] != "b" else "a")
    return f"[{first}, {second}]"


def plan_directory(wish: dict[str, Any], cluster_name: str) -> dict[str, Any] | None:
    """The directory in full, of a wish without findings; None: no directory."""
    if not wish:
        return None
    domain = wish["domain"].lower()
    base = wish.get("search_base") or ",".join(f"DC={part}" for part in domain.split("."))
    common = {
        "mode": wish["mode"],
        "domain": domain,
        "ldaps_name": (wish.get("ldaps_name") or f"ldaps.{domain}").lower(),
        "ldaps_port": wish.get("ldaps_port", LDAPS_PORT),
        "search_base": base,
        "bind_secret": wish.get("bind_secret") or f"{cluster_name}/directory/bind",
    }
    certificate = wish.get("certificate", {})
    if wish["mode"] == EXISTING:
        return {**common, "bind_dn": wish.get("bind_dn"), "certificate": certificate}
    netbios = wish.get("netbios_name") or domain.split(".")[0][:15].upper()
    # AWS Directory Service user guide, "What gets created": one OU, named like the domain's NetBIOS name, is delegated
    root = f"OU={netbios},{','.join(f'DC={part}' for part in domain.split('.'))}"
    accounts = wish.get("bind_accounts", list(ACCOUNTS))
    return {
        **common,
        "netbios_name": netbios,
        "edition": wish.get("edition", EDITIONS[0]),
        "root": root,
        "users_path": f"OU=Users,{root}",
        "groups_path": f"OU=Groups,{root}",
        "admin_secret": wish.get("admin_secret") or f"{cluster_name}/directory/admin",
        "accounts": [{"username": name, "bind_dn": f"CN={name},OU=Users,{root}"} for name in accounts],
        "subnet_ids": wish.get("subnet_ids"),
        "certificate": _plan_certificate(certificate, cluster_name, common["ldaps_name"]),
        "organizational_units": wish.get("organizational_units", []),
        "groups": wish.get("groups", [{"name": name} for name in GROUPS]),
        "users": wish.get("users", []),
    }


def _plan_certificate(wish: dict[str, Any], cluster_name: str, name: str) -> dict[str, Any]:
    if "arn" in wish:
        return {"source": "acm", "arn": wish["arn"]}
    if "certificate_file" in wish:
        return {"source": "files", **{key: wish.get(key) for key in _FILES}}
    return {
        "source": "ca",
        "ca_secret": None if "ca_folder" in wish else wish.get("ca_secret") or f"{cluster_name}/directory/ca",
        "ca_folder": wish.get("ca_folder"),
        "names": list(dict.fromkeys([name, *(text.lower() for text in wish.get("names", []))])),
        "valid_days": wish.get("valid_days", VALID_DAYS),
        "renew_days": wish.get("renew_days", RENEW_DAYS),
    }


def _fail(checker: Checker, what: str, path: tuple[Any, ...], *, value: Any = None, fix: str) -> None:
    checker.findings.append(failure("directory", what, where=checker.document.where(path), value=value, fix=fix))
