# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that container_runtime and pam_slurm_adopt are rendered for."""

from __future__ import annotations

from typing import Any

from systems import node

# config.toml of containerd.io, as its package has it, and of containerd 2
CONTAINERD_IO = """\
#   Copyright 2018-2022 Docker Inc.
disabled_plugins = ["cri"]

#root = "/var/lib/containerd"
#state = "/run/containerd"

#[grpc]
#  address = "/run/containerd/containerd.sock"
"""
CONTAINERD_2 = """\
version = 3
root = '/old/place'

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    root = "not this one"
"""


def look(daemon_json: str = "", config_toml: str = "", **more: str) -> str:
    """What container_runtime's files/look.sh says of a node that has Docker, with changes."""
    units = {
        f"{unit}.{key}": value
        for unit in ("docker", "containerd")
        for key, value in {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}.items()
    }
    rest = {"systemd": "running", "flags": "-H fd://", "dockerd": "/usr/bin/dockerd", "containers": "0"}
    facts = {**units, **rest, "filesystem": "ext2/ext3", **more}
    lines = "\n".join(f"{key}={value}" for key, value in facts.items())
    return f"{lines}\n--- daemon.json\n{daemon_json}\n--- config.toml\n{config_toml}\n"


def worker(vendor: str = "none", kind: str = "instance_store", **more: Any) -> dict[str, Any]:
    path = {"instance_store": "/opt/dlami/nvme", "ebs": "/opt/sagemaker", "root": "/opt/podforge/scratch"}[kind]
    known = {
        "scratch_path": path,
        "scratch_kind": kind,
        "container_runtime": "enroot",
        "accelerator": {"vendor": vendor},
    }
    return node("compute", **{**known, **more})


CONTAINERS: dict[str, dict[str, Any]] = {
    "docker-plain": {"case_node": worker(), "case_seen": look()},
    "docker-io": {"case_node": worker(kind="ebs"), "case_seen": look(config_toml=CONTAINERD_IO)},
    "docker-2": {"case_node": worker(kind="root"), "case_seen": look(config_toml=CONTAINERD_2)},
    "docker-gpu": {
        "case_node": worker("nvidia"),
        "case_seen": look('{"log-driver": "journald", "features": {"buildkit": true}, "data-root": "/x"}'),
        "container_runtime_config": {"features": {"containerd-snapshotter": True}},
    },
    "docker-settled": {
        "case_node": worker("nvidia"),
        "case_seen": look(
            '{"runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}}, "log-opts": {},\n'
            ' "live-restore": true, "data-root": "/opt/dlami/nvme/docker"}',
            'version = 2\nroot = "/opt/dlami/nvme/containerd"\n',
        ),
    },
    "docker-busy": {"case_node": worker(), "case_seen": look('{"data-root": "/data"}', CONTAINERD_2, containers="3")},
    "docker-absent-al2023": {
        "case_os_family": "RedHat",
        "case_node": worker(container_runtime=None),
        "case_seen": look(dockerd=""),
        "container_runtime_install": True,
    },
    "docker-absent": {"case_node": worker("nvidia", container_runtime=None), "case_seen": look(dockerd="")},
    "docker-eks": {"case_node": worker(orchestrator="Eks"), "case_seen": look()},
    "docker-wrong": {
        "case_node": worker(),
        "case_seen": look("{}{}", problem="Extra data", filesystem="lustre", containers="1"),
        "container_runtime_data_root": "a b",
        "container_runtime_config": {"live-restore": False, "data-root": "/x"},
    },
}
ADOPT: dict[str, dict[str, Any]] = {
    "adopt-controller": {"case_node": node("controller")},
    "adopt-limits": {
        "case_node": node("controller"),
        "pam_slurm_adopt_auto_resume": False,
        "pam_slurm_adopt_config": {"PrologFlags": ["Contain", "X11"]},
    },
    "adopt-compute": {
        "case_node": node("compute"),
        "case_seen": "module=/lib64/security/pam_slurm_adopt.so\nusepam=yes",
    },
    "adopt-login": {"case_node": node("login")},
    "adopt-absent": {"case_node": node("controller"), "pam_slurm_adopt_state": "absent"},
    "adopt-off": {"case_node": node("controller"), "pam_slurm_adopt_enabled": False},
    "adopt-conflict": {
        "case_node": node("controller"),
        "slurm_base_config": {"TaskPlugin": ["task/cgroup"], "PrologFlags": ["Alloc"]},
    },
    "adopt-unable": {"case_node": node("compute"), "case_seen": "usepam=no"},
}
