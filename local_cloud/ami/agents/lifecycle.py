# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a node's lifecycle: download, script, log, result."""

from __future__ import annotations

import logging
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.exceptions import HTTPClientError

from . import lifecycle_plan
from .output import Merger
from .output import Tail

LOG = logging.getLogger(__name__)
DOWNLOAD_ROOT = Path("/tmp")  # noqa: S108 # the service's place
DOWNLOAD_PATIENCE = 300.0
DRAIN_SECONDS = 2.0
MARK_DOWNLOAD = "[SageMaker] Downloading lifecycle scripts"
MARK_SUCCEEDED = "[SageMaker] The lifecycle scripts succeeded."
MARK_FAILED = "[SageMaker] The lifecycle scripts failed."


class LifecycleError(Exception):
    """The run failed before or instead of the script; ``exit_code`` is what a shell would say."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def append(log: Path, lines: list[bytes]) -> None:
    """Append lines to the provisioning log; it is made readable by root and its group only."""
    if not lines:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    with os.fdopen(handle, "ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


def download(s3: Any, source: str, root: Path = DOWNLOAD_ROOT) -> Path:
    """Fetch all objects below the prefix to ``<root>/<bucket>/<prefix>/``, in place of what an earlier try left.

    Waits for an API that is away or throttles; raises LifecycleError when the service refuses or nothing is there.
    """
    bucket, prefix = lifecycle_plan.source_of(source)
    folder = root / bucket / prefix
    end = time.monotonic() + DOWNLOAD_PATIENCE
    while True:
        try:
            return _fetch(s3, bucket, prefix, folder)
        except (BotoCoreError, ClientError) as error:
            if not is_passing(error) or time.monotonic() > end:
                raise LifecycleError(f"Downloading from {source} failed: {error}") from error
            LOG.warning("download from %s waits: %s", source, error)
            time.sleep(2)


def is_passing(error: Exception) -> bool:
    """Whether the same call may work in a moment: nobody answered, or the service is disturbed or wants it slower."""
    if isinstance(error, (AwsConnectionError, HTTPClientError)):
        return True
    response = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or "Throttl" in response.get("Error", {}).get("Code", "")


def _fetch(s3: Any, bucket: str, prefix: str, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            name = lifecycle_plan.local_name(item["Key"], prefix)
            if name is not None:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(bucket, item["Key"], str(target))
                count += 1
    if not count:
        raise LifecycleError(f"There are no objects below s3://{bucket}/{prefix}")
    return folder


def run_script(folder: Path, script: str, environment: dict[str, str], log: Path) -> int:
    """Run the entry script as the service does: root, its own shebang, cwd there, no tty, no stdin. Returns its status.

    Raises LifecycleError when it can't be started.
    """
    program = folder / script
    if not program.is_file():
        raise LifecycleError(f"The script {script} is not in {folder}", 127)
    program.chmod(program.stat().st_mode | 0o755)
    try:
        process = subprocess.Popen(
            [program],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        hint = "its first line must be #! with an interpreter that exists, and lines must end with LF"
        raise LifecycleError(f"The script {script} can't be started ({error.strerror}): {hint}", 126) from error
    status = _attend(process, log)
    return status if status >= 0 else 128 - status


def _attend(process: subprocess.Popen[bytes], log: Path) -> int:
    """Move output to the log until the script ends. Children that live on may print later; they are heard, too."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    ended = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            text = line.rstrip(b"\r\n")
            if ended.is_set():
                append(log, [text])
            else:
                lines.put(text)

    reader = threading.Thread(target=read, name="lifecycle-output", daemon=True)
    status = log.stat() if log.exists() else None
    tail = Tail(log, status.st_size if status else 0, status.st_ino if status else 0)
    merger = Merger()
    reader.start()
    while process.poll() is None:
        time.sleep(0.1)
        _merge(lines, tail, merger, log, everything=False)
    reader.join(DRAIN_SECONDS)
    ended.set()
    _merge(lines, tail, merger, log, everything=True)
    return process.returncode


def _merge(lines: queue.SimpleQueue[bytes], tail: Tail, merger: Merger, log: Path, everything: bool) -> None:
    now = time.monotonic()
    while not lines.empty():
        merger.printed(lines.get(), now)
    for line in tail.read():
        merger.written(line, now)
    append(log, merger.due(now, everything))
