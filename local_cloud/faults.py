# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that a user injects: in requests (throttling, 5xx, dropped connections), in nodes, in directories.

Those of what runs (an endpoint that is down) hold until they are cleared. Every other fault happens either with a
percentage, drawn from a random sequence of its own that depends on the seed and the fault alone, so that a run can be
repeated; or a number of times, and is gone after that. Throttling may also be that of a service: so many calls a second
pass.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THROTTLE = "throttle"
SERVER_ERROR = "server_error"
DROP = "drop"
DROP_AFTER = "drop_after"
REQUEST_KINDS = (THROTTLE, SERVER_ERROR, DROP, DROP_AFTER)
# A lifecycle failure hits the nodes of the records provider only: real ones run real scripts.
ENGINE_KINDS = ("node_launch_failure", "insufficient_capacity", "health_check_failure", "lifecycle_failure")
DIRECTORY_FAILURE = "directory_failure"
TARGET_UNHEALTHY = "target_unhealthy"
ENDPOINT_DOWN = "endpoint_down"
CERTIFICATE_SWAPPED = "certificate_swapped"
DIRECTORY_SLOW = "directory_slow"
# These hold until they are cleared.
HELD_KINDS = (TARGET_UNHEALTHY, ENDPOINT_DOWN, CERTIFICATE_SWAPPED, DIRECTORY_SLOW)
DIRECTORY_KINDS = (DIRECTORY_FAILURE, *HELD_KINDS)
KINDS = REQUEST_KINDS + ENGINE_KINDS + DIRECTORY_KINDS
_HIDDEN = "(given)"


@dataclass(frozen=True)
class Fault:
    """One injected fault.

    Attributes:
        kind: one of KINDS. ``drop`` closes the connection before anything is done, ``drop_after`` when all is done.
        percent: 0 to 100, or None.
        count: how many more times, or None.
        rate: of throttling: calls a second that pass, or None. One of the three rules.
        operation: of request faults: operation that is hit (``CreateCluster``, ``s3:PutObject``, ``s3:*``); None: all.
        instance_group: of engine faults: the group that is hit; None: all.
        resource: of faults of directories: domain name of the directory, name of the load balancer or address of the
            target that is hit; None: all.
        seconds: of ``directory_slow``: by which everything is late, each way.
        certificate: of ``certificate_swapped``: PEM that is shown (key, certificate, chain); None: one for the right
            names by an authority that nobody knows.
    """

    kind: str
    percent: float | None = None
    count: int | None = None
    rate: float | None = None
    operation: str | None = None
    instance_group: str | None = None
    resource: str | None = None
    seconds: float | None = None
    certificate: str | None = None

    @property
    def key(self) -> str:
        """A fault of the same key replaces this one."""
        return "|".join([self.kind, self.operation or "", self.instance_group or "", self.resource or ""])

    def hits_operation(self, service: str, operation: str) -> bool:
        """Whether a call of ``service`` (signing name) is meant."""
        if self.operation is None:
            return True
        wanted_service, _dummy, wanted = self.operation.rpartition(":")
        return wanted_service in ("", service) and wanted in ("*", operation)


def parse_fault(raw: Any) -> Fault:
    """A fault from JSON.

    Raises:
        ServiceError: ValidationException that names the member and what it may be.
    """
    if not isinstance(raw, dict):
        raise _invalid("a fault is an object with 'kind' and 'percent' or 'count'")
    members = set(Fault.__dataclass_fields__)
    unknown = sorted(set(raw) - members)
    if unknown:
        raise _invalid(f"unknown member {unknown[0]}; known are {', '.join(sorted(members))}")
    fault = Fault(**{"kind": "", **raw})
    if fault.kind not in KINDS:
        raise _invalid(f"kind '{fault.kind}' is none of {', '.join(KINDS)}")
    _check_rule(fault)
    _check_directory_fault(fault)
    for name in ("operation", "instance_group", "resource", "certificate"):
        if not isinstance(getattr(fault, name), (str, type(None))):
            raise _invalid(f"{name} is no text")
    if fault.kind in REQUEST_KINDS and fault.instance_group is not None:
        raise _invalid(f"{fault.kind} hits requests: give operation, not instance_group")
    if fault.kind in ENGINE_KINDS and fault.operation is not None:
        raise _invalid(f"{fault.kind} hits nodes: give instance_group, not operation")
    return fault


def _check_rule(fault: Fault) -> None:
    rules = 3 - [fault.percent, fault.count, fault.rate].count(None)
    if fault.kind in HELD_KINDS and rules:
        raise _invalid(f"{fault.kind} holds until it is cleared: give neither percent nor count nor rate")
    if fault.kind not in HELD_KINDS and rules != 1:
        raise _invalid("give one of percent, count and rate")
    if fault.percent is not None and not _is_number(fault.percent, 0, 100):
        raise _invalid(f"percent {fault.percent!r} is no number from 0 to 100")
    if fault.count is not None and not (isinstance(fault.count, int) and _is_number(fault.count, 0, math.inf)):
        raise _invalid(f"count {fault.count!r} is no whole number from 0")
    if fault.rate is not None and not (_is_number(fault.rate, 0, 1000) and fault.rate):
        raise _invalid(f"rate {fault.rate!r} is no number above 0, up to 1000 calls a second")
    if fault.rate is not None and fault.kind != THROTTLE:
        raise _invalid(f"rate is for {THROTTLE} only")


def _check_directory_fault(fault: Fault) -> None:
    ours = fault.kind in DIRECTORY_KINDS
    if ours and (fault.operation is not None or fault.instance_group is not None):
        raise _invalid(f"{fault.kind} hits a directory or load balancer: give resource")
    if not ours and fault.resource is not None:
        raise _invalid(f"resource is for {', '.join(DIRECTORY_KINDS)} only")
    if (fault.kind == DIRECTORY_SLOW) != (fault.seconds is not None):
        raise _invalid(f"seconds are for {DIRECTORY_SLOW}, and it needs them")
    if fault.seconds is not None and not (_is_number(fault.seconds, 0, 600) and fault.seconds):
        raise _invalid(f"seconds {fault.seconds!r} is no number above 0, up to 600")
    if fault.certificate is not None:
        if fault.kind != CERTIFICATE_SWAPPED:
            raise _invalid(f"certificate is for {CERTIFICATE_SWAPPED} only")
        if "PRIVATE KEY" not in str(fault.certificate) or "BEGIN CERTIFICATE" not in str(fault.certificate):
            raise _invalid("certificate is no PEM text with a private key and a certificate")


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", f"Fault: {message}.")


class Faults:
    """The faults of one instance, kept in a file. Safe to use from several threads."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file at ``path`` if it exists; None keeps faults in memory only. ``clock`` tells seconds."""
        self._clock = clock
        self._path = path
        self._lock = threading.Lock()
        self._seed = 0
        self._faults: dict[str, Fault] = {}
        self._random: dict[str, random.Random] = {}
        self._watchers: list[Callable[[], None]] = []
        self._buckets: dict[str, tuple[float, float]] = {}
        """Of faults with a rate: calls that may pass at once, and when that was."""
        if path is not None and path.exists():
            state = json.loads(path.read_text())
            self._seed = state["seed"]
            self._faults = {fault.key: fault for fault in map(parse_fault, state["faults"])}

    def describe(self) -> dict[str, Any]:
        """Seed and faults as JSON types; certificates have keys in them and are not told."""
        with self._lock:
            state = self._state()
        for fault in state["faults"]:
            if "certificate" in fault:
                fault["certificate"] = _HIDDEN
        return state

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call this after each change."""
        self._watchers.append(watcher)

    def put(self, fault: Fault) -> None:
        """Add a fault, or replace the one of the same kind and aim; percent or count 0 removes it."""
        with self._lock:
            self._faults.pop(fault.key, None)
            self._random.pop(fault.key, None)
            self._buckets.pop(fault.key, None)
            if fault.kind in HELD_KINDS or fault.percent or fault.count or fault.rate:
                self._faults[fault.key] = fault
            self._save()
        self._tell()

    def set_seed(self, seed: int) -> None:
        """Start all random sequences anew."""
        with self._lock:
            self._seed = seed
            self._random.clear()
            self._save()

    def clear(self, kind: str | None = None) -> None:
        """Remove all faults, or all of one kind."""
        with self._lock:
            kept = {key: fault for key, fault in self._faults.items() if kind is not None and fault.kind != kind}
            self._faults = kept
            self._random = {key: value for key, value in self._random.items() if key in kept}
            self._save()
        self._tell()

    def take(self, kind: str, aim: str) -> bool:
        """Whether the fault ``kind`` happens now to a node of the group, or the directory, ``aim``; counts it."""
        with self._lock:
            return self._draw([f for f in self._of(kind) if (f.instance_group or f.resource) in (None, aim)])

    def on(self, kind: str, resource: str) -> Fault | None:
        """The fault ``kind`` that holds for this directory, load balancer or target now; the one aimed at it first."""
        with self._lock:
            found = [fault for fault in self._of(kind) if fault.resource in (None, resource)]
        return max(found, key=lambda fault: fault.resource is not None, default=None)

    def take_request(self, kind: str, service: str, operation: str) -> bool:
        """Whether the request fault ``kind`` happens now to this call; counts it."""
        with self._lock:
            return self._draw([f for f in self._of(kind) if f.hits_operation(service, operation)])

    @property
    def any_request_fault(self) -> bool:
        """Whether requests have to be looked at."""
        return any(fault.kind in REQUEST_KINDS for fault in list(self._faults.values()))

    def _of(self, kind: str) -> list[Fault]:
        return [fault for fault in self._faults.values() if fault.kind == kind]

    def _draw(self, faults: list[Fault]) -> bool:
        for fault in faults:
            if fault.rate is not None:
                if self._over(fault.key, fault.rate):
                    return True
                continue
            if fault.count is not None:
                left = replace(fault, count=fault.count - 1)
                if left.count:
                    self._faults[fault.key] = left
                else:
                    del self._faults[fault.key]
                self._save()
                return True
            sequence = self._random.setdefault(fault.key, random.Random(f"{self._seed}:{fault.key}"))  # noqa: S311
            if sequence.uniform(0, 100) < (fault.percent or 0):
                return True
        return False

    def _over(self, key: str, rate: float) -> bool:
        """Token bucket, as the API throttling of AWS: bursts of a second's calls pass."""
        now = self._clock()
        full = max(rate, 1.0)
        left, then = self._buckets.get(key, (full, now))
        left = min(full, left + (now - then) * rate)
        self._buckets[key] = (left - 1 if left >= 1 else left, now)
        return left < 1

    def _state(self) -> dict[str, Any]:
        shown = [{k: v for k, v in asdict(fault).items() if v is not None} for fault in self._faults.values()]
        return {"seed": self._seed, "faults": shown}

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def _save(self) -> None:
        if self._path is not None:
            write_atomically(self._path, json.dumps(self._state(), indent=1).encode())
