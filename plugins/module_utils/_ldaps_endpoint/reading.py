# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what there is of an endpoint, whatever its parts are called."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any

from . import api
from .find import forwarded
from .find import name_taken
from .find import own_group
from .find import unfit
from .states import Current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import Desired


def read(client: Any, desired: Desired) -> Current:
    """The endpoint of this name, all of it."""
    balancer = find_balancer(client, desired)
    current = Current() if balancer is None else read_balancer(client, balancer)
    if current.group is not None and unfit(current.group, str((balancer or {}).get("VpcId"))):
        current = dataclasses.replace(current, group=None, health=(), misfit=current.group)
    if current.group is not None or current.problem is not None:
        return current
    # No listener leads to it (yet, or any more).
    groups = api.list_groups(client)
    tags = api.list_tags(client, [str(group["TargetGroupArn"]) for group in groups])
    own = own_group(groups, tags, desired)
    taken = None if own else name_taken(groups, desired)
    return _with_group(client, dataclasses.replace(current, taken=taken), own)


def find_balancer(client: Any, desired: Desired) -> Mapping[str, Any] | None:
    """The load balancer, by ARN or name."""
    wanted = {"LoadBalancerArns": [desired.arn]} if desired.arn else {"Names": [desired.name]}
    return next(iter(api.find_balancers(client, **wanted)), None)


def read_balancer(client: Any, balancer: Mapping[str, Any]) -> Current:
    """A load balancer with what its listeners lead to."""
    arn = str(balancer["LoadBalancerArn"])
    listeners = tuple(api.list_listeners(client, arn))
    arns, problem = forwarded(listeners)
    group = next(iter(api.list_groups(client, TargetGroupArns=arns)), None) if arns else None
    parts = [arn, *(str(item["ListenerArn"]) for item in listeners)]
    current = Current(
        balancer=balancer,
        attributes=api.attributes(client, arn),
        listeners=listeners,
        tags=api.list_tags(client, parts),
        problem=problem,
    )
    return _with_group(client, current, group)


def _with_group(client: Any, current: Current, group: Mapping[str, Any] | None) -> Current:
    if group is None:
        return current
    arn = str(group["TargetGroupArn"])
    health = tuple(api.target_health(client, arn))
    return dataclasses.replace(
        current, group=group, health=health, tags={**current.tags, **api.list_tags(client, [arn])}
    )
