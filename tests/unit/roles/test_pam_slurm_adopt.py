# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pam_slurm_adopt: settings of Slurm by the choice about auto-resume, and every refusal."""

from __future__ import annotations

from typing import Any


def test_auto_resume_is_kept_unless_it_is_given_up(rendered: dict[str, Any]) -> None:
    kept, given = rendered["adopt-controller"], rendered["adopt-limits"]
    assert kept["problems"] == given["problems"] == []
    assert kept["settings"] == {"PrologFlags": ["Contain"], "ProctrackType": "proctrack/cgroup"}
    assert given["settings"] == {
        "PrologFlags": ["Contain", "X11"],
        "ProctrackType": "proctrack/cgroup",
        "TaskPlugin": ["task/cgroup", "task/affinity"],
    }
    assert "Auto-resume stays possible" in kept["notice"]
    assert "does not work on this cluster" in given["notice"]


def test_which_nodes_it_is_for(rendered: dict[str, Any]) -> None:
    cases = ("adopt-controller", "adopt-compute", "adopt-login", "adopt-off")
    assert [rendered[case]["wanted"] for case in cases] == [True, True, False, False]
    for case in ("adopt-compute", "adopt-login", "adopt-off", "adopt-absent"):
        assert rendered[case]["settings"] == {}, case
        assert rendered[case]["problems"] == [], case


def test_refusals(rendered: dict[str, Any]) -> None:
    conflict, flags = rendered["adopt-conflict"]["problems"]
    assert conflict.startswith("TaskPlugin is set to task/cgroup, and pam_slurm_adopt_auto_resume is true")
    assert flags.startswith("slurm_base_config sets PrologFlags without Contain")
    module, usepam = rendered["adopt-unable"]["problems"]
    assert module.startswith("pam_slurm_adopt.so is not on this node. It must be built with the Slurm of the image")
    assert usepam.startswith("sshd does not ask PAM (UsePAM is no in `sshd -T`)")
