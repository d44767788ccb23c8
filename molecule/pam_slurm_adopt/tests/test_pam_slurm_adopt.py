# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins by ssh: with a job and without one, on each kind of node, and as it was once the role is taken back."""

from __future__ import annotations

from typing import Any

from support import changed
from support import eventually
from support import playbook
from support import said

ROLE = "pam_slurm_adopt/converge.yml"


def ssh(controller: Any, user: str, host: Any, command: str = "id -un") -> Any:
    """A login from the controller, by a key."""
    address = host.check_output("hostname -i").split()[0]
    options = "-i /root/.ssh/test -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    return controller.run(f"timeout 30 ssh {options} {user}@{address} '{command}'")


def test_without_a_job_only_admins_get_in(controller: Any, compute: Any) -> None:
    refused = ssh(controller, "nora", compute)
    assert refused.rc != 0
    assert refused.stdout == ""
    assert "you have no active jobs on this node" in refused.stderr
    assert ssh(controller, "ubuntu", compute).stdout == "ubuntu\n"


def test_login_nodes_and_controllers_stay_open(controller: Any, login: Any) -> None:
    for host in (controller, login):
        assert ssh(controller, "nora", host).stdout == "nora\n"


def test_with_a_job_its_user_gets_in_and_afterwards_no_more(controller: Any, compute: Any) -> None:
    job = controller.check_output("cd / && runuser -u nora -- sbatch --parsable --output=/dev/null --wrap 'sleep 600'")
    assert eventually(lambda: "RUNNING" in controller.check_output(f"squeue --noheader --format=%T --job={job}"))
    # systemd would have it for a session of its own otherwise, and take it out of the job
    inside = ssh(controller, "nora", compute, "id -un; loginctl --no-legend list-sessions | grep -w nora")
    assert inside.stdout == "nora\n", inside.stderr
    controller.check_output(f"scancel {job}")
    assert eventually(lambda: ssh(controller, "nora", compute).rc != 0)


def test_other_services_have_their_sessions_as_before(compute: Any) -> None:
    assert "pam_systemd.so" in compute.file("/etc/pam.d/common-session").content_string
    compute.check_output("systemd-run --quiet --collect --unit=test-su su - nora -c 'sleep 60'")
    assert eventually(lambda: "nora" in compute.check_output("loginctl --no-legend list-sessions"))
    compute.check_output("systemctl stop test-su")


def test_a_change_that_others_make_reaches_the_logins(controller: Any, compute: Any) -> None:
    line = "session optional pam_echo.so file=/dev/null"
    compute.check_output(f"cp -p /etc/pam.d/common-session /root && echo '{line}' >>/etc/pam.d/common-session")
    done = playbook(ROLE, "--limit=compute")
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "compute") == 1
    assert line in compute.file("/etc/pam.d/podforge-ssh-session").content_string
    assert ssh(controller, "ubuntu", compute).rc == 0
    compute.check_output("cp -p /root/common-session /etc/pam.d/")


def test_the_conflict_with_auto_resume_is_told_before_anything_is_changed(controller: Any) -> None:
    done = playbook(ROLE, "--limit=controller", variables={"slurm_base_config": {"TaskPlugin": "task/affinity"}})
    assert done.returncode != 0
    assert "TaskPlugin is set to task/affinity, and pam_slurm_adopt_auto_resume is true" in said(done)
    assert "TaskPlugin = task/none" in " ".join(controller.check_output("scontrol show config").split())


def test_it_can_be_taken_back(controller: Any, compute: Any) -> None:
    done = playbook(ROLE, "--limit=compute", variables={"pam_slurm_adopt_state": "absent"})
    assert done.returncode == 0, said(done)
    # as the package has brought it
    assert "/etc/pam.d/sshd" not in compute.run("dpkg --verify openssh-server").stdout
    assert not compute.file("/etc/pam.d/podforge-ssh-session").exists
    assert ssh(controller, "nora", compute).stdout == "nora\n"
