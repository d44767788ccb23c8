# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections, passwords in Secrets Manager, and what becomes of many objects when some fail."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import boto3
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import passwords
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.connection import hosts_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.connection import reach_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import ConnectionLost
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import DirectoryError
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import Refused
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.objects import Each
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.objects import result_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.states import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.tls import explained
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users import User
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users_run import after_service
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dc1", "dc1:636"),
        ("dc1:1636", "dc1:1636"),
        ("ldaps://dc1.corp.example", "dc1.corp.example:636"),
        ("LDAPS://dc1:10636/", "dc1:10636"),
        ("10.0.0.1", "10.0.0.1:636"),
        ("[fd00::1]:1636", "[fd00::1]:1636"),
        ("fd00::1", "[fd00::1]:636"),
    ],
)
def test_hosts(text: str, shown: str) -> None:
    assert str(hosts_of([text], None, start_tls=False)[0]) == shown


def test_ports() -> None:
    assert str(hosts_of(["dc1"], None, start_tls=True)[0]) == "dc1:389"
    assert [str(host) for host in hosts_of(["a", "b:1"], 3269, start_tls=False)] == ["a:3269", "b:1"]
    assert str(hosts_of(["ldap://dc1"], None, start_tls=True)[0]) == "dc1:389"


@pytest.mark.parametrize(
    ("texts", "start_tls", "said"),
    [
        ([], False, "hosts is empty"),
        (["ldap://dc1"], False, "would send passwords in plain text, which is refused"),
        (["ldaps://dc1"], True, "which begins with TLS"),
        (["https://dc1"], False, "is no server"),
        (["dc1:0"], False, "is no server"),
        (["dc1:x"], False, "is no server"),
        ([""], False, "is no server"),
        (["a b"], False, "is no server"),
    ],
)
def test_wrong_hosts(texts: list[str], start_tls: bool, said: str) -> None:
    with pytest.raises(DirectoryError, match=said):
        hosts_of(texts, None, start_tls=start_tls)


REACH = {
    "hosts": ["dc1"],
    "port": None,
    "start_tls": False,
    "bind_user": "Admin@corp.example",
    "bind_password": "Secret-Bind-1",
    "tls_server_name": None,
    "timeout": 5,
    "ca_path": None,
    "ca_content": None,
}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bind_password": ""}, "bind_password is empty"),
        ({"bind_user": ""}, "bind_user is empty"),
        ({"timeout": 0}, "timeout: 0 is too short"),
        ({"ca_path": "/nowhere"}, "ca_path: '/nowhere' does not exist"),
        ({"ca_path": "/etc/passwd"}, "ca_path has no certificate"),
        ({"ca_content": "hello"}, "ca_content has no certificate"),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DirectoryError, match=said):
        reach_of({**REACH, **options})


def test_certificates_are_always_verified() -> None:
    reach = reach_of(REACH)
    assert (reach.context.verify_mode, reach.context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert reach.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert "Secret-Bind-1" not in repr(reach)


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "as OpenSSL says"
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (certificate_error(10), "has expired"),
        (certificate_error(9), "not valid yet"),
        (certificate_error(20), "not signed by an authority that is trusted here"),
        (certificate_error(62), "for other names than 'ldaps.corp.example'"),
        (certificate_error(26), "not accepted: as OpenSSL says"),
        (TimeoutError("timed out"), "does not answer in time"),
        (ConnectionRefusedError(), "nothing listens"),
        (ConnectionResetError(), "ended the connection at once"),
        (socket.gaierror(-2, "Name or service not known"), "has no address here"),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS"),
        (OSError("No route to host"), "can't be reached: No route to host"),
    ],
)
def test_troubles_on_the_way(error: Exception, said: str) -> None:
    told = explained(error, "dc1:636", "ldaps.corp.example")
    assert said in told.what
    assert told.what.startswith("dc1:636")
    assert told.fix


class Module:
    """Has what Passwords wants of a module: options and clients."""

    region = "us-west-2"

    def __init__(self, client: Any) -> None:
        self.params = {"password_length": 32, "password_secret_kms_key": None}
        self._client = client

    def client(self, _service: str, **_more: Any) -> Any:
        return self._client


ARN = "arn:aws:secretsmanager:us-west-2:111122223333:secret:hyperpod/alice-AbCdEf"
USER = User("alice", generate=True, has_password=True, secret="hyperpod/alice")


@pytest.fixture(name="vault")
def _vault(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("secretsmanager", region_name="us-west-2")
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


@given(st.integers(passwords.LEAST, passwords.MOST))
def test_generated_passwords_satisfy_the_rules(length: int) -> None:
    text = passwords.generated(length, "a")
    assert len(text) == length
    assert "a" not in text.lower()
    assert any(char.isupper() for char in text)
    assert any(char.islower() for char in text)
    assert any(char.isdigit() for char in text)
    assert any(not char.isalnum() for char in text)
    assert not set(text) & set("\"'`$\\ ")


def test_the_secret_is_there_before_the_password_is_used(vault: Any) -> None:
    client, stub = vault
    stub.add_client_error("get_secret_value", "ResourceNotFoundException")
    sent: dict[str, Any] = {}
    client.meta.events.register(
        "provide-client-params.secretsmanager.CreateSecret", lambda params, **_: sent.update(params)
    )
    stub.add_response("create_secret", {"ARN": ARN})
    hidden: list[str] = []
    kept = passwords.Passwords(Module(client), "corp.example", hidden.append)
    password = kept.for_new(USER)
    assert [password] == hidden == [sent["SecretString"]]
    assert (sent["Name"], sent["Description"]) == ("hyperpod/alice", "Password of alice in corp.example")
    assert kept.arns == {"alice": ARN}


def test_a_secret_that_is_there_has_the_password(vault: Any) -> None:
    client, stub = vault
    stub.add_response("get_secret_value", {"ARN": ARN, "SecretString": "From-Before-1", "VersionId": "v" * 32})
    hidden: list[str] = []
    assert passwords.Passwords(Module(client), "corp.example", hidden.append).for_new(USER) == "From-Before-1"
    assert hidden == ["From-Before-1"]


@pytest.mark.parametrize(
    ("value", "password", "after"),
    [
        ("Plain-Word-1", "Plain-Word-1", "New-Word-2"),
        ('{"user": "a", "password": "In-Json-1"}', "In-Json-1", '{"user": "a", "password": "New-Word-2"}'),
        ('"quoted"', '"quoted"', "New-Word-2"),
        ("[1]", "[1]", "New-Word-2"),
    ],
)
def test_forms_of_secrets(value: str, password: str, after: str) -> None:
    assert passwords.password_in(value) == password
    assert passwords.with_password(value, "New-Word-2") == after


@pytest.mark.parametrize("value", ['{"user": "a"}', '{"password": 7}'])
def test_an_object_without_a_password_is_not_taken_for_one(value: str) -> None:
    for refused in (passwords.password_in, lambda text: passwords.with_password(text, "New-Word-2")):
        with pytest.raises(DirectoryError, match="JSON object without a text at password"):
            refused(value)


def test_a_secret_without_a_password(vault: Any) -> None:
    client, stub = vault
    stub.add_response("get_secret_value", {"ARN": ARN, "SecretBinary": b"x", "VersionId": "v" * 32})
    with pytest.raises(DirectoryError, match="holds no password"):
        passwords.Passwords(Module(client), "corp.example", print).for_new(USER)


def test_another_password_becomes_current_when_the_directory_has_it(vault: Any) -> None:
    client, stub = vault
    old, new = "o" * 32, "n" * 32
    stub.add_response("get_secret_value", {"ARN": ARN, "SecretString": "From-Before-1", "VersionId": old})
    stub.add_response("put_secret_value", {"ARN": ARN, "VersionId": new})
    hidden: list[str] = []
    password, finish = passwords.Passwords(Module(client), "corp.example", hidden.append).for_known(USER)
    assert [password] == hidden != ["From-Before-1"]
    stub.assert_no_pending_responses()
    stub.add_response(
        "update_secret_version_stage",
        {"ARN": ARN},
        {
            "SecretId": "hyperpod/alice",
            "VersionStage": "AWSCURRENT",
            "MoveToVersionId": new,
            "RemoveFromVersionId": old,
        },
    )
    finish()


NOT_YET = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0"


@pytest.mark.parametrize(("refusals", "fails"), [(0, False), (3, False), (30, True)])
def test_a_password_that_is_on_its_way(refusals: int, fails: bool) -> None:
    """Another domain controller has it first."""
    answers = [NOT_YET] * refusals
    slept: list[float] = []

    def change() -> None:
        if answers:
            raise Refused("Failed", "wait", 53, answers.pop())

    if fails:
        with pytest.raises(Refused):
            after_service(change, slept.append)
    else:
        after_service(change, slept.append)
        assert len(slept) == refusals


def test_other_refusals_are_not_waited_for() -> None:
    def change() -> None:
        raise Refused("Failed", "ask for rights", 50, "00002098: SecErr")

    with pytest.raises(Refused):
        after_service(change, pytest.fail)


class Wire:
    """A directory that only has a connection."""

    def __init__(self, *, gone: bool = False) -> None:
        self.connected = 1
        self._gone = gone

    def reconnect(self) -> None:
        if self._gone:
            raise DirectoryError("dc1:636 does not answer in time")
        self.connected += 1


def each(wire: Wire, one: Any) -> Any:
    return Each(wire, str, one, lambda error: f"aws: {error.message}")  # type: ignore[arg-type]


def test_one_failure_is_its_own() -> None:
    def one(item: str, _again: bool) -> Plan:
        if item == "bad":
            raise DirectoryError("too short", "give a longer one")
        if item == "denied":
            raise HyperPodError("Failed to create secret")
        return Plan("created", f"CN={item}", (), {}, {"dn": item})

    outcomes = each(Wire(), one).run(["a", "bad", "denied", "b"])
    assert [outcome.result for outcome in outcomes] == ["created", "failed", "failed", "created"]
    assert outcomes[1].message == "too short. Give a longer one."
    assert outcomes[2].message == "aws: Failed to create secret"
    result = result_of("users", outcomes, diff=True)
    assert (result["changed"], result["failed"]) == (True, True)
    assert result["diff"]["after"] == {"a": {"dn": "a"}, "b": {"dn": "b"}}
    assert result["msg"].splitlines() == [
        "2 of 4 users failed; the others are as they are to be:",
        "  bad     too short. Give a longer one.",
        "  denied  aws: Failed to create secret",
    ]


def test_a_broken_connection_is_renewed_and_the_object_done_again() -> None:
    tried: list[tuple[str, bool]] = []

    def one(item: str, again: bool) -> Plan:
        tried.append((item, again))
        if item == "b" and not again:
            raise ConnectionLost("the connection broke")
        return Plan("unchanged", item)

    wire = Wire()
    assert {outcome.result for outcome in each(wire, one).run(["a", "b", "c"])} == {"unchanged"}
    assert tried == [("a", False), ("b", False), ("b", True), ("c", False)]
    assert wire.connected == 2


def test_what_another_run_has_made_meanwhile_is_looked_at_again() -> None:
    tried: list[tuple[str, bool]] = []

    def one(item: str, again: bool) -> Plan:
        tried.append((item, again))
        if item == "taken" or not again:
            raise Refused("Failed to create it", "choose another name", 68, "00000524: UpdErr")
        return Plan("unchanged", item)

    outcomes = each(Wire(), one).run(["made", "taken"])
    assert [outcome.result for outcome in outcomes] == ["unchanged", "failed"]
    assert tried == [("made", False), ("made", True), ("taken", False), ("taken", True)]


def test_a_request_whose_answer_was_lost_may_be_carried_out_late() -> None:
    """The object is not there when it is looked at again, and is when it is to be made."""
    answers: list[Exception] = [Refused("Failed", "choose another", 68, "exists"), ConnectionLost("it broke")]

    def one(item: str, _again: bool) -> Plan:
        if answers:
            raise answers.pop()
        return Plan("unchanged", item)

    assert each(Wire(), one).run(["a"])[0].result == "unchanged"


def test_a_connection_that_breaks_twice_is_told() -> None:
    wire = Wire()

    def one(item: str, _again: bool) -> Plan:
        raise ConnectionLost(f"the connection broke at {item}")

    assert "broke at a" in each(wire, one).run(["a"])[0].message
    assert wire.connected == 2
