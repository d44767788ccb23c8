#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ldaps_check
short_description: See whether a node knows a user of the directory, and say in words why not
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Asks each server of the directory step by step (name, connection, TLS, bind, search base, user), then the node
    itself, by way of sssd.
  - Fails with the step that fails and its fix, instead of the error code of a program that stands further up.
  - What may pass (no answer, connection refused, a name that does not resolve yet) is asked again until O(timeout).
    What waiting won't mend (a certificate, a secret, a search base, a user) fails at once.
options:
  uri:
    description: Servers, as C(ldaps://name) or C(ldaps://name:port). One that works is enough; the others are warnings.
    type: list
    elements: str
    required: true
  ca_file:
    description: Certificates of the authorities that are trusted.
    type: path
    required: true
  bind_dn:
    description: Account that reads the directory, unless the secret is a JSON object with C(bind_dn).
    type: str
  secret_id:
    description: Name or ARN of its secret in Secrets Manager.
    type: str
  secret_key:
    description: Key of a secret that is a JSON object. When not set, C(password), or the only one.
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
  search_base:
    description: Where users are looked for.
    type: str
    required: true
  user:
    description: Name of a user that is known to be there.
    type: str
    required: true
  attribute:
    description: Attribute that has the name.
    type: str
    default: sAMAccountName
  needed:
    description: Attributes that the user must have.
    type: list
    elements: str
    default: []
  login:
    description:
      - Name of the user on the node, when it is another one there, as with fully qualified names.
      - When not set, O(user).
    type: str
  domain:
    description:
      - Name of the domain in C(sssd.conf), which names its log.
      - Without it only the directory is asked, not the node.
    type: str
  timeout:
    description: Seconds to wait for what may pass.
    type: int
    default: 120
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing.
    support: full
  diff_mode:
    description: Shows what has changed.
    support: N/A
  platform:
    description: Hosts with sssd.
    support: full
    platforms: linux
requirements:
  - boto3 on the node, for O(secret_id); the module finds the one of the lifecycle bundle
  - ldapsearch on the node
notes:
  - "The role of the node needs the IAM action secretsmanager:GetSecretValue for O(secret_id)."
seealso:
  - module: podforge.hyperpod.sssd_config
"""

EXAMPLES = r"""
- name: See that users can log in
  podforge.hyperpod.ldaps_check:
    uri: [ldaps://ldaps.corp.example.com]
    ca_file: /etc/ldap/ldaps.crt
    bind_dn: CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com
    secret_id: arn:aws:secretsmanager:us-west-2:111122223333:secret:hyperpod/ReadOnly-AbCdEf
    search_base: DC=corp,DC=example,DC=com
    user: ReadOnly
    domain: default
"""

RETURN = r"""
user:
  description: What the node knows of the user.
  returned: success, with O(domain)
  type: dict
  sample: {"name": "ReadOnly", "uid": 1234001103, "gid": 1234000513, "home": "/fsx/home/ReadOnly", "shell": "/bin/bash"}
seconds:
  description: How long it took until all was well.
  returned: always
  type: float
problems:
  description: What is wrong with each server that does not work, with C(uri), C(kind), C(what) and C(fix).
  returned: always
  type: list
  elements: dict
"""

import time
import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SECRET_OPTIONS
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SssdError
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.diagnosis import Problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.diagnosis import endpoint
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.local import Local
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.probes import Question
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.probes import ask
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.secrets import bind_account

PAUSE = 2.0
Problems = list[tuple[str, Problem]]


class Clock:
    """Seconds since the begin, and until what may pass is waited for."""

    def __init__(self, timeout: float) -> None:
        self._begin = time.monotonic()
        self._timeout = timeout

    def seconds(self) -> float:
        """Since the begin."""
        return round(time.monotonic() - self._begin, 1)

    def over(self) -> bool:
        """No time is left."""
        return self.seconds() >= self._timeout


def ask_servers(uris: t.Sequence[str], question: Question, clock: Clock) -> tuple[Problems, bool]:
    """What is wrong with which server, and whether one of them works."""
    while True:
        problems = [(uri, found) for uri in uris if (found := ask(uri, question)) is not None]
        if len(problems) < len(uris):
            return problems, True
        if clock.over() or not any(problem.passing for _uri, problem in problems):
            return problems, False
        time.sleep(PAUSE)


def ask_node(local: Local, login: str, clock: Clock) -> dict[str, t.Any]:
    """What the node knows of the user.

    Raises:
        SssdError: nothing, though the directory knows it.
    """
    while True:
        user = local.user(login)
        if user is not None:
            return user
        if clock.over():
            raise SssdError(local.excuse(login))
        # an sssd that has met no server waits for up to a minute before it looks again
        local.wake()
        time.sleep(PAUSE)


def report(problems: Problems, seconds: float) -> str:
    """All that is wrong, as the message of a failure."""
    waited = f" (for {seconds:.0f} s)" if any(problem.passing for _uri, problem in problems) else ""
    texts = [problem.text(uri) for uri, problem in problems]
    return "\n".join([f"This node can't use the directory{waited}, so nobody of it can log in.", *texts])


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Ask the directory, then the node."""
    params = module.params
    for uri in params["uri"]:
        endpoint(uri)
    if params["secret_id"]:
        need_boto3(params["secret_id"])
    secret, bind_dn = params["password"], params["bind_dn"]
    if params["secret_id"]:
        secret, named = bind_account(
            params["secret_id"], params["secret_key"], params["region"], params["secret_stage"]
        )
        bind_dn = named or bind_dn
    if not bind_dn:
        raise SssdError("bind_dn: Nobody says whose secret it is. Fix: set bind_dn, or add bind_dn to the secret")
    question = Question(
        authorities=params["ca_file"],
        bind_dn=bind_dn,
        secret=secret,
        base=params["search_base"],
        user=params["user"],
        attribute=params["attribute"],
        needed=tuple(params["needed"]),
    )
    clock = Clock(params["timeout"])
    problems, works = ask_servers(params["uri"], question, clock)
    listed = [{"uri": uri, **asdict(problem)} for uri, problem in problems]
    if not works:
        module.fail_json(msg=report(problems, clock.seconds()), problems=listed, seconds=clock.seconds())
    for uri, problem in problems:
        module.warn(problem.text(uri))
    result: dict[str, t.Any] = {"changed": False, "problems": listed}
    if params["domain"] is not None:
        result["user"] = ask_node(Local(params["domain"]), params["login"] or params["user"], clock)
    return {**result, "seconds": clock.seconds()}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **SECRET_OPTIONS,
            "uri": {"type": "list", "elements": "str", "required": True},
            "ca_file": {"type": "path", "required": True},
            "bind_dn": {"type": "str"},
            "search_base": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "attribute": {"type": "str", "default": "sAMAccountName"},
            "needed": {"type": "list", "elements": "str", "default": []},
            "login": {"type": "str"},
            "domain": {"type": "str"},
            "timeout": {"type": "int", "default": 120},
        },
        mutually_exclusive=[("secret_id", "password")],
        required_one_of=[("secret_id", "password")],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (SourceError, SssdError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
