# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of the directory on two nodes: keys, passwords, sudo, homes, and who may not."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sssd_world import ADMINISTRATOR
from sssd_world import DEVELOPER
from sssd_world import PASSWORD
from sssd_world import READER
from sssd_world import SECRET
from sssd_world import THIRD
from sssd_world import World
from sssd_world import wait_for

from tests.support.cloud import ROOT

# a little more than pam_id_timeout of these nodes
REMEMBERED = 1.5


def test_ids_are_the_same_on_all_nodes(world: World) -> None:
    for user in (ADMINISTRATOR, DEVELOPER):
        assert world.login.ids(user)
        assert world.login.ids(user) == world.compute.ids(user)


def test_a_key_of_the_directory_opens_the_door_and_home_is_shared(world: World) -> None:
    done = world.ssh(ADMINISTRATOR, world.login, "pwd; stat -c '%U %a' .; ls -A; echo mine >file")
    assert done.stdout.split() == [
        f"/fsx/home/{ADMINISTRATOR}",
        ADMINISTRATOR,
        "700",
        ".bash_logout",
        ".bashrc",
        ".profile",
    ]
    assert world.ssh(ADMINISTRATOR, world.compute, "cat file").stdout == "mine\n"


def test_administrators_have_sudo_and_developers_do_not(world: World) -> None:
    assert world.ssh(ADMINISTRATOR, world.login, "sudo -n id -u").stdout == "0\n"
    refused = world.ssh(DEVELOPER, world.login, "sudo -n id -u")
    assert refused.returncode != 0
    assert "password is required" in refused.stderr


def test_a_password_of_the_directory_opens_the_door_and_a_wrong_one_does_not(world: World) -> None:
    password = PASSWORD.format(user=DEVELOPER)
    assert world.ssh(DEVELOPER, world.compute, "id -un", password=password).stdout == f"{DEVELOPER}\n"
    assert world.ssh(DEVELOPER, world.compute, "id -un", password=f"{password}-").returncode != 0


def test_who_is_in_no_group_of_this_kind_of_node_stays_out(world: World) -> None:
    assert world.login.ids(READER)
    assert world.ssh(READER, world.login, "id", password=SECRET).returncode != 0


def test_disabled_users_are_refused_by_key_and_by_password(world: World) -> None:
    assert world.ssh(THIRD, world.login, "true").returncode == 0
    world.lab.samba_tool("user", "disable", THIRD)
    time.sleep(REMEMBERED)
    assert world.ssh(THIRD, world.login, "true").returncode != 0
    assert world.ssh(THIRD, world.login, "true", password=PASSWORD.format(user=THIRD)).returncode != 0
    assert "The user account is disabled on the AD server" in world.login.output("journalctl -u ssh --no-pager")
    world.lab.samba_tool("user", "enable", THIRD)
    time.sleep(REMEMBERED)
    assert world.ssh(THIRD, world.login, "true").returncode == 0


def restart(world: World) -> str:
    """The command that restarts sssd on a node."""
    script = (ROOT / "roles/sssd_ldaps/files/restart-sssd.sh").read_text()
    return f"sh -c {shlex.quote(script)} restart-sssd.sh ssh.service"


def test_nobody_is_refused_while_sssd_restarts(world: World) -> None:
    started = "systemctl show --property=ExecMainStartTimestampMonotonic --value sssd"
    before = world.login.output(started)
    over = threading.Event()

    def log_in() -> list[str]:
        refused = []
        while not over.is_set():
            done = world.ssh(DEVELOPER, world.login, "id -un")
            refused += [done.stderr] if done.stdout != f"{DEVELOPER}\n" else []
        return refused

    with ThreadPoolExecutor(2) as pool:
        refusals = [pool.submit(log_in) for _login in range(2)]
        try:
            for _restart in range(4):
                world.login.run(restart(world))
        finally:
            over.set()
    assert [job.result() for job in refusals] == [[], []]
    assert world.login.output(started) != before


def test_neither_a_login_that_is_held_open_nor_a_killed_restart_closes_the_door(world: World) -> None:
    state = "ps -o stat= -p $(systemctl show --property=MainPID --value ssh)"
    # a connection of bash's own that never says who it is, for as long as the restart waits for it
    # what it leaves behind has no output that somebody would wait for the end of
    killed = f"timeout --signal=KILL 2 {restart(world)} >/dev/null 2>&1"
    world.login.run(f"exec 9<>/dev/tcp/127.0.0.1/22; sleep 0.5; {killed}", check=False)
    assert world.login.output(state).startswith("T")
    wait_for(lambda: not world.login.output(state).startswith("T"), 30)
    assert world.ssh(DEVELOPER, world.login, "true").returncode == 0


def test_two_nodes_that_make_the_same_home_at_once_make_one(world: World) -> None:
    users = [f"racer{number}" for number in range(4)]
    for user in users:
        world.lab.samba_tool("user", "create", user, "Racer-Passw0rd", f"--userou=OU=Users,OU={world.lab.netbios}")
    everything = int(
        world.login.output("mkdir -p /etc/skel/many && touch /etc/skel/many/{1..300}; ls -AR /etc/skel | wc -l")
    )
    world.compute.run("mkdir -p /etc/skel/many && touch /etc/skel/many/{1..300}")
    # whoever sees the home sees all of it, and as its owner's
    see = "until [ -d /fsx/home/{0} ]; do :; done; stat -c %U /fsx/home/{0}; ls -AR /fsx/home/{0} | wc -l"
    make = "for n in 1 2 3; do PAM_TYPE=open_session PAM_USER={0} podforge-mkhome & done; wait"
    world.login.run("; ".join(f"id {user}" for user in users))
    world.compute.run("; ".join(f"id {user}" for user in users))
    with ThreadPoolExecutor(3) as pool:
        for user in users:
            seen = pool.submit(world.compute.output, see.format(user))
            made = [pool.submit(node.output, make.format(user)) for node in world.nodes]
            assert seen.result().split() == [user, str(everything)]
            assert [job.result() for job in made] == ["", ""]
    assert world.login.output("ls -A /fsx/home | grep ^[.]podforge || true") == ""
    for node in world.nodes:
        node.run("rm -r /etc/skel/many")


def test_no_home_is_made_while_its_storage_is_away(world: World) -> None:
    world.login.run(
        "mkdir /root/bin; printf '#!/bin/sh\\nexit 1\\n' >/root/bin/mountpoint; chmod +x /root/bin/mountpoint"
    )
    make = f"PATH=/root/bin:$PATH PAM_TYPE=open_session PAM_USER={THIRD} podforge-mkhome"
    world.login.run(f"rm -rf /fsx/home/{THIRD}")
    done = world.login.run(make, check=False)
    assert done.returncode == 1
    assert done.stdout == f"/fsx/home/{THIRD} can't be made: /fsx is not mounted. Please tell an administrator.\n"
    assert world.login.output("ls /fsx/home").split().count(THIRD) == 0


def test_a_user_who_is_removed_while_logged_in_keeps_the_session_and_gets_no_other(world: World) -> None:
    lab = world.lab
    lab.samba_tool("user", "create", "leaver", "Leaver-Passw0rd", f"--userou=OU=Users,OU={lab.netbios}")
    lab.samba_tool("group", "addmembers", "ClusterDev", "leaver")
    world.change("leaver", "altSecurityIdentities", (world.folder / "key.pub").read_text().strip())
    command, environment = world.command("leaver", world.login, "echo in; read line; touch after; echo $line")
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as session:
        assert session.stdin
        assert session.stdout
        assert session.stdout.readline() == "in\n"
        lab.samba_tool("user", "delete", "leaver")
        time.sleep(REMEMBERED)
        assert world.ssh("leaver", world.login, "true").returncode != 0
        session.stdin.write("still here\n")
        session.stdin.flush()
        assert session.stdout.read() == "still here\n"
    assert world.login.output("ls /fsx/home/leaver") == "after"
    wait_for(lambda: world.login.ids("leaver") is None)


def test_the_secret_is_nowhere_but_in_its_own_file(world: World) -> None:
    token = world.login.output("sed -n 's/^ldap_default_authtok = //p' /etc/sssd/sssd.conf")
    assert len(token) > 40
    assert world.login.output("stat -c '%a %U:%G' /etc/sssd/sssd.conf") == "600 root:root"
    assert world.login.output("cat /run/watched") == ""
    assert SECRET not in world.said
    assert token not in world.said
    assert "ldap_default_authtok = ********" in world.said
    find = (
        "grep -rlF -e '{0}' /etc /home /opt /root /run /tmp /usr/local /var /fsx --exclude-dir=proc 2>/dev/null || true"
    )
    assert world.login.output(find.format(SECRET)) == ""
    # config.ldb: sssd's own compiled form of sssd.conf
    kept = world.login.output(find.format(token)).split()
    assert set(kept) <= {"/etc/sssd/sssd.conf", "/var/lib/sss/db/config.ldb"}
    assert world.login.output("stat -c %a /var/lib/sss/db/config.ldb") == "600"
    assert world.login.run(f"journalctl --no-pager | grep -cF -e '{SECRET}' -e '{token}'", check=False).stdout == "0\n"


def test_the_operators_own_door_stays_open(world: World) -> None:
    key = (world.folder / "key.pub").read_text().strip()
    world.login.run(f"install -d -o ubuntu -g ubuntu -m 700 ~ubuntu/.ssh; echo '{key}' >~ubuntu/.ssh/authorized_keys")
    world.login.run("chown ubuntu: ~ubuntu/.ssh/authorized_keys")
    assert world.ssh("ubuntu", world.login, "id -un").stdout == "ubuntu\n"
    world.login.run("systemctl stop sssd")
    try:
        assert world.ssh("ubuntu", world.login, "sudo -n id -u").stdout == "0\n"
    finally:
        world.login.run("systemctl start sssd")
