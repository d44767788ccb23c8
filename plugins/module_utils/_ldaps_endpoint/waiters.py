# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the health of an endpoint means to somebody who waits. Pure predicates; the loop is in _waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Verdict
from .states import health_told

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping

    from .states import Current

# What to wait for.
HEALTHY = "healthy"
GONE = "gone"

_WAIT = Verdict()
_DONE = Verdict(done=True)
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
_UNHEALTHY = frozenset({"unhealthy", "unused", "unavailable", "unhealthy.draining"})


def unhealthy(current: Current, addresses: Collection[str]) -> list[dict[str, Any]]:
    """Those of the targets that don't answer, or that nobody asks."""
    return [
        item
        for item in health_told(current.health)
        if item["address"] in addresses and item["state"] in _UNHEALTHY and not _settling(current, item)
    ]


def _settling(current: Current, item: Mapping[str, Any]) -> bool:
    """Targets of a load balancer that is being made are called unused."""
    state = (current.balancer or {}).get("State", {}).get("Code")
    return bool(item["state"] == "unused" and state == "provisioning")


def healthy(current: Current, addresses: Collection[str], ailing: float = 0.0, patience: float = 0.0) -> Verdict:
    """The load balancer is active, and so is every target.

    Args:
        current: the endpoint.
        addresses: of the targets.
        ailing: seconds for which some target has been unhealthy without a break.
        patience: seconds for which that is no failure yet; health checks need some rounds.
    """
    if current.balancer is None:
        return Verdict(failed="the load balancer is gone: somebody else has deleted it")
    state = current.balancer.get("State", {})
    if state.get("Code") == "failed":
        return Verdict(failed=f"the load balancer failed: {state.get('Reason') or 'the service gives no reason'}")
    ill = unhealthy(current, addresses)
    if ill and ailing > patience:
        return Verdict(failed=targets_text(ill))
    states = {item["address"]: item["state"] for item in health_told(current.health)}
    if state.get("Code") not in ("active", "active_impaired"):
        return _WAIT
    return _DONE if all(states.get(address) == "healthy" for address in addresses) else _WAIT


def gone(current: Current) -> Verdict:
    """There is no load balancer any more."""
    return _DONE if current.balancer is None else _WAIT


def targets_text(items: Collection[Mapping[str, Any]]) -> str:
    """``10.0.0.5 unhealthy (Target.FailedHealthChecks), 10.0.16.5 healthy``."""
    return ", ".join(f"{item['address']} {item['state']}{_reason(item)}" for item in items)


def _reason(item: Mapping[str, Any]) -> str:
    return f" ({item['reason']})" if item.get("reason") else ""


def state_text(current: Current) -> str:
    """What the line tells: the state of the load balancer, and of its targets."""
    if current.balancer is None:
        return "not there"
    parts = [str(current.balancer.get("State", {}).get("Code"))]
    if current.health:
        parts.append(targets_text(health_told(current.health)))
    return " | ".join(parts)
