# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that masters join with: who makes it, when it goes, and whom it lets in."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import join_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import joining
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret import Masters
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.joining import Reason

KEY, PIN = "5" * 64, "sha256:ab"
NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.timezone.utc)
HOURS = dt.timedelta(hours=1)
NAMES = ["a", "b", "c"]
OPENS = {"certificate_key": KEY, "uploaded": "2026-11-28T11:30:00Z", "discovery_token_ca_cert_hash": PIN}


def nodes(*ready: str) -> dict[str, Any]:
    return {
        "items": [
            {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            for name in ready
        ]
    }


@pytest.mark.parametrize(
    ("own", "ready", "value", "reason"),
    [
        ("a", "abc", None, ""),
        ("a", "a", None, "b, c may join as a master"),
        # before there is a network nobody is Ready
        ("a", "", None, "a, b, c may join as a master"),
        ("a", "a", OPENS, ""),
        ("a", "a", {**OPENS, "uploaded": "2026-11-28T10:59:00Z"}, "b, c may"),
        ("a", "a", {**OPENS, "uploaded": "never"}, "b, c may"),
        ("a", "a", {**OPENS, "discovery_token_ca_cert_hash": "sha256:cd"}, "b, c may"),
        # one does it
        ("b", "ab", None, ""),
        ("b", "bc", None, "a may join"),
        ("c", "bc", None, ""),
    ],
)
def test_who_lets_masters_in(own: str, ready: str, value: Any, reason: str) -> None:
    masters = Masters(NAMES, own, "/c")
    found = join_secret.decide_key(value, list(ready), masters, PIN, NOW)
    done = found.reason if join_secret.leads(list(ready), masters) else ""
    assert bool(done) == bool(reason)
    assert reason in done
    assert found.new_token == bool(found.reason)


def test_a_key_that_opens_nothing_any_more_is_made_anew() -> None:
    found = join_secret.decide_key(OPENS, ["a"], Masters(NAMES, "a", "/c"), PIN, NOW, opens=False)
    assert found == join_secret.Plan("b, c may join as a master", new_token=True)


def test_the_key_goes_when_all_have_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it opens first: Secrets Manager keeps the version before."""
    calls: list[str] = []
    wanted = join_secret.Wanted("x", PIN, 24 * HOURS, masters=Masters(NAMES, "a", "/c"))
    there = {"certs": "secret/kubeadm-certs\n", "secret": json.dumps(OPENS), "ready": NAMES}

    def run(*command: str) -> str:
        if command[1] == "delete":
            there["certs"] = ""
        calls.append(" ".join(command[:3]))
        return json.dumps(nodes(*there["ready"])) if command[2] == "nodes" else str(there["certs"])

    class Secrets:
        def get_secret_value(self, **_given: Any) -> dict[str, Any]:
            return {"SecretString": there["secret"]}

        def put_secret_value(self, **given: Any) -> None:
            calls.append("put")
            there["secret"] = given["SecretString"]

    monkeypatch.setattr(join_secret, "run", run)
    monkeypatch.setattr(join_secret, "now", lambda: NOW)
    monkeypatch.setattr(join_secret, "new_key", lambda _config: KEY)
    monkeypatch.setattr(join_secret, "_refresh", lambda *_given: join_secret.Plan())
    expected = join_secret.refresh(Secrets(), "s", wanted, check_mode=True)
    assert "their key is of no use" in expected.reason
    assert "put" not in calls
    calls.clear()
    assert join_secret.refresh(Secrets(), "s", wanted) == expected
    assert calls[-2:] == ["kubectl delete secret", "put"]
    assert KEY not in there["secret"]
    assert isinstance(joining.certificate_key("s", json.loads(str(there["secret"])), PIN, NOW), Reason)
    # and once
    assert join_secret.refresh(Secrets(), "s", wanted) == join_secret.Plan()
    # one is lost: the next look lets another one in
    there["ready"] = NAMES[:2]
    assert join_secret.refresh(Secrets(), "s", wanted).reason == "c may join as a master"
    assert joining.certificate_key("s", json.loads(str(there["secret"])), PIN, NOW) == KEY


def test_nodes_that_are_ready() -> None:
    assert join_secret.ready_nodes(json.dumps(nodes("b"))) == ["b"]
    assert join_secret.ready_nodes('{"items": [{"metadata": {"name": "a"}, "status": {}}]}') == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({}, "incomplete"),
        ({**OPENS, "uploaded": "yesterday"}, "incomplete"),
        ({**OPENS, "uploaded": "2026-11-28T09:59:59Z"}, "stale-key"),
        ({**OPENS, "discovery_token_ca_cert_hash": "sha256:cd"}, "stale-key"),
    ],
)
def test_a_key_that_does_not_open(value: dict[str, Any], kind: str) -> None:
    found = joining.certificate_key("s", value, PIN, NOW)
    assert isinstance(found, Reason)
    assert found.kind == kind
    assert KEY not in found.text


def test_a_key_that_opens() -> None:
    assert joining.certificate_key("s", OPENS, PIN, NOW) == KEY
