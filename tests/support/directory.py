# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of a test's own: a real Samba AD domain controller, and a real balancer that ends TLS in front of it.

Starts in about ten seconds once the image is there (``python -m tests.support.directory`` builds it). Needs root, and a
network that nobody else has::

    with DirectoryLab("sssd", "10.62.0.0/24", folder=tmp_path) as lab:
        lab.samba_tool("user", "create", "alice", "Secret-123", "--userou=OU=Users,OU=CORP")   # arguments stay secret
        server = ldap3.Server(
            lab.balancer_address,
            port=636,
            use_ssl=True,
            tls=ldap3.Tls(
                validate=ssl.CERT_REQUIRED, ca_certs_file=str(lab.ca_file), valid_names=[lab.name], sni=lab.name
            ),
        )
        ldap3.Connection(server, lab.admin_dn, lab.admin_password, auto_bind=True).search(lab.base_dn, "(cn=alice)")

        lab.use_certificate("expired")      # or "wrong_ca", "wrong_name"; "good" is the one it starts with
        lab.slow(3)                         # seconds that everything is late, each way; 0: no more
        lab.controller.stop()               # the balancer stands, its targets turn unhealthy after two seconds
        lab.controller.start()
        lab.balancer.stop()                 # the endpoint is down
        lab.balancer.start()

Other containers join the podman network ``lab.network`` and find the endpoint by ``--add-host={lab.name}:{address}``,
or ask the domain's own DNS at ``lab.controller.addresses``, which knows ``lab.name`` as well.

As with AWS Managed Microsoft AD, the controller sees plain connections behind the balancer and therefore refuses to set
passwords over LDAP (``unicodePwd``): ``lab.set_password``, or ``controller_ldaps=True``, which makes the controller
itself serve LDAPS with a certificate of the same authority for ``dc1.<domain>``.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Self

from local_cloud.directory import haproxy
from local_cloud.directory.balancer import Balancer
from local_cloud.directory.certificates import DAY
from local_cloud.directory.certificates import CertificateAuthority
from local_cloud.directory.containers import Place
from local_cloud.directory.controller import DomainController
from local_cloud.directory.image import ensure_image
from local_cloud.providers.podman_command import LABEL
from local_cloud.providers.podman_command import Podman
from local_cloud.providers.podman_runtime import detect

CERTIFICATE = "endpoint.pem"
GROUP = "directory"


class DirectoryLab:
    """A domain, a balancer and a certificate authority; a context manager.

    Attributes:
        name: DNS name of the LDAPS endpoint, ``ldaps.<domain>``; the certificate is for it and for the domain.
        network: name of the podman network.
        controller: the domain controller; ``addresses``, ``stop()``, ``start()``, ``wait()``.
        balancer: the endpoint; ``stop()``, ``start()``.
        ca_file: the authority's certificate.
    """

    def __init__(
        self,
        prefix: str,
        subnet: str,
        *,
        folder: Path,
        domain: str = "corp.example.com",
        netbios: str = "CORP",
        admin_password: str = "Rainy-Days-42",
        plain_port: bool = False,
        controller_ldaps: bool = False,
    ) -> None:
        """Nothing is started yet.

        Args:
            prefix: of the names of containers and network, ``podforge-<prefix>-...``: the helper's or test's own.
            subnet: a network of at least 32 addresses that this machine has no other use for.
            folder: for files; an empty one.
            domain: DNS name of the domain.
            netbios: its short name, and the name of the OU for users.
            admin_password: of Admin.
            plain_port: the balancer also listens on 389, without TLS.
            controller_ldaps: the controller itself serves LDAPS, too.
        """
        assert os.geteuid() == 0, "containers need root: run this as root"
        self.domain = domain
        self.netbios = netbios
        self.admin_password = admin_password
        self.name = f"ldaps.{domain}"
        self.network = f"podforge-{prefix}"
        self.authority = CertificateAuthority()
        self.ca_file = folder / "ca.pem"
        self._prefix = prefix
        self._subnet = ipaddress.IPv4Network(subnet)
        self._folder = folder
        self._plain_port = plain_port
        self._controller_ldaps = controller_ldaps
        self._certificate = self.authority.issue(self.name, domain).bundle
        self._delay = 0.0
        self._podman = Podman(detect())
        image = ensure_image(print)
        addresses = [str(self._subnet[10]), str(self._subnet[11])]
        self.controller = DomainController(self._podman, self._place("dc", addresses[0]), image, addresses)
        self.balancer_address = str(self._subnet[20])
        place = self._place("lb", self.balancer_address)
        self.balancer = Balancer(self._podman, place, image, folder / "balancer", [self.balancer_address])

    @property
    def base_dn(self) -> str:
        """Of the domain, such as ``DC=corp,DC=example,DC=com``."""
        return ",".join(f"DC={part}" for part in self.domain.split("."))

    @property
    def users_dn(self) -> str:
        """Where users belong: ``OU=Users,OU=<NetBIOS>,...``."""
        return f"OU=Users,OU={self.netbios},{self.base_dn}"

    @property
    def admin_dn(self) -> str:
        """Of Admin, who has full control of ``OU=<NetBIOS>`` and of nothing else."""
        return f"CN=Admin,{self.users_dn}"

    @property
    def url(self) -> str:
        """Of the endpoint, by its name."""
        return f"ldaps://{self.name}"

    def __enter__(self) -> Self:
        """Start all of it; what a killed run of the same prefix left is removed first."""
        self.remove()
        try:
            self._start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Remove containers and network. PODFORGE_KEEP=1 leaves them."""
        if not os.environ.get("PODFORGE_KEEP"):
            self.remove()

    def remove(self) -> None:
        """End and remove the containers of this prefix and their network."""
        for container in self._podman.containers(self._prefix):
            self._podman.remove(container["Names"][0])
        self._podman.call("network", "rm", self.network)

    def use_certificate(self, kind: str) -> None:
        """Let the endpoint show the certificate ``good``, ``wrong_ca``, ``wrong_name`` or ``expired`` from now on."""
        names = (self.name, self.domain)
        made = {
            "good": lambda: self.authority.issue(*names),
            "wrong_ca": lambda: CertificateAuthority("some other CA").issue(*names),
            "wrong_name": lambda: self.authority.issue("elsewhere.example.org"),
            "expired": lambda: self.authority.issue(*names, ends=-DAY),
        }[kind]()
        self._certificate = made.bundle
        self._apply()

    def slow(self, seconds: float) -> None:
        """Let everything between balancer and controller be late by this much, each way; 0 ends that."""
        self._delay = seconds
        self._apply()

    def healthy_targets(self) -> set[str]:
        """Addresses of the controller that the balancer passes connections on to now."""
        return {name.partition(":")[0] for (_group, name), health in self.balancer.health().items() if health.up}

    def samba_tool(self, *arguments: str) -> str:
        """What ``samba-tool <arguments>`` on the controller prints; raises PodmanError with its complaint."""
        return self.controller.samba_tool(*arguments)

    def set_password(self, user: str, password: str) -> None:
        """Give an account another password."""
        self.controller.set_password(user, password)

    def _place(self, role: str, address: str) -> Place:
        return Place(f"podforge-{self._prefix}-{role}", self._prefix, self.network, address, self._subnet.prefixlen)

    def _start(self) -> None:
        label = f"--label={LABEL}={self._prefix}"
        self._podman.run("network", "create", "--disable-dns", label, f"--subnet={self._subnet}", self.network)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_text(self.authority.pem)
        self.controller.create()
        if self._controller_ldaps:
            made = self.authority.issue(f"dc1.{self.domain}", self.domain)
            self.controller.install_certificate(made.certificate + made.chain, made.key)
        self.controller.provision(self.domain, self.netbios, self.admin_password)
        self.controller.wait()
        self.samba_tool(
            *("dns", "add", "127.0.0.1", self.domain, "ldaps", "A", self.balancer_address),
            *("-U", "Administrator", f"--password={self.admin_password}"),
        )
        self._apply()

    def _apply(self) -> None:
        check = haproxy.Check(seconds=1, timeout=1, rise=1, fall=2)
        targets = tuple(haproxy.Target(address, 389) for address in self.controller.addresses)
        listeners = [haproxy.Listener(636, GROUP, CERTIFICATE)]
        if self._plain_port:
            listeners.append(haproxy.Listener(389, GROUP))
        groups = (haproxy.Group(GROUP, targets, check, self._delay),)
        self.balancer.apply(tuple(listeners), groups, {CERTIFICATE: self._certificate})


if __name__ == "__main__":
    ensure_image(print)
