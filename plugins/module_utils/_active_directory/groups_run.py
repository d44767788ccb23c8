# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ad_group does: read, plan, apply; members last, when all groups of the task are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from .checks import encodable
from .connection import reach_of
from .directory import Directory
from .errors import DirectoryError
from .groups import ATTRIBUTES
from .groups import Group
from .groups import is_dn
from .groups import plan_group
from .groups import plan_members
from .groups import wanted_groups
from .lookup import USERS_CONTAINER
from .lookup import accounts
from .lookup import by_dn
from .lookup import container_of
from .names import dn_key
from .names import within
from .objects import Each
from .objects import Outcome
from .objects import result_of
from .states import Entry
from .states import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEMBER = ("objectClass", "sAMAccountName", "primaryGroupID")
_HELD = ("member", "objectSid")


def run_groups(module: Any) -> dict[str, Any]:
    """The result of ad_group; ``module`` is an AnsibleModule.

    Raises:
        DirectoryError: nothing was done; says why.
    """
    encodable(module.params)
    directory = Directory(reach_of(module.params), module.params["base_dn"])
    try:
        return _GroupsTask(module, directory).run()
    finally:
        directory.close()


class _GroupsTask:
    def __init__(self, module: Any, directory: Directory) -> None:
        self._module = module
        self._directory = directory
        self._wanted = wanted_groups(module.params, directory.domain)
        self._current: dict[str, Entry] = {}
        self._members: dict[str, Entry] = {}
        self._held: dict[str, Entry] = {}
        self._container = ""
        self._plans: dict[str, Plan] = {}

    def run(self) -> dict[str, Any]:
        """Read all groups and all members at once, then do what is to be done with each group."""
        names = [group.name for group in self._wanted]
        self._current = accounts(self._directory, names, ATTRIBUTES)
        if any(
            group.present and group.path is None and group.name.lower() not in self._current for group in self._wanted
        ):
            self._container = container_of(self._directory, USERS_CONTAINER)
        each: Each[Group] = Each(self._directory, lambda group: group.name, self._group)
        made = each.run(self._wanted)
        with_members = [
            group
            for group, outcome in zip(self._wanted, made, strict=True)
            if group.present and group.members is not None and outcome.result != "failed"
        ]
        try:
            self._find_members(with_members)
            self._held = accounts(self._directory, [group.name for group in with_members], _HELD)
        except DirectoryError as error:
            # what was done with the groups themselves is told all the same
            filled = {group.name: Outcome(group.name, "failed", message=str(error)) for group in with_members}
        else:
            each = Each(self._directory, lambda group: group.name, self._membership)
            filled = {outcome.name: outcome for outcome in each.run(with_members)}
        outcomes = [both(outcome, filled.get(outcome.name)) for outcome in made]
        result = result_of("groups", outcomes, diff=self._module._diff)
        return {**result, "asked": dict(self._directory.asked)}

    def _group(self, group: Group, again: bool) -> Plan:
        current = self._read(group) if again else self._current.get(group.name.lower())
        plan = plan_group(current, group, container=self._container)
        self._plans[group.name] = plan
        self._carry_out(plan)
        return plan

    def _carry_out(self, plan: Plan) -> None:
        if not self._module.check_mode:
            for step in plan.steps:
                self._directory.apply(step)  # type: ignore[arg-type]  # groups have no passwords

    def _read(self, group: Group) -> Entry | None:
        return accounts(self._directory, [group.name], ATTRIBUTES).get(group.name.lower())

    def _find_members(self, groups: Sequence[Group]) -> None:
        """Look for all that are named as members, by account name and by distinguished name."""
        wanted = [member for group in groups for member in group.members or ()]
        self._members = accounts(self._directory, [member for member in wanted if not is_dn(member)], _MEMBER)
        dns = [within(member, self._directory.domain) for member in wanted if is_dn(member)]
        for entry in by_dn(self._directory, dns, _MEMBER):
            self._members[str(dn_key(entry.dn))] = entry
        if self._module.check_mode:
            # groups that this very task would make
            for name, plan in self._plans.items():
                if plan.result == "created":
                    self._members.setdefault(name.lower(), Entry(plan.dn, {}))
                    self._members.setdefault(str(dn_key(plan.dn)), Entry(plan.dn, {}))

    def _membership(self, group: Group, again: bool) -> Plan:
        plan = self._plans[group.name]
        held = accounts(self._directory, [group.name], _HELD) if again else self._held
        current = held.get(group.name.lower(), Entry(plan.dn, {}))
        members = plan_members(
            plan.dn,
            current.texts("member"),
            self._resolved(group),
            purge=group.purge_members,
            sid=current.first("objectSid"),
        )
        result = "changed" if members.steps else "unchanged"
        done = Plan(result, plan.dn, members.steps, {"members": members.before}, {"members": members.after})
        self._carry_out(done)
        return done

    def _resolved(self, group: Group) -> list[Entry]:
        """The members of a group.

        Raises:
            DirectoryError: some are not there; names them.
        """
        found: list[Entry] = []
        missing = []
        for member in group.members or ():
            key = str(dn_key(within(member, self._directory.domain))) if is_dn(member) else member.lower()
            entry = self._members.get(key)
            if entry is None:
                missing.append(member)
            else:
                found.append(entry)
        if missing:
            named = ", ".join(f"'{member}'" for member in missing[:10])
            more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
            raise DirectoryError(
                f"members that don't exist: {named}{more}; no member was changed",
                "make them first (ad_user, ad_group), or name them right: by account name or distinguished name",
            )
        return found


def both(made: Outcome, filled: Outcome | None) -> Outcome:
    """What became of a group and of its members."""
    if filled is None:
        return made
    if filled.result == "failed":
        return replace(made, result="failed", message=filled.message, touched=made.changed)
    if not filled.changed:
        return made
    return replace(
        made,
        result=made.result if made.changed else filled.result,
        changes=sorted({*made.changes, *filled.changes}),
        before={**(made.before or {}), **(filled.before or {})} if made.result != "created" else made.before,
        after={**(made.after or {}), **(filled.after or {})},
    )
