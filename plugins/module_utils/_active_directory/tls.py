# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS to a domain controller or a load balancer in front of it: always verified, and what is wrong in plain words."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from .errors import DirectoryError

# X509_V_ERR_* of OpenSSL, openssl/x509_vfy.h
_EXPIRED = frozenset({10})
_NOT_YET = frozenset({9})
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21, 27})
_OTHER_NAME = frozenset({62, 64})
# Kinds of errors, the special ones first: what is wrong, and what to do.
_KNOWN: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (TimeoutError,),
        "{server} does not answer in time",
        "check that it runs, and that security groups, network ACLs and routes let this machine reach the port",
    ),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError),
        "{server} ended the connection at once",
        "a load balancer does so when none of its targets is healthy: check these, and that the port is for LDAPS",
    ),
    (
        (ssl.SSLError,),
        "{server} does not speak TLS 1.2 or 1.3 there ({reason})",
        "check the port: 636 is the one for LDAPS, 389 is for start_tls; and the TLS policy of the listener",
    ),
    (
        (socket.gaierror,),
        "{server}: the name has no address here ({reason})",
        "check the name in hosts, and that this machine's name server knows it; private zones are known in VPCs only",
    ),
    (
        (ConnectionRefusedError,),
        "{server}: nothing listens on this port",
        "check host and port, and that the domain controller runs",
    ),
)


def context_of(ca_path: str | None, ca_content: str | None) -> ssl.SSLContext:
    """A context that verifies certificates and names, TLS 1.2 at least.

    Args:
        ca_path: file or folder with certificates of authorities.
        ca_content: such certificates as PEM text. Without both, those that the system trusts.

    Raises:
        DirectoryError: there is no certificate in what was given.
    """
    path = Path(ca_path) if ca_path else None
    if path is not None and not path.exists():
        raise DirectoryError(f"ca_path: '{ca_path}' does not exist", "give the file with the authority's certificate")
    try:
        context = ssl.create_default_context(
            cafile=str(path) if path is not None and path.is_file() else None,
            capath=str(path) if path is not None and path.is_dir() else None,
            cadata=ca_content or None,
        )
    except (ssl.SSLError, ValueError, OSError) as error:
        option = "ca_path" if ca_path else "ca_content"
        raise DirectoryError(
            f"{option} has no certificate that can be read: {error}",
            "give the authority's certificate as PEM, with its BEGIN CERTIFICATE and END CERTIFICATE lines",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def explained(error: Exception, server: str, name: str) -> DirectoryError:
    """What went wrong on the way to a server.

    Args:
        error: what the socket or TLS raised.
        server: host and port.
        name: the name that the certificate was to have.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, server, name)
    for kinds, what, fix in _KNOWN:
        if isinstance(error, kinds):
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            return DirectoryError(what.format(server=server, reason=reason), fix)
    return DirectoryError(f"{server} can't be reached: {error}", "check the host, the port and the network between")


def _untrusted(error: ssl.SSLCertVerificationError, server: str, name: str) -> DirectoryError:
    code = error.verify_code
    if code in _EXPIRED:
        return DirectoryError(f"{server}: its certificate has expired", "renew the certificate there")
    if code in _NOT_YET:
        return DirectoryError(f"{server}: its certificate is not valid yet", "check the clocks of both machines")
    if code in _OTHER_NAME:
        return DirectoryError(
            f"{server}: its certificate is for other names than '{name}'",
            "use one of the names in the certificate, or set tls_server_name to the one that this server stands for",
        )
    if code in _UNKNOWN_CA:
        return DirectoryError(
            f"{server}: its certificate is not signed by an authority that is trusted here ({error.verify_message})",
            "give the certificate of the authority that signed it by ca_path or ca_content",
        )
    return DirectoryError(f"{server}: its certificate is not accepted: {error.verify_message}", "renew the certificate")
