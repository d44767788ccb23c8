# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: shows on the controller how far a module is that waits.

The module runs where the task runs, with the task's credentials, connection and become, and can't speak until it ends.
So the wait is cut into slices: the module polls and returns as soon as there is a line to show (something has changed,
or a minute has passed), and is started again with what it knows so far. That costs the start of a module for each line
shown, not for each poll, and needs nothing that a connection may lack: no shared file, no second channel. Lines go
through Ansible's own display at default verbosity, so terminals, CI logs and AWX all get them.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

VARIABLE = "hyperpod_progress"


class ProgressAction(ActionBase):  # type: ignore[misc]  # ansible-core is not type checked here
    """Run the module, in slices if its progress is to be shown."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, as if it had run in one piece."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        wrap_async = self._task.async_val and not self._connection.has_native_async
        if self._task.async_val or not self._wanted(variables):
            result.update(self._execute_module(task_vars=variables, wrap_async=wrap_async))
        else:
            result.update(self._in_slices(variables))
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _wanted(self, variables: dict[str, Any]) -> bool:
        """Progress is on by default; a task that hides its results shows nothing either."""
        if self._task.no_log or self._task.check_mode:
            return False
        chosen = self._templar.template(variables.get(VARIABLE, True))
        return bool(boolean(chosen, strict=False)) and bool(
            boolean(self._task.args.get("progress", True), strict=False)
        )

    def _in_slices(self, variables: dict[str, Any]) -> dict[str, Any]:
        token: dict[str, Any] = {}
        warnings: list[Any] = []
        while True:
            arguments = {**self._task.args, "_resume": token}
            result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=variables)
            seen = result.pop("_progress", {})
            for line in seen.get("lines", []):
                self._display.display(line)
            warnings += [warning for warning in result.get("warnings", []) if warning not in warnings]
            if "token" not in seen:
                break
            token = seen["token"]
        if warnings:
            result["warnings"] = warnings
        result.get("invocation", {}).get("module_args", {}).pop("_resume", None)
        return result
