# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to the admin endpoints of a running instance, over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import urlencode

from local_cloud.errors import LocalCloudError

if TYPE_CHECKING:
    from local_cloud.paths import CloudPaths

_TIMEOUT = 60.0


class NotUp(LocalCloudError):
    """There is no server of this instance."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def running_settings(paths: CloudPaths) -> dict[str, Any]:
    """What the running server was started with: name, port, provider, speed, pid, token.

    Raises:
        NotUp: there is none.
    """
    try:
        settings: dict[str, Any] = json.loads(paths.server_file.read_text())
    except FileNotFoundError:
        raise NotUp(f"local_cloud '{paths.name}' is not up: start it with 'python -m local_cloud up'.") from None
    except PermissionError as error:
        raise NotUp(f"{error.filename} belongs to another user: run this as the user that ran 'up'.") from None
    return settings


def call(
    paths: CloudPaths, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """One call of an admin endpoint (see local_cloud.admin).

    Raises:
        NotUp: nobody answers.
        LocalCloudError: the server refuses; the text is its message.
    """
    settings = running_settings(paths)
    connection = _UnixConnection(str(paths.api_socket))
    target = f"/_local_cloud/{path}" + (f"?{urlencode(query)}" if query else "")
    try:
        connection.request(
            method,
            target,
            body=None if body is None else json.dumps(body),
            headers={"X-Admin-Token": settings["token"], "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        result: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotUp(f"local_cloud '{paths.name}' does not answer ({error}): see {paths.server_log}.") from None
    finally:
        connection.close()
    if answer.status >= 400:
        raise LocalCloudError(result.get("message") or f"HTTP {answer.status}")
    return result
