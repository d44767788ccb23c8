#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: slurmdbd_config
short_description: Write slurmdbd.conf, with the secret of an external database
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Writes C(slurmdbd.conf) from a dictionary, readable for C(SlurmUser) alone.
  - Fetches user and password of an external database from Secrets Manager, on the node and with the node's own role.
    The password is in no result, no diff, no log and no command line, and in no file but this one.
  - Connects to an external database first, over TLS and with the server's certificate and name verified. If that fails
    the old file is kept. slurmdbd itself verifies the certificate and not the name.
options:
  config:
    description:
      - Settings of slurmdbd.conf(5). Lists are joined by commas, booleans become C(yes) and C(no), null leaves one out.
    type: dict
    required: true
  secret_id:
    description:
      - Name or ARN of the secret with the login of an external database, a JSON object with C(username) and
        C(password).
      - Without it the database is a local one that asks for no password.
    type: str
  region:
    description: Region of a secret that is given by its name.
    type: str
  ca_file:
    description: Certificates of the authority of an external database. Required with O(secret_id).
    type: path
  path:
    description: The file.
    type: path
    default: /opt/slurm/etc/slurmdbd.conf
  owner:
    description: C(SlurmUser), who owns the file.
    type: str
    default: slurm
  group:
    description: Group of the file.
    type: str
    default: slurm
  client:
    description: The program that connects to an external database.
    type: str
    default: mariadb
  connect_timeout:
    description: Seconds to wait for an external database.
    type: int
    default: 20
  mark:
    description: A file to make before a change is put in place; whoever restarts slurmdbd takes it away.
    type: path
attributes:
  check_mode:
    description: Predicts the change without making it. An external database is connected to.
    support: full
  diff_mode:
    description: Shows the file before and after, without the password.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with Slurm 20.11 or later.
    support: full
    platforms: posix
requirements:
  - boto3 on the node, for O(secret_id); the module finds the one of the lifecycle bundle
notes:
  - With O(secret_id) the node's role must be allowed the action C(secretsmanager:GetSecretValue) on the secret, and
    C(kms:Decrypt) on its key when that is one of your own.
  - Throttled requests are repeated with growing pauses, up to twelve times.
seealso:
  - module: podforge.hyperpod.slurm_database
"""

EXAMPLES = r"""
- name: Keep the books in RDS
  podforge.hyperpod.slurmdbd_config:
    secret_id: arn:aws:secretsmanager:us-west-2:111122223333:secret:rds!db-0123-AbCdEf
    ca_file: /etc/ssl/rds.pem
    config:
      AuthType: auth/munge
      DbdHost: ip-10-1-0-5
      SlurmUser: slurm
      StorageType: accounting_storage/mysql
      StorageHost: accounting.abcdefghijkl.us-west-2.rds.amazonaws.com
      StorageLoc: slurm_acct_db
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /opt/slurm/etc/slurmdbd.conf
"""

import grp
import os
import pwd
import stat
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import secret_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._replace_file import replace_file
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database import DatabaseError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.conf import login_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.conf import masked
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.conf import render
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.connection import command
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.connection import explain
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_database.connection import login_file

MODE = 0o600


def login(module: AnsibleModule) -> tuple[str, str] | None:
    """User and password of an external database that lets us in; None: the database is here."""
    params = module.params
    if params["secret_id"] is None:
        return None
    need_boto3(params["secret_id"])
    found = login_of(secret_text(params["secret_id"], params["region"]), params["secret_id"])
    module.no_log_values.add(found[1])
    client = module.get_bin_path(params["client"])
    if client is None:
        raise DatabaseError(f"client: {params['client']} is not on this node; install mariadb-client")
    if not Path(params["ca_file"]).is_file():
        raise DatabaseError(
            f"ca_file: {params['ca_file']} is not there; give the certificates of the database's authority"
        )
    config = params["config"]
    call = command(client, config, params["ca_file"], params["connect_timeout"])
    # by standard input: neither a command line nor a file has the password
    code, _out, err = module.run_command(call, data=login_file(*found), environ_update={"LC_ALL": "C.UTF-8"})
    if code != 0:
        raise DatabaseError(explain(err, config, params["ca_file"], params["secret_id"]))
    return found


def read(path: str) -> tuple[str, tuple[int, int, int]] | None:
    """Text, and permissions with owner and group; None: the file is not there."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as stream:
            found = os.fstat(stream.fileno())
            return stream.read(), (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    except FileNotFoundError:
        return None


def access(owner: str, group: str) -> tuple[int, int, int]:
    """Permissions, owner and group that the file should have."""
    try:
        return MODE, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise DatabaseError(f"owner, group: {error}: Slurm's user and group come with the node's image") from error


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, compare, write; the result for exit_json."""
    path = module.params["path"]
    text, wanted = (
        render(module.params["config"], login(module)),
        access(module.params["owner"], module.params["group"]),
    )
    before = read(path)
    changed = before != (text, wanted)
    if changed and not module.check_mode:
        replace_file(path, text, mode=wanted[0], owner=wanted[1:], mark=module.params["mark"])
    return {
        "changed": changed,
        "path": path,
        "diff": {
            "before": masked(before[0]) if before else "",
            "after": masked(text),
            "before_header": f"{path} ({before[1][0]:04o})" if before else f"{path} (absent)",
            "after_header": f"{path} ({wanted[0]:04o})",
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "dict", "required": True},
            "secret_id": {"type": "str", "no_log": False},
            "region": {"type": "str"},
            "ca_file": {"type": "path"},
            "path": {"type": "path", "default": "/opt/slurm/etc/slurmdbd.conf"},
            "owner": {"type": "str", "default": "slurm"},
            "group": {"type": "str", "default": "slurm"},
            "client": {"type": "str", "default": "mariadb"},
            "connect_timeout": {"type": "int", "default": 20},
            "mark": {"type": "path"},
        },
        required_by={"secret_id": ["ca_file"]},
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (DatabaseError, SourceError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error, module.params["path"]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
