# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers in jobs and by hand, where their data is, and who may. What plays enroot and pyxis: stand_ins.sh."""

from __future__ import annotations

from typing import Any

import pytest
from support import CONF
from support import eventually
from support import playbook
from support import said
from support import states

BASE = "/opt/podforge/scratch/enroot"
IMAGE = "/srv/tiny.sqsh"
ROLE = "enroot/converge.yml"


@pytest.fixture(scope="module", autouse=True)
def image(controller: Any, compute: Any) -> str:
    """An image with one program, and nodes that are there for jobs."""
    compute.check_output(
        "mkdir -p /srv/tiny && cd /srv/tiny && echo inside >where && cp -L --parents /bin/cat "
        "/lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6 . && chmod -R a+rX . && "
        f"mksquashfs . {IMAGE} -noappend -quiet && chmod 0644 {IMAGE}"
    )
    assert eventually(lambda: "idle" in states(controller).values()), states(controller)
    return IMAGE


def test_a_job_runs_in_a_container(controller: Any, compute: Any) -> None:
    srun = f"cd / && runuser -u ubuntu -- timeout 90 srun --container-image={IMAGE} /bin/cat /where"
    done = controller.run(srun)
    assert done.stdout == "inside\n", done.stderr
    made = compute.check_output(f"stat --format='%U %n' {BASE}/data/user-1000/pyxis-*")
    assert made.startswith("ubuntu ")
    # the other way round: without the option nothing is different
    assert controller.run("cd / && runuser -u ubuntu -- timeout 90 srun /bin/cat /where").rc != 0


def test_a_user_runs_a_container_on_a_compute_node(compute: Any) -> None:
    as_ubuntu = "runuser -u ubuntu -- enroot"
    compute.check_output(f"cd / && {as_ubuntu} create mine {IMAGE}")
    assert compute.check_output(f"cd / && {as_ubuntu} start mine /bin/cat /where") == "inside"
    for folder in ("data", "run", "cache"):
        assert compute.file(f"{BASE}/{folder}/user-1000").user == "ubuntu"
    compute.check_output(f"cd / && {as_ubuntu} remove mine")


def test_only_root_may_call_it_on_a_controller(controller: Any) -> None:
    # it is a script, which a shell could read
    for command in ("enroot", "bash /usr/bin/enroot"):
        assert "Permission denied" in controller.run(f"runuser -u ubuntu -- {command} version").stderr
    assert controller.check_output("enroot version") == "3.5.0"
    # the package comes again, as an upgrade does
    controller.check_output("dpkg --install /srv/enroot/enroot_3.5.0-1_all.deb")
    assert "Permission denied" in controller.run("runuser -u ubuntu -- enroot version").stderr


def test_settings_of_the_image_stay(compute: Any) -> None:
    lines = compute.file("/etc/enroot/enroot.conf").content_string.splitlines()
    assert "ENROOT_LOGIN_SHELL no" in lines
    assert "ENROOT_MAX_PROCESSORS 2" in lines
    assert [line for line in lines if line.startswith("ENROOT_MOUNT_HOME")] == ["ENROOT_MOUNT_HOME no"]


def test_folders_are_there_after_a_boot_with_an_empty_disk(compute: Any) -> None:
    compute.check_output(f"rm -rf {BASE} && systemctl restart podforge-enroot-dirs")
    assert [oct(compute.file(f"{BASE}/{name}").mode) for name in ("run", "data", "tmp")] == ["0o1777"] * 3
    before = compute.check_output("systemctl show --property=Before --value podforge-enroot-dirs")
    assert "slurmd.service" in before.split()


def test_what_others_have_in_plugstack_stays_and_patterns_are_resolved(controller: Any, compute: Any) -> None:
    controller.check_output(
        f"cp -p {CONF}/plugstack.conf /root/plugstack.conf && "
        f"mkdir -p {CONF}/plugstack.conf.d && echo '# another' >{CONF}/plugstack.conf.d/other.conf && "
        f"echo 'required /nowhere/spank_pyxis.so execute_entrypoint=1' >{CONF}/plugstack.conf.d/pyxis.conf && "
        f"printf '# of the image\\ninclude {CONF}/plugstack.conf.d/*\\n' >{CONF}/plugstack.conf"
    )
    try:
        done = playbook(ROLE, "--limit=controller")
        assert done.returncode == 0, said(done)
        assert controller.file(f"{CONF}/plugstack.conf").content_string.splitlines() == [
            "# of the image",
            f"include {CONF}/plugstack.conf.d/other.conf",
            "required /usr/local/lib/slurm/spank_pyxis.so execute_entrypoint=1 runtime_path=/run/pyxis",
        ]
        # slurmctld has sent it on
        assert eventually(lambda: compute.file("/run/slurm/conf/plugstack.conf").contains("# of the image"))
    finally:
        # the login node has no plugin, and could start no job for the scenarios that follow
        controller.check_output(
            f"rm -r {CONF}/plugstack.conf.d && cp -p /root/plugstack.conf {CONF}/plugstack.conf && scontrol reconfigure"
        )
    assert eventually(lambda: not compute.file("/run/slurm/conf/plugstack.conf").contains("required"))


def test_a_wrong_checksum_installs_nothing(compute: Any) -> None:
    compute.check_output("apt-get --yes purge enroot")
    wrong = [{"url": "file:///srv/enroot/enroot_3.5.0-1_all.deb", "checksum": f"sha256:{'0' * 64}"}]
    done = playbook(ROLE, "--limit=compute", variables={"enroot_downloads": wrong})
    assert done.returncode != 0
    assert "checksum" in said(done)
    assert compute.run("enroot version").rc == 127
