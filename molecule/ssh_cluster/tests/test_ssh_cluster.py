# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three nodes that share a folder: users get from each to each, and a host that is not the right one is not trusted."""

from __future__ import annotations

from typing import Any

import pytest
from support import changed
from support import playbook
from support import said

SHARED = "/srv/shared"
FOLDER = f"{SHARED}/.podforge/molecule0001/ssh"


def converge(*arguments: str, **variables: Any) -> Any:
    return playbook("ssh_cluster/converge.yml", *arguments, variables=variables)


def ssh(host: Any, target: str, user: str = "sam", options: str = "") -> Any:
    """As a user would, who isn't there to answer questions."""
    return host.run(f"su - {user} -c 'ssh -o BatchMode=yes {options} {target} hostname'")


def test_users_get_from_each_node_to_each_without_a_question(nodes: dict[str, Any]) -> None:
    names = {host.check_output("hostname") for host in nodes.values()}
    for host in nodes.values():
        for name in names:
            done = ssh(host, name)
            assert (done.stdout.strip(), done.stderr) == (name, "")
        address = name.removeprefix("ip-").replace("-", ".")
        assert ssh(host, address, "tim").stdout.strip() == name
        # nothing had to be taken on trust
        assert not host.file(f"{SHARED}/ssh/sam/.ssh/known_hosts").exists


def test_all_host_keys_are_known_and_no_more(nodes: dict[str, Any], login: Any) -> None:
    known = login.file(f"{FOLDER}/known_hosts").content_string
    for host in nodes.values():
        for path in host.check_output("ls /etc/ssh/ssh_host_*_key.pub").split():
            kind, key = host.file(path).content_string.split()[:2]
            assert f"{host.check_output('hostname')}.*," in known
            assert f" {kind} {key}\n" in known
    assert len(known.splitlines()) == 1 + sum(
        len(host.check_output("ls /etc/ssh/ssh_host_*_key.pub").split()) for host in nodes.values()
    )
    assert login.file(FOLDER).mode == 0o755


def test_pairs_were_made_once_and_only_on_shared_storage(controller: Any) -> None:
    for user in ("sam", "tim"):
        folder = f"{SHARED}/ssh/{user}/.ssh"
        assert sorted(controller.check_output(f"ls -A {folder}").split()) == [
            "podforge_cluster",
            "podforge_cluster.pub",
        ]
        assert controller.file(f"{folder}/podforge_cluster").mode == 0o600
        assert controller.file(f"{folder}/podforge_cluster").user == user
        derived = controller.check_output(f"ssh-keygen -y -f {folder}/podforge_cluster").split()[:2]
        assert controller.file(f"{folder}/podforge_cluster.pub").content_string.split()[:2] == derived
    assert not controller.file("/home/una/.ssh").exists


def test_host_keys_are_still_checked(login: Any, compute: Any) -> None:
    # of others nothing is said
    for host in ("github.com", "localhost"):
        found = login.check_output(f"ssh -G {host}")
        assert "stricthostkeychecking ask" in found
        assert FOLDER not in found
        assert "podforge_cluster" not in found
    name = compute.check_output("hostname")
    assert "stricthostkeychecking ask" in login.check_output(f"ssh -G {name}")
    # somebody else at this address
    compute.check_output("mkdir -p /root/away && mv /etc/ssh/ssh_host_*_key* /root/away && ssh-keygen -A")
    compute.check_output("systemctl restart ssh")
    try:
        done = ssh(login, name)
        assert done.rc != 0
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr
    finally:
        compute.check_output("mv -f /root/away/* /etc/ssh/ && systemctl restart ssh")
    assert ssh(login, name).rc == 0


def test_a_node_that_is_replaced_is_known_to_those_who_ran_nothing(login: Any, compute: Any) -> None:
    compute.check_output("rm /etc/ssh/ssh_host_*_key* && ssh-keygen -A && systemctl restart ssh")
    assert ssh(login, compute.check_output("hostname")).rc != 0
    # and a user who has made something else of it stops nobody
    compute.check_output(
        f"useradd --uid 2104 --create-home --home-dir {SHARED}/ssh/vic vic && touch {SHARED}/ssh/vic/.ssh"
    )
    done = converge("--limit=compute")
    assert done.returncode == 0, said(done)
    assert "no key pair for vic, look into /srv/shared/ssh/vic/.ssh" in said(done)
    assert ssh(login, compute.check_output("hostname")).rc == 0
    assert changed(converge("--limit=compute").stdout, "compute") == 0


def test_a_folder_that_a_user_has_laid_is_not_trusted(compute: Any) -> None:
    compute.check_output(f"mkdir -p {SHARED}/laid && chown sam {SHARED}/laid")
    done = converge("--limit=compute", ssh_cluster_folder=f"{SHARED}/laid/ssh")
    assert done.returncode != 0
    assert f"{SHARED}/laid is uid 2101's, mode 0755: who can write there could pretend to be any node" in said(done)
    assert FOLDER in compute.file("/etc/ssh/ssh_config.d/10-podforge-cluster.conf").content_string


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ssh_cluster_host_patterns": ["*"]}, "ssh_cluster_host_patterns: *: write patterns of names"),
        ({"ssh_cluster_users": ["nobody-here"]}, "users: nobody-here is not a user of this node"),
    ],
)
def test_what_can_not_be_is_named(compute: Any, variables: dict[str, Any], words: str) -> None:
    done = converge("--limit=compute", **variables)
    assert done.returncode != 0
    assert words in said(done)


def test_what_sshd_refuses_is_not_written_and_the_old_setup_is_gone(compute: Any) -> None:
    assert not compute.file("/etc/ssh/ssh_config.d/initsmhp-ssh.conf").exists
    dropin = "/etc/ssh/sshd_config.d/11-podforge-cluster.conf"
    before = compute.file(dropin).content_string
    compute.check_output(f"echo Wrong yes >>/etc/ssh/sshd_config && rm {dropin}")
    done = converge("--limit=compute")
    compute.check_output("sed -i '/^Wrong yes/d' /etc/ssh/sshd_config")
    assert done.returncode != 0
    assert "is refused by sh and the old one kept" in said(done)
    assert "Bad configuration option: Wrong" in said(done)
    assert not compute.file(dropin).exists
    assert converge("--limit=compute").returncode == 0
    assert compute.file(dropin).content_string == before
