# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that container_runtime, enroot and pam_slurm_adopt are rendered for."""

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
    facts = {**units, **rest, "containerd": "/usr/bin/containerd", "filesystem": "ext2/ext3", **more}
    lines = "\n".join(f"{key}={value}" for key, value in facts.items())
    files = f"--- daemon.json\n{daemon_json}\n--- config.toml\n{config_toml}"
    return f"{lines}\n{files}\n--- docker.service\n\n--- containerd.service\n"


def worker(vendor: str = "none", kind: str = "instance_store", **more: Any) -> dict[str, Any]:
    path = {"instance_store": "/opt/dlami/nvme", "ebs": "/opt/sagemaker", "root": "/opt/podforge/scratch"}[kind]
    known = {
        "scratch_path": path,
        "scratch_kind": kind,
        "container_runtime": "enroot",
        "accelerator": {"vendor": vendor},
    }
    return node("compute", **{**known, **more})


# where daemon.json and config.toml have the data; and that it is not on the root volume
OLD = {"docker.root": "/data", "containerd.root": "/old/place"}
KEPT = {**OLD, "docker.kept": "/data", "containerd.kept": "/old/place"}
CONTAINERS: dict[str, dict[str, Any]] = {
    "docker-plain": {"case_node": worker(), "case_seen": look()},
    "docker-io": {"case_node": worker(kind="ebs"), "case_seen": look(config_toml=CONTAINERD_IO)},
    "docker-2": {
        "case_node": worker(kind="root"),
        "case_seen": look(config_toml=CONTAINERD_2, **{"containerd.root": "/old/place"}),
    },
    "docker-gpu": {
        "case_node": worker("nvidia"),
        "case_seen": look(
            '{"log-driver": "journald", "features": {"buildkit": true}, "data-root": "/x"}', **{"docker.root": "/x"}
        ),
        "container_runtime_config": {"features": {"containerd-snapshotter": True}},
    },
    "docker-settled": {
        "case_node": worker("nvidia"),
        "case_seen": look(
            '{"runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}}, "log-opts": {},\n'
            ' "live-restore": true, "data-root": "/opt/dlami/nvme/docker"}',
            'version = 2\nroot = "/opt/dlami/nvme/containerd"\n',
            **{"docker.root": "/opt/dlami/nvme/docker", "containerd.root": "/opt/dlami/nvme/containerd"},
        ),
    },
    "docker-busy": {
        "case_node": worker(),
        "case_seen": look('{"data-root": "/data"}', CONTAINERD_2, containers="3", **OLD),
    },
    "docker-stopped": {
        "case_node": worker(),
        "case_seen": look('{"data-root": "/data"}', CONTAINERD_2, data="2", **OLD),
    },
    "docker-volumes": {"case_node": worker(), "case_seen": look(data="1")},
    "docker-elsewhere": {"case_node": worker(), "case_seen": look('{"data-root": "/data"}', CONTAINERD_2, **KEPT)},
    "docker-asked": {
        "case_node": worker(),
        "case_seen": look('{"data-root": "/data"}', CONTAINERD_2, **KEPT),
        "container_runtime_data_root": "/asked",
        "container_runtime_containerd_root": "/asked-too",
    },
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
_ADOPT: dict[str, dict[str, Any]] = {
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
ADOPT = {name: {"pam_slurm_adopt_enabled": True, **host} for name, host in _ADOPT.items()}


def image(plugstack: str = "", enroot_conf: str = "", **more: str) -> str:
    """What enroot's files/look.sh says of a node whose image has enroot and pyxis, with changes."""
    facts = {
        "systemd": "running",
        "enroot": "3.5.0",
        "plugin": "/usr/local/lib/slurm/spank_pyxis.so",
        "dirs": "active",
        "slurmctld": "active",
        "slurm": "24.11.0",
        "arch": "x86_64",
        "open": "/usr/bin/enroot",
        **more,
    }
    lines = "\n".join(f"{key}={value}" for key, value in facts.items() if value != "-")
    stacks = f"--- plugstack.conf\n{plugstack}\n--- plugstack.conf as it is\n{plugstack}"
    return f"{lines}\n{stacks}\n--- enroot.conf\n{enroot_conf}"


SHUT = {"open": "-", "shut": "/usr/bin/enroot", "kept": "/usr/bin/enroot"}
PACKAGE = {"url": "https://mirror.example.com/enroot.deb", "checksum": f"sha256:{'a' * 64}"}
ENROOT: dict[str, dict[str, Any]] = {
    "enroot-compute": {
        "case_node": worker(),
        "case_seen": image(
            enroot_conf="ENROOT_DATA_PATH /old\n#ENROOT_MOUNT_HOME yes\nENROOT_LOGIN_SHELL no", fsx="yes"
        ),
        "enroot_config": {"ENROOT_MOUNT_HOME": None, "ENROOT_MAX_PROCESSORS": 8},
    },
    "enroot-controller": {
        "case_node": worker(kind="root", node_type="controller"),
        "case_seen": image("required /opt/auto_resume.so"),
        "enroot_pyxis_options": {"runtime_path": "/run/pyxis"},
    },
    "enroot-found": {
        "case_node": worker(kind="root", node_type="controller"),
        "case_seen": image(
            pyxis="required /usr/lib/spank_pyxis.so container_scope=global runtime_path=/old execute_entrypoint=0 a=b=c"
        ),
        "enroot_pyxis_options": {"runtime_path": "/run/pyxis", "execute_entrypoint": None},
    },
    "enroot-shut": {"case_node": worker(node_type="login"), "case_seen": image(**SHUT)},
    "enroot-shut-al2023": {
        "case_os_family": "RedHat",
        "case_node": worker(node_type="login"),
        "case_seen": image(open="-", shut="/usr/bin/enroot"),
    },
    "enroot-by-hand": {"case_node": worker(node_type="login"), "case_seen": image(open="-", shut="/usr/bin/enroot")},
    "enroot-opened": {"case_node": worker(), "case_seen": image(**SHUT)},
    "enroot-absent": {
        "case_node": worker(container_runtime=None),
        "case_seen": image(enroot="", plugin="-"),
        "enroot_downloads": [PACKAGE],
        "enroot_pyxis_version": "0.20.0",
        "enroot_pyxis_download": PACKAGE,
    },
    "enroot-older": {
        "case_node": worker(),
        "case_seen": image(enroot="3.4.1"),
        "enroot_version": "3.5.0",
        "enroot_downloads": [PACKAGE],
    },
    "enroot-nowhere": {"case_node": worker(container_runtime="docker"), "case_seen": image(enroot="")},
    "enroot-wrong": {
        "case_node": worker(),
        "case_seen": image(),
        "enroot_version": "9.9.9",
        "enroot_pyxis_version": "0.20.0",
        "enroot_config": {"ENROOT_DATA_PATH": "a\nb"},
    },
}
