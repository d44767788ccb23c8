# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Software updates: which groups need one, and what their state means to somebody who waits. Pure.

States: shapes SoftwareUpdateStatus and ClusterInstanceGroupDetails of the service model. The status is that of the last
update, so one that was there before our call tells nothing about ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.plans import Call
from .members import no_cluster
from .members import problem_of_status
from .schema import DEPLOYMENT_CONFIG
from .transformations import to_request
from .waiters import BUSY
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

Mark = dict[str, Any]

OPEN = frozenset({"Pending", "InProgress", "RollbackInProgress"})
_BAD = frozenset({"Failed", "RollbackComplete"})
# Looks at a group after which a status that was there before is taken for the outcome.
CALM = 3
_UP_TO_DATE = "UpToDate"


@dataclass(frozen=True)
class SoftwareWish:
    """What the user wants.

    Attributes:
        groups: group -> release, None for the newest; empty: all groups.
        image_id: an AMI, or ``default``; None: what the group has, in its newest release.
        deployment: ``deployment_config`` in the form of the options.
        force: update what is on the wanted image already.
    """

    cluster: str
    groups: Mapping[str, str | None] = field(default_factory=dict)
    image_id: str | None = None
    deployment: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True)
class SoftwarePlan:
    """What to do.

    Attributes:
        update: groups that the call names.
        joined: groups whose update to just this is under way.
        fine: groups that are on the wanted image.
        call: at most one.
        refusal: why nothing may be done.
        busy: the service is at work on the cluster: plan again when it is not; the call is that of now.
    """

    update: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    fine: tuple[str, ...] = ()
    call: Call | None = None
    refusal: str | None = None
    busy: bool = False


def plan_software(described: Mapping[str, Any] | None, wish: SoftwareWish) -> SoftwarePlan:
    """Decide."""
    if described is None:
        return SoftwarePlan(refusal=no_cluster(wish.cluster))
    groups = {str(group["InstanceGroupName"]): group for group in groups_of(described)}
    unknown = [name for name in wish.groups if name not in groups]
    if unknown:
        return SoftwarePlan(
            refusal=f"Cluster {wish.cluster} has no instance groups {', '.join(unknown)}; it has"
            f" {', '.join(sorted(groups))}. Nothing was changed"
        )
    wanted = [groups[name] for name in wish.groups] or list(groups.values())
    joined = [group for group in wanted if _is_under_way(group, wish)]
    fine = [group for group in wanted if group not in joined and not wish.force and is_current(group, wish)]
    todo = [group for group in wanted if group not in joined and group not in fine]
    plan = SoftwarePlan(update=_names(todo), joined=_names(joined), fine=_names(fine))
    if not todo:
        return plan
    problem = problem_of_status(described)
    if problem:
        return SoftwarePlan(refusal=problem)
    busy = described["ClusterStatus"] in BUSY or any(g.get("SoftwareUpdateStatus") in OPEN for g in groups.values())
    return replace(plan, call=_call(wish, plan, whole=len(todo) == len(groups)), busy=busy)


def _names(groups: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(group["InstanceGroupName"]) for group in groups)


def _call(wish: SoftwareWish, plan: SoftwarePlan, whole: bool) -> Call:
    request: dict[str, Any] = {"ClusterName": wish.cluster}
    if not whole or any(wish.groups.values()):
        request["InstanceGroups"] = [
            {
                "InstanceGroupName": name,
                **({"ImageReleaseVersion": wish.groups[name]} if wish.groups.get(name) else {}),
            }
            for name in plan.update
        ]
    if wish.image_id:
        request["ImageId"] = wish.image_id
    if wish.deployment:
        request.update(to_request([DEPLOYMENT_CONFIG], {DEPLOYMENT_CONFIG.option: wish.deployment}))
    return Call("UpdateClusterSoftware", request, f"software of {', '.join(plan.update)} is to be updated")


def is_current(group: Mapping[str, Any], wish: SoftwareWish) -> bool:
    """The group is on the wanted image. Restricted groups tell nothing of theirs, and never are."""
    return _matches(group, wish, "Current")


def _is_under_way(group: Mapping[str, Any], wish: SoftwareWish) -> bool:
    """An update to just this runs. Which release is the newest, only the service knows: then any update to another."""
    return group.get("SoftwareUpdateStatus") in ("Pending", "InProgress") and _matches(group, wish, "Desired")


def _matches(group: Mapping[str, Any], wish: SoftwareWish, which: str) -> bool:
    release = wish.groups.get(str(group["InstanceGroupName"]))
    if release:
        return bool(group.get(f"{which}ImageReleaseVersion") == release)
    if wish.image_id not in (None, "default"):
        return bool(group.get(f"{which}ImageId") == wish.image_id)
    if which == "Desired":
        return bool(group.get("DesiredImageId")) and group.get("DesiredImageId") != group.get("CurrentImageId")
    return bool(group.get("ImageVersionStatus") == _UP_TO_DATE)


def image_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """What a diff shows of a group."""
    return {
        "image_id": group.get("CurrentImageId"),
        "image_release_version": group.get("CurrentImageReleaseVersion"),
        "image_version_status": group.get("ImageVersionStatus"),
    }


def mark_of(group: Mapping[str, Any]) -> Mark:
    """Where a group begins."""
    return {
        "group": str(group["InstanceGroupName"]),
        "before": image_of(group),
        "now": image_of(group),
        "status": group.get("SoftwareUpdateStatus"),
        "result": "requested",
        "nodes": "",
        "moved": False,
        "looks": 0,
    }


def look_at(marks: Sequence[Mark], described: Mapping[str, Any]) -> None:
    """Bring the marks up to date with an answer of DescribeCluster."""
    groups = {group["InstanceGroupName"]: group for group in groups_of(described)}
    busy = described["ClusterStatus"] in ("SystemUpdating", "RollingBack", "Updating")
    for mark in marks:
        if mark["result"] != "requested":
            continue
        group = groups.get(mark["group"])
        if group is None:
            mark.update(result="failed", status="the group is gone")
            continue
        status = group.get("SoftwareUpdateStatus")
        mark["looks"] += 1
        mark["moved"] = mark["moved"] or status in OPEN or status != mark["status"]
        mark.update(status=status, now=image_of(group), nodes=_nodes_text(group))
        if status in OPEN or busy or (not mark["moved"] and mark["looks"] < CALM):
            continue
        mark["result"] = "failed" if status in _BAD else "updated"


def _nodes_text(group: Mapping[str, Any]) -> str:
    """`` 3/16 nodes``: how many run on the image that is being brought to them, where the service tells."""
    if "TargetStateCount" not in group or group.get("SoftwareUpdateStatus") not in OPEN:
        return ""
    return f" {group['TargetStateCount']}/{group.get('TargetCount', 0)} nodes"


def progress_text(marks: Sequence[Mapping[str, Any]]) -> str:
    """``1/2 groups updated, workers InProgress 3/16 nodes``."""
    done = sum(mark["result"] == "updated" for mark in marks)
    parts = [
        f"{mark['group']} {mark['status'] or 'waits'}{mark['nodes']}" for mark in marks if mark["result"] != "updated"
    ]
    return ", ".join([f"{done}/{len(marks)} groups updated", *parts])
