# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounting as the role leaves it: history, limits, and a database that only slurmdbd and root get into."""

from __future__ import annotations

from typing import Any

from support import CONF
from support import changed
from support import eventually
from support import playbook
from support import said
from support import setting

ROLE = "slurm_accounting/converge.yml"
AS_UBUNTU = "su - ubuntu --command"


def history(controller: Any, job: str, fields: str = "state,account,qos,cluster") -> str:
    answer: str = controller.check_output(f"sacct --noheader --parsable2 --allocations --jobs={job} --format={fields}")
    return answer


def test_a_job_is_in_the_history_with_its_account(controller: Any, login: Any) -> None:
    submit = "sbatch --parsable --wait --time=1 --qos=urgent --account=research --chdir=/tmp --wrap true"
    job = login.check_output(f"{AS_UBUNTU} '{submit}'")
    assert eventually(lambda: history(controller, job) == "COMPLETED|research|urgent|molecule", 30)
    # the login node asks slurmdbd itself, with the settings that it has fetched
    assert login.check_output(f"{AS_UBUNTU} 'sacct -n -X -P --jobs={job} --format=account'") == "research"


def test_limits_and_associations_hold(controller: Any, login: Any) -> None:
    assert setting(controller, "AccountingStorageEnforce") == "associations,limits,qos"
    refused = login.run(f"{AS_UBUNTU} 'cd /tmp && sbatch --qos=urgent --time=61 --account=research --wrap true'")
    assert "Job violates accounting/QOS policy" in refused.stderr
    stranger = controller.run("su --shell /bin/sh nobody --command 'cd /tmp && sbatch --wrap true'")
    assert "Invalid account" in stranger.stderr


def test_nobody_else_gets_into_the_database(controller: Any) -> None:
    accounts = controller.check_output("mariadb -BN -e 'SELECT CONCAT(User, CHAR(64), Host) FROM mysql.global_priv'")
    assert set(accounts.split()) == {"root@localhost", "mysql@localhost", "mariadb.sys@localhost", "slurm@localhost"}
    assert "test" not in controller.check_output("mariadb -BN -e 'SHOW DATABASES'").split()
    assert controller.run("su --shell /bin/sh slurm --command 'mariadb slurm_acct_db -e \"SELECT 1\"'").rc == 0
    for user in ("ubuntu", "nobody"):
        for account in ("root", "slurm", user):
            assert (
                controller.run(f"su --shell /bin/sh {user} --command 'mariadb --user={account} -e \"SELECT 1\"'").rc
                != 0
            )
    assert ":3306" not in controller.check_output("ss --listening --tcp --numeric")


def test_files_are_for_slurm_alone_and_hold_no_password(controller: Any) -> None:
    file = controller.file(f"{CONF}/slurmdbd.conf")
    assert (file.user, file.group, file.mode) == ("slurm", "slurm", 0o600)
    assert "StoragePass" not in file.content_string
    assert "PurgeJobAfter=24months" in file.content_string
    archive = controller.file("/var/lib/slurm-archive")
    assert (archive.user, archive.mode) == ("slurm", 0o700)
    controller.run_expect([0], "sha256sum --check /root/slurm.conf.sha256")
    for unit in ("mariadb", "slurmdbd"):
        assert controller.service(unit).is_enabled
        assert controller.service(unit).is_running


def test_nothing_of_it_on_other_nodes(compute: Any, login: Any) -> None:
    for host in (compute, login):
        assert not host.file(f"{CONF}/slurmdbd.conf").exists
        for unit in ("mariadb", "slurmdbd"):
            assert not host.service(unit).is_running
            assert not host.service(unit).is_enabled


def test_accounts_by_data(controller: Any) -> None:
    rows = controller.check_output(
        "sacctmgr -nP list associations wopl format=Account,ParentName,User,Fairshare,GrpTRES,MaxJobs"
    ).split()
    assert {"research|root||3|cpu=64,mem=900G|", "vision|research||1||", "vision||ubuntu|1||7"} <= set(rows)
    assert "ubuntu|vision" in controller.check_output("sacctmgr -nP list user format=User,DefaultAccount").split()


def test_enabling_it_on_a_live_controller_keeps_its_jobs(controller: Any) -> None:
    # a controller that has run without: jobs are there, and its own id is in its state, as newer Slurms have it
    off = playbook("slurm_base/converge.yml", "--limit=controller")
    assert off.returncode == 0, said(off)
    assert setting(controller, "AccountingStorageType") in ("(null)", "accounting_storage/none")
    state = "/var/spool/slurmctld/clustername"
    controller.check_output(f"sed --in-place 's/|.*//; s/$/|4711/' {state}")
    running = controller.check_output("sbatch --parsable --chdir=/tmp --wrap 'srun sleep 25'")
    queued = controller.check_output("sbatch --parsable --chdir=/tmp --begin=now+1hour --wrap true")
    assert eventually(lambda: "RUNNING" in controller.check_output(f"squeue -h -j {running} -o %T"))
    on = playbook(ROLE, "--limit=controller")
    assert on.returncode == 0, said(on)
    assert "|4711" not in controller.file(state).content_string
    assert controller.check_output(f"squeue -h -j {queued} -o %T") == "PENDING"
    assert eventually(lambda: history(controller, running, "state") == "COMPLETED", 60), history(controller, running)
    controller.check_output(f"scancel {queued}")


def test_what_a_killed_run_has_not_applied_is_applied_by_the_next(controller: Any) -> None:
    pid = controller.check_output("systemctl show --property=MainPID --value slurmdbd")
    controller.check_output("touch /run/podforge-slurm-accounting.unapplied")
    done = playbook(ROLE, "--limit=controller")
    assert done.returncode == 0, said(done)
    assert controller.check_output("systemctl show --property=MainPID --value slurmdbd") != pid
    assert not controller.file("/run/podforge-slurm-accounting.unapplied").exists


def test_a_setting_that_mariadb_refuses_is_refused_before_it_is_there(controller: Any) -> None:
    before = controller.file("/etc/mysql/mariadb.conf.d/70-podforge.cnf").content_string
    done = playbook(ROLE, "--limit=controller", variables={"slurm_accounting_mariadb_config": {"no_such_setting": 1}})
    assert done.returncode != 0
    assert "unknown variable 'no_such_setting=1'" in said(done)
    assert controller.file("/etc/mysql/mariadb.conf.d/70-podforge.cnf").content_string == before
    assert controller.service("mariadb").is_running


def test_the_services_accounting_is_left_to_the_service(controller: Any) -> None:
    done = playbook(ROLE, "--limit=controller", "--check", variables={"slurm_accounting_by_service": True})
    assert done.returncode == 0, said(done)
    assert "this role keeps off" in said(done)
    # its settings in Slurm's configuration would go with it, which is what check mode shows
    assert changed(done.stdout, "controller") > 0
