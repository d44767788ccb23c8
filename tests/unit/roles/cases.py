# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that are rendered: variables by case, by role."""

from __future__ import annotations

from typing import Any

from cases_accounting import ACCOUNTING
from cases_containers import ADOPT
from cases_containers import CONTAINERS
from cases_containers import ENROOT
from cases_kubernetes import KUBERNETES
from cases_observability import OBSERVABILITY
from cases_shell import SHELL
from cases_sssd import SSSD
from cases_storage import FSX
from cases_storage import S3
from systems import AMAZON
from systems import DEBIAN
from systems import UBUNTU
from systems import node

OTHERS_OFF = "\n\n".join(["other.LoadState=masked\nother.ActiveState=inactive"] * 5)
BOOTED = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nrunning"
CAN_SET_CLOCK = f"CapBnd:\t000001ffffffffff\n{BOOTED}"
CONTAINER = f"CapBnd:\t00000000800405fb\n{BOOTED}"
CHRONY: dict[str, dict[str, Any]] = {
    "ubuntu-22": {**UBUNTU, "case_seen": CAN_SET_CLOCK},
    "ubuntu-24": {**UBUNTU, "case_seen": CAN_SET_CLOCK},
    "debian-12": {**DEBIAN, "case_seen": CAN_SET_CLOCK},
    "al2023": {**AMAZON, "case_seen": CAN_SET_CLOCK},
    "debian-container": {**DEBIAN, "case_seen": CONTAINER},
    "al2023-container": {**AMAZON, "case_seen": CONTAINER, "chrony_extra_options": ["-L", "0"]},
    "chroot": {**DEBIAN, "case_seen": "CapBnd:\t000001ffffffffff\noffline"},
    "others-off": {**DEBIAN, "case_seen": f"{CAN_SET_CLOCK}\n{OTHERS_OFF}"},
    "one-on": {**DEBIAN, "case_seen": f"{CAN_SET_CLOCK}\n{OTHERS_OFF}".replace("inactive", "active", 1)},
    "one-fewer": {**DEBIAN, "case_seen": f"{CAN_SET_CLOCK}\n{OTHERS_OFF[: OTHERS_OFF.rindex('other.Load')]}"},
    "absent": {**DEBIAN, "case_seen": CAN_SET_CLOCK.replace("LoadState=loaded", "LoadState=not-found")},
    "own-config": {
        **DEBIAN,
        "case_seen": CAN_SET_CLOCK,
        "chrony_servers": [],
        "chrony_pools": [{"address": "pool.example", "options": ["iburst"]}, {"address": "second.example"}],
        "chrony_dhcp_sources": True,
        "chrony_config": {
            "rtcsync": None,
            "makestep": "1 -1",
            "allow": ["10.0.0.0/8", "192.168.0.0/16"],
            "manual": True,
            "rtconutc": False,
        },
    },
}


def seen(daemon: str = "slurmd", exec_start: str = "/opt/slurm/sbin/slurmd -D $SLURMD_OPTIONS", **more: str) -> str:
    """What files/look.sh says of a node as it should be, with changes."""
    facts = {
        "systemd": "running",
        "munge.ActiveState": "active",
        "munge.UnitFileState": "enabled",
        f"{daemon}.LoadState": "loaded",
        f"{daemon}.ActiveState": "active",
        f"{daemon}.UnitFileState": "enabled",
        f"{daemon}.ExecStart": exec_start,
        "foreign": "masked inactive",
        "settings_mode": "root:root:644",
        "slurm_conf": "yes",
        "slurm_conf_includes": "yes",
        "accounting_conf_includes": "yes",
    }
    settings = more.pop("settings", "")
    facts.update({key.replace("__", "."): value for key, value in more.items()})
    return "\n".join([*(f"{key}={value}" for key, value in facts.items()), "--- settings in force", settings])


EXACT = """# Written by the role podforge.hyperpod.slurm_base: changes made here are lost.
# Included by accounting.conf. Set slurm_base_config instead.
ResumeTimeout=300
"""
OF_TWO = "ResumeTimeout=300\nSlurmctldTimeout=60\nStateSaveLocation=/fsx/podforge-slurm/abc/slurmctld\n"
CONTROLLER = seen("slurmctld", "/opt/slurm/sbin/slurmctld -D $SLURMCTLD_OPTIONS")
SUBSTITUTED = "/opt/slurm/sbin/slurmd -D --conf-server 10.1.0.1 -v"
SHARED = node(
    "controller",
    controllers=2,
    logins=[],
    hostname="ip-10-1-0-1",
    cluster_id="abc",
    multi_head={"shared_directory": "/fsx"},
)

SLURM: dict[str, dict[str, Any]] = {
    "compute": {"case_node": node("compute"), "case_seen": seen()},
    "login": {"case_node": node("login"), "case_seen": seen()},
    "two-controllers": {
        "case_node": node("compute", controllers=2),
        "case_seen": seen(),
        "slurm_base_slurmd_options": ["-v"],
    },
    "given-controllers": {
        "case_node": node("compute", controllers=0),
        "case_seen": seen(),
        "slurm_base_controllers": ["10.9.9.9:6820"],
    },
    "first-of-two": {"case_node": SHARED, "case_seen": CONTROLLER},
    "second-of-two": {
        "case_node": {**SHARED, "hostname": "ip-10-1-0-2"},
        "case_seen": CONTROLLER,
        "slurm_base_shared_dir": "/home/",
        "slurm_base_config": {"SlurmctldTimeout": 120},
    },
    "two-without-storage": {
        "case_node": {**SHARED, "multi_head": {}},
        "case_seen": CONTROLLER,
        "slurm_base_config": {"statesavelocation": "/var/spool/slurmctld"},
    },
    "storage-not-mounted": {
        "case_node": SHARED,
        "case_seen": CONTROLLER,
        "__slurm_base_shared_look": {"rc": 1, "stderr": "/fsx/x is on the root disk of this node\n"},
    },
    "one-left-of-two": {
        "case_node": {**SHARED, "controllers": SHARED["controllers"][:1]},
        "case_seen": seen("slurmctld", settings=OF_TWO),
    },
    "one-left-of-two-and-told": {
        "case_node": {**SHARED, "controllers": SHARED["controllers"][:1]},
        "case_seen": seen("slurmctld", settings=OF_TWO),
        "slurm_base_config": {"StateSaveLocation": "/fsx/podforge-slurm/abc/slurmctld"},
    },
    "two-at-last": {
        "case_node": SHARED,
        "case_seen": seen("slurmctld", settings="KillWait=30\nStateSaveLocation=/var/lone\nResumeTimeout=300"),
    },
    "substituted-unit": {"case_node": node("compute"), "case_seen": seen(exec_start=SUBSTITUTED)},
    "own-unit": {"case_node": node("compute"), "case_seen": seen(exec_start="/usr/sbin/slurmd -D")},
    "controller": {"case_node": node("controller"), "case_seen": CONTROLLER},
    "settings": {
        "case_node": node("controller"),
        "case_seen": seen(
            "slurmctld",
            settings="# a comment\nResumeTimeout=300\nMaxJobCount=5\nKillWait=30\nDownNodes=ip-10-1-0-20 State=DRAIN",
        ),
        "slurm_base_config": {
            "PrologFlags": ["Alloc", "Contain"],
            "DisableRootJobs": True,
            "EnforcePartLimits": False,
            "KillWait": 30,
            "X11Parameters": "home_xauthority",
            "ResumeTimeout": None,
            "MailProg": "/usr/bin/mail program",
        },
        "slurm_base_drain_logins": False,
    },
    "contributed": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", settings="ResumeTimeout=300\nKillWait=30\n"),
        "slurm_base_role_config": {"AccountingStorageType": "accounting_storage/slurmdbd", "KillWait": 99},
        "slurm_base_config": {"KillWait": 30},
    },
    "same-settings": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", settings="# other words\nResumeTimeout=300\n"),
    },
    "exact-settings": {"case_node": node("controller", logins=[]), "case_seen": seen("slurmctld", settings=EXACT)},
    "lost-include": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", settings=EXACT, accounting_conf_includes="no"),
    },
    "settings-of-others": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", settings=EXACT, settings_mode="ubuntu:root:644"),
    },
    "unapplied": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", settings=EXACT, settings_unapplied="yes"),
    },
    "all-wrong": {
        "case_node": node("compute", controllers=0),
        "case_seen": seen(slurmd__LoadState="masked", overruled_by="/etc/default/slurmd"),
        "slurm_base_include_file": "conf.d/x",
        "slurm_base_config": {
            "nodename": "x",
            "PartitionName": "y",
            "SlurmctldParameters": "power_save_interval=1",
            "MailProg": "/bin/true # quiet",
        },
    },
    "eks": {"case_node": node("compute", orchestrator="EKS"), "case_seen": seen()},
    "offline": {"case_node": node("compute"), "case_seen": "systemd=\nslurm_conf=no\n--- settings in force\n"},
    "waiting": {"case_node": node("compute"), "case_seen": seen(slurmd__ActiveState="activating")},
    "configless": {
        "case_node": node("controller"),
        "case_seen": CONTROLLER,
        "slurm_base_config": {"SlurmctldParameters": ["enable_configless", "idle_on_node_suspend"]},
    },
}
# Most cases are about one thing, and go without what would stand in each of them.
SLURM = {name: {"slurm_base_hooks": False, "slurm_base_health_interval": 0, **case} for name, case in SLURM.items()}
SLURM |= {
    "hooks": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", rotated="slurmctld", task_plugin="task/none"),
        "slurm_base_hooks_timeout": 100,
    },
    "hooks-of-the-agent": {
        "case_node": node("controller", logins=[]),
        "case_seen": seen("slurmctld", agents_hooks="yes", agents_health="yes"),
        "slurm_base_log_rotate": False,
    },
    "hooks-compute": {
        "case_node": node("compute"),
        "case_seen": seen(),
        "slurm_base_hook_folders": ["/opt/slurm/etc", "/fsx/slurm"],
        "slurm_base_epilog_ipc": False,
    },
    "no-auto-resume": {
        "case_node": node("controller"),
        "case_seen": seen("slurmctld", task_plugin="task/none", scheduler_parameters="defer"),
        "slurm_base_config": {"TaskPlugin": ["task/cgroup", "task/affinity"]},
        "slurm_base_auto_resume": True,
        "slurm_base_hook_timeout": 90,
        "slurm_base_hook_folders": ["/opt/my hooks"],
    },
    "auto-resume-unsaid": {
        "case_node": node("controller"),
        "case_seen": seen("slurmctld", scheduler_parameters="defer"),
        "slurm_base_role_config": {"taskplugin": ["task/cgroup"]},
    },
    "auto-resume-not-wanted": {
        "case_node": node("controller"),
        "case_seen": CONTROLLER,
        "slurm_base_config": {"TaskPlugin": "task/cgroup"},
        "slurm_base_auto_resume": False,
    },
}

GDM_MASK: dict[str, dict[str, Any]] = {
    "harmless": {"gdm_mask_units": ["gdm", "gdm3.service", "cups.socket", "dbus-like", "sshguard.service"]},
    "vital": {
        "gdm_mask_units": [
            *("dbus", "dbus.socket", "dbus-broker.service", "NetworkManager.service", "NetworkManager-wait-online"),
            *("ssh", "sshd.service", "ssh.socket", "systemd-logind.service", "amazon-ssm-agent", "gdm.service"),
            *("snap.amazon-ssm-agent.amazon-ssm-agent.service", "sagemaker-host-agent", "slurmd", "munge.service"),
        ]
    },
}

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENB\n-----END PGP PUBLIC KEY BLOCK-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"
HERE = {"hostname": "ip-10-1-0-5", "ip_address": "10.1.0.5"}
EBS = {"scratch_kind": "ebs", "scratch_path": "/opt/sagemaker", **HERE}
JAMMY = {**UBUNTU, "case_release": "jammy", "case_node": EBS}
NOBLE = {**UBUNTU, "case_release": "noble", "case_node": EBS}
BOOKWORM = {**DEBIAN, "case_release": "bookworm", "case_node": EBS}
AL2023 = {**AMAZON, "case_release": "NA", "case_node": EBS}
MIRROR: dict[str, Any] = {
    "node_base_repositories": [
        {
            "name": "os",
            "url": "https://mirror.example/os",
            "suites": ["jammy", "jammy-updates"],
            "components": ["main"],
        },
        {"name": "own", "url": "http://mirror.example/own", "suites": ["./"], "key": KEY},
    ],
    "node_base_proxy": {"http": "http://proxy.example:3128", "no_proxy": ["*.corp.example", "10.0.0.0/8"]},
    "node_base_ca_certificates": [{"name": "corp", "pem": CERTIFICATE}],
}

NODE_BASE: dict[str, dict[str, Any]] = {
    "base-ubuntu-22": JAMMY,
    "base-ubuntu-24": NOBLE,
    "base-debian-12": BOOKWORM,
    "base-al2023": AL2023,
    "base-mirror-ubuntu-22": {**JAMMY, **MIRROR},
    "base-mirror-ubuntu-24": {**NOBLE, **MIRROR, "node_base_repositories_only": True},
    "base-mirror-debian-12": {**BOOKWORM, **MIRROR},
    "base-mirror-al2023": {**AL2023, **MIRROR},
    "base-root-disk": {
        **JAMMY,
        "case_node": {"scratch_kind": "root", "scratch_path": "/opt/podforge/scratch", **HERE},
        "node_base_sysctl": {"fs.inotify.max_user_instances": None, "vm.max_map_count": 262144},
        "node_base_tmpfiles": ["d /run/demo 0755 root root"],
        "node_base_limits": [{"domain": "@users", "type": "soft", "item": "core", "value": "0"}],
        "node_base_remove_ipc": True,
    },
    "base-all-wrong": {
        **AL2023,
        "node_base_repositories": [
            {"name": "A b", "url": "ftp://x", "key": "x"},
            {"name": "c", "url": "http://user:word@x/"},
        ],
        "node_base_repositories_only": True,
        "node_base_proxy": {"https": "http://user:word@proxy:3128", "no_proxy": ["$(reboot)"]},
        "node_base_ca_certificates": [
            {"name": "../x", "pem": CERTIFICATE},
            {"name": "k", "pem": f"{CERTIFICATE}\n-----BEGIN PRIVATE KEY-----"},
        ],
        "node_base_limits": [{"domain": "a b", "item": "memlock", "value": "much"}],
        "node_base_tmpfiles": ["d run/demo", "d /run/x\nd /run/y"],
    },
    "base-no-suites": {
        **JAMMY,
        "node_base_repositories": [
            {"name": "a", "url": "http://x/"},
            {"name": "a", "url": "http://y/", "suites": ["x"]},
        ],
    },
    "base-nothing-left": {**JAMMY, "node_base_repositories_only": True},
}

# as -e says it
SLURM_BACKUP: dict[str, dict[str, Any]] = {
    f"slurm-backup-{word}": {
        "slurm_backup_restore_name": "latest",
        "slurm_backup_restore_parts": ["state"],
        "slurm_backup_restore_force": word,
    }
    for word in ("true", "false")
}

ALL = {
    "chrony": CHRONY,
    "slurm_base": SLURM,
    "gdm_mask": GDM_MASK,
    "node_base": NODE_BASE,
    "sssd_ldaps": SSSD,
    "slurm_accounting": ACCOUNTING,
    "container_runtime": CONTAINERS,
    "enroot": ENROOT,
    "pam_slurm_adopt": ADOPT,
    "fsx_storage": FSX,
    "mount_s3": S3,
    "shell_env": SHELL,
    "observability": OBSERVABILITY,
    "slurm_backup": SLURM_BACKUP,
    "kubernetes": KUBERNETES,
}
