# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ldaps_endpoint from nothing to nothing, and taken up wherever it is."""

from __future__ import annotations

from typing import Any

import pytest
from directory_world import ONE
from directory_world import THREE
from directory_world import TWO
from directory_world import Place
from directory_world import absent
from directory_world import by_hand
from directory_world import endpoint
from directory_world import endpoint_wish
from directory_world import operations
from in_process import directly
from modules_harness import PREFIX
from modules_harness import Ansible
from modules_harness import Cloud

MARK = "podforge:ldaps-endpoint"
POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


@pytest.fixture(name="place", scope="module")
def _place(cloud: Cloud) -> Place:
    return Place(cloud)


def info(*names: str) -> dict[str, Any]:
    return {f"{PREFIX}ldaps_endpoint_info": {"names": list(names)} if names else {}}


def test_check_make_again_absent_again(ansible: Ansible, cloud: Cloud) -> None:
    place = Place(cloud)
    wished = endpoint_wish(place, "whole", tags={"team": "a"})
    played = ansible.play(
        endpoint(wished, check_mode=True, diff=True),
        info("whole"),
        endpoint(wished, diff=True),
        endpoint(wished, diff=True),
        info("whole"),
        info(),
        endpoint(absent("whole"), check_mode=True, diff=True),
        endpoint(absent("whole"), diff=True),
        endpoint(absent("whole")),
        info(),
    )
    checked, nothing, made, same, seen, listed, gone_checked, deleted, still_gone, left = played.results

    assert checked["changed"], checked
    assert operations(checked) == [
        "CreateTargetGroup",
        "CreateLoadBalancer",
        "ModifyLoadBalancerAttributes",
        "RegisterTargets",
        "CreateListener",
    ]
    assert checked["diff"]["before"] == {}
    assert checked["diff"]["after"]["targets"] == [ONE, TWO]
    assert nothing["endpoints"] == []

    assert made["changed"], made
    assert operations(made) == operations(checked)
    endpoint_made = made["endpoint"]
    assert endpoint_made["state"] == "active"
    assert endpoint_made["scheme"] == "internal"
    assert endpoint_made["vpc_id"] == place.vpc
    assert endpoint_made["subnet_ids"] == sorted(place.two())
    assert endpoint_made["certificate_arn"] == wished["certificate_arn"]
    assert endpoint_made["ssl_policy"] == POLICY
    assert endpoint_made["plain_listener_arn"] is None
    assert (endpoint_made["cross_zone"], endpoint_made["deletion_protection"]) == (True, False)
    assert endpoint_made["dns_name"].startswith("whole-")
    assert endpoint_made["canonical_hosted_zone_id"]
    assert [(item["address"], item["port"], item["state"]) for item in endpoint_made["target_health"]] == [
        (ONE, 389, "healthy"),
        (TWO, 389, "healthy"),
    ]
    assert endpoint_made["tags"] == {"team": "a"}
    assert made["diff"]["after"]["listener"]["protocol"] == "TLS"

    assert not same["changed"], same["calls"]
    assert same["diff"]["before"] == same["diff"]["after"] == made["diff"]["after"]
    assert seen["endpoints"] == [same["endpoint"]]
    assert "whole" in [item["load_balancer_name"] for item in listed["endpoints"]]

    assert gone_checked["changed"]
    assert operations(gone_checked) == ["DeleteListener", "DeleteLoadBalancer", "DeleteTargetGroup"]
    assert gone_checked["diff"]["after"] == {}
    assert deleted["changed"]
    assert operations(deleted) == operations(gone_checked)
    assert deleted["endpoint"] == {}
    assert deleted["diff"]["after"] == {}
    assert not still_gone["changed"]
    assert "whole" not in [item["load_balancer_name"] for item in left["endpoints"]]

    lines = played.progress("whole")
    assert any("CreateLoadBalancer: there is no load balancer of this name" in line for line in lines)
    assert any(f"active | {ONE} healthy, {TWO} healthy" in line for line in lines)
    assert lines[-1].endswith(" gone")


def test_every_field_is_updated_in_place(cloud: Cloud, place: Place) -> None:
    group, other = place.security_group(), place.security_group()
    first = endpoint_wish(place, "updated", security_group_ids=[group], tags={"a": "1", "b": "1"})
    certificate = place.certificate()
    changes: list[tuple[dict[str, Any], list[str]]] = [
        ({"targets": [TWO, THREE]}, ["RegisterTargets", "DeregisterTargets"]),
        ({"certificate_arn": certificate}, ["ModifyListener"]),
        ({"ssl_policy": "ELBSecurityPolicy-TLS13-1-3-2021-06"}, ["ModifyListener"]),
        ({"subnet_ids": place.subnets[1:3]}, ["SetSubnets"]),
        ({"security_group_ids": [other]}, ["SetSecurityGroups"]),
        ({"cross_zone": False}, ["ModifyLoadBalancerAttributes"]),
        ({"deletion_protection": True}, ["ModifyLoadBalancerAttributes"]),
        ({"tags": {"b": "2"}}, ["RemoveTags", "AddTags"] * 3),
    ]
    (made,) = directly(cloud, endpoint(first))
    assert made["changed"], made
    balancer = made["endpoint"]["load_balancer_arn"]
    so_far = dict(first)
    for change, expected in changes:
        so_far.update(change)
        checked, changed, same = directly(
            cloud,
            endpoint(so_far, check_mode=True, diff=True),
            endpoint(so_far, diff=True),
            endpoint(so_far),
        )
        assert operations(checked) == expected, change
        assert operations(changed) == expected, (change, changed)
        assert changed["diff"]["before"] != changed["diff"]["after"], change
        assert checked["diff"] == changed["diff"], change
        assert not same["changed"], (change, same)
    told = same["endpoint"]
    assert told["load_balancer_arn"] == balancer
    assert [item["address"] for item in told["target_health"]] == [TWO, THREE]
    assert told["certificate_arn"] == certificate
    assert told["ssl_policy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    assert told["subnet_ids"] == sorted(place.subnets[1:3])
    assert told["security_group_ids"] == [other]
    assert (told["cross_zone"], told["deletion_protection"]) == (False, True)
    assert told["tags"] == {"b": "2"}
    refused, deleted = directly(
        cloud, endpoint(absent("updated")), endpoint(absent("updated", deletion_protection=False))
    )
    assert "deletion_protection: false" in refused["msg"]
    assert deleted["changed"], deleted
    assert operations(deleted)[0] == "ModifyLoadBalancerAttributes"


@pytest.mark.parametrize("given", ["name", "arn"])
def test_what_was_made_by_hand_is_taken_over(cloud: Cloud, place: Place, given: str) -> None:
    name = f"hand-{given}"
    made = by_hand(cloud, place, name)
    called = name if given == "name" else made["balancer"]
    wished = {"name": called, "targets": [ONE, TWO]}
    kept, taken, same, deleted = directly(
        cloud,
        endpoint({**wished, "keep_plain_listener": True}),
        endpoint(wished),
        endpoint(wished),
        endpoint(absent(called)),
    )
    assert kept["endpoint"]["plain_listener_arn"], kept
    assert kept["endpoint"]["load_balancer_arn"] == made["balancer"]
    assert kept["endpoint"]["target_group_arn"] == made["group"]
    assert sorted(operations(kept)) == ["AddTags", "ModifyListener", "ModifyLoadBalancerAttributes", "RegisterTargets"]
    assert operations(taken) == ["DeleteListener"]
    assert taken["endpoint"]["plain_listener_arn"] is None
    assert not same["changed"], same
    assert deleted["changed"], deleted
    groups = cloud.client("elbv2").describe_target_groups()["TargetGroups"]
    assert made["group"] not in [group["TargetGroupArn"] for group in groups]


def test_a_listener_that_does_not_end_tls_does_so_then(cloud: Cloud, place: Place) -> None:
    made = by_hand(cloud, place, "raw")
    elb = cloud.client("elbv2")
    secure = next(
        item for item in elb.describe_listeners(LoadBalancerArn=made["balancer"])["Listeners"] if item["Port"] == 636
    )
    elb.delete_listener(ListenerArn=secure["ListenerArn"])
    elb.create_listener(
        LoadBalancerArn=made["balancer"], Protocol="TCP", Port=636, DefaultActions=secure["DefaultActions"]
    )
    certificate = place.certificate()
    refused, changed, same = directly(
        cloud,
        endpoint({"name": "raw"}),
        endpoint({"name": "raw", "certificate_arn": certificate}),
        endpoint({"name": "raw"}),
    )
    assert "needs certificate_arn" in refused["msg"]
    assert "ModifyListener" in operations(changed), changed
    assert (changed["endpoint"]["certificate_arn"], changed["endpoint"]["ssl_policy"]) == (certificate, POLICY)
    assert not same["changed"]
    directly(cloud, endpoint(absent("raw")))


def test_a_run_that_was_cut_off_anywhere_goes_on(cloud: Cloud, place: Place) -> None:
    """What the API would have been left with, for each call after which a run may have been killed."""
    elb = cloud.client("elbv2")
    wished = endpoint_wish(place, "resumed")
    # as CreateTargetGroup leaves it
    group = elb.create_target_group(
        Name="resumed",
        Protocol="TCP",
        Port=389,
        VpcId=place.vpc,
        TargetType="ip",
        HealthCheckProtocol="TCP",
        Tags=[{"Key": MARK, "Value": "resumed"}],
    )["TargetGroups"][0]["TargetGroupArn"]
    (checked,) = directly(cloud, endpoint(wished, check_mode=True))
    assert operations(checked)[0] == "CreateLoadBalancer"
    # as CreateLoadBalancer leaves it
    balancer = elb.create_load_balancer(Name="resumed", Type="network", Scheme="internal", Subnets=place.two())
    (checked,) = directly(cloud, endpoint(wished, check_mode=True))
    assert operations(checked) == ["ModifyLoadBalancerAttributes", "RegisterTargets", "CreateListener"]
    # as RegisterTargets leaves it
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ONE}])
    made, same = directly(cloud, endpoint(wished), endpoint(wished))
    assert operations(made) == ["ModifyLoadBalancerAttributes", "RegisterTargets", "CreateListener"]
    assert made["endpoint"]["target_group_arn"] == group
    assert made["endpoint"]["load_balancer_arn"] == balancer["LoadBalancers"][0]["LoadBalancerArn"]
    assert not same["changed"]
    # as DeleteListener leaves it
    elb.delete_listener(ListenerArn=made["endpoint"]["listener_arn"])
    (checked,) = directly(cloud, endpoint(absent("resumed"), check_mode=True))
    assert operations(checked) == ["DeleteLoadBalancer", "DeleteTargetGroup"]
    # as DeleteLoadBalancer leaves it
    elb.delete_load_balancer(LoadBalancerArn=made["endpoint"]["load_balancer_arn"])
    deleted, again = directly(cloud, endpoint(absent("resumed")), endpoint(absent("resumed")))
    assert operations(deleted) == ["DeleteTargetGroup"]
    assert not again["changed"]


def test_not_waiting(cloud: Cloud, place: Place) -> None:
    wished = {**endpoint_wish(place, "hasty"), "wait": False}
    made, same, deleted, rest = directly(
        cloud,
        endpoint(wished),
        endpoint(wished),
        endpoint({**absent("hasty"), "wait": False}),
        endpoint(absent("hasty")),
    )
    assert operations(made)[-1] == "CreateListener", made
    assert not same["changed"]
    assert operations(deleted)[-1] == "DeleteLoadBalancer"
    assert operations(rest) == ["DeleteTargetGroup"]
