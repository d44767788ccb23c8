#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pam_slurm_adopt
version_added: 0.1.0
short_description: Logins to a compute node need a job there
description:
  - Puts C(pam_slurm_adopt) at the end of sshd's account stack, behind a list of admins who always may, and keeps
    C(pam_systemd) away from sshd's sessions, which it would take out of the job again. Other services are not touched.
  - C(pam_systemd) stands in a file that all services include. sshd gets a copy of it, which each run makes anew.
  - Files are replaced at once, that of sshd last; it counts from the next login on.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
options:
  state:
    description: V(absent) takes back all that this module has done.
    type: str
    choices: [present, absent]
    default: present
  users:
    description: Who may log in without a job, beside root.
    type: list
    elements: str
    default: []
  groups:
    description: Groups whose members may.
    type: list
    elements: str
    default: []
  module:
    description: C(pam_slurm_adopt.so) that was built with the Slurm of this node. A name alone is in PAM's own folder.
    type: str
    default: pam_slurm_adopt.so
  root:
    description: Folder in which C(etc) is.
    type: path
    default: /
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows each changed file before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  safe_file_operations:
    description: Files are replaced at once.
    support: full
  platform:
    description: Systems with PAM.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Let users log in where they have a job, and ubuntu anywhere
  podforge.hyperpod.pam_slurm_adopt:
    users: [ubuntu]
    groups: [cluster admins]
"""

RETURN = r"""
changed_paths:
  description: Files that were written or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/pam.d/sshd]
"""

import stat
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import ACCESS_FILE
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import SESSION
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import PamError
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import access_file
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import adopted
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import removed
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import session_files
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam.slurm_adopt import without_systemd
from ansible_collections.podforge.hyperpod.plugins.module_utils._replace_file import replace_file

# which of the two there is says which family this is
SHARED = ("common-session", "password-auth")


def read(path: Path) -> str | None:
    """The file's text; None when it isn't there."""
    return path.read_text(encoding="utf-8") if path.exists() else None


def wanted(params: t.Mapping[str, t.Any], folder: Path) -> dict[str, str | None]:
    """What each file should have; None for one that should not be. That of sshd is the last one."""
    session, access, sshd = (str(folder / name) for name in (f"pam.d/{SESSION}", ACCESS_FILE[5:], "pam.d/sshd"))
    text = read(Path(sshd))
    if text is None:
        raise PamError(f"{sshd} is not there: is sshd installed?")
    original = next((name for name in SHARED if (folder / "pam.d" / name).exists()), "")
    plain = removed(text, original)
    if params["state"] == "absent":
        return {sshd: plain, session: None, access: None}
    copies = {name: without_systemd(read(folder / "pam.d" / name) or "") for name in session_files(plain)}
    found = [name for name, copy in copies.items() if copy]
    if len(found) > 1:
        raise PamError(f"{sshd}: {' and '.join(found)} have pam_systemd: take it out of one of them")
    replaced = found[0] if found else ""
    return {
        access: access_file(params["users"], params["groups"]),
        session: copies[replaced] if replaced else None,
        sshd: adopted(plain, params["module"], replaced),
    }


def apply(path: str, content: str | None) -> None:
    """Write or remove one file; one that is there keeps its mode and owner."""
    place = Path(path)
    if content is None:
        place.unlink()
        return
    mode, owner = 0o644, (0, 0)
    if place.exists():
        info = place.stat()
        mode, owner = stat.S_IMODE(info.st_mode), (info.st_uid, info.st_gid)
    replace_file(path, content, mode=mode, owner=owner, mark=None)


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, plan, apply; the result for exit_json."""
    folder = Path(module.params["root"]) / "etc"
    name = module.params["module"]
    if module.params["state"] == "present" and name.startswith("/") and not Path(name).exists():
        raise PamError(f"{name} is not there, and PAM would let everybody in")
    files = wanted(module.params, folder)
    before = {path: read(Path(path)) for path in files}
    touched = [path for path, content in files.items() if content != before[path]]
    if not module.check_mode:
        for path in touched:
            apply(path, files[path])
    diff = [
        {"before": before[path] or "", "after": files[path] or "", "before_header": path, "after_header": path}
        for path in touched
    ]
    return {"changed": bool(touched), "changed_paths": touched, "diff": diff}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "users": {"type": "list", "elements": "str", "default": []},
            "groups": {"type": "list", "elements": "str", "default": []},
            "module": {"type": "str", "default": "pam_slurm_adopt.so"},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except PamError as error:
        module.fail_json(msg=f"pam_slurm_adopt: {error}")
    except OSError as error:
        module.fail_json(msg=f"pam_slurm_adopt: {complaint(error)}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
