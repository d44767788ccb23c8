# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose file server is made up."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import FileSystem
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import complete
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Client
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Node

NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
NETS = "- nid: 10.1.0.7@efa\n  send_count: {0}\n  recv_count: {0}\n"


def fsx(**entry: Any) -> FileSystem:
    return complete([{"dns_name": NAME, "mount_name": "abcdefgh", **entry}], {})[0][0]


class World(Node):
    """A node whose file server comes, goes and hangs; time goes by when somebody sleeps."""

    def __init__(self, mounted: str = "") -> None:
        super().__init__()
        self.mounted, self.comes_after = mounted, 0
        self.reading: list[int] = []
        self.writing: list[int] = []
        self.calls: list[str] = []
        self.clock, self.slept = 0.0, []
        self.stderr, self.address, self.busy = "", "10.1.0.9", False
        self.devices: tuple[str, ...] = ()
        self.counters: list[int] = []
        self.units: dict[str, str] = {}
        self.proven: set[str] = set()

    def booted(self) -> bool:
        return True

    def mountinfo(self) -> str:
        return f"33 22 0:1 / /fsx rw - {self.mounted} rw\n" if self.mounted else ""

    def now(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self.clock += seconds
        self.slept.append(seconds)

    def below(self, path: str) -> list[str]:
        return []

    def probe(self, path: str, write: bool = False, patience: float = 10.0) -> int:
        answers = self.writing if write else self.reading
        return answers.pop(0) if answers else 0

    def systemctl(self, *arguments: str, patience: float = 120.0) -> tuple[int, str]:
        self.calls.append(" ".join(arguments))
        verb, unit = arguments[0], arguments[-1]
        if verb == "start" and unit.endswith(".mount"):
            if self.comes_after > 0:
                self.comes_after -= 1
                return 1, "Job for fsx.mount failed."
            self.mounted = "lustre 10.1.0.9@tcp:/abcdefgh"
        if verb == "stop" and not self.busy:
            self.mounted = ""
        if verb == "is-enabled":
            return 0, "\n".join(self.units.get(name, "disabled") for name in arguments[1:])
        if verb == "enable":
            self.units.update(dict.fromkeys(arguments[1:], "enabled"))
        if verb == "show":
            return 0, "FragmentPath=/etc/systemd/system/fsx.mount\nNeedDaemonReload=no\n"
        return 0, ""

    def said(self, unit: str, since: float) -> str:
        return self.stderr

    def unmount(self, path: str) -> None:
        self.calls.append(f"umount {path}")
        self.mounted = ""

    def resolve(self, host: str) -> tuple[tuple[str, ...], str]:
        return ((self.address,), "") if self.address else ((), "Name or service not known")

    def knock(self, address: str, port: int, patience: float = 5.0) -> str:
        return "open"

    def client(self, system: FileSystem) -> Client:
        return Client(True, "6.8", True)

    def prepare(self, system: FileSystem) -> None:
        self.calls.append("prepare")

    def efa_devices(self) -> tuple[str, ...]:
        return self.devices

    def lnet_efa(self) -> str:
        return NETS.format(self.counters.pop(0)) if self.counters else ""

    def move_data(self, path: str) -> str:
        return ""

    def is_proven(self, unit: str) -> bool:
        return unit in self.proven

    def note_proof(self, unit: str, proven: bool) -> None:
        (self.proven.add if proven else self.proven.discard)(unit)


@pytest.fixture(name="world")
def _world() -> type[World]:
    return World


@pytest.fixture(name="fsx")
def _fsx() -> Any:
    return fsx
