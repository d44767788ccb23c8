# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that slurm_accounting is rendered for."""

from __future__ import annotations

from typing import Any

from systems import AMAZON
from systems import node


def accounts_seen(**more: str) -> str:
    """What slurm_accounting's files/look.sh says of a controller that has everything, with changes."""
    units = {
        f"{unit}.{key}": value
        for unit in ("munge", "mariadb", "slurmdbd")
        for key, value in {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}.items()
    }
    rest = {"cluster": "demo", "agents_storage": "", "state_id": "", "memory": "32000000", "ca": "", "unapplied": ""}
    facts = {"systemd": "running", **units, **rest, **{key.replace("__", "."): value for key, value in more.items()}}
    return "\n".join(f"{key}={value}" for key, value in facts.items())


def keeper(controllers: int = 1, **more: Any) -> dict[str, Any]:
    return node(
        "controller", controllers, **{"hostname": "ip-10-1-0-1", "region": "us-west-2", "partition": "aws", **more}
    )


RDS = {
    "slurm_accounting_database_host": "books.example",
    "slurm_accounting_database_secret_id": "arn:aws:secretsmanager:us-west-2:111122223333:secret:books-AbCdEf",
}
ACCOUNTING: dict[str, dict[str, Any]] = {
    "books": {"case_node": keeper(), "case_seen": accounts_seen()},
    "books-al2023": {**AMAZON, "case_node": keeper(), "case_seen": accounts_seen()},
    "books-small": {"case_node": keeper(), "case_seen": accounts_seen(memory="1000000")},
    "books-settings": {
        "case_node": keeper(),
        "case_seen": accounts_seen(),
        "slurm_accounting_config": {"AccountingStorageEnforce": ["limits"], "JobAcctGatherFrequency": 60},
        "slurm_accounting_mariadb_config": {"max_allowed_packet": None, "innodb_buffer_pool_size": "8G", "x": True},
        "slurm_accounting_slurmdbd_config": {"ArchiveJobs": True, "ArchiveDir": "/fsx/a", "DbdPort": 7000},
    },
    "books-rds": {"case_node": keeper(2), "case_seen": accounts_seen(mariadb__LoadState="not-found"), **RDS},
    "books-of-two": {
        "case_node": keeper(2),
        "case_seen": accounts_seen(),
        "slurm_accounting_accounts": [{"name": "a"}],
    },
    "books-second-of-two": {
        "case_node": keeper(2, hostname="ip-10-1-0-2"),
        "case_seen": accounts_seen(),
        "slurm_accounting_accounts": [{"name": "a"}],
    },
    "books-rds-second": {
        "case_node": keeper(2, hostname="ip-10-1-0-2"),
        "case_seen": accounts_seen(),
        **RDS,
        "slurm_accounting_accounts": [{"name": "a"}],
    },
    "books-rds-third": {"case_node": keeper(3, hostname="ip-10-1-0-3"), "case_seen": accounts_seen(), **RDS},
    "books-parameters": {
        "case_node": keeper(
            2, multi_head={"database_host": "db.example", "database_secret_id": "arn:x", "shared_directory": "/fsx"}
        ),
        "case_seen": accounts_seen(),
    },
    "books-pem": {
        "case_node": keeper(partition="aws-cn"),
        "case_seen": accounts_seen(),
        **RDS,
        "slurm_accounting_database_ca": "-----BEGIN CERTIFICATE-----\nx\n",
    },
    "books-off": {"case_node": keeper(), "case_seen": accounts_seen(), "slurm_accounting_enabled": False},
    "books-service": {"case_node": keeper(), "case_seen": accounts_seen(), "slurm_accounting_by_service": True},
    "books-compute": {"case_node": node("compute"), "case_seen": accounts_seen()},
    "books-wrong": {
        "case_node": keeper(2),
        "case_seen": accounts_seen(
            cluster="",
            agents_storage="accounting_storage/slurmdbd",
            slurmdbd__LoadState="masked",
            mariadb__LoadState="not-found",
        ),
        "slurm_accounting_slurmdbd_config": {"StoragePass": "x", "dbdhost": "y", "ArchiveJobs": True},
        "slurm_accounting_config": {"AccountingStorageType": "x"},
        "slurm_accounting_database_ca": "relative.pem",
    },
    "books-rds-wrong": {
        "case_node": keeper(partition="aws-cn"),
        "case_seen": accounts_seen(),
        "slurm_accounting_database_host": "books.example",
    },
}
