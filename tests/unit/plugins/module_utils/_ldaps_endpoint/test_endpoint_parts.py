# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be wished for, what health means, and why a target is ill."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.explain import advice
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.explain import causes
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.explain import kept_out
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.waiters import gone
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.waiters import healthy
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.waiters import state_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.waiters import unhealthy
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import AROUND
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    CERTIFICATE,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import LB
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import ONE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    POLICIES,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import REGION
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import TWO
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import WHOLE
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import around
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    balancer,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import health
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import (
    listener,
)
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import subnet
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import there
from ansible_collections.podforge.hyperpod.tests.unit.plugins.module_utils._ldaps_endpoint.endpoint_world import wish

BOTH = [ONE, TWO]
INITIAL = {"Reason": "Elb.RegistrationInProgress"}
ILL = {"Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"}


@pytest.mark.parametrize(
    ("current", "more", "surroundings", "words"),
    [
        (Current(), {"name": "internal-x"}, AROUND, "name: 'internal-x' can't be"),
        (Current(), {"name": "x" * 33}, AROUND, "1 to 32 letters"),
        (Current(), {"name": "-x"}, AROUND, "'-x' can't be a load balancer's name"),
        (Current(), {"name": "c\nx"}, AROUND, "can't be a load balancer's name"),
        (Current(), {"target_group_name": "x_y"}, AROUND, "target_group_name: 'x_y'"),
        (Current(), {"arn": LB}, AROUND, f"there is no load balancer {LB}"),
        (
            Current(),
            {"subnet_ids": None, "targets": None, "certificate_arn": None},
            AROUND,
            "needs subnet_ids, directory_id or targets, certificate_arn",
        ),
        (
            there(listeners=(listener(Protocol="TCP", Certificates=[]),)),
            {"certificate_arn": None},
            AROUND,
            "needs cert",
        ),
        (Current(), {}, around(subnets=(subnet(0),)), "subnet_ids: subnet-b not found"),
        (WHOLE, {"subnet_ids": ()}, around(subnets=()), "subnet_ids is empty"),
        (Current(), {}, around(subnets=(subnet(0), subnet(1, AvailabilityZone="us-west-2a"))), "all in us-west-2a"),
        (Current(), {}, around(subnets=(subnet(0), subnet(1, VpcId="vpc-2"))), "different VPCs (vpc-1, vpc-2)"),
        (Current(), {"vpc_id": "vpc-3"}, AROUND, "vpc_id: vpc-3, but the subnets are in vpc-1"),
        (there(balancer=balancer(VpcId="vpc-9")), {}, AROUND, "the load balancer is in vpc-9 and stays there"),
        (WHOLE, {"subnet_ids": None, "vpc_id": "vpc-3"}, AROUND, "a load balancer stays in its VPC"),
        (Current(), {"targets": ("dc1.example.com",)}, AROUND, "'dc1.example.com' is no IP address"),
        (Current(), {"targets": ("127.0.0.1",)}, AROUND, "127.0.0.1 can't be a target"),
        (Current(), {"targets": ("fd00::1",)}, AROUND, "fd00::1 can't be a target"),
        (WHOLE, {"targets": ()}, AROUND, "targets is empty"),
        (WHOLE, {"directory_id": "d-1", "targets": None}, AROUND, "there is no directory d-1"),
        (
            WHOLE,
            {"directory_id": "d-1", "targets": None},
            around(directory={"Stage": "Creating"}),
            "d-1 is Creating and has no addresses yet",
        ),
        (Current(), {"certificate_arn": "corp.pem"}, AROUND, "'corp.pem' is not the ARN of a certificate"),
        (
            Current(),
            {"certificate_arn": CERTIFICATE.replace("us-west-2", "us-east-1")},
            AROUND,
            "the certificate is in us-east-1, the load balancer in us-west-2",
        ),
        (Current(), {"ssl_policy": "TLS-1"}, AROUND, "there is no TLS policy 'TLS-1'; modern ones are ELBSecurity"),
        (there(balancer=balancer(Type="application")), {}, AROUND, "of type application, not network"),
        (there(balancer=balancer(Scheme="internet-facing")), {}, AROUND, "is not put on the internet"),
        (WHOLE, {"security_group_ids": ("sg-1",)}, AROUND, "made without security groups can have none later"),
        (
            there(balancer=balancer(SecurityGroups=["sg-1"])),
            {"security_group_ids": ()},
            AROUND,
            "made with security groups always has some",
        ),
    ],
)
def test_what_can_not_be(current: Current, more: dict[str, Any], surroundings: Any, words: str) -> None:
    planned = plan(current, wish(**more), surroundings, REGION)
    assert words in (planned.refusal or "")
    assert planned.calls == ()


def test_certificates_of_iam_have_no_region() -> None:
    mine = "arn:aws:iam::111122223333:server-certificate/corp"
    assert plan(WHOLE, wish(certificate_arn=mine), AROUND, REGION).refusal is None


def test_a_weak_policy_is_told() -> None:
    planned = plan(WHOLE, wish(ssl_policy="ELBSecurityPolicy-2016-08"), around(policies=POLICIES), REGION)
    assert "lets clients in by TLSv1 and TLSv1.1" in planned.warnings[0]


@pytest.mark.parametrize(
    ("current", "ailing", "done", "failed"),
    [
        (WHOLE, 0, True, None),
        (there(balancer=balancer(State={"Code": "active_impaired"})), 0, True, None),
        (there(balancer=balancer(State={"Code": "provisioning"})), 0, False, None),
        (there(balancer=balancer(State={"Code": "failed", "Reason": "no room"})), 0, False, "no room"),
        (there(balancer=None), 0, False, "somebody else has deleted it"),
        (there(health=(health(ONE),)), 0, False, None),
        (there(health=(health(ONE), health(TWO, "initial", **INITIAL))), 400, False, None),
        (there(health=(health(ONE), health(TWO, "unhealthy", **ILL))), 300, False, None),
        (
            there(health=(health(ONE), health(TWO, "unhealthy", **ILL))),
            301,
            False,
            f"{TWO} unhealthy (Target.FailedHealthChecks)",
        ),
        (there(health=(health(ONE), health(TWO, "unused"))), 301, False, f"{TWO} unused"),
        (there(health=(health(ONE), health(TWO), health("10.0.0.99", "draining"))), 301, True, None),
        (there(health=(health(ONE), health(TWO), health("10.0.0.99", "unhealthy.draining"))), 301, True, None),
    ],
)
def test_healthy(current: Current, ailing: float, done: bool, failed: str | None) -> None:
    verdict = healthy(current, BOTH, ailing, 300)
    assert verdict.done is done
    assert (failed or "") in (verdict.failed or "")
    assert bool(verdict.failed) == bool(failed)


def test_targets_are_unused_while_the_load_balancer_is_made() -> None:
    unused = (health(ONE, "unused"), health(TWO, "unused"))
    assert unhealthy(there(health=unused, balancer=balancer(State={"Code": "provisioning"})), BOTH) == []
    assert len(unhealthy(there(health=unused), BOTH)) == 2


def test_gone_and_lines() -> None:
    assert gone(Current()).done
    assert not gone(WHOLE).done
    assert state_text(Current()) == "not there"
    assert state_text(there(health=())) == "active"
    ill = there(health=(health(TWO), health(ONE, "unhealthy", **ILL)))
    assert state_text(ill) == f"active | {ONE} unhealthy (Target.FailedHealthChecks), {TWO} healthy"


def test_what_modules_return() -> None:
    told = there(addresses=("10.0.16.4", "10.0.0.4")).result()
    assert told["addresses"] == ["10.0.0.4", "10.0.16.4"]
    assert told["target_health"][0] == {
        "address": ONE,
        "port": 389,
        "state": "healthy",
        "reason": None,
        "description": None,
    }
    assert told["tags"] == {}
    assert Current().result() == {}
    bare = there(listeners=(), group=None, health=()).result()
    assert (bare["listener_arn"], bare["certificate_arn"], bare["target_group_arn"]) == (None, None, None)


# why


def security_group(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"GroupId": "sg-d", "IpPermissions": list(rules)}


def rule(block: str = "", low: int = 389, high: int = 389, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    ranges = [{"CidrIp": block}] if block else []
    return {"IpProtocol": protocol, "FromPort": low, "ToPort": high, "IpRanges": ranges, **more}


@pytest.mark.parametrize(
    ("rules", "out"),
    [
        ([], 2),
        ([rule("10.0.0.0/16")], 0),
        ([rule("10.0.0.0/20")], 1),
        ([rule("10.0.0.0/16", 0, 65535)], 0),
        ([rule("10.0.0.0/16", 636, 636)], 2),
        ([rule("10.0.0.0/16", protocol="udp")], 2),
        ([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}], 0),
        ([rule("10.0.0.1/32")], 2),
        ([rule(UserIdGroupPairs=[{"GroupId": "sg-lb"}])], 0),
        ([rule(UserIdGroupPairs=[{"GroupId": "sg-x"}])], 2),
        ([rule(PrefixListIds=[{"PrefixListId": "pl-1"}])], 0),
    ],
)
def test_what_a_security_group_keeps_out(rules: list[dict[str, Any]], out: int) -> None:
    found = kept_out(security_group(*rules), [subnet(0), subnet(1)], ["sg-lb"])
    told = {0: None, 1: "subnet-b (10.0.16.0/20)", 2: "subnet-a (10.0.0.0/20), subnet-b (10.0.16.0/20)"}[out]
    assert found == (told and f"security group sg-d does not let in TCP 389 from {told}")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("CertificateNotFound", "ACM"),
        ("TooManyLoadBalancers", "Service Quotas"),
        ("InvalidSecurityGroup", "in the load balancer's VPC"),
        ("AccessDenied", ""),
    ],
)
def test_advice_by_code(code: str, words: str) -> None:
    assert words in advice(code)
    assert bool(advice(code)) == bool(words)


def test_likely_causes() -> None:
    ill = [{"reason": "Target.FailedHealthChecks"}, {"reason": "Target.NotInUse"}, {"reason": "Target.Timeout"}]
    assert [cause.cause.split(",")[0] for cause in causes(ill, None)] == [
        "nothing answers TCP 389 at this address from the load balancer's subnets",
        "no listener forwards to the target group",
    ]
    closed = causes(ill, "security group sg-d does not let in TCP 389 from subnet-a")
    assert closed[0].cause.startswith("security group sg-d")
    assert "inbound rule" in closed[0].fix
    assert len(closed) == 2
    assert causes([{"reason": None}], None)[0].cause.startswith("nothing answers")
