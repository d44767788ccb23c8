#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kubeadm_join_secret
version_added: 0.1.0
short_description: The secret that Kubernetes nodes join with
description:
  - Keeps address, token and CA hash of a cluster made by C(kubeadm) in AWS Secrets Manager, for nodes that join. It is
    created or given a new version, and is never in the way because it exists already.
  - The token is replaced by a new one before it has come to half of its life, and when the cluster does not know it any
    more. A rebuilt master writes its own CA and address over those of the one before.
  - With O(state=present) it runs on a master, as root. O(state=absent) runs anywhere.
  - No token is in a command line, a result or a log.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9
  - boto3, in the system's Python or in that of the lifecycle bundle
  - kubeadm, with O(state=present)
options:
  name:
    description: Name of the secret, C(hyperpod-k8s-<cluster id>) by convention.
    type: str
    required: true
  state:
    description: V(present) is a secret that nodes can join with, V(absent) none, or one scheduled for deletion.
    type: str
    choices: [present, absent]
    default: present
  region:
    description: AWS region of the secret.
    type: str
    required: true
  address:
    description: Name or address, and port of the API, that nodes reach; required with O(state=present).
    type: str
  ttl_hours:
    description: Life of a token.
    type: int
    default: 24
  interval_minutes:
    description: When the secret is looked at again. A token that would be too old until then is replaced now.
    type: int
    default: 0
  tags:
    description: Tags of the secret when it is created.
    type: dict
    default: {}
  masters:
    description:
      - With several masters, who they are. While one of them is not Ready, a secret O(name)C(-control-plane) has the
        key to the certificates of a master, which kubeadm keeps for two hours; it is made anew each hour. When all of
        them are, the key is taken out, and with it what it opens from the cluster (C(kubeadm-certs)).
    type: dict
    suboptions:
      names:
        description: Names of all nodes that are to be masters, in an order that is the same on all of them.
        type: list
        elements: str
        required: true
      own:
        description: Name of this node.
        type: str
        required: true
      config:
        description: The file that C(kubeadm init) reads.
        type: path
        required: true
  recovery_days:
    description: Days in which it can be restored, with O(state=absent); V(0) deletes it at once, else V(7) to V(30).
    type: int
    default: 7
notes:
  - The node's role needs C(secretsmanager:GetSecretValue), C(CreateSecret), C(PutSecretValue), C(RestoreSecret) and
    C(TagResource) for it. Workers need the first alone.
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Says why the secret is written, and nothing of what is in it.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Masters of Kubernetes.
    support: full
    platforms: linux
"""

EXAMPLES = r"""
- name: Let nodes join
  podforge.hyperpod.kubeadm_join_secret:
    name: hyperpod-k8s-0a1b2c3d4e5f
    region: us-west-2
    address: ip-10-1-0-10:6443

- name: The cluster is gone
  podforge.hyperpod.kubeadm_join_secret:
    name: hyperpod-k8s-0a1b2c3d4e5f
    region: us-west-2
    state: absent
"""

RETURN = r"""
reason:
  description: Why a secret was written, or would be; empty when they are as they should be.
  returned: O(state=present)
  type: str
  sample: its token has come to half of its life
"""

import datetime as dt
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import join_secret
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret import JoinSecretError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.join_secret_removal import remove
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Look, decide, do; the result for exit_json."""
    params = module.params
    need_boto3(params["name"])
    client = join_secret.client_of(params["region"])
    if params["state"] == "absent":
        gone = [
            name
            for name in (params["name"], params["name"] + join_secret.KEY_SUFFIX)
            if remove(client, name, params["recovery_days"], check_mode=module.check_mode)
        ]
        return {"changed": bool(gone), "diff": {"before": "".join(f"{name}\n" for name in gone), "after": ""}}
    try:
        pem = Path(join_secret.CA).read_text(encoding="utf-8")
    except OSError as error:
        raise JoinSecretError(f"{join_secret.CA}: {error.strerror}. Fix: run this on a master, as root") from error
    wanted = join_secret.Wanted(
        params["address"],
        join_secret.ca_hash(pem),
        dt.timedelta(hours=params["ttl_hours"]),
        dt.timedelta(minutes=params["interval_minutes"]),
        {str(key): str(value) for key, value in params["tags"].items()},
        join_secret.Masters(**params["masters"]) if params["masters"] else None,
    )
    done = join_secret.refresh(client, params["name"], wanted, check_mode=module.check_mode)
    after = f"{params['name']}: written, since {done.reason}\n" if done.reason else ""
    return {"changed": bool(done.reason), "reason": done.reason, "diff": {"before": "", "after": after}}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "region": {"type": "str", "required": True},
            "address": {"type": "str"},
            "ttl_hours": {"type": "int", "default": 24},
            "interval_minutes": {"type": "int", "default": 0},
            "tags": {"type": "dict", "default": {}},
            "masters": {
                "type": "dict",
                "options": {
                    "names": {"type": "list", "elements": "str", "required": True},
                    "own": {"type": "str", "required": True},
                    "config": {"type": "path", "required": True},
                },
            },
            "recovery_days": {"type": "int", "default": 7},
        },
        required_if=[("state", "present", ["address"])],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (JoinSecretError, SourceError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
