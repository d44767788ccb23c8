# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directory is meant, and what is to be done with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.choose import choose
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.states import Desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.states import Surroundings
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.states import desired_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError

ID = "d-0123456789"
SUBNETS = ("subnet-0000000000000000a", "subnet-0000000000000000b")
VPC = "vpc-00000000000000001"
WISH = Desired(name="corp.example.com", subnet_ids=SUBNETS, has_password=True)


def described(**more: Any) -> dict[str, Any]:
    network = {"VpcId": VPC, "SubnetIds": list(SUBNETS), "AvailabilityZones": ["us-west-2a", "us-west-2b"]}
    return {
        "DirectoryId": ID,
        "Name": "corp.example.com",
        "ShortName": "CORP",
        "Type": "MicrosoftAD",
        "Edition": "Standard",
        "Stage": "Active",
        "VpcSettings": network,
        **more,
    }


def subnet(number: int, **more: Any) -> dict[str, Any]:
    zone = f"us-west-2{'ab'[number]}"
    return {"SubnetId": SUBNETS[number], "VpcId": VPC, "AvailabilityZone": zone, "AvailableIpAddressCount": 9, **more}


AROUND = Surroundings((subnet(0), subnet(1)), {"CloudOnlyMicrosoftADLimitReached": False})


def there(stage: str = "Active", forwarders: Any = (), tags: Any = None, **more: Any) -> Current:
    return Current(described(Stage=stage, **more), tags or {}, forwarders)


def wish(**more: Any) -> Desired:
    return dataclasses.replace(WISH, **more)


def forwarder(name: str, *addresses: str) -> dict[str, Any]:
    return {"RemoteDomainName": name, "DnsIpAddrs": list(addresses)}


# which one


@pytest.mark.parametrize(
    ("directories", "desired", "found", "words"),
    [
        ([], WISH, None, ""),
        ([described()], WISH, ID, ""),
        ([described(Name="CORP.example.com.")], WISH, ID, ""),
        ([described(Name="other.example.com")], WISH, None, ""),
        ([described(Stage="Deleted")], WISH, None, ""),
        ([described(Stage="Deleting")], WISH, ID, ""),
        ([described(Stage="Deleting"), described(DirectoryId="d-1")], WISH, "d-1", ""),
        ([described(), described(DirectoryId="d-1")], WISH, None, f"{ID} (MicrosoftAD, Active, {VPC}), d-1"),
        ([described(), described(DirectoryId="d-1")], wish(directory_id="d-1"), "d-1", ""),
        ([described()], wish(vpc_id="vpc-0000000000000000f"), None, ""),
        ([described()], wish(name=None, directory_id="d-1"), None, "there is no directory d-1"),
        ([described()], wish(name=None, directory_id="d-1", state="absent"), None, ""),
        ([described(Name="x.example.com")], wish(directory_id=ID), None, "can't be renamed"),
        ([described(Type="SimpleAD")], WISH, None, "is of type SimpleAD"),
        (
            [described(Type="SharedMicrosoftAD", OwnerDirectoryDescription={"AccountId": "444455556666"})],
            WISH,
            None,
            "shared with this account by 444455556666",
        ),
        ([described(Type="ADConnector", VpcSettings=None, ConnectSettings={"VpcId": VPC})], WISH, None, "ADConnector"),
    ],
)
def test_which_directory_is_meant(directories: Any, desired: Desired, found: str | None, words: str) -> None:
    choice = choose(directories, desired)
    assert (choice.directory or {}).get("DirectoryId") == found
    assert words in (choice.refusal or "")
    assert bool(choice.refusal) == bool(words)


# a new one


def test_a_new_one() -> None:
    forwarders = {"example.net": ("10.0.0.2",)}
    outline = plan(None, wish(short_name="CORP", description="d", tags={"a": "1"}, forwarders=forwarders), AROUND)
    (call,) = outline.calls
    assert call.operation == "CreateMicrosoftAD"
    assert call.request == {
        "Name": "corp.example.com",
        "ShortName": "CORP",
        "Description": "d",
        "Edition": "Standard",
        "VpcSettings": {"VpcId": VPC, "SubnetIds": list(SUBNETS)},
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    assert (outline.goal, outline.again) == ("active", True)
    assert [later.operation for later in outline.later] == ["CreateConditionalForwarder"]
    assert outline.before == {}
    assert outline.after["stage"] == "Active"
    assert outline.after["conditional_forwarders"] == [
        {"remote_domain_name": "example.net", "dns_ip_addrs": ["10.0.0.2"]}
    ]


def test_a_new_one_is_what_was_asked_for() -> None:
    outline = plan(None, wish(edition="Enterprise"), AROUND)
    assert outline.calls[0].request["Edition"] == "Enterprise"
    assert (outline.goal, outline.again, outline.later) == ("active", False, ())


@pytest.mark.parametrize(
    ("more", "around", "words"),
    [
        ({"name": None}, AROUND, "needs name"),
        ({"has_password": False, "subnet_ids": None}, AROUND, "needs password or password_secret, subnet_ids"),
        ({"subnet_ids": SUBNETS[:1]}, AROUND, f"exactly two subnets, in two availability zones; given: {SUBNETS[0]}"),
        ({}, Surroundings((subnet(0),)), f"subnet_ids: {SUBNETS[1]} not found"),
        ({}, Surroundings((subnet(0), subnet(1, AvailabilityZone="us-west-2a"))), "the same availability zone"),
        ({}, Surroundings((subnet(0), subnet(1, VpcId="vpc-2"))), "are in different VPCs"),
        ({"vpc_id": "vpc-3"}, AROUND, f"vpc_id: vpc-3, but the subnets are in {VPC}"),
        ({}, Surroundings((subnet(0), subnet(1, AvailableIpAddressCount=0))), "has 0 free addresses"),
        (
            {},
            Surroundings(
                AROUND.subnets,
                {
                    "CloudOnlyMicrosoftADLimitReached": True,
                    "CloudOnlyMicrosoftADLimit": 20,
                    "CloudOnlyMicrosoftADCurrentCount": 20,
                },
            ),
            "has 20 of at most 20 AWS Managed Microsoft AD directories",
        ),
    ],
)
def test_what_a_new_one_can_not_be(more: dict[str, Any], around: Surroundings, words: str) -> None:
    outline = plan(None, wish(**more), around)
    assert words in (outline.refusal or "")
    assert outline.calls == ()


def test_all_findings_are_told_at_once() -> None:
    around = Surroundings((subnet(0), subnet(1, AvailabilityZone="us-west-2a", VpcId="vpc-2")))
    refusal = plan(None, WISH, around).refusal or ""
    assert "same availability zone" in refusal
    assert "different VPCs" in refusal


# one that exists


def test_nothing_to_do() -> None:
    outline = plan(there(), wish(edition="Standard", short_name="CORP", vpc_id=VPC), Surroundings())
    assert (outline.calls, outline.goal, outline.refusal) == ((), None, None)
    assert outline.before == outline.after


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"edition": "Enterprise"}, "edition: is Standard, wanted Enterprise"),
        ({"short_name": "OTHER"}, "short_name: is CORP, wanted OTHER"),
        ({"description": "new"}, "description: is not set, wanted new"),
        ({"vpc_id": "vpc-2"}, "vpc_id: is vpc-00000000000000001, wanted vpc-2"),
        ({"subnet_ids": SUBNETS[:1]}, "subnet_ids: is"),
    ],
)
def test_what_can_not_be_changed(more: dict[str, Any], words: str) -> None:
    outline = plan(there(), wish(**more), Surroundings())
    assert words in (outline.refusal or "")
    assert outline.calls == ()


def test_an_empty_description_is_none() -> None:
    assert plan(there(), wish(description=""), Surroundings()).refusal is None


def test_the_order_of_subnets_says_nothing() -> None:
    assert plan(there(), wish(subnet_ids=SUBNETS[::-1]), Surroundings()).refusal is None


@pytest.mark.parametrize("stage", ["Requested", "Creating", "Created", "Restoring", "Updating", "Inoperable"])
def test_what_is_under_way_is_joined(stage: str) -> None:
    current = there(stage, forwarders=None)
    outline = plan(current, WISH, Surroundings())
    assert (outline.calls, outline.goal, outline.again) == ((), "active", False)
    outline = plan(current, wish(forwarders={}), Surroundings())
    assert (outline.goal, outline.again) == ("active", True)


@pytest.mark.parametrize(("stage", "later"), [("Creating", ["CreateConditionalForwarder"]), ("Restoring", [])])
def test_forwarders_of_one_that_is_being_made_are_told(stage: str, later: list[str]) -> None:
    """Those of a directory that is busy otherwise are not known."""
    desired = wish(forwarders={"other.example.com": ("10.9.0.5",)})
    outline = plan(there(stage, forwarders=None), desired, Surroundings())
    assert [call.operation for call in outline.later] == later
    assert bool(outline.after["conditional_forwarders"]) is bool(later)


def test_one_that_is_being_deleted_is_made_again() -> None:
    outline = plan(there("Deleting", forwarders=None), WISH, Surroundings())
    assert (outline.calls, outline.goal, outline.again) == ((), "gone", True)
    assert [call.operation for call in outline.later] == ["CreateMicrosoftAD"]


@pytest.mark.parametrize("stage", ["Failed", "RestoreFailed"])
def test_one_that_failed_is_refused_with_the_reason(stage: str) -> None:
    outline = plan(there(stage, StageReason="No capacity."), WISH, Surroundings())
    assert f"is {stage}: No capacity. Such a directory does not recover" in (outline.refusal or "")


def test_one_that_is_impaired_is_used_with_a_warning() -> None:
    outline = plan(there("Impaired", StageReason="DC away"), wish(tags={"a": "1"}), Surroundings())
    assert [call.operation for call in outline.calls] == ["AddTagsToResource"]
    assert outline.goal is None
    assert "DC away" in outline.warnings[0]


def test_tags() -> None:
    current = there(tags={"keep": "1", "old": "1", "aws:x": "1"})
    outline = plan(current, wish(tags={"keep": "1", "new": "2"}), Surroundings())
    assert [(call.operation, call.request) for call in outline.calls] == [
        ("RemoveTagsFromResource", {"ResourceId": ID, "TagKeys": ["old"]}),
        ("AddTagsToResource", {"ResourceId": ID, "Tags": [{"Key": "new", "Value": "2"}]}),
    ]
    assert outline.after["tags"] == {"aws:x": "1", "keep": "1", "new": "2"}
    outline = plan(current, wish(tags={"new": "2"}, purge_tags=False), Surroundings())
    assert [call.operation for call in outline.calls] == ["AddTagsToResource"]
    assert plan(current, wish(tags=None), Surroundings()).calls == ()


def test_conditional_forwarders() -> None:
    current = there(forwarders=(forwarder("a.net.", "10.0.0.2"), forwarder("b.net", "10.0.0.2", "10.0.0.3")))
    forwarders = {"b.net": ("10.0.0.3", "10.0.0.2"), "c.net": ("10.0.0.4",)}
    outline = plan(current, wish(forwarders=forwarders), Surroundings())
    assert [(call.operation, call.request["RemoteDomainName"]) for call in outline.calls] == [
        ("CreateConditionalForwarder", "c.net"),
        ("DeleteConditionalForwarder", "a.net"),
    ]
    assert [item["remote_domain_name"] for item in outline.after["conditional_forwarders"]] == ["b.net", "c.net"]
    outline = plan(current, wish(forwarders={"a.net": ("10.0.0.9",)}, purge_forwarders=False), Surroundings())
    (call,) = outline.calls
    assert call.operation == "UpdateConditionalForwarder"
    assert call.request == {"DirectoryId": ID, "RemoteDomainName": "a.net", "DnsIpAddrs": ["10.0.0.9"]}
    assert [item["remote_domain_name"] for item in outline.after["conditional_forwarders"]] == ["a.net", "b.net"]
    assert plan(current, wish(forwarders=None), Surroundings()).calls == ()


# absent


def test_absent() -> None:
    gone = wish(state="absent")
    assert plan(None, gone, Surroundings()).goal is None
    outline = plan(there(), gone, Surroundings())
    assert [(call.operation, call.request) for call in outline.calls] == [("DeleteDirectory", {"DirectoryId": ID})]
    assert (outline.goal, outline.after) == ("gone", {})
    outline = plan(there("Failed", forwarders=None), gone, Surroundings())
    assert [call.operation for call in outline.calls] == ["DeleteDirectory"]
    outline = plan(there("Deleting", forwarders=None), gone, Surroundings())
    assert (outline.calls, outline.goal) == ((), "gone")


# the wish


def params(**more: Any) -> dict[str, Any]:
    names = [
        "directory_id",
        "password",
        "password_secret",
        "edition",
        "short_name",
        "description",
        "vpc_id",
        "subnet_ids",
        "conditional_forwarders",
        "tags",
    ]
    return {
        **dict.fromkeys(names),
        "name": "corp.example.com",
        "state": "present",
        "purge_conditional_forwarders": True,
        "purge_tags": True,
        **more,
    }


def test_the_wish_has_no_password() -> None:
    desired = desired_of(params(password="Hidden-Pass-1", tags={"n": 1}))
    assert desired.has_password
    assert "Hidden-Pass-1" not in repr(desired)
    assert desired.tags == {"n": "1"}
    assert desired_of(params()).has_password is False


@pytest.mark.parametrize(
    ("forwarders", "words"),
    [
        ([("a.net", ["10.0.0.2"]), ("A.net.", ["10.0.0.3"])], "names a.net more than once"),
        ([("a.net", [])], "conditional_forwarders[a.net].dns_ip_addrs is empty"),
        ([("a.net", ["10.0.0.2", "dns"])], "conditional_forwarders[a.net].dns_ip_addrs: 'dns' is no IPv4 address"),
    ],
)
def test_wrong_forwarders(forwarders: list[tuple[str, list[str]]], words: str) -> None:
    given = [{"remote_domain_name": name, "dns_ip_addrs": addresses} for name, addresses in forwarders]
    with pytest.raises(HyperPodError, match=words.replace("[", r"\[").replace("]", r"\]")):
        desired_of(params(conditional_forwarders=given))
