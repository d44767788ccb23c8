# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of attributes: the directory's form and ours (MS-ADTS, MS-DTYP, the schema at learn.microsoft.com). Pure."""

from __future__ import annotations

import re
import struct
import uuid
from datetime import datetime
from datetime import timedelta
from datetime import timezone

from .errors import DirectoryError

# userAccountControl, MS-ADTS 2.2.16
DISABLED = 0x2
NO_PASSWORD_REQUIRED = 0x20
NORMAL_ACCOUNT = 0x200
NEVER_EXPIRES = 0x10000
# groupType, MS-ADTS 2.2.12
SCOPES = {"global": 0x2, "domain_local": 0x4, "universal": 0x8}
_SECURITY = 0x80000000
_BUILTIN = 0x1
# accountExpires and the like: 100 ns since 1601, and two ways to say never
_NEVER = frozenset({0, 0x7FFFFFFFFFFFFFFF})
NEVER = 0x7FFFFFFFFFFFFFFF
_EPOCH = datetime(1601, 1, 1, tzinfo=timezone.utc)
_GENERALIZED = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z\Z")
# msDS-Behavior-Version, MS-ADTS 6.1.4.4
_LEVELS = {0: "2000", 2: "2003", 3: "2008", 4: "2008 R2", 5: "2012", 6: "2012 R2", 7: "2016", 10: "2025"}


def password_value(password: str) -> bytes:
    """A password as the attribute unicodePwd takes it: quoted, UTF-16 (MS-ADTS 3.1.1.3.1.5.1)."""
    return f'"{password}"'.encode("utf-16-le")


def sid_text(value: bytes) -> str:
    """A security identifier as text, as in S-1-5-21-1-2-3-1104 (MS-DTYP 2.4.2)."""
    revision, count = value[0], value[1]
    authority = int.from_bytes(value[2:8], "big")
    parts = struct.unpack(f"<{count}I", value[8 : 8 + 4 * count])
    return "-".join(["S", str(revision), str(authority), *map(str, parts)])


def sid_bytes(text: str) -> bytes:
    """The directory's form of a security identifier."""
    _s, revision, authority, *parts = text.split("-")
    head = bytes([int(revision), len(parts)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(parts)}I", *map(int, parts))


def rid_of(sid: bytes) -> int:
    """The last part of a security identifier: the number of the object in its domain."""
    return int.from_bytes(sid[-4:], "little")


def guid_text(value: bytes) -> str:
    """A GUID as text."""
    return str(uuid.UUID(bytes_le=value))


def level_text(value: int) -> str:
    """The Windows Server release that a functional level is named after."""
    return _LEVELS.get(value, f"level {value}")


def file_time(value: int) -> str:
    """A file time as ISO 8601 in UTC; ``never`` for those that mean it."""
    if value in _NEVER or value < 0:
        return "never"
    try:
        moment = _EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        return "never"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry(text: str) -> int:
    """A point in time, ISO 8601 (UTC unless it names a zone; a date means its beginning) or ``never``, as file time.

    Raises:
        DirectoryError: it is neither, or before 1601.
    """
    if text == "never":
        return NEVER
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise DirectoryError(
            f"'{text}' is no point in time", "write 2026-12-31, 2026-12-31T18:00:00Z or never"
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    seconds = int((moment - _EPOCH).total_seconds())
    if seconds <= 0:
        raise DirectoryError(f"'{text}' is before 1601, where the directory's time begins", "give a later one")
    return seconds * 10_000_000


def duration_days(value: int) -> float | None:
    """A duration of the password policy in days (negative 100 ns); None where it does not end."""
    return None if value in {0, -0x8000000000000000} else round(-value / 864_000_000_000, 2)


def generalized_time(text: str) -> str:
    """A generalized time as ISO 8601."""
    found = _GENERALIZED.match(text)
    return "{}-{}-{}T{}:{}:{}Z".format(*found.groups()) if found else text


def group_type(scope: str, category: str) -> int:
    """The attribute groupType: a signed number of 32 bits."""
    value = SCOPES[scope] | (_SECURITY if category == "security" else 0)
    return value - 0x100000000 if value & _SECURITY else value


def scope_of(value: int) -> str:
    """Scope of a group by its groupType."""
    return next((name for name, bit in SCOPES.items() if value & bit), "domain_local")


def category_of(value: int) -> str:
    """Category of a group by its groupType."""
    return "security" if value & _SECURITY else "distribution"


def is_builtin(value: int) -> bool:
    """Whether the system made the group."""
    return bool(value & _BUILTIN)
