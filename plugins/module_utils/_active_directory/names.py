# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguished names (RFC 4514), search filters (RFC 4515) and account names. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence

# A relative name: its pairs of type and value, nearly always one.
Rdn = tuple[tuple[str, str], ...]

_TYPE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\Z")
_SPECIAL = frozenset('"+,;<>\\=')
_EXAMPLE = "OU=Users,OU=CORP,DC=corp,DC=example,DC=com"
_UNESCAPED = frozenset('";<>')
_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
_HEX = re.compile(r"#(?:[0-9A-Fa-f]{2}){2,}\Z")
# learn.microsoft.com/windows/win32/adschema/a-samaccountname, and the rules of user and group names there
_ACCOUNT_FORBIDDEN = '"/\\[]:;|=,+*?<>'
_ACCOUNT_LENGTHS = {"user": 20, "group": 256}
# rangeUpper of the attributes cn and ou in the schema
NAME_LENGTH = 64


def escape_filter(value: str | bytes) -> str:
    r"""A value for a search filter, RFC 4515: what has a meaning there or isn't printable ASCII as ``\xx``."""
    if isinstance(value, bytes):
        return "".join(f"\\{byte:02x}" for byte in value)
    data = value.encode()
    # ldap3 strips blanks at the ends
    inner = range(len(data) - len(data.lstrip(b" ")), len(data.rstrip(b" ")))
    return "".join(
        chr(byte) if index in inner and 0x20 <= byte < 0x7F and chr(byte) not in "*()\\" else f"\\{byte:02x}"
        for index, byte in enumerate(data)
    )


def filter_problem(text: str) -> str:
    """What is wrong with a filter that is to be joined with others; empty if nothing is. Its terms are the server's."""
    depth = 0
    for index, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0 and index < len(text) - 1:
            break
    else:
        if text and depth == 0:
            return ""
    return f"'{text}' is not one filter in parentheses, as in (department=research) or (&(cn=a*)(!(cn=ab)))"


def any_of(attribute: str, values: Iterable[str | bytes]) -> str:
    """A filter for objects whose attribute has one of the values."""
    return "(|" + "".join(f"({attribute}={escape_filter(value)})" for value in values) + ")"


def escape_value(value: str) -> str:
    """A value for a distinguished name, RFC 4514; control characters as hexadecimal pairs too, for legibility."""
    last = len(value) - 1
    parts = []
    for index, char in enumerate(value):
        if ord(char) < 0x20 or ord(char) == 0x7F:
            parts.append(f"\\{ord(char):02X}")
        elif char in _SPECIAL or (index == 0 and char in " #") or (index == last and char == " "):
            parts.append(f"\\{char}")
        else:
            parts.append(char)
    return "".join(parts)


def join_dn(names: Iterable[Rdn]) -> str:
    """The text of a distinguished name."""
    return ",".join("+".join(f"{kind}={escape_value(value)}" for kind, value in rdn) for rdn in names)


def split_dn(dn: str) -> tuple[Rdn, ...]:
    """The relative names of a distinguished name, the object's own first, with values as they are, not escaped.

    Raises:
        DirectoryError: it isn't one; names the place.
    """
    if not dn.strip():
        raise DirectoryError(
            "A distinguished name is empty", "write it as in OU=Users,OU=CORP,DC=corp,DC=example,DC=com"
        )
    return tuple(tuple(_pair(dn, pair) for pair in _cut(component, "+")) for component in _cut(dn, ","))


def _cut(text: str, separator: str) -> list[str]:
    """``text`` cut at separators that aren't escaped; the escapes stay."""
    parts, start, index = [], 0, 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == separator:
            parts.append(text[start:index])
            start = index + 1
        index += 1
    return [*parts, text[start:]]


def _pair(dn: str, text: str) -> tuple[str, str]:
    kind, equals, value = text.partition("=")
    if not equals or not _TYPE.match(kind.strip()):
        shown = text.strip() or "an empty part"
        raise DirectoryError(
            f"'{dn}' is not a distinguished name: '{shown}' is not of the form TYPE=value",
            f"write it as in {_EXAMPLE}; a comma within a name is written \\,",
        )
    return kind.strip(), _unescaped(dn, value)


def _unescaped(dn: str, text: str) -> str:
    text = text.lstrip(" ")
    while text.endswith(" ") and not _ends_escaped(text[:-1]):
        text = text[:-1]
    if not text:
        raise DirectoryError(f"'{dn}' is not a distinguished name: a part has no value")
    if text.startswith("#"):
        # the BER form: type and length, then the value
        return _decoded(dn, bytes.fromhex(text[1:])[2:]) if _HEX.match(text) else _broken(dn, text)
    data, index = bytearray(), 0
    while index < len(text):
        char = text[index]
        if char in _UNESCAPED:
            _broken(dn, text)
        elif char != "\\":
            data += char.encode()
            index += 1
        elif _PAIR.match(text, index + 1):
            data.append(int(text[index + 1 : index + 3], 16))
            index += 3
        elif index + 1 < len(text):
            data += text[index + 1].encode()
            index += 2
        else:
            _broken(dn, text)
    return _decoded(dn, bytes(data))


def _ends_escaped(text: str) -> bool:
    """Whether what follows ``text`` is escaped: it ends in an odd number of backslashes."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _decoded(dn: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _broken(dn, data.decode("utf-8", "backslashreplace"))


def _broken(dn: str, text: str) -> str:
    raise DirectoryError(f"'{dn}' is not a distinguished name: '{text}' has an escape that is none, or one is missing")


def dn_key(dn: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    """What two ways to write the same distinguished name have in common: the directory ignores case."""
    return tuple(tuple(sorted((kind.lower(), value.lower()) for kind, value in rdn)) for rdn in split_dn(dn))


def same_dn(first: str, second: str) -> bool:
    """Whether two distinguished names mean the same object."""
    return dn_key(first) == dn_key(second)


def is_below(dn: str, base: str) -> bool:
    """Whether an object is the base or below it."""
    own, root = dn_key(dn), dn_key(base)
    return len(own) >= len(root) and own[len(own) - len(root) :] == root


def parent_of(dn: str) -> str:
    """The distinguished name of what an object is in; empty for the topmost."""
    return join_dn(split_dn(dn)[1:])


def rdn_of(dn: str) -> str:
    """The relative distinguished name, escaped."""
    return join_dn(split_dn(dn)[:1])


def child(kind: str, name: str, parent: str) -> str:
    """The distinguished name of ``kind``=``name`` in ``parent``."""
    return f"{kind}={escape_value(name)},{parent}"


def within(path: str, base: str) -> str:
    """``path`` in the directory: names below the base may be written without it.

    Raises:
        DirectoryError: it isn't a distinguished name, or one of another domain.
    """
    names = split_dn(path)
    if is_below(path, base):
        return join_dn(names)
    if any(kind.lower() == "dc" for rdn in names for kind, _value in rdn):
        raise DirectoryError(f"'{path}' is not in the directory, whose base is {base}", "give a path below the base")
    return f"{join_dn(names)},{base}"


def domain_of(base: str) -> str:
    """The DNS name of a domain: corp.example of DC=corp,DC=example."""
    return ".".join(value for rdn in split_dn(base) for kind, value in rdn if kind.lower() == "dc")


def account_problem(name: str, kind: str) -> str:
    """What is wrong with the name (sAMAccountName) of a ``user`` or ``group``; empty if nothing is."""
    longest = _ACCOUNT_LENGTHS[kind]
    forbidden = sorted({char for char in name if char in _ACCOUNT_FORBIDDEN or ord(char) < 0x20 or ord(char) == 0x7F})
    if kind == "user" and "@" in name:
        forbidden.append("@")
    if not name.strip(" ."):
        return "it is empty, or has nothing but blanks and full stops"
    if len(name) > longest:
        return f"it has {len(name)} characters, the directory takes {longest}"
    if forbidden:
        return f"it has {' '.join(repr(char) for char in forbidden)}, which the directory does not allow"
    if name != name.strip(" ") or name.endswith("."):
        return "it begins or ends with a blank, or ends with a full stop"
    return ""


def name_problem(name: str) -> str:
    """What is wrong with the name (cn or ou) of an object; empty if nothing is."""
    if not name.strip():
        return "it is empty"
    if len(name) > NAME_LENGTH:
        return f"it has {len(name)} characters, the directory takes {NAME_LENGTH}"
    if "\0" in name or "\n" in name:
        return "it has a line break or a NUL"
    return ""


def chunks(values: Sequence[str], size: int) -> list[Sequence[str]]:
    """The values in portions."""
    return [values[start : start + size] for start in range(0, len(values), size)]
