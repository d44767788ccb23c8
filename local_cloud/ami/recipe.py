# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the node image is made of. Everything here counts into the image's hash.

The layout follows the HyperPod Slurm AMI (Amazon SageMaker developer guide, "SageMaker HyperPod AMI releases for Slurm"
and "Start with base lifecycle scripts"): Slurm below /opt/slurm, units in /etc/systemd/system that nobody has enabled,
munge without a started daemon, MariaDB that nobody has configured, user ubuntu.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

from local_cloud.image_base import SUITE
from local_cloud.image_layer import Entry
from local_cloud.image_layer import digest
from local_cloud.image_layer import entries_below
from local_cloud.image_layer import overlay_tar

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CUSTOMIZE = HERE / "customize.sh"
ROOTFS = HERE / "rootfs"
AGENTS = HERE / "agents"

PYTHON_VERSION = "3.11"  # of SUITE; the wheels are chosen for it
BASE_REPOSITORY = "localhost/podforge-hyperpod-base"
NODE_REPOSITORY = "localhost/podforge-hyperpod-node"
RECIPE_VERSION = 1
AGENT_PACKAGE_DIR = "opt/local_cloud/lib/local_cloud_agents"
NODE_PATH = "/opt/slurm/bin:/opt/slurm/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PACKAGES = (
    # the system
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "procps", "psmisc", "iproute2", "iputils-ping", "netbase"),
    *("hostname", "sudo", "acl", "less", "vim-tiny", "bash-completion", "locales", "logrotate", "kmod", "lsof"),
    *("openssh-server", "openssh-client", "ca-certificates", "gnupg", "curl", "wget", "rsync", "unzip", "xz-utils"),
    # what published lifecycle scripts call
    *("jq", "gettext-base", "expect", "python3", "python3-venv", "python3-apt", "bind9-host", "nfs-common"),
    # Slurm and its helpers
    *("slurmctld", "slurmd", "slurmdbd", "slurm-client", "slurm-wlm-basic-plugins", "libpmix2", "libslurm-dev"),
    *("munge", "mariadb-server"),
    # time, and the desktop's daemons that the AMI carries
    *("chrony", "avahi-daemon", "switcheroo-control"),
    # the resolver of a VPC is a container of this image (providers/podman_vpc.py)
    "unbound",
)

# Units that mean nothing, or fail, in a container; a systemd mask is a link to /dev/null (systemd.unit(5)).
MASKED_UNITS = (
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "console-getty.service",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
    ),
    *("e2scrub_reap.service", "fstrim.timer", "getty.target", "sys-fs-fuse-connections.mount"),
    *("sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount"),
    *("systemd-modules-load.service", "systemd-pstore.service", "systemd-udev-trigger.service"),
    *(
        "systemd-udevd.service",
        "systemd-udevd-control.socket",
        "systemd-udevd-kernel.socket",
        "systemd-firstboot.service",
    ),
    *("proc-sys-fs-binfmt_misc.automount", "systemd-machine-id-commit.service", "nfs-client.target", "rpcbind.socket"),
    *("rpcbind.service", "run-rpc_pipefs.mount"),
)

# (unit, target that wants it)
ENABLED_UNITS = (
    ("avahi-daemon.service", "multi-user.target"),
    ("chrony.service", "multi-user.target"),
    ("dlami-nvme.service", "multi-user.target"),
    ("gdm.service", "multi-user.target"),
    ("local-cloud-api.socket", "sockets.target"),
    ("local-cloud-imds.service", "multi-user.target"),
    ("local-cloud-ssh-keys.service", "multi-user.target"),
    ("sagemaker-cluster-agent.service", "multi-user.target"),
    ("sagemaker-host-agent.service", "multi-user.target"),
    ("ssh.service", "multi-user.target"),
    ("switcheroo-control.service", "multi-user.target"),
)

LINKS = {
    "etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target",
    # Settings of this one node; the folder is mounted before systemd starts.
    "etc/systemd/system.conf.d/50-local-cloud.conf": "/opt/local_cloud/node/systemd.conf",
}

MODES = {
    "etc/sudoers.d/50-hyperpod": 0o440,
}

DIRECTORIES = {
    "opt/dlami/nvme": 0o1777,
    "opt/local_cloud/node": 0o755,
    "opt/local_cloud/socket": 0o755,
    "opt/ml/config": 0o755,
    "opt/sagemaker": 0o755,
    "opt/sagemaker_cluster": 0o755,
    "var/lib/local_cloud": 0o700,
    "var/log/aws/clusters": 0o755,
    "var/log/provision": 0o755,
}

CONTAINERFILE = f"""\
FROM {{base}}
ADD overlay.tar /
ENV container=podman PATH={NODE_PATH} LANG=C.UTF-8
LABEL podforge.local_cloud.image={{key}}
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
"""


def overlay() -> list[Entry]:
    """All that the thin layer puts on top of the base, sorted by path."""
    entries = entries_below(ROOTFS, modes=MODES) + entries_below(AGENTS, AGENT_PACKAGE_DIR)
    entries += [Entry(path, 0o777, target=target) for path, target in LINKS.items()]
    entries += [Entry(f"etc/systemd/system/{unit}", 0o777, target="/dev/null") for unit in MASKED_UNITS]
    for unit, target in ENABLED_UNITS:
        local = (ROOTFS / "etc/systemd/system" / unit).exists()
        source = f"/etc/systemd/system/{unit}" if local else f"/lib/systemd/system/{unit}"
        entries.append(Entry(f"etc/systemd/system/{target}.wants/{unit}", 0o777, target=source))
    entries += [Entry(path, mode) for path, mode in DIRECTORIES.items()]
    return sorted(entries, key=lambda entry: entry.path)


def base_key(mirror: str) -> str:
    """Hash of all that decides the base root file system."""
    facts = {"v": RECIPE_VERSION, "suite": SUITE, "packages": PACKAGES, "mirror": mirror, "machine": platform.machine()}
    return digest(json.dumps(facts, sort_keys=True).encode(), CUSTOMIZE.read_bytes(), REQUIREMENTS.read_bytes())


def node_key(base: str, entries: list[Entry]) -> str:
    """Hash of the base and the thin layer."""
    return digest(base.encode(), CONTAINERFILE.encode(), overlay_tar(entries))
