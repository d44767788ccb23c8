# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of attributes, SSH keys and access lists."""

from __future__ import annotations

import base64
import struct

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import attributes
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import security
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import ssh_keys
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import DirectoryError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

OPENSSH = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
# the same in every process of a run: they are in the names of tests
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(b"1" * 32).public_key().public_bytes(*OPENSSH).decode()
OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(b"2" * 32).public_key().public_bytes(*OPENSSH).decode()


def packed(*fields: bytes) -> str:
    return base64.b64encode(b"".join(struct.pack(">I", len(field)) + field for field in fields)).decode()


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6))
def test_security_identifiers(parts: list[int]) -> None:
    text = "-".join(["S-1-5", *map(str, parts)])
    assert attributes.sid_text(attributes.sid_bytes(text)) == text
    assert attributes.rid_of(attributes.sid_bytes(text)) == parts[-1]


def test_password_is_quoted_utf_16() -> None:
    # the example of MS-ADTS 3.1.1.3.1.5.1
    assert attributes.password_value("new") == b'"\0n\0e\0w\0"\0'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-12-31", "2026-12-31T00:00:00Z"),
        ("2026-12-31T18:00:00Z", "2026-12-31T18:00:00Z"),
        ("2026-12-31T18:00:00+01:00", "2026-12-31T17:00:00Z"),
        ("never", "never"),
    ],
)
def test_expiry(text: str, told: str) -> None:
    assert attributes.file_time(attributes.expiry(text)) == told


def test_known_file_time() -> None:
    # learn.microsoft.com: 1 January 2000 is 125911584000000000
    assert attributes.expiry("2000-01-01") == 125911584000000000
    assert attributes.file_time(0) == "never"
    assert attributes.file_time(2**62) == "never"


@pytest.mark.parametrize("text", ["tomorrow", "31.12.2026", "", "1600-01-01"])
def test_no_point_in_time(text: str) -> None:
    with pytest.raises(DirectoryError):
        attributes.expiry(text)


@pytest.mark.parametrize("scope", ["global", "domain_local", "universal"])
@pytest.mark.parametrize("category", ["security", "distribution"])
def test_group_types(scope: str, category: str) -> None:
    value = attributes.group_type(scope, category)
    assert -(2**31) <= value < 2**31
    assert (attributes.scope_of(value), attributes.category_of(value)) == (scope, category)


def test_known_values() -> None:
    assert attributes.group_type("global", "security") == -2147483646
    assert attributes.generalized_time("20261128065000.0Z") == "2026-11-28T06:50:00Z"
    assert attributes.duration_days(-36288000000000) == 42.0
    assert attributes.duration_days(-(2**63)) is None
    assert attributes.level_text(4) == "2008 R2"
    assert attributes.level_text(99) == "level 99"
    # the bytes of a GUID are in little-endian order in part
    assert attributes.guid_text(bytes(range(16))) == "03020100-0504-0706-0809-0a0b0c0d0e0f"


def test_keys_that_openssh_makes() -> None:
    made = [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
    ]
    for key in made:
        line = key.public_key().public_bytes(*OPENSSH).decode()
        assert ssh_keys.parse(f"  {line}  alice@laptop two words\n").text == f"{line} alice@laptop two words"
        assert ssh_keys.parse(line).text == line


def test_keys_in_hardware() -> None:
    for kind, *fields in (
        ("sk-ssh-ed25519@openssh.com", b"x" * 32, b"ssh:"),
        ("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"x" * 65, b"ssh:"),
    ):
        line = f"{kind} {packed(kind.encode(), *fields)}"
        assert ssh_keys.parse(line).text == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "'' is no type of key"),
        ("hello", "'hello' is no type of key"),
        ("ssh-ed25519", "holds something else"),
        ("ssh-ed25519 not!base64", "is not Base64"),
        (ED25519[:-8], "is not Base64|cut off|something else"),
        (f'from="10.0.0.1" {ED25519}', "is no type of key"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "says ssh-rsa and holds something else"),
        (f"{ED25519}\n{OTHER}", "more than one line"),
        ("ssh-dss AAAA", "DSA keys are refused"),
        (f"ssh-ed25519-cert-v01@openssh.com {packed(b'x')}", "this is a certificate"),
        (f"ssh-ed25519 {packed(b'ssh-ed25519', b'x' * 31)}", "cut off or damaged"),
        (f"ssh-rsa {packed(b'ssh-rsa', b'abc', b'x' * 64)}", "less than 1024 bits"),
        (f"ssh-rsa {packed(b'ssh-rsa', b'abc')}", "cut off or damaged"),
        (f"ecdsa-sha2-nistp256 {packed(b'ecdsa-sha2-nistp256', b'nistp384', b'x' * 65)}", "cut off or damaged"),
    ],
)
def test_no_public_key(line: str, said: str) -> None:
    with pytest.raises(DirectoryError, match=said):
        ssh_keys.parse(line)


def test_a_private_key_is_not_repeated() -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"
    with pytest.raises(DirectoryError) as raised:
        ssh_keys.parse(private)
    assert "c2VjcmV0" not in str(raised.value)


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_told(line: str) -> None:
    try:
        key = ssh_keys.parse(line)
    except DirectoryError:
        return
    assert ssh_keys.parse(key.text) == key


def test_keys_are_merged() -> None:
    mapping = "X509:<I>DC=corp<S>CN=alice"
    first, second = ssh_keys.parse(f"{ED25519} laptop"), ssh_keys.parse(f"{OTHER} desk")
    both = [mapping, first.text, second.text]
    assert ssh_keys.merged([mapping], [first], purge=True) == [mapping, first.text]
    assert ssh_keys.merged(both, [first], purge=True) == [mapping, first.text]
    assert ssh_keys.merged(both, [first], purge=False) == both
    assert ssh_keys.merged(both, [], purge=True) == [mapping]
    assert ssh_keys.merged(both, [], purge=False) == both
    renamed = ssh_keys.parse(f"{ED25519} workstation")
    assert ssh_keys.merged(both, [renamed], purge=False) == [mapping, second.text, renamed.text]


# Of a user in a fresh Samba domain, shortened: an access list with one entry that allows.
ALLOW = struct.pack("<BBHI", 0, 0, 20, 0xF01FF) + attributes.sid_bytes("S-1-5-18")
INHERITED = struct.pack("<BBHI", 1, 0x10, 20, 0x10) + attributes.sid_bytes("S-1-1-0")


def descriptor(*entries: bytes) -> bytes:
    body = b"".join(entries)
    acl = struct.pack("<BBHHH", 4, 0, 8 + len(body), len(entries), 0) + body
    return struct.pack("<BBHIIII", 1, 0, 0x8404, 0, 0, 0, 20) + acl


@pytest.mark.parametrize("wanted", [security.READ_ONLY, security.PROTECTED, security.PROTECTS_CHILDREN])
def test_entries_that_deny_come_and_go(wanted: tuple[bytes, ...]) -> None:
    before = descriptor(ALLOW, INHERITED)
    assert not security.has(before, wanted)
    after = security.with_entries(before, add=wanted)
    assert security.entries_of(after) == [*wanted, ALLOW, INHERITED]
    assert security.has(after, wanted)
    assert security.with_entries(after, add=wanted) == after
    assert security.with_entries(after, remove=wanted) == before


def test_an_access_list_that_is_not_there() -> None:
    nothing = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    assert security.entries_of(nothing) == []
    assert security.has(security.with_entries(nothing, add=security.PROTECTED), security.PROTECTED)
