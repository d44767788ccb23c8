# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what a cluster stands on - network, role, bucket - made for it or used by id. Pure.

Names: IAM API reference, CreateRole (64 characters of ``[\\w+=,.@-]``); S3 user guide, "General purpose buckets naming
rules"; VPC user guide, "VPC CIDR blocks" (/16 to /28).
"""

from __future__ import annotations

import ipaddress
import re
from itertools import islice
from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Checker

NETWORK_MADE = ("vpc_cidr", "availability_zones", "nat_gateway", "name")
NETWORK_USED = ("vpc_id", "subnet_ids", "security_group_ids")
NETWORK_KEYS = (*NETWORK_MADE, *NETWORK_USED)
ROLE_KEYS = ("name", "arn")
BUCKET_KEYS = ("name",)
# Filled in by the playbook, which alone knows the account.
ACCOUNT = "{account_id}"
REGION = "{region}"

_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?:[\w+=,.@/-]*/)?[\w+=,.@-]{1,64}", re.ASCII)
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ZONE_ID = re.compile(r"[a-z]{3,4}\d-az\d+")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|<[^>]*>|^\$[A-Z_]+$")


def is_placeholder(value: Any) -> bool:
    """Whether a value of a published file is a blank to fill in: ``${ROLE}``, ``<bucket-name>``, ``$SUBNET_ID``."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def role_name(arn: str) -> str:
    """The name in a role's ARN, without its path."""
    return arn.rsplit("/", 1)[-1]


def check_network(checker: Checker, value: Any, path: tuple[Any, ...]) -> dict[str, Any]:
    """A wish for a network. Returns what is usable of it."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        checker.wrong_type(value, "a mapping", path)
        return {}
    result: dict[str, Any] = {}
    for key, item in value.items():
        place = (*path, key)
        if key not in NETWORK_KEYS:
            checker.unknown_key(key, path, NETWORK_KEYS)
        elif key in ("availability_zones", "subnet_ids", "security_group_ids"):
            if not isinstance(item, list) or not all(isinstance(entry, str) for entry in item) or not item:
                checker.wrong_type(item, "a list of strings", place)
            else:
                result[key] = item
        elif key == "nat_gateway":
            if not isinstance(item, bool):
                checker.wrong_type(item, "true or false", place)
            else:
                result[key] = item
        elif not isinstance(item, str):
            checker.wrong_type(item, "a string", place)
        else:
            result[key] = item
    _network_rules(checker, value, result, path)
    return result


def _network_rules(checker: Checker, value: dict[str, Any], network: dict[str, Any], path: tuple[Any, ...]) -> None:
    made = [key for key in NETWORK_MADE if key in value]
    used = [key for key in NETWORK_USED if key in value]
    if made and used:
        what = f"The network is to be made ({', '.join(made)}) and used by id ({', '.join(used)}) at once"
        _fail(checker, "network", what, path, fix="keep the keys of one of the two")
        return
    if used:
        for key in ("subnet_ids", "security_group_ids"):
            if key not in value:
                checker.missing_key(key, path)
        return
    if "vpc_cidr" not in value:
        checker.missing_key("vpc_cidr", path, fix="add 'vpc_cidr', or 'subnet_ids' and 'security_group_ids'")
    elif "vpc_cidr" in network:
        _check_cidr(checker, network["vpc_cidr"], (*path, "vpc_cidr"))
    if "availability_zones" not in value:
        checker.missing_key("availability_zones", path)
    for index, zone in enumerate(network.get("availability_zones", [])):
        if _ZONE_ID.fullmatch(zone):
            what = f"'{zone}' is the id of an availability zone"
            fix = "give its name in your account, such as us-west-2a: aws ec2 describe-availability-zones"
            _fail(checker, "network", what, (*path, "availability_zones", index), value=zone, fix=fix)


def check_zones(checker: Checker, names: list[str], region: str, path: tuple[Any, ...]) -> None:
    """The name of a zone begins with that of its region (EC2 user guide, "Regions and Zones"): us-west-2a."""
    for index, zone in enumerate(names):
        if not zone.startswith(region) and not _ZONE_ID.fullmatch(zone):
            what = f"'{shown(zone)}' is not an availability zone of the region {region}"
            fix = f"write a zone such as {region}a, or correct the region"
            _fail(checker, "network", what, (*path, index), value=zone, fix=fix)


def _check_cidr(checker: Checker, text: str, path: tuple[Any, ...]) -> None:
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError as error:
        _fail(
            checker,
            "network",
            f"'{shown(text)}' is not an IPv4 block: {error}",
            path,
            value=text,
            fix="write a block such as 10.198.0.0/16",
        )
        return
    if not 16 <= block.prefixlen <= 24:
        _fail(
            checker,
            "network",
            f"A VPC of /{block.prefixlen} can't be used",
            path,
            value=text,
            fix="use /16 to /24, so that subnets fit in",
        )


def check_role(checker: Checker, value: Any, path: tuple[Any, ...]) -> dict[str, str]:
    """A wish for an execution role: ``{name: ...}`` (made if it isn't there) or ``{arn: ...}`` (used as it is)."""
    role = _strings(checker, value, path, ROLE_KEYS)
    if len(role) > 1:
        _fail(
            checker, "execution_role", "Both the name and the ARN of the role are given", path, fix="keep one of them"
        )
    if isinstance(value, dict) and not value:
        checker.missing_key("name", path, fix="add 'name' for a role to make, or 'arn' for one to use")
    name, arn = role.get("name"), role.get("arn")
    if name is not None and not _ROLE_NAME.fullmatch(name):
        fix = "use 1 to 64 letters, digits and + = , . @ _ -"
        _fail(
            checker, "execution_role", f"'{shown(name)}' is not a name for a role", (*path, "name"), value=name, fix=fix
        )
    if arn is not None and not _ROLE_ARN.fullmatch(arn):
        fix = "give arn:aws:iam::<account>:role/<name>, or 'name' instead for a role to make"
        _fail(checker, "execution_role", f"'{shown(arn)}' is not the ARN of a role", (*path, "arn"), value=arn, fix=fix)
    return role


def check_bucket(checker: Checker, value: Any, path: tuple[Any, ...]) -> dict[str, str]:
    """A wish for the bucket of the lifecycle files: ``{name: ...}``; made if it isn't there."""
    bucket = _strings(checker, value, path, BUCKET_KEYS)
    if isinstance(value, dict) and not value:
        checker.missing_key("name", path)
    name = bucket.get("name")
    if name is not None:
        sample = name.replace(ACCOUNT, "123456789012").replace(REGION, "us-west-2")
        if not _BUCKET_NAME.fullmatch(sample) or ".." in sample:
            fix = "use 3 to 63 small letters, digits, hyphens and dots; {account_id} and {region} are filled in"
            _fail(
                checker,
                "lifecycle_bucket",
                f"'{shown(name)}' is not a name for a bucket",
                (*path, "name"),
                value=name,
                fix=fix,
            )
    return bucket


def _strings(checker: Checker, value: Any, path: tuple[Any, ...], known: tuple[str, ...]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        checker.wrong_type(value, "a mapping", path)
        return {}
    result: dict[str, str] = {}
    for key, item in value.items():
        if key not in known:
            checker.unknown_key(key, path, known)
        elif not isinstance(item, str):
            checker.wrong_type(item, "a string", (*path, key))
        else:
            result[key] = item
    return result


def plan_network(network: dict[str, Any], cluster_name: str, directory_zones: Sequence[str] = ()) -> dict[str, Any]:
    """The network in full: what to make, with the subnets' blocks, or what to use.

    A VPC is divided into equal parts, at least four: one private subnet for each zone from the beginning, and the last
    part is left for the public subnet of the NAT gateway, small subnets of the directory, and for later. The
    directory's are its own, so that the cluster stays in the zones that it was described in.
    """
    if "subnet_ids" in network:
        return {
            "mode": "use",
            "vpc_id": network.get("vpc_id"),
            "subnet_ids": network["subnet_ids"],
            "security_group_ids": network["security_group_ids"],
        }
    if "vpc_cidr" not in network:
        return {"mode": "none"}
    block = ipaddress.IPv4Network(network["vpc_cidr"])
    zones = network["availability_zones"]
    bits = 2
    while 2**bits < len(zones) + 1:
        bits += 1
    parts = list(block.subnets(prefixlen_diff=bits))
    name = network.get("name") or cluster_name
    public, *others = islice(parts[-1].subnets(new_prefix=min(28, max(24, parts[-1].prefixlen + 2))), 3)
    return {
        "mode": "create",
        "name": name,
        "vpc_cidr": str(block),
        "private_subnets": [
            {"name": f"{name}-private-{zone}", "cidr": str(part), "availability_zone": zone}
            for zone, part in zip(zones, parts, strict=False)
        ],
        "public_subnet": {"name": f"{name}-public", "cidr": str(public), "availability_zone": zones[0]},
        "directory_subnets": [
            {"name": f"{name}-directory-{zone}", "cidr": str(part), "availability_zone": zone}
            for zone, part in zip(directory_zones, others, strict=False)
        ],
        "nat_gateway": network.get("nat_gateway", True),
    }


def _fail(checker: Checker, check: str, what: str, path: tuple[Any, ...], *, value: Any = None, fix: str) -> None:
    checker.findings.append(failure(check, what, where=checker.document.where(path), value=value, fix=fix))
