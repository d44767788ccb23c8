# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database elsewhere: MariaDB with TLS on the compute node plays RDS, moto plays Secrets Manager, over HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support import CONF
from support import KEYS
from support import eventually
from support import hostname
from support import moto
from support import playbook
from support import said

PORT = 5988
HOST = hostname("compute")
# what RDS makes has such characters, and slurmdbd.conf, option files and SQL each have their own opinion of them
ECCENTRIC = 'p"a\\ss#1='
SERVER = """
[mysqld]
bind-address=0.0.0.0
ssl-cert=/etc/mysql/rds/server.pem
ssl-key=/etc/mysql/rds/server.key
require_secure_transport=ON
"""
MAKE = f"""
set -eu
mkdir -p /etc/mysql/rds && cd /etc/mysql/rds
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=authority' -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj '/CN={HOST}' -keyout server.key -out server.csr
printf 'subjectAltName=DNS:{HOST}\\n' > names
openssl x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem
chown mysql server.key
cat > /etc/mysql/mariadb.conf.d/90-rds.cnf
systemctl start mariadb
"""


@pytest.fixture(scope="module", name="secrets")
def _secrets(controller: Any) -> Iterator[Any]:
    """Secrets Manager, where the nodes can reach it."""
    with moto(controller, "secretsmanager", PORT) as client:
        client.create_secret(Name="books", SecretString=json.dumps({"username": "admin", "password": ECCENTRIC}))
        yield client


@pytest.fixture(scope="module", name="ca")
def _ca(controller: Any, compute: Any) -> Iterator[str]:
    """The authority of the database, which is up; the controller has its own one again at the end."""
    compute.run_expect([0], f"cat > /root/make.sh <<'END'\n{MAKE}\nEND\ncat > /root/rds.cnf <<'END'\n{SERVER}\nEND")
    compute.run_expect([0], "sh /root/make.sh < /root/rds.cnf")
    escaped = ECCENTRIC.replace("\\", "\\\\")
    sql = f"CREATE USER admin IDENTIFIED BY '{escaped}'; GRANT ALL ON *.* TO admin"
    compute.run_expect([0], f"cat > /root/sql <<'END'\n{sql}\nEND\nmariadb < /root/sql")
    # where the bundle of the lifecycle script has boto3
    controller.check_output("mkdir -p /opt/podforge/current && ln -sfn /opt/aws-cli /opt/podforge/current/venv")
    yield compute.file("/etc/mysql/rds/ca.pem").content_string
    compute.check_output("systemctl stop mariadb && rm -r /etc/mysql/rds /etc/mysql/mariadb.conf.d/90-rds.cnf")
    restored = playbook("slurm_accounting/converge.yml", "--limit=controller")
    controller.check_output("rm -r /opt/podforge/current")
    assert restored.returncode == 0, said(restored)


def converge(secrets: Any, ca: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    variables = {
        "slurm_accounting_database_host": HOST,
        "slurm_accounting_database_secret_id": "books",
        "slurm_accounting_database_ca": ca,
        "slurm_accounting_answer_timeout": 15,
        "molecule_environment": {
            "AWS_ENDPOINT_URL": secrets.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        },
    }
    done = playbook("slurm_accounting/converge.yml", "--limit=controller", *arguments, variables={**variables, **more})
    for form in (ECCENTRIC, ECCENTRIC.replace("\\", "\\\\")):
        assert form not in done.stdout + done.stderr
    return done


def test_jobs_are_kept_elsewhere(controller: Any, compute: Any, secrets: Any, ca: str) -> None:
    done = converge(secrets, ca, "--diff", "-vv")
    assert done.returncode == 0, said(done)
    assert "+StoragePass=(secret)" in done.stdout
    file = controller.file(f"{CONF}/slurmdbd.conf")
    assert (file.user, file.mode) == ("slurm", 0o600)
    assert "StorageParameters=SSL_CA=/etc/ssl/podforge/slurm-database-" in file.content_string
    job = controller.check_output("sbatch --parsable --chdir=/tmp --wait --wrap true")
    ended = f"{job}\t3"  # JOB_COMPLETE
    rows = "mariadb -BN slurm_acct_db -e 'SELECT id_job, state FROM molecule_job_table'"
    assert eventually(lambda: ended in compute.check_output(rows).splitlines(), 30)
    again = converge(secrets, ca)
    assert "changed=0" in again.stdout, said(again)


def test_a_login_or_certificate_that_is_wrong_changes_nothing(controller: Any, secrets: Any, ca: str) -> None:
    before = controller.file(f"{CONF}/slurmdbd.conf").content_string
    foreign = controller.check_output(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout /dev/null 2>/dev/null"
    )
    secrets.create_secret(Name="old", SecretString=json.dumps({"username": "admin", "password": "not any more"}))
    for more, complaint in (
        ({"slurm_accounting_database_secret_id": "old"}, "does not take user and password of secret old"),
        ({"slurm_accounting_database_secret_id": "none"}, "none: It does not exist"),
        ({"slurm_accounting_database_ca": f"{foreign}\n"}, "its certificate is not from an authority in"),
    ):
        done = converge(secrets, ca, **more)
        assert done.returncode != 0
        assert complaint in said(done), said(done)
        assert controller.file(f"{CONF}/slurmdbd.conf").content_string == before
    assert controller.service("slurmdbd").is_running
