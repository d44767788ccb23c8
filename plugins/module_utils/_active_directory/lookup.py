# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects by the names that users have for them, many in one search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import DirectoryError
from .names import any_of
from .names import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .directory import Directory
    from .states import Entry

# Names in one search: well below what a domain controller takes as a filter
_AT_ONCE = 200
# GUIDs of well-known containers, MS-ADTS 6.1.1.4
USERS_CONTAINER = "A9D1CA15768811D1ADED00C04FD8D5CD"


def accounts(directory: Directory, names: Sequence[str], attributes: Sequence[str]) -> dict[str, Entry]:
    """Users, groups and computers of the whole domain by their account names in small letters."""
    return _found(directory, "sAMAccountName", names, attributes)


def by_dn(directory: Directory, dns: Sequence[str], attributes: Sequence[str]) -> list[Entry]:
    """Objects by their distinguished names, in any order; those that aren't there are missing."""
    return list(_found(directory, "distinguishedName", dns, attributes).values())


def _found(directory: Directory, attribute: str, values: Sequence[str], attributes: Sequence[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for portion in chunks(list(dict.fromkeys(values)), _AT_ONCE):
        wanted = list(dict.fromkeys([*attributes, attribute]))
        for entry in directory.search(any_of(attribute, portion), wanted, base=directory.domain):
            found[entry.text(attribute).lower()] = entry
    return found


def container_of(directory: Directory, guid: str) -> str:
    """The distinguished name of a well-known container, wherever it was redirected to.

    Raises:
        DirectoryError: the domain does not tell.
    """
    domain = directory.read(directory.domain, ["wellKnownObjects"])
    for value in domain.texts("wellKnownObjects") if domain else []:
        _kind, _length, found, dn = value.split(":", 3)
        if found.upper() == guid:
            return dn
    raise DirectoryError("The domain does not tell where new accounts go", "give path")
