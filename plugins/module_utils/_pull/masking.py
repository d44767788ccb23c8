# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets out of log lines. Private to this collection.

The last line of defence: roles set no_log where they handle secrets, this catches what slips through in messages of
programs. It knows forms, not values, and rather masks too much.
"""

from __future__ import annotations

import re

MASK = "********"

_WORD = (
    r"(?:password|passwd|passphrase|secret[_-]?access[_-]?key|secret[_-]?key|secret[_-]?string|secret|token"
    r"|api[_-]?key|private[_-]?key|authtok"
    # as in slurmdbd.conf, ansible_become_pass and MYSQL_PWD; the bare words stand for much else (PWD, passed)
    r"|(?:storage|database|db|sql|user|bind|admin|root|[_-])pass|[_-]pwd)"
)
# a quote may itself be escaped, in JSON that is shown inside JSON
_QUOTE = r"\\*[\"']"
_VALUE = r"(?:(?P<quote>\\*[\"']).*?(?P=quote)|[^\s,;&}\]\"'\\]+)"
# what is certainly no secret: references to secrets, switches, nothing
_HARMLESS = r"(?!\\*[\"']?(?:arn:|true\b|false\b|null\b|none\b|VALUE_SPECIFIED_IN_NO_LOG_PARAMETER))"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"), MASK),
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: AKIA long-term keys, ASIA temporary ones
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
    (re.compile(r"(?i)\b((?:authorization[\"']?\s*[:=]\s*[\"']?)?(?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):(?!\d+/)[^\s@]+@"), rf"\1:{MASK}@"),
    (re.compile(rf"(?i)(?<![\w-])(--?[\w-]*{_WORD}(?:\s+|=)){_HARMLESS}(?!-){_VALUE}"), rf"\1{MASK}"),
    # not the ":secret:" within an ARN
    (re.compile(rf"(?i)(?<![\w.:-])([\w.-]*{_WORD}(?:{_QUOTE})?\s*[:=]\s*){_HARMLESS}{_VALUE}"), rf"\1{MASK}"),
)
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_KEY_BODY = re.compile(r"[\s|>\"']*[A-Za-z0-9+/=:, -]*[\s\"',\\]*")


class Masker:
    """Masks line by line; remembers that it is inside a private key."""

    def __init__(self) -> None:
        self._in_key = False

    def line(self, text: str) -> str:
        """The line without what looks like a secret."""
        if self._in_key:
            if _KEY_ENDS.search(text):
                self._in_key = False
                return MASK
            if _KEY_BODY.fullmatch(text):
                return MASK
            # no body of a key: its end was lost
            self._in_key = False
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        begins = _KEY_BEGINS.search(text)
        if begins:
            self._in_key = True
            return text[: begins.start()] + MASK
        return text


def mask(text: str) -> str:
    """A whole text, masked."""
    masker = Masker()
    return "\n".join(masker.line(line) for line in text.split("\n"))
