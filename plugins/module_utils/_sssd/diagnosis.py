# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is wrong with a directory, in words. Pure: results of calls in, problems out.

Sources: OpenSSL x509_vfy.h (verification results), RFC 4511 appendix A (result codes of LDAP), Microsoft "Common Active
Directory Bind Errors" (the hexadecimal C(data) of a refused bind).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

PORT = 636


@dataclass(frozen=True)
class Problem:
    """One reason why a directory can't be used.

    C(kind) is network, tls, tls_name, tls_ca, tls_expiry, bind, search_base, user or tool. C(passing): it may go by.
    """

    kind: str
    what: str
    fix: str
    passing: bool = False

    def text(self, where: str) -> str:
        """One paragraph."""
        return f"{where}: {self.what}. Fix: {self.fix}."


@dataclass(frozen=True)
class Peer:
    """What a certificate says of itself; empty where that could not be read."""

    names: tuple[str, ...] = ()
    issuer: str = ""
    begins: str = ""
    ends: str = ""


def endpoint(uri: str) -> tuple[str, int]:
    """Host and port of an LDAPS URI.

    Raises:
        ValueError: it is none; the text says why.
    """
    parts = urlsplit(uri)
    if parts.scheme != "ldaps":
        raise ValueError(
            f"{uri}: this is not ldaps://. Passwords are never sent in the clear. Fix: write ldaps://<name>"
        )
    if not parts.hostname or parts.path.strip("/") or parts.username:
        raise ValueError(
            f"{uri}: this is not the address of a directory. Fix: write ldaps://<name>, or ldaps://<name>:<port>"
        )
    return parts.hostname, parts.port or PORT


def of_connection(error: OSError, host: str, port: int, seconds: float) -> Problem:
    """Why there is no TCP connection."""
    way = "see that the balancer is there, and that security groups and routes let this node reach it"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return Problem("network", f"Nothing answers at port {port} within {seconds:.0f} s", way, passing=True)
    if isinstance(error, ConnectionRefusedError):
        what = f"Nothing listens at port {port} (connection refused)"
        return Problem("network", what, "see that the balancer has a TLS listener there, and is active", passing=True)
    return Problem("network", f"There is no connection to port {port}: {error.strerror or error}", way, passing=True)


def of_name(error: OSError, host: str) -> Problem:
    """Why a name has no address."""
    fix = "correct the name, or see that the private hosted zone is associated with this VPC and has a record for it"
    return Problem("network", f"The name {host} can't be resolved: {error.strerror or error}", fix, passing=True)


def of_verification(code: int, message: str, host: str, authorities: str, peer: Peer) -> Problem:
    """Why a certificate is refused; C(code) is OpenSSL's."""
    made = f" by {peer.issuer}" if peer.issuer else ""
    if code in (62, 63, 64):
        names = ", ".join(peer.names) or "no name"
        fix = "import a certificate that has this name as SAN, or connect by a name that it has"
        return Problem("tls_name", f"The certificate is for {names}, and not for {host}", fix)
    if code == 10:
        when = f" (on {peer.ends})" if peer.ends else ""
        return Problem(
            "tls_expiry", f"The certificate has ended{when}", "import a new one into ACM, under the same ARN"
        )
    if code == 9:
        when = f" (on {peer.begins})" if peer.begins else ""
        return Problem("tls_expiry", f"The certificate begins later{when}", "see that the clock of this node is right")
    if code in (2, 18, 19, 20, 21):
        what = f"The certificate is signed{made}, and {authorities} has no such authority"
        return Problem(
            "tls_ca", what, "give the certificate of the authority that signed it (sssd_ldaps_ca_certificate)"
        )
    return Problem("tls", f"The certificate is refused: {message}", "import one that this node can verify")


def of_handshake(error: OSError, port: int) -> Problem:
    """Why there is no TLS, though there is a connection; not for certificates that are refused."""
    reason = str(getattr(error, "reason", None) or error.strerror or error)
    if "WRONG_VERSION_NUMBER" in reason or "record layer" in reason.lower():
        what = f"Port {port} does not speak TLS"
        return Problem(
            "tls", what, "make its listener a TLS listener with the certificate, or take the port that has one"
        )
    if isinstance(error, (TimeoutError, ConnectionError, EOFError)) or "EOF" in reason or "timed out" in reason:
        what = f"The connection to port {port} ends before TLS has begun ({reason})"
        return Problem("network", what, "see that the balancer has healthy targets", passing=True)
    return Problem("tls", f"No common TLS: {reason}", "let the listener's policy offer TLS 1.2 or 1.3")


# Microsoft Learn, "Common Active Directory Bind Errors"; winerror.h.
_BIND_DATA = {
    "525": ("There is no account of the name {dn}", "correct the bind DN"),
    "52e": ("The directory refuses the secret of {dn}", "put the account's password into the secret"),
    "530": ("{dn} may not log in at this time", "let the account log in at all hours"),
    "531": ("{dn} may not log in from here", "let the account log in at all workstations"),
    "532": ("The password of {dn} has expired", "set a new one that never expires, in the directory and in the secret"),
    "533": ("The account {dn} is disabled", "enable it in the directory"),
    "701": ("The account {dn} has expired", "let it never expire"),
    "773": ("{dn} must change its password first", "set one that needs no change, in the directory and in the secret"),
    "775": ("The account {dn} is locked", "unlock it, and see who keeps trying wrong passwords"),
}


# RFC 4511, appendix A; of what ldapsearch(1) exits with. All others mean that there was no answer.
_RESULTS: dict[int, tuple[str, str, str, bool]] = {
    1: ("bind", "{dn} may not search: {detail}", "let the account read the directory", False),
    3: ("network", "The directory is too slow: {detail}", "look at its load", True),
    8: (
        "bind",
        "The directory wants a stronger bind: {detail}",
        "allow simple binds behind the balancer that ends TLS, or give the domain controllers certificates",
        False,
    ),
    10: ("search_base", "{base} is on another server: {detail}", "correct the search base", False),
    11: ("network", "The directory is too busy: {detail}", "look at its load", True),
    32: ("search_base", "There is no {base} in the directory", "correct the search base", False),
    34: (
        "search_base",
        "{base} or {dn} is no DN: {detail}",
        "write it as in OU=Users,DC=corp,DC=example,DC=com",
        False,
    ),
    50: ("bind", "{dn} may not search: {detail}", "let the account read the directory", False),
    51: ("network", "The directory is busy: {detail}", "look at its load", True),
    52: ("network", "The directory is not available: {detail}", "look at the domain controllers", True),
}
_NO_ANSWER = (
    "network",
    "The directory does not answer: {detail}",
    "see that the balancer has healthy targets, and that the domain controllers answer",
    True,
)


def of_search(code: int, said: str, dn: str, base: str) -> Problem | None:
    """Why a bind or search failed; None: it did not. C(code) is the exit status of ldapsearch: the result of LDAP."""
    if code == 0:
        return None
    if code == 49:
        return _of_refused_bind(said, dn)
    kind, what, fix, passing = _RESULTS.get(code, _NO_ANSWER)
    return Problem(kind, what.format(dn=dn, base=base, detail=" ".join(said.split())[:300]), fix, passing)


def _of_refused_bind(said: str, dn: str) -> Problem:
    found = re.search(r"data ([0-9a-f]{3,4})\b", said)
    otherwise = ("The directory refuses {dn} or its secret", "correct the bind DN, or the password in the secret")
    what, fix = _BIND_DATA.get(found.group(1), otherwise) if found else otherwise
    return Problem("bind", what.format(dn=dn), fix)


def of_entries(ldif: str, user: str, base: str, needed: t.Sequence[str]) -> Problem | None:
    """What is wrong with what was found of a user; None: nothing."""
    entries = [entry for entry in re.split(r"\n\s*\n", ldif.replace("\n ", "")) if re.search(r"(?m)^dn:", entry)]
    if not entries:
        fix = "create the user, correct the name, or the search base"
        return Problem("user", f"There is no user {user} below {base}", fix)
    if len(entries) > 1:
        return Problem("user", f"There are {len(entries)} users {user} below {base}", "narrow the search base down")
    missing = [name for name in needed if not re.search(rf"(?mi)^{re.escape(name)}::? ", entries[0])]
    if missing:
        fix = "give the user these attributes, let the bind account read them, or change sssd_ldaps_id_mapping"
        return Problem("user", f"{user} has no {' and no '.join(missing)}", fix)
    return None


def escaped(value: str) -> str:
    """A value as a part of a search filter (RFC 4515, 3)."""
    return "".join(f"\\{ord(char):02x}" if char in "\\*()\0" else char for char in value)
