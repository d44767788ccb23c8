# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain controller: Samba's, with the layout of AWS Managed Microsoft AD."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.directory.containers import Machine
from local_cloud.errors import LocalCloudError
from local_cloud.providers.podman_command import PodmanError

if TYPE_CHECKING:
    from collections.abc import Sequence


LDAP_PORT = 389
TLS_FOLDER = "/etc/directory/tls"
# An anonymous simple bind, and how the answer to one that succeeds ends its result code (RFC 4511, 4.2).
_BIND = bytes.fromhex("300c020101600702010304008000")
_BIND_SUCCEEDED = bytes.fromhex("0a0100")
_ANSWER_SECONDS = 2.0
# Six seconds of work are a minute or two on a machine that has too much to do.
_WORK_SECONDS = 600.0
_SHORTEST = 7
_PASSWORD_OPTION = re.compile(r"--[a-z]*pass[a-z]*=")


def ldap_answers(address: str, port: int = LDAP_PORT) -> bool:
    """Whether an LDAP server lets us in anonymously: it is there and its database is open."""
    try:
        with socket.create_connection((address, port), _ANSWER_SECONDS) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.sendall(_BIND)
            return _BIND_SUCCEEDED in connection.recv(64)
    except OSError:
        return False


class DomainController(Machine):
    """One Samba server that is all domain controllers of a directory: it has all their addresses.

    Simple binds on port 389 are taken, for a balancer in front of it ends TLS. As with Active Directory, passwords
    are not changed over a connection that isn't encrypted: see ``set_password``.
    """

    def create(self) -> None:
        """Create and start it; without a domain it waits for one."""
        self.launch("--hostname=dc1", command=("/opt/directory/controller",))

    def provision(self, domain: str, netbios: str, password: str) -> None:
        """Make the domain, unless there is one; takes about six seconds.

        Args:
            domain: its DNS name, such as ``corp.example.com``.
            netbios: its short name, which is the name of the OU that Admin may work in.
            password: of ``Admin`` (and of the built-in ``Administrator``, whom AWS keeps to itself).
        """
        order = {"domain": domain, "netbios": netbios, "password": password, "addresses": list(self.addresses)}
        self._administer("provision", **order)

    def install_certificate(self, certificate: str, key: str) -> None:
        """Offer LDAPS on the controller itself, port 636. To be called before the domain is made.

        Args:
            certificate: PEM, with its chain.
            key: PEM.
        """
        for name, text in (("certificate.pem", certificate), ("key.pem", key)):
            script = f"umask 077; mkdir -p {TLS_FOLDER}; cat >{TLS_FOLDER}/{name}"
            self.execute("sh", "-c", script, stdin=text)

    def wait(self, seconds: float = 30) -> None:
        """Until it answers at all its addresses.

        Raises:
            LocalCloudError: it doesn't.
        """
        deadline = time.monotonic() + seconds
        for address in self.addresses:
            while not ldap_answers(address):
                if time.monotonic() > deadline:
                    raise LocalCloudError(
                        f"The domain controller {self.name} does not answer at {address}: see podman logs {self.name}"
                    )
                time.sleep(0.1)

    def samba_tool(self, *arguments: str) -> str:
        """What ``samba-tool <arguments>`` prints. Arguments may be secrets: they are in no process list.

        Raises:
            PodmanError: with the end of what it says.
        """
        return self._administer("samba-tool", arguments=list(arguments))

    def set_password(self, user: str, password: str) -> None:
        """Give an account another password. Raises PodmanError with the reason."""
        self._administer("set-password", user=user, password=password)

    def forward(self, forwarders: Sequence[str], default: Sequence[str]) -> None:
        """Whom it asks for names of other domains.

        Args:
            forwarders: ``<domain>/<address>``, one for each address of a conditional forwarder.
            default: addresses asked for all other names.
        """
        lines = [f"server=/{item}" for item in forwarders] + [f"server={address}" for address in default]
        # a container that was started a moment ago has none yet
        ready = "until [ -s /run/dnsmasq.pid ]; do sleep 0.1; done"
        script = f"{ready}; cat >/etc/directory/forwarders; kill -HUP $(cat /run/dnsmasq.pid)"
        self.execute("sh", "-c", script, stdin="".join(f"{line}\n" for line in lines))

    def _administer(self, do: str, **order: Any) -> str:
        try:
            return self.execute(
                "python3", "/opt/directory/administer.py", stdin=json.dumps({"do": do, **order}), seconds=_WORK_SECONDS
            )
        except PodmanError as error:
            # Samba may repeat what it does not understand
            secrets = [order.get("password", "")]
            secrets += [text.partition("=")[2] for text in order.get("arguments", ()) if _PASSWORD_OPTION.match(text)]
            told = str(error)
            for secret in secrets:
                # what is shorter is nobody's password, and may well be a part of the message
                told = told.replace(secret, "...") if len(secret) >= _SHORTEST else told
            raise PodmanError(told) from None
