# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what each role did to a JSON file, while the run goes on and at its end."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: node_report
type: aggregate
short_description: Result of each role of a run, as a JSON file on the node
version_added: 0.1.0
description:
  - Keeps one JSON file per run with status, seconds, number of changes, and for a role that failed the task and its
    message. It says C(running) until the run has ended, so that a killed run shows.
  - Ends the run's log with a table of the roles.
  - Messages are masked. Of tasks with C(no_log) nothing is kept but the name.
author:
  - podforge contributors (@podforge)
requirements:
  - enable it by C(callbacks_enabled = podforge.hyperpod.node_report)
options:
  folder:
    description:
      - Folder of the files, one per run. The newest is also C(last.json) in the folder above, or C(last_check.json)
        when it was a run in check mode.
    type: path
    default: /var/lib/podforge/runs
    env:
      - name: PODFORGE_RUNS
    ini:
      - section: callback_node_report
        key: folder
  run_file:
    description:
      - File of a run that has begun already and is continued. Set by the lifecycle script's runner.
    type: path
    env:
      - name: PODFORGE_RUN_FILE
  bundle:
    description:
      - Id of the bundle that the playbook comes from.
    type: str
    default: ""
    env:
      - name: PODFORGE_BUNDLE
"""

import time
import typing as t
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.masking import mask
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report import CHANGED
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report import FAILED
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report import OK
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report import RoleResult
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.report import RunReport

# the roles of this collection go by their short names
_OWN = "podforge.hyperpod."


class CallbackModule(CallbackBase):  # type: ignore[misc] # ansible-core has no types
    """Counts results by role; tasks outside of roles count for the play."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "podforge.hyperpod.node_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._report: RunReport | None = None
        self._begin = time.monotonic()
        self._current: str | None = None
        self._failed: RoleResult | None = None

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Continue the file that the runner began, or begin one."""
        run_file = self.get_option("run_file")
        if run_file and Path(run_file).exists():
            self._report = RunReport.load(Path(run_file))
        else:
            check = bool(context.CLIARGS.get("check"))
            report = RunReport.new(Path(self.get_option("folder")), self.get_option("bundle"), check)
            self._report = report.begin()

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """Note the time; a change of role is written down."""
        self._begin = time.monotonic()
        name = _role_name(task)
        if name != self._current:
            self._current = name
            if self._report is not None:
                self._report.write()

    def v2_playbook_on_handler_task_start(self, task: t.Any) -> None:
        """Handlers count for their role."""
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Count a task that ran."""
        role = self._count(result)
        if _result(result).get("changed"):
            role.changed += 1
            if role.status == OK:
                role.status = CHANGED

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Keep the failed task; one that is rescued later is taken back at the end."""
        role = self._count(result)
        if not ignore_errors:
            role.fail(_task(result).get_name(), _message(result))
            self._failed = role
            if self._report is not None:
                self._report.write()

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """As failed: with a local connection the machine itself refused."""
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Complete the file and show the table."""
        if self._report is None:
            return
        failed = any(
            stats.summarize(host)["failures"] or stats.summarize(host)["unreachable"] for host in stats.processed
        )
        # there is one host and a failure ends the run, so every failure but the last one was rescued
        for role in self._report.roles.values():
            if role.status == FAILED and not (failed and role is self._failed):
                role.status = CHANGED if role.changed else OK
                role.failed_task = role.message = None
        self._report.finish(FAILED if failed else OK)
        for line in self._report.table():
            self._display.display(line)

    def _count(self, result: t.Any) -> RoleResult:
        report = self._report
        role = report.role(_role_name(_task(result))) if report is not None else RoleResult()
        now = time.monotonic()
        role.seconds += now - self._begin
        self._begin = now
        return role


def _task(result: t.Any) -> t.Any:
    # the name without underscore is public from ansible-core 2.19 on
    return result.task if hasattr(result, "task") else result._task


def _result(result: t.Any) -> t.Mapping[str, t.Any]:
    found: t.Mapping[str, t.Any] = result.result if hasattr(result, "result") else result._result
    return found


def _role_name(task: t.Any) -> str:
    role = getattr(task, "_role", None)
    return str(role.get_name()).removeprefix(_OWN) if role is not None else "play"


def _message(result: t.Any) -> str:
    values = _result(result)
    if _task(result).no_log or values.get("_ansible_no_log"):
        return "hidden, since the task has no_log"
    parts = [str(values[key]).strip() for key in ("msg", "stderr") if values.get(key)]
    for item in values.get("results") or ():
        if isinstance(item, dict) and item.get("failed") and item.get("msg"):
            parts.append("hidden by no_log" if item.get("_ansible_no_log") else str(item["msg"]))
    return mask("\n".join(parts[:3]) or "no message")
