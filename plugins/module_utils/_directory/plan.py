# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists + what is wanted -> the calls to make. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from .._waiting.plans import Call
from .._waiting.plans import Outline
from . import network
from .states import forwarders_told
from .waiters import ACTIVE
from .waiters import FAILED
from .waiters import GONE
from .waiters import reason

if TYPE_CHECKING:
    from .states import Current
    from .states import Desired
    from .states import Surroundings

# A new directory costs by its edition; the service itself would take Enterprise.
_NEW_EDITION = "Standard"
# A directory that is still being made has no forwarders.
_NEW = frozenset({"Requested", "Creating", "Created"})
_WAY_AROUND = {
    "edition": "make another directory and move to it; the service changes the edition of none",
    "short_name": "make another directory with that name",
    "description": "leave the option out: the description of a directory stays",
    "vpc_id": "make another directory in that VPC, or let the VPCs reach each other (peering, transit gateway)",
    "subnet_ids": "domain controllers don't move; leave the option out, or give vpc_id as well for a directory of this"
    " name in another VPC",
}


def plan(current: Current | None, desired: Desired, around: Surroundings) -> Outline:
    """What to do. ``around`` counts only where there is no directory yet."""
    if desired.state == "absent":
        return _plan_absent(current, desired)
    if current is None:
        return _plan_new(desired, around)
    return _plan_existing(current, desired)


def _plan_absent(current: Current | None, desired: Desired) -> Outline:
    if current is None:
        return Outline()
    before = current.options()
    if current.stage == "Deleting":
        return Outline(goal=GONE, before=before, after={})
    request = {"DirectoryId": current.described["DirectoryId"]}
    reason_ = f"directory {desired.called()} is to be absent"
    return Outline(calls=(Call("DeleteDirectory", request, reason_),), goal=GONE, before=before, after={})


def _plan_new(desired: Desired, around: Surroundings) -> Outline:
    missing = [
        text
        for text, there in (
            ("name", desired.name),
            ("password or password_secret", desired.has_password),
            ("subnet_ids", desired.subnet_ids),
        )
        if not there
    ]
    if missing:
        return Outline(refusal=f"directory {desired.called()} does not exist, and a new one needs {', '.join(missing)}")
    found = network.problems(desired, around)
    if found:
        return Outline(refusal=f"directory {desired.name} can't be made: {'; '.join(found)}")
    subnets = list(desired.subnet_ids or ())
    vpc = desired.vpc_id or str(around.subnets[0]["VpcId"])
    edition = desired.edition or _NEW_EDITION
    request: dict[str, Any] = {
        "Name": desired.name,
        "Edition": edition,
        "VpcSettings": {"VpcId": vpc, "SubnetIds": subnets},
    }
    if desired.short_name:
        request["ShortName"] = desired.short_name
    if desired.description:
        request["Description"] = desired.description
    if desired.tags:
        request["Tags"] = ansible_dict_to_boto3_tag_list(desired.tags)
    later = _forwarder_calls("", {}, desired)
    after = {
        "name": desired.name,
        "edition": edition,
        "short_name": desired.short_name,
        "description": desired.description,
        "vpc_id": vpc,
        "subnet_ids": sorted(subnets),
        "stage": "Active",
        "conditional_forwarders": forwarders_told(dict(desired.forwarders or {})),
        "tags": dict(sorted((desired.tags or {}).items())),
    }
    create = Call("CreateMicrosoftAD", request, "it does not exist yet")
    return Outline(calls=(create,), goal=ACTIVE, again=bool(later), later=tuple(later), after=after)


def _plan_existing(current: Current, desired: Desired) -> Outline:
    before = current.options()
    name = f"directory {desired.called()}"
    if current.stage == "Deleting":
        # Made again when it is gone; what a new one lacks is known only then.
        again = Call("CreateMicrosoftAD", {}, "the one of this name is being deleted")
        return Outline(goal=GONE, again=True, later=(again,), before=before, after=before)
    if current.stage in FAILED:
        said = reason(current.described).rstrip(".")
        return Outline(
            refusal=f"{name} ({current.described['DirectoryId']}) is {current.stage}: {said}. Such a directory does not"
            " recover: delete it (state: absent), remove the cause, and make it again"
        )
    refused = _unchangeable(before, desired)
    if refused:
        return Outline(refusal=f"{name} exists and can't be changed like this: {'; '.join(refused)}")
    calls = _tag_calls(current, desired)
    after = {**before, "stage": "Active", "tags": _tags_after(current, desired)}
    if current.forwarders is None:
        # Forwarders are told and set only while domain controllers run.
        wait_first = desired.forwarders is not None
        later: list[Call] = []
        if current.stage in _NEW:
            later = _forwarder_calls(str(current.described["DirectoryId"]), {}, desired)
            after["conditional_forwarders"] = forwarders_told(dict(desired.forwarders or {}))
        return Outline(
            calls=tuple(calls), goal=ACTIVE, again=wait_first, later=tuple(later), before=before, after=after
        )
    forwarders = _forwarder_calls(str(current.described["DirectoryId"]), current.addresses_by_domain(), desired)
    after["conditional_forwarders"] = forwarders_told(_forwarders_after(current, desired))
    warnings = []
    if current.stage == "Impaired":
        after["stage"] = current.stage
        warnings = [f"{name} is Impaired, some of its domain controllers do not answer: {reason(current.described)}"]
    return Outline(calls=(*calls, *forwarders), warnings=tuple(warnings), before=before, after=after)


def _unchangeable(before: dict[str, Any], desired: Desired) -> list[str]:
    """What differs and can't be changed, each with the way around."""
    wanted = {
        "edition": desired.edition,
        "short_name": desired.short_name,
        "description": desired.description,
        "vpc_id": desired.vpc_id,
        "subnet_ids": None if desired.subnet_ids is None else sorted(desired.subnet_ids),
    }
    return [
        f"{option}: is {before[option] or 'not set'}, wanted {value}: {_WAY_AROUND[option]}"
        for option, value in wanted.items()
        if value is not None and value != (before[option] or "" if option == "description" else before[option])
    ]


def _tag_calls(current: Current, desired: Desired) -> list[Call]:
    if desired.tags is None:
        return []
    directory = str(current.described["DirectoryId"])
    to_set, to_remove = compare_aws_tags(dict(current.tags), dict(desired.tags), desired.purge_tags)
    calls = []
    if to_remove:
        request = {"ResourceId": directory, "TagKeys": sorted(to_remove)}
        calls.append(Call("RemoveTagsFromResource", request, f"tags {', '.join(sorted(to_remove))} are not wanted"))
    if to_set:
        request = {"ResourceId": directory, "Tags": ansible_dict_to_boto3_tag_list(to_set)}
        calls.append(Call("AddTagsToResource", request, f"tags {', '.join(sorted(to_set))} differ"))
    return calls


def _tags_after(current: Current, desired: Desired) -> dict[str, str]:
    if desired.tags is None:
        return dict(sorted(current.tags.items()))
    _to_set, to_remove = compare_aws_tags(dict(current.tags), dict(desired.tags), desired.purge_tags)
    kept = {key: value for key, value in current.tags.items() if key not in to_remove}
    return dict(sorted({**kept, **desired.tags}.items()))


def _forwarder_calls(directory: str, there: dict[str, tuple[str, ...]], desired: Desired) -> list[Call]:
    if desired.forwarders is None:
        return []
    calls = []
    for name, addresses in sorted(desired.forwarders.items()):
        request = {"DirectoryId": directory, "RemoteDomainName": name, "DnsIpAddrs": list(addresses)}
        if name not in there:
            calls.append(Call("CreateConditionalForwarder", request, f"there is no conditional forwarder for {name}"))
        elif sorted(there[name]) != sorted(addresses):
            was = ", ".join(sorted(there[name]))
            why = f"the conditional forwarder for {name} goes to {was}, wanted {', '.join(sorted(addresses))}"
            calls.append(Call("UpdateConditionalForwarder", request, why))
    if desired.purge_forwarders:
        for name in sorted(set(there) - set(desired.forwarders)):
            request = {"DirectoryId": directory, "RemoteDomainName": name}
            why = f"the conditional forwarder for {name} is not wanted"
            calls.append(Call("DeleteConditionalForwarder", request, why))
    return calls


def _forwarders_after(current: Current, desired: Desired) -> dict[str, tuple[str, ...]]:
    there = current.addresses_by_domain()
    if desired.forwarders is None:
        return there
    return {**({} if desired.purge_forwarders else there), **desired.forwarders}
