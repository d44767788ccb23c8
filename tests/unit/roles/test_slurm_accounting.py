# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_accounting: settings of Slurm, slurmdbd and MariaDB, and every refusal."""

from __future__ import annotations

import re
from typing import Any


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_database_on_the_controller(rendered: dict[str, Any]) -> None:
    host = rendered["books"]
    assert host["problems"] == []
    assert host["settings"] == {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "ip-10-1-0-1",
        "AccountingStoragePort": 6819,
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": 30,
    }
    assert (host["slurmdbd"]["StorageHost"], host["slurmdbd"]["StorageUser"]) == ("localhost", "slurm")
    assert not {key for key in host["slurmdbd"] if "pass" in key.lower()}
    assert "Wants=munge.service mariadb.service" in host["dropin"]
    assert lines(host["cnf"]) == [
        "[mysqld]",
        "innodb_buffer_pool_size=3125M",
        "innodb_lock_wait_timeout=900",
        "local_infile=OFF",
        "max_allowed_packet=64M",
        "skip_networking=ON",
    ]
    assert "innodb_buffer_pool_size=128M" in rendered["books-small"]["cnf"]


def test_where_the_settings_of_mariadb_are(rendered: dict[str, Any]) -> None:
    assert rendered["books"]["mariadb"] == ["/etc/mysql/mariadb.conf.d/70-podforge.cnf", "mariadbd"]
    assert rendered["books-al2023"]["mariadb"] == ["/etc/my.cnf.d/70-podforge.cnf", "/usr/libexec/mariadbd"]


def test_own_settings(rendered: dict[str, Any]) -> None:
    host = rendered["books-settings"]
    assert host["problems"] == []
    assert host["settings"]["AccountingStorageEnforce"] == ["limits"]
    assert host["settings"]["JobAcctGatherFrequency"] == 60
    assert host["settings"]["AccountingStoragePort"] == 7000
    assert "AccountingStoragePort=7000" in lines(host["sacctmgr"])
    assert {"innodb_buffer_pool_size=8G", "x=ON"} <= set(lines(host["cnf"]))
    assert "max_allowed_packet" not in host["cnf"]
    assert host["slurmdbd"]["ArchiveDir"] == "/fsx/a"


def test_a_database_elsewhere(rendered: dict[str, Any]) -> None:
    host = rendered["books-rds"]
    assert host["problems"] == []
    assert host["settings"]["AccountingStorageBackupHost"] == host["slurmdbd"]["DbdBackupHost"] == "ip-10-1-0-2"
    assert host["slurmdbd"]["StorageHost"] == "books.example"
    assert host["slurmdbd"]["StorageParameters"] == f"SSL_CA={host['ca'][1]}"
    assert "StorageUser" not in host["slurmdbd"]
    assert "mariadb" not in host["dropin"]
    assert host["ca"][0] == "https://truststore.pki.rds.amazonaws.com/us-west-2/us-west-2-bundle.pem"
    assert rendered["books-pem"]["problems"] == []
    # other certificates are another file: those in use stay until the new ones have been tried
    assert re.fullmatch(r"/etc/ssl/podforge/slurm-database-[0-9a-f]{8}\.pem", host["ca"][1])
    assert rendered["books-pem"]["ca"][1] != host["ca"][1]


def test_two_controllers_and_a_database_on_the_first(rendered: dict[str, Any]) -> None:
    first, second = rendered["books-of-two"], rendered["books-second-of-two"]
    assert first["problems"] == []
    # one slurmdbd, which both are told of
    assert first["settings"] == second["settings"]
    assert "AccountingStorageBackupHost" not in first["settings"]
    assert "DbdBackupHost" not in first["slurmdbd"]
    assert [(host["wanted"], host["has_accounts"], host["can_ask"]) for host in (first, second)] == [
        (True, True, True),
        (False, False, False),
    ]


def test_two_controllers_and_a_database_elsewhere(rendered: dict[str, Any]) -> None:
    second = rendered["books-rds-second"]
    # its slurmdbd is silent as long as the first one's lives: it is not asked
    assert (second["wanted"], second["has_accounts"], second["can_ask"]) == (True, False, False)
    assert "AccountingStorageHost=ip-10-1-0-1" in lines(second["sacctmgr"])
    third = rendered["books-rds-third"]
    assert (third["wanted"], third["settings"]["AccountingStorageBackupHost"]) == (False, "ip-10-1-0-2")


def test_the_database_that_the_provisioning_parameters_name(rendered: dict[str, Any]) -> None:
    host = rendered["books-parameters"]
    assert host["problems"] == []
    assert (host["slurmdbd"]["StorageHost"], host["secret"]) == ("db.example", "arn:x")
    assert rendered["books-rds"]["secret"].endswith("secret:books-AbCdEf")


def test_nothing_of_it_where_it_is_not_wanted(rendered: dict[str, Any]) -> None:
    for case in ("books-off", "books-service", "books-compute"):
        assert (rendered[case]["wanted"], rendered[case]["settings"]) == (False, {}), case


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    found = rendered["books-wrong"]["problems"]
    expected = [
        "/opt/slurm/etc/slurm.conf has no ClusterName after 300 seconds",
        "/opt/slurm/etc/slurm.conf, which the service's agent writes, sets AccountingStorageType",
        "slurmdbd.service is masked on this controller",
        "mariadb.service is not-found on this controller",
        "slurm_accounting_database_ca is none of",
        "slurm_accounting_slurmdbd_config sets dbdhost, storagepass:",
        "slurm_accounting_slurmdbd_config archives without ArchiveDir",
        "slurm_accounting_config sets accountingstoragetype:",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)
    assert [problem[:45] for problem in rendered["books-rds-wrong"]["problems"]] == [
        "slurm_accounting_database_secret_id is empty:",
        "slurm_accounting_database_ca is empty: give t",
    ]
