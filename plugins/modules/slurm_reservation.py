#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: slurm_reservation
short_description: A reservation of nodes in Slurm, for maintenance or for a group
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Makes, changes or removes a reservation, by C(scontrol). Until it begins Slurm starts no job that would still run
    then, and while it lasts only those who are named may use its nodes.
  - A reservation that is over, which Slurm removes, is not made again. One that comes again (flags V(DAILY), V(WEEKLY)
    and the like) is not changed for having moved on.
  - Run it where C(scontrol) reaches slurmctld, as root or as C(SlurmUser).
options:
  name:
    description: Name of the reservation.
    type: str
    required: true
  state:
    description: Whether there is to be one.
    type: str
    choices: [present, absent]
    default: present
  start:
    description: When it begins, C(YYYY-MM-DDTHH:MM:SS) on the controller's clock. Needed when O(state=present).
    type: str
  end:
    description: When it ends, in the same form.
    type: str
  duration:
    description: How long it lasts, in minutes or as C([days-]hours:minutes[:seconds]), instead of O(end).
    type: str
  nodes:
    description: Nodes as Slurm writes them, C(ip-10-1-0-[1-4]) for example. V(ALL), and empty, stand for all nodes.
    type: str
    default: ""
  partition:
    description: All nodes of this partition, instead of O(nodes).
    type: str
    default: ""
  users:
    description: Users who may run jobs in it.
    type: list
    elements: str
    default: []
  accounts:
    description: Accounts whose jobs may run in it.
    type: list
    elements: str
    default: []
  flags:
    description:
      - Flags of scontrol(1). V(MAINT) is for maintenance. Such a one of all nodes also gets V(IGNORE_JOBS), as
        otherwise Slurm refuses it while there are jobs that may run until then.
    type: list
    elements: str
    default: []
  scontrol:
    description: The program.
    type: path
    default: /opt/slurm/bin/scontrol
  slurm_conf:
    description: Slurm's configuration, when it is not where C(scontrol) looks by itself.
    type: path
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the reservation before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with Slurm 20.11 or later.
    support: full
    platforms: posix
seealso:
  - module: podforge.hyperpod.slurm_accounts
"""

EXAMPLES = r"""
- name: Keep the cluster free for an update, on Tuesday night
  podforge.hyperpod.slurm_reservation:
    name: update
    start: "2026-12-01T22:00:00"
    duration: "4:00"
    users: [root]
    flags: [MAINT]

- name: Four nodes for a course, every week
  podforge.hyperpod.slurm_reservation:
    name: course
    start: "2026-12-04T09:00:00"
    end: "2026-12-04T12:00:00"
    nodes: ip-10-1-0-[1-4]
    accounts: [teaching]
    flags: [WEEKLY]

- name: The update is done
  podforge.hyperpod.slurm_reservation:
    name: update
    state: absent
"""

RETURN = r"""
calls:
  description: Arguments of C(scontrol), one list for each call that was made, or would be in check mode.
  returned: success
  type: list
  elements: list
  sample: [["delete", "reservationname=update"]]
slurm_reservation:
  description: What is there after the call; empty when there is none.
  returned: success
  type: dict
  sample:
    start: "2026-12-01T22:00:00"
    end: "2026-12-02T02:00:00"
    nodes: ALL
    partition: null
    users: [root]
    accounts: []
    flags: [IGNORE_JOBS, MAINT]
"""

import os
import typing as t
from dataclasses import replace
from datetime import datetime

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import Reservation
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import ReservationError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import describe
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import parse
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_reservation import wanted


class Scontrol:
    """The program, with the configuration that it is to use."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = module.params["scontrol"]
        conf = module.params["slurm_conf"]
        self.environment = {
            "LC_ALL": "C.UTF-8",
            "SLURM_TIME_FORMAT": "standard",
            **({"SLURM_CONF": conf} if conf else {}),
        }
        if not os.access(self.program, os.X_OK):
            raise ReservationError(f"scontrol: {self.program} is not there; give the path of Slurm's scontrol")

    def __call__(self, *arguments: str) -> str:
        """What it answers.

        Raises:
            ReservationError: it fails, with its words.
        """
        code, out, err = self.module.run_command([self.program, *arguments], environ_update=self.environment)
        if code != 0:
            words = "; ".join(line.strip() for line in f"{err}\n{out}".splitlines() if line.strip())
            raise ReservationError(f"scontrol {' '.join(arguments)}: {words}")
        return str(out)

    def nodes(self, expression: str) -> frozenset[str]:
        """Names of the nodes in an expression."""
        return frozenset(self("show", "hostnames", expression).split()) if expression else frozenset()

    def reservation(self, name: str) -> Reservation | None:
        """What there is."""
        for line in self("show", "reservation", "--oneliner").splitlines():
            if line.startswith(f"ReservationName={name} "):
                found, expression, reservation = parse(line)
                return replace(reservation, nodes=self.nodes(expression)) if found == name else None
        return None


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Check, read, plan, apply; the result for exit_json."""
    params = module.params
    scontrol = Scontrol(module)
    desired = None
    if params["state"] == "present":
        some = params["nodes"].upper() not in ("", "ALL")
        desired = wanted(params, scontrol.nodes(params["nodes"]) if some else None)
    current = scontrol.reservation(params["name"])
    calls = plan(params["name"], current, desired, datetime.now())
    after = current
    if calls and module.check_mode:
        after = desired
    elif calls:
        for call in calls:
            scontrol(*call)
        after = scontrol.reservation(params["name"])
    return {
        "changed": bool(calls),
        "calls": calls,
        "slurm_reservation": describe(after),
        "diff": {"before": describe(current), "after": describe(after)},
    }


def main() -> None:
    """Entry point."""
    text = {"type": "str"}
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "start": text,
            "end": text,
            "duration": text,
            "nodes": {"type": "str", "default": ""},
            "partition": {"type": "str", "default": ""},
            "users": names,
            "accounts": names,
            "flags": names,
            "scontrol": {"type": "path", "default": "/opt/slurm/bin/scontrol"},
            "slurm_conf": {"type": "path"},
        },
        required_if=[("state", "present", ("start",))],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except ReservationError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
