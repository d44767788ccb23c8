# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A third of all requests is throttled, refused with a 5xx or cut off; nothing fails, and nothing is asked in vain."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from in_process import run_module
from modules_harness import REGION
from modules_harness import ROOT
from modules_harness import Ansible
from modules_harness import Cloud

# Together 30 %: each request meets one of them or none.
KINDS = {"throttle": 12, "server_error": 10, "drop": 10}


def storm(cloud: Cloud, seed: int, *operations: str) -> None:
    """Disturb 30 % of the requests of these operations, in a way that can be repeated."""
    cloud.admin("PUT", "faults", {"seed": seed})
    for operation in operations:
        for kind, percent in KINDS.items():
            cloud.fault(kind, percent=percent, operation=operation)


def asked(cloud: Cloud, since: int) -> Counter[str]:
    """Operations that were asked for, and how often."""
    return Counter(cloud.requests()[since:])


def inventory(ansible: Ansible, *options: str) -> dict[str, Any]:
    """What ansible-inventory lists; nothing but JSON on stdout."""
    source = ansible.folder / "nodes.hyperpod.yml"
    source.write_text(json.dumps({"plugin": "podforge.hyperpod.hyperpod_nodes", "region": REGION}))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(source), "--list", *options],
        cwd=ROOT,
        env={**ansible.environment(), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.one_core
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cluster_is_made_kept_seen_and_deleted_all_the_same(ansible: Ansible, cloud: Cloud, seed: int) -> None:
    name = f"disturbed-{seed}"
    wish = ansible.wish(name, tags={"a": "1"}, wait_timeout=280)
    storm(cloud, seed, "sagemaker:*")
    made = run_module(cloud, "hyperpod_cluster", wish)
    assert made.get("changed"), made
    assert made["cluster"]["cluster_status"] == "InService"
    same = run_module(cloud, "hyperpod_cluster", wish)
    assert same.get("changed") is False, same
    seen = run_module(cloud, "hyperpod_cluster_info", {"names": [name], "include_nodes": True})
    assert len(seen["clusters"][0]["nodes"]) == 3, seen
    listed = inventory(ansible)
    assert len(listed[f"hyperpod_cluster_disturbed_{seed}"]["hosts"]) == 3
    deleted = run_module(cloud, "hyperpod_cluster", {"name": name, "state": "absent", "wait_delay": 1})
    assert deleted.get("changed"), deleted
    assert run_module(cloud, "hyperpod_cluster_info", {"names": [name]})["clusters"] == []


@pytest.mark.one_core
@pytest.mark.parametrize("seed", [1, 2])
def test_lifecycle_files_are_staged_whole_and_removed(cloud: Cloud, seed: int) -> None:
    options = {
        "cluster_name": f"disturbed-{seed}",
        "bucket": cloud.place["bucket"],
        "node_pythons": ["3.11"],
        "collection_paths": {"podforge.hyperpod": str(ROOT)},
    }
    storm(cloud, seed, "s3:*", "sagemaker:*")
    staged = run_module(cloud, "hyperpod_lifecycle", options)
    assert staged.get("uploaded") == ["bundle.tar", "manifest.json", "on_create.sh"], staged
    assert run_module(cloud, "hyperpod_lifecycle", options).get("changed") is False
    removed = run_module(cloud, "hyperpod_lifecycle", {**options, "state": "absent"})
    assert removed.get("removed") == [staged["lifecycle"]["content_id"]], removed


def test_a_second_run_asks_no_more_than_it_needs(ansible: Ansible, cloud: Cloud) -> None:
    """What is read of one thing is one call: the cluster, its tags, 100 nodes, one listing of the bucket."""
    wish = ansible.wish("calm", tags={"a": "1"})
    staging = {
        "cluster_name": "calm",
        "bucket": cloud.place["bucket"],
        "node_pythons": ["3.11"],
        "collection_paths": {"podforge.hyperpod": str(ROOT)},
    }
    run_module(cloud, "hyperpod_cluster", wish)
    run_module(cloud, "hyperpod_lifecycle", staging)
    try:
        since = len(cloud.requests())
        assert run_module(cloud, "hyperpod_cluster", wish)["changed"] is False
        assert asked(cloud, since) <= Counter({"sagemaker:DescribeCluster": 2, "sagemaker:ListTags": 1})
        since = len(cloud.requests())
        run_module(cloud, "hyperpod_cluster_info", {"names": ["calm"], "include_nodes": True})
        once = ("sagemaker:DescribeCluster", "sagemaker:ListTags", "sagemaker:ListClusterNodes")
        assert asked(cloud, since) == Counter(once)
        since = len(cloud.requests())
        assert run_module(cloud, "hyperpod_lifecycle", staging)["changed"] is False
        assert asked(cloud, since) == Counter({"s3:HEAD": 1, "s3:GET": 1})
        since = len(cloud.requests())
        assert run_module(cloud, "hyperpod_cluster", {"name": "nobody", "state": "absent"})["changed"] is False
        assert asked(cloud, since) == Counter({"sagemaker:DescribeCluster": 1})
    finally:
        run_module(cloud, "hyperpod_cluster", {"name": "calm", "state": "absent", "wait": False})
