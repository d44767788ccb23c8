# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what roles declare, for the module ``system_packages``, and spares the node what this play has done already."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

OWN_COLLECTION = "podforge.hyperpod"
# roles whose packages are there, and further packages, as a fact of the node
DONE = "system_packages_done"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core is not type checked here
    """Fill in ``declared``, then run the module, unless an earlier task of the play has had all of it."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        roles = arguments.get("roles") or []
        names = [full_name(name) for name in ([roles] if isinstance(roles, str) else roles)]
        packages = arguments.get("names") or []
        wanted = {*names, *(f"package {name}" for name in ([packages] if isinstance(packages, str) else packages))}
        done = done_already((task_vars or {}).get("ansible_facts", {}).get(DONE))
        if wanted and wanted <= done and not any(arguments.get(key) for key in ("hold", "unhold")):
            nothing: dict[str, Any] = {"installed": [], "held": [], "unheld": [], "waited": {}, "missing": {}}
            return {**result, "changed": False, **nothing}
        arguments["declared"] = {name: self._declared(name) for name in names}
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars or {}))
        if not result.get("failed"):
            result["ansible_facts"] = {DONE: {"run": this_run(), "done": sorted(done | wanted)}}
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _declared(self, name: str) -> dict[str, Any]:
        folder = role_folder(name)
        path = folder / "vars" / "packages.yml"
        if not path.exists():
            return {}
        variable = f"__{folder.name}_packages"
        content = self._loader.load_from_file(str(path))
        if not isinstance(content, dict) or list(content) != [variable] or not isinstance(content[variable], dict):
            raise AnsibleActionFail(f"{path} must set {variable}, a dict of lists of packages by operating system")
        return dict(content[variable])


def this_run() -> int:
    """The process of this run of Ansible: facts may be kept for other runs, what is installed may not be there then."""
    return os.getppid()


def done_already(fact: Any) -> set[str]:
    """Roles and packages that an earlier task of this run has seen to on this host."""
    if not isinstance(fact, dict) or fact.get("run") != this_run():
        return set()
    return set(fact.get("done", ()))


def full_name(name: str) -> str:
    """``namespace.collection.role``."""
    return name if "." in name else f"{OWN_COLLECTION}.{name}"


def role_folder(name: str) -> Path:
    """Where a role is.

    Raises:
        AnsibleActionFail: there is none of that name.
    """
    namespace, _dot, rest = name.partition(".")
    collection, _dot, role = rest.partition(".")
    try:
        found = importlib.util.find_spec(f"ansible_collections.{namespace}.{collection}")
    except (ImportError, ValueError):
        found = None
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / "roles" / role
        if role and folder.is_dir():
            return folder
    raise AnsibleActionFail(f"roles: there is no role {name}; write namespace.collection.role")
