# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_base and gdm_mask: drop-ins, settings, and every refusal."""

from __future__ import annotations

import re
from typing import Any


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_compute_and_login_fetch_from_the_controller(rendered: dict[str, Any]) -> None:
    for case in ("compute", "login"):
        assert lines(rendered[case]["dropin"]) == [
            "[Unit]",
            "StartLimitIntervalSec=0",
            "[Service]",
            "Restart=on-failure",
            "RestartSec=5",
            "UnsetEnvironment=SLURM_CONF",
            'Environment="SLURMD_OPTIONS=--conf-server 10.1.0.1"',
        ]
        assert rendered[case]["masked"] == "slurmctld"
        assert "export SLURM_CONF=/run/slurm/conf/slurm.conf" in rendered[case]["profile"]


def test_all_controllers_are_named(rendered: dict[str, Any]) -> None:
    two = 'Environment="SLURMD_OPTIONS=--conf-server 10.1.0.1,10.1.0.2 -v"'
    assert two in lines(rendered["two-controllers"]["dropin"])
    assert 'Environment="SLURMD_OPTIONS=--conf-server 10.9.9.9:6820"' in lines(rendered["given-controllers"]["dropin"])


def test_two_controllers_share_their_state(rendered: dict[str, Any]) -> None:
    for case, folder, timeout in (("first-of-two", "/fsx", 60), ("second-of-two", "/home", 120)):
        host = rendered[case]
        state = f"{folder}/podforge-slurm/abc/slurmctld"
        assert host["problems"] == []
        settings = [f"SlurmctldTimeout={timeout}", f"StateSaveLocation={state}"]
        assert lines(host["settings"]) == ["ResumeTimeout=300", *settings], case
        name = "ip-10-1-0-1" if case == "first-of-two" else "ip-10-1-0-2"
        check = f"/usr/local/lib/podforge/slurm-shared-state check {state} slurm slurm {name} ip-10-1-0-1"
        assert f"ExecStartPre=+{check}" in lines(host["dropin"])
        assert host["files"]["/usr/local/lib/podforge/slurm-shared-state"] == ""
        # made by the program: never by a task, on storage that may not be mounted
        assert [item["path"] for item in host["dirs"]] == ["/var/log/slurm"]
        assert re.search(host["own_line"], f"ClusterName=x\nSlurmctldHost={name}(10.1.0.9)\n")
        assert not re.search(host["own_line"], f"SlurmctldHost={name}1(10.1.0.9)\n")
    assert (rendered["first-of-two"]["stands_by"], rendered["second-of-two"]["stands_by"]) == (False, True)
    for alone in ("controller", "two-controllers"):
        assert "ExecStartPre" not in rendered[alone]["dropin"]
        assert "StateSaveLocation" not in rendered[alone]["settings"]
    assert re.search(rendered["controller"]["own_line"], "SlurmctldHost=anything\n")


def test_two_controllers_without_storage_are_refused(rendered: dict[str, Any]) -> None:
    starts(
        rendered["two-without-storage"]["problems"],
        [
            "slurm_base_shared_dir is '', and the cluster has 2 controllers",
            "slurm_base_config sets StateSaveLocation, and",
        ],
    )
    assert rendered["storage-not-mounted"]["problems"] == [
        "slurm_base_shared_dir is /fsx: /fsx/x is on the root disk of this node"
    ]


def test_one_controller_left_of_two_keeps_its_queue(rendered: dict[str, Any]) -> None:
    [problem] = rendered["one-left-of-two"]["problems"]
    assert problem.startswith("slurmctld here has its state where several controllers share it, and")
    assert problem.endswith("to the folder in use (/fsx/podforge-slurm/abc/slurmctld)")
    assert rendered["one-left-of-two-and-told"]["problems"] == []


def test_a_failed_change_never_goes_back_to_a_state_that_was_handed_over(rendered: dict[str, Any]) -> None:
    shared = "StateSaveLocation=/fsx/podforge-slurm/abc/slurmctld"
    assert lines(rendered["two-at-last"]["fallback"]) == ["KillWait=30", "ResumeTimeout=300", shared]
    assert lines(rendered["first-of-two"]["fallback"]) == [shared]
    # one controller alone goes back to whatever it had
    assert shared in lines(rendered["one-left-of-two-and-told"]["fallback"])
    assert rendered["controller"]["fallback"] == ""


def test_a_unit_without_its_variables_is_mended(rendered: dict[str, Any]) -> None:
    assert lines(rendered["substituted-unit"]["dropin"])[-4:] == [
        "ExecStart=",
        "ExecStart=/opt/slurm/sbin/slurmd -D -v $SLURMD_OPTIONS",
        "ExecReload=",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ]
    assert "ExecStart" not in rendered["compute"]["dropin"]
    assert "ExecStart" not in rendered["own-unit"]["dropin"]


def test_controller(rendered: dict[str, Any]) -> None:
    host = rendered["controller"]
    assert "SLURMD_OPTIONS" not in host["dropin"]
    assert host["masked"] == "slurmd"
    assert "export SLURM_CONF=/opt/slurm/etc/slurm.conf" in host["profile"]
    assert lines(host["settings"]) == [
        "ResumeTimeout=300",
        'DownNodes=ip-10-1-0-20 State=DRAIN Reason="login node, takes no jobs"',
    ]
    assert [item["path"] for item in host["dirs"]] == ["/var/spool/slurmctld", "/var/log/slurm"]
    assert {item["owner"] for item in host["dirs"]} == {"slurm"}


def test_settings_from_a_dict(rendered: dict[str, Any]) -> None:
    host = rendered["settings"]
    assert lines(host["settings"]) == [
        "DisableRootJobs=YES",
        "EnforcePartLimits=NO",
        "KillWait=30",
        'MailProg="/usr/bin/mail program"',
        "PrologFlags=Alloc,Contain",
        "X11Parameters=home_xauthority",
    ]


def test_what_has_changed_decides_between_reconfiguration_and_restart(rendered: dict[str, Any]) -> None:
    assert rendered["settings"]["changed_keys"] == [
        *("DisableRootJobs", "DownNodes", "EnforcePartLimits", "MailProg", "MaxJobCount", "PrologFlags"),
        *("ResumeTimeout", "X11Parameters"),
    ]
    assert rendered["settings"]["restart_keys"] == ["maxjobcount"]
    assert rendered["same-settings"]["changed_keys"] == []


def test_what_other_roles_contribute_gives_way_to_the_operator(rendered: dict[str, Any]) -> None:
    host = rendered["contributed"]
    assert lines(host["settings"]) == [
        "AccountingStorageType=accounting_storage/slurmdbd",
        "KillWait=30",
        "ResumeTimeout=300",
    ]
    assert host["restart_keys"] == ["accountingstoragetype"]


def test_good_input_has_no_problems(rendered: dict[str, Any]) -> None:
    good = (
        "compute",
        "login",
        "controller",
        "settings",
        "two-controllers",
        "given-controllers",
        "configless",
        "offline",
        "hooks",
        "hooks-compute",
        "auto-resume-unsaid",
        "auto-resume-not-wanted",
    )
    assert {case: rendered[case]["problems"] for case in good if rendered[case]["problems"]} == {}


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    found = rendered["all-wrong"]["problems"]
    expected = [
        "slurm_base_controllers is empty",
        "slurmd.service is masked on this compute node",
        "/etc/default/slurmd sets SLURMD_OPTIONS",
        "slurm_base_include_file is conf.d/x",
        "slurm_base_config sets nodename, partitionname:",
        "slurm_base_config: SlurmctldParameters must keep enable_configless",
        "slurm_base_config: MailProg holds a line break or a #",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


def test_nodes_of_other_orchestrators_are_refused(rendered: dict[str, Any]) -> None:
    assert rendered["eks"]["problems"][0].startswith("hyperpod_node says compute node of orchestrator EKS")


def test_states_of_the_daemon(rendered: dict[str, Any]) -> None:
    assert rendered["waiting"]["running"] is True
    assert rendered["offline"]["running"] is False
    assert rendered["offline"]["booted"] is False


def test_vital_units_are_refused_by_gdm_mask(rendered: dict[str, Any]) -> None:
    assert rendered["harmless"]["refused"] == []
    assert len(rendered["vital"]["refused"]) == 14
    assert "gdm.service" not in rendered["vital"]["refused"]


def test_a_node_that_is_right_is_left_alone(rendered: dict[str, Any]) -> None:
    assert rendered["exact-settings"]["settings_are_right"] is True
    for case in ("lost-include", "settings-of-others", "unapplied"):
        assert rendered[case]["settings_are_right"] is False, case
    assert rendered["settings"]["settings_are_right"] is False
    assert rendered["compute"]["daemons_are_on"] is True


def test_hooks_and_health_check_are_settings_of_the_controller_and_files_of_the_others(
    rendered: dict[str, Any],
) -> None:
    assert lines(rendered["hooks"]["settings"]) == [
        "BatchStartTimeout=130",
        "Epilog=/usr/bin/true*",
        "HealthCheckInterval=300",
        "HealthCheckNodeState=ANY,CYCLE",
        "HealthCheckProgram=/opt/slurm/etc/scripts/podforge-health-check",
        "Prolog=/usr/bin/true*",
        "ResumeTimeout=300",
    ]
    assert "/usr/bin/true-slurm-hooks" not in rendered["hooks"]["files"]
    files = rendered["hooks-compute"]["files"]
    assert {"/usr/bin/true-slurm-hooks", "/opt/slurm/etc/scripts/podforge-health-check"} <= set(files)
    assert files["/opt/slurm/etc/epilog.d/500-podforge-ipc.sh"] == "absent"
    assert lines(rendered["hooks-compute"]["hooks_conf"]) == [
        "folders='/opt/slurm/etc /fsx/slurm'",
        *("one=20", "all=60", "trusted=slurm", "prefix=/opt/slurm"),
    ]


def test_the_agents_own_hooks_stay(rendered: dict[str, Any]) -> None:
    settings = rendered["hooks-of-the-agent"]["settings"]
    assert "Prolog" not in settings
    assert "HealthCheck" not in settings


def test_logs_that_nobody_else_rotates(rendered: dict[str, Any]) -> None:
    assert rendered["hooks"]["files"]["/etc/logrotate.d/podforge-slurm"] != "absent"
    assert "/var/log/slurm/slurmdbd.log {" in rendered["hooks"]["logrotate"]
    assert "slurmctld" not in rendered["hooks"]["logrotate"]
    assert rendered["hooks-of-the-agent"]["files"]["/etc/logrotate.d/podforge-slurm"] == "absent"


def starts(found: list[str], expected: list[str]) -> None:
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


def test_what_auto_resume_can_not_live_with_is_refused_where_it_is_wanted(rendered: dict[str, Any]) -> None:
    host = rendered["no-auto-resume"]
    starts(
        host["problems"],
        [
            "slurm_base_hook_timeout is 90, more than slurm_base_hooks_timeout (60)",
            "slurm_base_hook_folders is ['/opt/my hooks']",
            "TaskPlugin is task/cgroup,task/affinity: the service's auto-resume",
        ],
    )
    # the play has not set it: the cluster works with it
    starts(host["warnings"], ["SchedulerParameters is defer, without permit_job_expansion"])


def test_without_a_wish_there_are_warnings(rendered: dict[str, Any]) -> None:
    starts(rendered["auto-resume-unsaid"]["warnings"], ["TaskPlugin is task/cgroup:", "SchedulerParameters is defer,"])
    assert rendered["auto-resume-not-wanted"]["warnings"] == []
    assert rendered["controller"]["warnings"] == []
