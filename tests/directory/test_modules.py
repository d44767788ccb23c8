# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory and an endpoint that the modules have made are used by an LDAP client, while they are changed too."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import ldap3

from tests.support.aws_directory import DirectoryUser
from tests.support.aws_directory import Network
from tests.support.cloud import BIN
from tests.support.cloud import ROOT
from tests.support.cloud import Cloud

DOMAIN, NAME = "tools.example.com", "ldaps.tools.example.com"
ADMIN = "CN=Admin,OU=Users,OU=TOOLS,DC=tools,DC=example,DC=com"
PASSWORD = "Rainy-Days-43"
PREFIX = "podforge.hyperpod."


class Operator:
    """Somebody with Ansible."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.output = ""

    def run(self, module: str, **options: Any) -> dict[str, Any]:
        """The result of a task."""
        kept = self.folder / "result.json"
        tasks = [
            {f"{PREFIX}{module}": {"wait_delay": 2, **options}, "register": "done"},
            {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(kept), "mode": "0600"}},
        ]
        playbook = self.folder / "play.json"
        variables = {"ansible_python_interpreter": sys.executable}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}
        playbook.write_text(json.dumps([play]))
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook)],
            cwd=ROOT,
            env=self.cloud.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        self.output += done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(kept.read_text())
        return result


def who(address: str, ca_file: Path) -> str:
    """The account that Admin's password opens, asked by LDAPS at this address."""
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(ca_file), valid_names=[NAME], sni=NAME)
    server = ldap3.Server(address, port=636, use_ssl=True, tls=tls, connect_timeout=5, get_info=ldap3.NONE)
    with ldap3.Connection(server, ADMIN, PASSWORD, auto_bind=True, receive_timeout=20) as connection:
        connection.search(ADMIN, "(objectClass=user)", search_scope=ldap3.BASE, attributes=["sAMAccountName"])
        return str(connection.entries[0].sAMAccountName)


def serial(address: str, ca_file: Path) -> str:
    """Serial number of the certificate that is shown."""
    context = ssl.create_default_context(cafile=str(ca_file))
    with (
        socket.create_connection((address, 636), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secure,
    ):
        return str((secure.getpeercert() or {})["serialNumber"])


def test_from_nothing_to_nothing(cloud: Cloud, user: DirectoryUser, network: Network, tmp_path: Path) -> None:
    operator = Operator(cloud, tmp_path)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(user.authority.pem)
    user.client("secretsmanager").create_secret(Name="tools/admin", SecretString=json.dumps({"password": PASSWORD}))
    directory = operator.run(
        "ds_microsoft_ad",
        name=DOMAIN,
        short_name="TOOLS",
        password_secret="tools/admin",
        subnet_ids=network.subnets,
    )["directory"]
    assert directory["stage"] == "Active"
    wished = {
        "name": "tools",
        "directory_id": directory["directory_id"],
        "subnet_ids": network.subnets,
        "certificate_arn": user.import_certificate(NAME),
    }
    endpoint = operator.run("ldaps_endpoint", **wished)["endpoint"]
    assert [item["state"] for item in endpoint["target_health"]] == ["healthy"] * 2
    assert len(endpoint["addresses"]) == 2
    for address in endpoint["addresses"]:
        assert who(address, ca_file) == "Admin"

    before = serial(endpoint["addresses"][0], ca_file)
    wished["certificate_arn"] = user.import_certificate(NAME)
    changed = operator.run("ldaps_endpoint", **wished)
    assert [call["operation"] for call in changed["calls"]] == ["ModifyListener"]
    after = user.client("elbv2").describe_listeners(LoadBalancerArn=endpoint["load_balancer_arn"])["Listeners"]
    assert [item["Port"] for item in after] == [636]
    assert serial(endpoint["addresses"][0], ca_file) != before
    assert not operator.run("ldaps_endpoint", **wished)["changed"]

    assert operator.run("ldaps_endpoint", name="tools", state="absent")["endpoint"] == {}
    assert operator.run("ds_microsoft_ad", name=DOMAIN, state="absent")["directory"] == {}
    assert PASSWORD not in operator.output
