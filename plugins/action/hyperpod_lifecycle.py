# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the module ``hyperpod_lifecycle`` where the collections are, which only Ansible's own process knows."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

OWN_COLLECTION = "podforge.hyperpod"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core is not type checked here
    """Fill in ``collection_paths``, then run the module."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        named = arguments.get("collections") or []
        wanted = [OWN_COLLECTION, *([named] if isinstance(named, str) else named)]
        given = arguments.get("collection_paths") or {}
        if isinstance(given, dict):
            arguments["collection_paths"] = {name: given.get(name) or collection_path(name) for name in wanted}
        wrap_async = self._task.async_val and not self._connection.has_native_async
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars or {}, wrap_async=wrap_async))
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result


def collection_path(name: str) -> str:
    """Folder of an installed collection.

    Raises:
        AnsibleActionFail: it is not installed where this playbook runs.
    """
    try:
        package = import_module(f"ansible_collections.{name}")
    except ImportError as error:
        raise AnsibleActionFail(
            f"collection {name!r} is not installed here; run: ansible-galaxy collection install {name}"
        ) from error
    return str(next(iter(package.__path__)))
