# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer's settings as HAProxy reads them, and HAProxy's word on its servers."""

from __future__ import annotations

from local_cloud.directory.haproxy import Check
from local_cloud.directory.haproxy import Group
from local_cloud.directory.haproxy import Health
from local_cloud.directory.haproxy import Listener
from local_cloud.directory.haproxy import Target
from local_cloud.directory.haproxy import parse_health
from local_cloud.directory.haproxy import render

TARGETS = (Target("10.0.0.10", 389), Target("10.0.1.10", 389))
STATISTICS = """\
# pxname,svname,status,check_status,check_desc,last_chk,
port-636,FRONTEND,OPEN,,,,
directory,10.0.0.10:389,UP,L4OK,Layer4 check passed,,
directory,10.0.1.10:389,DOWN,* L4CON,Layer4 connection problem,Connection refused,
directory,10.0.2.10:389,UP 1/2,INI,Initializing,,
directory,BACKEND,UP,,,,
"""


def test_tls_ends_at_the_listener_and_the_targets_get_plain_connections() -> None:
    text = render((Listener(636, "directory", "a.pem"),), (Group("directory", TARGETS, Check(seconds=10)),))
    assert "bind *:636 ssl crt /opt/directory/balancer/a.pem ssl-min-ver TLSv1.2\n    default_backend directory" in text
    assert "server 10.0.1.10:389 10.0.1.10:389 check addr 10.0.1.10 port 389 inter 10000ms rise 5 fall 2" in text
    assert "program" not in text


def test_a_plain_listener_has_no_certificate() -> None:
    text = render((Listener(389, "directory"),), (Group("directory", (), Check()),))
    assert "    bind *:389\n" in text
    assert " check addr " not in text


def test_a_slow_line_delays_connections_and_not_the_checks() -> None:
    groups = (Group("quick", TARGETS, Check()), Group("late", TARGETS, Check(port=636), delay=1.5))
    text = render((), groups)
    program = "    command /usr/bin/python3 /opt/directory/delay.py 1.5 20000=10.0.0.10:389 20001=10.0.1.10:389\n"
    assert f"program delay-late\n{program}" in text
    assert "server 10.0.1.10:389 127.0.0.1:20001 check addr 10.0.1.10 port 636 " in text
    assert "server 10.0.1.10:389 10.0.1.10:389 check addr 10.0.1.10 port 389 " in text


def test_health_of_targets() -> None:
    assert parse_health(STATISTICS) == {
        ("directory", "10.0.0.10:389"): Health(up=True, checked=True, failure=""),
        ("directory", "10.0.1.10:389"): Health(
            up=False, checked=True, failure="Layer4 connection problem: Connection refused"
        ),
        ("directory", "10.0.2.10:389"): Health(up=True, checked=False, failure=""),
    }
