#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: config_files
version_added: 0.1.0
short_description: Several configuration files in one task
description:
  - Writes files, makes folders and removes what is not wanted any more, as M(ansible.builtin.template) and
    M(ansible.builtin.file) do, but all of a role in one task. On a node that is as it should be a task is what costs.
  - All content is checked by its O(files[].validate) before the first file is written.
  - Of a file that others have things in as well, only a block between two marks is written (O(files[].block)).
  - A file is replaced at once or not at all. Folders above it are made where they are missing.
  - Not for secrets, since content is shown in diff mode.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
options:
  files:
    description: The files and folders, in the order in which they are made.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it is, absolute. A link in its place is replaced.
        type: path
        required: true
      state:
        description: V(file) has O(files[].content), V(directory) is made, V(absent) is removed if it is a file.
        type: str
        choices: [file, directory, absent]
        default: file
      content:
        description: The whole content of a file, or that of O(files[].block).
        type: str
      block:
        description:
          - The name of a part of the file, which has O(files[].content); the rest, owner and permissions stay.
          - No content removes the part, and the file when nothing else is in it. Of a link, the file that it leads to
            is changed.
        type: str
      comment:
        description: What begins a comment in this file.
        type: str
        default: "#"
      first:
        description: A new block comes at the beginning of the file and not at its end.
        type: bool
        default: false
      owner:
        description: Owner's name.
        type: str
        default: root
      group:
        description: Group's name.
        type: str
        default: root
      mode:
        description: Permissions, octal. When not set V(0644) for files and V(0755) for folders.
        type: str
      validate:
        description:
          - A command, as a list, that ends with 0 when the new content is right. C(%s) is the name of a file with it.
        type: list
        elements: str
  remove:
    description:
      - Patterns of paths as a shell has them, absolute. Files that match and are not in O(files) are removed.
    type: list
    elements: str
    default: []
  pending:
    description:
      - A file in which the module notes what it is going to change, before it does. It is removed by whoever has
        applied the change, such as the last handler of a role.
      - When it is there already, an earlier run ended in between. What is noted in it counts as changed then, so that
        handlers run that did not come to it.
    type: path
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
    description: Systems with files.
    support: full
    platforms: posix
seealso:
  - module: ansible.builtin.template
  - module: ansible.builtin.file
"""

EXAMPLES = r"""
- name: Configure the login daemon, and nothing else any more
  podforge.hyperpod.config_files:
    files:
      - path: /etc/systemd/logind.conf.d/60-podforge.conf
        content: |
          [Login]
          RemoveIPC=no
      - path: /etc/sudoers.d/60-podforge
        content: "%admins ALL=(ALL:ALL) NOPASSWD:ALL\n"
        mode: "0440"
        validate: [visudo, -cf, "%s"]
      - path: /etc/inputrc
        block: history
        content: |
          "\\e[A": history-search-backward
    remove: [/etc/sudoers.d/50-podforge-*]
  register: written
"""

RETURN = r"""
changed_paths:
  description: What was written, made or removed, or would be in check mode, and what O(pending) names.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/logind.conf.d/60-podforge.conf]
"""

import grp
import json
import os
import pwd
import stat
import tempfile
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import ABSENT
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import DIRECTORY
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import FILE
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import OTHER
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import Entry
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import FilesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import merged
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._config_files import shown
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint


def current(path: str) -> Entry:
    """What is there; a link or a device is C(other)."""
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Entry(ABSENT)
    owner, group = _name(pwd.getpwuid, info.st_uid), _name(grp.getgrgid, info.st_gid)
    if stat.S_ISREG(info.st_mode):
        return Entry(FILE, Path(path).read_bytes(), owner, group, stat.S_IMODE(info.st_mode))
    kind = DIRECTORY if stat.S_ISDIR(info.st_mode) else OTHER
    return Entry(kind, b"", owner, group, stat.S_IMODE(info.st_mode))


def leftovers_of(patterns: t.Iterable[str]) -> list[str]:
    """Files that match patterns.

    :raises FilesError: a pattern is not absolute.
    """
    found = []
    for pattern in patterns:
        if not pattern.startswith("/"):
            raise FilesError(f"remove: {pattern} is not absolute: begin it with /")
        found += [str(path) for path in Path("/").glob(pattern[1:]) if path.is_symlink() or path.is_file()]
    return found


def check_content(module: AnsibleModule, path: str, entry: Entry, command: t.Sequence[str]) -> None:
    """Let the command judge the content.

    :raises FilesError: it is refused.
    """
    with tempfile.NamedTemporaryFile(prefix="podforge-") as candidate:
        candidate.write(entry.content)
        candidate.flush()
        code, out, err = module.run_command([word.replace("%s", candidate.name) for word in command])
    if code != 0:
        raise FilesError(f"{path} is refused by {command[0]} and the old one kept: {(err or out).strip()}")


def make(module: AnsibleModule, path: str, entry: Entry, before: Entry) -> None:
    """Bring one path to what is wanted."""
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    if entry.kind == DIRECTORY:
        Path(path).mkdir(exist_ok=True)
    elif before.kind != FILE or before.content != entry.content:
        # beside its place: a full disk is found before the old file is touched
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".podforge-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(entry.content)
        except OSError as error:
            # the system names no file here
            Path(temporary).unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, path) from error
        try:
            if before.kind == OTHER:
                Path(path).unlink()
            module.atomic_move(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    module.set_owner_if_different(path, entry.owner, False)
    module.set_group_if_different(path, entry.group, False)
    module.set_mode_if_different(path, entry.mode, False)


def read_pending(path: str | None) -> list[str]:
    """What an earlier run has noted and nobody has applied; a note that is damaged is none."""
    if path is None or not Path(path).exists():
        return []
    try:
        noted = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        return []
    return [entry for entry in noted if isinstance(entry, str)] if isinstance(noted, list) else []


def write_pending(module: AnsibleModule, path: str, paths: t.Sequence[str]) -> None:
    """Note what is going to be changed."""
    make(module, path, Entry(FILE, json.dumps(paths).encode(), "root", "root", 0o644), Entry(ABSENT))


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, plan, check, apply; the result for exit_json."""
    options = {
        os.path.realpath(option["path"]) if option["block"] else option["path"]: option
        for option in module.params["files"]
    }
    if len(options) != len(module.params["files"]):
        raise FilesError("files: a path is there twice; each has one content")
    wanted = {path: desired(option) for path, option in options.items()}
    leftovers = leftovers_of(module.params["remove"])
    there = {path: current(path) for path in [*wanted, *leftovers]}
    for path, option in options.items():
        if option["block"]:
            wanted[path] = merged(path, option, wanted[path], there[path])
    change, remove = plan(wanted, there, leftovers)
    for path in change:
        if options[path]["validate"] and wanted[path].kind == FILE:
            check_content(module, path, wanted[path], options[path]["validate"])
    touched = [*change, *remove]
    unapplied = [path for path in read_pending(module.params["pending"]) if path not in touched]
    if not module.check_mode:
        if touched and module.params["pending"]:
            write_pending(module, module.params["pending"], [*touched, *unapplied])
        for path in change:
            make(module, path, wanted[path], there[path])
        for path in remove:
            Path(path).unlink()
    after = {**wanted, **{path: Entry(ABSENT) for path in remove}}
    return {
        "changed": bool(touched or unapplied),
        "changed_paths": [*touched, *unapplied],
        "diff": [shown(path, there[path], after[path]) for path in touched],
    }


def _name(look_up: t.Callable[[int], t.Any], number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "state": {"type": "str", "choices": ["file", "directory", "absent"], "default": "file"},
                    "content": {"type": "str"},
                    "block": {"type": "str"},
                    "comment": {"type": "str", "default": "#"},
                    "first": {"type": "bool", "default": False},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str"},
                    "validate": {"type": "list", "elements": "str"},
                },
            },
            "remove": {"type": "list", "elements": "str", "default": []},
            "pending": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except FilesError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
