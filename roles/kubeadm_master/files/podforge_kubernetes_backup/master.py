# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""This master: its files, etcd by the tools of etcd's own image, kubeadm and kubectl."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import socket
import stat
import tarfile
import time
import typing as t
from pathlib import Path

from podforge_backup import BackupError
from podforge_backup.archives import digest
from podforge_backup.programs import answer
from podforge_backup.programs import run
from podforge_backup.programs import succeeds

from .plan import BUMP
from .plan import ENCRYPTION
from .plan import KEYS
from .plan import MEMBERS
from .plan import Config
from .plan import Here
from .plan import image_in
from .plan import stale_masters
from .plan import workers_of

KUBERNETES = Path("/etc/kubernetes")
ADMIN = KUBERNETES / "admin.conf"
DATA = Path("/var/lib/etcd")
# There while a restore goes on.
NOTE = Path("/var/lib/podforge/kubernetes-restore.json")
# There while kubeadm is at work, also that of the role: what is found with it is half of a master.
MARK = Path("/var/lib/podforge/kubeadm-init.begun")
# Whoever makes, joins, resets or restores this master has it: kubeadm_join and init.sh of the role, too.
ALONE = Path("/run/podforge-kubernetes-master.lock")
# The role's: which file of flannel it has applied.
FLANNEL = Path("/var/lib/podforge/kubernetes-flannel.applied")
REFRESH = "podforge-kubernetes-join-secret.service"
NAMESPACES = ("kube-system", "kube-flannel")
# what folders begin with that a run works in
FOLDER = "podforge-kubernetes-backup-"
_CONTAINER = "podforge-kubernetes-backup"
_PKI = "/pki"
_CTR = ("ctr", "--namespace", "k8s.io")
_ETCD = 'labels."io.kubernetes.container.name"==etcd'
# of kube-apiserver, and of etcd for clients and for its other members
_PORTS = (6443, 2379, 2380)
# kubeadm has awaited the API; it may be slow still
_PATIENCE = 120.0
# of what may be at work here for a moment, as who makes a key for other masters
_TURN = 30.0
_AT_WORK = "^([^ ]*/)?kubeadm (init|join|reset|upgrade)"
# of kubeadm's: the last one says only how to have more of them
_LINES = 6


class Master:
    """A node that is a master, or is to become one."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._tool = ""

    # --- what is here ---

    def look(self) -> Here:
        """The cluster that this master has now."""
        authority = KUBERNETES / "pki" / "ca.crt"
        note = json.loads(NOTE.read_text(encoding="utf-8")) if NOTE.exists() else {}
        has_cluster = ADMIN.exists() and authority.exists()
        nodes = self.nodes() if has_cluster else None
        return Here(
            ca=digest(authority) if has_cluster else "",
            answers=nodes is not None,
            workers=workers_of(nodes or ()),
            data=(DATA / "member").exists(),
            begun=note.get("name", ""),
            since=note.get("since", ""),
            kept=note.get("kept", ""),
            made=note.get("made", False),
        )

    def is_encrypted(self) -> bool:
        """Whether kube-apiserver encrypts secrets with the key that is saved."""
        text = (KUBERNETES / "manifests" / "kube-apiserver.yaml").read_text(encoding="utf-8")
        return f"--encryption-provider-config={KUBERNETES / ENCRYPTION}\n" in text

    def version(self) -> str:
        """Of kubeadm."""
        return run("kubeadm", "version", "--output=short").strip()

    def nodes(self) -> list[dict[str, t.Any]] | None:
        """Node objects; None: the API does not answer."""
        try:
            return self._items("nodes")
        except (BackupError, ValueError, KeyError):
            return None

    def note(self, name: str, since: str, *, kept: str = "", made: bool = False) -> None:
        """Remember which restore goes on, since when, what it has kept, and whether the cluster is there."""
        NOTE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = NOTE.with_suffix(".part")
        part.write_text(json.dumps({"name": name, "since": since, "kept": kept, "made": made}), encoding="utf-8")
        part.replace(NOTE)

    def others(self) -> list[str]:
        """Other masters where an API runs, or an etcd, which has no API any more once it has lost its quorum."""
        there = {name: address for name, address in self.config.masters.items() if name != self.config.node}
        return [name for name, address in there.items() if any(_listens(address, port) for port in _PORTS)]

    # --- saving ---

    def snapshot(self, work: Path) -> dict[str, t.Any]:
        """etcd's content as a file in a folder, and what is known of it."""
        # etcdctl may wait for one for ever
        if not _listens("127.0.0.1", 2379):
            raise BackupError("no etcd listens on this master (port 2379): see journalctl --unit=kubelet")
        image = image_in((KUBERNETES / "manifests" / "etcd.yaml").read_text(encoding="utf-8"))
        pki = (f"--{what}={_PKI}/{file}" for what, file in (("cacert", "ca.crt"), ("cert", "healthcheck-client.crt")))
        words = ("etcdctl", "--endpoints=https://127.0.0.1:2379", *pki, f"--key={_PKI}/healthcheck-client.key")
        mounts = {"/work": work, _PKI: KUBERNETES / "pki" / "etcd"}
        self._run(image, mounts, *words, "snapshot", "save", "/work/etcd.db", network=True)
        about = self.status(image, work)
        plain = work / "etcd.db"
        with plain.open("rb") as source, gzip.open(work / MEMBERS["etcd"], "wb", compresslevel=3) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        plain.unlink()
        return about

    def status(self, image: str, work: Path) -> dict[str, t.Any]:
        """Revision and number of keys of a snapshot, which is as etcd has sent it, and can be read to its end.

        Raises:
            BackupError: it is not.
        """
        if not is_sealed(work / "etcd.db"):
            raise BackupError("etcd's snapshot is damaged: take another backup (list)")
        said = self._run(
            image, {"/work": work}, self._reader(image), "snapshot", "status", "/work/etcd.db", "--write-out=json"
        )
        found = json.loads(said)
        return {"revision": found["revision"], "keys": found["totalKey"]}

    def pack_keys(self, work: Path) -> None:
        """The keys of the control plane, in a file.

        Raises:
            BackupError: one is missing.
        """
        missing = [name for name in KEYS if not (KUBERNETES / name).exists()]
        if missing:
            raise BackupError(f"{', '.join(missing)} not in {KUBERNETES}: a cluster whose CA is elsewhere is not saved")
        with tarfile.open(work / MEMBERS["keys"], "w") as tar:
            for name in (*KEYS, ENCRYPTION):
                if (KUBERNETES / name).exists():
                    tar.add(KUBERNETES / name, name)

    # --- restoring ---

    @contextlib.contextmanager
    def alone(self) -> t.Iterator[None]:
        """While nobody else makes, joins or resets this master.

        Raises:
            BackupError: somebody does.
        """
        end = time.monotonic() + _TURN
        with ALONE.open("w", encoding="utf-8") as lock:
            # also one whose master was killed, or that somebody runs by hand
            while not _taken(lock) or answer("pgrep", "-f", _AT_WORK):
                if time.monotonic() > end:
                    raise BackupError(
                        "nothing was changed: this master is being made, joined or reset, by its lifecycle script or "
                        "by hand (pgrep -af kubeadm). Let that come to its end, then run this again"
                    )
                time.sleep(1)
            yield

    def image(self, *, pull: bool) -> str:
        """The image of the etcd that kubeadm will run, if it is here or may be fetched."""
        image = image_in(run("kubeadm", "config", "images", "list", "--config", self.config.kubeadm))
        if not image:
            raise BackupError(f"kubeadm lists no image of etcd for {self.config.kubeadm}: is its etcd elsewhere?")
        if image in answer(*_CTR, "images", "list", "--quiet").split():
            return image
        if pull:
            run("kubeadm", "config", "images", "pull", "--config", self.config.kubeadm)
        return image if pull else ""

    def unpack(self, work: Path) -> None:
        """The snapshot as etcd's tools read it."""
        with gzip.open(work / MEMBERS["etcd"]) as source, (work / "etcd.db").open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)

    def set_aside(self, place: Path) -> None:
        """Keep etcd's data and the keys as they are, where no backup can be made of them. Goes on with what was killed.

        Raises:
            BackupError: kubelet can't be stopped.
            OSError: they can't be kept. All is as before, as after the other one.
        """
        run("systemctl", "stop", "kubelet.service")
        try:
            # its data are whole once it has ended, and without kubelet nobody starts it again
            for container in answer(*_CTR, "containers", "list", "--quiet", _ETCD).split():
                answer(*_CTR, "tasks", "delete", "--force", container)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (KUBERNETES / "pki").exists():
                shutil.copytree(KUBERNETES / "pki", place / "pki", dirs_exist_ok=True)
            if (KUBERNETES / ENCRYPTION).exists():
                shutil.copy2(KUBERNETES / ENCRYPTION, place)
            _move(DATA / "member", place / "member")
        except OSError:
            if not (place / "member").exists():
                shutil.rmtree(place, ignore_errors=True)
            answer("systemctl", "start", "kubelet.service")
            raise

    def reset(self) -> None:
        """Take away what is here of a cluster; what its network has left, too, for nodes get other blocks of it."""
        MARK.parent.mkdir(parents=True, exist_ok=True)
        MARK.touch()
        run("kubeadm", "reset", "--force", lines=_LINES)
        for path in DATA.iterdir() if DATA.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for link in ("cni0", "flannel.1"):
            answer("ip", "link", "delete", link)
        # the network that comes back is as old as the backup, and for the role to bring up to date
        FLANNEL.unlink(missing_ok=True)

    def put_keys(self, work: Path) -> None:
        """The keys in their places."""
        with tarfile.open(work / MEMBERS["keys"]) as tar:
            for name in (*KEYS, ENCRYPTION):
                source = tar.extractfile(name) if name in tar.getnames() else None
                if source:
                    path = KUBERNETES / name
                    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                    path.touch(mode=0o600)
                    path.write_bytes(source.read())
                    path.chmod(0o644 if path.suffix in (".crt", ".pub") else 0o600)

    def put_etcd(self, image: str, work: Path, token: str) -> bool:
        """The data of an etcd of one member; whether its revision is one that nobody has seen yet.

        :param token: what the identities of the cluster and of its member come from. With those of the cluster before,
            members of that one which come back would be taken for its own.
        """
        DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
        tool, peer = self._reader(image), f"https://{self.config.address}:2380"
        bump = BUMP if "--bump-revision" in self._run(image, {}, tool, "snapshot", "restore", "--help") else ()
        words = (
            f"--name={self.config.node}",
            f"--initial-cluster={self.config.node}={peer}",
            f"--initial-cluster-token={token}",
            f"--initial-advertise-peer-urls={peer}",
            "--data-dir=/data/.restored",
        )
        mounts = {"/work": work, "/data": DATA}
        self._run(image, mounts, tool, "snapshot", "restore", "/work/etcd.db", *words, *bump)
        (DATA / ".restored" / "member").rename(DATA / "member")
        (DATA / ".restored").rmdir()
        return bool(bump)

    def init(self) -> None:
        """Start the control plane on what is there, with certificates for this node."""
        ignored = ("DirAvailable--var-lib-etcd", *self.config.ignore_preflight)
        words = ("--skip-token-print", f"--ignore-preflight-errors={','.join(ignored)}")
        run("kubeadm", "init", f"--config={self.config.kubeadm}", *words, lines=_LINES)
        MARK.unlink()

    def bury_masters(self, since: str) -> list[str]:
        """Take masters of the time of the backup away, and their pods, by which kubeadm finds members of etcd."""
        nodes, leases = self._must_nodes(), self._items("leases", "--namespace=kube-node-lease")
        stale = stale_masters(nodes, self.config.node, leases, since)
        for name in stale:
            self._kubectl("delete", "node", name, "--ignore-not-found")
            pods = (f"--field-selector=spec.nodeName={name}", "--force", "--grace-period=0", "--wait=false")
            self._kubectl("delete", "pods", "--all-namespaces", *pods)
        return stale

    def restart_system(self) -> None:
        """Pods anew of what watches the API since before, and would not hear of what has an older revision."""
        for namespace in NAMESPACES:
            there = ("--namespace", namespace)
            names = self._kubectl("get", "daemonsets,deployments", *there, "--output=name").split()
            if names:
                self._kubectl("rollout", "restart", *there, *names)

    def let_join(self) -> None:
        """The join secret, with this cluster's CA."""
        run("systemctl", "start", REFRESH)

    # --- others ---

    def clean(self) -> None:
        """Take away what a run that was killed has left: folders with the cluster's keys, and a container."""
        for folder in Path(self.config.work_dir).glob(f"{FOLDER}*"):
            # others may write there as well
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
        self._end_container()

    @staticmethod
    def _end_container() -> None:
        answer(*_CTR, "tasks", "delete", "--force", _CONTAINER)
        answer(*_CTR, "containers", "delete", _CONTAINER)

    def _must_nodes(self) -> list[dict[str, t.Any]]:
        end = time.monotonic() + _PATIENCE
        while True:
            nodes = self.nodes()
            if nodes is not None:
                return nodes
            if time.monotonic() > end:
                raise BackupError("the API does not answer: see journalctl --unit=kubelet, then run this again")
            time.sleep(1)

    def _reader(self, image: str) -> str:
        """What reads snapshots: since etcd 3.5 a tool of its own, and since 3.6 no other."""
        if not self._tool:
            both = (*self._command(image, {}, network=False), "etcdutl", "version")
            self._tool = "etcdutl" if succeeds(*both) else "etcdctl"
            self._end_container()
        return self._tool

    def _run(self, image: str, mounts: t.Mapping[str, Path], *words: str, network: bool = False) -> str:
        return run(*self._command(image, mounts, network=network), *words)

    @staticmethod
    def _command(image: str, mounts: t.Mapping[str, Path], *, network: bool) -> tuple[str, ...]:
        binds = (
            f"--mount=type=bind,src={path},dst={place},options=rbind:{'ro' if place == _PKI else 'rw'}"
            for place, path in mounts.items()
        )
        net = ("--net-host",) if network else ()
        return (*_CTR, "run", "--rm", "--env=ETCDCTL_API=3", *net, *binds, image, _CONTAINER)

    def _items(self, *what: str) -> list[dict[str, t.Any]]:
        found: list[dict[str, t.Any]] = json.loads(self._kubectl("get", *what, "--output=json"))["items"]
        return found

    @staticmethod
    def _kubectl(*words: str) -> str:
        return run("kubectl", "--kubeconfig", str(ADMIN), "--request-timeout=30s", *words)


def is_sealed(file: Path) -> bool:
    """Whether a snapshot ends with the checksum of what is before it, which etcd's tools look at only to restore it."""
    left, found = file.stat().st_size - 32, hashlib.sha256()
    with file.open("rb") as stream:
        while left > 0:
            block = stream.read(min(left, 1 << 20))
            found.update(block)
            left -= len(block)
        return stream.read() == found.digest()


def _move(source: Path, target: Path) -> None:
    """A folder in another place as a whole, or not at all; in another file system a copy, for the reset to take it."""
    if target.exists() or not source.exists():
        return
    try:
        source.rename(target)
    except OSError:
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
        part.rename(target)


def _taken(lock: t.IO[str]) -> bool:
    """Whether a lock is ours."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listens(address: str, port: int) -> bool:
    """Whether there is a server."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False
