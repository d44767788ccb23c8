# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run's output goes: standard output, and the provisioning log when that does not end there anyway.

The service ships /var/log/provision/provisioning.log to CloudWatch. When its agent starts the script, the script's
output may already be written there; when a person starts it, it is not. Private to this collection.
"""

from __future__ import annotations

import os
import stat
import sys
import time
import typing as t
from pathlib import Path

from .masking import Masker

DEFAULT_LOG = "/var/log/provision/provisioning.log"
_PROBE_SECONDS = 1.0
_PROBE_STEP = 0.05
_TAIL = 65536


class Console:
    """Writes lines: masked, with the UTC time, at once."""

    def __init__(self, log_path: str = DEFAULT_LOG, out: t.TextIO | None = None) -> None:
        self._out: t.TextIO | None = out or sys.stdout
        self._log: t.TextIO | None = None
        self._masker = Masker()
        self._second = 0
        self._stamp = ""
        self.log_path = log_path

    def open_log(self, marker: str) -> None:
        """Write the marker line, find out whether it arrives in the log by itself, else write there from now on."""
        stamped = self.say(marker)
        if self._is_captured(stamped):
            return
        try:
            Path(self.log_path).parent.mkdir(parents=True, exist_ok=True)
            self._log = Path(self.log_path).open("a", encoding="utf-8")  # noqa: SIM115 (open for the whole run)
        except OSError as error:
            self.say(f"podforge: {self.log_path} cannot be written ({error.strerror}); the log is on the terminal only")
            return
        self._log.write(stamped)
        self._log.flush()

    def say(self, text: str) -> str:
        """Write one line; returns it as it was written."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        line = f"{self._stamp} {self._masker.line(text)}\n"
        self._out = _write(self._out, line)
        self._log = _write(self._log, line)
        return line

    def relay(self, stream: t.Iterable[str]) -> None:
        """Pass on the lines of a program's output."""
        for line in stream:
            self.say(line.rstrip("\r\n"))

    def flush(self) -> None:
        """Put what was written on the disk, for the log shipper to find."""
        try:
            descriptor = os.open(self.log_path, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @property
    def interactive(self) -> bool:
        """Whether a person is watching."""
        return self._out is not None and self._out.isatty()

    def _is_captured(self, marker: str) -> bool:
        if self._out is None or self.interactive:
            return False
        mode = os.fstat(self._out.fileno()).st_mode
        if stat.S_ISREG(mode):
            return _same_file(self._out.fileno(), self.log_path)
        # a pipe or a socket: what is at its other end shows in the log or not
        waited = 0.0
        while True:
            if _ends_with_line(self.log_path, marker.strip()):
                return True
            if waited >= _PROBE_SECONDS:
                return False
            time.sleep(_PROBE_STEP)
            waited += _PROBE_STEP


def _write(stream: t.TextIO | None, line: str) -> t.TextIO | None:
    """Write and flush; a stream that is gone (closed terminal, full disk) must not end the run."""
    if stream is None:
        return None
    try:
        stream.write(line)
        stream.flush()
    except (OSError, ValueError):
        return None
    return stream


def _same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), Path(path).stat())
    except OSError:
        return False


def _ends_with_line(path: str, marker: str) -> bool:
    try:
        with Path(path).open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL))
            return marker.encode() in stream.read()
    except OSError:
        return False
