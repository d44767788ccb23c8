# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH public keys as values of altSecurityIdentities. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass

from .errors import DirectoryError

# Key types that sshd takes, with how their blobs go on after the name of the type; ssh-dss and certificates are none.
_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_CURVES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
# RequiredRSASize of sshd, man.openbsd.org/sshd_config
_LEAST_RSA_BITS = 1024
_ED25519_LENGTH = 32


@dataclass(frozen=True)
class Key:
    """A public key: keys with the same type and blob are the same, whatever their comments."""

    kind: str
    blob: str
    comment: str = ""

    @property
    def text(self) -> str:
        """The key on one line, as in authorized_keys."""
        return " ".join(part for part in (self.kind, self.blob, self.comment) if part)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it this key."""
        return self.kind, self.blob


def looks_like_key(value: str) -> bool:
    """Whether a value of altSecurityIdentities is an SSH key; others map certificates and Kerberos names."""
    return value.split(" ", 1)[0].startswith(("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"))


def parse(line: str) -> Key:
    """The key in a line of an authorized_keys or .pub file.

    Raises:
        DirectoryError: it is no public key that sshd takes; says why, never with the text of what may be a private key.
    """
    text = line.strip()
    if "-----BEGIN" in text:
        raise _wrong(
            "this is a private key or a PEM file", "give the line of the .pub file; keep the private key secret"
        )
    if "\n" in text or "\r" in text:
        raise _wrong("this is more than one line", "give each key as an item of the list")
    kind, _blank, rest = text.partition(" ")
    blob, _blank, comment = rest.strip().partition(" ")
    if kind.endswith("-cert-v01@openssh.com"):
        raise _wrong("this is a certificate", "give the public key that it was made of")
    if kind == "ssh-dss":
        raise _wrong("DSA keys are refused by sshd", "make a new key: ssh-keygen -t ed25519")
    if kind not in _TYPES:
        raise _wrong(
            f"'{kind[:40]}' is no type of key",
            "give the line of a .pub file, which begins with its type as in ssh-ed25519, without options before it",
        )
    data = _decoded(blob)
    _judge(kind, data)
    return Key(kind, base64.b64encode(data).decode(), " ".join(comment.split()))


def _wrong(why: str, fix: str) -> DirectoryError:
    return DirectoryError(f"not an OpenSSH public key: {why}", fix)


def _decoded(blob: str) -> bytes:
    try:
        return base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong("what follows the type is not Base64", "copy the whole line of the .pub file") from error


def _judge(kind: str, blob: bytes) -> None:
    """Raise unless the fields of the blob are those of the type."""
    fields = _fields(blob)
    if not fields or fields[0] != kind.encode():
        raise _wrong(f"it says {kind} and holds something else", "copy the whole line of the .pub file")
    sizes = [len(field) for field in fields[1:]]
    curve = kind.rpartition("-")[2].partition("@")[0]
    if kind == "ssh-rsa":
        complete = len(sizes) == 2
    elif "ed25519" in kind:
        complete = sizes[:1] == [_ED25519_LENGTH] and len(sizes) == (2 if kind.startswith("sk-") else 1)
    else:
        complete = fields[1:2] == [curve.encode()] and sizes[1:2] == [_CURVES[curve]]
        complete = complete and len(sizes) == (3 if kind.startswith("sk-") else 2)
    if not complete:
        raise _wrong("it is cut off or damaged", "copy the whole line of the .pub file")
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < _LEAST_RSA_BITS:
        raise _wrong(
            f"RSA keys of less than {_LEAST_RSA_BITS} bits are refused by sshd", "make one: ssh-keygen -t ed25519"
        )


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed fields; none if they don't fill the blob."""
    fields, place = [], 0
    while place + 4 <= len(blob):
        (size,) = struct.unpack_from(">I", blob, place)
        fields.append(blob[place + 4 : place + 4 + size])
        place += 4 + size
    return fields if place == len(blob) else []


def merged(current: list[str], wanted: list[Key], *, purge: bool) -> list[str]:
    """The values that altSecurityIdentities is to have; those that are no SSH keys stay in any case.

    Args:
        current: the values there are.
        wanted: keys that are to be there. One with another comment takes the place of the same key.
        purge: keys that aren't wanted go.
    """
    identities = {key.identity for key in wanted}
    texts = {key.text for key in wanted}
    kept = []
    for value in current:
        if looks_like_key(value):
            parts = [*value.split(), "", ""][:2]
            if value not in texts and (purge or (parts[0], parts[1]) in identities):
                continue
        kept.append(value)
    return kept + [key.text for key in wanted if key.text not in current]
