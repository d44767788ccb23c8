# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_health_check`` does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Look
from .._waiting.loop import Verdict
from . import api
from .common import HyperPodError
from .common import client_of
from .failure import log_group
from .health import HealthPlan
from .health import HealthWish
from .health import is_over
from .health import look_at
from .health import mark_of
from .health import plan_health
from .health import progress_text
from .health import result_of
from .health import same_check
from .parallel import CALLS_PER_SECOND
from .parallel import Pace
from .task import Step
from .task import Task

if TYPE_CHECKING:
    from .health import Mark

_BAD = frozenset({"failed", "replaced"})
# Logs that are read of nodes that did not pass.
_MAX_LOGS = 5
_LOG_LINES = 30


class HealthTask(Task):
    """One run of ``hyperpod_health_check``. The journey's marks hold the nodes and the operations."""

    def __init__(self, module: Any) -> None:
        """Prepare, see Task."""
        super().__init__(module)
        params = module.params
        self.wish = HealthWish(
            cluster=self.name,
            checks=tuple(params["deep_health_checks"]),
            groups=tuple(params["instance_groups"] or ()),
            nodes=tuple(params["nodes"] or ()),
        )
        self.planned = HealthPlan()
        self.described: dict[str, Any] | None = None

    @property
    def marks(self) -> list[Mark]:
        """What is known of each node."""
        marks: list[Mark] = self.journey.marks.setdefault("nodes", [])
        return marks

    def plan(self) -> Step:
        """See Task."""
        self.described = api.describe_cluster(self.client, self.name)
        members = [] if self.described is None else api.list_members(self.client, self.name)
        self.planned = plan_health(self.described, members, self.wish)
        if self.planned.calls:
            known = api.list_health_checks(self.client, self.name)
            running = self._running(known)
            others = [operation["OperationId"] for operation in known if operation["OperationId"] != running]
            self.journey.marks["before"] = others
            if running:
                self.planned = replace(self.planned, calls=(), busy=False)
        return Step(self.planned.refusal, self.planned.busy, self.planned.calls)

    def predicted(self) -> dict[str, Any]:
        """See Task."""
        self.marks[:] = [mark_of(node) for node in self.planned.targets]
        calls = [call.told() for call in self.planned.calls]
        return self._with_nodes({"changed": bool(calls), "calls": calls})

    def act(self) -> bool:
        """See Task."""
        self.marks[:] = [mark_of(node) for node in self.planned.targets]
        self.journey.marks["looks"] = 0
        pace = Pace(CALLS_PER_SECOND, self.waiter.clock, self.waiter.sleep)
        for call in self.planned.calls:
            pace.turn()
            self.note_call(call.operation, call.reason)
            api.start_health_check(self.client, call.request)
            self.journey.changed = True
        return bool(self.marks)

    def _running(self, known: list[dict[str, Any]]) -> str | None:
        """The id of an operation that is just what is asked for: a run that was interrupted is taken up."""
        for summary in known:
            if summary.get("Status") == "InProgress":
                operation = api.describe_operation(self.client, self.name, summary["OperationId"])
                if same_check(operation, self.planned.configurations):
                    return str(summary["OperationId"])
        return None

    def look(self) -> Look:
        """See Task."""
        members = api.list_members(self.client, self.name)
        if not members and api.describe_cluster(self.client, self.name) is None:
            return Look("not there", Verdict(failed="the cluster is gone: somebody else has deleted it"))
        known = api.list_health_checks(self.client, self.name)
        ours = [operation for operation in known if operation["OperationId"] not in self.journey.marks["before"]]
        self.journey.marks["looks"] += 1
        look_at(self.marks, members, is_over(ours, self.marks, self.journey.marks["looks"]))
        return Look(self.state(), Verdict(done=all(mark["result"] != "requested" for mark in self.marks)))

    def state(self) -> str:
        """See Task."""
        return progress_text(self.marks)

    def result(self) -> dict[str, Any]:
        """See Task."""
        bad = [mark for mark in self.marks if mark["result"] in _BAD]
        described = api.describe_cluster(self.client, self.name) if bad else None
        if described is not None:
            self._read_logs(described, bad)
        if bad and self.module.params["fail_on_unhealthy"]:
            named = ", ".join(f"{mark['before']} ({mark['result']})" for mark in bad[:10])
            text = f"{len(bad)} of {len(self.marks)} nodes of cluster {self.name} did not pass: {named}"
            said = "; ".join(dict.fromkeys(str(mark["message"]) for mark in bad if mark["message"]))
            raise self.explained(text, said or text, described)
        return self.told()

    def _read_logs(self, described: dict[str, Any], bad: list[Mark]) -> None:
        """The end of the results that the service left in CloudWatch Logs; whoever may not read them sees none."""
        group = log_group(described)
        try:
            logs = client_of(self.module, "logs")
            for mark in bad[:_MAX_LOGS]:
                mark["log"] = api.log_tail(logs, group, f"DeepHealthCheckResults/{mark['before']}", _LOG_LINES)
        except HyperPodError as error:
            self.module.warn(f"The results in CloudWatch Logs can't be read: {error}")

    def told(self) -> dict[str, Any]:
        """See Run."""
        return self._with_nodes(super().told())

    def _with_nodes(self, result: dict[str, Any]) -> dict[str, Any]:
        result["nodes"] = [
            {**result_of(mark), **({"log": mark["log"]} if mark.get("log") else {})} for mark in self.marks
        ]
        if self.module._diff:
            before = {mark["before"]: "not checked" for mark in self.marks}
            after = {mark["before"]: mark["result"] for mark in self.marks}
            result["diff"] = {"before": before, "after": after if result["changed"] else before}
        return result

    def concerned(self) -> set[str] | None:
        """See Task."""
        return {str(mark["before"]) for mark in self.marks if mark["result"] in _BAD}

    def aim(self) -> str:
        """See Task."""
        return f"The deep health check of cluster {self.name} is not over"
