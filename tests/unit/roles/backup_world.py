# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A master of Kubernetes whose programs are told of, not run."""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROLES = Path(__file__).resolve().parents[3] / "roles"
sys.path[:0] = [str(ROLES / role / "files") for role in ("slurm_backup", "kubeadm_master")]

from podforge_backup import BackupError  # noqa: E402 - it is not installed
from podforge_kubernetes_backup import master  # noqa: E402 - it is not installed
from podforge_kubernetes_backup import plan  # noqa: E402 - it is not installed
from podforge_kubernetes_backup.plan import Here  # noqa: E402 - it is not installed

NOW = datetime.datetime(2026, 12, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)
OLD, NEW = "a" * 64, "b" * 64


def name(ca: str, day: int, cluster: str = "demo") -> str:
    return f"kubernetes-{cluster}-{ca[:12]}-202612{day:02}T000000Z.tar"


def config(tmp_path: Path, **more: Any) -> plan.Config:
    given: dict[str, Any] = {
        "destination": str(tmp_path / "backups"),
        "cluster": "demo",
        "node": "ip-10-1-0-1",
        "address": "10.1.0.1",
        "endpoint": "10.1.0.1:6443",
        "masters": {"ip-10-1-0-1": "10.1.0.1"},
        "pod_cidr": "10.244.0.0/16",
        "service_cidr": "10.96.0.0/12",
        "encryption": True,
        "kubeadm": str(tmp_path / "kubeadm.yaml"),
        "work_dir": str(tmp_path),
        "users": ["ubuntu"],
        **more,
    }
    return plan.Config(**given)


class Killed(BaseException):
    """As by SIGKILL: nothing is tidied up."""


class World:
    """``cluster`` is what the master has: a CA, or nothing. Its etcd is a word."""

    def __init__(self, tmp_path: Path) -> None:
        self.path, self.note = tmp_path, tmp_path / "note.json"
        self.cluster, self.etcd, self.did = "", "", [""]
        self.die_in = ""
        # whether its API answers, and what becomes of a snapshot
        self.answers, self.failure = True, ""
        self.aside = ""
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
            bool(self.world.cluster) and self.world.answers,
            data=bool(self.world.etcd),
            begun=begun.get("name", ""),
            since=begun.get("since", ""),
            kept=begun.get("kept", ""),
            made=begun.get("made", False),
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def is_encrypted(self) -> bool:
        return True

    def version(self) -> str:
        return "v1.32.4"

    def nodes(self) -> list[dict[str, Any]]:
        return []

    def others(self) -> list[str]:
        return self.world.others

    def snapshot(self, folder: Path) -> dict[str, Any]:
        if self.world.failure:
            raise BackupError(self.world.failure)
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

    def set_aside(self, place: Path) -> None:
        self.world.step("set_aside")
        if place.exists():
            raise OSError("no space left")
        self.world.aside = str(place)

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
