# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of kubeadm and containerd, in the form of each version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import KubernetesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import config
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import containerd
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import versions

OPTIONS: dict[str, Any] = {
    "address": "10.1.0.10",
    "node_name": "ip-10-1-0-10",
    "cluster_name": "demo",
    "endpoint": "k8s.example:6443",
    "pod_cidr": "10.244.0.0/16",
    "service_cidr": "10.96.0.0/12",
    "node_prefix": 24,
    "dns_domain": "cluster.local",
    "registry": "",
    "cgroup_driver": "systemd",
    "cert_sans": ["127.0.0.1", "k8s.example", "127.0.0.1"],
    "token_ttl": "1h0m0s",
    "encryption": True,
    "audit": False,
    "api_server_args": {"profiling": False},
    "controller_manager_args": {},
    "scheduler_args": {},
    "kubelet_config": {"maxPods": 50},
    "kubelet_args": {},
    "labels": {"b": "2", "a": "1"},
}
# Fields of the published types, kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta2 to v1beta4.
FIELDS = {
    "InitConfiguration": {"apiVersion", "kind", "bootstrapTokens", "localAPIEndpoint", "nodeRegistration"},
    "ClusterConfiguration": {
        *("apiVersion", "kind", "clusterName", "kubernetesVersion", "controlPlaneEndpoint", "networking", "apiServer"),
        *("controllerManager", "scheduler", "imageRepository"),
    },
    "JoinConfiguration": {"apiVersion", "kind", "nodeRegistration", "discovery"},
}
REGISTRATION = {"name", "criSocket", "kubeletExtraArgs", "taints"}
CONTAINERD: dict[str, Any] = {
    "root": "/opt/dlami/nvme/containerd",
    "sandbox_image": "registry.k8s.io/pause:3.10",
    "cgroup_driver": "systemd",
    "nvidia": False,
    "in_container": False,
    "max_downloads": 3,
    "certs_dir": "/etc/containerd/certs.d",
}


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(part) for part in text.split("---\n") if part]


@pytest.mark.parametrize(
    ("version", "api", "socket", "pause"),
    [
        ("1.20.2", "v1beta2", "/run/containerd/containerd.sock", "k8s.gcr.io/pause:3.2"),
        ("v1.21.14", "v1beta2", "/run/containerd/containerd.sock", "k8s.gcr.io/pause:3.4.1"),
        ("1.22.0", "v1beta3", "/run/containerd/containerd.sock", "k8s.gcr.io/pause:3.5"),
        ("1.29.1", "v1beta3", "unix:///run/containerd/containerd.sock", "registry.k8s.io/pause:3.9"),
        ("1.30", "v1beta3", "unix:///run/containerd/containerd.sock", "registry.k8s.io/pause:3.9"),
        ("1.31.0", "v1beta4", "unix:///run/containerd/containerd.sock", "registry.k8s.io/pause:3.10"),
        ("1.34.1", "v1beta4", "unix:///run/containerd/containerd.sock", "registry.k8s.io/pause:3.10.1"),
    ],
)
def test_what_follows_from_a_version(version: str, api: str, socket: str, pause: str) -> None:
    parsed = versions.parse(version)
    assert (versions.api_version(parsed), versions.cri_socket(parsed)) == (api, socket)
    assert versions.pause_image(parsed) == pause
    assert versions.pause_image(parsed, "mirror.example/k8s") == f"mirror.example/k8s/{pause.split('/')[1]}"


@pytest.mark.parametrize("version", ["1.19.8", "latest", "1", "1.3x"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(KubernetesError, match=r"write for example|older than"):
        versions.parse(version)


@pytest.mark.parametrize("version", ["1.20.2", "1.29.1", "1.32.4"])
def test_fields_are_those_of_the_published_types(version: str) -> None:
    start, cluster, kubelet = documents(config.text(config.init(version, {**OPTIONS, "registry": "mirror.example"})))
    join = config.join(
        version, {**OPTIONS, "taints": [{"key": "k", "effect": "NoSchedule"}]}, "k:6443", "t", "sha256:h"
    )[0]
    for document in (start, cluster, join):
        assert set(document) <= FIELDS[document["kind"]]
        assert document["apiVersion"] == f"kubeadm.k8s.io/{versions.api_version(versions.parse(version))}"
    assert set(join["nodeRegistration"]) == REGISTRATION
    assert join["discovery"]["bootstrapToken"]["caCertHashes"] == ["sha256:h"]
    assert cluster["kubernetesVersion"] == f"v{version}"
    assert cluster["imageRepository"] == "mirror.example"
    assert cluster["apiServer"]["certSANs"] == ["127.0.0.1", "k8s.example"]
    assert kubelet["kind"] == "KubeletConfiguration"
    assert (kubelet["cgroupDriver"], kubelet["maxPods"]) == ("systemd", 50)


def test_checks_that_are_not_to_stop_a_master_that_joins() -> None:
    (found,) = config.join("1.32.0", {**OPTIONS, "ignore_preflight": ["NumCPU"]}, "k:6443", "t", "sha256:h", key="k")
    assert found["nodeRegistration"]["ignorePreflightErrors"] == ["NumCPU"]
    (found,) = config.join("1.32.0", {**OPTIONS, "ignore_preflight": []}, "k:6443", "t", "sha256:h")
    assert "ignorePreflightErrors" not in found["nodeRegistration"]


def test_arguments_are_a_mapping_and_then_a_list() -> None:
    old, new = (config.init(version, OPTIONS)[1]["apiServer"]["extraArgs"] for version in ("1.30.1", "1.31.0"))
    assert old == {"profiling": "false", "encryption-provider-config": config.ENCRYPTION_FILE}
    assert new == [
        {"name": "profiling", "value": "false"},
        {"name": "encryption-provider-config", "value": config.ENCRYPTION_FILE},
    ]


def test_encryption_and_audit_are_mounted_where_they_are_wanted() -> None:
    def volumes(**more: Any) -> list[str]:
        server = config.init("1.32.0", {**OPTIONS, **more})[1]["apiServer"]
        return [volume["mountPath"] for volume in server.get("extraVolumes", [])]

    assert volumes(encryption=False) == []
    assert volumes(audit=True) == [config.ENCRYPTION_FILE, config.AUDIT_FILE, config.AUDIT_FOLDER]


def test_labels_are_one_argument_in_order() -> None:
    assert config.registration((1, 30), OPTIONS)["kubeletExtraArgs"] == {
        "node-ip": "10.1.0.10",
        "node-labels": "a=1,b=2",
    }


def test_containerd_1_and_2_say_the_same_in_their_own_words() -> None:
    old, new = (containerd.defaults(version, CONTAINERD)["plugins"] for version in (2, 3))
    cri, runtime, images = (
        old["io.containerd.grpc.v1.cri"],
        new["io.containerd.cri.v1.runtime"],
        new["io.containerd.cri.v1.images"],
    )
    assert cri["containerd"]["runtimes"] == runtime["containerd"]["runtimes"]
    assert runtime["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": True}
    assert cri["sandbox_image"] == images["pinned_images"]["sandbox"] == CONTAINERD["sandbox_image"]
    assert cri["cni"]["bin_dir"] in runtime["cni"]["bin_dirs"]
    assert "restrict_oom_score_adj" not in cri


def test_nvidia_is_the_runtime_only_where_it_is() -> None:
    options = {**CONTAINERD, "nvidia": True, "cgroup_driver": "cgroupfs"}
    found = containerd.defaults(3, options)["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]
    assert found["default_runtime_name"] == "nvidia"
    assert [runtime["options"]["SystemdCgroup"] for runtime in found["runtimes"].values()] == [False, False]
    assert containerd.defaults(3, CONTAINERD)["plugins"]["io.containerd.cri.v1.runtime"]["containerd"][
        "runtimes"
    ].keys() == {"runc"}


def test_own_tables_are_merged_and_null_leaves_out() -> None:
    own = {"debug": {"level": "warn"}, "state": None, "plugins": {"p": {"a": {"b": 1}}}}
    found = containerd.merged(containerd.defaults(2, CONTAINERD), own)
    assert found["debug"] == {"level": "warn"}
    assert "state" not in found
    assert set(found["plugins"]) == {"io.containerd.grpc.v1.cri", "p"}


def test_toml() -> None:
    table = {"version": 2, "on": True, "plugins": {"io.x": {"list": ["a", 1], "deep": {"quote": 'a"b'}, "empty": {}}}}
    assert containerd.toml(table) == (
        'version = 2\non = true\n\n[plugins."io.x"]\nlist = ["a", 1]\n\n[plugins."io.x".deep]\nquote = "a\\"b"\n'
        '\n[plugins."io.x".empty]\n'
    )
    with pytest.raises(KubernetesError, match=r"plugins\.x: "):
        containerd.toml({"plugins": {"x": [{"no": "tables"}]}})


def test_only_known_versions_of_the_configuration() -> None:
    with pytest.raises(KubernetesError, match="2 or 3"):
        containerd.defaults(4, CONTAINERD)
