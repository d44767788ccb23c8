# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a target is not healthy: likely causes and their fixes. Pure.

Reasons: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.explain import Explanation
from .states import LDAP_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

_NO_ANSWER = Explanation(
    f"nothing answers TCP {LDAP_PORT} at this address from the load balancer's subnets",
    f"let the load balancer's subnets in by the directory's security group (TCP {LDAP_PORT}), check the network ACLs"
    " and routes between the subnets, and that the directory is Active",
)
_BY_REASON = {
    "Target.FailedHealthChecks": _NO_ANSWER,
    "Target.Timeout": _NO_ANSWER,
    "Target.NotInUse": Explanation(
        "no listener forwards to the target group, or the target's zone has no subnet of the load balancer",
        "give the load balancer a subnet in the target's zone, or set cross_zone: true",
    ),
    "Target.NotRegistered": Explanation(
        "the target was taken out of the target group by somebody else", "run again: it is registered anew"
    ),
    "Target.IpUnusable": Explanation(
        "the address belongs to a load balancer and can't be a target",
        "give the addresses of the domain controllers",
    ),
    "Elb.InternalError": Explanation("the load balancer itself has a fault", "wait; when it stays, ask AWS Support"),
    "Elb.InitialHealthChecking": Explanation(
        "the first health checks are not through", "run again to go on waiting, or raise wait_timeout"
    ),
    "Elb.RegistrationInProgress": Explanation(
        "the target is still being registered", "run again to go on waiting, or raise wait_timeout"
    ),
}


# What to do about a refusal, by its code,
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html#API_CreateListener_Errors
_QUOTA = "delete one that nobody uses, or ask Service Quotas (Elastic Load Balancing) for more"
_BY_CODE = {
    "AvailabilityZoneNotSupported": "give a subnet in another availability zone",
    "CertificateNotFound": "check that certificate_arn is in this account and region, and issued or imported in ACM",
    "IncompatibleProtocols": "the target group is not a TCP one: give target_group_name another name",
    "InvalidSecurityGroup": "give security groups that are in the load balancer's VPC",
    "InvalidSubnet": "give private subnets with at least 8 free addresses, one in each availability zone",
    "OperationNotPermitted": "the load balancer is protected from deletion: give deletion_protection: false",
    "ResourceInUse": "something else still uses it, for example a VPC endpoint service: remove that first",
    "TargetGroupAssociationLimit": "another load balancer uses the target group: give target_group_name another name",
    "TooManyCertificates": "remove certificates that the listener does not need",
    "TooManyListeners": _QUOTA,
    "TooManyLoadBalancers": _QUOTA,
    "TooManyTargetGroups": _QUOTA,
}


def advice(code: str) -> str:
    """What to do about a refusal; empty where nothing is known."""
    return _BY_CODE.get(code, "")


def causes(ill: Iterable[Mapping[str, Any]], closed: str | None) -> list[Explanation]:
    """Likely causes, each once: what the security group keeps out, then what the reasons of the targets say.

    Args:
        ill: targets that are not healthy, in the form of results.
        closed: what the directory's security group keeps out, see ``kept_out``.
    """
    found = []
    reasons = [_BY_REASON.get(str(item.get("reason")), _NO_ANSWER) for item in ill]
    if closed and _NO_ANSWER in reasons:
        fix = f"add an inbound rule for TCP {LDAP_PORT} from there to the security group"
        found.append(Explanation(closed, fix))
        reasons = [reason for reason in reasons if reason is not _NO_ANSWER]
    return [*found, *dict.fromkeys(reasons)]


def kept_out(group: Mapping[str, Any], subnets: Iterable[Mapping[str, Any]], sources: Iterable[str]) -> str | None:
    """What of the load balancer the directory's security group does not let in on the LDAP port; None: nothing.

    Args:
        group: as DescribeSecurityGroups tells.
        subnets: as DescribeSubnets tells.
        sources: security groups of the load balancer, which rules may name instead of addresses.
    """
    rules = [rule for rule in group.get("IpPermissions", []) if _about_ldap(rule)]
    named = {str(pair.get("GroupId")) for rule in rules for pair in rule.get("UserIdGroupPairs", [])}
    if named & set(sources) or any(rule.get("PrefixListIds") for rule in rules):
        # What a prefix list holds is not known here.
        return None
    blocks = [ipaddress.IPv4Network(item["CidrIp"]) for rule in rules for item in rule.get("IpRanges", [])]
    out = [
        f"{subnet['SubnetId']} ({subnet['CidrBlock']})"
        for subnet in subnets
        if not any(ipaddress.IPv4Network(subnet["CidrBlock"]).subnet_of(block) for block in blocks)
    ]
    return f"security group {group['GroupId']} does not let in TCP {LDAP_PORT} from {', '.join(out)}" if out else None


def _about_ldap(rule: Mapping[str, Any]) -> bool:
    protocol = str(rule.get("IpProtocol"))
    if protocol == "-1":
        return True
    return protocol in ("tcp", "6") and rule.get("FromPort", 0) <= LDAP_PORT <= rule.get("ToPort", 65535)
