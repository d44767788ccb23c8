# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong on the way to a domain controller is told in plain words, and nothing goes over it in plain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ad_harness import Domain
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory import run

from tests.support.cloud import wait_for
from tests.support.directory import DirectoryLab


@pytest.fixture(name="certificate")
def _certificate(lab: DirectoryLab) -> Iterator[DirectoryLab]:
    yield lab
    lab.use_certificate("good")
    wait_for("targets are healthy", lab.healthy_targets, 20, 0.1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wrong_ca", "its certificate is not signed by an authority that is trusted here"),
        ("wrong_name", "its certificate is for other names than 'ldaps.corp.example.com'"),
        ("expired", "its certificate has expired"),
    ],
)
def test_certificates(domain: Domain, certificate: DirectoryLab, kind: str, said: str) -> None:
    certificate.use_certificate(kind)
    assert said in domain.run("ad_info")["msg"]
    assert said in domain.users({"name": "nobody"}, direct=False)["msg"]


def test_the_authority_as_text(domain: Domain, lab: DirectoryLab) -> None:
    reach = {name: value for name, value in domain.reach().items() if name != "ca_path"}
    told = domain.run("ad_info", {**reach, "ca_content": lab.ca_file.read_text()})
    assert told["domain"]["netbios_name"] == "CORP"
    assert "not signed by an authority" in domain.run("ad_info", domain.reach(ca_path=None))["msg"]


@pytest.mark.parametrize("user", ["CORP\\Admin", "Admin@corp.example.com", "CN=Admin,OU=Users,OU=CORP,{base}"])
def test_ways_to_write_the_user(domain: Domain, user: str) -> None:
    told = domain.run("ad_info", domain.reach(bind_user=user.format(base=domain.base)))
    assert told["domain"]["base_dn"] == domain.base


def test_domain_facts(domain: Domain) -> None:
    told = domain.run("ad_info")
    assert told["asked"] == {"connections": 1, "searches": 4}
    facts = told["domain"]
    assert (facts["dns_name"], facts["netbios_name"]) == (domain.lab.domain, domain.lab.netbios)
    assert facts["controllers"][0]["host"] == f"dc1.{domain.lab.domain}"
    assert facts["password_policy"]["minimum_length"] == 7
    assert facts["sid"].startswith("S-1-5-21-")


def test_start_tls(domain: Domain) -> None:
    told = domain.run("ad_info", domain.directly(start_tls=True))
    assert told["domain"]["base_dn"] == domain.base
    # the balancer's own listener speaks TLS from the start
    assert domain.run("ad_info", domain.reach(start_tls=True, port=636, timeout=3))["failed"]


def test_wrong_password_is_tried_once(domain: Domain) -> None:
    hosts = [domain.lab.balancer_address, domain.lab.controller.addresses[0]]
    before = domain.sessions()
    refused = domain.run("ad_info", domain.reach(bind_password="Wrong-Word-1", hosts=hosts))
    assert "does not accept bind_user 'CORP\\Admin': the password is wrong" in refused["msg"]
    assert domain.one_more_than(before)


def test_places_where_nobody_answers(domain: Domain) -> None:
    balancer = domain.lab.balancer_address
    refused = domain.run("ad_info", domain.reach(port=637))
    assert f"{balancer}:637: nothing listens on this port" in refused["msg"]
    unknown = domain.run("ad_info", domain.reach(hosts=["ldaps.nowhere.invalid"]))
    assert "the name has no address here" in unknown["msg"]
    silent = str(domain.lab._subnet[30])
    nobody = domain.run("ad_info", domain.reach(hosts=[silent], timeout=1))
    assert f"{silent}:636" in nobody["msg"]
    both = domain.run("ad_info", domain.reach(hosts=["ldaps.nowhere.invalid", f"{balancer}:637"]))
    assert both["msg"].startswith("None of the 2 servers can be used:\n  1. ldaps.nowhere.invalid:636: ")
    second = domain.run("ad_info", domain.reach(hosts=["ldaps.nowhere.invalid", balancer]))
    assert second["domain"]["base_dn"] == domain.base


def test_a_balancer_without_healthy_targets(domain: Domain) -> None:
    domain.lab.controller.stop()
    domain.healthy(0)
    try:
        told = domain.run("ad_info", domain.reach(timeout=5))
    finally:
        domain.lab.controller.start()
        domain.lab.controller.wait()
        domain.healthy()
    assert "ended the connection at once. A load balancer does so when none of its targets is healthy" in told["msg"]


def test_ldap3_is_missing(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LDAP3_MISSING", "ImportError: No module named ldap3")
    told = domain.run("ad_info")
    assert "ldap3" in told["msg"]
    assert "delegate_to: localhost" in told["msg"]


def test_plain_ldap_is_refused(domain: Domain) -> None:
    address = domain.lab.controller.addresses[0]
    told = domain.run("ad_info", domain.reach(hosts=[f"ldap://{address}"]))
    assert "would send passwords in plain text, which is refused" in told["msg"]


def test_filters(domain: Domain) -> None:
    def names(**options: object) -> list[str]:
        return [user["name"] for user in domain.run("ad_info", gather=["users"], **options)["users"]]

    assert names(filter="(sAMAccountName=admin)") == ["Admin"]
    assert names(names=["Admin", "no such user", "*"]) == ["Admin"]
    assert names(filter="(!(cn=Admin))", names=["Admin"]) == []
    assert names(search_base=f"OU={domain.lab.netbios}", filter="(cn=Administrator)") == []
    for wrong in ("((", "department=x", "(cn=a)(cn=b))"):
        assert domain.run("ad_info", gather=["users"], filter=wrong)["failed"], wrong
    assert "does not exist" in domain.run("ad_info", gather=["users"], search_base="OU=nowhere")["msg"]
