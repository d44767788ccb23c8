# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the text of sssd.conf, with and without its secret. Pure.

The obfuscated secret is another one each time it is made (a random key), so a line beside it tells whether it is made
of the secret at hand: a salted HMAC over both. It gives away nothing that the obfuscated secret beside it doesn't.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t

from .common import MASK
from .common import SssdError

HEADER = "# Written by the role podforge.hyperpod.sssd_ldaps: changes made here are lost."
TOKEN = "ldap_default_authtok"  # noqa: S105 - the name of an option
_PROOF = "# bind secret: "
_KEY = re.compile(r"[A-Za-z0-9_]+")
_SECTION = re.compile(r"[A-Za-z0-9_./-]+")
_TOKEN_LINE = re.compile(rf"(?m)^{TOKEN}\s*=\s*(.*)$")
_PROOF_LINE = re.compile(rf"(?m)^{_PROOF}([0-9a-f]+):([0-9a-f]+)$")

Sections = t.Mapping[str, t.Mapping[str, t.Any]]


def check(sections: Sections, domain: str | None) -> None:
    """Refuse what would not be one option on one line.

    Raises:
        SssdError: names section and option.
    """
    for section, options in sections.items():
        if not _SECTION.fullmatch(section):
            raise SssdError(f"config: {section!r} is not the name of a section. Fix: write for example domain/default")
        if not isinstance(options, t.Mapping):
            raise SssdError(f"config: {section}: This is no dictionary of options. Fix: write option: value below it")
        for key, value in options.items():
            _check_option(section, key, value)
    if domain is not None and f"domain/{domain}" not in sections:
        raise SssdError(f"config: There is no section domain/{domain}, to which the secret belongs. Fix: add it")


def _check_option(section: str, key: str, value: t.Any) -> None:
    where = f"config: {section}: {key}"
    if not _KEY.fullmatch(key):
        raise SssdError(f"{where}: This is not the name of an option. Fix: see sssd.conf(5)")
    if key == TOKEN:
        raise SssdError(f"{where}: Secrets don't belong here. Fix: give secret_id, or password")
    if isinstance(value, dict) or any(character in shown(value) for character in "\n\r"):
        raise SssdError(f"{where}: The value must be text on one line, a number, a boolean or a list. Fix: correct it")


def shown(value: t.Any) -> str:
    """A value as sssd.conf has it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    return str(value)


def render(sections: Sections, domain: str | None, token: str | None, proof: str | None) -> str:
    """The whole file. Options without a value are left out; the token stands at the end of its domain.

    A blank text is no value, either: null becomes one in the templates of ansible-core 2.17, which nodes have.
    """
    lines = [HEADER, *([f"{_PROOF}{proof}"] if proof else [])]
    for section, options in sections.items():
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {shown(value)}" for key, value in options.items() if value not in (None, "")]
        if token is not None and section == f"domain/{domain}":
            lines.append(f"{TOKEN} = {token}")
    return "\n".join(lines) + "\n"


def prove(secret: str, token: str, salt: bytes) -> str:
    """The line's value that says: this token is made of this secret."""
    mac = hmac.new(salt, token.encode() + b"\0" + secret.encode(), hashlib.sha256)
    return f"{salt.hex()}:{mac.hexdigest()}"


def token_of(text: str, secret: str) -> tuple[str, str] | None:
    """Token and proof in a file, when they are made of this secret; None: make new ones."""
    token, proof = _TOKEN_LINE.search(text), _PROOF_LINE.search(text)
    if not token or not proof:
        return None
    expected = prove(secret, token.group(1).strip(), bytes.fromhex(proof.group(1)))
    found = f"{proof.group(1)}:{proof.group(2)}"
    return (token.group(1).strip(), found) if hmac.compare_digest(expected, found) else None


def without_secret(text: str) -> str:
    """The file as it may be shown."""
    lines = [line for line in text.split("\n") if not line.startswith(_PROOF)]
    return "\n".join(re.sub(r"(?i)^(.*?(?:authtok|password)\s*=).*", rf"\1 {MASK}", line) for line in lines)
