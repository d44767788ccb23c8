#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: slurm_database
short_description: The accounting database in a local MariaDB, and nothing else that is open
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Makes the database that slurmdbd keeps its books in, and the account that slurmdbd uses.
  - There is no password. Both the account and C(root) are for the users of the same names on this machine, whom the
    server recognizes at its socket (plugin C(unix_socket)). An account that had a password loses it.
  - Does what C(mariadb-secure-installation) does and asks nothing. Accounts without a name, and C(root) and the account
    from other machines, are removed, and so are the database C(test) when it is empty and everybody's rights on it.
options:
  name:
    description: Name of the database.
    type: str
    default: slurm_acct_db
  user:
    description: Name of the account, and of the user that slurmdbd runs as (C(SlurmUser)).
    type: str
    default: slurm
  client:
    description: The program that talks to the server, run as root.
    type: str
    default: mariadb
  wait_timeout:
    description: Seconds to wait until the server answers.
    type: int
    default: 60
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the statements.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with MariaDB 10.4 or later.
    support: full
    platforms: posix
seealso:
  - module: podforge.hyperpod.slurmdbd_config
"""

EXAMPLES = r"""
- name: Have a database for slurmdbd
  podforge.hyperpod.slurm_database:
"""

RETURN = r"""
statements:
  description: The SQL that was run, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["CREATE USER 'slurm'@'localhost' IDENTIFIED VIA unix_socket"]
"""

import re
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import DatabaseError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import server

# Server that is not up yet: socket missing, or nobody listening (MariaDB error codes, CR_CONNECTION_ERROR).
NOT_UP = "ERROR 2002"


def ask(module: AnsibleModule, client: str, sql: str, end: float) -> str:
    """What the server answers, once it is up.

    Raises:
        DatabaseError: it refuses, or does not come up in time.
    """
    command = [client, "--batch", "--skip-column-names", "--raw", "--protocol=socket", "--user=root"]
    while True:
        code, out, err = module.run_command(command, data=sql, environ_update={"LC_ALL": "C.UTF-8"})
        if code == 0:
            return str(out)
        if NOT_UP not in err or time.monotonic() >= end:
            break
        time.sleep(0.2)
    said = "; ".join(line.strip() for line in err.splitlines() if line.startswith("ERROR")) or err.strip()
    hints = {
        NOT_UP: "see `systemctl status mariadb` and `journalctl --unit=mariadb`",
        "ERROR 1698": "run as root; the account root@localhost must be IDENTIFIED VIA unix_socket",
        "ERROR 1045": "root has a password here; run ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket",
        "ERROR 1146": "MariaDB 10.4 or later is needed, see `mariadb --version`",
    }
    fix = next((hint for error, hint in hints.items() if error in said), "see `journalctl --unit=mariadb`")
    raise DatabaseError(f"MariaDB on this node: {said}. {fix}")


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Look, plan, apply; the result for exit_json."""
    name, user = module.params["name"], module.params["user"]
    for key, text in (("name", name), ("user", user)):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
            raise DatabaseError(f"{key} is {text!r}; use letters, digits and _, 64 at most")
    client = module.get_bin_path(module.params["client"])
    if client is None:
        raise DatabaseError(
            f"client: {module.params['client']} is not on this node; install MariaDB (package mariadb-server), "
            "or give an external database"
        )
    end = time.monotonic() + module.params["wait_timeout"]
    found = server.parse(ask(module, client, server.LOOK, end))
    for concern in server.concerns(found, user):
        module.warn(f"MariaDB on this node: {concern}")
    statements = server.plan(found, name, user)
    if statements and not module.check_mode:
        ask(module, client, ";\n".join([*statements, ""]), end)
    return {
        "changed": bool(statements),
        "statements": statements,
        "diff": {"before": "", "after": "".join(f"{statement};\n" for statement in statements)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "slurm_acct_db"},
            "user": {"type": "str", "default": "slurm"},
            "client": {"type": "str", "default": "mariadb"},
            "wait_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
