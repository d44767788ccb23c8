# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directory is meant. Pure.

The service lets several directories have the same name, even in one VPC: only the id is unique.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from .states import MICROSOFT_AD
from .states import SHARED
from .states import domain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .states import Desired


@dataclass(frozen=True)
class Choice:
    """The directory that is meant, if it is there, or why it can't be told."""

    directory: Mapping[str, Any] | None = None
    refusal: str | None = None


def vpc_of(directory: Mapping[str, Any]) -> str:
    """Its VPC; that of the owner's directory has no meaning here."""
    return str((directory.get("VpcSettings") or directory.get("ConnectSettings") or {}).get("VpcId", ""))


def choose(directories: Iterable[Mapping[str, Any]], desired: Desired) -> Choice:
    """Find the directory by id, or by name and, if it is given, VPC."""
    there = [item for item in directories if item.get("Stage") != "Deleted"]
    if desired.directory_id:
        found = [item for item in there if item["DirectoryId"] == desired.directory_id]
        if not found and desired.state == "present":
            return Choice(
                refusal=f"directory_id: there is no directory {desired.directory_id} in this account and region"
            )
        return _judged(found, desired)
    named = [item for item in there if domain(item.get("Name", "")) == domain(desired.name or "")]
    if desired.vpc_id:
        named = [item for item in named if vpc_of(item) == desired.vpc_id]
    # What goes is in nobody's way while there is another one.
    staying = [item for item in named if item.get("Stage") != "Deleting"]
    return _judged(staying or named[:1], desired)


def _judged(found: list[Mapping[str, Any]], desired: Desired) -> Choice:
    if not found:
        return Choice()
    if len(found) > 1:
        listed = ", ".join(
            f"{item['DirectoryId']} ({item.get('Type')}, {item.get('Stage')}"
            f"{f', {vpc_of(item)}' if vpc_of(item) else ''})"
            for item in found
        )
        return Choice(refusal=f"name: {len(found)} directories are called {desired.name}: {listed}. Give directory_id")
    (one,) = found
    kind = one.get("Type")
    if kind == SHARED:
        owner = one.get("OwnerDirectoryDescription", {}).get("AccountId", "another account")
        return Choice(
            refusal=f"directory {one['DirectoryId']} ({one.get('Name')}) is shared with this account by {owner}: it can"
            " be managed only there"
        )
    if kind != MICROSOFT_AD:
        return Choice(
            refusal=f"directory {one['DirectoryId']} ({one.get('Name')}) is of type {kind}, not {MICROSOFT_AD}: choose"
            " another name, or delete it first"
        )
    if desired.name and domain(one.get("Name", "")) != domain(desired.name):
        return Choice(
            refusal=f"directory {one['DirectoryId']} is called {one.get('Name')}, wanted {desired.name}: a directory"
            " can't be renamed; correct name or directory_id"
        )
    return Choice(directory=one)
