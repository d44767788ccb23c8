#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssh_cluster_keys
version_added: 0.1.0
short_description: Host keys that nodes tell each other, and a key pair of each user for them
description:
  - Puts the public host keys of this node into a folder on shared storage, and makes a C(known_hosts) there of those of
    all nodes. A node that comes, or is replaced, is known to all others at once, who need no run for it.
  - Makes a key pair without a passphrase for each user whose home is on shared storage, C(~/.ssh/podforge_cluster),
    once, although all nodes begin together. One that is there is never changed.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 and ssh-keygen on the node
options:
  folder:
    description: The folder on shared storage. Only root may be able to write it, and what is above it up to O(mount).
    type: path
    required: true
  mount:
    description: Mount point of the shared storage that O(folder) is on.
    type: path
    required: true
  mount_timeout:
    description: Seconds to wait for it.
    type: int
    default: 60
  names:
    description: Names and addresses of this node; the first one names its file.
    type: list
    elements: str
    required: true
  users:
    description: Users who get a key pair. When not set all of the node's own from uid 1000 on.
    type: list
    elements: str
  home_mounts:
    description: Mount points that homes must be below, so that all nodes have the same key.
    type: list
    elements: str
    default: []
  comment:
    description: What the comment of new keys says after the user's name.
    type: str
    default: cluster
  host_keys_dir:
    description: Where the node's public host keys are, C(ssh_host_*_key.pub).
    type: path
    default: /etc/ssh
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows what differs, one line each; never a key.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Systems with OpenSSH.
    support: full
    platforms: posix
seealso:
  - module: podforge.hyperpod.local_users
"""

EXAMPLES = r"""
- name: Let nodes know each other
  podforge.hyperpod.ssh_cluster_keys:
    folder: /fsx/.podforge/abc123/ssh
    mount: /fsx
    home_mounts: [/fsx]
    names: [ip-10-1-0-5, 10.1.0.5]
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [host keys of ip-10-1-0-5, key pair of ana]
hosts:
  description: Nodes whose keys are known.
  returned: success
  type: list
  elements: str
  sample: [ip-10-1-0-5]
"""

import typing as t
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._as_user import as_user
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.system import read_accounts
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._shared_folder import missing_mounts
from ansible_collections.podforge.hyperpod.plugins.module_utils._shared_folder import mount_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster import hosts
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster.hosts import ClusterError
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster.pairs import has_pair
from ansible_collections.podforge.hyperpod.plugins.module_utils._ssh_cluster.pairs import make_pair

LOWEST_UID = 1000
NOBODY = 65534


@dataclass(frozen=True)
class Owner:
    """A user who is to have a key pair."""

    name: str
    uid: int
    gid: int
    home: str


def owners(module: AnsibleModule) -> list[Owner]:
    """Who gets a key pair, and a warning of those who can't.

    :raises ClusterError: one who is named is not there.
    """
    accounts, named = read_accounts(), module.params["users"]
    unknown = [name for name in named or [] if name not in accounts]
    if unknown:
        raise ClusterError(
            f"users: {', '.join(unknown)} is not a user of this node: make the user first, or leave it out"
        )
    names = (
        [name for name, account in accounts.items() if LOWEST_UID <= account.uid != NOBODY] if named is None else named
    )
    found = [Owner(name, accounts[name].uid, accounts[name].gid, accounts[name].home) for name in names]
    shared = [owner for owner in found if mount_of(owner.home, module.params["home_mounts"])]
    for owner in found if named is not None else ():
        if owner not in shared:
            module.warn(
                f"no key pair for {owner.name}: the home {owner.home} is not on shared storage, so each node "
                "would have another"
            )
    return [owner for owner in shared if Path(owner.home).is_dir()]


def pair_of(owner: Owner) -> str:
    """Whether the pair is there, for the user's process."""
    return "yes" if has_pair(owner.home) else "no"


def as_owner(module: AnsibleModule, owner: Owner, action: t.Callable[[], str | None]) -> str | None:
    """What the user's own process says; None and a warning where it fails: one user's home stops no node."""
    try:
        return as_user(owner.uid, owner.gid, action)
    except OSError as error:
        module.warn(f"no key pair for {owner.name}, look into {owner.home}/.ssh: {error.strerror}")
        return None


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, plan, apply; the result for exit_json."""
    params = module.params
    folder, mount = params["folder"], params["mount"]
    if mount_of(folder, [mount]) is None or folder.rstrip("/") == mount.rstrip("/"):
        raise ClusterError(
            f"folder {folder} is not below mount {mount}: name a folder of its own on the shared storage"
        )
    if missing_mounts([mount], 0 if module.check_mode else params["mount_timeout"]) and not module.check_mode:
        raise ClusterError(
            f"{mount} is not mounted after {params['mount_timeout']} s: mount it first (findmnt {mount}, journalctl -b)"
        )
    keys = [path.read_text(encoding="utf-8") for path in Path(params["host_keys_dir"]).glob("ssh_host_*_key.pub")]
    lines, host = hosts.lines_of(params["names"], keys), params["names"][0]
    lacking = [owner for owner in owners(module) if as_owner(module, owner, partial(pair_of, owner)) == "no"]
    stale = not hosts.is_up_to_date(folder, host, lines)
    if not module.check_mode:
        hosts.require_safe(folder, mount)
        if stale and (warning := hosts.publish(folder, host, lines)):
            module.warn(warning)
        make = {owner: partial(make_pair, owner.home, f"{owner.name}@{params['comment']}") for owner in lacking}
        lacking = [owner for owner in lacking if as_owner(module, owner, make[owner]) is not None]
    changes = [f"host keys of {host}"] if stale else []
    changes += [f"key pair of {owner.name}" for owner in lacking]
    return {
        "changed": bool(changes),
        "changes": changes,
        "hosts": sorted({*hosts.read(folder), host}),
        "diff": {"before": "", "after": "".join(f"{change}\n" for change in changes)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "mount": {"type": "path", "required": True},
            "mount_timeout": {"type": "int", "default": 60},
            "names": {"type": "list", "elements": "str", "required": True},
            "users": {"type": "list", "elements": "str"},
            "home_mounts": {"type": "list", "elements": "str", "default": []},
            "comment": {"type": "str", "default": "cluster"},
            "host_keys_dir": {"type": "path", "default": "/etc/ssh", "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except ClusterError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
