#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: system_packages
version_added: 0.1.0
short_description: Packages of roles in one transaction, whatever holds the lock
description:
  - Installs what roles declare in C(vars/packages.yml) and is missing, all in one transaction of C(apt) or C(dnf).
    When nothing is missing the package manager is not called at all.
  - Holds packages at the versions that are there, so that no other installation takes drivers or the kernel along.
  - Waits while another process holds the package manager's lock, and while a mirror does not answer, both for a time
    that is given; then it fails, with the lock's holder or the mirror in its message.
  - An optional package, whose name ends with C(?), never makes it fail. All are tried in the one transaction, then
    without those that no repository has; should that fail too, the required ones are installed, and the optional ones
    each by itself. What is missing then, and why, is in warnings and in RV(missing). With nothing but optional packages
    to install, a mirror that does not answer is not waited for.
  - Finishes first what a killed run of C(dpkg) has left. Never removes a package, but a new optional one whose own
    installation has failed half way. Never takes recommended
    packages along, keeps configuration files that were changed.
  - Roles and packages that an earlier task of the same play has seen to cost nothing more.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
options:
  roles:
    description:
      - Roles whose packages are wanted, C(namespace.collection.role), or the role's name alone for roles of this
        collection.
      - A name that ends with C(?) is optional.
      - A role with no C(vars/packages.yml) wants none. The file sets one variable, C(__<role>_packages), which maps
        operating systems to lists of packages. The most specific key counts, of C(Ubuntu-22.04), C(Debian-12),
        C(Ubuntu) and the family, C(Debian) or C(RedHat).
    type: list
    elements: str
    default: []
  names:
    description:
      - Further packages. C(name=version) asks for one version; C(name?) is optional.
    type: list
    elements: str
    default: []
  hold:
    description:
      - Patterns of names. Packages that are installed and match stay at their versions.
      - Needs the plugin C(versionlock) with C(dnf), which is installed when something is to be held.
    type: list
    elements: str
    default: []
  unhold:
    description:
      - Patterns of names. Packages that match may be upgraded again. Wins over O(hold).
    type: list
    elements: str
    default: []
  lock_timeout:
    description: Seconds to wait while another process holds the lock.
    type: int
    default: 300
  mirror_timeout:
    description: Seconds to try again while a mirror does not answer.
    type: int
    default: 300
  declared:
    description: Set by the action plugin from O(roles); not to be given.
    type: dict
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows what is installed and held, before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  facts:
    description: Notes the roles whose packages are there, for later tasks of the same play.
    support: full
  platform:
    description: Debian, Ubuntu, and systems with C(dnf).
    support: full
    platforms: debian, rhel
seealso:
  - module: ansible.builtin.apt
  - module: ansible.builtin.dnf
"""

EXAMPLES = r"""
- name: Install the packages of two roles at once
  podforge.hyperpod.system_packages:
    roles: [podforge.hyperpod.chrony, podforge.hyperpod.node_base]

- name: Install tools, and keep the kernel as it is
  podforge.hyperpod.system_packages:
    names: [jq, tree]
    hold: [linux-image-*, linux-headers-*]
"""

RETURN = r"""
installed:
  description: Packages that were missing.
  returned: success
  type: list
  elements: str
  sample: [chrony]
missing:
  description: Optional packages that could not be installed, and why.
  returned: success
  type: dict
  sample: {"duf": "no repository has it: E: Unable to locate package duf"}
held:
  description: Packages that are held from now on.
  returned: success
  type: list
  elements: str
  sample: [linux-image-aws]
unheld:
  description: Packages that are held no more.
  returned: success
  type: list
  elements: str
  sample: []
waited:
  description: Seconds spent waiting, by reason (C(lock), C(mirror)).
  returned: success
  type: dict
  sample: {"lock": 12.0}
"""

import shutil
import typing as t
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.sys_info import get_distribution
from ansible.module_utils.common.sys_info import get_distribution_version
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages import optional
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.apt import ENVIRONMENT
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.apt import Apt
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import Manager
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import Package
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import PackageError
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import State
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.dnf import Dnf
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.patience import Limits
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.patience import Patience
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import System
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import check_pattern
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import wanted

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_manager(module: AnsibleModule) -> Manager:
    """apt or dnf, whichever there is."""

    def command(arguments: t.Sequence[str]) -> tuple[int, str, str]:
        code, out, err = module.run_command(list(arguments), environ_update={**ENVIRONMENT, "LC_ALL": "C.UTF-8"})
        return int(code), str(out), str(err)

    if shutil.which("apt-get", path=PATH):
        return Apt(command)
    if shutil.which("dnf", path=PATH):
        return Dnf(command)
    raise PackageError("neither apt-get nor dnf is on this host: its packages cannot be managed")


def apply(manager: Manager, patience: Patience, state: State, steps: Plan, hold: t.Sequence[str]) -> dict[str, str]:
    """Hold first, so that the installation can't take along what is to stay; optional packages that are missing."""
    missing: dict[str, str] = {}
    if steps.unhold:
        patience.call(lambda: manager.unhold(steps.unhold))
    if steps.hold:
        needs = plan(state, manager.hold_needs()).install
        if needs:
            patience.install(needs)
        patience.call(lambda: manager.hold(steps.hold))
    if steps.install or steps.optional:
        missing = optional.install(manager, patience, state, steps.install, steps.optional)
        # an installed package may be one of those to hold
        late = plan(manager.read(()), (), hold=hold, unhold=steps.unhold).hold
        if late:
            patience.call(lambda: manager.hold(late))
    return missing


def shown(packages: t.Mapping[str, Package], names: t.Sequence[str]) -> dict[str, str]:
    """The packages that a diff is about."""
    found = {}
    for name in names:
        package = packages.get(name.split("=")[0])
        found[name] = "absent" if package is None else f"installed{', held' if package.held else ''}"
    return found


def predicted(state: State, steps: Plan) -> dict[str, Package]:
    """The packages once the plan has been carried out."""
    found = dict(state.packages)
    for name in (*steps.install, *steps.optional):
        found[name.split("=")[0]] = Package("")
    for name in (*steps.hold, *steps.unhold):
        found[name] = Package(found[name].version, held=name in steps.hold)
    return found


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, plan, apply; the result for exit_json."""
    params = module.params
    manager = find_manager(module)
    system = System(str(get_distribution() or ""), str(get_distribution_version() or ""), manager.family)
    hold, unhold = ([check_pattern(pattern, key) for pattern in params[key]] for key in ("hold", "unhold"))
    names = wanted(params["declared"] or {}, system, params["names"])
    state = manager.read(names)
    steps = plan(state, names, hold, unhold)
    needed = bool(steps.install or steps.hold)
    patience = Patience(manager, Limits(params["lock_timeout"], params["mirror_timeout"] if needed else 0))
    missing = {} if module.check_mode else apply(manager, patience, state, steps, hold)
    for note in (*patience.notes, *(f"optional package {name} is missing: {why}" for name, why in missing.items())):
        module.warn(note)
    steps = replace(steps, optional=tuple(name for name in steps.optional if name not in missing))
    installed = [*steps.install, *steps.optional]
    touched = [*installed, *steps.hold, *steps.unhold]
    return {
        "changed": bool(steps),
        "installed": installed,
        "missing": missing,
        "held": list(steps.hold),
        "unheld": list(steps.unhold),
        "waited": patience.waited,
        "diff": {"before": shown(state.packages, touched), "after": shown(predicted(state, steps), touched)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "roles": {"type": "list", "elements": "str", "default": []},
            "names": {"type": "list", "elements": "str", "default": []},
            "hold": {"type": "list", "elements": "str", "default": []},
            "unhold": {"type": "list", "elements": "str", "default": []},
            "lock_timeout": {"type": "int", "default": 300},
            "mirror_timeout": {"type": "int", "default": 300},
            "declared": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except PackageError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
