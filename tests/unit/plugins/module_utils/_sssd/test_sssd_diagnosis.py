# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a directory, in words."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd import diagnosis
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.diagnosis import Peer
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.probes import peer_of

DN, BASE = "CN=ReadOnly,DC=corp", "DC=corp"
REFUSED = (
    "ldap_bind: Invalid credentials (49)\n\tadditional info: 80090308: LdapErr: DSID-0C09, comment: x, data {0}, v1"
)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("ldaps://a.example", ("a.example", 636)), ("ldaps://A.example:1636/", ("a.example", 1636))],
)
def test_endpoints(uri: str, expected: tuple[str, int]) -> None:
    assert diagnosis.endpoint(uri) == expected


@pytest.mark.parametrize("uri", ["ldap://a", "a.example", "ldaps://", "ldaps://u@a", "ldaps://a/b", "https://a"])
def test_what_is_no_endpoint(uri: str) -> None:
    with pytest.raises(ValueError, match="Fix: write ldaps://"):
        diagnosis.endpoint(uri)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (62, "tls_name", "is for b.example, and not for a.example"),
        (10, "tls_expiry", "has ended (on yesterday)"),
        (9, "tls_expiry", "begins later (on tomorrow)"),
        (18, "tls_ca", "signed by CN=CA, and /ca has no such authority"),
        (19, "tls_ca", "no such authority"),
        (20, "tls_ca", "no such authority"),
        (26, "tls", "The certificate is refused: unsuitable"),
    ],
)
def test_certificates(code: int, kind: str, words: str) -> None:
    peer = Peer(("b.example",), "CN=CA", "tomorrow", "yesterday")
    problem = diagnosis.of_verification(code, "unsuitable", "a.example", "/ca", peer)
    assert (problem.kind, problem.passing) == (kind, False)
    assert words in problem.what


def test_certificates_that_say_nothing() -> None:
    for code in (62, 10, 9, 20):
        assert "()" not in diagnosis.of_verification(code, "", "a", "/ca", Peer()).what


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (TimeoutError(), "Nothing answers at port 636 within 10 s", True),
        (ConnectionRefusedError(111, "Connection refused"), "Nothing listens at port 636", True),
        (OSError(113, "No route to host"), "No route to host", True),
    ],
)
def test_connections(error: OSError, words: str, passing: bool) -> None:
    problem = diagnosis.of_connection(error, "a", 636, 10)
    assert (problem.kind, problem.passing) == ("network", passing)
    assert words in problem.what


def test_names() -> None:
    problem = diagnosis.of_name(socket.gaierror(-2, "Name or service not known"), "a.example")
    assert problem.passing
    assert "The name a.example can't be resolved: Name or service not known" in problem.what


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "tls", "Port 389 does not speak TLS"),
        (ConnectionResetError(104, "reset"), "network", "ends before TLS has begun"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "network", "ends before TLS has begun"),
        (ssl.SSLError(1, "no protocols available"), "tls", "No common TLS"),
    ],
)
def test_handshakes(error: OSError, kind: str, words: str) -> None:
    problem = diagnosis.of_handshake(error, 389)
    assert problem.kind == kind
    assert words in problem.what


@pytest.mark.parametrize(
    ("code", "said", "kind", "words"),
    [
        (49, REFUSED.format("52e"), "bind", "refuses the secret of CN=ReadOnly"),
        (49, REFUSED.format("525"), "bind", "There is no account of the name CN=ReadOnly"),
        (49, REFUSED.format("532"), "bind", "has expired"),
        (49, REFUSED.format("533"), "bind", "is disabled"),
        (49, REFUSED.format("773"), "bind", "must change its password"),
        (49, REFUSED.format("775"), "bind", "is locked"),
        (49, REFUSED.format("fff"), "bind", "refuses CN=ReadOnly,DC=corp or its secret"),
        (49, "ldap_bind: Invalid credentials (49)", "bind", "refuses CN=ReadOnly,DC=corp or its secret"),
        (32, "No such object (32)", "search_base", "There is no DC=corp in the directory"),
        (34, "Invalid DN syntax (34)", "search_base", "is no DN"),
        (8, "Strong(er) authentication required (8)", "bind", "wants a stronger bind"),
        (1, "Operations error (1)", "bind", "may not search"),
        (10, "Referral (10)", "search_base", "on another server"),
        (255, "ldap_sasl_bind(SIMPLE): Can't contact LDAP server (-1)", "network", "does not answer"),
    ],
)
def test_searches(code: int, said: str, kind: str, words: str) -> None:
    problem = diagnosis.of_search(code, said, DN, BASE)
    assert problem is not None
    assert problem.kind == kind
    assert words in problem.what
    assert problem.passing is (kind == "network")


def test_a_search_that_went_well() -> None:
    assert diagnosis.of_search(0, "", DN, BASE) is None


def entry(name: str, *lines: str) -> str:
    return "\n".join([f"dn: CN={name},DC=corp", *lines])


@pytest.mark.parametrize(
    ("ldif", "words"),
    [
        ("", "There is no user alice below DC=corp"),
        ("# refldap://corp/CN=Configuration,DC=corp\n", "There is no user alice"),
        (f"{entry('a')}\n\n{entry('b')}\n", "There are 2 users alice"),
        (entry("a", "sAMAccountName: alice"), "alice has no objectSid"),
    ],
)
def test_entries(ldif: str, words: str) -> None:
    problem = diagnosis.of_entries(ldif, "alice", BASE, ["objectSid"])
    assert problem is not None
    assert words in problem.what


def test_the_user_is_there() -> None:
    ldif = f"{entry('alice', 'objectsid:: AQUA', 'sAMAccountName: alice')}\n\n# refldap://corp\n\n"
    assert diagnosis.of_entries(ldif, "alice", BASE, ["objectSid"]) is None


def test_names_in_filters_are_escaped() -> None:
    assert diagnosis.escaped("a*(b)\\\0ü") == "a\\2a\\28b\\29\\5c\\00ü"


OPENSSL = """\
issuer=CN=some CA,O=x
notBefore=Nov 28 06:50:00 2026 GMT
notAfter=Nov 28 06:50:00 2027 GMT
subject=CN=old.example
"""
SAN = "X509v3 Subject Alternative Name: \n    DNS:a.example, DNS:*.b.example, IP Address:10.0.0.1\n"


def test_what_a_certificate_says_of_itself() -> None:
    found: Any = peer_of(OPENSSL + SAN)
    assert found == Peer(
        ("a.example", "*.b.example", "10.0.0.1"),
        "CN=some CA,O=x",
        "Nov 28 06:50:00 2026 GMT",
        "Nov 28 06:50:00 2027 GMT",
    )
    assert peer_of(OPENSSL).names == ("old.example (as CN only, which is not looked at)",)
    assert peer_of("") == Peer()
