# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that shell_env is rendered for."""

from __future__ import annotations

from typing import Any

from systems import AMAZON
from systems import UBUNTU
from systems import node

HERE = {"cluster_name": "demo", "region": "us-west-2", "instance_name": "group-1", "instance_type": "ml.p5.48xlarge"}
MANY = [{"hostname": f"ip-10-1-1-{n}", "ip_address": f"10.1.1.{n}"} for n in range(1, 12)]

SHELL: dict[str, dict[str, Any]] = {
    "shell-ubuntu": {**UBUNTU, "case_node": node("login", logins=MANY, **HERE), "shell_env_parts": ["all"]},
    "shell-al2023": {**AMAZON, "case_node": node("compute", **HERE), "shell_env_parts": ["prompt", "vim", "tools"]},
    "shell-eks": {
        **AMAZON,
        "case_node": {**node("compute", controllers=0), **HERE, "orchestrator": "EKS", "node_type": None, "logins": []},
    },
    "shell-own": {
        **UBUNTU,
        "case_node": node("controller", **HERE),
        "shell_env_parts": ["aliases", "environment", "git", "tools"],
        "shell_env_aliases": {"odd": "echo 'it's' $(id)"},
        "shell_env_environment": {"PAGER": "less -R", "WORDS": "a b; $(id)"},
        "shell_env_git": {
            "url.https://git.example/.insteadOf": "git@git.example:",
            "core.quotePath": False,
            "alias.say": '!echo "a\\b" # c',
        },
        "shell_env_packages": ["jq", "duf?", "tree=1.8"],
    },
    "shell-all-wrong": {
        **UBUNTU,
        "case_node": node("controller", **HERE),
        "shell_env_aliases": {"a;b": "x"},
        "shell_env_environment": {"1A": "x"},
        "shell_env_git": {"nodot": "x"},
        "shell_env_tmux": ["set -g mouse on\nrun reboot"],
    },
}
