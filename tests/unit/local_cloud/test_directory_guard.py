# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard before Samba refuses, message by message."""

from __future__ import annotations

import pytest

from local_cloud.directory.programs import guard


def message(tag: int, content: bytes, number: int = 7) -> bytes:
    """An LDAP message."""
    return bytes(guard.encode(0x30, guard.encode(0x02, bytes([number])) + guard.encode(tag, content)))


def modify(attribute: bytes, size: int = 10) -> bytes:
    """A modification of one attribute."""
    value = guard.encode(0x31, guard.encode(0x04, b"x" * size))
    change = guard.encode(0x30, b"\x0a\x01\x02" + guard.encode(0x30, guard.encode(0x04, attribute) + value))
    return message(0x66, guard.encode(0x04, b"CN=a") + guard.encode(0x30, change))


@pytest.mark.parametrize("name", [b"unicodePwd", b"UNICODEPWD"])
def test_setting_a_password_is_refused_with_the_directorys_own_words(name: bytes) -> None:
    refusal, encrypted = guard.judge(modify(name, 500))
    assert refusal.startswith(b"\x30")
    assert b"\x02\x01\x07\x67" in refusal, "the answer to that request, a modifyResponse"
    assert b"\x0a\x01\x35" in refusal
    assert b"WILL_NOT_PERFORM" in refusal
    assert not encrypted


def test_an_account_with_a_password_is_refused_as_well() -> None:
    refusal, _encrypted = guard.judge(message(0x68, guard.encode(0x04, b"CN=a") + guard.encode(0x04, b"unicodePwd")))
    assert b"\x02\x01\x07\x69" in refusal


@pytest.mark.parametrize(
    "request_",
    [
        modify(b"mail"),
        message(0x60, b"\x02\x01\x03"),
        message(0x63, guard.encode(0x04, b"unicodePwd")),
        message(0x42, b""),
    ],
)
def test_all_else_passes(request_: bytes) -> None:
    assert guard.judge(request_) == (None, False)


def test_what_follows_starttls_is_not_looked_into() -> None:
    assert guard.judge(message(0x77, guard.encode(0x80, guard.START_TLS))) == (None, True)


def test_lengths_of_every_form_are_measured() -> None:
    for size in (0, 127, 128, 70000):
        whole = guard.encode(0x30, b"x" * size)
        begin, end = guard.measure(whole, 0)
        assert (end - begin, end) == (size, len(whole))
        assert guard.measure(whole[:1], 0) is None
