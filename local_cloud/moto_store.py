# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps moto's backends over a restart: each change is in a file before its answer is sent.

Services whose objects refer to each other share a file; its changes are made one after another. Only what
PutLogEvents adds is written a moment later, by a thread.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Any

import moto

from local_cloud import moto_pickle
from local_cloud.errors import LocalCloudError
from local_cloud.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

# Services (by the names of moto's packages) that share a file with another, or have one of their own. All others
# share one with ec2, as they may refer to its objects.
_GROUPS = {
    "s3": "s3",
    "iam": "iam",
    "sts": "iam",
    "logs": "logs",
    **{name: name for name in ("acm", "cloudwatch", "dynamodb", "ecr", "kms", "route53", "secretsmanager", "sns")},
    **{name: name for name in ("sqs", "ssm")},
}
_REST = "rest"
# Signing names that differ from the names of moto's packages, where it matters for the group.
_SIGNING_NAMES = {"monitoring": "cloudwatch", "s3-control": "s3"}
# Operations that change other groups than their own service's.
_ALL = tuple(sorted({*_GROUPS.values(), _REST}))
_ALSO = {"cloudformation": _ALL, "tagging": _ALL}
# Seconds that log events may wait for, at least.
_LOG_DELAY = 1.0
_ATTEMPTS = 20


def groups_of(signing_name: str) -> tuple[str, ...]:
    """The groups that a mutating call of a service may change, in the order in which they are locked."""
    own = _GROUPS.get(_SIGNING_NAMES.get(signing_name, signing_name), _REST)
    return tuple(sorted({own, *_ALSO.get(signing_name, ())}))


class MotoStore:
    """The saved backends of one instance, in one folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; see :meth:`load`."""
        self._folder = folder
        self._bodies = folder / "s3-objects"
        self._bodies.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locks = {group: threading.RLock() for group in _ALL}
        self._bodies_kept: frozenset[str] = frozenset()
        self._unsavable: dict[str, str] = {}
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._watchers: list[Callable[[str], None]] = []
        self._flusher = threading.Thread(target=self._flush_logs, name="moto-logs", daemon=True)

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Call this with a service's signing name after each of its changes."""
        self._watchers.append(watcher)

    @property
    def unsavable(self) -> dict[str, str]:
        """Services of moto whose state can't be saved -> why."""
        return dict(self._unsavable)

    def load(self) -> None:
        """Load all that is saved; call once, before the first request.

        Raises:
            LocalCloudError: a file can't be read. Nothing should be served then.
        """
        version_file = self._folder / "version.json"
        wanted = {"moto": moto.__version__}
        saved = json.loads(version_file.read_text()) if version_file.exists() else wanted
        if saved != wanted:
            raise LocalCloudError(
                f"The state in {self._folder} was saved by moto {saved.get('moto')}, this is {wanted['moto']}: "
                f"install that version, or remove the state with 'down --purge'."
            )
        write_atomically(version_file, json.dumps(wanted).encode())
        for path in sorted(self._folder.glob("*.pickle")):
            try:
                seen = moto_pickle.load(path.read_bytes(), self._bodies)
            except Exception as error:
                raise LocalCloudError(
                    f"{path} can't be read ({type(error).__name__}: {error}): remove the state with 'down --purge'."
                ) from error
            if path.stem == "s3":
                self._bodies_kept = seen
        for body in self._bodies.iterdir():
            if body.name not in self._bodies_kept:
                body.unlink()
        self._flusher.start()

    @contextmanager
    def changes(self, signing_name: str, operation: str = "") -> Iterator[None]:
        """Hold this while a call of the service changes things; what it changed is saved at the end."""
        groups = groups_of(signing_name)
        for group in groups:
            self._locks[group].acquire()
        try:
            yield
        finally:
            try:
                if operation == "PutLogEvents":
                    self._dirty.set()
                else:
                    for group in groups:
                        self._save(group)
            finally:
                for group in reversed(groups):
                    self._locks[group].release()
                for watcher in self._watchers:
                    watcher(signing_name)

    def save_all(self) -> None:
        """Save all groups now."""
        for group, lock in sorted(self._locks.items()):
            with lock:
                self._save(group)

    def close(self) -> None:
        """Save what waits, and stop."""
        self._closing.set()
        self._dirty.set()
        if self._flusher.is_alive():
            self._flusher.join()

    def _flush_logs(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            if self._closing.is_set():
                break
            self._dirty.clear()
            started = time.monotonic()
            with self._locks["logs"]:
                self._save("logs")
            # Many events take long to write: never spend more than a tenth of the time on it.
            self._closing.wait(max(_LOG_DELAY, 9 * (time.monotonic() - started)))
        with self._locks["logs"]:
            self._save("logs")

    def _save(self, group: str) -> None:
        dicts = {
            service: found
            for service, found in moto_pickle.all_services().items()
            if _GROUPS.get(service, _REST) == group and service not in self._unsavable and service != "moto_api"
        }
        if not dicts:
            return
        try:
            data, bodies = self._dump([each for found in dicts.values() for each in found])
        except Exception:
            log.exception("group %s can't be saved as a whole", group)
            self._find_unsavable(dicts)
            dicts = {service: found for service, found in dicts.items() if service not in self._unsavable}
            data, bodies = self._dump([each for found in dicts.values() for each in found])
        write_atomically(self._folder / f"{group}.pickle", data)
        if group == "s3":
            for name in self._bodies_kept - bodies:
                (self._bodies / name).unlink(missing_ok=True)
            self._bodies_kept = bodies

    def _dump(self, dicts: list[Any]) -> tuple[bytes, frozenset[str]]:
        for attempt in range(_ATTEMPTS):
            try:
                return moto_pickle.dump(dicts, self._bodies)
            except RuntimeError as error:
                # A call that only reads may make moto create a backend in the middle of it.
                if "changed size during iteration" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _find_unsavable(self, dicts: dict[str, list[Any]]) -> None:
        for service, found in dicts.items():
            try:
                self._dump(found)
            except Exception as error:
                self._unsavable[service] = f"{type(error).__name__}: {error}"
                log.error("moto's %s can't be saved and won't survive a restart: %s", service, error)
