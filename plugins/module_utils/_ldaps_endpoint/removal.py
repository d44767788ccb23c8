# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that remove an endpoint, in an order that can be taken up at any place. Pure.

Listeners go first, so that nothing is answered by half of it; then the load balancer; then, when that is gone, the
target group, which could not be found any more without our mark on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._waiting.plans import Outline
from .states import LDAP_PORT
from .states import LDAPS_PORT
from .states import MARK
from .states import PROTECTION
from .steps import Steps
from .waiters import GONE

if TYPE_CHECKING:
    from .states import Current
    from .states import Desired


def plan(current: Current, desired: Desired) -> Outline:
    """What to do so that nothing of the endpoint is left."""
    before = current.options()
    if current.balancer is None:
        steps = Steps()
        if current.group is not None:
            steps.add("DeleteTargetGroup", {"TargetGroupArn": current.group_arn}, "the load balancer is gone")
        # There may be more of them, one is found at a time.
        return Outline(calls=tuple(steps.now), again=bool(steps.now), before=before)
    refusal = _refusal(current, desired)
    if refusal:
        return Outline(refusal=refusal)
    steps = Steps()
    if current.enabled(PROTECTION):
        attributes = [{"Key": PROTECTION, "Value": "false"}]
        steps.add(
            "ModifyLoadBalancerAttributes",
            {"LoadBalancerArn": current.arn, "Attributes": attributes},
            "deletion_protection is to be false",
        )
    groups = [str(group["TargetGroupArn"]) for group in (current.group, current.misfit) if group is not None]
    for arn in groups:
        if current.tags.get(arn, {}).get(MARK) != desired.name:
            request = {"ResourceArns": [arn], "Tags": [{"Key": MARK, "Value": desired.name}]}
            steps.add("AddTags", request, "the target group is to be found when the load balancer is gone")
    why = f"endpoint {desired.name} is to be absent"
    for port in (LDAPS_PORT, LDAP_PORT):
        listener = current.listener(port)
        if listener is not None:
            steps.add("DeleteListener", {"ListenerArn": listener["ListenerArn"]}, f"{why} (port {port})")
    steps.add("DeleteLoadBalancer", {"LoadBalancerArn": current.arn}, why)
    last = Steps()
    for arn in groups:
        last.add("DeleteTargetGroup", {"TargetGroupArn": arn}, why)
    return Outline(calls=tuple(steps.now), goal=GONE, again=True, later=tuple(last.now), before=before)


def _refusal(current: Current, desired: Desired) -> str | None:
    """Why nothing may be removed."""
    name = f"endpoint {desired.name} can't be removed"
    if (current.balancer or {}).get("Type") != "network":
        return f"{name}: load balancer {desired.name} is of type {(current.balancer or {}).get('Type')}, not network"
    others = [
        f"{item.get('Protocol')} {item.get('Port')}"
        for item in current.listeners
        if item.get("Port") not in (LDAPS_PORT, LDAP_PORT)
    ]
    if others:
        return (
            f"{name}: its load balancer has other listeners as well ({', '.join(others)}), which are not the"
            " endpoint's: delete them first"
        )
    if current.enabled(PROTECTION) and desired.deletion_protection is not False:
        return f"{name}: its load balancer is protected from deletion; give deletion_protection: false to end that"
    return None
