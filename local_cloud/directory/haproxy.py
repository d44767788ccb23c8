# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy as a Network Load Balancer: its configuration, and what it says of its servers. Runs nothing."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

# Idle timeout of TCP flows and TLS listeners (ELB, Network Load Balancers, "Connection idle timeout").
IDLE_SECONDS = 350
# Where the container sees the folders of its balancer.
FOLDER = "/opt/directory/balancer"
SOCKET_FOLDER = "/run/balancer"
SOCKET = "admin.sock"
# Where a slow line to a target begins.
_FIRST_DELAY_PORT = 20000


@dataclass(frozen=True)
class Target:
    """An address that connections are passed on to; ``fails``: its health checks fail, whatever it answers."""

    address: str
    port: int
    fails: bool = False


@dataclass(frozen=True)
class Check:
    """A TCP health check.

    Attributes:
        port: None for that of the target.
        seconds: between two checks.
        timeout: seconds that one may take.
        rise: successes that make a target healthy.
        fall: failures that make it unhealthy.
    """

    port: int | None = None
    seconds: float = 30
    timeout: float = 10
    rise: int = 5
    fall: int = 2


@dataclass(frozen=True)
class Group:
    """A target group.

    Attributes:
        name: letters, digits and hyphens.
        delay: seconds by which what passes is late, each way.
    """

    name: str
    targets: tuple[Target, ...]
    check: Check
    delay: float = 0


@dataclass(frozen=True)
class Listener:
    """A port.

    Attributes:
        group: the name of the group that it passes connections on to.
        certificate: name of a PEM file with key, certificate and chain; None: what comes is passed on as it is.
        minimum_tls: ``TLSv1.2`` or ``TLSv1.3``.
    """

    port: int
    group: str
    certificate: str | None = None
    minimum_tls: str = "TLSv1.2"


def server_name(target: Target) -> str:
    """The target's name in the configuration and in the statistics."""
    return f"{target.address}:{target.port}"


def render(listeners: tuple[Listener, ...], groups: tuple[Group, ...]) -> str:
    """The configuration file."""
    lines = [
        "global",
        "    log stdout format raw local0",
        f"    stats socket {SOCKET_FOLDER}/{SOCKET} mode 600 level admin expose-fd listeners",
        "    user haproxy",
        "    group haproxy",
        f"    hard-stop-after {IDLE_SECONDS}s",
        "defaults",
        "    mode tcp",
        "    log global",
        "    option tcplog",
        "    option clitcpka",
        "    timeout connect 10s",
        f"    timeout client {IDLE_SECONDS}s",
        f"    timeout server {IDLE_SECONDS}s",
    ]
    lines += _programs(groups)
    for listener in sorted(listeners, key=lambda item: item.port):
        bind = f"    bind *:{listener.port}"
        if listener.certificate is not None:
            bind += f" ssl crt {FOLDER}/{listener.certificate} ssl-min-ver {listener.minimum_tls}"
        lines += [f"frontend port-{listener.port}", bind, f"    default_backend {listener.group}"]
    for group in groups:
        lines += [f"backend {group.name}", *_servers(group, _delay_ports(groups))]
    return "\n".join(lines) + "\n"


def _delay_ports(groups: tuple[Group, ...]) -> dict[tuple[str, Target], int]:
    late = [(group.name, target) for group in groups if group.delay for target in group.targets]
    return {item: _FIRST_DELAY_PORT + number for number, item in enumerate(late)}


def _programs(groups: tuple[Group, ...]) -> list[str]:
    """A program for each group with a slow line; HAProxy starts and ends it."""
    ports = _delay_ports(groups)
    lines = []
    for group in groups:
        if group.delay and group.targets:
            late = [f"{ports[group.name, target]}={server_name(target)}" for target in group.targets]
            lines += [
                f"program delay-{group.name}",
                f"    command /usr/bin/python3 /opt/directory/delay.py {group.delay:g} {' '.join(late)}",
            ]
    return lines


def _servers(group: Group, ports: dict[tuple[str, Target], int]) -> list[str]:
    check = group.check
    lines = ["    balance roundrobin", f"    timeout check {round(check.timeout * 1000)}ms"]
    for target in group.targets:
        late = ports.get((group.name, target))
        to = server_name(target) if late is None else f"127.0.0.1:{late}"
        lines.append(
            f"    server {server_name(target)} {to} check {_checked(target, check)} "
            f"inter {round(check.seconds * 1000)}ms rise {check.rise} fall {check.fall}"
        )
    return lines


def _checked(target: Target, check: Check) -> str:
    # nobody listens on the discard port of the balancer itself (RFC 863)
    return "addr 127.0.0.1 port 9" if target.fails else f"addr {target.address} port {check.port or target.port}"


@dataclass(frozen=True)
class Health:
    """What HAProxy says of one target.

    Attributes:
        up: connections are passed on to it.
        checked: a check has ended.
        failure: what the last check found, in HAProxy's words; empty when it succeeded.
    """

    up: bool
    checked: bool
    failure: str


def parse_health(statistics: str) -> dict[tuple[str, str], Health]:
    """Health by (group, ``address:port``), from the answer to ``show stat`` (HAProxy management guide, 9.1)."""
    rows = csv.DictReader(io.StringIO(statistics.removeprefix("# ")))
    found = {}
    for row in rows:
        if row["svname"] in ("FRONTEND", "BACKEND"):
            continue
        last = row["check_status"].removeprefix("* ")
        failure = "" if last in ("", "INI", "L4OK") else row["check_desc"] or last
        if row["last_chk"] and failure:
            failure = f"{failure}: {row['last_chk']}"
        found[row["pxname"], row["svname"]] = Health(
            up=row["status"].startswith("UP"), checked=last not in ("", "INI"), failure=failure
        )
    return found
