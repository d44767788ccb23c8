# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_base: files of each operating system, and every refusal."""

from __future__ import annotations

import json
from typing import Any

import cases
import pytest

SYSTEMS = ["ubuntu-22", "ubuntu-24", "debian-12", "al2023"]


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", "//"))]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_all_systems_get(rendered: dict[str, Any], system: str) -> None:
    host = rendered[f"base-{system}"]
    assert host["problems"] == []
    assert sorted(host["files"]) == [
        "/etc/security/limits.d/60-podforge.conf",
        "/etc/systemd/logind.conf.d/60-podforge.conf",
        "/var/lib/podforge/scratch.json",
    ]
    assert lines(host["files"]["/etc/security/limits.d/60-podforge.conf"]) == [
        "* - memlock unlimited",
        "root - memlock unlimited",
        "* - nofile 1048576",
        "root - nofile 1048576",
    ]
    assert lines(host["files"]["/etc/systemd/logind.conf.d/60-podforge.conf"]) == ["[Login]", "RemoveIPC=no"]
    assert json.loads(host["files"]["/var/lib/podforge/scratch.json"]) == {"kind": "ebs", "path": "/opt/sagemaker"}
    assert host["sysctl"] == {"fs.inotify.max_user_watches": 524288, "fs.inotify.max_user_instances": 1024}


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_nobody_asks_for_any_more_is_removed(rendered: dict[str, Any], system: str) -> None:
    plain, mirror = rendered[f"base-{system}"], rendered[f"base-mirror-{system}"]
    for path in set(mirror["files"]) - set(plain["files"]):
        prefixes = tuple(pattern.split("*")[0] for pattern in plain["removed"])
        assert path.startswith(prefixes), path


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        ("ubuntu-22", "/etc/apt/sources.list.d"),
        ("ubuntu-24", "/etc/apt/podforge.sources.d"),
        ("debian-12", "/etc/apt/sources.list.d"),
    ],
)
def test_apt(rendered: dict[str, Any], system: str, folder: str) -> None:
    host = rendered[f"base-mirror-{system}"]
    assert host["problems"] == []
    assert lines(host["files"][f"{folder}/podforge.sources"]) == [
        "Types: deb",
        "URIs: https://mirror.example/os",
        "Suites: jammy jammy-updates",
        "Components: main",
        "Types: deb",
        "URIs: http://mirror.example/own",
        "Suites: ./",
        "Signed-By:",
        " -----BEGIN PGP PUBLIC KEY BLOCK-----",
        " .",
        " mQENB",
        " -----END PGP PUBLIC KEY BLOCK-----",
    ]
    only = [
        'Dir::Etc::SourceList "/dev/null";',
        'Dir::Etc::SourceParts "/etc/apt/podforge.sources.d";',
    ]
    assert lines(host["files"]["/etc/apt/apt.conf.d/60-podforge.conf"]) == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy "http://proxy.example:3128";',
        *(only if "podforge.sources.d" in folder else []),
    ]
    assert host["files"]["/usr/local/share/ca-certificates/podforge-corp.crt"] == f"{cases.CERTIFICATE}\n"


def test_dnf(rendered: dict[str, Any]) -> None:
    host = rendered["base-mirror-al2023"]
    assert host["problems"] == []
    assert lines(host["files"]["/etc/yum.repos.d/podforge.repo"]) == [
        "[podforge-os]",
        "name=os",
        "baseurl=https://mirror.example/os",
        "enabled=1",
        "gpgcheck=1",
        "proxy=http://proxy.example:3128",
        "[podforge-own]",
        "name=own",
        "baseurl=http://mirror.example/own",
        "enabled=1",
        "gpgcheck=1",
        "gpgkey=file:///etc/pki/rpm-gpg/podforge-own.asc",
        "proxy=http://proxy.example:3128",
    ]
    assert host["files"]["/etc/pki/rpm-gpg/podforge-own.asc"] == cases.KEY
    assert host["files"]["/etc/pki/ca-trust/source/anchors/podforge-corp.crt"] == f"{cases.CERTIFICATE}\n"


def test_the_way_out_of_shells(rendered: dict[str, Any]) -> None:
    text = rendered["base-mirror-ubuntu-22"]["files"]["/etc/profile.d/podforge-proxy.sh"]
    assert "export http_proxy=http://proxy.example:3128 HTTP_PROXY=http://proxy.example:3128" in text
    assert "169.254.169.254" in text
    assert ".internal,ip-10-1-0-5,10.1.0.5,*.corp.example,10.0.0.0/8'" in text


def test_own_settings(rendered: dict[str, Any]) -> None:
    host = rendered["base-root-disk"]
    assert host["problems"] == []
    assert host["sysctl"] == {"fs.inotify.max_user_watches": 524288, "vm.max_map_count": 262144}
    assert lines(host["files"]["/etc/tmpfiles.d/60-podforge.conf"]) == ["d /run/demo 0755 root root"]
    assert lines(host["files"]["/etc/security/limits.d/60-podforge.conf"]) == ["@users soft core 0"]
    assert lines(host["files"]["/etc/systemd/logind.conf.d/60-podforge.conf"])[-1] == "RemoveIPC=yes"
    # the folder is made where no disk is mounted
    assert "/opt/podforge/scratch" in host["files"]


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    found = rendered["base-all-wrong"]["problems"]
    expected = [
        "node_base_repositories: names are A b, c: each",
        "node_base_repositories: A b, c: url must begin with",
        "node_base_repositories: key must be the text of a public key",
        "node_base_repositories_only is for apt: on Amazon",
        "node_base_proxy: http and https must be like",
        "node_base_proxy: no_proxy must be names and addresses: $(reboot)",
        "node_base_ca_certificates: names are ../x, k: each",
        "node_base_ca_certificates: pem must be a certificate",
        "node_base_limits: write for example",
        "node_base_tmpfiles: d run/demo; d /run/x",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)
        assert "user:word" not in problem, "a password is shown"


def test_repositories_of_apt(rendered: dict[str, Any]) -> None:
    found = rendered["base-no-suites"]["problems"]
    assert [problem.split(":")[0] for problem in found] == ["node_base_repositories"] * 2
    assert "each needs suites with apt, such as [jammy]" in found[1]
    assert "there would be no packages at all" in rendered["base-nothing-left"]["problems"][0]
