# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which load balancer, target group and name are the endpoint's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.find import forwarded
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.find import name_taken
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.find import own_group
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import DEFAULT_POLICY
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import MARK
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import desired_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import name_of
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import GROUP
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import LB
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import ONE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import PLACE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import WISH
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import group
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    listener,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import outline
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import there


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"TargetType": "instance"}, "target group corp is there already, and it is of target type instance"),
        ({"LoadBalancerArns": [f"{PLACE}:loadbalancer/net/other/1"]}, "load balancer other uses it"),
    ],
)
def test_a_name_that_is_taken(more: dict[str, Any], words: str) -> None:
    other = group(TargetGroupName="corp", **{"LoadBalancerArns": [], **more})
    assert own_group([other], {}, WISH) is None
    taken = name_taken([group(), other], WISH)
    assert words in (taken or "")
    refusal = outline(Current(taken=taken)).refusal or ""
    assert f"target_group_name: {taken}; give another name" in refusal
    assert name_taken([group()], WISH) is None


def test_what_listeners_lead_to() -> None:
    assert forwarded([listener(389), listener()]) == ([GROUP], None)
    assert forwarded([listener(389)]) == ([GROUP], None)
    assert forwarded([listener(8080)]) == ([], None)
    weighted = {"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GROUP}, {"TargetGroupArn": f"{GROUP}2"}]}}
    arns, problem = forwarded([listener(DefaultActions=[weighted])])
    assert arns == []
    assert "forwards to 2 target groups" in (problem or "")
    assert "can't be told from other things" in (outline(there(problem=problem)).refusal or "")


def test_a_target_group_that_no_listener_leads_to() -> None:
    marked, named = (
        group(LoadBalancerArns=[]),
        group(TargetGroupArn="named", TargetGroupName="corp", LoadBalancerArns=[]),
    )
    tags = {GROUP: {MARK: "corp"}}
    assert own_group([named, marked], tags, WISH) is marked
    assert own_group([named, marked], {}, WISH) is named
    assert own_group([marked], {GROUP: {MARK: "other"}}, WISH) is None
    assert own_group([{**named, "TargetType": "instance"}], {}, WISH) is None
    assert own_group([{**marked, "LoadBalancerArns": [f"{PLACE}:loadbalancer/net/other/1"]}], tags, WISH) is None
    # as long as the load balancer is not forgotten everywhere
    assert own_group([{**marked, "LoadBalancerArns": [LB]}], tags, WISH) is not None


# absent


def test_names_and_arns() -> None:
    assert name_of("corp") == "corp"
    assert name_of(LB) == "corp"
    assert name_of(LB.replace("/net/", "/app/")) == "corp"
    names = [
        "vpc_id",
        "subnet_ids",
        "security_group_ids",
        "directory_id",
        "targets",
        "certificate_arn",
        "target_group_name",
        "deletion_protection",
        "tags",
    ]
    params = {
        **dict.fromkeys(names),
        "name": LB,
        "state": "absent",
        "ssl_policy": DEFAULT_POLICY,
        "cross_zone": True,
        "keep_plain_listener": False,
        "purge_tags": True,
        "targets": [ONE, ONE],
        "tags": {"n": 1},
    }
    desired = desired_of(params)
    assert (desired.name, desired.arn, desired.group_name) == ("corp", LB, "corp")
    assert (desired.targets, desired.tags) == ((ONE,), {"n": "1"})
