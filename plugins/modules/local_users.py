#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: local_users
version_added: 0.1.0
short_description: Users and groups with the same ids on all nodes, and homes on shared storage
description:
  - Reads the node's users, groups and homes, works out what differs from what is wanted, and changes that. All input is
    checked, and all that stands in the way is found, before the first change.
  - What is not said stays as it is, be it a setting, a home or a user.
  - A home is whole from the moment on in which it is there, and is made once, although all nodes begin together. A home
    that is there is never changed, and never removed.
  - Another home for a user who is logged in holds from the next login on. The content of the old one is copied by the
    first node, and stays where it was.
  - Lock files in C(/etc) of a groupadd, useradd or the like that was killed are removed, which nobody else does.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9, and shadow's useradd and the like on the node
options:
  users:
    description: The users.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The user's name, of small letters, digits, and C(_ . -).
        type: str
        required: true
      uid:
        description: The user's id. Required, except for users of O(shared_users) or who are to be absent.
        type: int
      gid:
        description: Id of the primary group. When not set that of O(users[].group) in O(groups), or the uid.
        type: int
      group:
        description: Name of the primary group, which is made where it is missing. When not set the user's name.
        type: str
      groups:
        description:
          - Further groups. In those of O(groups) are exactly the users who are said to be; to others they are added.
        type: list
        elements: str
        default: []
      home:
        description:
          - The home. When not set that of new users is below O(home_root), and of others stays.
        type: str
      shell:
        description: The login shell. When not set V(/bin/bash) for new users.
        type: str
      comment:
        description: A full name.
        type: str
      keys:
        description: Public keys that may log in, as lines of an C(authorized_keys) file. They are checked and returned.
        type: list
        elements: str
        default: []
      sudo:
        description: What the user may do by sudo, such as C(ALL=(ALL:ALL) NOPASSWD:ALL). It is checked and returned.
        type: str
      state:
        description:
          - V(absent) ends the user's sessions and processes on this node, and removes the account. The home stays.
        type: str
        choices: [present, absent]
        default: present
  groups:
    description: The groups, beside the primary ones of the users.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The group's name.
        type: str
        required: true
      gid:
        description: The group's id. Required, unless it is to be absent.
        type: int
      sudo:
        description: What members may do by sudo. It is checked and returned.
        type: str
      state:
        description: V(absent) removes the group.
        type: str
        choices: [present, absent]
        default: present
  shared_users:
    description:
      - Users in the form of AWS's lifecycle scripts (C(shared_users.txt)), C(name,uid,home) in each line. O(users) can
        say more of them.
    type: str
    default: ""
  shared_users_file:
    description: A file on the node in that form, read beside O(shared_users).
    type: path
  home_root:
    description: Where homes of new users are that have no O(users[].home).
    type: str
    default: /home
  home_mode:
    description: Permissions of new homes, octal.
    type: str
    default: "0700"
  shared_mounts:
    description:
      - Mount points of shared storage. No home is made below one that is not mounted.
    type: list
    elements: str
    default: []
  mount_timeout:
    description: Seconds to wait for them.
    type: int
    default: 60
  drift:
    description:
      - What is done when a user or group has another id here than wanted, or a home another owner.
      - V(fail) changes nothing at all, V(report) warns and goes on, V(correct) changes ids of idle users.
    type: str
    choices: [fail, report, correct]
    default: fail
  unlisted:
    description:
      - What is done with users and groups that this module has made and nobody names any more.
      - With V(remove) a O(shared_users_file) that has no users is refused.
    type: str
    choices: [report, remove]
    default: report
  record:
    description: A file in which the module notes whom it has made.
    type: path
    default: /var/lib/podforge/users.json
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows what differs, one line each.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Systems with shadow's tools.
    support: full
    platforms: posix
seealso:
  - module: ansible.builtin.user
  - module: ansible.builtin.group
"""

EXAMPLES = r"""
- name: Have the users of the cluster
  podforge.hyperpod.local_users:
    home_root: /fsx
    shared_mounts: [/fsx]
    groups:
      - {name: vision, gid: 3001}
    users:
      - name: ana
        uid: 2001
        groups: [vision, docker]
        keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBASVqtMCWRhE4A/bbcN0M9hPq3d2kqGTQmpDzZOv5JY ana]
      - name: ubuntu
        uid: 1000
        home: /fsx/ubuntu # from the next login on
      - name: bob
        state: absent
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["user ana uid=2001 gid=2001 home=/fsx/ana shell=/bin/bash", "home /fsx/ana of ana"]
drift:
  description: Ids that differ and stay, with O(drift=report) or where nothing else is safe.
  returned: success
  type: list
  elements: str
  sample: ["user ana has uid 1005 on this node, 2001 is wanted"]
keys:
  description: Public keys by user, of those who are present.
  returned: success
  type: dict
  sample: {"ana": ["ssh-ed25519 AAAAC3Nz ana"]}
sudo:
  description: Rules for sudoers, one line each.
  returned: success
  type: list
  elements: str
  sample: ["ana ALL=(ALL:ALL) NOPASSWD:ALL"]
"""

import re
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users import plan as planning
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.apply import apply
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.apply import write_record
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.locks import clear_locks
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.system import homes_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.system import look
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.system import read_record
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import UsersError
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import Wanted
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import check_path
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import shared_users
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import wanted
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._shared_folder import missing_mounts
from ansible_collections.podforge.hyperpod.plugins.module_utils._shared_folder import mount_of


def shared_text(text: str, path: str | None, unlisted: str) -> str:
    """What is given as text, and what is in the file.

    :raises UsersError: the file can't be read, or has nobody, where all whom nobody names are to be removed.
    """
    if not path:
        return text
    try:
        more = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsersError(f"shared_users_file: {path} can't be read: {error}") from error
    if unlisted == planning.REMOVE and not shared_users(more):
        raise UsersError(
            f"shared_users_file: {path} has no users, and unlisted is remove, which would remove all of them: look "
            "what has emptied it, or leave shared_users_file out"
        )
    return f"{text}\n{more}"


def read_options(params: t.Mapping[str, t.Any]) -> Wanted:
    """What is wanted.

    :raises UsersError: all that is wrong with it.
    """
    check_path(params["home_root"], "home_root")
    for mount in params["shared_mounts"]:
        check_path(mount, "shared_mounts")
    if not re.fullmatch("0?[0-7]{3}", params["home_mode"]):
        raise UsersError(f"home_mode is {params['home_mode']}; write for example '0700', with quotes")
    return wanted(params, shared_text(params["shared_users"], params["shared_users_file"], params["unlisted"]))


def require_mounts(desired: Wanted, mounts: t.Sequence[str], seconds: int) -> None:
    """Homes are not made on the disk of one node, where the storage would hide them later.

    :raises UsersError: it is not mounted.
    """
    needed = {home: mount_of(home, mounts) for home in homes_of(desired)}
    missing = missing_mounts([mount for mount in needed.values() if mount], seconds)
    if missing:
        there = ", ".join(sorted(home for home, mount in needed.items() if mount in missing))
        raise UsersError(
            f"nothing was changed: {missing[0]} is not mounted after {seconds} s, and {there} belongs there. Mount it "
            f"first (findmnt {missing[0]}, journalctl -b), or have homes elsewhere"
        )


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Check, read, plan, apply; the result for exit_json."""
    params = module.params
    desired = read_options(params)
    if not module.check_mode:
        clear_locks()
        require_mounts(desired, params["shared_mounts"], params["mount_timeout"])
    plan = planning.plan(look(desired, params["record"]), desired, params["drift"], params["unlisted"])
    if plan.refusals:
        raise UsersError("nothing was changed: " + "; ".join(plan.refusals))
    if not module.check_mode:
        # whoever is made is noted before, whoever is removed after: a run that is killed in between forgets nobody
        record(params["record"], plan.steps, ())
        for step in plan.steps:
            apply(step, int(params["home_mode"], 8), module.run_command)
        record(params["record"], (), plan.steps)
    for text in (*plan.drift, *plan.notes):
        module.warn(text)
    return {
        "changed": bool(plan.steps),
        "changes": [step.after or f"removed: {step.before}" for step in plan.steps],
        "drift": plan.drift,
        "keys": {user.name: list(user.keys) for user in desired.users.values() if user.present and user.keys},
        "sudo": list(desired.sudo),
        "diff": {
            "before": "".join(f"{step.before}\n" for step in plan.steps if step.before),
            "after": "".join(f"{step.after}\n" for step in plan.steps if step.after),
        },
    }


def record(path: str, made: t.Iterable[planning.Step], removed: t.Iterable[planning.Step]) -> None:
    """Note whom this module has made and not removed."""
    users, groups = read_record(path)
    new_users = (users | names(made, "useradd")) - {step.name for step in removed if step.kind == planning.LEAVE}
    new_groups = (groups | names(made, "groupadd")) - names(removed, "groupdel")
    if (new_users, new_groups) != (users, groups):
        write_record(path, new_users, new_groups)


def names(steps: t.Iterable[planning.Step], command: str) -> set[str]:
    """Whom a command is run for."""
    return {step.name for step in steps if step.argv[:1] == (command,)}


def main() -> None:
    """Entry point."""
    state = {"type": "str", "choices": ["present", "absent"], "default": "present"}
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "uid": {"type": "int"},
                    "gid": {"type": "int"},
                    "group": {"type": "str"},
                    "groups": {"type": "list", "elements": "str", "default": []},
                    "home": {"type": "str"},
                    "shell": {"type": "str"},
                    "comment": {"type": "str"},
                    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
                    "sudo": {"type": "str"},
                    "state": state,
                },
            },
            "groups": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "gid": {"type": "int"},
                    "sudo": {"type": "str"},
                    "state": state,
                },
            },
            "shared_users": {"type": "str", "default": ""},
            "shared_users_file": {"type": "path"},
            "home_root": {"type": "str", "default": "/home"},
            "home_mode": {"type": "str", "default": "0700"},
            "shared_mounts": {"type": "list", "elements": "str", "default": []},
            "mount_timeout": {"type": "int", "default": 60},
            "drift": {"type": "str", "choices": ["fail", "report", "correct"], "default": "fail"},
            "unlisted": {"type": "str", "choices": ["report", "remove"], "default": "report"},
            "record": {"type": "path", "default": "/var/lib/podforge/users.json"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except UsersError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
