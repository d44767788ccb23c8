# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of one run on a node, kept as JSON. Private to this collection.

C(<folder>/<UTC time>.json) is written when the run begins (status C(running)), after each role and at the end; the
newest run that changed things is also C(last.json) (in the folder above), the newest in check mode C(last_check.json).
A run that was killed leaves C(running) and the id of a process that is gone.
"""

from __future__ import annotations

import json
import os
import time
import typing as t
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timezone
from pathlib import Path

DEFAULT_FOLDER = "/var/lib/podforge/runs"
KEEP = 50
_MESSAGE_LIMIT = 2000

RUNNING = "running"
OK = "ok"
CHANGED = "changed"
FAILED = "failed"


@dataclass
class RoleResult:
    """One role: C(seconds) is the sum over its tasks, C(changed) the number of tasks that changed something."""

    status: str = OK
    seconds: float = 0.0
    changed: int = 0
    failed_task: str | None = None
    message: str | None = None

    def fail(self, task: str, message: str) -> None:
        """Note the task that failed; the message must be free of secrets already."""
        self.status = FAILED
        self.failed_task = task
        self.message = message[:_MESSAGE_LIMIT]


@dataclass
class RunReport:
    """One run; times in UTC, durations in seconds."""

    path: Path
    bundle: str = ""
    started: str = ""
    status: str = RUNNING
    seconds: float = 0.0
    check: bool = False
    pid: int = 0
    exit_code: int | None = None
    message: str | None = None
    roles: dict[str, RoleResult] = field(default_factory=dict)
    _begin: float = field(default_factory=time.monotonic, repr=False)

    @classmethod
    def new(cls, folder: Path, bundle: str, check: bool, now: datetime | None = None) -> RunReport:
        """A run that starts now; nothing is written yet."""
        now = now or datetime.now(timezone.utc)
        name = now.strftime("%Y%m%dT%H%M%S.") + f"{now.microsecond // 1000:03d}Z.json"
        return cls(folder / name, bundle, started=now.strftime("%Y-%m-%dT%H:%M:%SZ"), check=check, pid=os.getpid())

    def begin(self) -> RunReport:
        """Write it down; files of the oldest runs are removed, never this one (the clock may have been set back)."""
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        self.write()
        others = sorted(path for path in folder.glob("*Z.json") if path != self.path)
        for old in others[: max(0, len(others) - KEEP + 1)]:
            old.unlink(missing_ok=True)
        return self

    @classmethod
    def load(cls, path: Path) -> RunReport:
        """The report as it is in its file; its duration goes on from what was written there."""
        document = json.loads(path.read_text(encoding="utf-8"))
        roles = {name: RoleResult(**entry) for name, entry in document.pop("roles").items()}
        report = cls(path, roles=roles, **document)
        report._begin = time.monotonic() - report.seconds
        return report

    def reload(self) -> RunReport:
        """What another process has made of the file; the duration is still counted from this run's begin."""
        report = self.load(self.path)
        report._begin = self._begin
        return report

    def role(self, name: str) -> RoleResult:
        """The result of the role, made when it is the first time."""
        return self.roles.setdefault(name, RoleResult())

    def finish(self, status: str, exit_code: int | None = None, message: str | None = None) -> None:
        """Set the end of the run and write it durably."""
        self.status = status
        self.exit_code = exit_code
        if message:
            self.message = message[:_MESSAGE_LIMIT]
        self.write(durable=True)

    def write(self, durable: bool = False) -> None:
        """Write the file and its copy (C(last.json) or C(last_check.json)), each at once or not at all."""
        self.seconds = round(time.monotonic() - self._begin, 3)
        text = json.dumps(self.document(), indent=1) + "\n"
        last = self.path.parent.parent / ("last_check.json" if self.check else "last.json")
        for target in (self.path, last):
            replace_text(target, text, durable)

    def document(self) -> dict[str, t.Any]:
        """What is written."""
        found = {name: value for name, value in vars(self).items() if name != "path" and not name.startswith("_")}
        found["roles"] = {
            name: {**asdict(role), "seconds": round(role.seconds, 3)} for name, role in self.roles.items()
        }
        return found

    def table(self) -> list[str]:
        """The roles as lines of a table, in the order in which they ran."""
        if not self.roles:
            return []
        width = max(len(name) for name in [*self.roles, "role"])
        lines = [f"{'role':<{width}}  {'status':<7}  changed  seconds"]
        for name, role in self.roles.items():
            lines.append(f"{name:<{width}}  {role.status:<7}  {role.changed:>7}  {role.seconds:>7.1f}")
            if role.status == FAILED:
                first = (role.message or "").strip().split("\n")[0]
                lines.append(f"{'':<{width}}  {role.failed_task}: {first}")
        return lines


def replace_text(target: Path, text: str, durable: bool = False) -> None:
    """Put the text in place of the file; nobody ever reads half of it."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
