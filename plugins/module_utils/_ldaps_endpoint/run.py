# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ldaps_endpoint`` does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any

from .._directory.api import describe_directory
from .._directory.api import list_subnets
from .._hyperpod.common import HyperPodError
from .._hyperpod.common import at_least
from .._hyperpod.common import client_of
from .._waiting.converge import Converge
from .._waiting.loop import Look
from .._waiting.reporting import Reasons
from . import api
from .explain import advice
from .explain import causes
from .explain import kept_out
from .plan import plan
from .plan import wanted_addresses
from .reading import find_balancer
from .reading import read
from .states import Current
from .states import Surroundings
from .states import desired_of
from .states import health_told
from .waiters import GONE
from .waiters import gone
from .waiters import healthy
from .waiters import state_text
from .waiters import targets_text
from .waiters import unhealthy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._waiting.loop import Journey
    from .._waiting.plans import Call
    from .._waiting.plans import Outline
    from .states import Desired

# The thing is there already, as an answer got lost or somebody else was quicker.
_PASSING = frozenset(
    {
        "DuplicateListener",
        "DuplicateLoadBalancerName",
        "DuplicateTargetGroupName",
        "PriorRequestNotComplete",
    }
)


class EndpointRun(Converge[Current]):
    """One run of ``ldaps_endpoint``. The journey's marks hold the targets' addresses, and since when some are ill."""

    kind = "endpoint"
    service = "elbv2"

    def __init__(self, module: Any) -> None:
        """Prepare, see Converge."""
        at_least(module.params, unhealthy_timeout=1)
        self.desired: Desired = desired_of(module.params)
        super().__init__(module, self.desired.name)
        self.around: Surroundings | None = None

    def read(self) -> Current:
        """See Converge."""
        return read(self.client, self.desired)

    def _surroundings(self, current: Current) -> Surroundings:
        """What the wish refers to, read once in a run."""
        if self.around is None:
            self.around = self._ask_around(current)
        return self.around

    def _ask_around(self, current: Current) -> Surroundings:
        desired = self.desired
        ec2 = client_of(self.module, "ec2")
        subnets = list_subnets(ec2, desired.subnet_ids) if desired.subnet_ids else []
        vpc = (current.balancer or {}).get("VpcId") or desired.vpc_id or next((item["VpcId"] for item in subnets), None)
        directory = None
        if desired.directory_id:
            directory = describe_directory(client_of(self.module, "ds"), desired.directory_id)
        return Surroundings(
            subnets=tuple(subnets),
            directory=directory,
            vpc_blocks=tuple(api.vpc_blocks(ec2, vpc)) if vpc else (),
            policies=api.list_policies(self.client),
        )

    def plan(self, state: Current) -> Outline:
        """See Converge."""
        absent = self.desired.state == "absent"
        around = Surroundings() if absent else self._surroundings(state)
        outline = plan(state, self.desired, around, str(self.module.region))
        self.journey.marks["addresses"] = [] if absent else wanted_addresses(state, self.desired, around)
        return outline

    def prepare(self, state: Current, outline: Outline) -> None:
        """See Converge."""

    def apply(self, call: Call) -> None:
        """See Converge."""
        try:
            api.OPERATIONS[call.operation](self.client, call.request)
        except HyperPodError as error:
            error.advice = advice(error.code)
            raise

    def passing(self, call: Call, error: HyperPodError) -> bool:
        """See Converge."""
        # What held a target group may have been deleted a moment ago.
        return error.code in _PASSING or (call.operation == "DeleteTargetGroup" and error.code == "ResourceInUse")

    def look(self, journey: Journey) -> Look:
        """See Converge."""
        if journey.goal == GONE:
            current = Current(balancer=find_balancer(self.client, self.desired))
            text = "being deleted" if current.balancer else "load balancer gone"
            return Look(text, gone(current), _described(current))
        current = read(self.client, self.desired)
        addresses = journey.marks["addresses"]
        now = self.waiter.clock()
        since = journey.marks.get("ailing_since", now) if unhealthy(current, addresses) else now
        journey.marks["ailing_since"] = since
        verdict = healthy(current, addresses, now - since, self.module.params["unhealthy_timeout"])
        return Look(state_text(current), verdict, _described(current))

    def status(self, described: dict[str, Any] | None) -> str | None:
        """See Converge."""
        return None

    def shown(self, state: Current) -> dict[str, Any]:
        """See Converge."""
        if state.balancer is None:
            return {}
        addresses = api.interface_addresses(client_of(self.module, "ec2"), str(state.arn))
        return dataclasses.replace(state, addresses=tuple(addresses)).result()

    def normalised(self, state: Current) -> dict[str, Any]:
        """See Converge."""
        return state.options()

    def aim(self, goal: str) -> str:
        """See Converge."""
        return f"Endpoint {self.name} is not {'gone' if goal == GONE else 'active and healthy'}"

    def reasons(self, said: str, described: Mapping[str, Any]) -> Reasons:
        """See Run."""
        health = described["target_health"]
        ill = [item for item in health if item["state"] != "healthy"]
        unread: list[str] = []
        # Domain controllers share a security group: where one answers, it keeps nobody out.
        closed = self._closed(described["balancer"], unread) if len(ill) == len(health) else None
        found = causes(ill, closed)
        report = {
            "message": said,
            "state": described["balancer"].get("State", {}).get("Code"),
            "target_health": health,
            "causes": [cause.told() for cause in found],
            "unread": unread,
        }
        lines = [f"target {targets_text([item])}: {item['description'] or 'no description'}" for item in ill]
        lines += [f"could not be read: {problem}" for problem in unread]
        return Reasons("; ".join(cause.text() for cause in found), {"failure": report}, tuple(lines))

    def _closed(self, balancer: Mapping[str, Any], unread: list[str]) -> str | None:
        """What the directory's security group keeps out; what can't be read is noted, never an error of its own."""
        directory = self.around.directory if self.around else None
        try:
            if directory is None and self.desired.directory_id:
                directory = describe_directory(client_of(self.module, "ds"), self.desired.directory_id)
            group_id = (directory or {}).get("VpcSettings", {}).get("SecurityGroupId")
            if not group_id:
                return None
            ec2 = client_of(self.module, "ec2")
            group = api.security_group(ec2, group_id)
            subnets = list_subnets(ec2, [zone["SubnetId"] for zone in balancer.get("AvailabilityZones", [])])
        except HyperPodError as error:
            unread.append(str(error))
            return None
        return kept_out(group, subnets, balancer.get("SecurityGroups", [])) if group else None

    def last(self, result: dict[str, Any]) -> str:
        """See Converge."""
        endpoint = result["endpoint"]
        if not endpoint:
            return "gone"
        told = [{**item, "reason": item.get("reason")} for item in endpoint["target_health"]]
        return f"{endpoint['state']} | {targets_text(told) or 'no targets'}"


def _described(current: Current) -> dict[str, Any] | None:
    """For a failure's reasons; None when there is no load balancer any more."""
    if current.balancer is None:
        return None
    return {"balancer": dict(current.balancer), "target_health": health_told(current.health)}
