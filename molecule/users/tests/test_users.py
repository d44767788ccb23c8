# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three nodes that share a folder: the same users on all, homes made once, nothing done behind anybody's back."""

from __future__ import annotations

from typing import Any

import pytest
from support import playbook
from support import said

SHARED = "/srv/shared"
KEYS = "/etc/ssh/podforge-keys"
FILES = "sha256sum /etc/passwd /etc/group /etc/sudoers.d/60-podforge-users"
DORA = {"name": "dora", "uid": 2004, "home": f"{SHARED}/dora"}
BASE = {"users_shared_users": "", "users_groups": [{"name": "vision", "gid": 3001}]}


def converge(*arguments: str, **variables: Any) -> Any:
    return playbook("users/converge.yml", *arguments, variables=variables)


def as_ana(login: Any, compute: Any, command: str) -> Any:
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    return login.run(f"ssh -i /root/ana {options} ana@{compute.check_output('hostname')} {command}")


def test_ids_are_the_same_on_all_nodes(nodes: dict[str, Any]) -> None:
    for name, host in nodes.items():
        assert host.check_output("getent passwd ana carl ubuntu").splitlines() == [
            "ana:x:2001:2001::/srv/shared/home/ana:/bin/bash",
            "carl:x:2003:2003::/srv/shared/carl:/bin/bash",
            f"ubuntu:x:1000:1000:{host.user('ubuntu').gecos}:/srv/shared/ubuntu:/bin/bash",
        ], name
        assert host.user("ana").groups == ["ana", "adm", "vision"], name
        assert (host.user("ben").shell, host.user("ben").gecos) == ("/bin/sh", "Ben of Vision"), name


def test_homes_were_made_once_and_whole(controller: Any) -> None:
    for home in ("home/ana", "home/ben", "carl", "dora"):
        found = controller.file(f"{SHARED}/{home}")
        assert (found.is_directory, found.mode, found.user) == (True, 0o700, home.rpartition("/")[2])
        skeleton = controller.check_output(f"find {SHARED}/{home} -mindepth 1 -printf '%f %u\\n' | sort").splitlines()
        assert [line.split()[0] for line in skeleton] == [".bash_logout", ".bashrc", ".profile"]
        assert {line.split()[1] for line in skeleton} == {home.rpartition("/")[2]}
    assert controller.check_output(f"find {SHARED} -name '.podforge-home-*'") == ""


def test_the_home_of_somebody_who_is_logged_in_is_moved(nodes: dict[str, Any], compute: Any) -> None:
    assert compute.check_output("systemctl show -p ActiveState --value test-session") == "active"
    pid = compute.check_output("systemctl show -p MainPID --value test-session")
    assert compute.check_output(f"runuser -u ubuntu -- readlink /proc/{pid}/cwd") == "/home/ubuntu"
    first = compute.file(f"{SHARED}/ubuntu/notes").content_string
    assert first.strip() in nodes
    for name, host in nodes.items():
        # one node's content is the home now, each node's own is still there
        assert host.check_output("su - ubuntu -c 'cat notes'") == first.strip()
        assert host.file("/home/ubuntu/notes").content_string == f"{name}\n"
    assert compute.file("/etc/passwd").mode == 0o644


def test_a_key_logs_in_and_sudo_works(login: Any, compute: Any) -> None:
    done = as_ana(login, compute, "'id -un; sudo -n id -un; pwd'")
    assert done.stdout.split() == ["ana", "root", f"{SHARED}/home/ana"], done.stderr
    assert login.check_output("su - ben -c 'sudo -n id -un'") == "root"
    assert login.run("su - ben -c 'sudo -n cat /etc/shadow'").rc != 0
    assert login.run("su - carl -c 'sudo -n id'").rc != 0


def test_a_key_that_is_taken_out_is_out_and_what_differs_is_told(login: Any, compute: Any) -> None:
    compute.check_output("usermod --uid 2999 dora")
    users = [{"name": "ana", "uid": 2001}, DORA]
    done = converge("--limit=compute", **BASE, users_users=users, users_drift="report")
    assert done.returncode == 0, said(done)
    assert not compute.run(f"ls {KEYS}").stdout
    assert "Permission denied" in as_ana(login, compute, "true").stderr
    # membership in a group that is managed is exact, in the system's only added to; sudo goes with its line
    assert compute.user("ana").groups == ["ana", "adm"]
    assert compute.run("su - ana -c 'sudo -n id'").rc != 0
    assert "user ben was made by this role and is not named any more" in said(done)
    assert compute.user("ben").exists
    assert "user dora has uid 2999 on this node, 2004 is wanted" in said(done)
    assert compute.user("dora").uid == 2999


def test_a_wrong_id_is_refused_and_corrected_only_when_asked(compute: Any) -> None:
    before = compute.check_output(FILES)
    done = converge("--limit=compute", **BASE, users_users=[DORA, {"name": "new", "uid": 2020}])
    assert done.returncode != 0
    assert "nothing was changed: user dora has uid 2999 on this node, 2004 is wanted" in said(done)
    compute.check_output("systemd-run --unit=test-dora --uid=2999 sleep infinity")
    done = converge("--limit=compute", **BASE, users_users=[DORA], users_drift="correct")
    assert "it can't change while sleep[" in said(done)
    assert compute.check_output(FILES) == before
    compute.check_output("systemctl stop test-dora")
    done = converge("--limit=compute", **BASE, users_users=[DORA], users_drift="correct")
    assert done.returncode == 0, said(done)
    assert compute.user("dora").uid == 2004
    assert compute.file(f"{SHARED}/dora").user == "dora"


def test_who_is_removed_runs_nothing_any_more_and_keeps_the_home(compute: Any) -> None:
    stubborn = "setsid sh -c 'trap : TERM HUP; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &"
    compute.check_output(f'su ben -c "{stubborn}"')
    assert compute.run("pgrep -U 2002").rc == 0
    users = [{"name": "ana", "uid": 2001}, {"name": "ben", "state": "absent"}]
    done = converge("--limit=compute", **BASE, users_users=users, users_unlisted="remove")
    assert done.returncode == 0, said(done)
    assert compute.run("getent passwd ben carl dora; getent group ben; pgrep -U 2002").stdout == ""
    assert compute.file(f"{SHARED}/home/ben/.bashrc").exists
    # not made by this role
    assert compute.user("ubuntu").exists


@pytest.mark.parametrize(
    ("users", "words"),
    [
        (
            [
                {"name": "-rf", "uid": 2010},
                {"name": "eve\nroot", "uid": 2010},
                {"name": "root", "uid": 2011},
                {"name": "eve", "uid": 0},
                {"name": "fay", "uid": 2012, "home": f"{SHARED}/../../etc"},
                {"name": "gus", "uid": 2013, "comment": "x:0:0:"},
                {"name": "hal", "uid": 2014, "keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]},
            ],
            [
                "'-rf' is no name for a user or group",
                "root' is no name for a user or group",
                "root is the system's own",
                "uid is 0; use 1000 to",
                "home is '/srv/shared/../../etc'",
                "leave out colons",
                "keys[0] is a private key",
            ],
        ),
        (
            [
                {"name": "eve", "uid": 2001},
                {"name": "mail", "uid": 2011},
                {"name": "fay", "uid": 2012, "home": f"{SHARED}/trap"},
            ],
            [
                "which is that of ana on this node",
                "user mail is the system's, with uid 8",
                "home /srv/shared/trap of fay is a link of uid 2001",
            ],
        ),
    ],
)
def test_hostile_input_is_refused_before_anything_is_done(compute: Any, users: list[Any], words: list[str]) -> None:
    compute.check_output(f"ln -sfn /root {SHARED}/trap && chown -h ana {SHARED}/trap")
    before = compute.check_output(FILES)
    done = converge("--limit=compute", **BASE, users_users=[{"name": "new", "uid": 2020}, *users])
    assert done.returncode != 0
    for text in words:
        assert text in said(done)
    assert compute.check_output(FILES) == before


def test_no_home_is_made_where_the_storage_is_missing(compute: Any) -> None:
    away = {"users_home_root": "/fsx", "users_shared_mounts": ["/fsx"]}
    done = converge("--limit=compute", **BASE, **away, users_users=[{"name": "new", "uid": 2020}])
    assert done.returncode != 0
    assert "/fsx is not mounted after 1 s, and /fsx/new belongs there" in said(done)
    assert not compute.user("new").exists


def test_a_wrong_rule_of_sudo_is_judged_by_visudo(compute: Any) -> None:
    before = compute.file("/etc/sudoers.d/60-podforge-users").content_string
    done = converge("--limit=compute", **BASE, users_users=[{"name": "ana", "uid": 2001, "sudo": "ALL=(ALL NOPASSWD"}])
    assert done.returncode != 0
    assert "is refused by /usr/sbin/visudo and the old one kept" in said(done)
    assert compute.file("/etc/sudoers.d/60-podforge-users").content_string == before


def test_a_killed_run_is_finished(compute: Any) -> None:
    # the account is there, the home is not
    compute.check_output(f"useradd --no-create-home --uid 2030 --home-dir {SHARED}/home/flo flo")
    # nor was a groupadd at its end
    lock = compute.check_output("sh -c 'printf \"%s\\0\" $$ >/etc/group.$$ && echo /etc/group.$$'")
    flo = {"users_users": [{"name": "flo", "uid": 2030}, {"name": "ana", "uid": 2001}]}
    done = converge("--limit=compute", **BASE, **flo)
    assert done.returncode == 0, said(done)
    assert compute.file(f"{SHARED}/home/flo/.bashrc").user == "flo"
    assert not compute.file(lock).exists
