# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The join secret: when a master writes it, and what a worker makes of it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import join_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import joining
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret import JoinSecretError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret import Wanted
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret_removal import remove
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.joining import Invitation
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.joining import Reason

# openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
PEM = """\
-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUIXPyPNElmI+UJt0hVhIazoULJIQwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjgxMTM4MzRaGA8yMTI2MTEw
NDExMzgzNFowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABHDl9wEXlWdmnqVUcbjK+LQX5YVc/doc2KqVoxCGVbPFM9/qIRSH
E3ld2LIecEGPe5vLgNMthhgCMFmfJtyjsoSjUzBRMB0GA1UdDgQWBBSrVl4Y25fQ
q6i/1ciffW/5zusB+TAfBgNVHSMEGDAWgBSrVl4Y25fQq6i/1ciffW/5zusB+TAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIExAaIhd/0yg5vcwfC+A
wVCGMDOWFUnrPpUOnHzC1Dp6AiEAlk98hqU7AkNjgB4vtiq1jf+TXXWiw0+gJh0g
+5KTaxU=
-----END CERTIFICATE-----
"""
PIN = "sha256:ee9d0b6faf40b222776d4080baa1e7ab04513ef51004a24a082497e1116e8f19"
NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.timezone.utc)
HOURS = dt.timedelta(hours=1)
TOKEN, OTHER = "abcdef.0123456789abcdef", "zyxwvu.0123456789abcdef"
WANTED = Wanted("10.1.0.10:6443", PIN, 24 * HOURS, 3 * HOURS, {"podforge:cluster": "demo"})
VALUE = {"master_addr_port": WANTED.address, "token": TOKEN, "discovery_token_ca_cert_hash": PIN}


def test_pin_is_that_of_kubeadm() -> None:
    assert join_secret.ca_hash(PEM) == PIN
    with pytest.raises(JoinSecretError, match="no certificate"):
        join_secret.ca_hash("")


@pytest.mark.parametrize(
    ("value", "left", "reason", "new_token"),
    [
        (VALUE, 24 * HOURS, "", False),
        (VALUE, 16 * HOURS, "", False),
        # half of its life, and what is left until the next look
        (VALUE, 15 * HOURS, "half of its life", True),
        (VALUE, -HOURS, "half of its life", True),
        ({**VALUE, "token": OTHER}, 24 * HOURS, "not known to the cluster", True),
        ({**VALUE, "discovery_token_ca_cert_hash": "sha256:0"}, 24 * HOURS, "another CA", False),
        ({**VALUE, "master_addr_port": "10.1.0.9:6443"}, 24 * HOURS, "another address", False),
        ({}, 24 * HOURS, "not known to the cluster", True),
        (None, 24 * HOURS, "no such secret", True),
    ],
)
def test_when_it_is_written(value: Any, left: dt.timedelta, reason: str, new_token: bool) -> None:
    found = join_secret.decide(value, {TOKEN: NOW + left}, WANTED, NOW)
    assert bool(found.reason) == bool(reason)
    assert reason in found.reason
    assert found.new_token == new_token


def test_a_token_without_an_end_stays() -> None:
    assert not join_secret.decide(VALUE, {TOKEN: None}, WANTED, NOW).reason


def test_tokens_of_kubeadm() -> None:
    both = ["signing", "authentication"]
    text = "\n".join(
        json.dumps(token, indent=4)
        for token in (
            {"kind": "BootstrapToken", "token": TOKEN, "expires": "2026-11-29T12:00:00Z", "usages": both},
            {"token": OTHER, "usages": both},
            {"token": "ijklmn.0123456789abcdef", "usages": ["signing"]},
        )
    )
    assert join_secret.tokens_of(text) == {TOKEN: NOW + 24 * HOURS, OTHER: None}
    assert join_secret.tokens_of("") == {}


class Refusal(Exception):
    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.response = {"Error": {"Code": code}}


class Secrets:
    """Secrets Manager, of one secret."""

    def __init__(self, text: str | None = None, *, deleted: bool = False, race: bool = False) -> None:
        self.text, self.deleted, self.race = text, deleted, race
        self.calls: list[str] = []

    def get_secret_value(self, **_given: Any) -> dict[str, Any]:
        if self.deleted:
            raise Refusal("InvalidRequestException", "it was marked for deletion")
        if self.text is None:
            raise Refusal("ResourceNotFoundException")
        return {"SecretString": self.text}

    def create_secret(self, **given: Any) -> None:
        self.calls.append("create")
        if self.race:
            raise Refusal("ResourceExistsException")
        assert given["Tags"] == [{"Key": "podforge:cluster", "Value": "demo"}]
        self.text = given["SecretString"]

    def put_secret_value(self, **given: Any) -> None:
        self.calls.append("put")
        self.text = given["SecretString"]

    def restore_secret(self, **_given: Any) -> None:
        self.calls.append("restore")

    def delete_secret(self, **given: Any) -> None:
        self.calls.append(f"delete {min(given)}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """kubeadm, which knows TOKEN, and gives OTHER."""
    state: dict[str, Any] = {"left": 24 * HOURS, "made": 0}

    def kubeadm(*arguments: str) -> str:
        assert TOKEN not in arguments
        if arguments[:2] == ("token", "list"):
            end = (NOW + state["left"]).strftime("%Y-%m-%dT%H:%M:%SZ")
            return json.dumps({"token": TOKEN, "expires": end, "usages": ["signing", "authentication"]})
        state["made"] += 1
        assert arguments[2:4] == ("--ttl", "86400s")
        return f"{OTHER}\n"

    monkeypatch.setattr(join_secret, "kubeadm", kubeadm)
    monkeypatch.setattr(join_secret, "now", lambda: NOW)
    return state


@pytest.mark.parametrize(
    ("secrets", "left", "calls", "token"),
    [
        (Secrets(), 24, ["create"], OTHER),
        (Secrets(race=True), 24, ["create", "put"], OTHER),
        (Secrets(deleted=True), 24, ["restore", "put"], OTHER),
        (Secrets("no JSON"), 24, ["put"], OTHER),
        (Secrets(json.dumps(VALUE)), 24, [], TOKEN),
        (Secrets(json.dumps(VALUE)), 5, ["put"], OTHER),
        # a rebuilt control plane that was restored with its tokens
        (Secrets(json.dumps({**VALUE, "discovery_token_ca_cert_hash": "x"})), 24, ["put"], TOKEN),
    ],
)
def test_it_is_created_or_updated(
    cluster: dict[str, Any], secrets: Secrets, left: int, calls: list[str], token: str
) -> None:
    cluster["left"] = left * HOURS
    expected = join_secret.refresh(secrets, "s", WANTED, check_mode=True)
    assert secrets.calls == []
    assert join_secret.refresh(secrets, "s", WANTED) == expected
    assert secrets.calls == calls
    assert cluster["made"] == (token == OTHER)
    value = json.loads(secrets.text or "{}")
    assert {key: value[key] for key in VALUE} == {**VALUE, "token": token}


def test_it_is_removed_once() -> None:
    there = Secrets("{}")
    assert remove(there, "s", 7, check_mode=True)
    assert there.calls == []
    assert remove(there, "s", 7)
    assert remove(there, "s", 0)
    assert there.calls == ["delete RecoveryWindowInDays", "delete ForceDeleteWithoutRecovery"]
    assert not remove(Secrets(), "s", 7)
    assert not remove(Secrets(deleted=True), "s", 7)


@pytest.mark.parametrize(
    ("code", "fix"),
    [("AccessDeniedException", "PutSecretValue"), ("NoCredentialsError", "execution role"), ("Boom", "NAT gateway")],
)
def test_a_refusal_is_explained(monkeypatch: pytest.MonkeyPatch, cluster: dict[str, Any], code: str, fix: str) -> None:
    del cluster
    secrets = Secrets("{}")

    def refuse(**_given: Any) -> None:
        raise Refusal(code)

    monkeypatch.setattr(secrets, "get_secret_value", refuse)
    with pytest.raises(JoinSecretError, match=fix):
        join_secret.refresh(secrets, "s", WANTED)
    with pytest.raises(JoinSecretError, match=code):
        remove(secrets, "s", 7)


# --- workers ---

GIVEN = Invitation("10.1.0.10:6443", TOKEN, PIN)
ENCODED = f"clusters:\n- cluster:\n    certificate-authority-data: {base64.b64encode(PEM.encode()).decode()}\n"


def test_an_invitation() -> None:
    value = {"master_addr_port": GIVEN.address, "token": TOKEN, "discovery_token_ca_cert_hash": PIN, "version": 1}
    assert joining.invitation("s", value) == GIVEN
    # the published sample keeps it without its prefix
    bare = {**value, "discovery_token_ca_cert_hash": PIN.split(":")[1]}
    assert joining.invitation("s", bare) == GIVEN
    found = joining.invitation("s", {"token": TOKEN})
    assert isinstance(found, Reason)
    assert (found.kind, found.final) == ("incomplete", False)
    assert "master_addr_port, discovery_token_ca_cert_hash" in found.text


@pytest.mark.parametrize(
    ("code", "message", "kind", "final"),
    [
        ("ResourceNotFoundException", "", "missing", False),
        ("ThrottlingException", "Rate exceeded", "throttled", False),
        ("TooManyRequestsException", "", "throttled", False),
        ("AccessDeniedException", "not authorized", "denied", True),
        ("InvalidRequestException", "marked for deletion", "deleted", False),
        ("InvalidSignatureException", "Signature expired: 20261128T100000Z is now earlier than", "clock", False),
        ("InvalidSignatureException", "Signature not yet current: 20261128T140000Z", "clock", False),
        ("RequestTimeTooSkewed", "", "clock", False),
        ("EndpointConnectionError", "", "unreachable", False),
        ("InternalServiceError", "", "unreachable", False),
    ],
)
def test_why_there_is_no_secret(code: str, message: str, kind: str, final: bool) -> None:
    found = joining.refused("s", code, message)
    assert (found.kind, found.final) == (kind, final)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"data": {"kubeconfig": ENCODED, "jws-kubeconfig-abcdef": "x"}}, None),
        ({"data": {"kubeconfig": ENCODED, "jws-kubeconfig-zyxwvu": "x"}}, "stale-token"),
        ({"data": {"kubeconfig": "certificate-authority-data: eA=="}}, "api"),
        ({}, "api"),
    ],
)
def test_what_the_cluster_says(document: dict[str, Any], kind: str | None) -> None:
    found = joining.judge_cluster(GIVEN, document)
    assert (found.kind if found else None) == kind


def test_another_ca_is_a_stale_hash() -> None:
    document = {"data": {"kubeconfig": ENCODED, "jws-kubeconfig-abcdef": "x"}}
    found = joining.judge_cluster(Invitation(GIVEN.address, TOKEN, "sha256:0"), document)
    assert found is not None
    assert (found.kind, found.final) == ("stale-hash", False)


CHECK = "The HTTP call equal to 'curl -sSL http://localhost:10248/healthz'"
HEALTHY = """[kubelet-check] Waiting for a healthy kubelet at http://127.0.0.1:10248/healthz. This can take up to 4m0s
[kubelet-check] The kubelet is healthy after 1.5s"""


@pytest.mark.parametrize(
    ("output", "kind", "final"),
    [
        ('a Node with name "n" and status "Ready" already exists in the cluster', "old-node", False),
        ("dial tcp 10.1.0.10:6443: connect: connection refused", "api", False),
        (f'could not find a JWS signature in the cluster-info ConfigMap for token ID "{TOKEN}"', "stale-token", False),
        ("[ERROR Swap]: running with swap on is not supported", "kubeadm", True),
        ("x509: certificate has expired or is not yet valid: current time 2026-11-28T11:00:00Z is", "clock", False),
        # what each kubeadm says of a failed join, and of a kubelet that is well
        (
            "timed out waiting for the condition\nThis error is likely caused by:\n\t- The kubelet is not running",
            "api",
            False,
        ),
        (f"{HEALTHY}\nerror execution phase kubelet-start: timed out waiting for the condition", "api", False),
        (f'[kubelet-check] {CHECK} failed with error: Get "http://localhost:10248/healthz": EOF.', "kubelet", True),
        (f'{CHECK} returned error: Get "x": dial tcp 127.0.0.1:10248: connect: connection refused', "kubelet", True),
        ("[kubelet-check] The kubelet is not healthy after 4m0.0s\ncontext deadline exceeded", "kubelet", True),
    ],
)
def test_why_kubeadm_has_failed(output: str, kind: str, final: bool) -> None:
    found = joining.judge_failure(f"[preflight]\n{output}\n")
    assert (found.kind, found.final) == (kind, final)
    assert TOKEN not in found.text


def test_kubelets_own_words_are_told() -> None:
    cause = f"E0101 1 run.go:74] command failed err=unknown 'kubernetes.io' labels {TOKEN}"
    journal = f"I0101 1 started\n{cause}\ngoroutine 1 [running]:\nMain process exited, code=exited"
    found = joining.judge_failure(f"{CHECK} failed with error: EOF", journal)
    assert "unknown 'kubernetes.io' labels ******" in found.text
    assert "goroutine" not in found.text
    assert "Main process" in joining.judge_failure(f"{CHECK} failed with error", "Main process exited").text


def test_pauses_grow_to_an_end_and_are_spread() -> None:
    assert [joining.pause(attempt, lambda: 1.0) for attempt in range(5)] == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert joining.pause(50, lambda: 0.0) == 5.0
    assert [joining.pause(attempt, lambda: 1.0, throttled=True) for attempt in (2, 3, 4)] == [8.0, 16.0, 30.0]


@pytest.mark.parametrize(
    ("kubeconfig", "certificate", "bootstrap", "ca", "state"),
    [
        (None, False, False, False, "new"),
        (None, False, True, False, "half"),
        (None, False, False, True, "half"),
        ("x", False, False, True, "half"),
        # kubelet is in, and kubeadm has not ended
        ("x", True, True, True, "half"),
        ("x", True, False, True, "joined"),
    ],
)
def test_how_far_a_node_has_come(
    kubeconfig: str | None, certificate: bool, bootstrap: bool, ca: bool, state: str
) -> None:
    assert joining.state_of(kubeconfig, certificate, bootstrap, ca) == state


@pytest.mark.parametrize(
    ("date", "text"),
    [
        ("Sat, 28 Nov 2026 11:58:00 GMT", ""),
        ("Sat, 28 Nov 2026 13:00:00 GMT", "this node's clock is 3600 s behind the API's"),
        ("Sat, 28 Nov 2026 11:54:59 GMT", "301 s ahead of the API's"),
        ("", ""),
        ("no date", ""),
    ],
)
def test_a_clock_that_is_wrong(date: str, text: str) -> None:
    found = joining.judge_clock(date, dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.timezone.utc))
    assert bool(found) == bool(text)
    assert found is None or (found.kind, found.final) == ("clock", False)
    assert text in (found.text if found else "")


def test_the_ca_of_a_kubeconfig() -> None:
    assert joining.ca_of(ENCODED) == PIN
    assert joining.ca_of("") == ""
    assert joining.ca_of("certificate-authority-data: ==") == ""


def test_what_is_no_object() -> None:
    assert joining.load("[1]") == joining.load("{") == {}
