# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several masters: who makes the cluster, who waits for whom, and which members of etcd are no more."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import fcntl
import json
import tempfile
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import KubernetesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import config
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import join_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import joining
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import master
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.joining import Reason

TOKEN, KEY, PIN = "abcdef.0123456789abcdef", "5" * 64, "sha256:ab"
NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.timezone.utc)
MINUTES = dt.timedelta(minutes=1)
NAMES = ["a", "b", "c"]
INVITES = {"master_addr_port": "127.0.0.1:6444", "token": TOKEN, "discovery_token_ca_cert_hash": PIN}
OPENS = {"certificate_key": KEY, "uploaded": "2026-11-28T11:30:00Z", "discovery_token_ca_cert_hash": PIN}
ENCRYPTION = {"data": {"encryption.yaml": base64.b64encode(b"secret: x").decode()}}


def etcd(*names: str) -> dict[str, Any]:
    return {
        "members": [{"ID": 255 + n, "name": name, "peerURLs": [f"https://{name}:2380"]} for n, name in enumerate(names)]
    }


def nodes(*ready: str) -> dict[str, Any]:
    return {
        "items": [
            {
                "metadata": {"name": name},
                "status": {"conditions": [{"type": "Ready", "status": str(name in ready)}]},
            }
            for name in NAMES
        ]
    }


# --- what one waits for ---


@pytest.mark.parametrize(
    ("holder", "age", "waits"), [("b", MINUTES, True), ("a", MINUTES, False), ("b", 16 * MINUTES, False)]
)
def test_the_lock(holder: str, age: dt.timedelta, waits: bool) -> None:
    lease = {"spec": {"holderIdentity": holder, "renewTime": f"{NOW - age:%Y-%m-%dT%H:%M:%S}.000000Z"}}
    found = joining.judge_lease(lease, "a", NOW)
    assert (found is not None and found.kind == "lock") == waits
    assert joining.judge_lease({}, "a", NOW) is None


def test_members_that_are_no_more() -> None:
    def dead(*names: str, ready: str = "bc") -> list[str]:
        return list(joining.dead_members(etcd(*names)["members"], "a", "10.1.0.1", NAMES, list(ready)))

    assert dead("a", "b", "c") == ["ff"]
    assert dead("b", "c") == []
    # a node of another name, which has left the cluster; not one that is just down
    assert dead("b", "c", "old") == ["101"]
    assert joining.dead_members(etcd("old")["members"], "a", "10.1.0.1", NAMES, ["old"]) == {}
    assert dead("b", "c", ready="b") == []
    # a member that was added and never came up has no name
    nameless = [{"ID": 1, "name": "", "peerURLs": ["https://10.1.0.1:2380"]}]
    assert joining.dead_members(nameless, "a", "10.1.0.1", NAMES, []) == {"1": "10.1.0.1, which this node replaces"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("etcdserver: re-configuration failed due to not enough started members", "etcd"),
        ('Secret "kubeadm-certs" was not found in the "kube-system" Namespace', "stale-key"),
        ("error decoding secret data with provided key: cipher: message authentication failed", "stale-key"),
    ],
)
def test_failures_of_a_master_that_pass(said: str, kind: str) -> None:
    found = joining.judge_failure(said)
    assert (found.kind, found.final) == (kind, False)


# --- its way ---


class Refusal(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


class Secrets:
    def __init__(self, **values: Any) -> None:
        self.values = {name.replace("_", "-"): value for name, value in values.items()}

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        if SecretId not in self.values:
            raise Refusal("ResourceNotFoundException")
        return {"SecretString": json.dumps(self.values[SecretId])}


class Node:
    """What a node's programs say; a program's answers are by words that begin or are in its line."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, name: str = "a") -> None:
        self.lines: list[str] = []
        self.files: list[str] = []
        self.answers: dict[str, tuple[int, str, str]] = {
            "get secret": (0, json.dumps(ENCRYPTION), ""),
            "get nodes": (0, json.dumps(nodes("b", "c")), ""),
            "get node a": (0, '{"status": {"allocatable": {"ephemeral-storage": "9"}}}', ""),
            "member list": (0, json.dumps(etcd("a", "b", "c")), ""),
        }
        self.monotonic = 0.0
        real = tempfile.mkstemp
        monkeypatch.setattr("tempfile.mkstemp", lambda **given: real(**{**given, "dir": str(place)}))
        monkeypatch.setattr("time.sleep", self.sleep)
        monkeypatch.setattr("time.monotonic", lambda: self.monotonic)
        monkeypatch.setattr(master, "MARK", place / "state" / "begun")
        for file in ("RESTORE", "LOCK", "ETCD"):
            monkeypatch.setattr(master, file, place / file)
        monkeypatch.setattr(config, "ENCRYPTION_FILE", str(place / "keys" / "encryption.yaml"))
        monkeypatch.setattr(join_secret, "now", lambda: NOW)
        monkeypatch.setattr(master.Worker, "_api", lambda _self, _given: None)
        self.params: dict[str, Any] = {
            "secret": "s",
            "version": "1.32.0",
            "node_name": name,
            "address": "10.1.0.1",
            "labels": {},
            "taints": [],
            "kubelet_args": {},
            "timeout": 100,
            "log": str(place / "log"),
            "masters": NAMES,
            "encryption": True,
        }
        self.master = master.Master(self.command, self.params)

    def sleep(self, seconds: float) -> None:
        self.monotonic += seconds

    def command(self, words: list[str], data: str | None = None) -> tuple[int, str, str]:
        line = " ".join(words)
        self.lines.append(line)
        if "--config" in words:
            self.files.append(Path(words[words.index("--config") + 1]).read_text(encoding="utf-8"))
        self.files += [data] if data else []
        return next((answer for part, answer in self.answers.items() if part in line), (0, "", ""))

    def did(self, *parts: str) -> list[str]:
        """What was done of these, in order."""
        return [part for line in self.lines for part in parts if part in line]

    def join(self, **secrets: Any) -> None:
        self.master.join(Secrets(**secrets), lambda: 1.0)


def test_the_first_makes_it_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Node(tmp_path, monkeypatch)
    first.join()
    assert first.master.makes_it
    assert first.lines == []
    other = Node(tmp_path, monkeypatch, name="b")
    with pytest.raises(KubernetesError, match=r"not joined in 100 s .*there is no secret s yet"):
        other.join()
    assert other.lines == []


@pytest.mark.parametrize(
    ("answer", "makes_it"),
    [
        (urllib.error.URLError("refused"), True),
        (urllib.error.HTTPError("u", 403, "no", Message(), None), False),
        (None, False),
    ],
)
def test_a_lost_secret_makes_no_second_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Exception | None, makes_it: bool
) -> None:
    asked: list[str] = []

    class Opener:
        def open(self, url: str, timeout: float) -> contextlib.nullcontext[None]:
            asked.append(url)
            if answer is not None:
                raise answer
            return contextlib.nullcontext()

    monkeypatch.setattr(master, "api_opener", Opener)
    node = Node(tmp_path, monkeypatch, name="ip-10-1-0-1")
    node.params["masters"] = ["ip-10-1-0-1", "ip-10-1-0-2"]
    if makes_it:
        node.join()
    else:
        with pytest.raises(KubernetesError, match=r"ip-10-1-0-2 has a cluster and the secret s is missing: start"):
            node.join()
    assert node.master.makes_it == makes_it
    assert {url.split("/api")[0] for url in asked} == {"https://10.1.0.2:6443"}


def test_a_first_one_that_was_replaced_makes_no_second_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    monkeypatch.setattr(master.Worker, "_api", lambda _self, _given: Reason("api", "it does not answer"))
    with pytest.raises(
        KubernetesError, match=r"it does not answer; if that cluster is gone for good, delete the secret"
    ):
        node.join(s=INVITES, s_control_plane=OPENS)
    assert not node.master.makes_it
    assert node.lines == []


def test_it_joins_when_it_is_its_turn_and_its_dead_are_buried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    node.join(s=INVITES, s_control_plane=OPENS)
    steps = ("download-certs", "kubeconfig --config", "create --filename=-", "member list", "member remove ff")
    steps += ("delete pod etcd-a", "kubeadm join --config", "get node a", "control-plane-join all", "delete lease")
    assert node.did(*steps) == list(steps)
    assert (tmp_path / "keys" / "encryption.yaml").read_text(encoding="utf-8") == "secret: x"
    assert (tmp_path / "keys" / "encryption.yaml").stat().st_mode & 0o777 == 0o600
    assert not master.MARK.exists()
    # keys and tokens are in files of the moment
    assert all(word not in "\n".join(node.lines) for word in (KEY, TOKEN))
    assert json.loads(node.files[0].replace("---", ""))["controlPlane"]["certificateKey"] == KEY
    assert list(tmp_path.glob("podforge-join-*")) == []


def test_etcd_gets_no_member_before_kubelet_can_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    node.answers["get node a"] = (0, '{"status": {"allocatable": {"cpu": "2"}}}', "")
    with pytest.raises(KubernetesError, match="nothing allocatable"):
        node.join(s=INVITES, s_control_plane=OPENS)
    assert node.did("control-plane-join all") == []
    assert node.lines[-2:] == ["kubeadm reset --force", "rm -rf /var/lib/etcd/member"]


def test_it_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    lease = {"spec": {"holderIdentity": "b", "renewTime": "2026-11-28T11:59:00.000000Z"}}
    node.answers |= {"create --filename": (1, "", "AlreadyExists"), "get lease": (0, json.dumps(lease), "")}
    with pytest.raises(KubernetesError, match=r"b is joining since 2026-11-28T11:59:00Z: etcd gets one member"):
        node.join(s=INVITES, s_control_plane=OPENS)
    assert node.did("kubeadm join --config", "member remove", "reset") == []
    # what is there is half of a master until it has joined
    assert master.MARK.exists()
    assert node.master.look()[1] == "half"


def test_it_takes_the_lock_of_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    old = {"metadata": {"resourceVersion": "7"}, "spec": {"holderIdentity": "b", "renewTime": "2026-11-28T11:00:00.0Z"}}
    node.answers |= {"create --filename": (1, "", "AlreadyExists"), "get lease": (0, json.dumps(old), "")}
    node.join(s=INVITES, s_control_plane=OPENS)
    taken = json.loads(next(text for text in node.files if '"resourceVersion"' in text))
    assert taken["metadata"]["resourceVersion"] == "7"
    assert taken["spec"]["holderIdentity"] == "a"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"get secret": (1, "", "NotFound")}, "encryption"),
        ({"member list": (1, "", "unreachable")}, "etcd"),
        ({"member remove": (1, "", "no quorum")}, "etcd"),
        ({"get nodes": (1, "", "no")}, "etcd"),
        ({"create --filename": (1, "", "forbidden")}, "api"),
        ({"download-certs": (1, "", "kubeadm-certs was not found")}, "stale-key"),
    ],
)
def test_nothing_is_joined_before_all_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], kind: str
) -> None:
    node = Node(tmp_path, monkeypatch)
    node.answers = {**answers, **{part: said for part, said in node.answers.items() if part not in answers}}
    with pytest.raises(KubernetesError, match="not joined in 100 s"):
        node.join(s=INVITES, s_control_plane=OPENS)
    assert list(node.master.waited) == [kind]
    assert node.did("kubeadm join --config") == []


def test_a_key_that_is_missing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch, name="b")
    with pytest.raises(KubernetesError, match="there is no secret s-control-plane yet"):
        node.join(s=INVITES)
    assert node.lines == []


def restored(node: Node, monkeypatch: pytest.MonkeyPatch, *, stops: bool = False) -> None:
    """A restore begins in its first pause and, unless it stops, has made the cluster in a later one."""
    master.MARK.parent.mkdir()
    master.MARK.touch()

    def sleep(seconds: float) -> None:
        node.sleep(seconds)
        if node.monotonic < 5:
            master.RESTORE.touch()
        elif not stops:
            master.ETCD.touch()
            master.MARK.unlink(missing_ok=True)
            master.RESTORE.unlink(missing_ok=True)

    monkeypatch.setattr("time.sleep", sleep)


def test_a_master_that_was_restored_while_it_waited_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path, monkeypatch)
    restored(node, monkeypatch)
    node.join(s=INVITES)
    assert (list(node.master.waited), node.master.makes_it) == (["missing", "restore"], False)
    assert node.lines == []


def test_half_a_restore_is_not_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(tmp_path, monkeypatch)
    restored(node, monkeypatch, stops=True)
    with pytest.raises(KubernetesError, match=r"has not come to its end: run playbooks/k8s_restore.yml again"):
        node.join(s=INVITES)
    node.master.begin_anew()
    assert node.lines == []
    # nor one that is at work
    master.RESTORE.unlink()
    with master.LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node.master.begin_anew()
        assert node.lines == []
    # what a join has left is
    node.master.begin_anew()
    assert node.lines == ["kubeadm reset --force", "rm -rf /var/lib/etcd/member"]
