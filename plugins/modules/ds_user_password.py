#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ds_user_password
short_description: Give an account of AWS Managed Microsoft AD the password of a secret
version_added: 0.1.0
description:
  - Sets the password of an account through AWS Directory Service (ResetUserPassword). The password is read from AWS
    Secrets Manager where the task runs, and is neither an option nor a result.
  - It needs no way to the domain controllers. Through an LDAPS endpoint that ends TLS in front of them Active Directory
    sees plain LDAP, and refuses to set passwords.
  - The service enables an account that is disabled.
  - Which version of the secret an account has is kept in a tag of the secret, for nobody can ask Active Directory.
extends_documentation_fragment:
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_hyperpod
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: [There is nothing to show but that a password was set.]
  idempotent:
    support: partial
    details:
      - With O(secret) a second run changes nothing, as long as O(force) is false; passwords that were changed in
        another way are not noticed.
      - With O(random) each run sets another password.
options:
  directory_id:
    description: The directory.
    type: str
    required: true
  secret:
    description:
      - Name or ARN of the secret, whose value is a JSON object with C(password), or the password alone.
      - Exactly one of O(secret) and O(random) is given.
    type: str
  version_stage:
    description: Label of the version of O(secret).
    type: str
    default: AWSCURRENT
  random:
    description:
      - Set a password that nobody knows, so that nobody can log in with the old one.
      - It is set twice, as domain controllers take the last password before it for up to an hour.
    type: bool
    default: false
  username:
    description: Name of the account (C(sAMAccountName)); left out, C(username) in the secret.
    type: str
  force:
    description: Set the password even if the account has had it from this version before.
    type: bool
    default: false
notes:
  - "Required IAM actions: ds:ResetUserPassword, secretsmanager:DescribeSecret, secretsmanager:GetSecretValue,
    secretsmanager:TagResource."
author: podforge contributors (@podforge)
seealso:
  - module: podforge.hyperpod.directory_secret
"""

EXAMPLES = r"""
- name: Give the account that the secret names its password
  podforge.hyperpod.ds_user_password:
    region: us-west-2
    directory_id: d-1234567890
    secret: demo/directory/bind

- name: Nobody logs in as ReadOnly2 any more
  podforge.hyperpod.ds_user_password:
    region: us-west-2
    directory_id: d-1234567890
    username: ReadOnly2
    random: true
"""

RETURN = r"""
username:
  description: The account.
  returned: success
  type: str
version_id:
  description: Version of the secret whose password it has; null with a random one.
  returned: success
  type: str
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._hyperpod.common import HyperPodError
from ..module_utils._hyperpod.common import client_of
from ..module_utils._hyperpod.common import fail
from ..module_utils._secret import api
from ..module_utils._secret import plan


@dataclass(frozen=True)
class Wish:
    """What an account is to have: a password, of a version of the secret unless it is a random one."""

    username: str
    password: str = field(repr=False)
    version: str | None = None
    marks: Mapping[str, str] = field(default_factory=dict)

    def fulfilled(self, directory: str) -> bool:
        """Whether the account has had this version before."""
        return self.version is not None and self.marks.get(plan.mark(self.username)) == self.mark(directory)

    def mark(self, directory: str) -> str:
        """Value of the tag that remembers it."""
        return plan.marked(directory, self.version or "")


def wish_of(module: AnsibleAWSModule) -> Wish:
    """What the options ask for.

    Raises:
        HyperPodError: there is no such secret or version, or no name or password in it.
    """
    params = module.params
    if params["random"]:
        return Wish(params["username"], plan.new_password())
    name, stage = params["secret"], params["version_stage"]
    found = api.find(client_of(module, "secretsmanager"), name, stage)
    if found is None or found.deleted:
        raise HyperPodError(f"there is no secret {name}. Fix: make it (podforge.hyperpod.directory_secret)")
    if stage not in found.values:
        raise HyperPodError(f"secret {name} has no version {stage}. Fix: put a value into it, or correct version_stage")
    value = found.values[stage]
    username, password = params["username"] or value.get("username"), value.get(plan.PASSWORD)
    if not isinstance(username, str) or not username:
        raise HyperPodError(f"secret {name} names no account. Fix: give username")
    if not isinstance(password, str) or not password:
        raise HyperPodError(f"secret {name} has no password. Fix: put one into it, as password of a JSON object")
    return Wish(username, password, found.version(stage), found.tags)


def main() -> None:
    """Entry point of the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "directory_id": {"type": "str", "required": True},
            # The name of a secret is none.
            "secret": {"type": "str", "no_log": False},
            "version_stage": {"type": "str", "default": "AWSCURRENT"},
            "random": {"type": "bool", "default": False},
            "username": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("secret", "random")],
        required_if=[("random", False, ["secret"]), ("random", True, ["username"])],
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    try:
        wish = wish_of(module)
        module.no_log_values.add(wish.password)
        changed = params["force"] or not wish.fulfilled(params["directory_id"])
        if changed and not module.check_mode:
            client = client_of(module, "ds")
            if wish.version is None:
                # Of simple binds, too, the previous password is accepted for OldPasswordAllowedPeriod, an hour unless
                # it is set (Microsoft, KB906305): let nobody know that one, either.
                api.reset_password(client, params["directory_id"], wish.username, plan.new_password())
            api.reset_password(client, params["directory_id"], wish.username, wish.password)
            if wish.version is not None:
                mark = {plan.mark(wish.username): wish.mark(params["directory_id"])}
                api.tag(client_of(module, "secretsmanager"), params["secret"], mark)
    except HyperPodError as error:
        fail(module, error)
    module.exit_json(changed=changed, username=wish.username, version_id=wish.version)


if __name__ == "__main__":
    main()
