# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm_master's backup: which one is meant, what would be lost, what fits, and what is done on the master."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from backup_world import NEW
from backup_world import NOW
from backup_world import OLD
from backup_world import config
from backup_world import name
from podforge_backup import BackupError
from podforge_kubernetes_backup import master
from podforge_kubernetes_backup import plan
from podforge_kubernetes_backup.plan import Here

NAMES = [name(OLD, 2), name(OLD, 1), name(OLD, 3, "demo-b"), "README", f".{name(OLD, 4)}.part"]


def test_backups_of_a_name_sort_by_time_whichever_cluster_had_it() -> None:
    assert plan.all_of([*NAMES, name(NEW, 3)], "demo") == [name(OLD, 1), name(OLD, 2), name(NEW, 3)]


@pytest.mark.parametrize(
    ("here", "names", "is_new", "meant"),
    [
        # nothing here, as of a master that waits for others that are gone
        (Here(), NAMES, False, [name(OLD, 2)]),
        (Here(), [], False, []),
        # what a replaced master has made
        (Here(ca=NEW, answers=True), NAMES, True, [name(OLD, 2)]),
        # the first cluster of that name
        (Here(ca=NEW, answers=True), [], False, []),
        # it has come to be used
        (Here(ca=NEW, answers=True, workers=["w"]), NAMES, False, [name(OLD, 2)]),
        # it has backups of its own: it may be the one that was lost, or have been made in that one's place
        (Here(ca=NEW, answers=True), [*NAMES, name(NEW, 1)], False, [name(NEW, 1), name(OLD, 2)]),
        (Here(ca=OLD, answers=True), [*NAMES, name(NEW, 9)], False, [name(OLD, 2), name(NEW, 9)]),
        # nobody knows what it has
        (Here(ca=NEW), NAMES, False, [name(OLD, 2)]),
        # what was begun goes on
        (Here(begun=name(OLD, 1)), [*NAMES, name(NEW, 9)], False, [name(OLD, 1)]),
    ],
)
def test_which_backup_is_meant(here: Here, names: list[str], is_new: bool, meant: list[str]) -> None:
    assert plan.is_new(here, names, "demo") is is_new
    assert plan.chosen("latest", here, names, "demo") == meant
    assert plan.chosen("this.tar", here, names, "demo") == ["this.tar"]


@pytest.mark.parametrize(
    ("here", "names", "why"),
    [
        (Here(ca=NEW, answers=True), NAMES, "is new and has no workers"),
        # etcd answers, and the API does not: workers can't be counted
        (Here(ca=NEW), NAMES, "nobody knows whether this cluster is a new one"),
        (Here(ca=NEW), [], ""),
        (Here(ca=OLD), NAMES, ""),
        (Here(ca=NEW, answers=True, workers=["w"]), NAMES, ""),
    ],
)
def test_a_first_backup_that_is_not_made(here: Here, names: list[str], why: str) -> None:
    found = plan.unsaved(here, names, "demo")
    assert why in found
    assert bool(found) is bool(why)


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (Here(), ""),
        (Here(ca=NEW, answers=True), ""),
        (Here(begun=name(OLD, 1)), ""),
        (Here(ca=OLD, begun=name(OLD, 2), made=True), ""),
        (Here(ca=OLD, answers=True, begun=name(OLD, 1), made=True), "the cluster that the backup is of runs"),
        (Here(ca=NEW, answers=True, workers=["w1", "w2"]), "another cluster than the backup's runs"),
        (Here(ca=NEW, answers=True, workers=["w1", "w2"]), "and 2 workers (w1, w2)"),
        (Here(ca=OLD, answers=True), "the cluster that the backup is of runs"),
        (Here(ca=OLD), "whose API does not answer"),
    ],
)
def test_what_would_be_lost(here: Here, words: str) -> None:
    found = plan.lost(here, name(OLD, 2), NAMES, "demo")
    assert words in found
    assert bool(found) is bool(words)


def test_one_of_several_masters_backs_up() -> None:
    masters = {"b": "2", "a": "1", "c": "3"}
    assert plan.saver(masters, ["c", "b"], "c") == "b"
    assert plan.saver(masters, ["a", "b", "c"], "c") == "a"
    assert plan.saver(masters, [], "c") == "c"


MANIFEST = {
    "cluster": "demo",
    "kubernetes": "v1.32.4",
    "pod_cidr": "10.244.0.0/16",
    "service_cidr": "10.96.0.0/12",
    "encryption": True,
    "endpoint": "10.1.0.1:6443",
    "parts": {"etcd": "x", "keys": "y"},
}


@pytest.mark.parametrize("version", ["v1.32.0", "v1.33.1"])
def test_what_fits(tmp_path: Path, version: str) -> None:
    assert plan.problems(MANIFEST, config(tmp_path), version) == []


@pytest.mark.parametrize("version", ["v1.31.9", "v1.34.0", ""])
def test_versions_that_do_not_fit(tmp_path: Path, version: str) -> None:
    (told,) = plan.problems(MANIFEST, config(tmp_path), version)
    assert told.startswith("it is of Kubernetes v1.32.4, and")


def test_what_else_does_not_fit(tmp_path: Path) -> None:
    other = config(tmp_path, cluster="b", pod_cidr="10.0.0.0/8", service_cidr="10.0.0.0/9", encryption=False)
    found = plan.problems(MANIFEST, other, "v1.32.4")
    assert [text.split(" 10")[0] for text in found] == [
        "it is of cluster demo, and this is b",
        "its cluster has kubeadm_master_pod_cidr",
        "its cluster has kubeadm_master_service_cidr",
        "its cluster has kubeadm_master_encryption True, and here it is False",
    ]


def test_nodes_that_know_another_address_are_told_of(tmp_path: Path) -> None:
    assert plan.warnings(MANIFEST, config(tmp_path)) == []
    (told,) = plan.warnings(MANIFEST, config(tmp_path, endpoint="10.1.0.9:6443"))
    assert "know its API as 10.1.0.1:6443, which is 10.1.0.9:6443 now" in told


def node(node_name: str, *, master_label: str = "", is_ready: bool = True) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(is_ready)}]
    labels = {master_label: ""} if master_label else None
    return {"metadata": {"name": node_name, "labels": labels}, "status": {"conditions": conditions}}


def test_nodes() -> None:
    nodes = [
        node("w"),
        node("m2", master_label="node-role.kubernetes.io/master", is_ready=False),
        node("m1", master_label="node-role.kubernetes.io/control-plane"),
    ]
    assert plan.workers_of(nodes) == ["w"]
    assert plan.stale_masters(nodes, "m1", [], NOW.isoformat()) == ["m2"]
    assert plan.ready(nodes) == ["w", "m1"]


@pytest.mark.parametrize(
    ("renewed", "stale"),
    [
        ("2026-12-01T01:59:00.000000Z", ["m2"]),
        # it has joined what came of the backup, and may be down again
        ("2026-12-01T02:03:09.000000Z", []),
        (None, ["m2"]),
    ],
)
def test_a_master_that_has_joined_since_is_none_of_then(renewed: str | None, stale: list[str]) -> None:
    nodes = [node(one, master_label="node-role.kubernetes.io/control-plane", is_ready=False) for one in ("m1", "m2")]
    lease = {"metadata": {"name": "m2"}, "spec": {"renewTime": renewed} if renewed else {}}
    assert plan.stale_masters(nodes, "m1", [lease], NOW.isoformat(timespec="seconds")) == stale


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("spec:\n  containers:\n  - command:\n    image: k8s.gcr.io/etcd:3.4.13-0\n", "k8s.gcr.io/etcd:3.4.13-0"),
        ("r.io/kube-proxy:v1\nhost:5000/a/etcd:3.5.16-0\nr.io/pause:3\n", "host:5000/a/etcd:3.5.16-0"),
        ("r.io/kube-proxy:v1\n", ""),
    ],
)
def test_the_image_of_etcd(text: str, image: str) -> None:
    assert plan.image_in(text) == image


def test_a_snapshot_is_sealed(tmp_path: Path) -> None:
    file = tmp_path / "etcd.db"
    file.write_bytes(b"content" + hashlib.sha256(b"content").digest())
    assert master.is_sealed(file)
    for damaged in (b"kontent" + file.read_bytes()[7:], file.read_bytes()[:-1], b"", file.read_bytes() + b"x"):
        file.write_bytes(damaged)
        assert not master.is_sealed(file)


@pytest.fixture(name="etcd")
def _etcd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What is asked of containerd; etcd's tools are those of 3.6."""
    asked: list[list[str]] = []
    monkeypatch.setattr(master, "DATA", tmp_path / "data")

    def run(*words: str, **_more: Any) -> str:
        asked.append(list(words))
        if "--data-dir=/data/.restored" in words:
            (tmp_path / "data" / ".restored" / "member").mkdir(parents=True)
        return "--bump-revision --mark-compacted" if words[-1] == "--help" else ""

    monkeypatch.setattr(master, "run", run)
    monkeypatch.setattr(master, "answer", lambda *_words: "")
    monkeypatch.setattr(master, "succeeds", lambda *words: "etcdutl" in words)
    return asked


def test_who_watches_learns_that_the_past_is_another_one(etcd: list[list[str]], tmp_path: Path) -> None:
    here = master.Master(config(tmp_path))
    assert here.put_etcd("r.io/etcd:3.6", tmp_path, plan.token_of(name(OLD, 2), NOW)) is True
    words = etcd[-1]
    assert words[words.index("podforge-kubernetes-backup") + 1 :][:4] == [
        "etcdutl",
        "snapshot",
        "restore",
        "/work/etcd.db",
    ]
    assert {
        *plan.BUMP,
        "--initial-cluster=ip-10-1-0-1=https://10.1.0.1:2380",
        f"--initial-cluster-token={name(OLD, 2)}-20261201T020304Z",
    } <= set(words)
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "member"]


@pytest.mark.parametrize(("port", "lives"), [(6443, True), (2379, True), (2380, True), (22, False)])
def test_another_master_lives_by_its_api_or_its_etcd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int, lives: bool
) -> None:
    def connect(address: tuple[str, int], timeout: float) -> contextlib.nullcontext[None]:
        if address != ("10.1.0.2", port):
            raise ConnectionRefusedError
        return contextlib.nullcontext()

    monkeypatch.setattr("socket.create_connection", connect)
    masters = {f"ip-10-1-0-{n}": f"10.1.0.{n}" for n in (1, 2, 3)}
    assert master.Master(config(tmp_path, masters=masters)).others() == ["ip-10-1-0-2"] * lives


@pytest.mark.parametrize("at_work", ["", "a lock", "kubeadm"])
def test_nothing_is_restored_while_the_master_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_work: str
) -> None:
    monkeypatch.setattr(master, "ALONE", tmp_path / "alone")
    monkeypatch.setattr(master, "answer", lambda *words: "7\n" if words[0] == "pgrep" and at_work == "kubeadm" else "")
    clock = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    done = []
    with (tmp_path / "alone").open("w") as lock:
        if at_work == "a lock":
            fcntl.flock(lock, fcntl.LOCK_EX)
        refusal = pytest.raises(BackupError, match="Let that come to its end") if at_work else contextlib.nullcontext()
        with refusal, master.Master(config(tmp_path)).alone():
            done.append("restored")
    assert bool(done) is not bool(at_work)


def test_masters_of_then_are_taken_away_and_who_watches_starts_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    label = "node-role.kubernetes.io/control-plane"
    answers = {
        "get nodes": json.dumps({"items": [node("old", master_label=label), node("ip-10-1-0-1", master_label=label)]}),
        "get leases --namespace=kube-node-lease": '{"items": []}',
        "get daemonsets,deployments --namespace kube-system": "daemonset.apps/kube-proxy\ndeployment.apps/coredns\n",
    }

    def run(*words: str, **_more: Any) -> str:
        text = " ".join(words).partition("--request-timeout=30s ")[2]
        asked.append(text)
        return next((said for begin, said in answers.items() if text.startswith(begin)), "")

    monkeypatch.setattr(master, "run", run)
    here = master.Master(config(tmp_path))
    assert here.bury_masters("2026-12-01T02:03:04+00:00") == ["old"]
    here.restart_system()
    assert [text for text in asked if not text.startswith("get ")] == [
        "delete node old --ignore-not-found",
        "delete pods --all-namespaces --field-selector=spec.nodeName=old --force --grace-period=0 --wait=false",
        "rollout restart --namespace kube-system daemonset.apps/kube-proxy deployment.apps/coredns",
    ]


def test_what_killed_runs_have_left_goes_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(master, "answer", lambda *_words: "")
    left = tmp_path / f"{master.FOLDER}x1y2"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "keys.tar").touch()
    (tmp_path / "kubernetes-backup-of-mine").mkdir()
    (tmp_path / f"{master.FOLDER}link").symlink_to(tmp_path / "kubernetes-backup-of-mine")
    master.Master(config(tmp_path)).clean()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kubernetes-backup-of-mine", f"{master.FOLDER}link"]


@pytest.mark.parametrize(("file", "is_ours"), [(plan.ENCRYPTION, True), ("mine.yaml", False), ("", False)])
def test_encryption_is_what_kube_apiserver_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, is_ours: bool
) -> None:
    monkeypatch.setattr(master, "KUBERNETES", tmp_path)
    manifest = tmp_path / "manifests" / "kube-apiserver.yaml"
    manifest.parent.mkdir()
    argument = f"    - --encryption-provider-config={tmp_path / file}\n" if file else ""
    manifest.write_text(f"    - kube-apiserver\n{argument}    - --etcd-servers=x\n", encoding="utf-8")
    assert master.Master(config(tmp_path)).is_encrypted() is is_ours


def test_a_reset_leaves_nothing_of_the_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for file in ("MARK", "FLANNEL", "DATA"):
        monkeypatch.setattr(master, file, tmp_path / file / "it")
        (tmp_path / file).mkdir()
    (master.DATA / "member" / "wal").mkdir(parents=True)
    master.FLANNEL.touch()
    asked: list[str] = []
    monkeypatch.setattr(master, "run", lambda *words, **_more: asked.append(words[0]))
    monkeypatch.setattr(master, "answer", lambda *words: asked.append(words[-1]))
    master.Master(config(tmp_path)).reset()
    assert asked == ["kubeadm", "cni0", "flannel.1"]
    # it is half of a master, whose network the role has to apply
    assert master.MARK.exists()
    assert not master.FLANNEL.exists()
    assert list(master.DATA.iterdir()) == []


def test_keys_come_back_with_their_rights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(master, "KUBERNETES", tmp_path / "kubernetes")
    here = master.Master(config(tmp_path))
    with pytest.raises(BackupError, match=r"pki/ca\.crt, pki/ca\.key"):
        here.pack_keys(tmp_path)
    names = [*plan.KEYS, plan.ENCRYPTION]
    for file in (tmp_path / "kubernetes" / key for key in names):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name, encoding="utf-8")
    here.pack_keys(tmp_path)
    monkeypatch.setattr(master, "KUBERNETES", tmp_path / "other")
    here.put_keys(tmp_path)
    modes = {key: (tmp_path / "other" / key).stat().st_mode & 0o777 for key in names}
    assert {key for key, mode in modes.items() if mode == 0o600} == {
        key for key in names if key.endswith((".key", "yaml"))
    }
    assert {mode for mode in modes.values() if mode != 0o600} == {0o644}
    assert (tmp_path / "other" / "pki" / "etcd" / "ca.crt").read_text(encoding="utf-8") == "ca.crt"


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_data_and_keys_are_kept_after_their_etcd_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_elsewhere: bool
) -> None:
    data, kubernetes, place = tmp_path / "etcd", tmp_path / "kubernetes", tmp_path / "before" / "now"
    monkeypatch.setattr(master, "DATA", data)
    monkeypatch.setattr(master, "KUBERNETES", kubernetes)
    asked: list[str] = []

    def say(*words: str, **_more: Any) -> str:
        asked.append(" ".join(words))
        return "c1\n" if "list" in words else ""

    def rename(_path: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link", str(target))

    monkeypatch.setattr(master, "run", say)
    monkeypatch.setattr(master, "answer", say)
    for file in (data / "member" / "snap" / "db", kubernetes / "pki" / "ca.key", kubernetes / plan.ENCRYPTION):
        file.parent.mkdir(parents=True)
        file.write_text(file.name, encoding="utf-8")
    here = master.Master(config(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(OSError, match="cross-device"):
            here.set_aside(place)
    # all is as before
    assert not place.exists()
    assert (data / "member" / "snap" / "db").exists()
    assert asked[-2:] == ["ctr --namespace k8s.io tasks delete --force c1", "systemctl start kubelet.service"]
    if is_elsewhere:
        real = Path.rename
        monkeypatch.setattr(
            Path, "rename", lambda path, target: (rename if path.name == "member" else real)(path, target)
        )
    for _again in range(2):
        here.set_aside(place)
    found = {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}
    assert found == {"member/snap/db", "pki/ca.key", "encryption.yaml"}
    assert (data / "member").exists() is is_elsewhere
