# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_node`` does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Look
from .._waiting.loop import Verdict
from . import api
from .common import HyperPodError
from .members import Member
from .members import member_of
from .nodes_plan import ABSENT
from .nodes_plan import ADDED
from .nodes_plan import NodesPlan
from .nodes_plan import Wish
from .nodes_plan import batches
from .nodes_plan import identifiers
from .nodes_plan import plan_nodes
from .nodes_result import failure_text
from .nodes_result import is_open
from .nodes_result import judge_answer
from .nodes_result import look_at
from .nodes_result import mark_of
from .nodes_result import progress_text
from .nodes_result import result_of
from .parallel import CALLS_PER_SECOND
from .parallel import Pace
from .progress import event_text
from .task import Step
from .task import Task
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._waiting.plans import Call
    from .nodes_result import Mark

# Tries for nodes of which the service says that it broke down (InternalServerError), and seconds between.
_TRIES = 3
_PAUSE = 5.0


def wish_of(params: Mapping[str, Any]) -> Wish:
    """The wish in a module's parameters."""
    return Wish(
        cluster=params["cluster_name"],
        state=params["state"],
        nodes=tuple(params["nodes"] or ()),
        group=params["instance_group"],
        count=params["count"],
        target_count=params["target_count"],
        zones=tuple(params["availability_zones"] or ()),
        types=tuple(params["instance_types"] or ()),
        token=params["client_token"] or uuid.uuid4().hex,
    )


class NodesTask(Task):
    """One run of ``hyperpod_node``. The journey's marks hold the nodes."""

    def __init__(self, module: Any) -> None:
        """Prepare, see Task."""
        super().__init__(module)
        self.wish = wish_of(module.params)
        self.planned = NodesPlan()
        self.described: dict[str, Any] | None = None
        self.members: list[Member] = []

    @property
    def marks(self) -> list[Mark]:
        """What is known of each node."""
        marks: list[Mark] = self.journey.marks.setdefault("nodes", [])
        return marks

    def plan(self) -> Step:
        """See Task."""
        self.described = api.describe_cluster(self.client, self.name)
        self.members = [] if self.described is None else api.list_members(self.client, self.name)
        self.planned = plan_nodes(self.described, self.members, self.wish)
        return Step(self.planned.refusal, self.planned.busy, self.planned.calls)

    def predicted(self) -> dict[str, Any]:
        """See Task."""
        self._begin()
        for mark in self.marks:
            mark["result"] = self.wish.state
        changed = bool(self.planned.targets or self.planned.adding)
        return self._with_nodes({"changed": changed, "calls": [call.told() for call in self.planned.calls]})

    def _begin(self) -> None:
        """Set the marks of the nodes that exist."""
        named = {**self.planned.targets, **self.planned.joined}
        self.marks[:] = [mark_of(name, node) for name, node in named.items()]
        continuous = (self.described or {}).get("NodeProvisioningMode") == "Continuous"
        groups = {node.group for node in named.values() if node.logical_id is None}
        known = [node.instance_id for node in self.members if node.group in groups and node.instance_id]
        self.journey.marks.update(
            continuous=continuous,
            known=known,
            missing=list(self.planned.missing),
            before=self._before(),
            added=0,
        )

    def _before(self) -> dict[str, Any]:
        """What a diff begins with."""
        if self.wish.state == ADDED:
            return {"instance_group_name": self.wish.group, "target_count": self._target_count()}
        return {mark["name"]: {"instance_id": mark["before"], "status": mark["status"]} for mark in self.marks}

    def _target_count(self) -> int:
        groups = groups_of(self.described or {})
        return next((int(g.get("TargetCount", 0)) for g in groups if g["InstanceGroupName"] == self.wish.group), 0)

    def act(self) -> bool:
        """See Task."""
        self._begin()
        pace = Pace(CALLS_PER_SECOND, self.waiter.clock, self.waiter.sleep)
        if self.wish.state == ADDED:
            for call in self.planned.calls:
                self._add(call, pace)
            return any(is_open(mark) for mark in self.marks)
        self._change([*self.planned.targets.values()], pace, _TRIES)
        return any(is_open(mark) for mark in self.marks)

    def _change(self, nodes: list[Member], pace: Pace, tries: int) -> None:
        """Make the calls for these nodes; those on which the service breaks down are tried again."""
        broken: list[Member] = []
        by_key = {mark["key"]: mark for mark in self.marks}
        reasons = {str(call.request): call.reason for call in self.planned.calls}
        operation = self.planned.calls[0].operation if self.planned.calls else ""
        for batch in batches(self.wish.state, nodes):
            pace.turn()
            request = {"ClusterName": self.name, **identifiers(batch)}
            answer = self._call(operation, request, reasons.get(str(request), "once more for nodes that broke it"))
            judged = judge_answer(self.wish.state, batch, answer)
            self.journey.changed = self.journey.changed or bool(judged.accepted)
            for key in judged.gone:
                by_key[key].update(result=ABSENT, status="NotFound")
            for key, (code, message) in judged.failed.items():
                by_key[key].update(result="failed", code=code, message=message)
            for node in batch:
                if node.key in judged.again:
                    error = ("InternalServerError", f"The service broke down on it in {_TRIES} calls.")
                    by_key[node.key].update(code=error[0], message=error[1], result="failed")
                    broken.append(node)
        if broken and tries > 1:
            for node in broken:
                by_key[node.key].update(code=None, message=None, result="requested")
            self.waiter.sleep(_PAUSE)
            self._change(broken, pace, tries - 1)

    def _call(self, operation: str, request: dict[str, Any], reason: str) -> dict[str, Any]:
        """One call. A refusal after other calls went well tells of them too.

        Raises:
            HyperPodError: the service refuses the whole call.
        """
        self.note_call(operation, reason)
        try:
            return api.change_nodes(self.client, operation, request)
        except HyperPodError as error:
            self.journey.calls.pop()
            if self.journey.changed:
                error.kwargs.update(self.told())
            raise

    def _add(self, call: Call, pace: Pace) -> None:
        pace.turn()
        known = {node.key for node in self.members}
        answer = self._call(call.operation, call.request, call.reason)
        for added in answer.get("Successful", []):
            node = member_of({**added, "InstanceStatus": {"Status": added["Status"]}})
            node = next((member for member in self.members if member.key == added["NodeLogicalId"]), node)
            self.marks.append({**mark_of(node.key, node), "key": added["NodeLogicalId"], "before": None})
            # A token that was used before gets the nodes that it got then.
            self.journey.marks["added"] += added["NodeLogicalId"] not in known
        self.journey.changed = self.journey.marks["added"] > 0
        for failed in answer.get("Failed", []):
            text = f"{failed.get('Message', '')} ({failed['FailedCount']} nodes)".strip()
            self.marks.append(
                {
                    **mark_of(failed["InstanceGroupName"], _nobody(failed["InstanceGroupName"])),
                    "result": "failed",
                    "code": failed["ErrorCode"],
                    "message": text,
                }
            )

    def look(self) -> Look:
        """See Task."""
        members = api.list_members(self.client, self.name)
        if not members and self.wish.state != ABSENT and api.describe_cluster(self.client, self.name) is None:
            return Look("not there", Verdict(failed="the cluster is gone: somebody else has deleted it"))
        known = self.journey.marks["known"]
        look_at(self.wish.state, self.marks, members, self.journey.marks["continuous"], known)
        done = not any(is_open(mark) for mark in self.marks)
        event = self.waiter.newest_event("Continuous" if self.journey.marks["continuous"] and not done else None)
        text = self.state()
        return Look(f"{text} | {event_text(event)}" if event else text, Verdict(done=done))

    def state(self) -> str:
        """See Task."""
        return progress_text(self.wish.state, self.marks)

    def result(self) -> dict[str, Any]:
        """See Task."""
        failed = [mark for mark in self.marks if mark["result"] == "failed"]
        if failed:
            text = failure_text(self.name, self.wish.state, self.marks)
            described = api.describe_cluster(self.client, self.name)
            said = "; ".join(dict.fromkeys(str(mark["message"]) for mark in failed))
            raise self.explained(text, said, described)
        return self.told()

    def told(self) -> dict[str, Any]:
        """See Run."""
        return self._with_nodes(super().told())

    def _with_nodes(self, result: dict[str, Any]) -> dict[str, Any]:
        nodes = [result_of(mark) for mark in self.marks]
        nodes += [{"name": name, "result": ABSENT} for name in self.journey.marks.get("missing", [])]
        result["nodes"] = nodes
        if self.module._diff:
            before = self.journey.marks.get("before", {})
            result["diff"] = {"before": before, "after": self._after(nodes, before) if result["changed"] else before}
        return result

    def _after(self, nodes: list[dict[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
        if self.wish.state == ADDED:
            more = self.planned.adding if self.module.check_mode else self.journey.marks["added"]
            return {**before, "target_count": before["target_count"] + more}
        return {
            node["name"]: {"instance_id": node["instance_id"], "status": f"{node['status']}, {node['result']}"}
            for node in nodes
            if node["result"] != ABSENT
        }

    def explained(self, text: str, said: str, described: Mapping[str, Any] | None, **details: Any) -> HyperPodError:
        """See Run; while it is waited for nodes, the cluster is not described."""
        if described is None:
            described = api.describe_cluster(self.client, self.name)
        return super().explained(text, said, described, **details)

    def concerned(self) -> set[str] | None:
        """See Task."""
        wrong = [mark for mark in self.marks if mark["result"] in ("failed", "requested")]
        return {str(mark[key]) for mark in wrong for key in ("before", "instance_id") if mark[key]}

    def aim(self) -> str:
        """See Task."""
        verb = {ABSENT: "gone", ADDED: "running"}.get(self.wish.state, self.wish.state)
        return f"Nodes of cluster {self.name} are not all {verb}"


def _nobody(group: str) -> Member:
    """Stands for nodes that were never made."""
    return Member(group, None, None, group, "", None, "NotFound", None)
