#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fsx_mounts
version_added: 0.1.0
short_description: Mount file systems by their units, or say why they can't be
description:
  - Starts the mount units of file systems, tries again while what is missing may come late, and enables what mounts
    them at boot and after a loss.
  - A file system that is mounted already, by whomever, is taken as it is when it is the one that is wanted.
  - When a mount fails it looks why (name, way, port, client, kernel, mount name, exports) and says so, with the fix.
    What waiting can't mend fails at once. Nothing is left half mounted.
  - The units are those that the role P(podforge.hyperpod.fsx_storage#role) writes.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
  - systemd
options:
  filesystems:
    description: File systems as the filter P(podforge.hyperpod.fsx_filesystems#filter) has completed them.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it is mounted.
        type: path
        required: true
      kind:
        description: V(lustre), V(openzfs), or another type of mount(8).
        type: str
        required: true
      source:
        description: What is mounted.
        type: str
        required: true
      options:
        description: Mount options.
        type: list
        elements: str
        default: []
      host:
        description: Name of the server.
        type: str
        default: ''
      port:
        description: TCP port of the server, 0 when there is none to knock at.
        type: int
        default: 0
      name:
        description: Name of the file system on the server.
        type: str
        default: ''
      availability_zone_id:
        description: Where the server is.
        type: str
        default: ''
      efa:
        description:
          - Whether Lustre has to go by EFA. That is looked at after a mount; with V(required) each run fails until it
            is proven.
        type: str
        choices: [auto, required, never]
        default: auto
      required:
        description: Whether it is an error when it can't be mounted; else it is a warning.
        type: bool
        default: true
      state:
        description: Whether it is to be there.
        type: str
        choices: [mounted, absent]
        default: mounted
  timeout:
    description: Seconds in which a file system, its name or its network may come late.
    type: int
    default: 300
  spread:
    description:
      - The longest time in seconds to wait before the first try, at random, so that nodes don't come all at once.
    type: float
    default: 0
  availability_zone_id:
    description: Where this node is.
    type: str
attributes:
  check_mode:
    description: Looks what is mounted and predicts the rest.
    support: full
  diff_mode:
    description: Shows what is mounted before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Linux with systemd.
    support: full
    platforms: linux
seealso:
  - plugin: podforge.hyperpod.fsx_filesystems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Mount what the role has written units for
  podforge.hyperpod.fsx_mounts:
    filesystems: "{{ (fsx_storage_filesystems | podforge.hyperpod.fsx_filesystems).filesystems }}"
    timeout: 120
"""

RETURN = r"""
filesystems:
  description: What became of each, by its path. C(state) is V(mounted), V(other), V(failed) or V(absent).
  returned: always
  type: dict
  sample: {"/data": {"attempts": 1, "error": "", "source": "server:/data", "state": "mounted"}}
"""

import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import mounts
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import FAILED
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import MOUNTED
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import OTHER
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import Result
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import bring_up
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import look
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import prove_efa
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.keep import take_down
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import FileSystem
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import from_document
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Node

ABSENT = "absent"
UNITS = "/etc/systemd/system"
_STATES = {mounts.RIGHT: MOUNTED, mounts.OTHER: OTHER, mounts.WRONG: FAILED, mounts.ABSENT: ABSENT}


class MountsError(Exception):
    """Something the operator must mend."""


@dataclass(frozen=True)
class Found:
    """What was there before, and whether the keeper is on."""

    state: str
    kept: bool


def keepers(system: FileSystem) -> list[str]:
    """Units that mount it at boot, and after a loss."""
    return [f"podforge-fsx@{system.unit}.{suffix}" for suffix in ("service", "timer")]


def read_units(systems: t.Sequence[FileSystem], node: Node) -> None:
    """Have systemd read units that it doesn't know yet; those of /etc/fstab give way to them without a word of it."""
    names = [name for system in systems for name in (f"{system.unit}.mount", *keepers(system))]
    seen = node.systemctl("show", "--property=NeedDaemonReload,FragmentPath", *names)[1]
    unknown = [
        system
        for system in systems
        if system.state == MOUNTED and f"FragmentPath={UNITS}/{system.unit}.mount" not in seen.splitlines()
    ]
    if unknown or "NeedDaemonReload=yes" in seen:
        node.systemctl("daemon-reload")
        node.systemctl("try-restart", *[keepers(system)[1] for system in systems])


def find(system: FileSystem, node: Node) -> Found:
    """Look at one."""
    enabled = node.systemctl("is-enabled", *keepers(system))[1].split()
    running = not node.booted() or node.systemctl("is-active", "--quiet", keepers(system)[1])[0] == 0
    return Found(_STATES[look(system, node)[0].state], enabled == ["enabled", "enabled"] and running)


def predict(system: FileSystem, found: Found) -> Result:
    """What a run would come to."""
    if system.state == ABSENT:
        return Result(ABSENT, found.state == MOUNTED)
    wanted = found.state if found.state in (OTHER, FAILED) else MOUNTED
    return Result(wanted, wanted != found.state or not found.kept)


def bring(system: FileSystem, node: Node, found: Found, params: t.Mapping[str, t.Any]) -> Result:
    """One file system to its state."""
    if system.state == ABSENT:
        node.systemctl("disable", "--now", keepers(system)[1])
        node.systemctl("disable", keepers(system)[0])
        return take_down(system, node)
    if not node.booted():
        # an image build: mounted at the first boot
        node.systemctl("enable", *keepers(system))
        return Result(found.state, not found.kept)
    result = bring_up(system, node, params["timeout"], params["spread"])
    if not found.kept:
        # also when it could not be mounted: it is tried again then
        node.systemctl("enable", *keepers(system))
        code, text = node.systemctl("start", keepers(system)[1])
        if code != 0:
            raise MountsError(f"{keepers(system)[1]} can't be started: {text.strip()}")
    error, warnings = result.error, result.warnings
    unproven = system.efa == "required" and not node.is_proven(system.unit)
    if result.state == MOUNTED and (result.changed or unproven):
        error, note = prove_efa(system, node, params["availability_zone_id"] or "")
        if unproven and not error:
            node.note_proof(system.unit, proven=True)
        warnings = (*warnings, *filter(None, [note]))
    return Result(result.state, result.changed or not found.kept, result.attempts, error, warnings)


def run(module: AnsibleModule, node: Node) -> dict[str, t.Any]:
    """Look, act, tell; the result for exit_json or fail_json."""
    systems = [from_document(entry) for entry in module.params["filesystems"]]
    if node.booted() and not module.check_mode:
        read_units(systems, node)
    before = {system.path: find(system, node) for system in systems}
    results = {}
    for system in systems:
        found = before[system.path]
        results[system.path] = (
            predict(system, found) if module.check_mode else bring(system, node, found, module.params)
        )
    errors = []
    for system in systems:
        result = results[system.path]
        for text in result.warnings:
            module.warn(text)
        if result.error and system.required:
            errors.append(result.error)
        elif result.error:
            module.warn(result.error)
    answer: dict[str, t.Any] = {
        "changed": any(result.changed for result in results.values()),
        "filesystems": {
            system.path: {
                "state": results[system.path].state,
                "source": system.source,
                "attempts": results[system.path].attempts,
                "error": results[system.path].error,
            }
            for system in systems
        },
        "diff": {
            "before": {path: found.state for path, found in before.items()},
            "after": {path: result.state for path, result in results.items()},
        },
    }
    return {**answer, "failed": True, "msg": " ".join(errors)} if errors else answer


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "filesystems": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "kind": {"type": "str", "required": True},
                    "source": {"type": "str", "required": True},
                    "options": {"type": "list", "elements": "str", "default": []},
                    "host": {"type": "str", "default": ""},
                    "port": {"type": "int", "default": 0},
                    "name": {"type": "str", "default": ""},
                    "availability_zone_id": {"type": "str", "default": ""},
                    "efa": {"type": "str", "choices": ["auto", "required", "never"], "default": "auto"},
                    "required": {"type": "bool", "default": True},
                    "state": {"type": "str", "choices": ["mounted", "absent"], "default": "mounted"},
                },
            },
            "timeout": {"type": "int", "default": 300},
            "spread": {"type": "float", "default": 0},
            "availability_zone_id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module, Node())
    except MountsError as error:
        module.fail_json(msg=str(error))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
