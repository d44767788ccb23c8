# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server process: one WSGI application behind 127.0.0.1:<port> and a unix socket."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import LocalCloudError
from local_cloud.files import write_atomically
from local_cloud.paths import CloudPaths
from local_cloud.providers import open_provider
from local_cloud.providers.base import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.directory.machines import Machines
    from local_cloud.providers.base import Provider

log = logging.getLogger(__name__)
HOST = "127.0.0.1"
_BACKLOG = 512
# Seconds that running requests get to end when the server stops.
_DRAIN = 10.0
_MOTO = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # No page in a browser may read what is kept here.
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with.

    Attributes:
        name: of the instance.
        port: of the TCP listener.
        provider: ``podman`` or ``records``.
        speed: virtual seconds per second.
        enforce_iam: callers' IAM policies are judged.
    """

    name: str
    port: int
    provider: str
    speed: float
    enforce_iam: bool = False


def clean_environment() -> None:
    """The user's own AWS and moto settings must not reach moto: it makes botocore sessions."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ.update(_MOTO)
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def take_lock(paths: CloudPaths) -> int:
    """Become the one server of the instance; the lock ends with the process, however that ends.

    Raises:
        LocalCloudError: another server has it, or the folder can't be used.
    """
    try:
        paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.socket_dir.mkdir(mode=0o700, exist_ok=True)
        paths.state.chmod(0o700)
        descriptor = os.open(paths.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LocalCloudError(
            f"{error.filename}: {error.strerror}; set PODFORGE_STATE to a folder that you may write to."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LocalCloudError(f"local_cloud '{paths.name}' is already running; see 'status'.") from None
    return descriptor


def is_running(paths: CloudPaths) -> bool:
    """Whether a server process of the instance lives.

    Raises:
        LocalCloudError: its state is another user's.
    """
    try:
        descriptor = os.open(paths.lock_file, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        raise LocalCloudError(
            f"{paths.state} belongs to another user: run this as that user, or set PODFORGE_STATE to a folder of yours."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def bind_tcp(port: int) -> socket.socket:
    """Listen on the loopback address.

    Raises:
        LocalCloudError: the port isn't free, or isn't ours to use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except PermissionError:
        listener.close()
        raise LocalCloudError(f"Port {port} needs more rights: take one above 1023 with --port.") from None
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalCloudError(
            f"Port {port} of {HOST} can't be used ({getattr(error, 'strerror', error)}): "
            f"end the program that has it ('ss -ltnp sport = :{port}'), or take another one with --port."
        ) from None
    listener.listen(_BACKLOG)
    return listener


def bind_unix(path: Path) -> socket.socket:
    """Listen on a unix socket; what a dead server left there is removed (the caller has the lock)."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(_BACKLOG)
    return listener


def provider_of(name: str, port: int, paths: CloudPaths) -> Provider:
    """The provider of instances ``name``, for this instance of local_cloud."""
    settings = ProviderSettings(cloud=paths.name, state_dir=paths.state, cache_dir=paths.cache, port=port)
    return open_provider(name, settings)


def machines_of(provider: Provider, paths: CloudPaths) -> Machines:
    """What plays directories and balancers beside the provider's instances."""
    from local_cloud.directory.machines import NoMachines  # noqa: PLC0415
    from local_cloud.directory.machines import PodmanMachines  # noqa: PLC0415
    from local_cloud.providers.podman import PodmanProvider  # noqa: PLC0415

    if isinstance(provider, PodmanProvider):
        return PodmanMachines(provider.podman, provider.networks, paths.name, paths.state)
    return NoMachines()


class Server:
    """Listeners and application of one instance."""

    def __init__(self, settings: ServerSettings, paths: CloudPaths) -> None:
        """Load the state and listen; nothing is answered yet.

        Raises:
            LocalCloudError: the instance already runs, a port is taken, or the state can't be read.
        """
        self._settings = settings
        self._paths = paths
        self._lock = take_lock(paths)
        self._stopping = threading.Event()
        self._inflight = 0
        self._idle = threading.Condition()
        self._listeners = [bind_tcp(settings.port), bind_unix(paths.api_socket)]
        self._token = secrets.token_urlsafe(24)
        self._build()

    def _build(self) -> None:
        # Importing moto takes a second, and must come after clean_environment().
        from werkzeug.serving import make_server  # noqa: PLC0415

        from local_cloud import mends_eks  # noqa: PLC0415
        from local_cloud.admin import Admin  # noqa: PLC0415
        from local_cloud.app import App  # noqa: PLC0415
        from local_cloud.directory import hooks  # noqa: PLC0415
        from local_cloud.directory.keeper import Keeper  # noqa: PLC0415
        from local_cloud.faults import Faults  # noqa: PLC0415
        from local_cloud.handler import QuietHandler  # noqa: PLC0415
        from local_cloud.hyperpod.service import HyperPodService  # noqa: PLC0415
        from local_cloud.moto_access import MotoAccess  # noqa: PLC0415
        from local_cloud.moto_app import MotoApp  # noqa: PLC0415
        from local_cloud.moto_store import MotoStore  # noqa: PLC0415
        from local_cloud.quotas import Quotas  # noqa: PLC0415

        settings = self._settings
        self._store = MotoStore(self._paths.moto_dir)
        moto = MotoApp(self._store)
        self._store.load()
        faults = Faults(self._paths.faults_file)
        quotas = Quotas(self._paths.state / "quotas.json")
        self._provider = provider_of(settings.provider, settings.port, self._paths)
        self._service = HyperPodService(
            self._paths.hyperpod_dir,
            settings.name,
            self._provider,
            faults=faults,
            access=MotoAccess(self._store),
            quotas=quotas,
            speed=settings.speed,
        )
        mends_eks.joined_nodes = self._service.eks_nodes
        machines = machines_of(self._provider, self._paths)
        self._keeper = Keeper(self._service.clock, MotoAccess(self._store), faults, machines)
        hooks.install(self._keeper)
        self._store.watch(self._keeper.changed)
        faults.watch(self._keeper.wake)
        self._keeper.start()
        about = {**asdict(settings), "pid": os.getpid(), "started": time.time()}
        admin = Admin(
            self._service,
            faults=faults,
            quotas=quotas,
            store=self._store,
            keeper=self._keeper,
            token=self._token,
            about=about,
        )
        app = self._counted(App(self._service, moto, admin, faults, quotas, enforce_iam=settings.enforce_iam))
        self._servers = [
            make_server(host, port, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno())
            for (host, port), listener in zip(
                [(HOST, settings.port), (f"unix://{self._paths.api_socket}", 0)], self._listeners, strict=True
            )
        ]

    def _counted(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Count running requests, so that the end of the server waits for them."""

        def wrapper(environ: dict[str, Any], start_response: Any) -> Any:
            with self._idle:
                self._inflight += 1
            try:
                return app(environ, start_response)
            finally:
                with self._idle:
                    self._inflight -= 1
                    self._idle.notify_all()

        return wrapper

    def serve(self, ready: Callable[[], None]) -> None:
        """Answer until SIGTERM or SIGINT; ``ready`` is called when the first request can come."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_unused: self._stopping.set())
        running = {**asdict(self._settings), "pid": os.getpid(), "token": self._token}
        # before the first answer: who gets one may look for the token at once
        write_atomically(self._paths.server_file, json.dumps(running).encode())
        threads = [threading.Thread(target=server.serve_forever, name="listener") for server in self._servers]
        for thread in threads:
            thread.start()
        log.info("up: %s", {name: value for name, value in running.items() if name != "token"})
        ready()
        self._stopping.wait()
        log.info("going down")
        for server in self._servers:
            server.shutdown()
        for thread in threads:
            thread.join()
        self.close()

    def close(self) -> None:
        """Wait for running requests, close the service, save what waits."""
        with self._idle:
            self._idle.wait_for(lambda: self._inflight == 0, timeout=_DRAIN)
        try:
            self._keeper.stop()
            self._service.close()
            self._provider.close(purge=False)
        finally:
            self._store.close()
            for listener in self._listeners:
                listener.close()
            self._paths.api_socket.unlink(missing_ok=True)
            self._paths.server_file.unlink(missing_ok=True)
            os.close(self._lock)
        log.info("down")
