# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lifecycle script says goes to the provisioning log once.

Scripts that write the log themselves print the same lines as well (``tee -a``); others only print. A printed line is
therefore held for a moment, and dropped when the script has put the same line into the log itself.
"""

from __future__ import annotations

import collections
from pathlib import Path

HOLD_SECONDS = 1.0
READ_LIMIT = 1 << 20


class Merger:
    """Decides which printed lines are still to be appended to the log. Times are seconds of a monotonic clock."""

    def __init__(self, hold: float = HOLD_SECONDS) -> None:
        self._hold = hold
        self._pending: collections.deque[tuple[float, bytes]] = collections.deque()
        self._foreign: collections.deque[tuple[float, bytes]] = collections.deque()
        self._own: collections.Counter[bytes] = collections.Counter()

    def printed(self, line: bytes, now: float) -> None:
        """The script printed a line."""
        self._expire(now)
        match = next((item for item in self._foreign if item[1] == line), None)
        if match is None:
            self._pending.append((now, line))
        else:
            self._foreign.remove(match)

    def written(self, line: bytes, now: float) -> None:
        """A line appeared in the log: ours, or the script's."""
        if self._own[line]:
            self._own[line] -= 1
            return
        match = next((item for item in self._pending if item[1] == line), None)
        if match is None:
            self._foreign.append((now, line))
        else:
            self._pending.remove(match)

    def due(self, now: float, everything: bool = False) -> list[bytes]:
        """Lines to append now, in the order they were printed."""
        lines = []
        while self._pending and (everything or now - self._pending[0][0] >= self._hold):
            lines.append(self._pending.popleft()[1])
        self._own.update(lines)
        return lines

    def _expire(self, now: float) -> None:
        while self._foreign and now - self._foreign[0][0] > 2 * self._hold:
            self._foreign.popleft()


class Tail:
    """Reads a growing file line by line. Starts over when the file was cut or replaced.

    Args:
        path: the file; it need not exist yet.
        offset, inode: where to go on, from :attr:`offset` and :attr:`inode` of an earlier one.
    """

    def __init__(self, path: Path, offset: int = 0, inode: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.inode = inode

    def read(self, partial: bool = False) -> list[bytes]:
        """New whole lines without their ends, about a megabyte at most; with ``partial`` the unfinished one too."""
        try:
            with self.path.open("rb") as stream:
                status = self.path.stat()
                if status.st_ino != self.inode or status.st_size < self.offset:
                    self.inode, self.offset = status.st_ino, 0
                stream.seek(self.offset)
                data = stream.read(READ_LIMIT)
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        if partial or (not end and len(data) == READ_LIMIT):
            end = len(data)
        self.offset += end
        return data[:end].splitlines()
