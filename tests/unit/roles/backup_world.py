# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A master of Kubernetes whose programs are told of, not run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from podforge_kubernetes_backup import master
from podforge_kubernetes_backup import plan
from podforge_kubernetes_backup.plan import Here


class Killed(BaseException):
    """As by SIGKILL: nothing is tidied up."""


class World:
    """``cluster`` is what the master has: a CA, or nothing. Its etcd is a word."""

    def __init__(self, tmp_path: Path) -> None:
        self.path, self.note = tmp_path, tmp_path / "note.json"
        self.cluster, self.etcd, self.did = "", "", [""]
        self.die_in = ""
        self.others: list[str] = []
        self.since = ""

    def step(self, what: str) -> None:
        self.did.append(what)
        if what == self.die_in:
            raise Killed


class Fake(master.Master):
    """The master of a world."""

    world: World

    def look(self) -> Here:
        begun = json.loads(self.world.note.read_text(encoding="utf-8")) if self.world.note.exists() else {}
        return Here(
            self.world.cluster,
            bool(self.world.cluster),
            begun=begun.get("name", ""),
            since=begun.get("since", ""),
            made=begun.get("made", False),
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def version(self) -> str:
        return "v1.32.4"

    def nodes(self) -> list[dict[str, Any]]:
        return []

    def others(self) -> list[str]:
        return self.world.others

    def snapshot(self, folder: Path) -> dict[str, Any]:
        (folder / plan.MEMBERS["etcd"]).write_text(self.world.etcd, encoding="utf-8")
        return {"revision": 1, "keys": 2}

    def pack_keys(self, folder: Path) -> None:
        (folder / plan.MEMBERS["keys"]).write_text(self.world.cluster, encoding="utf-8")

    def image(self, *, pull: bool) -> str:
        return "etcd" if pull else ""

    def unpack(self, folder: Path) -> None:
        (folder / "etcd.db").write_bytes((folder / plan.MEMBERS["etcd"]).read_bytes())

    def status(self, image: str, folder: Path) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        self.world.cluster = self.world.etcd = ""
        self.world.step("reset")

    def put_keys(self, folder: Path) -> None:
        self.world.step("put_keys")
        self.world.cluster = (folder / plan.MEMBERS["keys"]).read_text(encoding="utf-8")

    def put_etcd(self, image: str, folder: Path, token: str) -> bool:
        self.world.step("put_etcd")
        self.world.etcd = (folder / "etcd.db").read_text(encoding="utf-8")
        return False

    def init(self) -> None:
        self.world.step("init")

    def bury_masters(self, since: str) -> list[str]:
        self.world.since = since
        self.world.step("bury_masters")
        return []

    def restart_system(self) -> None:
        self.world.step("restart_system")

    def let_join(self) -> None:
        self.world.step("let_join")
