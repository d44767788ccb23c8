#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: systemd_mask
short_description: Stop and mask a list of systemd units, installed or not
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Masks units by a link to C(/dev/null) in C(/etc/systemd/system), which no package touches,
    so they stay off when their package is upgraded or installed later.
  - Handles the whole list in one call, where M(ansible.builtin.systemd_service) needs one call per unit.
  - A unit file that an image left in C(/etc/systemd/system) itself (C(systemctl mask) refuses those) is set aside
    as C(<unit>.podforge-saved) and put back by O(state=unmasked).
  - Works as well where systemd does not run (image builds, chroots); there it only links.
options:
  names:
    description:
      - Units to mask. A name with no suffix means a C(.service).
    type: list
    elements: str
    required: true
  state:
    description:
      - V(masked) stops the units and masks them.
      - V(unmasked) takes the masks away again and starts nothing.
    type: str
    choices: [masked, unmasked]
    default: masked
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the units' state before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with systemd.
    support: full
    platforms: linux
seealso:
  - module: ansible.builtin.systemd_service
"""

EXAMPLES = r"""
- name: Keep the desktop off, also when somebody installs it later
  podforge.hyperpod.systemd_mask:
    names: [gdm.service, avahi-daemon.service, avahi-daemon.socket]

- name: Let a unit be started again
  podforge.hyperpod.systemd_mask:
    names: [gdm.service]
    state: unmasked
"""

RETURN = r"""
default_target:
  description: What the host boots to, which is what pulls in most units.
  returned: success
  type: str
  sample: multi-user.target
units:
  description: What each unit is after the call.
  returned: success
  type: dict
  sample: {"gdm.service": {"masked": true, "active": false}}
"""

import os
import re
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint

UNIT_DIR = Path("/etc/systemd/system")
# Not a valid unit suffix, so systemd never loads such a file (systemd.unit(5)).
SAVED_SUFFIX = ".podforge-saved"
# systemd.unit(5): characters of a unit name and the kinds of unit that can be masked.
UNIT_NAME = re.compile(r"^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|path|target|mount|automount|swap|slice)$")
RUNNING = frozenset({"active", "activating", "reloading", "refreshing", "deactivating"})

UnitState = dict[str, bool]


class MaskError(Exception):
    """Something the operator must mend; the text says what."""


def normalise(names: t.Iterable[str]) -> list[str]:
    """Complete the suffix, drop repetitions, keep the order; MaskError names what is no unit."""
    units: dict[str, None] = {}
    for name in names:
        unit = name if re.search(r"\.[a-z]+$", name) else f"{name}.service"
        if not UNIT_NAME.match(unit):
            raise MaskError(f"names: {name!r} is not the name of a systemd unit; write for example gdm.service")
        units[unit] = None
    return list(units)


def is_masked(path: Path) -> bool:
    """True for a link to /dev/null or an empty file: both mask (systemd.unit(5))."""
    if path.is_symlink():
        return str(path.readlink()) == os.devnull
    return path.is_file() and path.stat().st_size == 0


def plan(units: t.Sequence[str], before: t.Mapping[str, UnitState], state: str) -> tuple[list[str], list[str]]:
    """Which units need their link changed, and which must be stopped."""
    want = state == "masked"
    relink = [unit for unit in units if before[unit]["masked"] != want]
    stop = [unit for unit in units if want and before[unit]["active"]]
    return relink, stop


def predicted(before: t.Mapping[str, UnitState], state: str) -> dict[str, UnitState]:
    """The units' state once the plan has been carried out."""
    want = state == "masked"
    return {unit: {"masked": want, "active": now["active"] and not want} for unit, now in before.items()}


def mask(path: Path) -> None:
    """Link the unit to /dev/null; what was there before is set aside, whole at every moment."""
    saved = path.with_name(path.name + SAVED_SUFFIX)
    if path.is_symlink() or path.exists():
        path.replace(saved)
    path.symlink_to(os.devnull)


def unmask(path: Path) -> None:
    """Take the mask away and put back what :func:`mask` has set aside."""
    path.unlink()
    saved = path.with_name(path.name + SAVED_SUFFIX)
    if saved.is_symlink() or saved.exists():
        saved.replace(path)


def default_target(directory: Path) -> str:
    """Where default.target leads to: the administrator's link, or graphical.target, which systemd itself has."""
    link = directory / "default.target"
    return link.readlink().name if link.is_symlink() else "graphical.target"


def is_booted() -> bool:
    """sd_booted(3), and not in a chroot that only sees the host's /run."""
    if not Path("/run/systemd/system").is_dir():
        return False
    try:
        init = Path("/proc/1/root").stat()
    except OSError:
        return False
    here = Path("/").stat()
    return (here.st_dev, here.st_ino) == (init.st_dev, init.st_ino)


class Units:
    """The units of this host: their links, and systemd where it runs."""

    def __init__(self, module: AnsibleModule, directory: Path, booted: bool) -> None:
        self.module = module
        self.directory = directory
        self.booted = booted

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """Standard output of one systemctl call; MaskError carries its complaint."""
        command = ["systemctl", *arguments]
        rc, out, err = self.module.run_command(command)
        if check and rc != 0:
            raise MaskError(f"{' '.join(command)} failed with code {rc}: {(err or out).strip()}")
        return str(out)

    def read(self, units: t.Sequence[str]) -> dict[str, UnitState]:
        """Masked by link, active by one ``systemctl is-active`` (a line per unit, in the order asked for)."""
        active = [False] * len(units)
        if self.booted and units:
            lines = self.systemctl("is-active", "--", *units, check=False).split()
            if len(lines) != len(units):
                raise MaskError(f"systemctl is-active answered {len(lines)} lines for {len(units)} units")
            active = [line in RUNNING for line in lines]
        return {
            unit: {"masked": is_masked(self.directory / unit), "active": active[index]}
            for index, unit in enumerate(units)
        }

    def apply(self, relink: t.Sequence[str], stop: t.Sequence[str], state: str) -> None:
        """Stop, link, reload. A stop goes first so that the unit's own ExecStop still holds."""
        if stop:
            self.systemctl("stop", "--", *stop)
        for unit in relink:
            (mask if state == "masked" else unmask)(self.directory / unit)
        if self.booted and relink:
            self.systemctl("daemon-reload")

    def still_active(self, units: t.Sequence[str]) -> list[str]:
        """What a socket or the bus has started again between stop and mask."""
        return [unit for unit, now in self.read(units).items() if now["active"]]


def run(module: AnsibleModule, directory: Path = UNIT_DIR, booted: bool | None = None) -> dict[str, t.Any]:
    """Read, plan, apply; the result for exit_json."""
    state: str = module.params["state"]
    units = normalise(module.params["names"])
    host = Units(module, directory, is_booted() if booted is None else booted)
    before = host.read(units)
    relink, stop = plan(units, before, state)
    after = predicted(before, state)
    if not module.check_mode:
        host.apply(relink, stop, state)
        again = host.still_active(units) if stop else []
        if again:
            host.systemctl("stop", "--", *again)
    return {
        "changed": bool(relink or stop),
        "units": after,
        "default_target": default_target(directory),
        "diff": {"before": before, "after": after},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["masked", "unmasked"], "default": "masked"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except MaskError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error, UNIT_DIR))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
