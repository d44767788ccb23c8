# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run in this process: same code, same requests, without the seconds that a playbook takes to start."""

from __future__ import annotations

from typing import Any

from modules_harness import PREFIX
from modules_harness import REGION
from modules_harness import ROOT_KEYS
from modules_harness import Cloud
from modules_harness import Keys
from modules_harness import plugins_of

from tests.support.in_process import run_in_process


def run_module(cloud: Cloud, name: str, options: dict[str, Any], keys: Keys = ROOT_KEYS) -> dict[str, Any]:
    """The result of a module, failed or not."""
    reach = {"region": REGION, "endpoint_url": cloud.url, "access_key": keys.key, "secret_key": keys.secret}
    return run_in_process(name, {**reach, **options}, [keys.secret])


def directly(cloud: Cloud, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Results of tasks of our modules, one after the other, as a play leaves them; with the same rights as there.

    There is no progress, and of a task's keywords only ``check_mode`` and ``diff`` are known.
    """
    keys = cloud.keys_for(plugins_of(tasks))
    return [_result_of(cloud, task, keys) for task in tasks]


def _result_of(cloud: Cloud, task: dict[str, Any], keys: Keys) -> dict[str, Any]:
    (name,) = plugins_of([task])
    unknown = set(task) - {f"{PREFIX}{name}", "check_mode", "diff"}
    assert not unknown, unknown
    modes = {"_ansible_check_mode": task.get("check_mode", False), "_ansible_diff": task.get("diff", False)}
    return {"changed": False, "failed": False, **run_module(cloud, name, {**task[f"{PREFIX}{name}"], **modes}, keys)}
