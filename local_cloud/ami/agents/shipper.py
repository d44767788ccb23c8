# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ships the provisioning log to CloudWatch Logs, as the CloudWatch agent of an instance does.

Limits: PutLogEvents in the Amazon CloudWatch Logs API reference.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError

from . import node
from .output import Tail

LOG = logging.getLogger(__name__)
FLUSH_SECONDS = 3.0  # force_flush_interval of the service's agent configuration
MAX_EVENTS = 10_000
MAX_BYTES = 1_048_576
EVENT_OVERHEAD = 26
MAX_EVENT_BYTES = 262_144 - EVENT_OVERHEAD


def events_of(lines: list[bytes], now_ms: int) -> list[dict[str, Any]]:
    """Log events with the time they were read at; blank lines can't be sent, over-long ones are divided."""
    events = []
    for line in lines:
        for start in range(0, len(line), MAX_EVENT_BYTES // 4):
            text = line[start : start + MAX_EVENT_BYTES // 4].decode("utf-8", errors="replace")
            if text.strip():
                events.append({"timestamp": now_ms, "message": text})
    return events


def batches(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Divide events, in order, into requests within the limits of PutLogEvents."""
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        weight = len(event["message"].encode()) + EVENT_OVERHEAD
        if batch and (len(batch) == MAX_EVENTS or size + weight > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += weight
    if batch:
        yield batch


class Shipper(threading.Thread):
    """Sends what was appended to a file, every three seconds, until the process ends.

    Args:
        log: the file.
        state: where the position is noted, so that nothing is sent twice after a restart.
        group, stream: names in CloudWatch Logs; made when the first line is there.
        client: gives a CloudWatch Logs client with credentials that are good now, or None.
    """

    def __init__(self, log: Path, state: Path, group: str, stream: str, client: Callable[[], Any]) -> None:
        super().__init__(name="shipper", daemon=True)
        noted = node.read_json(state) or {}
        self._tail = Tail(log, int(noted.get("offset", 0)), int(noted.get("inode", 0)))
        self._state = state
        self._target = {"logGroupName": group, "logStreamName": stream}
        self._client = client
        self._lock = threading.Lock()

    def run(self) -> None:
        """The thread."""
        while True:
            time.sleep(FLUSH_SECONDS)
            try:
                self.ship()
            except (BotoCoreError, ClientError, OSError) as error:
                LOG.warning("log lines wait: %s", error)

    def flush(self, timeout: float) -> bool:
        """Send all there is, the unfinished last line included. False when that took longer than timeout seconds."""
        end = time.monotonic() + timeout
        while True:
            try:
                while self.ship(partial=True):
                    pass
            except (BotoCoreError, ClientError, OSError) as error:
                LOG.warning("log lines wait: %s", error)
            else:
                return True
            if time.monotonic() > end:
                return False
            time.sleep(1)

    def ship(self, partial: bool = False) -> bool:
        """Send what is new. True when something was. On an error nothing is noted, and it is sent again."""
        with self._lock:
            before = (self._tail.offset, self._tail.inode)
            lines = self._tail.read(partial)
            if not lines:
                return False
            client = self._client()
            if client is None:
                self._tail.offset, self._tail.inode = before
                return False
            try:
                for batch in batches(events_of(lines, int(time.time() * 1000))):
                    self._put(client, batch)
            except BaseException:
                self._tail.offset, self._tail.inode = before
                raise
            position = {"offset": self._tail.offset, "inode": self._tail.inode}
            node.write_atomically(self._state, json.dumps(position), 0o600)
            return True

    def _put(self, client: Any, batch: list[dict[str, Any]]) -> None:
        try:
            client.put_log_events(logEvents=batch, **self._target)
        except client.exceptions.ResourceNotFoundException:
            self._create(client.create_log_group, logGroupName=self._target["logGroupName"])
            self._create(client.create_log_stream, **self._target)
            client.put_log_events(logEvents=batch, **self._target)

    @staticmethod
    def _create(call: Callable[..., Any], **names: str) -> None:
        try:
            call(**names)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
                raise
