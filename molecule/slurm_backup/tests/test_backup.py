# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller loses its database and its state, and has both back: from a folder and from S3 (moto, over HTTP)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import KEYS
from support import moto
from support import playbook
from support import said

PORT = 5989
PROGRAM = "podforge-slurm-backup"
STATE = "/var/spool/slurmctld"
NOTE = "/var/lib/podforge/slurm-restore.json"
# what a restore does first
HOLD = """
from podforge_slurm_backup.__main__ import CONFIG, read_config
from podforge_slurm_backup.controller import Controller
Controller(read_config(CONFIG)).hold()
"""


@pytest.fixture(name="s3", scope="module")
def _s3(controller: Any) -> Iterator[Any]:
    """S3, where the node can reach it."""
    with moto(controller, "s3", PORT) as client:
        client.create_bucket(Bucket="backups", CreateBucketConfiguration={"LocationConstraint": KEYS["region_name"]})
        yield client


def run(which: str, *arguments: str, **variables: Any) -> Any:
    """The playbook, as an operator runs it."""
    common = {"slurm_backup_hosts": "controller", "hyperpod_nodes_become": False}
    return playbook(f"../playbooks/slurm_{which}.yml", *arguments, variables={**common, **variables})


def history(controller: Any, job: str) -> str:
    answer = controller.run(f"sacct --noheader --parsable2 --allocations --jobs={job} --format=state")
    return str(answer.stdout).strip()


def ended(controller: Any) -> str:
    """A job that is history."""
    job: str = controller.check_output("sbatch --parsable --chdir=/tmp --begin=now+1hour --wrap true")
    controller.check_output(f"scancel {job}; sleep 1")
    return job


def queued(controller: Any) -> str:
    """A job that waits, and that slurmctld has written down, which takes it some seconds."""
    job: str = controller.check_output(
        "touch /root/before && sbatch --parsable --chdir=/tmp --begin=now+1hour --wrap 'echo mine'"
    )
    controller.check_output(f"timeout 30 sh -c 'until [ {STATE}/job_state -nt /root/before ]; do sleep 0.2; done'")
    return job


def lose_everything(controller: Any) -> None:
    """What a replaced controller has: the role's new database, and a slurmctld that knows nothing."""
    controller.check_output("systemctl stop slurmctld slurmdbd")
    controller.check_output("mariadb -e 'DROP DATABASE slurm_acct_db; CREATE DATABASE slurm_acct_db'")
    controller.check_output(f"rm -rf {STATE}/* && systemctl start slurmdbd")
    controller.check_output("until sacctmgr -i add cluster molecule; do sleep 0.5; done; systemctl start slurmctld")
    controller.check_output("until scontrol ping | grep -q 'is UP'; do sleep 0.2; done")


def test_the_history_and_the_queue_come_back_from_a_folder(controller: Any) -> None:
    old, waiting = ended(controller), queued(controller)
    done = run("backup")
    assert done.returncode == 0, said(done)
    assert "/root/backups: database, state, etc" in said(done)
    lose_everything(controller)
    assert history(controller, old) == ""
    assert controller.run(f"squeue --noheader --jobs={waiting}").stdout == ""
    looked = run("restore", "--check")
    assert looked.returncode == 0, said(looked)
    assert "would be restored: database and state" in said(looked)
    assert history(controller, old) == ""
    done = run("restore")
    assert done.returncode == 0, said(done)
    assert "restored: database and state" in said(done)
    assert history(controller, old).startswith("CANCELLED")
    assert controller.check_output(f"squeue --noheader --jobs={waiting} --format=%T") == "PENDING"
    # with its script, and numbers go on
    assert "echo mine" in controller.check_output(f"scontrol write batch_script {waiting} -")
    assert int(ended(controller)) > int(waiting)
    assert controller.file(f"{STATE}/job_state").user == "slurm"
    assert not controller.file(NOTE).exists
    # what the new controller had is still there, once
    assert len(controller.check_output(f"ls -d {STATE}.before-*").splitlines()) == 1


def test_from_s3(controller: Any, s3: Any) -> None:
    address = {"AWS_ENDPOINT_URL": s3.meta.endpoint_url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    where = {"destination": "s3://backups/slurm", "region": "us-west-2", "keep": 1}
    controller.run_expect([0], f"cat > /root/s3.json <<'END'\n{json.dumps(where)}\nEND")
    program = f"env {' '.join(f'{key}={value}' for key, value in address.items())} {PROGRAM} --config /root/s3.json"
    old = ended(controller)
    saved = json.loads(controller.check_output(f"{program} save"))
    assert saved["jobs"] >= 1
    objects = [one["Key"] for one in s3.list_objects_v2(Bucket="backups")["Contents"]]
    assert objects == [f"slurm/{saved['saved']}"]
    lose_everything(controller)
    assert history(controller, old) == ""
    controller.check_output(f"{program} restore {saved['saved']}")
    assert history(controller, old).startswith("CANCELLED")
    # one is kept
    controller.check_output(f"{program} save")
    objects = [one["Key"] for one in s3.list_objects_v2(Bucket="backups")["Contents"]]
    assert len(objects) == 1
    assert saved["saved"] not in objects[0]


def test_a_restore_that_fails_puts_everything_back(controller: Any) -> None:
    now = queued(controller)
    controller.run_expect([0], f"cp -r /usr/local/lib/podforge /root/lib && {PROGRAM} save")
    # it can't be loaded: the database breaks in the middle of it
    broken = "/root/lib/podforge_slurm_backup/controller.py"
    controller.check_output(
        f'sed -i \'s/        with gzip.open(file, "rb") as feed:/        self.sql("NONSENSE")\\n&/\' {broken}'
    )
    failed = controller.run("PYTHONPATH=/root/lib python3 -B -m podforge_slurm_backup restore")
    controller.check_output("rm -r /root/lib")
    assert failed.rc == 1
    assert "what was there before is back" in failed.stderr
    assert "You have an error in your SQL syntax" in failed.stderr
    assert controller.check_output(f"squeue --noheader --jobs={now} --format=%T") == "PENDING"
    assert not controller.file(NOTE).exists


def test_a_restore_that_was_killed_is_taken_back_by_the_next_run(controller: Any) -> None:
    now, old = queued(controller), ended(controller)
    # as it is in the middle: daemons stopped, things moved aside, nothing in their place yet
    stamp = "20260101T000000Z"
    tables = controller.check_output("mariadb -BN slurm_acct_db -e 'SHOW TABLES'").split()
    moved = ", ".join(f"slurm_acct_db.{name} TO slurm_acct_db_before_{stamp}.{name}" for name in tables)
    controller.check_output("systemctl stop slurmctld slurmdbd")
    controller.check_output(f"mariadb -e 'CREATE DATABASE slurm_acct_db_before_{stamp}; RENAME TABLE {moved}'")
    controller.check_output(f"cp -rp {STATE} {STATE}.before-{stamp} && rm -r {STATE}/*")
    controller.run_expect([0], f"cat > {NOTE} <<'END'\n{json.dumps({'stamp': stamp})}\nEND")
    controller.run_expect(
        [0], f"cat > /root/hold.py <<'END'\n{HOLD}\nEND\nPYTHONPATH=/usr/local/lib/podforge python3 -B /root/hold.py"
    )
    # nobody starts it by hand meanwhile, nor does a reboot
    assert controller.run("systemctl start slurmctld").failed
    assert (
        "a restore was killed half way: podforge-slurm-backup save puts all back"
        in controller.run("systemctl status slurmctld").stdout
    )
    # who only looks changes nothing
    controller.check_output(f"{PROGRAM} list && {PROGRAM} restore --check && test -e {NOTE}")
    controller.check_output(f"{PROGRAM} save")
    assert controller.check_output(f"squeue --noheader --jobs={now} --format=%T") == "PENDING"
    assert history(controller, old).startswith("CANCELLED")
    assert not controller.file(NOTE).exists
    assert not controller.file("/etc/systemd/system/slurmctld.service.d/99-podforge-restore.conf").exists


def test_what_does_not_fit_is_refused_before_anything_stops(controller: Any) -> None:
    pid = controller.check_output("systemctl show --property=MainPID --value slurmctld")
    name = json.loads(controller.check_output(f"{PROGRAM} save"))["saved"]
    edits = {
        "other": ('s/"cluster": "molecule"/"cluster": "another"/', "it is of cluster another, and this is molecule"),
        "newer": ('s/"slurm": "slurm-wlm [0-9]*/"slurm": "slurm-wlm 99/', "newer than the slurm-wlm 22.05"),
        "cut": ("s/x/x/; 1q", "can't be read"),
    }
    for kind, (edit, complaint) in edits.items():
        file = f"/root/backups/slurm-molecule-29991231T2359{len(kind)}0Z.tar"
        controller.check_output(
            f"cd $(mktemp -d) && tar xf /root/backups/{name} && sed -i '{edit}' manifest.json && tar cf {file} *"
        )
        failed = run("restore")
        controller.check_output(f"rm {file}")
        assert failed.returncode != 0
        assert complaint in said(failed), said(failed)
    assert controller.check_output("systemctl show --property=MainPID --value slurmctld") == pid


def test_it_is_made_at_its_time_and_for_root_alone(controller: Any) -> None:
    timer = controller.check_output("systemctl show --property=ActiveState,UnitFileState podforge-slurm-backup.timer")
    assert timer.split() == ["ActiveState=active", "UnitFileState=enabled"]
    before = controller.check_output("ls /root/backups").split()
    controller.check_output("sleep 1; systemctl start podforge-slurm-backup.service")
    now = controller.check_output("ls /root/backups").split()
    assert now[-1] not in before
    assert len(now) == 3
    file = controller.file(f"/root/backups/{now[-1]}")
    assert (file.mode, file.user) == (0o600, "root")
    inside = controller.check_output(f"tar xOf /root/backups/{now[-1]} etc.tar.gz | tar tz").split()
    assert "slurm.conf" in inside
    assert "slurmdbd.conf" not in inside
