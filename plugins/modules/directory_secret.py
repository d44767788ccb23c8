#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: directory_secret
short_description: Secrets of a directory's accounts in AWS Secrets Manager, and the change of their passwords in steps
version_added: 0.1.0
description:
  - Makes a secret whose value is a JSON object, with a random password unless one is given. A value that is there is
    never replaced by O(state=present).
  - Changes the password of accounts that take turns, so that nodes can log in with one of them at any time. A new
    password is prepared for the account whose turn it is (O(state=pending)), set in the directory, made the one that
    nodes take (O(state=current)), and settled when all of them have it (O(state=settled)).
  - How far a change has come is kept in the secret's own labels, so that it can be interrupted at any point.
  - No password, private key, or other part of a value is ever in a result, but the names of accounts are.
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
    support: full
    details: [Shows labels, tags, and names of accounts, never passwords.]
  idempotent:
    support: full
options:
  name:
    description: Name or ARN of the secret; to make one, its name.
    type: str
    required: true
  state:
    description:
      - V(present) is a secret that has a value.
      - V(pending) has a new password prepared for the account of O(accounts) whose turn it is. With a change that is
        not settled yet, nothing is prepared.
      - V(current) has made the prepared value the one that is taken.
      - V(settled) is a secret without a change under way.
      - V(absent) is no secret, or one that is scheduled for deletion.
    type: str
    choices: [present, pending, current, settled, absent]
    default: present
  fields:
    description: Fields of a new value that are no secrets, such as C(username).
    type: dict
    default: {}
  secret_fields:
    description: Secret fields of a new value; left out, C(password) with a random one.
    type: dict
  accounts:
    description: The two accounts that take turns, with O(state=pending).
    type: list
    elements: dict
    default: []
    suboptions:
      username:
        description: Name of the account.
        type: str
        required: true
      bind_dn:
        description: Distinguished name that clients bind with.
        type: str
        required: true
  description:
    description: What the secret is for, when it is made.
    type: str
  kms_key_id:
    description: Key that encrypts the secret, when it is made; left out, the account's C(aws/secretsmanager).
    type: str
  tags:
    description: Tags to set; others stay.
    type: dict
    default: {}
  recovery_days:
    description:
      - Days in which a secret can be restored, with O(state=absent); V(0) deletes it at once, else V(7) to V(30).
      - O(state=present) restores it, with the value that it had.
    type: int
    default: 7
notes:
  - "Required IAM actions: secretsmanager:DescribeSecret, secretsmanager:GetSecretValue, secretsmanager:CreateSecret,
    secretsmanager:PutSecretValue, secretsmanager:UpdateSecretVersionStage, secretsmanager:RestoreSecret,
    secretsmanager:TagResource, secretsmanager:DeleteSecret."
author: podforge contributors (@podforge)
"""

EXAMPLES = r"""
- name: Secret of the account that nodes read the directory with
  podforge.hyperpod.directory_secret:
    name: demo/directory/bind
    region: us-west-2
    fields:
      username: ReadOnly
      bind_dn: CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com
    tags:
      podforge:cluster: demo

- name: Prepare a new password for the other account
  podforge.hyperpod.directory_secret:
    name: demo/directory/bind
    region: us-west-2
    state: pending
    accounts:
      - username: ReadOnly
        bind_dn: CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com
      - username: ReadOnly2
        bind_dn: CN=ReadOnly2,OU=Users,OU=CORP,DC=corp,DC=example,DC=com

- name: Have nodes take it, after the password is set in the directory
  podforge.hyperpod.directory_secret:
    name: demo/directory/bind
    region: us-west-2
    state: current

- name: All nodes have it
  podforge.hyperpod.directory_secret:
    name: demo/directory/bind
    region: us-west-2
    state: settled
"""

RETURN = r"""
secret:
  description: The secret, without what is secret in it; empty if there is none.
  returned: success
  type: dict
  contains:
    arn:
      description: ARN; not in check mode when it is not there yet.
      type: str
    current:
      description: Names in the value that is taken.
      type: dict
      sample: {username: ReadOnly, bind_dn: "CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com"}
    pending:
      description: Names in the value that a change prepared or makes known; null for none.
      type: dict
    rotation:
      description: V(none), V(prepared) (not taken yet), or V(rolling_out) (not all nodes have it).
      type: str
    tags:
      description: Tags.
      type: dict
"""

import uuid
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._hyperpod.common import HyperPodError
from ..module_utils._hyperpod.common import client_of
from ..module_utils._hyperpod.common import fail
from ..module_utils._secret import api
from ..module_utils._secret import plan
from ..module_utils._secret.plan import Found
from ..module_utils._secret.plan import Plan
from ..module_utils._secret.plan import SecretError


def planned(params: dict[str, Any], found: Found | None) -> Plan:
    """What is to be done."""
    name, state = params["name"], params["state"]
    if state == "present":
        return plan.plan_present(found, params["fields"], params["secret_fields"] or {}, params["tags"])
    if state == "pending":
        return plan.plan_pending(found, name, params["accounts"])
    if state == "current":
        return plan.plan_current(found, name)
    if state == "settled":
        return plan.plan_settled(found, name)
    return plan.plan_absent(found)


def carry_out(client: Any, params: dict[str, Any], found: Found | None, todo: Plan) -> None:
    """Make the calls."""
    name = params["name"]
    if todo.create is not None:
        given = {"Description": params["description"], "KmsKeyId": params["kms_key_id"]}
        more: dict[str, Any] = {key: text for key, text in given.items() if text}
        if todo.tags:
            more["Tags"] = [{"Key": key, "Value": text} for key, text in todo.tags.items()]
        api.create(client, name, todo.create, str(uuid.uuid4()), more)
        return
    if todo.restore:
        api.restore(client, name)
        # what was hidden is known now: it may have a value, or other tags
        found = api.find(client, name, plan.CURRENT, plan.PENDING)
        todo = planned(params, found)
    if todo.put is not None:
        api.put(client, name, *todo.put, str(uuid.uuid4()))
    if todo.tags:
        api.tag(client, name, todo.tags)
    current, pending = (found.version(plan.CURRENT), found.version(plan.PENDING)) if found else (None, None)
    if todo.promote and current:
        api.move(client, name, plan.CURRENT, current, pending)
    if todo.settle and pending:
        api.move(client, name, plan.PENDING, pending, None)
    if todo.delete:
        api.delete(client, name, params["recovery_days"])


def told(found: Found | None) -> dict[str, Any]:
    """The secret in results: nothing that is secret."""
    if found is None or found.deleted:
        return {}
    return {
        "arn": found.arn,
        "current": plan.shown(found.current),
        "pending": plan.shown(found.pending),
        "rotation": plan.rotation(found),
        "tags": dict(found.tags),
    }


def predicted(found: Found | None, todo: Plan) -> dict[str, Any]:
    """The secret as it would be, for check mode."""
    if todo.delete:
        return {}
    current, pending = (found.current, found.pending) if found else (None, None)
    state = plan.rotation(found)
    if todo.create is not None:
        current = todo.create
    if todo.put is not None:
        stage, value = todo.put
        current, pending = (value, pending) if stage == plan.CURRENT else (current, value)
        state = state if stage == plan.CURRENT else plan.PREPARED
    if todo.promote:
        current, state = pending, plan.ROLLING_OUT
    if todo.settle:
        pending, state = None, plan.NONE
    return {
        **({"arn": found.arn} if found else {}),
        "current": plan.shown(current),
        "pending": plan.shown(pending),
        "rotation": state,
        "tags": {**(found.tags if found else {}), **todo.tags},
    }


def main() -> None:
    """Entry point of the module."""
    account = {"username": {"type": "str", "required": True}, "bind_dn": {"type": "str", "required": True}}
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "pending", "current", "settled", "absent"],
                "default": "present",
            },
            "fields": {"type": "dict", "default": {}},
            "secret_fields": {"type": "dict", "no_log": True},
            "accounts": {"type": "list", "elements": "dict", "options": account, "default": []},
            "description": {"type": "str"},
            "kms_key_id": {"type": "str"},
            "tags": {"type": "dict", "default": {}},
            "recovery_days": {"type": "int", "default": 7},
        },
        required_if=[("state", "pending", ["accounts"])],
        supports_check_mode=True,
    )
    params = module.params
    params["tags"] = {str(key): str(text) for key, text in params["tags"].items()}
    if params["state"] == "pending" and len(params["accounts"]) != 2:
        module.fail_json(msg=f"accounts: {len(params['accounts'])} given, two take turns. Fix: name both")
    if params["recovery_days"] != 0 and not 7 <= params["recovery_days"] <= 30:
        module.fail_json(msg=f"recovery_days: {params['recovery_days']} is out of range. Fix: use 0, or 7 to 30")
    try:
        client = client_of(module, "secretsmanager")
        found = api.find(client, params["name"], plan.CURRENT, plan.PENDING)
        todo = planned(params, found)
        before = told(found)
        if todo.changes and not module.check_mode:
            carry_out(client, params, found, todo)
            after = told(api.find(client, params["name"], plan.CURRENT, plan.PENDING))
        else:
            after = predicted(found, todo) if todo.changes else before
    except SecretError as error:
        module.fail_json(msg=f"{params['state']}: {error}.")
    except HyperPodError as error:
        fail(module, error)
    module.exit_json(changed=todo.changes, secret=after, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
