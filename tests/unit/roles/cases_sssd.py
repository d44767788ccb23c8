# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that sssd_ldaps is rendered for."""

from __future__ import annotations

from typing import Any

from systems import AMAZON
from systems import DEBIAN
from systems import UBUNTU
from systems import node

DIRECTORY = {
    "sssd_ldaps_uri": ["ldaps.corp.example.com", "ldaps://second.example.com:1636"],
    "sssd_ldaps_bind_secret_id": "hyperpod/ReadOnly",
    "sssd_ldaps_bind_dn": "CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com",
    "sssd_ldaps_search_base": "DC=corp,DC=example,DC=com",
    "sssd_ldaps_ca_certificate": "s3://bucket/ca.pem",
}


def sssd(version: str, **more: str) -> str:
    """What files/look.sh says of a node that has sssd."""
    facts = {"systemd": "running", "sssd.service.ActiveState": "active", "missing": "", "version": version}
    facts.update({"mounted": "yes", **{key.replace("__", "."): value for key, value in more.items()}})
    return "\n".join(f"{key}={value}" for key, value in facts.items())


SSSD: dict[str, dict[str, Any]] = {
    "sssd-ubuntu-22": {**UBUNTU, **DIRECTORY, "case_node": node("login"), "case_seen": sssd("2.6.3")},
    "sssd-al2023": {**AMAZON, **DIRECTORY, "case_node": node("compute"), "case_seen": sssd("2.9.4")},
    "sssd-debian-12": {**DEBIAN, **DIRECTORY, "case_node": node("controller"), "case_seen": sssd("2.8.2")},
    "sssd-2.4": {**DEBIAN, **DIRECTORY, "case_node": node("login"), "case_seen": sssd("2.4.1")},
    "sssd-2.10": {
        **DEBIAN,
        **DIRECTORY,
        "case_node": node("login"),
        "case_seen": sssd("2.10.1", sssd__service__User="sssd"),
    },
    "sssd-new-node": {
        **DEBIAN,
        **DIRECTORY,
        "case_node": node("login"),
        "case_seen": sssd("", missing="sssd sssctl pysss"),
    },
    "sssd-own": {
        **DEBIAN,
        **DIRECTORY,
        "case_node": node("login"),
        "case_seen": sssd("2.8.2").replace("\nmounted=yes", ""),
        "sssd_ldaps_ca_certificate": "",
        "sssd_ldaps_domain": "corp",
        "sssd_ldaps_schema": "rfc2307bis",
        "sssd_ldaps_id_mapping": False,
        "sssd_ldaps_access_filter": "(memberOf=CN=Cluster,DC=corp,DC=example,DC=com)",
        "sssd_ldaps_override_homedir": "/srv/homes/%d/%u",
        "sssd_ldaps_home_mount": "",
        "sssd_ldaps_ssh_auth": ["password"],
        "sssd_ldaps_ssh_allow_groups": {"login": []},
        "sssd_ldaps_sudo_groups": {"login": ["Cluster Admins", "Other"]},
        "sssd_ldaps_sudo_rule": "ALL=(root) /usr/bin/scontrol",
        "sssd_ldaps_check_user": "somebody",
        "sssd_ldaps_config": {
            "domain": {"entry_cache_timeout": 60, "offline_timeout": None},
            "ssh": {"ssh_use_certificate_keys": False},
        },
    },
    "sssd-ad": {
        **DEBIAN,
        "case_node": node("login"),
        "case_seen": sssd("2.9.4", keytab="yes"),
        "sssd_ldaps_uri": ["ldaps://dc1.corp.example.com:636"],
        "sssd_ldaps_id_provider": "ad",
        "sssd_ldaps_domain": "corp.example.com",
        "sssd_ldaps_check_user": "somebody",
    },
    "sssd-none": {**DEBIAN, "case_node": node("login"), "case_seen": sssd("")},
    "sssd-no-secret": {
        **DEBIAN,
        **DIRECTORY,
        "case_node": node("login"),
        "case_seen": sssd("2.8.2"),
        "sssd_ldaps_bind_secret_id": "",
    },
    "sssd-no-uri": {
        **DEBIAN,
        **DIRECTORY,
        "case_node": node("login"),
        "case_seen": sssd("2.8.2"),
        "sssd_ldaps_uri": "",
    },
    "sssd-all-wrong": {
        **DEBIAN,
        "case_node": node("login"),
        "case_seen": sssd("2.8.2").replace("\nmounted=yes", ""),
        "sssd_ldaps_uri": "ldap://plain.example.com, ldaps://a/b",
        "sssd_ldaps_bind_secret_id": "x",
        "sssd_ldaps_bind_password": "y",
        "sssd_ldaps_bind_dn": "ReadOnly",
        "sssd_ldaps_search_base": "",
        "sssd_ldaps_domain": "a/b",
        "sssd_ldaps_services": ["nss"],
        "sssd_ldaps_ssh_allow_groups": {"login": ["Domain Users", "all*"], "head": []},
        "sssd_ldaps_sudo_groups": {"login": ["%wheel"]},
        "sssd_ldaps_override_homedir": "/home",
    },
}
