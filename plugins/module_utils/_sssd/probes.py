# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: a directory is asked step by step: name, connection, TLS, bind, search."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import typing as t
from dataclasses import dataclass

from . import diagnosis
from .diagnosis import Peer
from .diagnosis import Problem

SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """What is asked of each server: C(needed) are attributes that the user must have."""

    authorities: str
    bind_dn: str
    secret: str
    base: str
    user: str
    attribute: str
    needed: tuple[str, ...]
    seconds: float = SECONDS


def ask(uri: str, question: Question) -> Problem | None:
    """The first step that fails; None: the user is there."""
    host, port = diagnosis.endpoint(uri)
    return reach(host, port, question) or search(uri, question)


def reach(host: str, port: int, question: Question) -> Problem | None:
    """Name, connection and TLS."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return diagnosis.of_name(error, host)
    try:
        context = _context(question.authorities)
    except OSError as error:
        fix = "put the certificate of the authority there"
        return Problem("tls_ca", f"{question.authorities} can't be used: {error.strerror or error}", fix)
    try:
        connection = socket.create_connection((host, port), question.seconds)
    except OSError as error:
        return diagnosis.of_connection(error, host, port, question.seconds)
    with connection:
        try:
            with context.wrap_socket(connection, server_hostname=host):
                return None
        except ssl.SSLCertVerificationError as error:
            peer = look_at(host, port, question.seconds)
            return diagnosis.of_verification(error.verify_code, error.verify_message, host, question.authorities, peer)
        except (OSError, EOFError) as error:
            return diagnosis.of_handshake(t.cast("OSError", error), port)


def _context(authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    # Python 3.13 has become stricter than the libraries of sssd: no key identifier is no reason to refuse
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", ssl.VerifyFlags(0))
    return context


def look_at(host: str, port: int, seconds: float) -> Peer:
    """What a certificate that was refused says. Nothing is sent on this connection, nothing that it says is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), seconds) as connection:
            secured = context.wrap_socket(connection, server_hostname=host)
            with secured:
                encoded = secured.getpeercert(binary_form=True)
    except OSError:
        return Peer()
    program = shutil.which("openssl")
    if not encoded or not program:
        return Peer()
    shown = ["-noout", "-issuer", "-startdate", "-enddate", "-subject", "-nameopt", "RFC2253", "-ext", "subjectAltName"]
    done = subprocess.run(
        [program, "x509", "-inform", "DER", *shown], input=encoded, capture_output=True, check=False, timeout=seconds
    )
    return peer_of(done.stdout.decode("utf-8", "replace"))


def peer_of(text: str) -> Peer:
    """The output of C(openssl x509)."""

    def line(name: str) -> str:
        found = re.search(rf"(?m)^{name}\s*=\s*(.*)$", text)
        return found.group(1).strip() if found else ""

    names = tuple(re.findall(r"(?:DNS|IP Address):([^,\s]+)", text))
    if not names:
        common = re.search(r"CN=([^,]+)", line("subject"))
        names = (f"{common.group(1)} (as CN only, which is not looked at)",) if common else ()
    return Peer(names, line("issuer"), line("notBefore"), line("notAfter"))


def search(uri: str, question: Question) -> Problem | None:
    """Bind and search. The secret goes through a pipe (C(-y) reads a file), never an argument or the environment."""
    program = shutil.which("ldapsearch")
    if program is None:
        return Problem("tool", "ldapsearch is not on this node", "install ldap-utils, or openldap-clients")
    seconds = max(1, round(question.seconds))
    command = [
        *(program, "-LLL", "-x", "-H", uri, "-o", f"nettimeout={seconds}", "-o", "ldif-wrap=no", "-l", str(seconds)),
        *("-z", "2", "-D", question.bind_dn, "-y", "/dev/stdin", "-b", question.base),
        f"(&(objectClass=*)({question.attribute}={diagnosis.escaped(question.user)}))",
        *question.needed,
        question.attribute,
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LDAP")},
        "LC_ALL": "C",
        "LDAPTLS_CACERT": question.authorities,
        "LDAPTLS_REQCERT": "hard",
    }
    try:
        done = subprocess.run(
            command,
            input=question.secret.encode(),
            capture_output=True,
            check=False,
            timeout=3 * question.seconds,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        what = f"The directory takes longer than {3 * question.seconds:.0f} s for one search"
        return Problem("network", what, "look at its load, and at the balancer's targets", passing=True)
    found = done.stdout.decode("utf-8", "replace")
    # two users are as good as many: the size limit is no failure
    code = 0 if done.returncode == 4 else done.returncode
    return diagnosis.of_search(
        code, done.stderr.decode("utf-8", "replace"), question.bind_dn, question.base
    ) or diagnosis.of_entries(found, question.user, question.base, question.needed)
