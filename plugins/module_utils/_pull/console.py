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
import threading
import time
import typing as t
from pathlib import Path

from .masking import Masker

DEFAULT_LOG = "/var/log/provision/provisioning.log"
# an agent may hold a line for a second before it writes it
_PROBE_SECONDS = 2.0
_PROBE_STEP = 0.1
_TAIL = 65536


class Console:
    """Writes lines: masked, with the UTC time, at once."""

    def __init__(self, log_path: str = DEFAULT_LOG, out: t.TextIO | None = None) -> None:
        self._out: t.TextIO | None = out or sys.stdout
        self._log: t.TextIO | None = None
        self._masker = Masker()
        self._second = 0
        self._stamp = ""
        # lines for the log while it is not known whether they arrive there by themselves
        self._held: list[str] | None = None
        self._lock = threading.Lock()
        self._probe: threading.Thread | None = None
        self.log_path = log_path

    def open_log(self, marker: str) -> None:
        """Write the marker line; whether it arrives in the log by itself decides who writes there. Does not wait."""
        self._held = []
        stamped = self.say(marker)
        known = self._known()
        if known is not None:
            self._settle(known)
            return
        self._probe = threading.Thread(target=self._watch, args=(stamped.strip(),), daemon=True)
        self._probe.start()

    def say(self, text: str) -> str:
        """Write one line; returns it as it was written."""
        with self._lock:
            second = int(time.time())
            if second != self._second:
                self._second = second
                self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            line = f"{self._stamp} {self._masker.line(text)}\n"
            self._out = _write(self._out, line)
            if self._held is not None:
                self._held.append(line)
            self._log = _write(self._log, line)
            return line

    def relay(self, stream: t.Iterable[str]) -> None:
        """Pass on the lines of a program's output, but for empty ones."""
        for line in stream:
            text = line.rstrip()
            if text:
                self.say(text)

    def flush(self) -> None:
        """Put what was written on the disk, for the log shipper to find."""
        if self._probe is not None:
            self._probe.join()
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

    def _known(self) -> bool | None:
        """Whether the output goes to the log, as far as its kind tells; None for a pipe or a socket."""
        if self._out is None or self.interactive:
            return False
        if stat.S_ISREG(os.fstat(self._out.fileno()).st_mode):
            return _same_file(self._out.fileno(), self.log_path)
        return None

    def _watch(self, marker: str) -> None:
        deadline = time.monotonic() + _PROBE_SECONDS
        while not _has_line(self.log_path, marker):
            if time.monotonic() > deadline:
                self._settle(captured=False)
                return
            time.sleep(_PROBE_STEP)
        self._settle(captured=True)

    def _settle(self, captured: bool) -> None:
        with self._lock:
            held, self._held = self._held or [], None
            if captured:
                return
            try:
                Path(self.log_path).parent.mkdir(parents=True, exist_ok=True)
                # made as the agent makes it: for root and its group
                handle = os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
                self._log = os.fdopen(handle, "a", encoding="utf-8")
            except OSError as error:
                text = f"podforge: {self.log_path} cannot be written ({error.strerror}); the log is here only\n"
                self._out = _write(self._out, text)
                return
            self._log = _write(self._log, "".join(held))


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


def _has_line(path: str, marker: str) -> bool:
    try:
        with Path(path).open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL))
            return marker.encode() in stream.read()
    except OSError:
        return False
