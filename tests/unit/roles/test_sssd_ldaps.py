# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sssd_ldaps: what is written on each operating system and for each sssd, and every refusal."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

COMMON = {
    "id_provider": "ldap",
    "auth_provider": "ldap",
    "chpass_provider": "none",
    "access_provider": "ldap",
    "cache_credentials": True,
    "enumerate": False,
    "use_fully_qualified_names": False,
    "override_homedir": "/fsx/home/%u",
    "fallback_homedir": "/home/%u",
    "default_shell": "/bin/bash",
    "offline_timeout": 5,
    "offline_timeout_max": 60,
    "offline_timeout_random_offset": 3,
    "ldap_access_order": ["expire"],
    "ldap_account_expire_policy": "ad",
    "ldap_connection_expire_timeout": 300,
    "ldap_default_authtok_type": "obfuscated_password",
    "ldap_default_bind_dn": "CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com",
    "ldap_id_mapping": True,
    "ldap_referrals": False,
    "ldap_schema": "AD",
    "ldap_search_base": "DC=corp,DC=example,DC=com",
    "ldap_tls_cacert": "/etc/ldap/ldaps.crt",
    "ldap_tls_reqcert": "hard",
    "ldap_uri": ["ldaps://ldaps.corp.example.com", "ldaps://second.example.com:1636"],
    "ldap_use_tokengroups": True,
    "ldap_user_extra_attrs": "altSecurityIdentities:altSecurityIdentities",
    "ldap_user_ssh_public_key": "altSecurityIdentities",
}
LOCAL = ["root", "nobody", "ubuntu", "ec2-user", "ssm-user", "slurm", "munge"]


def domain(host: dict[str, Any], name: str = "default") -> dict[str, Any]:
    """Options of the domain that have a value."""
    return {key: value for key, value in host["sections"][f"domain/{name}"].items() if value is not None}


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("sssd-ubuntu-22", {}),
        ("sssd-debian-12", {}),
        ("sssd-al2023", {"ldap_tls_cacert": "/etc/openldap/certs/ldaps.crt"}),
        ("sssd-2.4", {"offline_timeout_random_offset": None}),
        ("sssd-2.10", {}),
        ("sssd-new-node", {"offline_timeout_random_offset": None}),
    ],
)
def test_the_domain_of_each_system_and_version(rendered: dict[str, Any], case: str, change: dict[str, Any]) -> None:
    host = rendered[case]
    wanted = {**COMMON, **change}
    assert domain(host) == {key: value for key, value in wanted.items() if value is not None}
    sections = {name: options for name, options in host["sections"].items() if not name.startswith("domain/")}
    assert sections == {
        "sssd": {"services": ["nss", "pam", "ssh"], "domains": ["default"], "full_name_format": None},
        "nss": {"filter_users": LOCAL, "filter_groups": LOCAL},
        "pam": {"offline_credentials_expiration": 14, "pam_initgroups_scheme": "always"},
    }
    assert host["problems"] == []
    assert host["user"] == "ReadOnly"


def test_services_and_packages(rendered: dict[str, Any]) -> None:
    assert rendered["sssd-ubuntu-22"]["service"] == "ssh"
    assert rendered["sssd-al2023"]["service"] == "sshd"
    for case in ("sssd-ubuntu-22", "sssd-al2023"):
        assert {"python3-sss", "sssd-tools", "sssd-ldap"} <= set(rendered[case]["packages"])
    assert rendered["sssd-debian-12"]["installed"] is True
    assert rendered["sssd-new-node"]["installed"] is False


def test_an_sssd_with_a_user_of_its_own_can_read_its_file(rendered: dict[str, Any]) -> None:
    assert rendered["sssd-2.10"]["service_user"] == "sssd"
    assert rendered["sssd-debian-12"]["service_user"] == ""


def test_own_settings(rendered: dict[str, Any]) -> None:
    host = rendered["sssd-own"]
    found = domain(host, "corp")
    assert found["ldap_tls_cacert"] == "/etc/ssl/certs/ca-certificates.crt"
    assert found["ldap_schema"] == "rfc2307bis"
    assert found["ldap_access_order"] == ["filter", "expire"]
    assert found["ldap_access_filter"].startswith("(memberOf=")
    assert found["ldap_account_expire_policy"] == "shadow"
    assert found["entry_cache_timeout"] == 60
    assert "offline_timeout" not in found
    assert host["sections"]["ssh"] == {"ssh_use_certificate_keys": False}
    assert host["problems"] == []
    assert host["user"] == "somebody"


def test_a_node_that_has_joined_the_domain(rendered: dict[str, Any]) -> None:
    host = rendered["sssd-ad"]
    found = domain(host, "corp.example.com")
    assert found["id_provider"] == found["access_provider"] == "ad"
    assert found["ad_server"] == ["dc1.corp.example.com"]
    assert found["case_sensitive"] == "Preserving"
    assert not {key for key in found if key.startswith("ldap_default") or key in ("ldap_uri", "ldap_schema")}
    assert host["problems"] == []


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_sshd_by_kind_of_node(rendered: dict[str, Any]) -> None:
    common = [
        "UsePAM yes",
        "PubkeyAuthentication yes",
        "AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys %u",
        "AuthorizedKeysCommandUser nobody",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
    ]
    assert directives(rendered["sssd-debian-12"]["sshd"]) == [*common, "AllowGroups ClusterAdmin ubuntu"]
    assert directives(rendered["sssd-al2023"]["sshd"]) == [*common, "AllowGroups ClusterAdmin ClusterDev ubuntu"]
    assert directives(rendered["sssd-own"]["sshd"]) == [
        "UsePAM yes",
        "AuthorizedKeysCommand none",
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication no",
    ]


def test_sudo_by_kind_of_node(rendered: dict[str, Any]) -> None:
    assert directives(rendered["sssd-debian-12"]["sudoers"]) == ["%ClusterAdmin ALL=(ALL:ALL) NOPASSWD: ALL"]
    assert directives(rendered["sssd-own"]["sudoers"]) == [
        "%Cluster\\ Admins ALL=(root) /usr/bin/scontrol",
        "%Other ALL=(root) /usr/bin/scontrol",
    ]


@pytest.mark.parametrize("case", ["sssd-debian-12", "sssd-own"])
def test_what_makes_homes_is_a_script(rendered: dict[str, Any], case: str) -> None:
    text = rendered[case]["home"]
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert ("mountpoint -q /fsx" in text) is (case == "sssd-debian-12")
    root = "/fsx/home" if case == "sssd-debian-12" else "/srv/homes"
    assert f"    {root}/?*) ;;" in text


def test_two_blank_values_skip_the_role_and_one_is_an_error(rendered: dict[str, Any]) -> None:
    assert rendered["sssd-none"]["wanted"] is False
    for case, words in (
        ("sssd-no-secret", "sssd_ldaps_bind_secret_id is blank, and sssd_ldaps_uri is given"),
        ("sssd-no-uri", "sssd_ldaps_uri is blank, and a bind secret is given"),
    ):
        assert rendered[case]["wanted"] is True
        assert [problem for problem in rendered[case]["problems"] if words in problem], case


def test_every_mistake_is_told_at_once(rendered: dict[str, Any]) -> None:
    problems = rendered["sssd-all-wrong"]["problems"]
    for words in (
        "are both given: leave one of them blank",
        "sssd_ldaps_uri has ldap://plain.example.com, ldaps://a/b: write ldaps://name",
        "sssd_ldaps_bind_dn is 'ReadOnly'",
        "sssd_ldaps_search_base is ''",
        "sssd_ldaps_check_user is blank",
        "sssd_ldaps_domain is 'a/b'",
        "sssd_ldaps_services is nss",
        "name head: types of nodes are controller, login and compute",
        "sssd_ldaps_ssh_allow_groups has Domain Users, all*: sshd takes no blanks",
        "sssd_ldaps_sudo_groups has %wheel",
        "sssd_ldaps_override_homedir is '/home'",
        "/fsx is not mounted on this node",
    ):
        assert [problem for problem in problems if words in problem], (words, problems)
