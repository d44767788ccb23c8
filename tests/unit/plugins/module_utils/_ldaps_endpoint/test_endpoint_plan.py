# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done so that an endpoint is as wanted, or gone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import DEFAULT_POLICY
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import MARK
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Current
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import AROUND
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    CERTIFICATE,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import GROUP
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import LB
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    LISTENER,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import ONE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import PLAIN
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import SUBNETS
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import TWO
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import VPC
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import WHOLE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import WISH
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import around
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    balancer,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import group
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import health
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    listener,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import outline
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import there
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import wish

FORWARD = [{"Type": "forward", "TargetGroupArn": GROUP}]


def calls(current: Current, desired: Any = WISH, surroundings: Any = AROUND) -> dict[str, dict[str, Any]]:
    """Requests by operation; there is never more than one of an operation here."""
    planned = outline(current, desired, surroundings)
    assert planned.refusal is None, planned.refusal
    found = {call.operation: call.request for call in planned.calls}
    assert len(found) == len(planned.calls)
    return found


# from nothing, in rounds


def test_a_new_one_needs_two_rounds() -> None:
    first = outline(Current(), wish(tags={"a": "1"}, security_group_ids=("sg-1",)))
    made = {call.operation: call.request for call in first.calls}
    tags = [{"Key": "a", "Value": "1"}]
    assert made == {
        "CreateLoadBalancer": {
            "Name": "corp",
            "Type": "network",
            "Scheme": "internal",
            "IpAddressType": "ipv4",
            "Subnets": list(SUBNETS),
            "SecurityGroups": ["sg-1"],
            "Tags": tags,
        },
        "CreateTargetGroup": {
            "Name": "corp",
            "Protocol": "TCP",
            "Port": 389,
            "VpcId": VPC,
            "TargetType": "ip",
            "HealthCheckProtocol": "TCP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckIntervalSeconds": 10,
            "Tags": [*tags, {"Key": MARK, "Value": "corp"}],
        },
    }
    later = [call.operation for call in first.later]
    assert later == ["ModifyLoadBalancerAttributes", "RegisterTargets", "CreateListener"]
    assert (first.goal, first.again) == (None, True)
    assert first.before == {}
    assert first.after["targets"] == [ONE, TWO]

    second = there(attributes={}, listeners=(), health=(), group=group(TargetGroupName="corp", LoadBalancerArns=[]))
    planned = outline(second)
    assert {call.operation: call.request for call in planned.calls} == {
        "ModifyLoadBalancerAttributes": {
            "LoadBalancerArn": LB,
            "Attributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}],
        },
        "RegisterTargets": {
            "TargetGroupArn": GROUP,
            "Targets": [{"Id": ONE, "Port": 389}, {"Id": TWO, "Port": 389}],
        },
        "CreateListener": {
            "LoadBalancerArn": LB,
            "Protocol": "TLS",
            "Port": 636,
            "SslPolicy": DEFAULT_POLICY,
            "Certificates": [{"CertificateArn": CERTIFICATE}],
            "DefaultActions": FORWARD,
        },
    }
    assert (planned.goal, planned.again) == ("healthy", False)


def test_nothing_to_do() -> None:
    planned = outline(WHOLE)
    assert (planned.calls, planned.later, planned.goal) == ((), (), None)
    assert planned.before == planned.after


def test_what_is_not_healthy_yet_is_waited_for() -> None:
    planned = outline(there(health=(health(ONE), health(TWO, "initial"))))
    assert (planned.calls, planned.goal) == ((), "healthy")


def test_a_wish_that_names_nothing_changes_nothing() -> None:
    bare = wish(subnet_ids=None, targets=None, certificate_arn=None)
    assert calls(WHOLE, bare) == {}
    assert calls(there(balancer=balancer(SecurityGroups=["sg-1"])), bare) == {}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"listeners": ()}, {"CreateListener"}),
        ({"health": ()}, {"RegisterTargets"}),
        ({"group": None, "health": ()}, {"CreateTargetGroup"}),
        ({"attributes": {}}, {"ModifyLoadBalancerAttributes"}),
    ],
)
def test_what_an_interrupted_run_left_out_is_made_up(missing: dict[str, Any], expected: set[str]) -> None:
    assert set(calls(there(**missing))) == expected


# changes in place


def test_targets_follow_the_directory() -> None:
    directory = {"DirectoryId": "d-1", "Stage": "Active", "DnsIpAddrs": [TWO, "10.0.0.11"]}
    desired = wish(targets=None, directory_id="d-1")
    found = calls(WHOLE, desired, around(directory=directory))
    assert found == {
        "RegisterTargets": {"TargetGroupArn": GROUP, "Targets": [{"Id": "10.0.0.11", "Port": 389}]},
        "DeregisterTargets": {"TargetGroupArn": GROUP, "Targets": [{"Id": ONE, "Port": 389}]},
    }


def test_new_targets_come_before_old_ones_go() -> None:
    planned = outline(WHOLE, wish(targets=("10.0.0.11",)))
    assert [call.operation for call in planned.calls] == ["RegisterTargets", "DeregisterTargets"]


def test_targets_on_another_port_are_exchanged() -> None:
    found = calls(there(health=(health(ONE, port=636), health(TWO))))
    assert found["RegisterTargets"]["Targets"] == [{"Id": ONE, "Port": 389}]
    assert found["DeregisterTargets"]["Targets"] == [{"Id": ONE, "Port": 636}]


@pytest.mark.parametrize("state", ["draining", "unhealthy.draining"])
def test_what_is_on_its_way_out_is_registered_anew_or_left(state: str) -> None:
    leaving = there(health=(health(ONE, state), health(TWO)))
    assert set(calls(leaving)) == {"RegisterTargets"}
    assert calls(leaving, wish(targets=(TWO,))) == {}


def test_targets_outside_of_the_vpc_are_in_no_zone() -> None:
    found = calls(WHOLE, wish(targets=(ONE, TWO, "192.168.0.10")))
    assert found["RegisterTargets"]["Targets"] == [{"Id": "192.168.0.10", "Port": 389, "AvailabilityZone": "all"}]


@pytest.mark.parametrize(
    ("current", "desired", "change"),
    [
        (listener(), {"certificate_arn": f"{CERTIFICATE}2"}, {"Certificates": [{"CertificateArn": f"{CERTIFICATE}2"}]}),
        (listener(SslPolicy="ELBSecurityPolicy-2016-08"), {}, {"SslPolicy": DEFAULT_POLICY}),
        (
            listener(Protocol="TCP", SslPolicy=None, Certificates=[]),
            {},
            {"Protocol": "TLS", "SslPolicy": DEFAULT_POLICY, "Certificates": [{"CertificateArn": CERTIFICATE}]},
        ),
        (listener(DefaultActions=[]), {}, {"DefaultActions": FORWARD}),
    ],
)
def test_the_listener_is_changed_in_place(current: Any, desired: Any, change: dict[str, Any]) -> None:
    found = calls(there(listeners=(current,)), wish(**desired))
    assert found == {"ModifyListener": {"ListenerArn": LISTENER, **change}}


def test_subnets_and_security_groups_are_changed_in_place() -> None:
    old = balancer(AvailabilityZones=[{"SubnetId": "subnet-a"}], SecurityGroups=["sg-1"])
    found = calls(there(balancer=old), wish(security_group_ids=("sg-2",)))
    assert found == {
        "SetSubnets": {"LoadBalancerArn": LB, "Subnets": list(SUBNETS)},
        "SetSecurityGroups": {"LoadBalancerArn": LB, "SecurityGroups": ["sg-2"]},
    }
    assert calls(WHOLE, wish(subnet_ids=SUBNETS[::-1])) == {}


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ({"cross_zone": False}, [("load_balancing.cross_zone.enabled", "false")]),
        ({"deletion_protection": True}, [("deletion_protection.enabled", "true")]),
        ({"deletion_protection": False}, []),
    ],
)
def test_attributes(more: dict[str, Any], changed: list[tuple[str, str]]) -> None:
    found = calls(WHOLE, wish(**more)).get("ModifyLoadBalancerAttributes", {"Attributes": []})
    assert [(item["Key"], item["Value"]) for item in found["Attributes"]] == changed


def test_health_is_checked_by_tcp() -> None:
    found = calls(there(group=group(HealthCheckProtocol="HTTP")))
    expected = {"TargetGroupArn": GROUP, "HealthCheckProtocol": "TCP", "HealthCheckPort": "traffic-port"}
    assert found == {"ModifyTargetGroup": expected}


def test_a_plain_listener_goes_unless_it_is_to_be_kept() -> None:
    both = there(listeners=(listener(389), listener()))
    assert calls(both) == {"DeleteListener": {"ListenerArn": PLAIN}}
    assert calls(both, wish(keep_plain_listener=True)) == {}
    assert outline(both, wish(keep_plain_listener=True)).after["plain_listener"] is True


def test_a_plain_listener_stays_until_there_is_the_other_one() -> None:
    planned = outline(there(listeners=(listener(389),), group=None, health=(), misfit=group(TargetType="instance")))
    assert [call.operation for call in planned.calls] == ["CreateTargetGroup"]
    assert [call.operation for call in planned.later] == ["RegisterTargets", "CreateListener", "DeleteListener"]
    only_plain = outline(there(listeners=(listener(389),)))
    assert [call.operation for call in only_plain.calls] == ["CreateListener", "DeleteListener"]


def test_tags_of_every_part() -> None:
    tags = {LB: {"a": "1", "old": "1"}, GROUP: {MARK: "corp"}, LISTENER: {"a": "1"}}
    planned = outline(there(tags=tags), wish(tags={"a": "1"}))
    assert [(call.operation, call.request) for call in planned.calls] == [
        ("RemoveTags", {"ResourceArns": [LB], "TagKeys": ["old"]}),
        ("AddTags", {"ResourceArns": [GROUP], "Tags": [{"Key": "a", "Value": "1"}]}),
    ]
    assert planned.after["tags"] == {"a": "1"}
    assert [call.operation for call in outline(there(tags=tags), wish(tags={"a": "1"}, purge_tags=False)).calls] == [
        "AddTags"
    ]
    assert calls(there(tags=tags), wish(tags=None)) == {}


# what was made by hand


def test_a_target_group_made_by_hand_is_marked_and_used() -> None:
    assert calls(there(tags={})) == {
        "AddTags": {"ResourceArns": [GROUP], "Tags": [{"Key": MARK, "Value": "corp"}]},
    }


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"TargetType": "instance"}, "of target type instance"),
        ({"Protocol": "TLS"}, "protocol is TLS"),
        ({"VpcId": "vpc-2"}, "in vpc-2"),
    ],
)
def test_a_target_group_that_will_not_do_is_replaced(odd: dict[str, Any], words: str) -> None:
    misfit = there(group=None, health=(), misfit=group(**odd))
    planned = outline(misfit)
    assert [call.operation for call in planned.calls] == ["CreateTargetGroup"]
    assert [call.operation for call in planned.later] == ["RegisterTargets", "ModifyListener"]
    assert words in planned.warnings[0]
    assert "directory_id or targets" in (outline(misfit, wish(targets=None)).refusal or "")
    # and then, when there is a new one
    new = there(
        group=group(TargetGroupArn=f"{GROUP}2"), health=(), misfit=group(**odd), tags={f"{GROUP}2": {MARK: "corp"}}
    )
    planned = outline(new)
    assert [call.operation for call in planned.calls] == ["RegisterTargets", "ModifyListener"]
    assert planned.calls[1].request["DefaultActions"][0]["TargetGroupArn"] == f"{GROUP}2"
    gone = outline(new, wish(state="absent"))
    assert [call.request["TargetGroupArn"] for call in gone.later] == [f"{GROUP}2", GROUP]
    assert [call.request["ResourceArns"] for call in gone.calls if call.operation == "AddTags"] == [[GROUP]]


def test_absent_in_order() -> None:
    planned = outline(there(listeners=(listener(389), listener()), tags={}), wish(state="absent"))
    assert [call.operation for call in planned.calls] == [
        "AddTags",
        "DeleteListener",
        "DeleteListener",
        "DeleteLoadBalancer",
    ]
    assert planned.calls[1].request == {"ListenerArn": LISTENER}
    assert [call.operation for call in planned.later] == ["DeleteTargetGroup"]
    assert (planned.goal, planned.again, planned.after) == ("gone", True, {})


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (there(listeners=()), ["DeleteLoadBalancer"]),
        (there(listeners=(), group=None), ["DeleteLoadBalancer"]),
        (Current(group=group(LoadBalancerArns=[])), ["DeleteTargetGroup"]),
        (Current(), []),
    ],
)
def test_absent_goes_on_wherever_it_was_killed(left: Current, expected: list[str]) -> None:
    assert [call.operation for call in outline(left, wish(state="absent")).calls] == expected


def test_absent_leaves_what_is_not_the_endpoints() -> None:
    for current, words in (
        (there(listeners=(listener(), listener(8443, Protocol="TCP"))), "other listeners as well (TCP 8443)"),
        (there(balancer=balancer(Type="application")), "of type application"),
        (there(attributes={"deletion_protection.enabled": "true"}), "deletion_protection: false"),
    ):
        planned = outline(current, wish(state="absent"))
        assert words in (planned.refusal or "")
        assert planned.calls == ()


def test_absent_with_its_protection() -> None:
    protected = there(attributes={"deletion_protection.enabled": "true"})
    planned = outline(protected, wish(state="absent", deletion_protection=False))
    assert [call.operation for call in planned.calls][:1] == ["ModifyLoadBalancerAttributes"]


# the wish
