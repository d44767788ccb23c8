# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_software`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting import progress
from .._waiting.loop import Look
from .._waiting.loop import Verdict
from . import api
from .common import HyperPodError
from .schema import DEPLOYMENT_CONFIG
from .software import SoftwarePlan
from .software import SoftwareWish
from .software import image_of
from .software import look_at
from .software import mark_of
from .software import plan_software
from .software import progress_text
from .task import Step
from .task import Task
from .transformations import wanted_options
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .software import Mark


def wish_of(params: Mapping[str, Any]) -> SoftwareWish:
    """The wish in a module's parameters.

    Raises:
        HyperPodError: options that exclude each other.
    """
    groups: dict[str, str | None] = {}
    for item in params["instance_groups"] or []:
        name = item["instance_group_name"]
        if name in groups:
            raise HyperPodError(f"instance_groups names {name} more than once")
        groups[name] = item["image_release_version"]
    if any(groups.values()) and params["image_id"] not in (None, "default"):
        raise HyperPodError(
            "instance_groups.image_release_version and image_id exclude each other: a release has an image of its own"
        )
    deployment = wanted_options([DEPLOYMENT_CONFIG], {DEPLOYMENT_CONFIG.option: params[DEPLOYMENT_CONFIG.option]})
    return SoftwareWish(
        cluster=params["cluster_name"],
        groups=groups,
        image_id=params["image_id"],
        deployment=deployment.get(DEPLOYMENT_CONFIG.option, {}),
        force=params["force"],
    )


class SoftwareTask(Task):
    """One run of ``hyperpod_software``. The journey's marks hold the groups."""

    def __init__(self, module: Any) -> None:
        """Prepare, see Task."""
        super().__init__(module)
        self.wish = wish_of(module.params)
        self.planned = SoftwarePlan()
        self.described: dict[str, Any] | None = None

    @property
    def marks(self) -> list[Mark]:
        """What is known of each group that is updated."""
        marks: list[Mark] = self.journey.marks.setdefault("groups", [])
        return marks

    def plan(self) -> Step:
        """See Task."""
        self.described = api.describe_cluster(self.client, self.name)
        self.planned = plan_software(self.described, self.wish)
        call = self.planned.call
        return Step(self.planned.refusal, self.planned.busy, (call,) if call else ())

    def _begin(self) -> None:
        named = {*self.planned.update, *self.planned.joined}
        groups = groups_of(self.described or {})
        self.marks[:] = [mark_of(group) for group in groups if group["InstanceGroupName"] in named]

    def predicted(self) -> dict[str, Any]:
        """See Task."""
        self._begin()
        call = self.planned.call
        calls = [call.told()] if call else []
        result: dict[str, Any] = {"changed": bool(self.planned.update), "calls": calls, "instance_groups": []}
        for group in groups_of(self.described or {}):
            name = group["InstanceGroupName"]
            fine = name in self.planned.fine
            if fine or name in {*self.planned.update, *self.planned.joined}:
                result["instance_groups"].append(_told(group, "unchanged" if fine else "updated"))
        if self.module._diff:
            before = {mark["group"]: mark["before"] for mark in self.marks}
            after = {mark["group"]: self._expected(mark) for mark in self.marks}
            result["diff"] = {"before": before, "after": after}
        return result

    def _expected(self, mark: Mark) -> dict[str, Any]:
        """What is known of a group's image beforehand: the service chooses the newest release."""
        image = self.wish.image_id
        release = self.wish.groups.get(mark["group"])
        return {
            "image_id": image if image and image != "default" else "the image of the release",
            "image_release_version": release or "the newest",
            "image_version_status": "UpToDate" if not release else None,
        }

    def act(self) -> bool:
        """See Task."""
        self._begin()
        self.journey.marks["fine"] = list(self.planned.fine)
        call = self.planned.call
        if call:
            self.note_call(call.operation, call.reason)
            try:
                api.update_software(self.client, call.request)
            except HyperPodError as error:
                # The answer to the first try may have got lost: then it is our own update that is under way.
                again = plan_software(api.describe_cluster(self.client, self.name), self.wish)
                if error.code != "ConflictException" or again.update:
                    self.journey.calls.pop()
                    raise
            self.journey.changed = True
        return bool(self.marks)

    def look(self) -> Look:
        """See Task."""
        self.described = described = api.describe_cluster(self.client, self.name)
        if described is None:
            return Look("not there", Verdict(failed="the cluster is gone: somebody else has deleted it"))
        look_at(self.marks, described)
        text = f"{progress_text(self.marks)} | {self.waiter.state(described)}"
        self.journey.marks["text"] = text
        return Look(text, Verdict(done=all(mark["result"] != "requested" for mark in self.marks)), described)

    def state(self) -> str:
        """See Task."""
        return str(self.journey.marks.get("text") or progress_text(self.marks))

    def told(self) -> dict[str, Any]:
        """See Run."""
        outcome = {mark["group"]: mark["result"] for mark in self.marks}
        outcome.update(dict.fromkeys(self.journey.marks.get("fine", []), "unchanged"))
        result = super().told()
        result["instance_groups"] = [
            _told(group, outcome[group["InstanceGroupName"]])
            for group in groups_of(self.described or {})
            if group["InstanceGroupName"] in outcome
        ]
        if self.module._diff:
            before = {mark["group"]: mark["before"] for mark in self.marks}
            after = {mark["group"]: mark["now"] for mark in self.marks}
            result["diff"] = {"before": before, "after": after if self.journey.changed else before}
        return result

    def result(self) -> dict[str, Any]:
        """See Task."""
        failed = [mark for mark in self.marks if mark["result"] == "failed"]
        if failed:
            described = self.described or {}
            said = described.get("FailureMessage") or "the service gives no reason"
            ends = ", ".join(f"{mark['group']}: {mark['status']}" for mark in failed)
            text = f"{self.aim()} after {progress.elapsed(self.seconds())} ({ends})"
            raise self.explained(f"{text}: {said}", said, self.described)
        return self.told()

    def aim(self) -> str:
        """See Task."""
        return f"Software of cluster {self.name} is not updated"


def _told(group: Mapping[str, Any], result: str) -> dict[str, Any]:
    """A group as the module returns it."""
    return {
        "instance_group_name": group["InstanceGroupName"],
        "result": result,
        "software_update_status": group.get("SoftwareUpdateStatus"),
        **image_of(group),
    }
