# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ad_user through a balancer that ends TLS, where AWS Directory Service sets the passwords."""

from __future__ import annotations

from typing import Any

import ldap3

from tests.support.aws_directory import LDAPS_NAME
from tests.support.aws_directory import PASSWORD as ADMIN_PASSWORD
from tests.support.aws_directory import REGION
from tests.support.in_process import run_in_process

PATH = "OU=Users,OU=CORP"
PASSWORD = "Cloudy-Days-31"


class ServiceUsers:
    """Users of a directory in the local cloud.

    Args:
        service: the directory and its endpoint, as the tests of the local cloud have it.
        url: of the cloud.
    """

    def __init__(self, service: Any, url: str) -> None:
        self._service = service
        self._url = url

    def run(self, *wanted: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The result of ad_user; ``more``: options of the module."""
        options = {
            "hosts": [self._service.address],
            "tls_server_name": LDAPS_NAME,
            "ca_path": str(self._service.ca_file),
            "bind_user": "CORP\\Admin",
            "bind_password": ADMIN_PASSWORD,
            "directory_id": self._service.directory_id,
            "endpoint_url": self._url,
            "region": REGION,
            "access_key": "test",
            "secret_key": "test",
            "path": PATH,
            "users": list(wanted),
            **more,
        }
        return {"failed": False, **run_in_process("ad_user", options, [PASSWORD, ADMIN_PASSWORD])}

    def accepts(self, name: str, password: str = PASSWORD) -> bool:
        """Whether a user can log on."""
        admin = self._service.connect()
        bound = ldap3.Connection(admin.server, f"{name}@corp.example.com", password, check_names=False)
        accepted: bool = bound.bind()
        for connection in (bound, admin):
            connection.unbind()
        return accepted

    def control(self, name: str) -> int:
        """The account's userAccountControl."""
        admin = self._service.connect()
        admin.search("DC=corp,DC=example,DC=com", f"(sAMAccountName={name})", attributes=["userAccountControl"])
        value = int(admin.response[0]["raw_attributes"]["userAccountControl"][0])
        admin.unbind()
        return value
