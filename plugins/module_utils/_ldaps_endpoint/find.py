# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts belong to the endpoint, whatever they are called. Pure.

A listener leads to its target group. Where there is no listener (yet, or any more), the group has our mark or the name
that we would give it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .states import LDAP_PORT
from .states import LDAPS_PORT
from .states import MARK
from .states import groups_of
from .states import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from typing import Any

    from .states import Desired


def forwarded(listeners: Iterable[Mapping[str, Any]]) -> tuple[list[str], str | None]:
    """ARNs of target groups that the endpoint's listeners forward to, the likeliest first, and what is wrong."""
    listeners = list(listeners)
    for port in (LDAPS_PORT, LDAP_PORT):
        for listener in listeners:
            if listener.get("Port") != port:
                continue
            arns = groups_of(listener)
            if len(arns) > 1:
                return [], (
                    f"the listener on port {port} forwards to {len(arns)} target groups ({', '.join(arns)}): let it"
                    " forward to one of them, that of the directory"
                )
            if arns:
                return arns, None
    return [], None


def unfit(group: Mapping[str, Any], vpc_id: str | None) -> str | None:
    """Why a target group can't be that of an endpoint; None: it can."""
    if group.get("TargetType") != "ip":
        return f"it is of target type {group.get('TargetType')}, not ip"
    if group.get("Protocol") != "TCP":
        return f"its protocol is {group.get('Protocol')}, not TCP"
    if vpc_id and group.get("VpcId") != vpc_id:
        return f"it is in {group.get('VpcId')}, not {vpc_id}"
    return None


def name_taken(groups: Iterable[Mapping[str, Any]], desired: Desired) -> str | None:
    """Why no target group of the wanted name can be made, when there is one that is not the endpoint's."""
    named = next((group for group in groups if group.get("TargetGroupName") == desired.group_name), None)
    if named is None:
        return None
    users = sorted({name_of(arn) for arn in named.get("LoadBalancerArns", [])} - {desired.name})
    why = f"load balancer {', '.join(users)} uses it" if users else unfit(named, None)
    return f"target group {desired.group_name} is there already, and {why}"


def own_group(
    groups: Iterable[Mapping[str, Any]], tags: Mapping[str, Mapping[str, str]], desired: Desired
) -> Mapping[str, Any] | None:
    """The target group that has our mark, or the name that we would give it, and that no other load balancer uses.

    Args:
        groups: all target groups of the account and region.
        tags: theirs, by ARN.
        desired: the wish.
    """
    # A group may still name a load balancer for a while after that is gone.
    free = [group for group in groups if {name_of(arn) for arn in group.get("LoadBalancerArns", [])} <= {desired.name}]
    marked = [group for group in free if tags.get(str(group["TargetGroupArn"]), {}).get(MARK) == desired.name]
    named = [group for group in free if group.get("TargetGroupName") == desired.group_name]
    return next(iter([*marked, *(group for group in named if unfit(group, None) is None)]), None)
