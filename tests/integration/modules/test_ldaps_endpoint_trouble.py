# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ldaps_endpoint refuses, and what it tells when targets are ill."""

from __future__ import annotations

from typing import Any

import pytest
from directory_world import ONE
from directory_world import Place
from directory_world import absent
from directory_world import by_hand
from directory_world import directory
from directory_world import endpoint
from directory_world import endpoint_wish
from directory_world import in_slices
from directory_world import operations
from in_process import directly
from modules_harness import PREFIX
from modules_harness import REGION
from modules_harness import Cloud

# What is said of a failure is the module's own doing.
pytestmark = pytest.mark.one_core


@pytest.fixture(name="place", scope="module")
def _place(cloud: Cloud) -> Place:
    return Place(cloud)


def test_wrong_inputs(cloud: Cloud, place: Place) -> None:
    good = endpoint_wish(place, "wrong")
    elb = cloud.client("elbv2")
    web = cloud.client("elbv2").create_load_balancer(Name="web", Subnets=place.two(), Scheme="internal")
    wide = elb.create_load_balancer(Name="wide", Type="network", Subnets=place.two(), Scheme="internet-facing")
    far = good["certificate_arn"].replace(REGION, "us-east-1")
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["name"]),
        ({**good, "target": ONE}, ["Unsupported parameters", "target"]),
        ({**good, "state": "there"}, ["state", "present, absent"]),
        ({**good, "name": "-x"}, ["name: '-x' can't be a load balancer's name"]),
        ({**good, "name": "internal-x"}, ["internal-"]),
        ({**good, "directory_id": "d-0123456789"}, ["directory_id|targets", "mutually exclusive"]),
        ({"name": "wrong"}, ["needs subnet_ids, directory_id or targets, certificate_arn"]),
        ({**good, "subnet_ids": [place.subnets[0], place.subnets[3]]}, ["are all in us-west-2a", place.subnets[3]]),
        ({**good, "subnet_ids": ["subnet-0000000000000bad0"]}, ["subnet-0000000000000bad0 not found"]),
        ({**good, "vpc_id": "vpc-0000000000000bad0"}, ["vpc_id: vpc-0000000000000bad0, but the subnets are in"]),
        ({**good, "targets": ["dc1.example.com"]}, ["'dc1.example.com' is no IP address"]),
        ({**good, "targets": []}, ["targets is empty"]),
        ({**good, "certificate_arn": "x"}, ["certificate_arn: 'x' is not the ARN"]),
        ({**good, "certificate_arn": far}, ["certificate is in us-east-1, the load balancer in us-west-2"]),
        ({**good, "ssl_policy": "none"}, ["there is no TLS policy 'none'"]),
        ({**good, "wait_delay": 0}, ["wait_delay: 0, at least 1"]),
        ({**good, "unhealthy_timeout": 0}, ["unhealthy_timeout: 0, at least 1"]),
        ({**good, "name": "web"}, ["of type application, not network"]),
        ({**good, "name": "wide"}, ["internet-facing", "not put on the internet"]),
        ({**absent("web")}, ["of type application"]),
    ]
    results = directly(cloud, *[endpoint(options) for options, _words in wrong])
    for (options, words), result in zip(wrong, results, strict=True):
        assert result["failed"], options
        for word in words:
            assert word in result["msg"], (options, result["msg"])
        assert "Traceback" not in result["msg"]
        assert "\n" not in result["msg"].strip()
    names = [item["LoadBalancerName"] for item in elb.describe_load_balancers()["LoadBalancers"]]
    assert "wrong" not in names
    groups = [item["TargetGroupName"] for item in elb.describe_target_groups()["TargetGroups"]]
    assert "wrong" not in groups
    for made in (web, wide):
        elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"])


def test_a_certificate_that_is_not_there(cloud: Cloud, place: Place) -> None:
    """What only the service can know is told by it; the rest is left for the next run."""
    missing = f"arn:aws:acm:{REGION}:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    wished = endpoint_wish(place, "lacking")
    refused, mended, deleted = directly(
        cloud,
        endpoint({**wished, "certificate_arn": missing}),
        endpoint(wished),
        endpoint(absent("lacking")),
    )
    assert refused["failed"]
    assert "Failed to create the listener on port 636" in refused["msg"]
    assert operations(mended) == ["CreateListener"]
    assert deleted["changed"]


def test_other_listeners_are_left_alone(cloud: Cloud, place: Place) -> None:
    made = by_hand(cloud, place, "shared")
    elb = cloud.client("elbv2")
    forward = [{"Type": "forward", "TargetGroupArn": made["group"]}]
    other = elb.create_listener(LoadBalancerArn=made["balancer"], Protocol="TCP", Port=3268, DefaultActions=forward)
    (refused,) = directly(cloud, endpoint(absent("shared")))
    assert "has other listeners as well (TCP 3268)" in refused["msg"]
    elb.delete_listener(ListenerArn=other["Listeners"][0]["ListenerArn"])
    (deleted,) = directly(cloud, endpoint(absent("shared")))
    assert deleted["changed"]


def test_an_ill_target_is_told_with_its_reason_and_cause(cloud: Cloud) -> None:
    place = Place(cloud)
    cloud.client("secretsmanager").create_secret(Name="ill/password", SecretString="Zq7-hidden-Zq7")
    made = {"name": "ill.example.com", "password_secret": "ill/password", "subnet_ids": place.two()}
    (found,) = directly(cloud, directory(made))
    one, two = sorted(found["directory"]["dns_ip_addrs"])
    wished = {key: value for key, value in endpoint_wish(place, "ill").items() if key != "targets"}
    wished["directory_id"] = found["directory"]["directory_id"]
    cloud.fault("target_unhealthy")
    failed, lines = in_slices(cloud, "ldaps_endpoint", {**wished, "unhealthy_timeout": 2})
    (seen,) = directly(cloud, {f"{PREFIX}ldaps_endpoint_info": {"names": ["ill"]}})
    assert failed["failed"]
    message = failed["msg"]
    assert "Endpoint ill is not active and healthy after 00:00:" in message
    assert f"{one} unhealthy (Target.FailedHealthChecks), {two} unhealthy" in message
    group = found["directory"]["security_group_id"]
    assert f"Likely cause: security group {group} does not let in TCP 389 from subnet-" in message
    assert all(subnet in message for subnet in place.two())
    assert "What to do: add an inbound rule" in message
    assert failed["changed"]
    assert operations(failed)[-1] == "CreateListener"
    report = failed["failure"]
    assert [item["state"] for item in report["target_health"]] == ["unhealthy"] * 2
    assert report["unread"] == []
    assert f"target {one} unhealthy (Target.FailedHealthChecks): Health checks failed" in lines
    assert [item["reason"] for item in seen["endpoints"][0]["target_health"]] == ["Target.FailedHealthChecks"] * 2

    everybody = [{"CidrIp": "10.77.0.0/16"}]
    permission = {"IpProtocol": "tcp", "FromPort": 389, "ToPort": 389, "IpRanges": everybody}
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    (let_in,) = directly(cloud, endpoint({**wished, "unhealthy_timeout": 1}))
    assert "Likely cause: nothing answers TCP 389 at this address" in let_in["msg"]
    assert not let_in["changed"]

    cloud.admin("DELETE", "faults")
    cloud.fault("target_unhealthy", resource=one)
    (late,) = directly(cloud, endpoint({**wished, "wait_timeout": 2}))
    assert f"(wait_timeout: 2 s): active | {one} unhealthy" in late["msg"]

    cloud.admin("DELETE", "faults")
    healed, same = directly(cloud, endpoint(wished), endpoint(wished))
    assert not healed["failed"], healed
    assert not healed["changed"]
    assert [item["address"] for item in same["endpoint"]["target_health"]] == sorted([one, two])
    directly(cloud, endpoint(absent("ill")), directory({"name": "ill.example.com", "state": "absent"}))


def test_a_directory_that_can_not_be_targets(cloud: Cloud, place: Place) -> None:
    wished = {key: value for key, value in endpoint_wish(place, "early").items() if key != "targets"}
    cloud.set_speed(1)
    begun = {"name": "early.example.com", "password": "Zq7-hidden-Zq7", "subnet_ids": place.two(), "wait": False}
    (made,) = directly(cloud, directory(begun))
    identity = made["directory"]["directory_id"]
    early, missing = directly(
        cloud,
        endpoint({**wished, "directory_id": identity}),
        endpoint({**wished, "directory_id": "d-0000000bad"}),
    )
    assert f"directory_id: {identity} is " in early["msg"]
    assert "has no addresses yet: wait until it is Active" in early["msg"]
    assert "there is no directory d-0000000bad" in missing["msg"]
    cloud.set_speed(cloud.speed)
    directly(cloud, directory({"directory_id": identity, "state": "absent"}))


def test_target_groups_that_are_in_the_way(cloud: Cloud, place: Place) -> None:
    """One of the wanted name that is not ours is refused; one that a listener forwards to is replaced."""
    elb = cloud.client("elbv2")
    web = {"Protocol": "TCP", "Port": 389, "VpcId": place.vpc, "TargetType": "instance"}
    elb.create_target_group(Name="odd", **web)
    made = by_hand(cloud, place, "odd")
    instances = elb.create_target_group(Name="instances", **web)["TargetGroups"][0]["TargetGroupArn"]
    for listener in elb.describe_listeners(LoadBalancerArn=made["balancer"])["Listeners"]:
        forward = [{"Type": "forward", "TargetGroupArn": instances}]
        elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=forward)
    wished = {"name": "odd", "targets": [ONE]}
    taken, replaced, same, deleted = directly(
        cloud,
        endpoint(wished),
        endpoint({**wished, "target_group_name": "odd-ldap"}),
        endpoint(wished),
        endpoint(absent("odd")),
    )
    assert (
        "target group odd is there already, and it is of target type instance, not ip; give another name"
        in taken["msg"]
    )
    assert "ModifyListener" in operations(replaced), replaced
    assert replaced["endpoint"]["target_group_name"] == "odd-ldap"
    assert not same["changed"]
    assert deleted["changed"]
    left = [group["TargetGroupName"] for group in elb.describe_target_groups()["TargetGroups"]]
    assert "odd-ldap" not in left
    assert {"odd", "instances"} <= set(left)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_answers_that_get_lost(cloud: Cloud, place: Place, state: str) -> None:
    """What was done although nobody heard of it is neither done twice nor an error."""
    name = f"unheard-{state}"
    wished = endpoint_wish(place, name)
    if state == "present":
        lost = ["CreateTargetGroup", "CreateLoadBalancer", "RegisterTargets", "CreateListener"]
    else:
        directly(cloud, endpoint(wished))
        lost = ["DeleteListener", "DeleteLoadBalancer", "DeleteTargetGroup"]
    for operation in lost:
        cloud.fault("drop_after", operation=operation, count=1)
    options = wished if state == "present" else absent(name)
    changed, same = directly(cloud, endpoint(options), endpoint(options))
    assert changed["changed"], changed
    assert not same["changed"], same
    elb = cloud.client("elbv2")
    there = [item["LoadBalancerName"] for item in elb.describe_load_balancers()["LoadBalancers"]]
    groups = [item["TargetGroupName"] for item in elb.describe_target_groups()["TargetGroups"]]
    assert there.count(name) == groups.count(name) == (1 if state == "present" else 0)
    directly(cloud, endpoint(absent(name)))
