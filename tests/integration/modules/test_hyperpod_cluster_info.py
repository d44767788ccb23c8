# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hyperpod_cluster_info, and what the action plugin must get right around the module."""

from __future__ import annotations

from typing import Any

from in_process import directly
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import cluster


def info(**options: Any) -> dict[str, Any]:
    return {"podforge.hyperpod.hyperpod_cluster_info": options}


def test_names_filters_nodes_and_what_is_missing(ansible: Ansible, cloud: Cloud) -> None:
    small, large = ansible.wish("seen-small", workers=1), ansible.wish("seen-large", workers=150)
    cloud.admin("PUT", "quotas", {"ml.c5.xlarge for cluster usage": 500})
    results = directly(
        cloud,
        cluster({**small, "wait": False}),
        cluster(large),
        cluster(small),
        info(names=["seen-small", "nobody", "seen-small"]),
        info(name_contains="seen-"),
        info(names=["seen-large"], include_nodes=True),
        info(name_contains="nobody"),
        info(),
        info(names=["a"], name_contains="b"),
        cluster({"name": "seen-small", "state": "absent", "wait_delay": 1}),
        cluster({"name": "seen-large", "state": "absent", "wait_delay": 1}),
    )
    _first, made, _second, by_name, by_part, nodes, nothing, everything, refused, *_rest = results
    assert made["changed"], made["msg"]
    names = [[found["cluster_name"] for found in result.get("clusters", [])] for result in (by_name, by_part, nothing)]
    assert names == [["seen-small"], ["seen-large", "seen-small"], []]
    assert {"seen-large", "seen-small"} <= {found["cluster_name"] for found in everything["clusters"]}
    listed = nodes["clusters"][0]["nodes"]
    assert len({node["instance_id"] for node in listed}) == 151
    assert "nodes" not in by_name["clusters"][0]
    assert "mutually exclusive" in refused["msg"]
    assert not by_name["changed"]


def test_defaults_of_the_group_delegation_and_async(ansible: Ansible, cloud: Cloud) -> None:
    keys = {"access_key": "AKIAMODULES", "secret_key": "secret-of-the-tests", "region": "us-west-2"}
    bare = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": ""}
    defaults = {"group/podforge.hyperpod.hyperpod": {**keys, "endpoint_url": cloud.url}}
    wish = ansible.wish("defaults")
    played = ansible.play(
        cluster(wish, module_defaults=defaults, environment={**bare, "AWS_ENDPOINT_URL": ""}, delegate_to="127.0.0.1"),
        cluster(wish, **{"async": 60, "poll": 1}),
        cluster({"name": "defaults", "state": "absent", "wait_delay": 1}, **{"async": 60, "poll": 1}),
    )
    made, same, deleted = played.results
    assert made["changed"], made["msg"]
    assert played.progress("defaults")
    assert not same.get("failed"), str(same)
    assert not same["changed"], str(same)
    assert deleted["changed"], str(deleted)
