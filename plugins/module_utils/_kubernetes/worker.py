# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: a worker itself: files of kubelet, kubeadm, and the API as one who has no right yet sees it."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import tempfile
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

from . import KubernetesError
from . import config
from . import join_secret
from . import joining
from . import settings
from .joining import Invitation
from .joining import Reason

KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
_CERTIFICATE = Path("/var/lib/kubelet/pki/kubelet-client-current.pem")
_BOOTSTRAP, _CA = Path("/etc/kubernetes/bootstrap-kubelet.conf"), Path("/etc/kubernetes/pki/ca.crt")
# memory, and root's alone
_MEMORY, _PREFIX = Path("/run"), "podforge-join-"
_EACH = 60.0


def api_opener() -> urllib.request.OpenerDirector:
    """What asks an API whose CA is not known yet. Never by a proxy: it is in the VPC."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


class Worker:
    """This node on its way into the cluster."""

    def __init__(self, command: t.Callable[..., tuple[int, str, str]], params: t.Mapping[str, t.Any]) -> None:
        self._command = command
        self._params = params
        self._said = ("", 0.0)
        self.waited: dict[str, float] = {}

    def look(self) -> tuple[str | None, str]:
        """kubelet's kubeconfig if it is there, and how far this node has come."""
        path = Path(KUBELET_CONF)
        kubeconfig = path.read_text(encoding="utf-8") if path.exists() else None
        return kubeconfig, joining.state_of(kubeconfig, _CERTIFICATE.exists(), _BOOTSTRAP.exists(), _CA.exists())

    @staticmethod
    def tidy() -> None:
        """Remove the file with the token that a killed run has left."""
        for left in _MEMORY.glob(f"{_PREFIX}*"):
            left.unlink()

    def ask(self, client: t.Any) -> Invitation | Reason:
        """What the secret says, or why it says nothing."""
        value = self._read(client, self._params["secret"])
        return value if isinstance(value, Reason) else joining.invitation(self._params["secret"], value)

    def join(self, client: t.Any, chance: t.Callable[[], float]) -> None:
        """Wait for all that is needed, and join.

        :raises KubernetesError: it took too long, or will never come to it.
        """
        deadline = time.monotonic() + self._params["timeout"]
        attempt, before = 0, ""
        while True:
            reason = self._attempt(client)
            if reason is None:
                return
            # another reason is a step forward
            attempt = attempt if reason.kind == before else 0
            before = reason.kind
            self._say(reason)
            if reason.final:
                raise KubernetesError(f"this node can't join: {reason.text}")
            seconds = joining.pause(attempt, chance, throttled=reason.kind == "throttled")
            attempt += 1
            if time.monotonic() + seconds > deadline:
                times = ", ".join(f"{kind} {seconds:.0f} s" for kind, seconds in self.waited.items())
                raise KubernetesError(
                    f"this node has not joined in {self._params['timeout']} s (timeout): {reason.text}. Waited for: "
                    f"{times or 'nothing'}. Fix: see the provisioning log of the master, then run this node's script"
                )
            time.sleep(seconds)
            self.waited[reason.kind] = round(self.waited.get(reason.kind, 0.0) + seconds, 1)

    def begin_anew(self) -> None:
        """Take away what a killed join has left, before another one."""
        self.reset()

    def reset(self) -> None:
        """Take away what is here of a cluster.

        :raises KubernetesError: kubeadm can't.
        """
        code, out, err = self._command(["kubeadm", "reset", "--force"])
        if code:
            raise KubernetesError(f"kubeadm reset: {joining.last_lines(out + err, 12)}. Fix: run it by hand")

    def node(self) -> dict[str, t.Any]:
        """This node's object, by the node's own right; empty: the API does not give it."""
        code, out, _err = self._kubectl("get", "node", self._params["node_name"], "-o", "json")
        return joining.load(out) if code == 0 else {}

    def describe(self, labels: t.Mapping[str, str | None], note: str | None) -> None:
        """Set labels of this node or, with None, take them away; and the note of them.

        :raises KubernetesError: the API refuses one.
        """
        metadata: dict[str, t.Any] = {"labels": dict(labels)}
        if note is not None:
            metadata["annotations"] = {settings.NOTE: note}
        words = ("--type=merge", f"--patch={json.dumps({'metadata': metadata})}")
        code, _out, err = self._kubectl("patch", "node", self._params["node_name"], *words)
        if code:
            fix = "Fix: nodes may not set labels below node-restriction.kubernetes.io and most of kubernetes.io"
            raise KubernetesError(f"labels: the API refuses {', '.join(labels)}: {err.strip()}. {fix}")

    def _attempt(self, client: t.Any) -> Reason | None:
        given = self.ask(client)
        if isinstance(given, Reason):
            return given
        reason = self._api(given)
        if reason is not None:
            return reason
        return self._kubeadm(given)

    def _api(self, given: Invitation) -> Reason | None:
        """Whether the API answers, and knows the invitation. What it says is not trusted, only found out early."""
        try:
            with api_opener().open(f"https://{given.address}{joining.CLUSTER_INFO}", timeout=10) as answer:
                date = answer.headers.get("Date", "")
                document = joining.load(answer.read(1 << 20).decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            return Reason("api", f"{given.address} answers with {error.code}: it is not ready yet")
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            return Reason("api", f"the API at {given.address} does not answer: {why}")
        return joining.judge_clock(date, join_secret.now()) or joining.judge_cluster(given, document)

    def _kubeadm(self, given: Invitation, key: str = "") -> Reason | None:
        with self._configuration(given, key) as path:
            code, out, err = self._run_join(path)
        if code == 0:
            return None
        reason = joining.judge_failure(out + err, self._journal())
        # what it has begun stands in the way of the next attempt
        self.reset()
        return reason

    def _run_join(self, path: str) -> tuple[int, str, str]:
        return self._command(["kubeadm", "join", "--config", path])

    @contextlib.contextmanager
    def _configuration(self, given: Invitation, key: str = "") -> t.Iterator[str]:
        """kubeadm's file while it is needed."""
        documents = config.join(
            self._params["version"], self._params, given.address, given.token, given.ca_hash, key=key
        )
        descriptor, path = tempfile.mkstemp(prefix=_PREFIX, suffix=".yaml", dir=_MEMORY)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(config.text(documents))
            yield path
        finally:
            Path(path).unlink()

    @staticmethod
    def _read(client: t.Any, name: str) -> dict[str, t.Any] | Reason:
        """What is in a secret, or why it can't be read."""
        try:
            value, deleted = join_secret.read(client, name)
        except Exception as error:  # whatever the SDK raises has its reason in it
            return joining.refused(name, join_secret.code_of(error), str(error))
        if value is None:
            code = "InvalidRequestException" if deleted else "ResourceNotFoundException"
            return joining.refused(name, code, "deleted" if deleted else "")
        return value

    def _journal(self) -> str:
        """The end of what kubelet has written; whether there is a journal does not matter."""
        words = ["journalctl", "--unit=kubelet", "--lines=100", "--no-pager", "--output=cat"]
        return self._command(words)[1]

    def _kubectl(self, *words: str) -> tuple[int, str, str]:
        return self._command(["kubectl", "--kubeconfig", KUBELET_CONF, "--request-timeout=20s", *words])

    def _say(self, reason: Reason) -> None:
        kind, moment = self._said
        if not self._params["log"] or (kind == reason.kind and time.monotonic() - moment < _EACH):
            return
        self._said = (reason.kind, time.monotonic())
        line = f"kubeadm_join: waiting ({reason.kind}): {reason.text}\n"
        with Path(self._params["log"]).open("a", encoding="utf-8") as stream:
            stream.write(line)
