# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_runtime: files that are there already, of several packages, and every refusal."""

from __future__ import annotations

import json
from typing import Any

LOGS = {"log-driver": "json-file", "log-opts": {"max-size": "100m", "max-file": "3"}}


def test_nothing_is_there(rendered: dict[str, Any]) -> None:
    host = rendered["docker-plain"]
    assert (host["problems"], host["missing"], host["wanted"]) == ([], [], True)
    assert json.loads(host["json"]) == {**LOGS, "data-root": "/opt/dlami/nvme/docker", "live-restore": True}
    assert host["toml"].splitlines() == ['root = "/opt/dlami/nvme/containerd"', "version = 2"]
    assert "AssertPathIsMountPoint=/opt/dlami/nvme" in host["dropin"]


def test_files_of_packages(rendered: dict[str, Any]) -> None:
    text = rendered["docker-io"]["toml"]
    assert text.splitlines()[0] == 'root = "/opt/sagemaker/containerd"'
    assert 'disabled_plugins = ["cri"]' in text
    assert "/var/lib/containerd" not in text
    text = rendered["docker-2"]["toml"]
    assert text.splitlines()[:2] == ['root = "/opt/podforge/scratch/containerd"', "version = 3"]
    assert "/old/place" not in text
    assert 'root = "not this one"' in text
    assert "AssertPath" not in rendered["docker-2"]["dropin"]


def test_settings_of_others_stay(rendered: dict[str, Any]) -> None:
    host = rendered["docker-gpu"]
    assert host["missing"] == ["nvidia-container-toolkit"]
    assert json.loads(host["json"]) == {
        "log-driver": "journald",
        "features": {"buildkit": True, "containerd-snapshotter": True},
        "data-root": "/opt/dlami/nvme/docker",
        "live-restore": True,
        "runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}},
    }


def test_a_file_that_says_all_this_keeps_its_form(rendered: dict[str, Any]) -> None:
    host = rendered["docker-settled"]
    assert "\n" in host["json"].strip()
    assert host["json"].startswith('{"runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}}')
    assert host["toml"] == 'version = 2\nroot = "/opt/dlami/nvme/containerd"'


def test_data_stays_while_containers_run(rendered: dict[str, Any]) -> None:
    host = rendered["docker-busy"]
    assert json.loads(host["json"])["data-root"] == "/data"
    assert "/old/place" in host["toml"]
    assert host["stays"] == ["/data", "/old/place"]


def test_data_stays_while_there_are_stopped_containers_or_volumes(rendered: dict[str, Any]) -> None:
    host = rendered["docker-stopped"]
    assert json.loads(host["json"])["data-root"] == "/data"
    assert host["stays"] == ["/data", "/old/place"]
    host = rendered["docker-volumes"]
    assert json.loads(host["json"])["data-root"] == "/var/lib/docker"
    assert 'root = "/var/lib/containerd"' in host["toml"]
    assert host["stays"] == ["/var/lib/docker", "/var/lib/containerd"]


def test_data_that_others_keep_beside_the_root_volume_stays_unless_a_place_is_asked_for(
    rendered: dict[str, Any],
) -> None:
    host = rendered["docker-elsewhere"]
    assert json.loads(host["json"])["data-root"] == "/data"
    assert "root = '/old/place'" in host["toml"]
    assert host["stays"] == []
    host = rendered["docker-asked"]
    assert json.loads(host["json"])["data-root"] == "/asked"
    assert host["toml"].splitlines()[0] == 'root = "/asked-too"'


def test_where_it_is_wanted_and_installed(rendered: dict[str, Any]) -> None:
    assert rendered["docker-absent-al2023"]["missing"] == ["docker"]
    assert (rendered["docker-absent"]["wanted"], rendered["docker-absent"]["missing"]) == (False, [])
    assert rendered["docker-eks"]["wanted"] is False


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    found = rendered["docker-wrong"]["problems"]
    expected = [
        "/etc/docker/daemon.json, which is there already, is no JSON (Extra data)",
        "container_runtime_data_root, container_runtime_containerd_root: a b:",
        "container_runtime_data_root is a b, on lustre:",
        "container_runtime_config sets data-root:",
        "container_runtime_config turns live-restore off while containers run",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)
