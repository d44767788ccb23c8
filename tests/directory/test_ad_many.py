# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of users and groups: one task, one connection, few searches; and a connection that breaks among them."""

from __future__ import annotations

import threading
import time

from ad_harness import KEYS
from ad_harness import Domain
from ad_harness import results

from tests.support.cloud import wait_for

COUNT = 500
# Groups of a chain: each has the next one as a member.
CHAIN = 20


def test_five_hundred_users_and_five_hundred_groups(domain: Domain) -> None:
    path = domain.unit()
    users = [
        {"name": f"staff{number}", "enabled": False, "ssh_keys": [f"{KEYS[0]} {number}"]} for number in range(COUNT)
    ]
    before = domain.sessions()
    made = domain.users(*users, path=path, direct=False)
    assert results(made, "users") == ["created"] * COUNT, made.get("msg")
    assert made["asked"] == {"connections": 1, "searches": 4, "changes": COUNT}
    assert domain.one_more_than(before)
    same = domain.users(*users, path=path, direct=False)
    assert not same["changed"]
    assert same["asked"] == {"connections": 1, "searches": 4}

    groups: list[dict[str, object]] = [
        {
            "name": f"team{number}",
            "members": [f"staff{number}", f"team{number + 1}"][: 1 if number % CHAIN == CHAIN - 1 else 2],
        }
        for number in range(COUNT)
    ]
    groups.append(
        {"name": "whole", "members": [f"{kind}{number}" for kind in ("staff", "team") for number in range(COUNT)]}
    )
    made = domain.run("ad_group", groups=groups, path=path)
    assert results(made, "groups") == ["created"] * (COUNT + 1), made.get("msg")
    assert made["asked"]["connections"] == 1
    assert made["asked"]["searches"] <= 15
    assert not domain.run("ad_group", groups=groups, path=path)["changed"]

    begin = time.monotonic()
    found = domain.run("ad_info", gather=["users", "groups"], search_base=path, memberships=True, nested=True)
    seconds = time.monotonic() - begin
    assert (len(found["users"]), len(found["groups"])) == (COUNT, COUNT + 1)
    assert found["asked"] == {"connections": 1, "searches": 5}
    named = {group["name"]: group for group in found["groups"]}
    assert len(named["team0"]["members"]) == 2 * CHAIN - 1
    assert len(named["whole"]["members"]) == 2 * COUNT
    deepest = next(user for user in found["users"] if user["name"] == f"staff{CHAIN - 1}")
    assert len([dn for dn in deepest["member_of"] if "CN=team" in dn]) == CHAIN
    # 1.3 s on a quiet machine
    assert seconds < 30


def test_a_connection_that_breaks_is_renewed(domain: Domain) -> None:
    """The balancer goes away among five hundred users; the controller itself does the rest."""
    path = domain.unit()
    users = [{"name": f"torn{number}", "enabled": False} for number in range(COUNT)]
    hosts = [domain.lab.balancer_address, domain.lab.controller.addresses[0]]

    def end_among_them() -> None:
        wait_for("the first users", lambda: "torn0" in domain.lab.controller.samba_tool("user", "list"), 60, pause=0.1)
        domain.lab.balancer.stop()

    ends = threading.Thread(target=end_among_them)
    ends.start()
    try:
        # the certificates of both are for the domain as well
        made = domain.users(*users, path=path, direct=False, hosts=hosts, tls_server_name=domain.lab.domain, timeout=10)
    finally:
        ends.join()
        domain.lab.balancer.start()
        domain.healthy()
    assert set(results(made, "users")) <= {"created", "unchanged"}, made.get("msg")
    assert made["asked"]["connections"] == 2
    assert not domain.users(*users, path=path)["changed"]
