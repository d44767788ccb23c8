#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sysctl_settings
version_added: 0.1.0
short_description: A file of kernel settings, and the same settings in force
description:
  - Writes a file for C(sysctl.d), and sets what differs in the running kernel, all settings in one task.
  - Where the kernel's settings can't be written, as in a container or an image build, the file is written all the same,
    and a warning names what is not in force. RV(in_force) and RV(not_in_force) tell them apart.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
options:
  path:
    description: The file, which is this module's alone. With no settings it is removed.
    type: path
    required: true
  settings:
    description:
      - Values by key, such as C(fs.inotify.max_user_watches).
      - Keys are written as in sysctl.d(5), with C(/) where a part has a dot (C(net/ipv4/conf/eth0.1/forwarding)).
    type: dict
    required: true
  proc_sys:
    description: Where the kernel's settings are.
    type: path
    default: /proc/sys
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the file and the settings in force, before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Linux.
    support: full
    platforms: linux
seealso:
  - name: sysctl.d(5)
    description: The files.
    link: https://www.freedesktop.org/software/systemd/man/latest/sysctl.d.html
"""

EXAMPLES = r"""
- name: Let development servers watch many files
  podforge.hyperpod.sysctl_settings:
    path: /etc/sysctl.d/60-podforge.conf
    settings:
      fs.inotify.max_user_watches: 524288
"""

RETURN = r"""
in_force:
  description: Settings that have the wanted value in the running kernel, or would have it.
  returned: success
  type: list
  elements: str
  sample: [fs.inotify.max_user_watches]
not_in_force:
  description: Settings that are in the file only, with the reason.
  returned: success
  type: dict
  sample: {"fs.inotify.max_user_watches": "read-only here; it has 8192"}
"""

import os
import re
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._space import free_space

HEADER = "# Written by podforge.hyperpod: changes made here are lost.\n"
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]*")


class SettingsError(Exception):
    """Something the operator must mend; the text names the key and the fix."""


def normalized(settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Values as text, with one blank between their parts.

    :raises SettingsError: a key or value can't be one.
    """
    found = {}
    for key, value in settings.items():
        if not _KEY.fullmatch(key) or ".." in key:
            raise SettingsError(f"settings: {key!r} is no setting; write for example fs.inotify.max_user_watches")
        if value is None or isinstance(value, (dict, list)):
            raise SettingsError(f"settings: {key} is {value!r}: give a number or a text")
        text = str(int(value)) if isinstance(value, bool) else str(value)
        if "\n" in text or not text.strip():
            raise SettingsError(f"settings: {key} is {text!r}: give one line that is not empty")
        found[key] = " ".join(text.split())
    return found


def path_of(key: str, proc_sys: str) -> Path:
    """The kernel's file: dots part a key, unless a slash does (sysctl.d(5))."""
    first = re.search(r"[./]", key)
    if first and first.group() == "/":
        return Path(proc_sys, key)
    return Path(proc_sys, key.translate(str.maketrans("./", "/.")))


def content(settings: t.Mapping[str, str]) -> str:
    """The file; empty when there is nothing to set."""
    lines = [f"{key} = {value}\n" for key, value in sorted(settings.items())]
    return HEADER + "".join(lines) if lines else ""


def look(key: str, proc_sys: str) -> tuple[str | None, bool]:
    """The value in force, None when this kernel has no such setting; and whether it can be written."""
    path = path_of(key, proc_sys)
    try:
        return " ".join(path.read_text(encoding="utf-8").split()), os.access(path, os.W_OK)
    except OSError:
        return None, False


def plan(
    settings: t.Mapping[str, str], there: t.Mapping[str, tuple[str | None, bool]]
) -> tuple[list[str], dict[str, str]]:
    """Keys to set, and those that can't be set, with the reason."""
    write, cannot = [], {}
    for key, value in settings.items():
        now, writable = there[key]
        if now == value:
            continue
        if now is None:
            cannot[key] = "not known to this kernel"
        elif not writable:
            cannot[key] = f"read-only here; it has {now}"
        else:
            write.append(key)
    return write, cannot


def write_file(module: AnsibleModule, path: Path, text: str) -> None:
    """Replace the file at once, or remove it when there is no text."""
    if not text:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.podforge")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o644)
        module.atomic_move(str(temporary), str(path))
    finally:
        temporary.unlink(missing_ok=True)


def set_now(key: str, value: str, proc_sys: str) -> None:
    """Set a value in the running kernel.

    :raises SettingsError: the kernel refuses it.
    """
    try:
        path_of(key, proc_sys).write_text(f"{value}\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"settings: the kernel refuses {key} = {value}: {error.strerror}") from error


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, plan, apply; the result for exit_json."""
    path, proc_sys = Path(module.params["path"]), module.params["proc_sys"]
    settings = normalized(module.params["settings"])
    old, new = path.read_text(encoding="utf-8") if path.exists() else "", content(settings)
    there = {key: look(key, proc_sys) for key in settings}
    write, cannot = plan(settings, there)
    if not module.check_mode:
        # the kernel first: what it refuses would be refused at each boot
        for key in write:
            set_now(key, settings[key], proc_sys)
        if old != new:
            write_file(module, path, new)
    if cannot:
        module.warn(
            f"in {path} but not in force: " + ", ".join(f"{key} ({why})" for key, why in sorted(cannot.items()))
        )
    before, after = (
        {key: value.get(key) for key in write} for value in ({k: v[0] for k, v in there.items()}, settings)
    )
    return {
        "changed": old != new or bool(write),
        "in_force": sorted(set(settings) - set(cannot)),
        "not_in_force": cannot,
        "diff": [
            {"before_header": str(path), "after_header": str(path), "before": old, "after": new},
            {"before_header": "in force", "after_header": "in force", "before": before, "after": after},
        ],
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "settings": {"type": "dict", "required": True},
            "proc_sys": {"type": "path", "default": "/proc/sys"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except SettingsError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"cannot write {error.filename}: {error.strerror}. {free_space(('/', '/etc'))}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
