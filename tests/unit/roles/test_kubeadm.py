# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm_common, kubeadm_master, kubeadm_worker: files of each operating system and version, and every refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomllib
from cases_kubernetes import REFUSED


def host(rendered: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered[f"kube-{name}"]
    return found


def toml(rendered: dict[str, Any], name: str) -> dict[str, Any]:
    return tomllib.loads(host(rendered, name)["toml"])


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", ["ubuntu-22", "ubuntu-24", "debian-12", "al2023", "files", "files-al2023", "gpu"])
def test_these_are_right(rendered: dict[str, Any], name: str) -> None:
    assert host(rendered, name)["problems"] == []


@pytest.mark.parametrize("name", ["ubuntu-22", "debian-12"])
def test_packages_of_apt(rendered: dict[str, Any], name: str) -> None:
    minor = "1.30" if name == "debian-12" else "1.32"
    assert host(rendered, name)["repository_file"] == "/etc/apt/sources.list.d/podforge-kubernetes.sources"
    assert lines(host(rendered, name)["repository"]) == [
        "Types: deb",
        f"URIs: https://pkgs.k8s.io/core:/stable:/v{minor}/deb/",
        "Suites: /",
        "Signed-By: /etc/apt/keyrings/podforge-kubernetes.asc",
    ]
    assert host(rendered, name)["names"] == ["kubelet", "kubeadm", "kubectl"]


def test_a_patch_is_for_a_node_that_has_none(rendered: dict[str, Any]) -> None:
    assert host(rendered, "gpu")["names"] == ["kubelet=1.32.4-1.1", "kubeadm=1.32.4-1.1", "kubectl=1.32.4-1.1"]
    assert host(rendered, "grown")["names"] == ["kubelet", "kubeadm", "kubectl"]


def test_packages_of_dnf(rendered: dict[str, Any]) -> None:
    assert host(rendered, "al2023")["repository_file"] == "/etc/yum.repos.d/podforge-kubernetes.repo"
    key = "gpgkey=https://pkgs.k8s.io/core:/stable:/v1.31/rpm/repodata/repomd.xml.key"
    assert key in host(rendered, "al2023")["repository"]
    assert host(rendered, "al2023")["names"][0] == "kubelet=1.31.2-150500.1.1"
    assert "iptables-nft" in host(rendered, "al2023")["packages"]
    # with Docker's own containerd.io, the distribution's can't be on a node
    assert "containerd" not in host(rendered, "al2023")["packages"] + host(rendered, "ubuntu-22")["packages"]


def test_files_need_no_key(rendered: dict[str, Any]) -> None:
    assert lines(host(rendered, "files")["repository"])[1:] == ["URIs: file:/opt/k", "Suites: /", "Trusted: yes"]
    assert "gpgcheck=0" in host(rendered, "files-al2023")["repository"]


def test_containerd(rendered: dict[str, Any]) -> None:
    old, new = toml(rendered, "ubuntu-22"), toml(rendered, "ubuntu-24")
    assert (old["version"], new["version"]) == (2, 3)
    assert old["root"] == new["root"] == "/opt/dlami/nvme/containerd"
    assert old["plugins"]["io.containerd.grpc.v1.cri"]["sandbox_image"] == "registry.k8s.io/pause:3.10"
    mirrored = toml(rendered, "debian-12")["plugins"]["io.containerd.grpc.v1.cri"]
    assert mirrored["sandbox_image"] == "mirror.example/k8s/pause:3.9"
    assert mirrored["containerd"]["default_runtime_name"] == "runc"
    gpu = toml(rendered, "gpu")["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
    assert gpu["default_runtime_name"] == "nvidia"
    assert gpu["runtimes"]["nvidia"]["options"]["SystemdCgroup"] is True


def test_containerd_waits_for_the_scratch_disk(rendered: dict[str, Any]) -> None:
    unit = lines(host(rendered, "ubuntu-22")["dropin"])
    assert unit[:2] == ["[Unit]", "After=dlami-nvme.service"]
    assert "AssertPathIsMountPoint=/opt/dlami/nvme" in unit
    assert unit[-2:] == ["[Service]", "LimitMEMLOCK=infinity"]
    for name in ("grown", "elsewhere"):
        assert "AssertPathIsMountPoint" not in host(rendered, name)["dropin"]


def test_kubeadm_takes_the_version_that_is_there(rendered: dict[str, Any]) -> None:
    documents = [json.loads(part) for part in host(rendered, "debian-12")["kubeadm"].split("---\n") if part]
    assert documents[0]["apiVersion"] == "kubeadm.k8s.io/v1beta3"
    assert documents[0]["localAPIEndpoint"]["advertiseAddress"] == "10.1.0.1"
    assert documents[0]["nodeRegistration"]["name"] == "ip-10-1-0-1"
    assert documents[1]["kubernetesVersion"] == "v1.30.4"
    assert documents[1]["controlPlaneEndpoint"] == "10.1.0.1:6443"
    assert documents[1]["apiServer"]["certSANs"] == ["127.0.0.1", "localhost", "ip-10-1-0-1", "10.1.0.1"]
    assert "v1beta4" in host(rendered, "ubuntu-22")["kubeadm"]


def test_several_masters_are_reached_by_a_proxy_on_each_node(rendered: dict[str, Any]) -> None:
    three = host(rendered, "three")
    assert three["problems"] == three["warnings"] == []
    assert three["names_of_masters"] == ["ip-10-1-0-1", "ip-10-1-0-2", "ip-10-1-0-3"]
    assert '"controlPlaneEndpoint": "127.0.0.1:6444"' in three["kubeadm"]
    assert [line.split()[1:] for line in lines(three["proxy"]) if line.startswith("  server ")] == [
        [f"ip-10-1-0-{number}", f"10.1.0.{number}:6443"] for number in (1, 2, 3)
    ]
    assert three["has_proxy"] is True
    assert three["wanted_packages"] == ["haproxy"]
    balanced = host(rendered, "balanced")
    assert balanced["problems"] == []
    assert "have 3 or 5" in balanced["warnings"][0]
    for name in ("balanced", "ubuntu-22"):
        assert host(rendered, name)["has_proxy"] is False
        assert host(rendered, name)["wanted_packages"] == []


def test_masters_that_could_not_take_anothers_place(rendered: dict[str, Any]) -> None:
    (told,) = host(rendered, "unled")["problems"]
    assert told.startswith("kubeadm_master_endpoint: with 3 controllers it must lead to one that is up")
    (told,) = host(rendered, "outgrown")["problems"]
    assert "the cluster has 3 controllers now, and was made for one, whose address (10.1.0.1:6443)" in told


def test_flannel_has_the_network_of_pods(rendered: dict[str, Any]) -> None:
    assert '"Network": "10.244.0.0/16"' in host(rendered, "ubuntu-22")["flannel"]


def test_who_is_what(rendered: dict[str, Any]) -> None:
    def roles(name: str) -> list[bool]:
        return [host(rendered, name)[key] for key in ("common", "master", "worker")]

    assert roles("ubuntu-22") == [True, True, False]
    assert roles("gpu") == [True, False, True]
    assert roles("off") == roles("eks") == [False, False, False]
    # also where several controllers run Slurm
    assert host(rendered, "off")["wanted_packages"] == []


def test_labels_and_secret(rendered: dict[str, Any]) -> None:
    assert host(rendered, "gpu")["labels"] == {
        "node.kubernetes.io/instance-type": "p5.48xlarge",
        "sagemaker.amazonaws.com/instance-group-name": "workers",
        "team": "vision",
        "topology.kubernetes.io/zone": "z",
    }
    assert host(rendered, "gpu")["secret"] == "hyperpod-k8s-abc123"


def test_what_is_wrong_is_told_at_once(rendered: dict[str, Any]) -> None:
    told = host(rendered, "wrong")["problems"]
    for part in (
        "kubeadm_common_repository: ftp://x",
        "kubeadm_common_repository_key: key.asc",
        "kubeadm_common_containerd_config: it has a password of a registry",
        "kubeadm_common_cgroup_driver: cgroupfs",
        "kubeadm_common_version is 1.32, and kubeadm v1.31.0",
        "data are in /var/lib/containerd and 4 containers run, which would be lost in /opt/dlami/nvme/containerd",
        "kubeadm_master_pod_cidr 10.1.0.0/16 overlaps the address 10.1.0.1 of ip-10-1-0-1",
        "kubeadm_master_endpoint: nameonly",
        "kubeadm_master_token_ttl_hours: 0",
        "with its SHA-256 in kubeadm_master_flannel_checksum",
        "kubeadm_master_backup_destination: backups must be",
        "kubeadm_master_backup_schedule: each hour is no calendar event",
        "parts of a Kubernetes that this role did not make",
        "kubeadm_worker_labels team=two words is no label",
        f"kubeadm_worker_labels {', '.join(REFUSED)} are none that a node may give itself: take",
        "kubeadm_worker_taints k=:Never is no taint",
        "kubeadm_worker_timeout: 0",
    ):
        assert [text for text in told if part in text], part
    assert len(told) == 17


def test_backups(rendered: dict[str, Any]) -> None:
    three = host(rendered, "three")
    assert three["backup"]["destination"] == "s3://books/kubernetes"
    assert three["backup"]["masters"] == {f"ip-10-1-0-{number}": f"10.1.0.{number}" for number in (1, 2, 3)}
    assert (three["backup"]["node"], three["backup"]["endpoint"]) == ("ip-10-1-0-1", "127.0.0.1:6444")
    assert three["backup"]["encryption"] is True
    assert three["timers"][-1] == "podforge-kubernetes-backup"
    assert "OnCalendar=hourly" in lines(three["backup_timer"])
    assert "PYTHONPATH=/usr/local/lib/podforge exec" in three["backup_program"]
    assert len(host(rendered, "ubuntu-22")["timers"]) == 2


@pytest.mark.parametrize(("name", "says"), [("three", False), ("balanced", True)])
def test_what_is_said_of_a_restore_at_the_command_line_is_text(rendered: dict[str, Any], name: str, says: bool) -> None:
    assert host(rendered, name)["restore"][2:] == ["--force"] * says
    assert host(rendered, name)["asks"] is not says


def test_half_a_restore_is_no_reason_for_another_cluster(rendered: dict[str, Any]) -> None:
    (told,) = host(rendered, "half")["problems"]
    assert "run playbooks/k8s_restore.yml again, which goes on" in told


def test_networks_of_a_cluster_stay(rendered: dict[str, Any]) -> None:
    first, second, third = host(rendered, "made")["problems"]
    assert "kubeadm_master_pod_cidr is 10.240.0.0/14, and the cluster was made with 10.244.0.0/16" in first
    assert "kubeadm_master_service_cidr is 10.96.0.0/12, and the cluster was made with 10.97.0.0/16" in second
    assert "kubeadm_master_encryption is True, and the cluster was made with False" in third


def test_a_cluster_that_has_grown_is_warned_not_stopped(rendered: dict[str, Any]) -> None:
    assert host(rendered, "grown")["problems"] == []
    networks, users = host(rendered, "grown")["warnings"]
    assert "kubeadm_master_pod_cidr 10.244.0.0/16 has 256 blocks of /24" in networks
    assert users.endswith("without a kubeconfig: ubuntu")
    assert host(rendered, "many")["warnings"] == []


def test_room_and_versions(rendered: dict[str, Any]) -> None:
    (told,) = host(rendered, "many")["problems"]
    assert "kubeadm_master_pod_cidr 10.244.0.0/16 has 256 blocks of /24" in told
    assert told.endswith("there are 1000 nodes: pod_cidr 10.244.0.0/14 would do")
    assert "'latest' is no version of Kubernetes" in host(rendered, "version")["problems"][0]
