#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: sssd_config
short_description: Write sssd.conf with the bind secret obfuscated
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Writes the whole of C(sssd.conf) from a dictionary, and the secret of the account that reads the directory into it.
  - Fetches the secret on the node, with the node's own role, and obfuscates it by sssd's own means. It is in no result,
    no diff, no log and no command line, and in no file but C(sssd.conf) itself.
  - C(sssctl config-check) judges the new file before it replaces the old one.
  - The obfuscated secret is written anew only when the secret is another one.
  - A secret that is a JSON object with C(bind_dn) says itself which account it is of, so that it can be changed to
    another account. It wins over C(ldap_default_bind_dn) in O(config).
options:
  config:
    description:
      - Sections of the file and their options, in this order. Lists are joined by commas; null leaves an option out.
    type: dict
    required: true
  domain:
    description:
      - Name of the domain that the secret belongs to. There must be a section C(domain/<name>) in O(config).
      - Without it the file has no secret.
    type: str
  secret_id:
    description: Name or ARN of the secret in Secrets Manager.
    type: str
  secret_key:
    description:
      - Key of a secret that is a JSON object.
      - When not set, C(password), or the only key of the object; a secret that is no object is taken as a whole.
    type: str
  secret_stage:
    description: Label of the version of O(secret_id).
    type: str
    default: AWSCURRENT
  password:
    description: The secret itself, where it is not in Secrets Manager.
    type: str
  region:
    description: Region of a secret that is given by its name.
    type: str
  path:
    description: The file.
    type: path
    default: /etc/sssd/sssd.conf
  service_group:
    description:
      - Group that sssd runs as, where it does not run as root. The file is then C(root:<group>) with mode C(0640),
        else C(root:root) with mode C(0600).
    type: str
  mark:
    description: A file to make before a change is put in place; whoever restarts sssd takes it away.
    type: path
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the file before and after, without its secret.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with sssd 2.4 or later.
    support: full
    platforms: linux
requirements:
  - boto3 on the node, for O(secret_id); the module finds the one of the lifecycle bundle
  - sssd-tools and python3-sss on the node
notes:
  - "The role of the node needs the IAM action secretsmanager:GetSecretValue for O(secret_id)."
  - Throttled requests are repeated with growing pauses, up to twelve times.
seealso:
  - module: podforge.hyperpod.sssd_ca_certificate
  - module: podforge.hyperpod.ldaps_check
"""

EXAMPLES = r"""
- name: Write sssd.conf
  podforge.hyperpod.sssd_config:
    domain: corp
    secret_id: arn:aws:secretsmanager:us-west-2:111122223333:secret:hyperpod/ReadOnly-AbCdEf
    config:
      sssd:
        domains: [corp]
        services: [nss, pam, ssh]
      domain/corp:
        id_provider: ldap
        ldap_uri: ldaps://ldaps.corp.example.com
        ldap_tls_reqcert: hard
        ldap_default_bind_dn: CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com
        ldap_default_authtok_type: obfuscated_password
  notify: Restart sssd
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /etc/sssd/sssd.conf
secret_changed:
  description: Whether the secret is another one than before.
  returned: success
  type: bool
"""

import grp
import os
import secrets
import stat
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._replace_file import replace_file
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import MASK
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SECRET_OPTIONS
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SssdError
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.conf import check as check_sections
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.conf import prove
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.conf import render
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.conf import token_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.conf import without_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.obfuscate import obfuscate
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.secrets import bind_account


def read(path: str) -> tuple[str, int, int, int] | None:
    """Content, permission bits, owner and group of the file; None: it is not there."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as stream:
            found = os.fstat(stream.fileno())
            return stream.read(), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    except FileNotFoundError:
        return None


def access(service_group: str | None) -> tuple[int, int, int]:
    """Permission bits, owner and group that the file should have (release notes of sssd 2.10)."""
    if not service_group:
        return 0o600, 0, 0
    try:
        return 0o640, 0, grp.getgrnam(service_group).gr_gid
    except KeyError as error:
        raise SssdError(
            f"service_group: There is no group {service_group!r}. Fix: install sssd, which brings it"
        ) from error


def account_of(params: t.Mapping[str, t.Any]) -> tuple[str | None, str | None]:
    """The secret that the options name, and the account that it is of if it says so; None: there is none to write."""
    if params["domain"] is None:
        return None, None
    if params["secret_id"]:
        return bind_account(params["secret_id"], params["secret_key"], params["region"], params["secret_stage"])
    return t.cast("str | None", params["password"]), None


def judged(module: AnsibleModule, token: str | None) -> t.Callable[[str], None]:
    """Asks sssd what it thinks of a file."""

    def check(candidate: str) -> None:
        sssctl = module.get_bin_path("sssctl", opt_dirs=["/usr/sbin", "/sbin"])
        if sssctl is None:
            raise SssdError("sssctl is not on this node, so nobody can check the file. Fix: install sssd-tools")
        code, out, err = module.run_command([sssctl, "config-check", "--config", candidate])
        if code != 0:
            said = "; ".join(line.strip() for line in f"{out}\n{err}".split("\n") if line.strip())
            said = said.replace(token, MASK) if token else said
            raise SssdError(
                f"sssd refuses the new configuration, and the old one is kept: {said}. Fix: correct the options"
            )

    return check


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, compare, write; the result for exit_json."""
    params = module.params
    path, domain = params["path"], params["domain"]
    check_sections(params["config"], domain)
    if domain is not None and params["secret_id"]:
        need_boto3(params["secret_id"])
    mode, owner, group = access(params["service_group"])
    secret, bind_dn = account_of(params)
    config = params["config"]
    if bind_dn is not None:
        section = f"domain/{domain}"
        config = {**config, section: {**config[section], "ldap_default_bind_dn": bind_dn}}
    before = read(path)
    old = before[0] if before else ""
    kept = token_of(old, secret) if secret is not None else None
    token, proof = kept or (None, None)
    if secret is not None and kept is None:
        token, proof = MASK, None
        if not module.check_mode:
            token = obfuscate(secret)
            proof = prove(secret, token, secrets.token_bytes(16))
    new = render(config, domain, token, proof)
    changed = before is None or before != (new, mode, owner, group)
    if changed and not module.check_mode:
        replace_file(path, new, mode=mode, owner=(owner, group), mark=params["mark"], check=judged(module, token))
    return {
        "changed": changed,
        "path": path,
        "secret_changed": secret is not None and kept is None,
        "diff": {"before": shown(before, path), "after": shown((new, mode, owner, group), path)}
        | {"before_header": path, "after_header": path},
    }


def shown(state: tuple[str, int, int, int] | None, path: str) -> str:
    """A file as the diff has it."""
    if state is None:
        return ""
    text, mode, owner, group = state
    return f"{path}: mode {mode:04o}, owner {owner}, group {group}\n{without_secret(text)}"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **SECRET_OPTIONS,
            "config": {"type": "dict", "required": True},
            "domain": {"type": "str"},
            "path": {"type": "path", "default": "/etc/sssd/sssd.conf"},
            "service_group": {"type": "str"},
            "mark": {"type": "path"},
        },
        mutually_exclusive=[("secret_id", "password")],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (SourceError, SssdError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error, module.params["path"], missing="install sssd first"))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
