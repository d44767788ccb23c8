# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IMDSv2 of this node on 169.254.169.254:80.

Session tokens are demanded, as on HyperPod instances. Source: Amazon EC2 User Guide, "Use the Instance Metadata
Service to access instance metadata".
"""

from __future__ import annotations

import http.server
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from . import imds_tree
from . import node

ADDRESS = ("169.254.169.254", 80)
MAX_TTL = 21600
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 # the name of a header
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
VERSIONS = ("latest", "2021-07-15", "2021-03-23", "2018-09-24")


class Tokens:
    """Session tokens that were handed out and have not expired. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._expiry: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self, ttl: int, now: float) -> str:
        """A new token that is good for ttl seconds."""
        token = secrets.token_urlsafe(40)
        with self._lock:
            self._expiry = {key: end for key, end in self._expiry.items() if end > now}
            self._expiry[token] = now + ttl
        return token

    def valid(self, token: str | None, now: float) -> bool:
        """Whether the token was handed out and is still good."""
        with self._lock:
            return self._expiry.get(token or "", 0.0) > now


def ttl_of(header: str | None) -> int | None:
    """The time to live that a request asks for; None when it is missing or out of 1..21600."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    ttl = int(header)
    return ttl if 1 <= ttl <= MAX_TTL else None


class Handler(http.server.BaseHTTPRequestHandler):
    """One request. ``tokens`` and ``values`` come from the server object."""

    server_version = "EC2ws"
    sys_version = ""
    server: Server

    def do_PUT(self) -> None:
        """Hand out a token."""
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        ttl = ttl_of(self.headers.get(TTL_HEADER))
        if self.headers.get("X-Forwarded-For") is not None:
            self._send(403, "Forbidden")
        elif self._path() != "api/token":
            self._send(404, "Not Found")
        elif ttl is None:
            self._send(400, "Bad Request")
        else:
            self._send(200, self.server.tokens.issue(ttl, time.monotonic()), {TTL_HEADER: str(ttl)})

    def do_GET(self) -> None:
        """Answer a metadata path."""
        path = self._path()
        if not self.server.tokens.valid(self.headers.get(TOKEN_HEADER), time.monotonic()):
            self._send(401, "Unauthorized")
            return
        found = None if path is None else imds_tree.answer(self.server.values(), path)
        if found is None:
            self._send(404, "Not Found")
        else:
            self._send(200, found)

    def _path(self) -> str | None:
        version, _slash, rest = self.path.partition("?")[0].strip("/").partition("/")
        return rest if version in VERSIONS else None

    def _send(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # name given by the base class
        """Nothing: paths name roles, and the journal is not the place."""


class Server(http.server.ThreadingHTTPServer):
    """The listener with what its handlers share."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], spec: dict[str, Any], document: Path, mac: str) -> None:
        super().__init__(address, Handler)
        self.tokens = Tokens()
        self._spec = spec
        self._document = document
        self._mac = mac

    def values(self) -> dict[str, str]:
        """All metadata now; credentials are renewed in the document by the host agent."""
        return imds_tree.tree(node.read_json(self._document) or {}, self._spec, self._mac)


def main() -> None:
    """Serve until stopped. The address has been put on the loopback by the unit."""
    spec = node.Identity.read().spec
    mac = Path("/sys/class/net/eth0/address").read_text(encoding="ascii").strip()
    Server(ADDRESS, spec, node.DOCUMENT_FILE, mac).serve_forever()


if __name__ == "__main__":
    main()
