# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_base_config: it reaches Slurm, survives the agent, and is refused as a whole when Slurm would refuse it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support import CONF
from support import MOLECULE
from support import changed
from support import eventually
from support import hostname
from support import playbook
from support import said
from support import setting
from support import states

FILE = f"{CONF}/podforge.conf"
ROLE = "slurm_base/converge.yml"


@pytest.fixture(scope="module", autouse=True)
def as_it_was(controller: Any) -> Iterator[None]:
    """The next module finds the settings of the converge playbook."""
    yield
    restored = playbook(ROLE, "--limit=controller")
    assert restored.returncode == 0, restored.stdout


def judge(text: str, keys: str = "") -> subprocess.CompletedProcess[str]:
    """The role's own check, in the controller."""
    script = (MOLECULE.parent / "roles/slurm_base/files/check-settings.sh").read_text(encoding="utf-8")
    container = json.loads(os.environ["MOLECULE_NODES"])["controller"]
    command = ["podman", "exec", "--interactive", container, "sh", "-c", script]
    arguments = ["check-settings.sh", "/opt/slurm", CONF, "podforge.conf", keys]
    return subprocess.run([*command, *arguments], input=f"{text}\n", capture_output=True, text=True, check=False)


def converge(config: dict[str, Any], *arguments: str) -> Any:
    return playbook(ROLE, "--limit=controller", *arguments, variables={"slurm_base_config": config})


def test_a_setting_is_applied_by_reconfiguration(controller: Any, compute: Any) -> None:
    pid = controller.check_output("systemctl show --property=MainPID --value slurmctld")
    done = converge({"SlurmdTimeout": 123, "PrologFlags": ["Alloc", "Contain"], "DisableRootJobs": False})
    assert done.returncode == 0, said(done)
    assert setting(controller, "SlurmdTimeout") == "123 sec"
    assert setting(controller, "PrologFlags") == "Alloc,Contain"
    assert setting(controller, "DisableRootJobs") == "No"
    assert controller.check_output("systemctl show --property=MainPID --value slurmctld") == pid
    cached = compute.file("/run/slurm/conf/podforge.conf")
    assert eventually(lambda: cached.contains("^SlurmdTimeout=123$"))


def test_a_setting_that_is_read_at_start_only_restarts_slurmctld(controller: Any) -> None:
    pid = controller.check_output("systemctl show --property=MainPID --value slurmctld")
    done = converge({"MaxJobCount": 4321})
    assert done.returncode == 0, said(done)
    assert setting(controller, "MaxJobCount") == "4321"
    assert setting(controller, "SlurmdTimeout") == "60 sec"  # the agent's own again
    assert controller.check_output("systemctl show --property=MainPID --value slurmctld") != pid


def test_settings_of_a_run_that_was_killed_are_applied_by_the_next(controller: Any) -> None:
    # written, and not yet known to slurmctld; the run's own mark tells
    controller.check_output(f"sed -i 's/^ResumeTimeout=.*/ResumeTimeout=301/' {FILE}")
    controller.check_output("touch /run/podforge-slurm.unapplied")
    done = converge({"MaxJobCount": 4321, "ResumeTimeout": 301})
    assert done.returncode == 0, said(done)
    assert setting(controller, "ResumeTimeout") == "301 sec"
    assert not controller.file("/run/podforge-slurm.unapplied").exists


def test_check_mode_shows_the_change_and_makes_none(controller: Any) -> None:
    before = controller.file(FILE).content_string
    done = converge({"MaxJobCount": 4321, "ResumeTimeout": 301, "KillWait": 77}, "--check", "--diff")
    assert done.returncode == 0, said(done)
    assert "+KillWait=77" in done.stdout
    assert changed(done.stdout, "controller") > 0
    assert controller.file(FILE).content_string == before


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param("SlurmdTimeuot=60", "unrecognized key: SlurmdTimeuot", id="unknown key"),
        pytest.param("SlurmdTimeout=soon", 'SlurmdTimeout value "soon" is not a valid number', id="wrong type"),
        pytest.param("SelectTypeParameters=CR_BOGUS", "Bad SelectTypeParameter: CR_BOGUS", id="impossible value"),
        pytest.param("TaskPlugin=task/none,task/nonesuch", "there is no plugin task/nonesuch", id="no such plugin"),
        pytest.param("TopologyPlugin=topology/tree", "there is no topology.conf", id="topology without its file"),
        pytest.param("PrologFlags=Alloc", "", id="good"),
    ],
)
def test_slurm_judges_the_settings(line: str, complaint: str) -> None:
    done = judge(line)
    assert complaint in done.stderr
    assert (done.returncode == 0) is (complaint == ""), done.stderr
    assert "tmp." not in done.stderr  # its copy is its own affair


def test_a_key_that_slurm_conf_sets_again_below_the_include_is_refused(controller: Any) -> None:
    controller.check_output(f"printf 'KillWait=31\\n' >> {CONF}/slurm.conf")
    try:
        done = judge("KillWait=77", "KillWait")
    finally:
        controller.check_output(f"sed -i '/^KillWait=31/d' {CONF}/slurm.conf")
    assert done.returncode == 1
    assert "KillWait: slurm.conf sets it on line" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["converge", "check"])
def test_wrong_settings_are_refused_and_the_old_ones_kept(controller: Any, arguments: tuple[str, ...]) -> None:
    before = controller.file(FILE).content_string
    done = converge({"SlurmdTimeuot": 60}, *arguments)
    assert done.returncode != 0
    assert "slurm_base_config is refused and the settings in force are kept" in said(done)
    assert "unrecognized key: SlurmdTimeuot" in said(done)
    assert controller.file(FILE).content_string == before
    assert controller.service("slurmctld").is_running


def test_settings_that_slurmctld_cannot_live_with_are_taken_back(controller: Any) -> None:
    # every client accepts this one, but slurmctld can't write there and gives up at its start
    before = controller.file(FILE).content_string
    done = playbook(
        ROLE,
        "--limit=controller",
        variables={
            "slurm_base_config": {"MaxJobCount": 4321, "StateSaveLocation": "/proc/nowhere"},
            "slurm_base_answer_timeout": 8,
        },
    )
    assert done.returncode != 0
    assert "the old settings are in force again" in said(done), said(done)
    assert controller.file(FILE).content_string == before
    assert eventually(lambda: "is UP" in controller.run("scontrol ping").stdout)
    assert setting(controller, "MaxJobCount") == "4321"


def test_the_agent_writes_slurm_conf_again_and_the_settings_stay(controller: Any) -> None:
    controller.check_output(f"printf '# an edit of somebody\\n' >> {CONF}/slurm.conf")
    controller.check_output(
        f"cd {CONF} && PYTHONPATH=/opt/local_cloud/lib python3 -m local_cloud_agents.slurm_conf --render "
        "/opt/ml/config/resource_config.json /opt/ml/config/provisioning_parameters.json | "
        "awk '/^### /{ file = $2; next } { print > file }' && scontrol reconfigure"
    )
    assert not controller.file(f"{CONF}/slurm.conf").contains("an edit of somebody")
    assert setting(controller, "MaxJobCount") == "4321"
    assert setting(controller, "ResumeTimeout") == "301 sec"
    assert states(controller)[hostname("login")].startswith("drain")
