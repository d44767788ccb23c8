# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ds_microsoft_ad from nothing to nothing, what it refuses, and that nobody sees the password."""

from __future__ import annotations

import json
from typing import Any

import pytest
from directory_world import Place
from directory_world import directory
from directory_world import in_slices
from directory_world import operations
from in_process import directly
from modules_harness import PREFIX
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import eventually

# Nothing may show it; so odd that it stands nowhere else.
PASSWORD = "Zq7-hidden-Zq7"


@pytest.fixture(name="place", scope="module")
def _place(cloud: Cloud) -> Place:
    made = Place(cloud)
    secrets = cloud.client("secretsmanager")
    secrets.create_secret(Name="ad/json", SecretString=json.dumps({"username": "Admin", "password": PASSWORD}))
    secrets.create_secret(Name="ad/plain", SecretString=PASSWORD)
    secrets.create_secret(Name="ad/other", SecretString=json.dumps({"token": PASSWORD}))
    secrets.create_secret(Name="ad/weak", SecretString="weak-weak")
    secrets.create_secret(Name="ad/binary", SecretBinary=b"Zq7-hidden-Zq7")
    return made


def wish(place: Place, name: str, **more: Any) -> dict[str, Any]:
    short = name.split(".", maxsplit=1)[0].upper()
    return {"name": name, "short_name": short, "password": PASSWORD, "subnet_ids": place.two(), **more}


def gone(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "absent", **more}


def forwarder(name: str, *addresses: str) -> dict[str, Any]:
    return {"remote_domain_name": name, "dns_ip_addrs": list(addresses)}


def info(**asked: Any) -> dict[str, Any]:
    return {f"{PREFIX}ds_microsoft_ad_info": asked}


def test_check_make_again_absent_again(ansible: Ansible, cloud: Cloud, place: Place) -> None:
    name = "whole.example.com"
    wished = wish(
        place,
        name,
        password=None,
        password_secret="ad/json",
        description="for tests",
        edition="Standard",
        tags={"team": "a"},
        conditional_forwarders=[forwarder("example.net", "10.0.0.2", "10.0.0.3")],
    )
    del wished["password"]
    # long enough that the stages are seen
    cloud.set_speed(300)
    played = ansible.play(
        directory(wished, check_mode=True, diff=True),
        info(names=[name]),
        directory(wished, diff=True),
        directory(wished, diff=True),
        info(names=[name]),
        directory(gone(name), check_mode=True, diff=True),
        directory(gone(name), diff=True),
        directory(gone(name)),
        info(names=[name]),
    )
    checked, nothing, made, same, seen, gone_checked, deleted, still_gone, left = played.results

    assert checked["changed"], checked
    assert operations(checked) == ["CreateMicrosoftAD", "CreateConditionalForwarder"]
    assert checked["diff"]["before"] == {}
    assert checked["diff"]["after"]["edition"] == "Standard"
    assert nothing["directories"] == []

    assert made["changed"], made
    assert operations(made) == operations(checked)
    told = made["directory"]
    assert told["stage"] == "Active"
    assert (told["name"], told["short_name"], told["edition"]) == (name, "WHOLE", "Standard")
    assert told["directory_id"].startswith("d-")
    assert len(told["dns_ip_addrs"]) == 2
    assert told["vpc_id"] == place.vpc
    assert told["subnet_ids"] == sorted(place.two())
    assert len(told["availability_zones"]) == 2
    assert told["security_group_id"].startswith("sg-")
    assert told["access_url"]
    assert told["ldaps_status"] == "Disabled"
    assert told["tags"] == {"team": "a"}
    assert told["conditional_forwarders"] == [forwarder("example.net", "10.0.0.2", "10.0.0.3")]
    assert made["diff"]["after"] == checked["diff"]["after"]

    assert not same["changed"], same["calls"]
    assert same["diff"]["before"] == same["diff"]["after"]
    assert seen["directories"] == [same["directory"]]

    assert operations(gone_checked) == ["DeleteDirectory"]
    assert gone_checked["diff"]["after"] == {}
    assert operations(deleted) == ["DeleteDirectory"]
    assert deleted["directory"] == {}
    assert not still_gone["changed"]
    assert left["directories"] == []

    lines = played.progress(name)
    assert "CreateMicrosoftAD: it does not exist yet" in lines[0]
    for stage in ("Creating", "Active", "Deleting"):
        assert any(f" {stage}" in line for line in lines), (stage, lines)
    assert lines[-1].endswith(" gone")
    assert PASSWORD not in played.output + json.dumps(played.results)


def test_tags_and_forwarders_are_updated(cloud: Cloud, place: Place) -> None:
    name = "updated.example.com"
    both = [forwarder("a.net", "10.0.0.2"), forwarder("b.net", "10.0.0.3")]
    changes: list[tuple[dict[str, Any], list[str]]] = [
        ({"conditional_forwarders": both}, ["CreateConditionalForwarder"] * 2),
        (
            {"conditional_forwarders": [forwarder("a.net", "10.0.0.9")]},
            ["UpdateConditionalForwarder", "DeleteConditionalForwarder"],
        ),
        (
            {"conditional_forwarders": [forwarder("c.net", "10.0.0.4")], "purge_conditional_forwarders": False},
            ["CreateConditionalForwarder"],
        ),
        ({"tags": {"a": "2", "c": "1"}}, ["RemoveTagsFromResource", "AddTagsToResource"]),
        ({"tags": {"d": "1"}, "purge_tags": False}, ["AddTagsToResource"]),
    ]
    (made,) = directly(cloud, directory(wish(place, name, tags={"a": "1", "b": "1"})))
    assert made["changed"], made
    for change, expected in changes:
        options = {"name": name, **change}
        checked, changed, same = directly(
            cloud,
            directory(options, check_mode=True, diff=True),
            directory(options, diff=True),
            directory(options),
        )
        assert operations(checked) == operations(changed) == expected, (change, changed)
        assert checked["diff"] == changed["diff"]
        assert changed["diff"]["before"] != changed["diff"]["after"]
        assert not same["changed"], same
    told = same["directory"]
    assert told["tags"] == {"a": "2", "c": "1", "d": "1"}
    assert told["conditional_forwarders"] == [forwarder("a.net", "10.0.0.9"), forwarder("c.net", "10.0.0.4")]
    (deleted,) = directly(cloud, directory({"directory_id": told["directory_id"], "state": "absent"}))
    assert deleted["changed"]


def test_what_is_under_way_is_joined(cloud: Cloud, place: Place) -> None:
    name = "joined.example.com"
    cloud.set_speed(300)
    begun, joined = directly(
        cloud,
        directory(wish(place, name, wait=False, conditional_forwarders=[forwarder("a.net", "10.0.0.2")])),
        directory({"name": name, "conditional_forwarders": [forwarder("a.net", "10.0.0.2")]}),
    )
    assert begun["changed"], begun
    assert begun["directory"]["stage"] != "Active"
    assert "left for another run" in json.dumps(begun["warnings"])
    assert joined["directory"]["stage"] == "Active"
    assert operations(joined) == ["CreateConditionalForwarder"]
    first = joined["directory"]["directory_id"]
    cloud.set_speed(150)
    (going,) = directly(cloud, directory(gone(name, wait=False)))
    cloud.set_speed(400)
    anew, end = directly(cloud, directory(wish(place, name)), directory(gone(name)))
    assert going["directory"]["stage"] == "Deleting"
    assert operations(anew) == ["CreateMicrosoftAD"]
    assert anew["directory"]["directory_id"] != first
    assert end["changed"]


def test_time_is_up(cloud: Cloud, place: Place) -> None:
    name = "late.example.com"
    cloud.set_speed(1)
    (late,) = directly(cloud, directory(wish(place, name, wait_timeout=2)))
    assert late["failed"]
    assert f"Directory {name} is not active after 00:00:0" in late["msg"]
    assert "wait_timeout: 2 s" in late["msg"]
    assert "run again to go on waiting" in late["msg"]
    assert operations(late) == ["CreateMicrosoftAD"]
    assert PASSWORD not in json.dumps(late)
    cloud.set_speed(cloud.speed)
    directly(cloud, directory(gone(name)))


def test_wrong_inputs(cloud: Cloud, place: Place) -> None:
    good = wish(place, "wrong.example.com")
    by_secret = {key: value for key, value in good.items() if key != "password"}
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["name, directory_id"]),
        ({**good, "state": "there"}, ["state", "present, absent"]),
        ({**good, "edition": "Hybrid"}, ["edition", "Standard, Enterprise"]),
        ({**good, "passwd": "x"}, ["Unsupported parameters", "passwd"]),
        ({**good, "password_secret": "ad/json"}, ["password|password_secret", "mutually exclusive"]),
        ({**good, "password_secret_key": "x"}, ["password_secret"]),
        (by_secret, ["needs password or password_secret"]),
        ({"name": "wrong.example.com"}, ["does not exist", "needs password or password_secret, subnet_ids"]),
        ({"directory_id": "d-0000000bad"}, ["there is no directory d-0000000bad"]),
        ({**good, "name": "wrong"}, ["name: 'wrong' does not match"]),
        ({**good, "description": "-"}, ["description: '-' does not match"]),
        ({**good, "subnet_ids": place.subnets[:1]}, ["exactly two subnets"]),
        ({**good, "subnet_ids": place.subnets[:3]}, ["exactly two subnets", place.subnets[2]]),
        ({**good, "subnet_ids": [place.subnets[0], place.subnets[3]]}, ["in the same availability zone"]),
        (
            {**good, "subnet_ids": [place.subnets[0], "subnet-0000000000000bad0"]},
            ["subnet-0000000000000bad0 not found"],
        ),
        (
            {**good, "subnet_ids": [place.subnets[0], cloud.place["subnet"]], "vpc_id": place.vpc},
            ["in the same availability zone", "in different VPCs"],
        ),
        ({**good, "vpc_id": "vpc-0000000000000bad0"}, ["vpc_id: vpc-0000000000000bad0, but the subnets are in"]),
        ({**good, "password": "Sh0rt-x"}, ["has 7 characters; it needs 8 to 64"]),
        ({**good, "password": "simplesimple"}, ["too simple"]),
        ({**by_secret, "password_secret": "ad/none"}, ["Failed to read secret ad/none", "ResourceNotFound"]),
        ({**by_secret, "password_secret": "ad/other"}, ["no key password, its keys are: token"]),
        ({**by_secret, "password_secret": "ad/json", "password_secret_key": "pw"}, ["no text at key pw"]),
        ({**by_secret, "password_secret": "ad/plain", "password_secret_key": "pw"}, ["is no JSON object"]),
        ({**by_secret, "password_secret": "ad/binary"}, ["is binary"]),
        ({**by_secret, "password_secret": "ad/weak"}, ["password_secret ad/weak: the password is too simple"]),
        (
            {**good, "conditional_forwarders": [forwarder("a.net", "1.2.3.4"), forwarder("A.net", "1.2.3.4")]},
            ["names a.net more than once"],
        ),
        ({**good, "conditional_forwarders": [forwarder("a.net")]}, ["conditional_forwarders[a.net].dns_ip_addrs"]),
        ({**good, "conditional_forwarders": [forwarder("a.net", "1.2.3")]}, ["'1.2.3' is no IPv4 address"]),
        (
            {**good, "conditional_forwarders": [forwarder("a_b", "1.2.3.4")]},
            ["remote_domain_name: 'a_b'"],
        ),
        ({**good, "wait_timeout": 0}, ["wait_timeout: 0, at least 1"]),
    ]
    for mode in (True, False):
        results = directly(cloud, *[directory(options, check_mode=mode) for options, _words in wrong])
        for (options, words), result in zip(wrong, results, strict=True):
            assert result["failed"], options
            for word in words:
                assert word in result["msg"], (options, result["msg"])
            assert "Traceback" not in result["msg"]
            assert "\n" not in result["msg"].strip()
            assert PASSWORD not in json.dumps(result)
            for secret in ("weak-weak", "simplesimple", "Sh0rt-x"):
                assert secret not in json.dumps(result)
    names = [item["Name"] for item in cloud.client("ds").describe_directories()["DirectoryDescriptions"]]
    assert "wrong.example.com" not in names


def test_what_can_not_be_changed(cloud: Cloud, place: Place) -> None:
    name = "fixed.example.com"
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"edition": "Enterprise"}, ["edition: is Standard, wanted Enterprise", "another directory"]),
        ({"short_name": "OTHER"}, ["short_name: is FIXED, wanted OTHER"]),
        ({"description": "new"}, ["description: is not set, wanted new"]),
        ({"subnet_ids": place.subnets[1:3]}, ["subnet_ids: is", "don't move"]),
    ]
    (made,) = directly(cloud, directory(wish(place, name)))
    assert made["changed"], made
    results = directly(cloud, *[directory({"name": name, **options}) for options, _words in wrong])
    for (options, words), result in zip(wrong, results, strict=True):
        assert result["failed"], options
        for word in words:
            assert word in result["msg"], result["msg"]
    one, renamed = directly(
        cloud,
        directory({"name": "FIXED.example.com."}),
        directory({"name": "x.example.com", "directory_id": made["directory"]["directory_id"]}),
    )
    assert not one["changed"]
    assert "can't be renamed" in renamed["msg"]
    directly(cloud, directory(gone(name)))


def test_two_of_the_same_name(cloud: Cloud, place: Place) -> None:
    """In VPCs of their own; which is meant says the VPC, or the id."""
    name = "twice.example.com"
    other = Place(cloud)
    first, second = directly(
        cloud,
        directory(wish(place, name, vpc_id=place.vpc)),
        directory(wish(other, name, vpc_id=other.vpc)),
    )
    ids = [result["directory"]["directory_id"] for result in (first, second)]
    assert len(set(ids)) == 2
    unclear, by_vpc, by_id, listed = directly(
        cloud,
        directory({"name": name}),
        directory({"name": name, "vpc_id": other.vpc}),
        directory({"name": name, "directory_id": ids[0]}),
        info(names=[name], vpc_id=place.vpc),
    )
    assert all(word in unclear["msg"] for word in (*ids, place.vpc, "Give directory_id")), unclear["msg"]
    assert by_vpc["directory"]["directory_id"] == ids[1]
    assert by_id["directory"]["directory_id"] == ids[0]
    assert [item["directory_id"] for item in listed["directories"]] == ids[:1]
    directly(cloud, *[directory({"directory_id": each, "state": "absent"}) for each in ids])


def test_an_answer_that_gets_lost_makes_no_second_directory(cloud: Cloud, place: Place) -> None:
    name = "lost.example.com"
    cloud.fault("drop_after", operation="CreateMicrosoftAD", count=1)
    (made,) = directly(cloud, directory(wish(place, name)))
    assert made["directory"]["stage"] == "Active", made
    found = cloud.client("ds").describe_directories()["DirectoryDescriptions"]
    assert [item["Name"] for item in found].count(name) == 1
    directly(cloud, directory(gone(name)))
    eventually(lambda: name not in json.dumps(cloud.client("ds").describe_directories(), default=str) or None)


def test_a_directory_that_fails(cloud: Cloud, place: Place) -> None:
    name = "failing.example.com"
    cloud.fault("directory_failure", resource=name, count=1)
    failed, lines = in_slices(cloud, "ds_microsoft_ad", wish(place, name))
    refused, deleted, made, end = directly(
        cloud,
        directory(wish(place, name)),
        directory(gone(name)),
        directory(wish(place, name)),
        directory(gone(name)),
    )
    assert "is not active after" in lines[-1]
    assert f"Directory {name} is not active after 00:00:0" in failed["msg"]
    assert "Failed: The directory could not be created: an internal error" in failed["msg"]
    assert "Likely cause: the service itself had a fault. What to do: delete the directory" in failed["msg"]
    assert failed["failure"]["stage"] == "Failed"
    assert (failed["changed"], operations(failed)) == (True, ["CreateMicrosoftAD"])
    assert "does not recover: delete it (state: absent)" in refused["msg"]
    assert operations(deleted) == ["DeleteDirectory"]
    assert made["directory"]["stage"] == "Active"
    assert end["changed"]
    assert PASSWORD not in json.dumps([failed, lines, refused, made])


def test_what_keeps_a_directory_from_going_is_told(cloud: Cloud, place: Place) -> None:
    name = "used.example.com"
    (made,) = directly(cloud, directory(wish(place, name)))
    group = made["directory"]["security_group_id"]
    ec2 = cloud.client("ec2")
    interface = ec2.create_network_interface(SubnetId=place.subnets[0], Groups=[group], Description="file server")
    identity = interface["NetworkInterface"]["NetworkInterfaceId"]
    cloud.set_speed(1)
    (late,) = directly(cloud, directory(gone(name, wait_timeout=2)))
    told = f"network interface {identity} in the directory's security group (file server)"
    assert f"Directory {name} is not gone after 00:00:0" in late["msg"]
    assert f"Still used by: {told}" in late["msg"]
    assert late["failure"]["used_by"] == [told]
    ec2.delete_network_interface(NetworkInterfaceId=identity)
    cloud.set_speed(cloud.speed)
    (deleted,) = directly(cloud, directory(gone(name)))
    assert (deleted["changed"], deleted["directory"]) == (False, {})
