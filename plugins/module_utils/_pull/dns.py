# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for name resolution: the service's host agent restarts systemd-resolved while the node boots.

Private to this collection.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}
# an answer, if not an address: the resolver works. Others (EAI_AGAIN) mean that nobody answered
_ANSWERED = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def name_to_resolve(environment: t.Mapping[str, str], region: str, partition: str) -> str | None:
    """The name that the roles will need first, the S3 endpoint's; None when the endpoint is an address."""
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return f"s3.{region}.{_SUFFIXES.get(partition, 'amazonaws.com')}"
    host = urlsplit(endpoint).hostname
    if not host or host == "localhost":
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def has_resolver(resolv_conf: str) -> bool:
    """Whether a name server is configured, see resolv.conf(5)."""
    return any(line.split()[:1] == ["nameserver"] and len(line.split()) > 1 for line in resolv_conf.splitlines())


def uses_resolver(resolv_conf: Path) -> bool:
    """Whether this host has a resolver, or is about to have one.

    On Ubuntu /etc/resolv.conf is a link to a file of systemd-resolved, which is not there until that service runs.
    """
    try:
        return has_resolver(resolv_conf.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return resolv_conf.is_symlink()


def wait_for_name(name: str, seconds: float, look_up: t.Callable[[str], bool] | None = None) -> bool:
    """Try until the resolver answers, at most so many seconds; False when it never did."""
    look_up = look_up or _resolver_answers
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        answered: list[bool] = []
        # one look-up can hang longer than we want to wait
        attempt = threading.Thread(target=lambda found: found.append(look_up(name)), args=(answered,), daemon=True)
        attempt.start()
        attempt.join(left)
        if answered and answered[0]:
            return True
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))


def _resolver_answers(name: str) -> bool:
    try:
        socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return error.errno in _ANSWERED
    except OSError:
        return False
    return True
