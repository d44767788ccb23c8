# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of the directory are known; files are judged before they hold; what hasn't changed is left alone."""

from __future__ import annotations

from typing import Any

from support import changed
from support import playbook
from support import said

CONF = "/etc/sssd/sssd.conf"
PLAY = "sssd_ldaps/converge.yml"
LOGIN = "--limit=login"


def main_pid(host: Any) -> str:
    return str(host.check_output("systemctl show --property=MainPID --value sssd"))


def test_users_are_the_same_on_all_nodes(controller: Any, login: Any) -> None:
    for user, group in (("alice", "ClusterAdmin"), ("bob", "ClusterDev")):
        assert f"({group})" in login.check_output(f"id {user}")
        assert login.check_output(f"id {user}") == controller.check_output(f"id {user}")
    assert login.check_output("getent passwd alice").split(":")[5:] == ["/fsx/home/alice", "/bin/bash"]


def test_sssd_runs_and_nothing_has_failed(controller: Any, login: Any) -> None:
    for host in (controller, login):
        assert host.service("sssd").is_running
        assert host.service("sssd").is_enabled
        assert "sssd" not in host.check_output("systemctl --failed --plain --no-legend")
        conf = host.file(CONF)
        assert (conf.mode, conf.user, conf.group) == (0o600, "root", "root")
        assert "Molecule-Bind-Secret" not in conf.content_string


def test_sshd_asks_the_directory_and_no_one_else(controller: Any, login: Any) -> None:
    for host, groups in ((controller, ["clusteradmin", "ubuntu"]), (login, ["clusteradmin", "clusterdev", "ubuntu"])):
        effective = host.check_output("sshd -T").lower().splitlines()
        assert "authorizedkeyscommand /usr/bin/sss_ssh_authorizedkeys %u" in effective
        assert [line.split()[1] for line in effective if line.startswith("allowgroups")] == groups
        # EC2 Instance Connect has lost its place on the command line, which wins over every file
        pid = host.check_output("systemctl show --property=MainPID --value ssh")
        assert "AuthorizedKeysCommand" not in host.check_output(f"tr '\\0' ' ' < /proc/{pid}/cmdline")


def test_sudo_is_for_administrators(login: Any) -> None:
    assert "NOPASSWD: ALL" in login.check_output("sudo -l -U alice")
    assert "not allowed" in login.check_output("sudo -l -U bob")


def test_a_session_makes_the_home(login: Any) -> None:
    assert login.check_output("su - alice -c 'pwd; ls -A'").split()[:2] == ["/fsx/home/alice", ".bash_logout"]
    home = login.file("/fsx/home/alice")
    assert (home.mode, home.user) == (0o700, "alice")


def test_another_secret_restarts_sssd_and_the_same_does_not(login: Any) -> None:
    before = main_pid(login)
    done = playbook(PLAY, LOGIN)
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "login") == 0
    assert main_pid(login) == before
    # as a run leaves it that was killed between the file and the daemon's restart
    login.check_output("touch /run/podforge-sssd.unapplied")
    assert playbook(PLAY, LOGIN).returncode == 0
    assert main_pid(login) != before
    assert not login.file("/run/podforge-sssd.unapplied").exists


def test_a_wrong_secret_is_told_in_words_and_never_shown(login: Any) -> None:
    done = playbook(PLAY, LOGIN, "--diff", variables={"molecule_secret": "Molecule-Wrong-Secret"})
    assert done.returncode != 0
    assert "The directory refuses the secret of CN=ReadOnly" in said(done)
    assert "Molecule-Wrong-Secret" not in done.stdout + done.stderr
    assert playbook(PLAY, LOGIN).returncode == 0
    assert "(ClusterAdmin)" in login.check_output("id alice")


def test_what_sssd_refuses_does_not_replace_what_holds(login: Any) -> None:
    before = login.file(CONF).content_string
    done = playbook(PLAY, LOGIN, variables={"sssd_ldaps_config": {"domain": {"ldap_urii": "x"}}})
    assert done.returncode != 0
    assert "Attribute 'ldap_urii' is not allowed in section 'domain/default'" in said(done)
    assert login.file(CONF).content_string == before


def test_what_sudo_refuses_does_not_replace_what_holds(login: Any) -> None:
    done = playbook(PLAY, LOGIN, variables={"sssd_ldaps_sudo_rule": "ALL=(ALL NOPASSWD ALL"})
    assert done.returncode != 0
    assert "NOPASSWD: ALL" in login.check_output("sudo -l -U alice")


def test_one_blank_value_is_an_error_and_two_are_none() -> None:
    done = playbook(PLAY, LOGIN, variables={"sssd_ldaps_uri": []})
    assert "sssd_ldaps_uri is blank, and a bind secret is given" in said(done)
    done = playbook(PLAY, LOGIN, variables={"sssd_ldaps_uri": [], "sssd_ldaps_bind_password": ""})
    assert done.returncode == 0
    assert changed(done.stdout, "login") == 0
