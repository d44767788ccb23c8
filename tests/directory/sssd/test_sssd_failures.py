# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a directory, and what the operator sees of it."""

from __future__ import annotations

import time

import pytest
from sssd_world import ADMINISTRATOR
from sssd_world import World
from sssd_world import entries
from sssd_world import wait_for

USERS, GROUPS, NESTED = 1000, 100, 5


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (
            "wrong_ca",
            "signed by CN=some other CA, and /etc/ldap/ldaps.crt has no such authority. Fix: give the certificate",
        ),
        (
            "wrong_name",
            "is for elsewhere.example.org, and not for ldaps.corp.example.com. Fix: import a certificate that has",
        ),
        ("expired", "The certificate has ended (on "),
    ],
)
def test_certificates(world: World, kind: str, reason: str) -> None:
    world.lab.use_certificate(kind)
    try:
        message = world.check()
    finally:
        world.lab.use_certificate("good")
    assert message.startswith("This node can't use the directory, so nobody of it can log in.")
    assert f"{world.lab.url}: The certificate" in message
    assert reason in message


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"secret_id": "hyperpod/wrong"}, "The directory refuses the secret of CN=nodereader,"),
        ({"bind_dn": "CN=Nobody,DC=corp,DC=example,DC=com"}, "CN=Nobody,DC=corp,DC=example,DC=com"),
        ({"secret_id": "hyperpod/nothing"}, "hyperpod/nothing: It does not exist"),
        (
            {"search_base": "OU=Nowhere,DC=corp,DC=example,DC=com"},
            "There is no OU=Nowhere,DC=corp,DC=example,DC=com in",
        ),
        ({"user": "nobody(*"}, "There is no user nobody(* below DC=corp,DC=example,DC=com"),
        ({"needed": ["uidNumber"]}, "nodereader has no uidNumber"),
        ({"uri": ["ldaps://ldaps.corp.example.com:22"]}, "Nothing listens at port 22 (connection refused)"),
        ({"uri": ["ldaps://nowhere.example.com"]}, "The name nowhere.example.com can't be resolved"),
        ({"uri": ["ldap://ldaps.corp.example.com"]}, "this is not ldaps://. Passwords are never sent in the clear"),
    ],
)
def test_settings(world: World, options: dict[str, object], reason: str) -> None:
    assert reason in world.check(**options)


def test_a_node_that_boots_without_the_endpoint_recovers_by_itself(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.lab.balancer.stop()
    world.login.forget()
    assert world.login.ids(ADMINISTRATOR) is None
    message = world.check(timeout=2)
    assert "This node can't use the directory (for " in message
    assert "Nothing answers at port 636" in message or "There is no connection to port 636" in message
    world.lab.balancer.start()
    seconds = wait_for(lambda: world.login.ids(ADMINISTRATOR) is not None, seconds=90, pause=0.5)
    with capsys.disabled():
        print(f"\n  the endpoint was up again, and the node knew its users after {seconds:.0f} s")
    # offline_timeout_max and its random part
    assert seconds < 70


def test_a_slow_directory_is_slow_and_no_failure(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.lab.slow(0.5)
    try:
        # a connection that is there already would not notice
        world.login.run("systemctl restart sssd; sss_cache -E")
        begin = time.monotonic()
        done = world.ssh(ADMINISTRATOR, world.login, "id -un")
        seconds = time.monotonic() - begin
    finally:
        # ends all connections, and for the next seconds a node that waits for an answer is without a directory
        world.lab.slow(0)
        world.login.forget()
    assert done.stdout == f"{ADMINISTRATOR}\n", done.stderr
    with capsys.disabled():
        print(f"\n  a directory that is late by a second per answer: login in {seconds:.1f} s")


def test_a_thousand_users_in_nested_groups(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """User n is in group n modulo GROUPS; each group but the first is in the one before, the first in ClusterDev."""
    users = [f"CN=user{number:04d},{world.lab.users_dn}" for number in range(USERS)]
    groups = [f"CN=team{number:03d},{world.groups_dn}" for number in range(GROUPS)]
    begin = time.monotonic()
    world.ldap("ldapadd", entries(user_of(dn) for dn in users))
    members = {
        dn: [*users[number::GROUPS], *(groups[number + 1 : number + 2] if number % NESTED != NESTED - 1 else [])]
        for number, dn in enumerate(groups)
    }
    # members first: a group that another one contains must be there
    world.ldap("ldapadd", entries(group_of(dn, members[dn]) for dn in reversed(groups)))
    add = [f"dn: CN=ClusterDev,{world.groups_dn}", "changetype: modify", "add: member", f"member: {groups[0]}"]
    world.ldap("ldapmodify", "\n".join(add) + "\n")
    made = time.monotonic() - begin
    begin = time.monotonic()
    ids = world.login.ids(f"user{NESTED - 1:04d}") or ""
    one = time.monotonic() - begin
    assert {f"team{number:03d}" for number in range(NESTED)} | {"ClusterDev"} <= set(
        ids.replace("(", " ").replace(")", " ").split()
    )
    begin = time.monotonic()
    script = f"for n in $(seq -w 0 27 {USERS - 1}); do id user$(printf %04d $((10#$n))) >/dev/null || echo $n; done"
    assert world.login.output(script) == ""
    every = (time.monotonic() - begin) / len(range(0, USERS, 27))
    with capsys.disabled():
        print(
            f"\n  {USERS} users, {GROUPS} groups made in {made:.0f} s; first id {one:.2f} s, others {every:.3f} s each"
        )


def user_of(dn: str) -> str:
    name = dn.split(",", 1)[0].partition("=")[2]
    return f"dn: {dn}\nobjectClass: user\nsAMAccountName: {name}\nuserAccountControl: 544"


def group_of(dn: str, members: list[str]) -> str:
    name = dn.split(",", 1)[0].partition("=")[2]
    lines = [f"dn: {dn}", "objectClass: group", f"sAMAccountName: {name}"]
    return "\n".join([*lines, *(f"member: {member}" for member in members)])
