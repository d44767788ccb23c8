# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory in the description of a cluster: what is read, what is refused, what comes of it."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.directory import check_directory
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.directory import check_place
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.directory import plan_directory
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.documents import Document
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.model import Checker
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.wishes import plan_network

ARN = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
MADE = {"vpc_cidr": "10.198.0.0/16", "availability_zones": ["us-west-2a", "us-west-2b"]}
USED = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
EXISTING = {"mode": "existing", "domain": "corp.example.com", "bind_secret": "ldap", "certificate": {"arn": ARN}}


def read(value, network=None):
    checker = Checker(Document("cluster.yml", {"directory": value}), ours=True)
    wish = check_directory(checker, value, ("directory",))
    if network is not None:
        check_place(checker, wish, network, ("directory",))
    return wish, [finding.text() for finding in checker.findings]


def test_the_shortest_wish_is_a_whole_directory():
    wish, findings = read({"domain": "corp.example.com"}, MADE)
    assert findings == []
    assert plan_directory(wish, "demo") == {
        "mode": "create",
        "domain": "corp.example.com",
        "ldaps_name": "ldaps.corp.example.com",
        "ldaps_port": 636,
        "search_base": "DC=corp,DC=example,DC=com",
        "bind_secret": "demo/directory/bind",
        "netbios_name": "CORP",
        "edition": "Standard",
        "root": "OU=CORP,DC=corp,DC=example,DC=com",
        "users_path": "OU=Users,OU=CORP,DC=corp,DC=example,DC=com",
        "groups_path": "OU=Groups,OU=CORP,DC=corp,DC=example,DC=com",
        "admin_secret": "demo/directory/admin",
        "accounts": [
            {"username": "ReadOnly", "bind_dn": "CN=ReadOnly,OU=Users,OU=CORP,DC=corp,DC=example,DC=com"},
            {"username": "ReadOnly2", "bind_dn": "CN=ReadOnly2,OU=Users,OU=CORP,DC=corp,DC=example,DC=com"},
        ],
        "subnet_ids": None,
        "certificate": {
            "source": "ca",
            "ca_secret": "demo/directory/ca",
            "ca_folder": None,
            "names": ["ldaps.corp.example.com"],
            "valid_days": 365,
            "renew_days": 30,
        },
        "organizational_units": [],
        "groups": [{"name": "ClusterAdmin"}, {"name": "ClusterDev"}],
        "users": [],
    }


def test_an_ldaps_server_that_is_there():
    wish, findings = read({**EXISTING, "ldaps_name": "ldap.example.com", "bind_dn": "CN=r,DC=corp"}, USED)
    assert findings == []
    assert plan_directory(wish, "demo") == {
        "mode": "existing",
        "domain": "corp.example.com",
        "ldaps_name": "ldap.example.com",
        "ldaps_port": 636,
        "search_base": "DC=corp,DC=example,DC=com",
        "bind_secret": "ldap",
        "bind_dn": "CN=r,DC=corp",
        "certificate": {"arn": ARN},
    }


@pytest.mark.parametrize("value", [None, {"mode": "absent"}, {"mode": "absent", "domain": "corp.example.com"}])
def test_no_directory(value):
    wish, findings = read(value, USED)
    assert findings == []
    assert plan_directory(wish, "demo") is None


@pytest.mark.parametrize(
    ("certificate", "source"),
    [
        ({"arn": ARN}, {"source": "acm", "arn": ARN}),
        (
            {"certificate_file": "a.pem", "private_key_file": "a.key"},
            {"source": "files", "certificate_file": "a.pem", "private_key_file": "a.key", "chain_file": None},
        ),
    ],
)
def test_a_certificate_that_is_given(certificate, source):
    wish, findings = read({"domain": "corp.example.com", "certificate": certificate})
    assert findings == []
    assert plan_directory(wish, "demo")["certificate"] == source


def test_the_ca_may_be_kept_in_a_folder_of_the_operator():
    wish, findings = read({"domain": "corp.example.com", "certificate": {"ca_folder": "~/ca", "valid_days": "90"}})
    assert findings == []
    planned = plan_directory(wish, "demo")["certificate"]
    assert (planned["ca_folder"], planned["ca_secret"], planned["valid_days"]) == ("~/ca", None, 90)


WRONG = [
    ("corp", ["directory: corp is a string, but a mapping is wanted"]),
    ({}, ["The key 'domain' is missing"]),
    ({"mode": "creat", "domain": "a.b"}, ["'creat' is not one of create, existing, absent", "did you mean 'create'"]),
    ({"domain": "corp"}, ["'corp' is not a domain name with at least two parts", "corp.example.com"]),
    ({"domain": 7}, ["directory.domain: 7 is a whole number, but a string is wanted"]),
    ({"domian": "a.b"}, ["directory.domian", "did you mean 'domain'"]),
    ({"domain": "a.b", "ldaps_name": "ldaps://x.a.b"}, ["is not a host name", "without ldaps://"]),
    ({"domain": "a.b", "netbios_name": "A.B"}, ["'A.B' is not a NetBIOS name"]),
    ({"domain": "a.b", "edition": "Standart"}, ["directory.edition", "did you mean 'Standard'"]),
    ({"domain": "a.b", "bind_accounts": ["One"]}, ["Two accounts of different names take turns"]),
    ({"domain": "a.b", "bind_accounts": ["One", "one"]}, ["Two accounts of different names take turns"]),
    ({"domain": "a.b", "bind_accounts": ["One", "T,wo"]}, ["bind_accounts[1]", "'T,wo' is not a name for an account"]),
    ({"domain": "a.b", "bind_secret": "a b"}, ["'a b' is not the name or ARN of a secret"]),
    ({"domain": "a.b", "subnet_ids": ["subnet-1", "subnet-1"]}, ["A directory takes two subnets"]),
    ({"domain": "a.b", "bind_dn": "CN=x"}, ["'bind_dn' has no meaning with the mode create", "set mode to existing"]),
    ({**EXISTING, "users": []}, ["'users' has no meaning with the mode existing", "set mode to create"]),
    ({**EXISTING, "certificate": {}}, ["The key 'arn' is missing", "'ca_file' with the CA as PEM"]),
    ({"mode": "existing", "domain": "a.b", "bind_secret": "x"}, ["The key 'certificate' is missing"]),
    ({"domain": "a.b", "certificate": "x"}, ["directory.certificate: x is a string, but a mapping is wanted"]),
    ({"domain": "a.b", "certificate": {"arn": "x"}}, ["'x' is not the ARN of a certificate"]),
    ({"domain": "a.b", "certificate": {"arn": ARN, "names": ["x.a.b"]}}, ["several ways at once: arn, names"]),
    ({"domain": "a.b", "certificate": {"certificate_file": "x"}}, ["The key 'private_key_file' is missing"]),
    ({"domain": "a.b", "certificate": {"ca_secret": "x", "ca_folder": "y"}}, ["to be kept in two places"]),
    ({"domain": "a.b", "certificate": {"renew_days": 400}}, ["can't be renewed 400 days before its end"]),
    ({"domain": "a.b", "certificate": {"names": ["x y"]}}, ["certificate.names[0]", "'x y' is not a host name"]),
    ({"domain": "a.b", "users": ["x"]}, ["directory.users", "a list of mappings is wanted"]),
    ({"domain": "a.b", "users": [{}]}, ["directory.users[0]: The key 'name' is missing"]),
    ({"domain": "a.b", "users": [{"name": 1}]}, ["directory.users[0].name: 1 is a whole number"]),
    ({"domain": "a.b", "users": [{"name": "x", "password": "x"}]}, ["users[0].password", "password_secret"]),
    ({"domain": "a.b", "organizational_units": [{"name": "x"}]}, ["organizational_units[0]: The key 'path' is"]),
    ({"domain": "a.b", "users": [{"name": "x"}, {"name": "X"}]}, ["users[1].name: 'X' stands twice"]),
]


@pytest.mark.parametrize(("value", "words"), WRONG)
def test_a_mistake_is_one_finding_with_place_and_fix(value, words):
    _wish, findings = read(value)
    assert len(findings) == 1, findings
    assert "Fix: " in findings[0]
    for word in words:
        assert word in findings[0]


@pytest.mark.parametrize(
    ("value", "network", "words"),
    [
        ({}, {}, ["needs two subnets", "vpc_cidr"]),
        ({}, USED, ["needs two subnets", "add directory.subnet_ids"]),
        ({}, {**MADE, "availability_zones": ["us-west-2b"]}, ["the network has one", "[us-west-2b, us-west-2a]"]),
        ({"subnet_ids": ["a", "b"]}, MADE, ["subnets are given, and the network is to be made"]),
        ({"availability_zones": ["us-west-2a", "us-west-2b"]}, USED, ["directory.subnet_ids instead"]),
        (
            {},
            {"vpc_cidr": "10.0.0.0/24", "availability_zones": [f"us-west-2{zone}" for zone in "abcd"]},
            ["no room left", "/23 or larger"],
        ),
    ],
)
def test_the_network_has_to_have_room(value, network, words):
    _wish, findings = read({"domain": "a.b", **value}, network)
    assert len(findings) == 1, findings
    for word in words:
        assert word in findings[0]


@pytest.mark.parametrize("length", range(16, 25))
@pytest.mark.parametrize("zones", [1, 2, 3])
def test_the_directory_has_subnets_of_its_own_beside_those_of_the_nodes(length, zones):
    names = [f"us-west-2{letter}" for letter in "abc"[:zones]]
    network = {"vpc_cidr": f"10.198.0.0/{length}", "availability_zones": names}
    planned = plan_network(network, "demo", ["us-west-2a", "us-west-2b"])
    subnets = [*planned["private_subnets"], planned["public_subnet"], *planned["directory_subnets"]]
    assert [subnet["availability_zone"] for subnet in planned["directory_subnets"]] == ["us-west-2a", "us-west-2b"]
    blocks = [ipaddress.IPv4Network(subnet["cidr"]) for subnet in subnets]
    for index, block in enumerate(blocks):
        assert block.subnet_of(ipaddress.IPv4Network(network["vpc_cidr"]))
        assert 16 <= block.prefixlen <= 28
        assert not any(block.overlaps(other) for other in blocks[index + 1 :])
    assert plan_network(network, "demo")["directory_subnets"] == []
