# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Active Directory modules against a real domain, run in this process, and a look at it by other means."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from typing import Any

import ldap3

from local_cloud.errors import LocalCloudError
from tests.support.cloud import wait_for
from tests.support.directory import DirectoryLab
from tests.support.in_process import run_in_process

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx0hAuGQ2kRNCSEQeW0pcXXuEqyNFuyRErsfEKN3Sd0",
]
PASSWORD = "Rainy-Weather-17"


class Domain:
    """The domain of a lab: ``secrets`` are looked for in what each module prints."""

    def __init__(self, lab: DirectoryLab) -> None:
        self.lab = lab
        self.base = lab.base_dn
        self.secrets = [lab.admin_password, PASSWORD]
        self.units = 0

    def reach(self, **more: Any) -> dict[str, Any]:
        """Options of a connection through the balancer, as Admin."""
        return {
            "hosts": [self.lab.balancer_address],
            "tls_server_name": self.lab.name,
            "ca_path": str(self.lab.ca_file),
            "bind_user": f"{self.lab.netbios}\\Admin",
            "bind_password": self.lab.admin_password,
            **more,
        }

    def directly(self, **more: Any) -> dict[str, Any]:
        """Options of a connection to the controller's own LDAPS, where passwords can be set."""
        address = self.lab.controller.addresses[0]
        return self.reach(**{"hosts": [address], "tls_server_name": f"dc1.{self.lab.domain}", **more})

    def run(
        self, module: str, reach: dict[str, Any] | None = None, *, check: bool = False, diff: bool = False, **more: Any
    ) -> dict[str, Any]:
        """The result of a module, failed or not."""
        modes = {"_ansible_check_mode": check, "_ansible_diff": diff}
        options = {**(reach or self.reach()), **modes, **more}
        return {"failed": False, **run_in_process(module, options, self.secrets)}

    def users(self, *users: dict[str, Any], direct: bool = True, **more: Any) -> dict[str, Any]:
        """ad_user, to the controller itself unless ``direct`` is false."""
        return self.run("ad_user", self.directly() if direct else self.reach(), users=list(users), **more)

    def unit(self) -> str:
        """A new unit for one test, without the domain's part."""
        self.units += 1
        path = f"OU=Test{self.units},OU={self.lab.netbios}"
        made = self.run("ad_ou", ous=[{"path": path}])
        assert made["changed"], made
        return path

    def bound(self, user: str, password: str) -> ldap3.Connection:
        """A plain ldap3 connection to the controller, whose result says whether the bind was accepted."""
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=str(self.lab.ca_file),
            valid_names=[f"dc1.{self.lab.domain}"],
            sni=f"dc1.{self.lab.domain}",
        )
        server = ldap3.Server(self.lab.controller.addresses[0], port=636, use_ssl=True, tls=tls, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, f"{user}@{self.lab.domain}", password, check_names=False)
        connection.bind()
        return connection

    def admin(self) -> ldap3.Connection:
        """Admin's connection."""
        return self.bound("Admin", self.lab.admin_password)

    def accepts(self, user: str, password: str) -> bool:
        """Whether a user can log on."""
        with_it = self.bound(user, password)
        accepted: bool = with_it.result["description"] == "success"
        with_it.unbind()
        return accepted

    def stored(self, account: str) -> dict[str, list[bytes]]:
        """The attributes of an account as they are stored, by another way than the modules'."""
        admin = self.admin()
        admin.search(self.base, f"(sAMAccountName={account})", attributes=["*"])
        found = [answer["raw_attributes"] for answer in admin.response if answer["type"] == "searchResEntry"]
        admin.unbind()
        return dict(found[0]) if found else {}

    def healthy(self, count: int = 2) -> None:
        """Wait until so many targets of the balancer are healthy."""

        def are_healthy() -> bool:
            try:
                return len(self.lab.healthy_targets()) == count
            except LocalCloudError:
                return False

        wait_for("healthy targets", are_healthy, 20, 0.1)

    def sessions(self) -> int:
        """Connections from this machine that the balancer has had and that have ended; nodes' are not counted."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((self.lab.balancer_address, 636))
            own = str(probe.getsockname()[0])
        command = ["podman", "logs", self.lab.balancer.name]
        log = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        return len(re.findall(rf"^{re.escape(own)}:[0-9]+ \[", log, re.MULTILINE))

    def one_more_than(self, before: int) -> bool:
        """Whether there was exactly one more, once the balancer has said so."""
        wait_for("a session in the balancer's log", lambda: self.sessions() > before, 20, 0.1)
        return self.sessions() == before + 1


def only(result: dict[str, Any], kind: str) -> dict[str, Any]:
    """The single object of a result."""
    (told,) = result[kind]
    return dict(told)


def results(result: dict[str, Any], kind: str) -> list[str]:
    """What became of each object."""
    return [told["result"] for told in result[kind]]
