# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task wants of organizational units, and what to do with one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from . import security
from .checks import Problems
from .errors import DirectoryError
from .names import domain_of
from .names import name_problem
from .names import parent_of
from .names import same_dn
from .names import split_dn
from .names import within
from .states import REPLACE
from .states import Add
from .states import Delete
from .states import Modify
from .states import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import Entry
    from .states import Step

DESCRIPTOR = "nTSecurityDescriptor"
ATTRIBUTES = ("objectClass", "description", "isCriticalSystemObject")
_LONGEST_DESCRIPTION = 1024


@dataclass(frozen=True)
class Unit:
    """An organizational unit as a task wants it; None: as it is."""

    name: str
    dn: str
    present: bool = True
    description: str | None = None
    protected: bool | None = None
    recursive: bool = False


@dataclass(frozen=True)
class Found:
    """What there is of a unit: itself, how much is in it, whether the task's account is, its parent's access list."""

    entry: Entry | None
    inside: int = 0
    own_account: bool = False
    parent_descriptor: bytes = b""


def wanted_units(params: Mapping[str, Any], base: str) -> list[Unit]:
    """The units of a task, in an order in which they can be made and removed: the topmost first, to be removed last.

    Args:
        params: the module's options.
        base: distinguished name of the domain.

    Raises:
        DirectoryError: something is wrong with one or more of them; all problems at once.
    """
    problems = Problems("ous", [item["path"] for item in params["ous"]])
    found: list[Unit] = []
    places: dict[str, int] = {}
    for index, item in enumerate(params["ous"]):
        with problems.of(index):
            unit = _wanted(item, params, base, problems)
            before = next((number for dn, number in places.items() if same_dn(dn, unit.dn)), None)
            problems.note("", "" if before is None else f"it is in the list already, as ous[{before}]")
            places[unit.dn] = index
            found.append(unit)
    problems.stop()
    return sorted(found, key=lambda unit: len(split_dn(unit.dn)) * (1 if unit.present else -1))


def _wanted(item: Mapping[str, Any], params: Mapping[str, Any], base: str, problems: Problems) -> Unit:
    dn = within(item["path"], base)
    kind, name = split_dn(dn)[0][0]
    if kind.lower() != "ou":
        raise DirectoryError(
            f"'{item['path']}' is no organizational unit",
            f"begin with OU=, as in OU=Groups,OU=CORP for {domain_of(base)}",
        )
    problems.note("path", name_problem(name))
    if len(item["description"] or "") > _LONGEST_DESCRIPTION:
        problems.note(
            "description", f"it has {len(item['description'])} characters, {_LONGEST_DESCRIPTION} are allowed"
        )
    recursive = item["recursive"]
    return Unit(
        name=item["path"],
        dn=dn,
        present=(item["state"] or params["state"]) == "present",
        description=item["description"],
        protected=item["protected"],
        recursive=params["recursive"] if recursive is None else recursive,
    )


def plan_unit(found: Found, wanted: Unit) -> Plan:
    """What to do with a unit.

    Raises:
        DirectoryError: it can't be done; says why.
    """
    entry = found.entry
    if not wanted.present:
        return _removal(found, wanted)
    if entry is None:
        attributes = {"objectClass": [b"top", b"organizationalUnit"]}
        told: dict[str, Any] = {"dn": wanted.dn}
        if wanted.description:
            attributes["description"] = [wanted.description.encode()]
            told["description"] = wanted.description
        if wanted.protected:
            told["protected"] = True
        steps = (Add(wanted.dn, attributes),)
        return Plan("created", wanted.dn, steps, {}, told, again=wanted.protected is not None)
    return _change(found, entry, wanted)


def _removal(found: Found, wanted: Unit) -> Plan:
    entry = found.entry
    if entry is None:
        return Plan("absent", "")
    if entry.text("isCriticalSystemObject").upper() == "TRUE":
        raise DirectoryError("the domain itself needs it", "leave it")
    if found.own_account:
        raise DirectoryError("the account that this task runs as is in it", "do that with another bind_user")
    if found.inside and not wanted.recursive:
        raise DirectoryError(
            f"it is not empty: {found.inside} objects are in it", "remove these first, or set recursive: true"
        )
    descriptor = entry.first(DESCRIPTOR)
    protected = bool(descriptor) and security.has(descriptor, security.PROTECTED)
    steps: list[Step] = []
    if protected:
        if wanted.protected is not False:
            raise DirectoryError("it is protected from accidental deletion", "set protected: false as well")
        bare = security.with_entries(descriptor, remove=security.PROTECTED)
        steps.append(Modify(entry.dn, {DESCRIPTOR: (REPLACE, [bare])}))
    steps.append(Delete(entry.dn, tree=bool(found.inside)))
    return Plan("removed", entry.dn, tuple(steps), {"dn": entry.dn, "objects_inside": found.inside}, {})


def _change(found: Found, entry: Entry, wanted: Unit) -> Plan:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    steps: list[Step] = []
    send: dict[str, tuple[str, list[bytes]]] = {}
    if wanted.description is not None and entry.text("description") != wanted.description:
        send["description"] = (REPLACE, [wanted.description.encode()] if wanted.description else [])
        before["description"], after["description"] = entry.text("description"), wanted.description
    if wanted.protected is not None:
        descriptor = _readable(entry.first(DESCRIPTOR))
        is_now = security.has(descriptor, security.PROTECTED)
        if wanted.protected and not security.has(_readable(found.parent_descriptor), security.PROTECTS_CHILDREN):
            value = security.with_entries(found.parent_descriptor, add=security.PROTECTS_CHILDREN)
            steps.append(Modify(parent_of(entry.dn), {DESCRIPTOR: (REPLACE, [value])}))
            before["protected"], after["protected"] = False, True
        if is_now != wanted.protected:
            given = {"add": security.PROTECTED} if wanted.protected else {"remove": security.PROTECTED}
            send[DESCRIPTOR] = (REPLACE, [security.with_entries(descriptor, **given)])
            before["protected"], after["protected"] = is_now, wanted.protected
    if send:
        steps.append(Modify(entry.dn, send))
    return Plan("changed" if steps else "unchanged", entry.dn, tuple(steps), before, after)


def _readable(descriptor: bytes) -> bytes:
    if not descriptor:
        raise DirectoryError(
            "the access list of it or of what it is in can't be read, which protected needs",
            "use an account that may read and write permissions there, or leave protected out",
        )
    return descriptor
