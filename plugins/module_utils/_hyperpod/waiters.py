# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a description of a cluster means to somebody who waits. Pure predicates; the loop is in _waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Mapping

# What to wait for.
IN_SERVICE = "in_service"
DELETED = "deleted"
SETTLED = "settled"

# The service is at work and refuses other changes.
BUSY = frozenset({"Creating", "Deleting", "RollingBack", "SystemUpdating", "Updating"})


_WAIT = Verdict()
_DONE = Verdict(done=True)


def groups_of(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Instance groups of both kinds."""
    return [*described.get("InstanceGroups", []), *described.get("RestrictedInstanceGroups", [])]


def short_groups(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Instance groups that have not as many instances as they are to have."""
    return [group for group in groups_of(described) if group.get("CurrentCount", 0) != group.get("TargetCount", 0)]


def in_service(described: Mapping[str, Any] | None, seen: Collection[str]) -> Verdict:
    """The cluster is in service and complete.

    In Continuous mode the status says InService while instances are still launched, so counts are compared as well
    (https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-scaling-slurm.html).

    Args:
        described: answer of DescribeCluster; None when there is no such cluster.
        seen: statuses seen before in the same wait.
    """
    if described is None:
        # Right after CreateCluster the description may lag.
        return Verdict(failed="the cluster is gone: somebody else has deleted it") if seen else _WAIT
    status = described["ClusterStatus"]
    if status == "Failed":
        return Verdict(failed=described.get("FailureMessage") or "the service gives no reason")
    if status == "Deleting":
        return Verdict(failed="the cluster is being deleted by somebody else")
    if status != "InService":
        return _WAIT
    if described.get("NodeProvisioningMode") == "Continuous":
        active = any(
            group.get("ActiveOperations") or group.get("Status") == "Deleting" for group in groups_of(described)
        )
        return _WAIT if active or short_groups(described) else _DONE
    return _DONE


def deleted(described: Mapping[str, Any] | None, seen: Collection[str]) -> Verdict:
    """The cluster is gone. One that was being deleted and is not any more has failed to go."""
    if described is None:
        return _DONE
    if described["ClusterStatus"] != "Deleting" and "Deleting" in seen:
        message = described.get("FailureMessage") or "the service gives no reason"
        return Verdict(failed=f"deletion ended with the cluster {described['ClusterStatus']}: {message}")
    return _WAIT


def settled(described: Mapping[str, Any] | None, seen: Collection[str]) -> Verdict:
    """The service is not at work on the cluster: another call may be accepted."""
    del seen
    return _DONE if described is None or described["ClusterStatus"] not in BUSY else _WAIT


GOALS: dict[str, Callable[[Mapping[str, Any] | None, Collection[str]], Verdict]] = {
    IN_SERVICE: in_service,
    DELETED: deleted,
    SETTLED: settled,
}


def deletion_worth_retrying(message: str) -> bool:
    """The deletion of large clusters can fail for throttled EC2 calls; the next attempt goes on where it stopped."""
    lowered = message.lower()
    return "deletenetworkinterface" in lowered or "throttl" in lowered or "requestlimitexceeded" in lowered
