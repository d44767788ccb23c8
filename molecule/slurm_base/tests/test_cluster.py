# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running cluster: who may run what, jobs, and what each node was given."""

from __future__ import annotations

from typing import Any

from support import CONF
from support import address
from support import eventually
from support import hostname
from support import states


def test_compute_is_idle_and_login_takes_no_jobs(controller: Any) -> None:
    assert eventually(lambda: states(controller).get(hostname("compute")) == "idle"), states(controller)
    assert states(controller)[hostname("login")].startswith("drain")
    partitions = controller.check_output("sinfo --noheader --format=%R").split()
    assert sorted(partitions) == ["dev", "p1"]


def test_a_job_runs_on_the_compute_node(controller: Any) -> None:
    assert controller.check_output("timeout 90 srun --nodes=1 hostname") == hostname("compute")


def test_a_job_from_the_login_node(login: Any) -> None:
    # a login shell: the profile, not the container's environment, must find the programs and the configuration
    assert login.check_output("env -i su - ubuntu -c 'timeout 90 srun --partition=p1 hostname'") == hostname("compute")


def test_no_job_lands_on_the_login_node(controller: Any) -> None:
    refused = controller.run(f"timeout 20 srun --immediate=3 --nodelist={hostname('login')} hostname")
    assert refused.rc != 0
    assert hostname("login") not in refused.stdout


def test_each_node_runs_its_daemon_and_no_other(nodes: dict[str, Any]) -> None:
    for name, host in nodes.items():
        own, foreign = ("slurmctld", "slurmd") if name == "controller" else ("slurmd", "slurmctld")
        assert host.service(own).is_running, name
        assert host.service(own).is_enabled, name
        assert host.service("munge").is_running, name
        assert host.service("munge").is_enabled, name
        assert host.check_output(f"systemctl show --property=LoadState --value {foreign}") == "masked", name


def test_slurmd_cannot_be_started_on_the_controller(controller: Any) -> None:
    assert controller.run("systemctl start slurmd").rc != 0
    assert controller.run("systemctl enable slurmd").rc != 0
    controller.run_expect([0], "sha256sum --check --quiet /root/slurm.conf.sha256")


def test_slurm_conf_is_what_the_agent_wrote(controller: Any) -> None:
    controller.run_expect([0], "sha256sum --check /root/slurm.conf.sha256")


def test_nodes_fetch_their_configuration(compute: Any, login: Any) -> None:
    for host in (compute, login):
        assert not host.file(f"{CONF}/slurm.conf").exists
        # 22.05 renames its processes, so the command line is systemd's
        pid = host.check_output("systemctl show --property=MainPID --value slurmd")
        command = host.check_output(f"tr '\\0' ' ' < /proc/{pid}/cmdline")
        assert f"--conf-server {address('controller')}" in command
        assert "SLURM_CONF" not in host.check_output(f"tr '\\0' '\\n' < /proc/{pid}/environ | cut -d= -f1").split()
        assert host.file("/run/slurm/conf/podforge.conf").contains("ResumeTimeout=300")


def test_units_never_give_up(nodes: dict[str, Any]) -> None:
    for name, host in nodes.items():
        daemon = "slurmctld" if name == "controller" else "slurmd"
        shown = host.check_output(f"systemctl show --property=Restart,StartLimitIntervalUSec,DropInPaths {daemon}")
        assert "Restart=on-failure" in shown
        assert "StartLimitIntervalUSec=0" in shown
        assert f"/etc/systemd/system/{daemon}.service.d/50-podforge.conf" in shown


def test_folders_belong_to_slurm(controller: Any, compute: Any) -> None:
    assert controller.file("/var/spool/slurmctld").user == "slurm"
    assert controller.file("/var/log/slurm").user == "slurm"
    assert compute.file("/var/spool/slurmd").user == "root"
