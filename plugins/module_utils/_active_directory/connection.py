# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verified connection to one of the domain controllers, by ldap3."""

from __future__ import annotations

import contextlib
import socket
import ssl
import traceback
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

try:
    import ldap3
    import ldap3.core.exceptions

    LDAP3_MISSING = ""
except ImportError:
    LDAP3_MISSING = traceback.format_exc()

from .errors import DirectoryError
from .explain import INVALID_CREDENTIALS
from .explain import explain
from .explain import quoted
from .tls import context_of
from .tls import explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

_LDAPS_PORT = 636
_LDAP_PORT = 389


@dataclass(frozen=True)
class Host:
    """Where a domain controller listens."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True)
class Reach:
    """How to reach the directory: the options that all modules share, checked."""

    hosts: tuple[Host, ...]
    user: str
    password: str = field(repr=False)
    start_tls: bool
    server_name: str | None
    timeout: int
    context: ssl.SSLContext = field(repr=False)


def hosts_of(texts: Iterable[str], port: int | None, *, start_tls: bool) -> tuple[Host, ...]:
    """The servers: names, addresses or URLs, each with its port or that for all.

    Raises:
        DirectoryError: one is of another form, or asks for LDAP without TLS.
    """
    default = port or (_LDAP_PORT if start_tls else _LDAPS_PORT)
    found = tuple(_host(text, default, start_tls) for text in texts)
    if not found:
        raise DirectoryError("hosts is empty", "give a domain controller, or the name of the load balancer before it")
    return found


def _host(text: str, default: int, start_tls: bool) -> Host:
    scheme, separator, rest = text.strip().rpartition("://")
    if separator and scheme.lower() not in ("ldap", "ldaps"):
        raise DirectoryError(f"hosts: '{text}' is no server", "write a name, ldaps://name or name:port")
    if scheme.lower() == "ldap" and not start_tls:
        raise DirectoryError(
            f"hosts: '{text}' would send passwords in plain text, which is refused",
            "use ldaps://, or set start_tls: true where the server offers it on port 389",
        )
    if scheme.lower() == "ldaps" and start_tls:
        raise DirectoryError(f"hosts: '{text}' is for LDAPS, which begins with TLS", "leave start_tls out")
    name, port = rest.rstrip("/"), str(default)
    if name.startswith("["):
        name, _bracket, after = name[1:].partition("]")
        port = after.removeprefix(":") or port
    elif name.count(":") == 1:
        name, _colon, port = name.partition(":")
    if not name or not port.isdecimal() or not 0 < int(port) < 0x10000 or any(char in name for char in " /@\\"):
        raise DirectoryError(f"hosts: '{text}' is no server", "write a name, ldaps://name or name:port")
    return Host(name, int(port))


def reach_of(params: Mapping[str, Any]) -> Reach:
    """The options that all modules share.

    Raises:
        DirectoryError: names the option, what is wrong with it and the fix.
    """
    for option in ("bind_user", "bind_password"):
        # a simple bind with an empty password is an anonymous one, and succeeds: RFC 4513, 5.1.2
        if not params[option]:
            raise DirectoryError(f"{option} is empty", "an anonymous bind can neither read nor change the directory")
    if params["timeout"] < 1:
        raise DirectoryError(f"timeout: {params['timeout']} is too short", "give at least 1 second")
    return Reach(
        hosts=hosts_of(params["hosts"], params["port"], start_tls=params["start_tls"]),
        user=params["bind_user"],
        password=params["bind_password"],
        start_tls=params["start_tls"],
        server_name=params["tls_server_name"],
        timeout=params["timeout"],
        context=context_of(params["ca_path"], params["ca_content"]),
    )


def connect(reach: Reach) -> tuple[Any, Host]:
    """A bound connection to the first server that can be reached.

    Raises:
        DirectoryError: none can, with what is wrong at each; or user and password are not accepted, which no other
            server is asked about: each wrong try counts towards the account's lockout.
    """
    problems = []
    for host in reach.hosts:
        try:
            return _bound(reach, host), host
        except _Unreachable as error:
            problems.append(error.problem)
    if len(problems) == 1:
        raise problems[0]
    listed = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
    raise DirectoryError(f"None of the {len(problems)} servers can be used:\n{listed}")


class _Unreachable(Exception):
    def __init__(self, problem: DirectoryError) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _bound(reach: Reach, host: Host) -> Any:
    seen: list[Exception] = []
    server = ldap3.Server(
        host.name,
        port=host.port,
        use_ssl=not reach.start_tls,
        tls=_verifying(reach, host, seen),
        get_info=ldap3.NONE,
        connect_timeout=reach.timeout,
    )
    connection = ldap3.Connection(
        server,
        user=reach.user,
        password=reach.password,
        authentication=ldap3.SIMPLE,
        auto_referrals=False,
        check_names=False,
        auto_escape=False,
        auto_encode=False,
        receive_timeout=reach.timeout,
        read_only=False,
    )
    try:
        socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        connection.open(read_server_info=False)
        if reach.start_tls:
            connection.start_tls(read_server_info=False)
        accepted = connection.bind(read_server_info=False)
    except (ldap3.core.exceptions.LDAPException, OSError) as error:
        cause = seen[0] if seen else _cause(error)
        with contextlib.suppress(ldap3.core.exceptions.LDAPException, OSError):
            connection.unbind()
        raise _Unreachable(explained(cause, str(host), reach.server_name or host.name)) from error
    if not accepted:
        result = dict(connection.result)
        connection.unbind()
        why, fix = explain(result["result"], result["message"])
        own = quoted(result["result"], result["description"], result["message"])
        problem = DirectoryError(f"{host} does not accept bind_user '{reach.user}': {why} ({own})", fix)
        if result["result"] == INVALID_CREDENTIALS:
            raise problem
        raise _Unreachable(problem)
    return connection


def _verifying(reach: Reach, host: Host, seen: list[Exception]) -> Any:
    """ldap3's TLS with our context: it checks certificate and name at once. What it raises goes into ``seen`` too."""

    class Verifying(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
            del do_handshake
            try:
                connection.socket = reach.context.wrap_socket(
                    connection.socket, server_hostname=reach.server_name or host.name
                )
            except OSError as error:
                seen.append(error)
                raise

    return Verifying(validate=ssl.CERT_REQUIRED)


def _cause(error: Exception) -> Exception:
    """What the socket raised: ldap3 mixes its type into its own, and keeps one for each address of the server."""
    history = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], list) else []
    tried = [attempt[2] for attempt in history if isinstance(attempt, tuple) and len(attempt) > 2]
    found = next((attempt for attempt in tried if isinstance(attempt, Exception)), error)
    ended = (ldap3.core.exceptions.LDAPSessionTerminatedByServerError, ldap3.core.exceptions.LDAPSocketReceiveError)
    if isinstance(found, ended) and not isinstance(found, TimeoutError):
        return ConnectionResetError(str(found))
    return found
