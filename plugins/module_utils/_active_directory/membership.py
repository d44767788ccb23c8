# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in what, nested: all groups of the domain as a graph, so that nothing is asked for each object. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .attributes import rid_of
from .names import dn_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .states import Entry

# The key of an object: what all ways to write its distinguished name have in common.
Key = tuple[tuple[tuple[str, str], ...], ...]


class Memberships:
    """The groups of a domain and their members.

    Args:
        groups: all groups, with ``member`` and ``objectSid``.
    """

    def __init__(self, groups: Iterable[Entry]) -> None:
        self._dn: dict[Key, str] = {}
        self._members: dict[Key, list[Key]] = {}
        self._groups: dict[Key, list[Key]] = {}
        self._primary: dict[int, Key] = {}
        listed = [(self._known(group.dn), group) for group in groups]
        for own, group in listed:
            sid = group.first("objectSid")
            if sid:
                self._primary[rid_of(sid)] = own
            members = [self._known(dn) for dn in group.texts("member")]
            self._members[own] = members
            for member in members:
                self._groups.setdefault(member, []).append(own)

    def _known(self, dn: str) -> Key:
        key = dn_key(dn)
        self._dn.setdefault(key, dn)
        return key

    def _told(self, keys: Iterable[Key]) -> list[str]:
        return sorted(self._dn[key] for key in keys)

    def groups_of(self, entry: Entry, *, nested: bool) -> list[str]:
        """Distinguished names of the groups that an object is in, its primary group included."""
        own = self._known(entry.dn)
        primary = self._primary.get(entry.number("primaryGroupID") or 0)
        first = [*self._groups.get(own, ()), *([primary] if primary else ())]
        return self._told(_reached(first, self._groups, own) if nested else first)

    def members_of(self, entry: Entry, *, nested: bool) -> list[str]:
        """Distinguished names of the listed members of a group; those whose primary group it is are not listed."""
        own = self._known(entry.dn)
        first = self._members.get(own, [])
        return self._told(_reached(first, self._members, own) if nested else first)


def _reached(first: Iterable[Key], edges: Mapping[Key, list[Key]], start: Key) -> set[Key]:
    """All that can be reached; groups may be members of each other in a circle."""
    found: set[Key] = set()
    waiting = deque(first)
    while waiting:
        key = waiting.popleft()
        if key not in found:
            found.add(key)
            waiting.extend(edges.get(key, ()))
    return found - {start}
