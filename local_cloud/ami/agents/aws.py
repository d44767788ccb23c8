# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS clients of the host agent: the role's credentials come from the agent document."""

from __future__ import annotations

import threading
from typing import Any


class Clients:
    """Makes clients, and keeps them for as long as the credentials stay the same."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._credentials: dict[str, str] = {}
        self._cache: dict[str, Any] = {}
        self._lock = threading.Lock()

    def renew(self, credentials: dict[str, str] | None) -> None:
        """Take the credentials of a new document."""
        with self._lock:
            if credentials and credentials != self._credentials:
                self._credentials = dict(credentials)
                self._cache = {}

    def get(self, service: str) -> Any:
        """A client, or None as long as there are no credentials."""
        with self._lock:
            if not self._credentials:
                return None
            if service not in self._cache:
                # Slow to import; a node that boots has better things to do first.
                import boto3  # noqa: PLC0415
                from botocore.config import Config  # noqa: PLC0415

                # Errors are retried by the agent itself, for as long as it takes.
                config = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 2, "mode": "standard"})
                factory: Any = boto3.client  # its type stubs want the service's name as a literal
                self._cache[service] = factory(
                    service,
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    aws_access_key_id=self._credentials["AccessKeyId"],
                    aws_secret_access_key=self._credentials["SecretAccessKey"],
                    aws_session_token=self._credentials["Token"],
                    config=config,
                )
            return self._cache[service]
