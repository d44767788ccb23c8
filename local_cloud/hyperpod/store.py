# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters on disk: one SQLite file per account and region.

Every change is one transaction, committed before anybody hears of it; only the nodes that changed are written. SQLite's
write-ahead log survives a killed process at any moment (https://sqlite.org/wal.html); a machine that loses its power
may lose the last moments (synchronous=NORMAL) but never consistency.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod.model import Cluster
from local_cloud.hyperpod.model import Event
from local_cloud.hyperpod.model import Node
from local_cloud.hyperpod.model import cluster_from_dict
from local_cloud.hyperpod.model import cluster_to_dict
from local_cloud.hyperpod.model import node_from_dict
from local_cloud.hyperpod.model import node_to_dict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SCHEMA = """
create table if not exists cluster (arn text primary key, body text not null);
create table if not exists node (arn text not null, key text not null, body text not null, primary key (arn, key))
    without rowid;
create table if not exists event (arn text not null, event_id text not null, time real not null, body text not null,
    primary key (arn, event_id)) without rowid;
create index if not exists event_time on event (arn, time, event_id);
create table if not exists document (arn text not null, digest text not null, body text not null,
    primary key (arn, digest)) without rowid;
create table if not exists setting (name text primary key, body text not null);
"""
_TABLES = ("cluster", "node", "event", "document")


class Store:
    """One file of clusters. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file at ``path``, make it (mode 0600: it holds munge keys and agent tokens) if it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(_SCHEMA)

    def load(self) -> list[Cluster]:
        """All clusters."""
        with self._lock:
            nodes: dict[str, dict[str, Node]] = {}
            for arn, key, body in self._db.execute("select arn, key, body from node"):
                nodes.setdefault(arn, {})[key] = node_from_dict(_load(body))
            rows = self._db.execute("select arn, body from cluster").fetchall()
        return [cluster_from_dict(_load(body), nodes.get(arn, {})) for arn, body in rows]

    def save(self, old: Cluster | None, new: Cluster, events: Sequence[Event] = ()) -> None:
        """Write what differs between two states of a cluster (old None: all), and new events."""
        before = {} if old is None else old.nodes
        changed = [n for key, n in new.nodes.items() if before.get(key) is not n]
        removed = [key for key in before if key not in new.nodes]
        with self._lock, self._db:
            self._db.execute("begin")
            self._db.execute("replace into cluster values (?, ?)", (new.arn, _dump(cluster_to_dict(new))))
            self._db.executemany(
                "replace into node values (?, ?, ?)", ((new.arn, n.key, _dump(node_to_dict(n))) for n in changed)
            )
            self._db.executemany("delete from node where arn = ? and key = ?", ((new.arn, key) for key in removed))
            self._insert_events(new.arn, events)

    def remove(self, cluster: Cluster) -> None:
        """Forget a cluster with all that belongs to it."""
        with self._lock, self._db:
            self._db.execute("begin")
            for table in _TABLES:
                self._db.execute(f"delete from {table} where arn = ?", (cluster.arn,))  # noqa: S608 - our own names

    def events(self, arn: str) -> list[Event]:
        """All events of a cluster, oldest first."""
        with self._lock:
            rows = self._db.execute("select body from event where arn = ? order by time, event_id", (arn,)).fetchall()
        return [Event(**_load(body)) for (body,) in rows]

    def event(self, arn: str, event_id: str) -> Event | None:
        """One event of a cluster."""
        with self._lock:
            row = self._db.execute("select body from event where arn = ? and event_id = ?", (arn, event_id)).fetchone()
        return None if row is None else Event(**_load(row[0]))

    def put_document(self, arn: str, digest: str, body: str) -> None:
        """Keep a text under its digest."""
        with self._lock, self._db:
            self._db.execute("insert or ignore into document values (?, ?, ?)", (arn, digest, body))

    def document(self, arn: str, digest: str) -> str | None:
        """A text kept before."""
        with self._lock:
            row = self._db.execute("select body from document where arn = ? and digest = ?", (arn, digest)).fetchone()
        return None if row is None else str(row[0])

    def setting(self, name: str, default: Any = None) -> Any:
        """A JSON value kept under a name."""
        with self._lock:
            row = self._db.execute("select body from setting where name = ?", (name,)).fetchone()
        return default if row is None else _load(row[0])

    def set_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        with self._lock, self._db:
            self._db.execute("replace into setting values (?, ?)", (name, _dump(value)))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _insert_events(self, arn: str, events: Sequence[Event]) -> None:
        self._db.executemany(
            "insert into event values (?, ?, ?, ?)",
            ((arn, e.event_id, e.time, _dump(vars(e))) for e in events),
        )


def _dump(value: Any) -> str:
    return json.dumps(value, default=_encode, separators=(",", ":"))


def _load(text: str) -> Any:
    return json.loads(text, object_hook=_decode)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    raise TypeError(f"{type(value).__name__} can't be kept")


def _decode(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$datetime"]) if value.keys() == {"$datetime"} else value
