# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key ``kubernetes`` of a description: what reaches the roles, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.podforge.hyperpod.plugins.module_utils._description import kubernetes

ROLES = Path(__file__).parents[5] / "roles"
GOOD = {
    "cluster_name": "demo",
    "region": "us-west-2",
    "network": {"vpc_cidr": "10.198.0.0/16", "availability_zones": ["us-west-2a"]},
    "execution_role": {"name": "podforge-demo-node"},
    "lifecycle_bucket": {"name": "sagemaker-podforge-demo-{account_id}"},
    "instance_groups": [
        {
            "instance_group_name": "controller-machine",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 1,
            "slurm_config": {"node_type": "Controller"},
        },
        {
            "instance_group_name": "worker-group-1",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 2,
            "slurm_config": {"node_type": "Compute", "partition_names": ["p1"]},
        },
    ],
}


def node_vars(run, wish, overrides=None):
    result, findings = run(overrides, description={**GOOD, "kubernetes": wish})
    assert findings == []
    return {key: value for key, value in result["node_vars"].items() if key.startswith("kubeadm_")}


@pytest.mark.parametrize("wish", [None, False, {"enabled": False, "version": "1.32"}])
def test_off_nothing_of_it_reaches_a_node(run, wish):
    assert node_vars(run, wish) == {}


@pytest.mark.parametrize("wish", [True, {}])
def test_on_with_the_vpc_that_is_made(run, wish):
    assert node_vars(run, wish) == {
        "kubeadm_common_enabled": True,
        "kubeadm_master_vpc_cidrs": ["10.198.0.0/16"],
    }


def test_what_reaches_the_roles(run):
    wish = {
        "version": "1.32",
        "pod_cidr": "10.240.0.0/14",
        "max_nodes": 1000,
        "labels": {"team": "vision"},
        "taints": [{"key": "dedicated", "effect": "NoSchedule"}],
    }
    found = node_vars(run, wish)
    assert found["kubeadm_common_version"] == "1.32"
    assert found["kubeadm_master_pod_cidr"] == "10.240.0.0/14"
    assert found["kubeadm_master_max_nodes"] == 1000
    assert found["kubeadm_worker_labels"] == {"team": "vision"}


def test_every_key_is_a_variable_of_a_role():
    defaults = {}
    for role in ("kubeadm_common", "kubeadm_master", "kubeadm_worker"):
        defaults.update(yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text()))
    for variable, kind in kubernetes._KEYS.values():
        assert isinstance(defaults[variable], kind), variable
    assert defaults["kubeadm_master_pod_cidr"] == kubernetes._POD_CIDR
    assert defaults["kubeadm_master_service_cidr"] == kubernetes._SERVICE_CIDR
    assert defaults["kubeadm_master_node_prefix"] == kubernetes._NODE_PREFIX


def test_variables_of_the_roles_win(run):
    data = {**GOOD, "kubernetes": {"version": "1.32"}, "node_vars": {"kubeadm_common_version": "1.31"}}
    result, findings = run(description=data)
    assert findings == []
    assert result["node_vars"]["kubeadm_common_version"] == "1.31"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kubeadm_master_max_nodes": 300}, "256 blocks of /24"),
        ({"kubeadm_master_max_nodes": "300", "kubeadm_master_node_prefix": 25}, ""),
        ({"kubeadm_master_max_nodes": 300, "kubeadm_master_pod_cidr": "10.240.0.0/14"}, ""),
        ({"kubeadm_master_pod_cidr": "10.198.0.0/16"}, "overlaps the VPC's"),
    ],
)
def test_networks_of_the_roles_variables_are_checked(run, more, words):
    _none, findings = run(description={**GOOD, "kubernetes": True, "node_vars": more})
    assert [words in one.what for one in findings] == ([True] if words else [])


def test_the_variable_wins_over_the_description(run):
    assert node_vars(run, True, {"kubernetes": False}) == {}
    assert node_vars(run, False, {"kubernetes": {"version": "1.31"}})["kubeadm_common_version"] == "1.31"


@pytest.mark.parametrize(
    ("wish", "where", "words", "fix"),
    [
        ("yes", "kubernetes", "a mapping, or true or false is wanted", ""),
        ({"pod_cdir": "10.244.0.0/16"}, "kubernetes.pod_cdir", "not known here", "did you mean 'pod_cidr'"),
        ({"version": 1.3}, "kubernetes.version", "a string is wanted", "write a string"),
        ({"version": "new"}, "kubernetes.version", "is no version of Kubernetes", ""),
        ({"max_nodes": True}, "kubernetes.max_nodes", "a whole number is wanted", ""),
        ({"max_nodes": 300}, "kubernetes", "256 blocks of /24", "pod_cidr 10.244.0.0/15 would do"),
        ({"pod_cidr": "10.198.0.0/16"}, "kubernetes.pod_cidr", "overlaps the VPC's 10.198.0.0/16", "would do"),
        ({"pod_cidr": "10.244.1.0/16"}, "kubernetes.pod_cidr", "bits beyond its prefix", "write 10.244.0.0/16"),
        ({"labels": {"team": "two words"}}, "kubernetes.labels", "is no label", "write at most 63 letters"),
        (
            {"labels": {"node-role.kubernetes.io/worker": ""}},
            "kubernetes.labels",
            "may give itself",
            "k8s_restricted_labels",
        ),
        ({"taints": [{"key": "k", "effect": "Never"}]}, "kubernetes.taints", "k=:Never is no taint", "NoExecute"),
        ({"taints": ["k=v:NoSchedule"]}, "kubernetes.taints", "a list of mappings is wanted", ""),
    ],
)
def test_what_is_refused(run, wish, where, words, fix):
    _none, findings = run(description={**GOOD, "kubernetes": wish})
    assert len(findings) == 1, findings
    assert findings[0].where.split(" ")[-1].endswith(where)
    assert words in findings[0].what
    assert fix in findings[0].fix
