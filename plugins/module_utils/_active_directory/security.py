# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists of objects (MS-DTYP 2.4.4 to 2.4.6): entries that deny, and whether they are there. Pure.

Entries are kept as they are found, byte for byte; those we add go first, as the order of access lists wants denials.
"""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

from .attributes import sid_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

# access rights of directory objects, MS-ADTS 5.1.3.2
_DELETE_CHILD = 0x2
_SELF_WRITE = 0x8
_WRITE_PROPERTY = 0x20
_DELETE_TREE = 0x40
_EXTENDED_RIGHT = 0x100
_DELETE = 0x10000
_WRITE_DAC = 0x40000
_WRITE_OWNER = 0x80000

_EVERYONE = sid_bytes("S-1-1-0")
_PRINCIPAL_SELF = sid_bytes("S-1-5-10")
# the extended right User-Change-Password, MS-ADTS 5.1.3.2.1
_CHANGE_PASSWORD = uuid.UUID("ab721a53-1e2f-11d0-9819-00aa0040529b")

_DENIED = 0x1
_DENIED_OBJECT = 0x6
_DACL_PRESENT = 0x4
_SELF_RELATIVE = 0x8000
_ACL_REVISION_DS = 4
_HEAD = struct.Struct("<BBHIIII")
_ACL_HEAD = struct.Struct("<BBHHH")


def _deny(mask: int, sid: bytes) -> bytes:
    return struct.pack("<BBHI", _DENIED, 0, 8 + len(sid), mask) + sid


def _deny_right(right: uuid.UUID, sid: bytes) -> bytes:
    body = struct.pack("<II", _EXTENDED_RIGHT, 1) + right.bytes_le + sid
    return struct.pack("<BBH", _DENIED_OBJECT, 0, 4 + len(body)) + body


# What keeps an account from changing itself: its attributes, its password, its access list.
READ_ONLY = (
    _deny(
        _WRITE_PROPERTY | _SELF_WRITE | _EXTENDED_RIGHT | _DELETE | _WRITE_DAC | _WRITE_OWNER,
        _PRINCIPAL_SELF,
    ),
    _deny_right(_CHANGE_PASSWORD, _EVERYONE),
)
# What "protect object from accidental deletion" means: on the object, and on what it is in.
PROTECTED = (_deny(_DELETE | _DELETE_TREE, _EVERYONE),)
PROTECTS_CHILDREN = (_deny(_DELETE_CHILD, _EVERYONE),)


def entries_of(descriptor: bytes) -> list[bytes]:
    """The entries of the access list in a security descriptor."""
    offset = _HEAD.unpack_from(descriptor)[6]
    if not offset:
        return []
    _revision, _pad, _size, count, _pad2 = _ACL_HEAD.unpack_from(descriptor, offset)
    found, place = [], offset + _ACL_HEAD.size
    for _number in range(count):
        (size,) = struct.unpack_from("<H", descriptor, place + 2)
        found.append(descriptor[place : place + size])
        place += size
    return found


def has(descriptor: bytes, entries: Iterable[bytes]) -> bool:
    """Whether all these entries are in the access list."""
    return set(entries) <= set(entries_of(descriptor))


def with_entries(descriptor: bytes, *, add: Iterable[bytes] = (), remove: Iterable[bytes] = ()) -> bytes:
    """A descriptor with nothing but the access list: entries to add first, then those there are, without some."""
    wanted, unwanted = list(add), set(remove)
    kept = [entry for entry in entries_of(descriptor) if entry not in unwanted and entry not in wanted]
    body = b"".join([*wanted, *kept])
    acl = _ACL_HEAD.pack(_ACL_REVISION_DS, 0, _ACL_HEAD.size + len(body), len(wanted) + len(kept), 0) + body
    control = _HEAD.unpack_from(descriptor)[2] | _DACL_PRESENT | _SELF_RELATIVE
    return _HEAD.pack(1, 0, control, 0, 0, 0, _HEAD.size) + acl
