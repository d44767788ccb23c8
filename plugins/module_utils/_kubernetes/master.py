# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: one of several masters on its way into the cluster, or the one that has to make it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import time
import typing as t
import urllib.error
from pathlib import Path

from .._hyperpod.members import address_of
from . import config
from . import join_secret
from . import joining
from .joining import Invitation
from .joining import Reason
from .worker import Worker
from .worker import api_opener

# There from the beginning to the end of an init or a join: what is found with it is half of a master.
MARK = Path("/var/lib/podforge/kubeadm-init.begun")
# There while a restore of a backup has not come to its end.
RESTORE = Path("/var/lib/podforge/kubernetes-restore.json")
# Whoever makes, joins, resets or restores this master has it; the role's init.sh and its backup program as well.
LOCK = Path("/run/podforge-kubernetes-master.lock")
ETCD = Path("/etc/kubernetes/manifests/etcd.yaml")
ADMIN = "/etc/kubernetes/admin.conf"
LEASE = "podforge-control-plane-join"
# Written by the role's init.sh; its place is the cluster, which only its administrators read.
KEEPER = "podforge-control-plane"
_KUBELET_PATIENCE = 180.0
_ETCDCTL = (
    "etcdctl",
    "--endpoints=https://127.0.0.1:2379",
    *(f"--{what}=/etc/kubernetes/pki/etcd/{file}" for what, file in (("cacert", "ca.crt"), ("cert", "server.crt"))),
    "--key=/etc/kubernetes/pki/etcd/server.key",
)


class Master(Worker):
    """A node that is to be one of several masters.

    The first of them by name makes the cluster, and nobody else does: only while there is no join secret, which is
    written as soon as there is a cluster. So a first master that was replaced joins the others.
    """

    def __init__(self, command: t.Callable[..., tuple[int, str, str]], params: t.Mapping[str, t.Any]) -> None:
        super().__init__(command, params)
        self.makes_it = False

    def look(self) -> tuple[str | None, str]:
        """As of a worker; one whose join was killed may look like one that has joined."""
        kubeconfig, state = super().look()
        return kubeconfig, "half" if MARK.exists() else state

    def reset(self) -> None:
        super().reset()
        # kubeadm takes it from the manifest where etcd's data are, and a reset that was killed has removed that first
        self._command(["rm", "-rf", "/var/lib/etcd/member"])

    def begin_anew(self) -> None:
        """Only what a join has left: a restore may have begun since it was seen, or have made a master of it."""
        with self._alone() as reason:
            if reason is None and self.look()[1] == "half":
                self.reset()

    def _attempt(self, client: t.Any) -> Reason | None:
        with self._alone() as reason:
            if reason is not None:
                return reason
            # restored while this waited; what is here is the cluster, and nothing of it may be taken away
            if ETCD.exists() and not MARK.exists():
                return None
            return self._attempt_alone(client)

    @contextlib.contextmanager
    def _alone(self) -> t.Iterator[Reason | None]:
        """Nobody else is at work on this master; or why it has to wait: a restore is, or was stopped half way."""
        with LOCK.open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield Reason("restore", "a backup is being restored on this node")
                return
            fix = "run playbooks/k8s_restore.yml again, which goes on"
            text = f"a restore has begun on this node and has not come to its end: {fix}"
            yield Reason("restore", text) if RESTORE.exists() else None

    def _attempt_alone(self, client: t.Any) -> Reason | None:
        given = self.ask(client)
        name = self._params["node_name"]
        if isinstance(given, Reason):
            if given.kind not in ("missing", "deleted") or name != self._params["masters"][0]:
                return given
            other = self._other_cluster()
            self.makes_it = other is None
            return other
        reason = self._api(given)
        if reason is not None and name == self._params["masters"][0]:
            text = f"{reason.text}; if that cluster is gone for good, delete the secret {self._params['secret']}"
            return Reason(reason.kind, f"{text}, and this master makes another one", reason.final)
        if reason is not None:
            return reason
        secret = self._params["secret"] + join_secret.KEY_SUFFIX
        value = self._read(client, secret)
        if isinstance(value, Reason):
            return value
        key = joining.certificate_key(secret, value, given.ca_hash, join_secret.now())
        return key if isinstance(key, Reason) else self._become(given, key)

    def _other_cluster(self) -> Reason | None:
        """A secret that is not there proves no absence of a cluster: somebody may have deleted or renamed it."""
        for name in self._params["masters"]:
            address = address_of(name)
            if name != self._params["node_name"] and address and self._answers(address):
                text = f"{name} has a cluster and the secret {self._params['secret']} is missing: start"
                return Reason("lost-secret", f"{text} podforge-kubernetes-join-secret there (systemctl start)")
        return None

    def _answers(self, address: str) -> bool:
        try:
            with api_opener().open(f"https://{address}:6443{joining.CLUSTER_INFO}", timeout=5):
                return True
        except urllib.error.HTTPError:
            # also one that does not tell everybody
            return True
        except (OSError, ValueError):
            return False

    def _become(self, given: Invitation, key: str) -> Reason | None:
        MARK.parent.mkdir(parents=True, exist_ok=True)
        MARK.touch()
        # the administrator's right first: the lock is in the cluster
        with self._configuration(given, key) as path:
            for phase in ("download-certs", "kubeconfig"):
                words = ["kubeadm", "join", "phase", "control-plane-prepare", phase, "--config", path]
                code, out, err = self._command(words)
                if code:
                    return joining.judge_failure(out + err)
        reason = self._take_lock()
        if reason is not None:
            return reason
        reason = self._encryption() or self._bury() or self._kubeadm(given, key)
        # after a failed join kubeadm has taken away admin.conf, and the lease is this node's until the next attempt
        if reason is None:
            self._admin("delete", "lease", LEASE, "--namespace=kube-system", "--ignore-not-found")
            MARK.unlink()
        return reason

    def _run_join(self, path: str) -> tuple[int, str, str]:
        """In two steps: a member of etcd that is added and does not come up takes the quorum from a cluster of one.

        kubelet does not run it until it knows what the node has, and then never tries again.
        """
        done = self._command(["kubeadm", "join", "--config", path, "--skip-phases=control-plane-join"])
        if done[0]:
            return done
        deadline = time.monotonic() + _KUBELET_PATIENCE
        while not self._allocatable():
            if time.monotonic() > deadline:
                return 1, "", "error: kubelet is not healthy after it has joined: its node has nothing allocatable"
            time.sleep(2)
        return self._command(["kubeadm", "join", "phase", "control-plane-join", "all", "--config", path])

    def _allocatable(self) -> bool:
        return "ephemeral-storage" in ((self.node().get("status") or {}).get("allocatable") or {})

    def _take_lock(self) -> Reason | None:
        """The lease of the one who joins; of a holder that was killed it is taken over, by one node alone."""
        spec = {
            "holderIdentity": self._params["node_name"],
            "renewTime": f"{join_secret.now():%Y-%m-%dT%H:%M:%S}.000000Z",
        }
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": "kube-system"},
            "spec": spec,
        }
        code, _out, err = self._admin("create", "--filename=-", data=json.dumps(lease))
        if code and "AlreadyExists" not in err:
            return Reason("api", f"the API refuses the lock of joining masters: {joining.last_lines(err)}")
        if code:
            there = self._get("lease", LEASE)
            reason = joining.judge_lease(there, self._params["node_name"], join_secret.now())
            if reason is not None:
                return reason
            # with its resourceVersion, so that of two one is refused
            code, _out, err = self._admin("replace", "--filename=-", data=json.dumps({**there, "spec": spec}))
        return Reason("lock", f"another master was quicker: {joining.last_lines(err)}") if code else None

    def _encryption(self) -> Reason | None:
        """The key that secrets are encrypted with, which is the same on all masters."""
        data = self._get("secret", KEEPER).get("data") or {}
        if "encryption.yaml" not in data:
            text = f"the cluster has no secret {KEEPER} with the key for its secrets, or does not say it"
            return Reason("encryption", text) if self._params["encryption"] else None
        place = Path(config.ENCRYPTION_FILE)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = place.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(base64.b64decode(data["encryption.yaml"]))
        part.replace(place)
        return None

    def _bury(self) -> Reason | None:
        """Take members of etcd away that are no more: with one of them it accepts no other."""
        ready = join_secret.ready_nodes(json.dumps({"items": [], **self._get("nodes")}))
        words, failed = ("member", "list", "--write-out=json"), "no master is Ready"
        for name in (name for name in self._params["masters"] if name in ready and name != self._params["node_name"]):
            code, out, failed = self._etcdctl(name, *words)
            if code == 0:
                return self._bury_by(name, joining.load(out).get("members") or [], ready)
        return Reason("etcd", f"etcd's members can't be asked for: {joining.last_lines(failed)}")

    def _bury_by(self, living: str, members: list[dict[str, t.Any]], ready: t.Collection[str]) -> Reason | None:
        params = self._params
        dead = joining.dead_members(members, params["node_name"], params["address"], params["masters"], ready)
        for member, why in dead.items():
            self._say(Reason("etcd", f"etcd's member {why}, is removed"))
            code, _out, err = self._etcdctl(living, "member", "remove", member)
            if code:
                return Reason("etcd", f"etcd does not let go of its member {why}: {joining.last_lines(err)}")
        if dead:
            # kubeadm finds etcd's members by their pods
            pod = ("pod", f"etcd-{params['node_name']}", "--namespace=kube-system")
            self._admin("delete", *pod, "--ignore-not-found", "--force", "--grace-period=0")
        return None

    def _etcdctl(self, master: str, *words: str) -> tuple[int, str, str]:
        return self._admin("exec", "--namespace=kube-system", f"etcd-{master}", "--", *_ETCDCTL, *words)

    def _get(self, *what: str) -> dict[str, t.Any]:
        code, out, _err = self._admin("get", *what, "--namespace=kube-system", "--output=json")
        return joining.load(out) if code == 0 else {}

    def _admin(self, *words: str, data: str | None = None) -> tuple[int, str, str]:
        return self._command(["kubectl", "--kubeconfig", ADMIN, "--request-timeout=20s", *words], data=data)
