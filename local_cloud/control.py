# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and ending the server process of an instance."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import local_cloud
from local_cloud import client
from local_cloud.errors import LocalCloudError
from local_cloud.files import write_atomically
from local_cloud.server import ServerSettings
from local_cloud.server import is_running
from local_cloud.server import provider_of
from local_cloud.server import take_lock

if TYPE_CHECKING:
    from local_cloud.paths import CloudPaths

AUTO = "auto"
# Seconds. Loading a large state takes the most of it.
_START = 180.0
# Seconds. Nodes are stopped meanwhile.
_STOP = 600.0
_LOG_KEPT = 20_000_000


@dataclass(frozen=True)
class Wanted:
    """What the user asked ``up`` for; None: not asked for."""

    port: int | None
    provider: str | None
    speed: float | None
    enforce_iam: bool = False


@dataclass(frozen=True)
class Outcome:
    """What ``up`` came to: the settings that run, whether they ran before, and a word on the provider."""

    settings: ServerSettings
    already: bool
    note: str


def resolve(paths: CloudPaths, wanted: Wanted) -> tuple[ServerSettings, str]:
    """The settings of a new server, and why this provider.

    Raises:
        LocalCloudError: podman is asked for and can't be used, or the state is another provider's.
    """
    last = _last_settings(paths)
    provider, note = _provider(paths, wanted.provider or AUTO, last)
    settings = ServerSettings(
        name=paths.name,
        port=wanted.port or (last.port if last else 4567),
        provider=provider,
        speed=wanted.speed if wanted.speed is not None else 1.0,
        enforce_iam=wanted.enforce_iam,
    )
    return settings, note


def _provider(paths: CloudPaths, wanted: str, last: ServerSettings | None) -> tuple[str, str]:
    if last is not None:
        if wanted not in (AUTO, last.provider):
            raise LocalCloudError(
                f"The nodes of local_cloud '{paths.name}' are of provider {last.provider}: "
                f"remove them with 'down --purge' first, or use another --name."
            )
        wanted = last.provider
    if wanted == "records":
        return "records", "nodes are records only"
    from local_cloud.providers import podman_runtime  # noqa: PLC0415 # only where podman comes into question

    try:
        podman_runtime.detect()
    except LocalCloudError as problem:
        if wanted == AUTO:
            return "records", f"nodes are records only, as containers can't be used: {problem}"
        raise
    return "podman", "nodes are systemd containers"


def _last_settings(paths: CloudPaths) -> ServerSettings | None:
    path = paths.state / "settings.json"
    try:
        return ServerSettings(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise LocalCloudError(f"{path} belongs to another user: set PODFORGE_STATE to a folder of yours.") from None
    except (ValueError, TypeError) as error:
        raise LocalCloudError(f"{path} is damaged ({error}): remove {paths.state}.") from None


def up(paths: CloudPaths, wanted: Wanted) -> Outcome:
    """Start the server in the background, unless it runs, and wait until it answers.

    Raises:
        LocalCloudError: it can't start, or it runs with other settings.
    """
    joined = _join(paths, wanted) if is_running(paths) else None
    if joined is not None:
        return joined
    settings, note = resolve(paths, wanted)
    _start(paths, settings)
    return Outcome(settings, already=False, note=note)


def _join(paths: CloudPaths, wanted: Wanted) -> Outcome | None:
    """Somebody else has started it, perhaps a moment ago; None: it has just ended."""
    deadline = time.monotonic() + _START
    while True:
        try:
            running = client.call(paths, "GET", "health")
            break
        except client.NotUp:
            if not is_running(paths):
                return None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    settings = ServerSettings(**{name: running[name] for name in ("name", "port", "provider", "speed", "enforce_iam")})
    for name, value, have in (
        ("port", wanted.port, settings.port),
        ("provider", None if wanted.provider == AUTO else wanted.provider, settings.provider),
    ):
        if value is not None and value != have:
            raise LocalCloudError(
                f"local_cloud '{paths.name}' is up with {name} {have}, not {value}: "
                f"run 'down' first, or use another --name."
            )
    if wanted.enforce_iam and not settings.enforce_iam:
        raise LocalCloudError(
            f"local_cloud '{paths.name}' is up without --enforce-iam: run 'down' first, or use another --name."
        )
    note = "already up"
    if wanted.speed is not None and wanted.speed != settings.speed:
        client.call(paths, "PUT", "speed", {"speed": wanted.speed})
        note = f"already up; speed changed from {settings.speed:g}"
        settings = replace(settings, speed=wanted.speed)
    return Outcome(settings, already=True, note=note)


def _start(paths: CloudPaths, settings: ServerSettings) -> None:
    # What is wrong with folders and rights is told here, before anything runs.
    os.close(take_lock(paths))
    if paths.server_log.exists() and paths.server_log.stat().st_size > _LOG_KEPT:
        paths.server_log.replace(paths.server_log.with_suffix(".log.1"))
    read_end, write_end = os.pipe()
    environment = {**os.environ, "PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "local_cloud.serve", json.dumps(asdict(settings)), str(write_end)]
    descriptor = os.open(paths.server_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=[write_end],
            env=environment,
            cwd=paths.state,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
        os.close(write_end)
    with os.fdopen(read_end) as stream:
        ready, _write, _error = select.select([stream], [], [], _START)
        told = stream.readline() if ready else ""
    result = json.loads(told) if told else {}
    if result.get("ok"):
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()
    raise LocalCloudError(
        result.get("error") or f"The server ended, or did not answer within {_START:.0f} s: see {paths.server_log}."
    )


def _python_path() -> str:
    ours = str(Path(local_cloud.__file__).absolute().parent.parent)
    return os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])


def remember(paths: CloudPaths, settings: ServerSettings) -> None:
    """Note the settings for the next ``up`` and for ``down --purge``."""
    write_atomically(paths.state / "settings.json", json.dumps(asdict(settings)).encode())


def down(paths: CloudPaths) -> bool:
    """End the server; its nodes are stopped. Returns whether there was one.

    Raises:
        LocalCloudError: it belongs to somebody else, or doesn't end.
    """
    if not is_running(paths):
        return False
    deadline = time.monotonic() + _STOP
    told = False
    while is_running(paths):
        if not told:
            # A server that is only starting has no file yet.
            with contextlib.suppress(client.NotUp):
                _terminate(client.running_settings(paths)["pid"])
                told = True
        if time.monotonic() > deadline:
            raise LocalCloudError(f"The server does not end: see {paths.server_log}, then end it with 'kill -9'.")
        time.sleep(0.05)
    return True


def _terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise LocalCloudError(f"The server (pid {pid}) belongs to another user: run this as that user.") from None


def purge(paths: CloudPaths) -> bool:
    """Remove the nodes and the state of an instance that is down. Returns whether there was anything.

    The state goes last, so that an interrupted purge can be run again.
    """
    if not paths.state.exists():
        return False
    lock = take_lock(paths)
    try:
        last = _last_settings(paths)
        if last is not None:
            provider_of(last.provider, last.port, paths).close(purge=True)
        shutil.rmtree(paths.state)
    except OSError as error:
        raise LocalCloudError(f"{error.filename}: {error.strerror}; run this as the user that ran 'up'.") from None
    finally:
        os.close(lock)
    return True
