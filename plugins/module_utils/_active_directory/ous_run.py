# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ad_ou does: read, plan, apply."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .checks import encodable
from .connection import reach_of
from .directory import Directory
from .lookup import by_dn
from .names import dn_key
from .names import is_below
from .names import parent_of
from .names import same_dn
from .objects import Each
from .objects import result_of
from .ous import ATTRIBUTES
from .ous import DESCRIPTOR
from .ous import Found
from .ous import Unit
from .ous import plan_unit
from .ous import wanted_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .states import Entry
    from .states import Plan

_ANY = "(objectClass=*)"


def run_units(module: Any) -> dict[str, Any]:
    """The result of ad_ou; ``module`` is an AnsibleModule.

    Raises:
        DirectoryError: nothing was done; says why.
    """
    encodable(module.params)
    directory = Directory(reach_of(module.params), module.params["base_dn"])
    try:
        return _UnitsTask(module, directory).run()
    finally:
        directory.close()


class _UnitsTask:
    def __init__(self, module: Any, directory: Directory) -> None:
        self._module = module
        self._directory = directory
        self._wanted = wanted_units(module.params, directory.domain)
        self._current: dict[Any, Entry] = {}
        self._gone: list[str] = []

    def run(self) -> dict[str, Any]:
        """Read all units at once, then do what is to be done with each."""
        found = by_dn(self._directory, [unit.dn for unit in self._wanted], [*ATTRIBUTES, DESCRIPTOR])
        self._current = {dn_key(entry.dn): entry for entry in found}
        each: Each[Unit] = Each(self._directory, lambda unit: unit.name, self._one)
        outcomes = {outcome.name: outcome for outcome in each.run(self._wanted)}
        ordered = [outcomes[item["path"]] for item in self._module.params["ous"]]
        result = result_of("ous", ordered, diff=self._module._diff)
        return {**result, "asked": dict(self._directory.asked)}

    def _one(self, unit: Unit, again: bool) -> Plan:
        entry = self._read(unit) if again else self._current.get(dn_key(unit.dn))
        plan = plan_unit(self._found(unit, entry), unit)
        if self._module.check_mode:
            if plan.result == "removed":
                self._gone.append(plan.dn)
            return plan
        self._apply(plan.steps)
        if plan.again:
            self._apply(plan_unit(self._found(unit, self._read(unit)), unit).steps)
        return plan

    def _apply(self, steps: Sequence[Any]) -> None:
        for step in steps:
            self._directory.apply(step)

    def _read(self, unit: Unit) -> Entry | None:
        return self._directory.read(unit.dn, [*ATTRIBUTES, DESCRIPTOR])

    def _found(self, unit: Unit, entry: Entry | None) -> Found:
        """What a plan has to know: what is inside of those that are to go, the parent's list for the protected."""
        if entry is None:
            return Found(None)
        if not unit.present:
            inside = self._directory.search(_ANY, ["objectSid"], base=entry.dn)
            gone = [dn for dn in self._gone if is_below(dn, entry.dn)]
            others = [
                each
                for each in inside
                if not same_dn(each.dn, entry.dn) and not any(is_below(each.dn, dn) for dn in gone)
            ]
            own = self._directory.own_sids if others else frozenset()
            return Found(entry, len(others), any(each.first("objectSid") in own for each in others))
        if unit.protected:
            parent = self._directory.read(parent_of(entry.dn), [DESCRIPTOR])
            return Found(entry, parent_descriptor=parent.first(DESCRIPTOR) if parent else b"")
        return Found(entry)
