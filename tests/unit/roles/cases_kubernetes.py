# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that the roles of Kubernetes are rendered for."""

from __future__ import annotations

from typing import Any

from systems import AMAZON
from systems import DEBIAN
from systems import UBUNTU
from systems import node

# labels of Kubernetes' own that kubelet may not set, and some that it may
REFUSED = ("node-role.kubernetes.io/worker", "node-restriction.kubernetes.io/a", "kubernetes.io/a", "x.k8s.io/a")
TAKEN = (
    "node.kubernetes.io/a",
    "a.kubelet.kubernetes.io/b",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "a/k8s.io",
)


# in the order that the service names them
THREE = [{"hostname": f"ip-10-1-0-{n}", "ip_address": f"10.1.0.{n}"} for n in (3, 1, 2)]


def kubernetes_seen(**more: str) -> str:
    """What the looks of kubeadm_common and kubeadm_master say of a node with containerd and no Kubernetes yet."""
    facts = {
        "systemd": "running",
        "containerd.LoadState": "loaded",
        "kubeadm": "",
        "containerd": "1.7.24",
        "root": "",
        "shims": "0",
        "nvidia_runtime": "",
        "cgroup2": "yes",
        "container": "",
        "state": "new",
        "pod_cidr": "",
        "endpoint": "",
        "audit": "",
        "haproxy": "yes",
        "service_cidr": "",
        "encryption": "",
        "schedule": "",
        "unknown": "",
        "without": "",
        **more,
    }
    return "\n".join(f"{key}={value}" for key, value in facts.items())


def kubernetes(kind: str = "controller", **more: Any) -> dict[str, Any]:
    """The variables of a case: a node, and Kubernetes that is asked for."""
    facts = {
        "hostname": "ip-10-1-0-1",
        "ip_address": "10.1.0.1",
        "cluster_name": "demo",
        "cluster_id": "abc123",
        "region": "us-west-2",
        "instance_type": "ml.p5.48xlarge",
        "instance_group": "workers",
        "availability_zone": "us-west-2a",
        "scratch_path": "/opt/dlami/nvme",
        "scratch_kind": "instance_store",
        "accelerator": {"vendor": "none", "count": 0},
        "computes": [{"ip_address": f"10.1.1.{n}", "hostname": f"ip-10-1-1-{n}"} for n in range(1, 4)],
        **more.pop("facts", {}),
    }
    found = {"case_node": {**node(kind), **facts}, "case_seen": kubernetes_seen(), "kubeadm_common_enabled": True}
    return {**found, **more}


KUBERNETES: dict[str, dict[str, Any]] = {
    "kube-ubuntu-22": {**UBUNTU, **kubernetes()},
    "kube-ubuntu-24": {**UBUNTU, **kubernetes(case_seen=kubernetes_seen(containerd="2.1.4"))},
    "kube-debian-12": {
        **DEBIAN,
        **kubernetes(
            kubeadm_common_version="1.30.4",
            kubeadm_common_registry="mirror.example/k8s",
            case_seen=kubernetes_seen(kubeadm="v1.30.4"),
        ),
    },
    "kube-al2023": {**AMAZON, **kubernetes(kubeadm_common_version="1.31.2")},
    "kube-files": {**DEBIAN, **kubernetes(kubeadm_common_repository="file:/opt/k")},
    "kube-files-al2023": {**AMAZON, **kubernetes(kubeadm_common_repository="file:/opt/k")},
    "kube-gpu": {
        **UBUNTU,
        **kubernetes(
            "compute",
            facts={"accelerator": {"vendor": "nvidia", "count": 8}},
            case_seen=kubernetes_seen(nvidia_runtime="yes"),
            kubeadm_worker_labels={"team": "vision", "topology.kubernetes.io/zone": "z"},
            kubeadm_common_version="1.32.4",
        ),
    },
    "kube-off": {**DEBIAN, **kubernetes(kubeadm_common_enabled=False, facts={"controllers": THREE})},
    "kube-eks": {**DEBIAN, **kubernetes(facts={"orchestrator": "Eks"})},
    "kube-wrong": {
        **DEBIAN,
        **kubernetes(
            kubeadm_common_repository="ftp://x",
            kubeadm_common_repository_key="key.asc",
            kubeadm_common_containerd_config={
                "plugins": {"a": {"registry": {"configs": {"r": {"auth": {"password": "p"}}}}}}
            },
            kubeadm_common_cgroup_driver="cgroupfs",
            kubeadm_master_endpoint="nameonly",
            kubeadm_master_token_ttl_hours=0,
            kubeadm_master_backup_destination="backups",
            kubeadm_master_backup_schedule="each hour",
            kubeadm_master_flannel_manifest="https://x.example/flannel.yml",
            kubeadm_master_pod_cidr="10.1.0.0/16",
            kubeadm_worker_labels={"team": "two words", **dict.fromkeys((*REFUSED, *TAKEN), "x")},
            kubeadm_worker_taints=[{"key": "k", "effect": "Never"}],
            kubeadm_worker_timeout=0,
            case_seen=kubernetes_seen(kubeadm="v1.31.0", root="", shims="4", state="foreign", schedule="wrong"),
        ),
    },
    "kube-made": {
        **DEBIAN,
        **kubernetes(
            kubeadm_master_pod_cidr="10.240.0.0/14",
            kubeadm_master_max_nodes=1000,
            case_seen=kubernetes_seen(
                kubeadm="v1.32.9",
                state="initialised",
                pod_cidr="10.244.0.0/16",
                service_cidr="10.97.0.0/16",
                encryption="False",
            ),
        ),
    },
    "kube-grown": {
        **UBUNTU,
        **kubernetes(
            facts={"scratch_kind": "root", "scratch_path": "/opt/podforge/scratch"},
            kubeadm_common_version="1.32.4",
            kubeadm_master_max_nodes=1000,
            case_seen=kubernetes_seen(
                kubeadm="v1.32.9",
                state="initialised",
                pod_cidr="10.244.0.0/16",
                service_cidr="10.96.0.0/12",
                encryption="True",
                unknown="ubuntu",
                root="/opt/podforge/scratch/containerd",
                shims="9",
            ),
        ),
    },
    "kube-elsewhere": {**UBUNTU, **kubernetes(kubeadm_common_containerd_root="/opt/dlami/nvme2/c")},
    "kube-three": {
        **UBUNTU,
        **kubernetes(
            facts={"controllers": THREE},
            kubeadm_master_backup_destination="s3://books/kubernetes",
            # as -e says it
            kubeadm_master_restore_force="false",
            kubeadm_master_restore_confirm="false",
        ),
    },
    "kube-balanced": {
        **AMAZON,
        **kubernetes(
            facts={"controllers": THREE[:2]},
            kubeadm_master_endpoint="k8s.example:6443",
            kubeadm_master_restore_force="true",
            kubeadm_master_restore_confirm="true",
        ),
    },
    "kube-unled": {**DEBIAN, **kubernetes(facts={"controllers": THREE}, kubeadm_common_api_proxy=False)},
    "kube-outgrown": {
        **DEBIAN,
        **kubernetes(
            facts={"controllers": THREE},
            case_seen=kubernetes_seen(kubeadm="v1.32.9", state="initialised", endpoint="10.1.0.1:6443"),
        ),
    },
    "kube-half": {**DEBIAN, **kubernetes(case_seen=kubernetes_seen(state="restoring"))},
    "kube-many": {**DEBIAN, **kubernetes(kubeadm_master_max_nodes=1000)},
    "kube-version": {**DEBIAN, **kubernetes(kubeadm_common_version="latest")},
}
