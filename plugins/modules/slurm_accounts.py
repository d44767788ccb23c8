#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: slurm_accounts
short_description: Cluster, accounts, users and QOS in Slurm's accounting database
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Reads the accounting database by C(sacctmgr), works out what differs from what is wanted, and has C(sacctmgr) change
    that. All input is checked before the first change.
  - What is not said stays as it is, be it a setting, an account or a user. O(purge) is the exception.
  - Accounts and users are those of one cluster. Descriptions of accounts, administrators' levels and QOS belong to all
    clusters of the database.
  - Run it where C(sacctmgr) reaches slurmdbd, as root or as C(SlurmUser).
options:
  cluster:
    description:
      - Name of the cluster, as C(ClusterName) in C(slurm.conf).
      - It is made known to the database when it is not yet. Where that comes before slurmctld's first connection to
        slurmdbd, slurmctld takes its id from there.
    type: str
    required: true
  accounts:
    description: Accounts of the cluster.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account, in lower case.
        type: str
        required: true
      parent:
        description: The account above it. New accounts are below C(root) when this is not set.
        type: str
      description:
        description: What it is. Slurm keeps it in lower case.
        type: str
      organization:
        description: Whose it is. Slurm keeps it in lower case.
        type: str
      settings:
        description:
          - Fair share, limits and QOS, by their names in sacctmgr(1). Null takes a setting away.
          - C(Fairshare), C(Priority), C(GrpJobs), C(GrpSubmitJobs), C(GrpTRES), C(GrpTRESMins), C(GrpTRESRunMins),
            C(GrpWall), C(MaxJobs), C(MaxSubmitJobs), C(MaxTRESPerJob), C(MaxTRESPerNode), C(MaxTRESMinsPerJob),
            C(MaxWallDurationPerJob), C(QOS), C(DefaultQOS).
        type: dict
  users:
    description:
      - Users of the cluster. A user who has different settings in different accounts has an element for each of them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user, in lower case.
        type: str
        required: true
      accounts:
        description: Accounts that the user may charge. The first one becomes the default account of a new user.
        type: list
        elements: str
        default: []
      default_account:
        description: The account that is charged when a job names none.
        type: str
      admin_level:
        description: What the user may do to the database and to other users' jobs.
        type: str
        choices: [none, operator, administrator]
      settings:
        description: The same as of accounts, for the user in each of these accounts.
        type: dict
  qos:
    description: Qualities of service.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the QOS, in lower case.
        type: str
        required: true
      settings:
        description:
          - Priority, limits and the like, by their names in sacctmgr(1). Null takes a setting away.
          - C(Priority), C(Flags), C(Preempt), C(PreemptMode), C(PreemptExemptTime), C(GraceTime), C(UsageFactor),
            C(UsageThreshold), C(LimitFactor), C(GrpJobs), C(GrpSubmitJobs), C(GrpTRES), C(GrpTRESMins),
            C(GrpTRESRunMins), C(GrpWall), C(MaxJobsPerUser), C(MaxSubmitJobsPerUser), C(MaxJobsPerAccount),
            C(MaxSubmitJobsPerAccount), C(MaxTRESPerJob), C(MaxTRESPerNode), C(MaxTRESMinsPerJob), C(MaxTRESPerUser),
            C(MaxTRESPerAccount), C(MaxWallDurationPerJob), C(MinTRESPerJob).
        type: dict
  purge:
    description:
      - Of which kinds to remove what the options don't name. The account and the user C(root) and the QOS C(normal)
        stay.
      - V(users) takes users out of accounts. V(accounts) removes accounts with those who are in them. V(qos) concerns
        all clusters of the database.
      - History is not removed. Slurm refuses to remove what jobs run under.
    type: list
    elements: str
    choices: [users, accounts, qos]
    default: []
  sacctmgr:
    description: The program.
    type: path
    default: /opt/slurm/bin/sacctmgr
  slurm_conf:
    description:
      - The file that tells C(sacctmgr) where slurmdbd is. When not set, the one that C(sacctmgr) takes by itself.
    type: path
  wait_timeout:
    description: Seconds to wait until slurmdbd answers.
    type: int
    default: 60
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the cluster's accounts and users, and all QOS, before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Hosts with Slurm 20.11 or later.
    support: full
    platforms: posix
notes:
  - Limits hold where C(AccountingStorageEnforce) in C(slurm.conf) says so.
  - Limits of generic resources (C(gres/gpu)) want C(AccountingStorageTRES) in C(slurm.conf), and a slurmctld that has
    run with it.
  - Associations that hold in one partition only are left alone.
"""

EXAMPLES = r"""
- name: Two groups that share a cluster 3 to 1, and an operator
  podforge.hyperpod.slurm_accounts:
    cluster: demo
    qos:
      - name: urgent
        settings: {Priority: 100, MaxTRESPerUser: {gres/gpu: 16}, MaxWall: "12:00:00", Flags: [DenyOnLimit]}
    accounts:
      - name: research
        description: foundation models
        settings: {Fairshare: 3, QOS: [normal, urgent]}
      - name: vision
        parent: research
      - name: teaching
        settings: {Fairshare: 1, MaxJobs: 20}
    users:
      - name: ana
        accounts: [vision, research]
        default_account: research
        admin_level: operator
      - name: ben
        accounts: [teaching]
        settings: {MaxSubmitJobs: 5}

- name: Only those who are named may run jobs
  podforge.hyperpod.slurm_accounts:
    cluster: demo
    accounts: [{name: research}]
    users: [{name: ana, accounts: [research]}]
    purge: [users]
"""

RETURN = r"""
calls:
  description: Arguments of C(sacctmgr), one list for each call that was made, or would be in check mode.
  returned: success
  type: list
  elements: list
  sample: [["add", "account", "name=research", "cluster=demo", "parent=root"]]
slurm_accounts:
  description: What is there after the call. Settings that nobody has set are left out.
  returned: success
  type: dict
  contains:
    cluster:
      description: The cluster.
      type: str
      sample: demo
    accounts:
      description: Its accounts by name.
      type: dict
      sample: {"research": {"parent": "root", "description": "foundation models", "Fairshare": 3}}
    users:
      description: Its users by name, with default account, level, and settings by account.
      type: dict
      sample: {"ana": {"default_account": "vision", "admin_level": "none", "accounts": {"vision": {"Fairshare": 1}}}}
    qos:
      description: All QOS by name.
      type: dict
      sample: {"normal": {"Priority": 0, "UsageFactor": 1.0}}
"""

import os
import subprocess
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts import plan as planning
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.rows import parse
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.rows import queries
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.rows import unreadable
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.values import AccountsError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.wanted import wanted

# Said, with status 1, of a change that another run has made just now.
NOTHING_TO_DO = ("Nothing modified", "Nothing deleted", "Nothing new added", "already exists")


class Sacctmgr:
    """The program, with the configuration that it is to use."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = module.params["sacctmgr"]
        conf = module.params["slurm_conf"]
        self.environment = {"LC_ALL": "C.UTF-8", **({"SLURM_CONF": conf} if conf else {})}
        if not os.access(self.program, os.X_OK):
            raise AccountsError(f"sacctmgr: {self.program} is not there; give the path of Slurm's sacctmgr")
        if conf and not Path(conf).is_file():
            raise AccountsError(f"slurm_conf: {conf} is not there; give a file with AccountingStorageHost")

    def query(self, arguments: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
        """One query. Several may be asked at a time: sacctmgr mostly waits."""
        return subprocess.run(
            [self.program, "--parsable2", "--noheader", *arguments],
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )

    def answers(self, asked: dict[str, list[str]], seconds: int) -> dict[str, str]:
        """What the queries answer, where slurmdbd is up within this time.

        Raises:
            AccountsError: it is not, or refuses a query.
        """
        with ThreadPoolExecutor(len(asked)) as pool:

            def ask() -> dict[str, subprocess.CompletedProcess[str]]:
                return dict(pool.map(lambda part: (part, self.query(asked[part])), asked))

            done = ask()
            if any(one.returncode for one in done.values()):
                self.wait(seconds)
                done = ask()
        for part, one in done.items():
            if one.returncode:
                what = f"sacctmgr {' '.join(asked[part][:2])}"
                raise AccountsError(f"{what} failed: {_words(one.stderr or one.stdout)}")
        return {part: one.stdout for part, one in done.items()}

    def change(self, arguments: t.Sequence[str]) -> None:
        """Have something changed.

        Raises:
            AccountsError: Slurm refuses, with its words.
        """
        code, out, err = self.module.run_command(
            [self.program, "--immediate", *arguments], environ_update=self.environment
        )
        if code == 0:
            return
        said = _words(f"{err}\n{out}")
        if not any(phrase in said for phrase in NOTHING_TO_DO):
            raise AccountsError(f"sacctmgr {' '.join(arguments)} was refused, what came before it is done: {said}")

    def wait(self, seconds: int) -> None:
        """Until slurmdbd answers.

        Raises:
            AccountsError: it does not within this time.
        """
        end = time.monotonic() + seconds
        while True:
            done = self.query(["list", "cluster", "format=Cluster"])
            if done.returncode == 0:
                return
            if time.monotonic() >= end:
                raise AccountsError(
                    f"slurmdbd does not answer after {seconds} seconds (wait_timeout): "
                    f"{_words(done.stderr or done.stdout)}; see `systemctl status slurmdbd` and "
                    "/var/log/slurm/slurmdbd.log"
                )
            time.sleep(0.2)


def _words(text: str) -> str:
    return "; ".join(line.strip() for line in text.split("\n") if line.strip())


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Check, read, plan, apply; the result for exit_json."""
    desired = wanted(module.params)
    sacctmgr = Sacctmgr(module)
    answers = sacctmgr.answers(queries(desired.cluster), module.params["wait_timeout"])
    for line in unreadable(answers):
        module.warn(f"sacctmgr lists a name or text with | in it, which is left alone: {line}")
    current = parse(desired.cluster, answers)
    purge = module.params["purge"]
    calls = planning.plan(current, desired, purge)
    if not module.check_mode:
        for call in calls:
            sacctmgr.change(call)
    after = planning.describe(planning.after(current, desired, purge))
    return {
        "changed": bool(calls),
        "calls": calls,
        "slurm_accounts": after,
        "diff": {"before": planning.describe(current), "after": after},
    }


def main() -> None:
    """Entry point."""
    named = {"name": {"type": "str", "required": True}, "settings": {"type": "dict"}}
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "accounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **named,
                    "parent": {"type": "str"},
                    "description": {"type": "str"},
                    "organization": {"type": "str"},
                },
            },
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **named,
                    "accounts": {"type": "list", "elements": "str", "default": []},
                    "default_account": {"type": "str"},
                    "admin_level": {"type": "str", "choices": ["none", "operator", "administrator"]},
                },
            },
            "qos": {"type": "list", "elements": "dict", "default": [], "options": named},
            "purge": {"type": "list", "elements": "str", "choices": ["users", "accounts", "qos"], "default": []},
            "sacctmgr": {"type": "path", "default": "/opt/slurm/bin/sacctmgr"},
            "slurm_conf": {"type": "path"},
            "wait_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except AccountsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
