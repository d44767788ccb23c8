# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's side of the conversation with the service, over the API's unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any


class ApiError(Exception):
    """No answer, or not the one that was asked for. ``status`` is 0 when nobody answered."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class AgentApi:
    """Calls for one instance.

    Args:
        path: the API's unix socket.
        instance_id, token: who calls; the token travels in ``X-Agent-Token``.
        timeout: seconds for connecting and for each read.
    """

    def __init__(self, path: Path, instance_id: str, token: str, timeout: float = 20.0) -> None:
        self._path = path
        self._base = f"/_local_cloud/agent/v1/nodes/{instance_id}"
        self._token = token
        self._timeout = timeout

    def document(self) -> dict[str, Any]:
        """What the service wants this node to be. Raises ApiError."""
        answer = json.loads(self._call("GET", self._base, None) or b"{}")
        if not isinstance(answer, dict):
            raise ApiError("the agent document is not a JSON object")
        return answer

    def event(self, event: dict[str, Any]) -> None:
        """Report something that happened. Raises ApiError."""
        self._call("POST", f"{self._base}/events", json.dumps(event).encode())

    def _call(self, method: str, target: str, body: bytes | None) -> bytes:
        connection = _UnixConnection(self._path, self._timeout)
        headers = {"X-Agent-Token": self._token, "Content-Type": "application/json"}
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"the API does not answer on {self._path}: {error}") from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            text = data[:300].decode(errors="replace")
            raise ApiError(f"{method} {target} answered {response.status}: {text}", response.status)
        return data
