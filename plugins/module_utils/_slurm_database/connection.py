# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first connection to a database elsewhere: the call, and why it fails. Pure. Private."""

from __future__ import annotations

import typing as t

PORT = 3306


def command(client: str, config: t.Mapping[str, t.Any], ca_file: str, timeout: int) -> list[str]:
    """The client's call. The login comes by standard input; the server's certificate and name are verified."""
    return [
        client,
        "--defaults-extra-file=/dev/stdin",
        "--protocol=tcp",
        f"--host={config.get('StorageHost')}",
        f"--port={config.get('StoragePort') or PORT}",
        f"--ssl-ca={ca_file}",
        "--ssl-verify-server-cert",
        f"--connect-timeout={timeout}",
        "--batch",
        "--execute=SELECT 1",
    ]


def login_file(user: str, password: str) -> str:
    """The option file of MariaDB's programs with user and password."""
    return f"[client]\nuser={_quoted(user)}\npassword={_quoted(password)}\n"


def explain(said: str, config: t.Mapping[str, t.Any], ca_file: str, secret: str) -> str:
    """Why there is no connection, in words (error numbers: MariaDB Knowledge Base, "MariaDB Error Codes")."""
    where = f"{config.get('StorageHost')}:{config.get('StoragePort') or PORT}"
    line = next((line.strip() for line in said.splitlines() if line.startswith("ERROR")), said.strip())
    nobody = "nobody answers; see that its security group lets the controller in, and that its port is right"
    other = (
        f"its certificate is not from an authority in {ca_file}, or is for another name; take the endpoint as the RDS"
    )
    causes = {
        "ERROR 1045": f"the database does not take user and password of secret {secret}; has it been rotated since?",
        "ERROR 2002": nobody,
        "ERROR 2003": nobody,
        "ERROR 2005": "the name is unknown; take the endpoint as the RDS console has it",
        "ERROR 2026": f"{other} console has it, and the certificates of its region",
    }
    for number, cause in causes.items():
        if number in line:
            return f"database {where}: {cause}. It says: {line}"
    return f"database {where}: {line}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
