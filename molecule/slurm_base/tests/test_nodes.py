# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes come and go: in any order, and in place of others."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from support import address
from support import eventually
from support import hostname
from support import playbook
from support import said
from support import states

NODE = hostname("compute")


def test_a_node_that_is_up_before_its_controller_joins_by_itself(controller: Any, compute: Any) -> None:
    controller.check_output("systemctl stop slurmctld")
    compute.check_output("systemctl restart slurmd")
    # slurmd gives up after some tries, systemd doesn't
    restarts = "systemctl show --property=NRestarts --value slurmd"
    assert eventually(lambda: int(compute.check_output(restarts)) > 0)
    controller.check_output("systemctl start slurmctld")
    assert eventually(lambda: states(controller).get(NODE) == "idle", 180), states(controller)
    assert controller.check_output("timeout 90 srun hostname") == NODE


def test_slurmctld_that_dies_comes_back(controller: Any) -> None:
    controller.check_output("systemctl kill --signal=KILL slurmctld")
    assert eventually(lambda: "is UP" in controller.run("scontrol ping").stdout)
    # what ended just before the kill, it may still hold for running
    controller.check_output("scancel --user=root")
    assert eventually(lambda: states(controller).get(NODE) == "idle", 180), states(controller)


def test_a_replaced_compute_node_joins_the_living_cluster(controller: Any, compute: Any) -> None:
    container = json.loads(os.environ["MOLECULE_NODES"])["compute"]
    jobs = controller.check_output(f"sbatch --parsable --wrap 'sleep 300' --nodelist={NODE} --begin=now+1hour")
    subprocess.run(["podman", "rm", "--force", "--time", "0", container], check=True, capture_output=True)
    made = playbook("default/create.yml", variables={"molecule_make": ["compute"]})
    assert made.returncode == 0, said(made)
    # this one is of an instance group without OnCreate: the AMI has started slurmd, with options of its own
    compute.check_output(f"echo 'SLURMD_OPTIONS=\"--conf-server {address('controller')}\"' > /etc/default/slurmd")
    compute.check_output("systemctl enable --now --no-block slurmd")
    done = playbook("slurm_base/converge.yml", "--limit=compute")
    assert done.returncode == 0, said(done)
    assert not compute.file("/etc/default/slurmd").contains("SLURMD_OPTIONS")
    assert eventually(lambda: states(controller).get(NODE) == "idle", 180), states(controller)
    assert controller.check_output("timeout 90 srun hostname") == NODE
    # the controller's memory has lived on
    assert jobs in controller.check_output("squeue --noheader --format=%i").split()
    controller.check_output(f"scancel {jobs}")
