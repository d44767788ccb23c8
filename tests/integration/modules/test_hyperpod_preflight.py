# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_preflight: all is well where all is well, and each single defect is found, named and told how to mend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from in_process import run_module
from modules_harness import Ansible
from modules_harness import Cloud
from preflight_defects import DEFECTS
from preflight_defects import Defect
from preflight_defects import Options
from preflight_defects import addons
from preflight_defects import plan
from preflight_defects import storage
from preflight_world import World


@pytest.fixture(name="world", scope="module")
def _world(cloud: Cloud) -> World:
    return World(cloud)


def bad(result: dict[str, Any]) -> list[dict[str, str]]:
    return [finding for finding in result["preflight"]["findings"] if finding["level"] != "pass"]


def test_nothing_is_found_where_all_is_well(world: World) -> None:
    result = world.check()
    assert not result.get("failed"), result
    assert bad(result) == []
    assert result["preflight"]["passed"]
    seen = {finding["check"] for finding in result["preflight"]["findings"]}
    assert {"subnet_private", "instance_offering", "fsx_path", "role_permissions", "certificate_name"} <= seen
    assert {"quota", "bucket_private", "entry_exists", "secret", "pod_cidr", "fsx_mount_name"} <= seen


# What is found is the module's own doing.
@pytest.mark.one_core
@pytest.mark.parametrize("defect", DEFECTS, ids=[defect[0] for defect in DEFECTS])
def test_one_defect(world: World, defect: Defect) -> None:
    what, edit, level, check, words = defect
    try:
        result = world.check(lambda options: edit(world, options))
    finally:
        world.cloud.admin("PUT", "quotas", {"ml.c5.xlarge for cluster usage": None})
    matching = [finding for finding in bad(result) if (finding["level"], finding["check"]) == (level, check)]
    assert matching, (what, bad(result))
    text = "\n".join(json.dumps(finding) for finding in matching)
    assert all(word in text for word in words), (words, matching)
    assert all(finding["fix"] and finding["where"] for finding in matching), matching
    assert bool(result.get("failed")) == any(finding["level"] == "failure" for finding in bad(result))
    if level == "failure":
        assert result["failed"]
        assert matching[0]["what"] in result["msg"]


def test_a_plan_and_add_ons_that_fit(world: World) -> None:
    def edit(options: Options) -> None:
        plan("fits")(world, options)
        addons("whole")(world, options)

    findings = world.check(edit)["preflight"]["findings"]
    told = [f["what"] for f in findings if f["check"] in ("training_plan", "eks_addon")]
    assert all(f["level"] == "pass" for f in findings if f["check"] in ("training_plan", "eks_addon")), findings
    assert told[0] == "The training plan fits its groups"
    assert len(told) == 5


def test_all_findings_are_in_one_report_and_can_be_ignored_by_name(world: World) -> None:
    def edit(options: Options) -> None:
        options["secrets"] = ["nothing"]
        options["pod_cidr"] = "10.96.0.0/24"
        storage("fsx_lustre_config", mount_name="wrong")(world, options)

    found = world.check(edit)
    assert {f["check"] for f in bad(found)} == {"secret", "pod_cidr", "fsx_mount_name"}
    assert found["preflight"]["failures"] >= 3

    def lenient(options: Options) -> None:
        edit(options)
        options["ignore"] = ["secret", "pod_cidr", "fsx_mount_name"]

    ignored = world.check(lenient)
    assert not ignored.get("failed"), ignored
    assert ignored["preflight"]["warnings"] == found["preflight"]["failures"]


def test_a_cluster_that_is_there_is_told_and_needs_no_room_again(world: World, ansible: Ansible) -> None:
    wish = ansible.wish("checked", workers=3)
    try:
        assert run_module(world.cloud, "hyperpod_cluster", wish)["changed"]
        result = world.check()
        assert not result.get("failed"), result
        told = {f["check"]: f["what"] for f in result["preflight"]["findings"]}
        assert told["cluster"] == "There is a cluster checked, and it is InService"
        # The workers are there; the group of the controller has another name.
        assert told["subnet_addresses"].endswith(", 1 needed")
    finally:
        run_module(world.cloud, "hyperpod_cluster", {"name": "checked", "state": "absent", "wait_delay": 1})
