# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker's waiting: what it tells, when it ends, and where the token is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import KubernetesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import worker
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.joining import Reason
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.worker import Worker

TOKEN = "abcdef.0123456789abcdef"
VALUE = {"master_addr_port": "10.1.0.10:6443", "token": TOKEN, "discovery_token_ca_cert_hash": "sha256:ab"}


class Refusal(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


class Secrets:
    """Secrets Manager, with one answer after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def get_secret_value(self, **_given: Any) -> dict[str, Any]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise Refusal(answer)
        return {"SecretString": json.dumps(answer)}


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(worker.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(worker.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with a quick clock, whose API is fine, and which keeps files in a folder of the test's."""
    Clock(monkeypatch)
    monkeypatch.setattr(worker.Worker, "_api", lambda _self, _given: None)
    make = worker.tempfile.mkstemp
    monkeypatch.setattr(worker.tempfile, "mkstemp", lambda **given: make(**{**given, "dir": str(tmp_path)}))
    return tmp_path


def node(place: Path, *answers: tuple[int, str], timeout: int = 300) -> tuple[Worker, list[list[str]], list[str]]:
    """A worker, the commands that it has run, and the files that kubeadm was given."""
    commands: list[list[str]] = []
    files: list[str] = []
    left = list(answers)

    def command(words: list[str]) -> tuple[int, str, str]:
        commands.append(words)
        if words[:2] == ["kubeadm", "join"]:
            files.append(Path(words[3]).read_text(encoding="utf-8"))
            assert Path(words[3]).stat().st_mode & 0o077 == 0
            code, said = left.pop(0) if left else (0, "")
            return code, "", said
        return 0, "failed to run Kubelet: no" if words[0] == "journalctl" else "", ""

    params = {
        "secret": "s",
        "version": "1.32.0",
        "node_name": "ip-10-1-0-11",
        "address": "10.1.0.11",
        "labels": {},
        "taints": [],
        "kubelet_args": {},
        "timeout": timeout,
        "log": str(place / "log"),
    }
    return Worker(command, params), commands, files


def test_it_waits_through_what_passes_and_tells_of_it(place: Path) -> None:
    made, commands, files = node(place, (1, 'a Node with name "n" and status "Ready" already exists in the cluster'))
    made.join(Secrets("ResourceNotFoundException", "ThrottlingException", {}, VALUE), lambda: 1.0)
    assert list(made.waited) == ["missing", "throttled", "incomplete", "old-node"]
    kinds = [line.split("(")[1].split(")")[0] for line in (place / "log").read_text(encoding="utf-8").splitlines()]
    assert kinds == ["missing", "throttled", "incomplete", "old-node"]
    # what a failed join has begun is taken away before the next
    assert [words[1] for words in commands if words[0] == "kubeadm"] == ["join", "reset", "join"]
    assert all(TOKEN in text for text in files)
    assert TOKEN not in json.dumps(commands) + (place / "log").read_text(encoding="utf-8")
    assert list(place.glob("podforge-join-*")) == []


def test_what_will_not_pass_ends_it_at_once(place: Path) -> None:
    made, _commands, _files = node(place)
    with pytest.raises(KubernetesError, match=r"can't join: the node's role may not read secret s"):
        made.join(Secrets("AccessDeniedException"), lambda: 1.0)
    made, commands, _files = node(place, (1, "[ERROR Swap]: running with swap on is not supported"))
    with pytest.raises(KubernetesError, match="swap on"):
        made.join(Secrets(VALUE), lambda: 1.0)
    assert commands[-1] == ["kubeadm", "reset", "--force"]
    made, _commands, _files = node(place, (1, "dial tcp 127.0.0.1:10248: connect: connection refused"))
    with pytest.raises(KubernetesError, match=r"kubelet does not stay up .*failed to run Kubelet: no"):
        made.join(Secrets(VALUE), lambda: 1.0)


def test_it_ends_in_time_and_says_what_it_has_waited_for(place: Path) -> None:
    made, commands, _files = node(place, timeout=100)
    with pytest.raises(
        KubernetesError, match=r"not joined in 100 s \(timeout\): there is no secret s yet.*missing 94 s"
    ):
        made.join(Secrets("ResourceNotFoundException"), lambda: 1.0)
    assert commands == []
    # one line when it begins, and one each minute
    assert len((place / "log").read_text(encoding="utf-8").splitlines()) == 2


def test_the_token_of_a_run_that_was_killed_is_removed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MEMORY", place)
    (place / "podforge-join-x1y2.yaml").write_text(TOKEN, encoding="utf-8")
    (place / "other").touch()
    node(place)[0].tidy()
    assert [path.name for path in place.iterdir()] == ["other"]


def test_a_reason_of_the_api_keeps_kubeadm_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = [Reason("stale-hash", "another CA"), Reason("api", "no answer"), None]
    monkeypatch.setattr(worker.Worker, "_api", lambda _self, _given: reasons.pop(0))
    made, commands, _files = node(place)
    made.join(Secrets(VALUE), lambda: 1.0)
    assert list(made.waited) == ["stale-hash", "api"]
    assert [words[1] for words in commands] == ["join"]
