# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosted zones as the resolver's zone files."""

from __future__ import annotations

from moto.route53.models import FakeZone

from local_cloud.directory.names import STUBS
from local_cloud.directory.names import ZONES
from local_cloud.directory.names import files_of
from local_cloud.directory.names import zone_text

BALANCERS = {"ldaps-0a.elb.us-west-2.amazonaws.com": ["10.0.4.9", "10.0.5.9"]}


def zone(*records: dict[str, object]) -> FakeZone:
    """A zone ldaps.example.com with the records that moto makes, and these."""
    made = FakeZone("ldaps.example.com.", "Z1", private_zone=True, caller_reference="x")
    made.add_rrset(
        {"Name": "ldaps.example.com.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "a. b. 1 2"}]}
    )
    made.add_rrset({"Name": "ldaps.example.com.", "Type": "NS", "ResourceRecords": ["ns.example.net"]})
    for record in records:
        made.add_rrset(record)
    return made


def lines(*records: dict[str, object]) -> list[str]:
    """Lines of the zone file after those that every zone has."""
    return zone_text(zone(*records), BALANCERS).splitlines()[2:]


def alias(name: str, target: str, kind: str = "A") -> dict[str, object]:
    return {"Name": name, "Type": kind, "AliasTarget": {"DNSName": target, "HostedZoneId": "Z2"}}


def test_an_alias_at_the_apex_has_the_addresses_of_the_balancer() -> None:
    wanted = ["ldaps.example.com. 60 IN A 10.0.4.9", "ldaps.example.com. 60 IN A 10.0.5.9"]
    name = "LDAPS-0a.elb.us-west-2.amazonaws.com"
    assert lines(alias("ldaps.example.com", name)) == wanted
    assert lines(alias("ldaps.example.com.", f"dualstack.{name}.")) == wanted
    assert lines(alias("ldaps.example.com", name, "AAAA")) == []
    assert lines(alias("ldaps.example.com", "gone.elb.us-west-2.amazonaws.com")) == []


def test_records_are_passed_on_and_aliases_of_them_followed() -> None:
    one = {"Name": "a.ldaps.example.com", "Type": "A", "TTL": 30, "ResourceRecords": [{"Value": "10.1.1.1"}]}
    assert lines(
        one,
        alias("b.ldaps.example.com", "a.ldaps.example.com"),
        {"Name": "\\052.ldaps.example.com", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "x.example.org"}]},
        {"Name": "t.ldaps.example.com", "Type": "TXT", "TTL": 5, "ResourceRecords": [{"Value": '"two words"'}]},
    ) == [
        "a.ldaps.example.com. 30 IN A 10.1.1.1",
        "b.ldaps.example.com. 60 IN A 10.1.1.1",
        "*.ldaps.example.com. 5 IN CNAME x.example.org.",
        't.ldaps.example.com. 5 IN TXT "two words"',
    ]


def test_every_zone_and_balancer_is_in_the_configuration() -> None:
    files = files_of([zone()], BALANCERS, {})
    assert set(files) == {ZONES, STUBS, "ldaps.example.com.zone", "ldaps-0a.elb.us-west-2.amazonaws.com.zone"}
    for name, kind in ((ZONES, "auth-zone:"), (STUBS, "stub-zone:")):
        assert files[name].count(kind) == 2
        assert 'name: "ldaps.example.com."' in files[name]
    assert files["ldaps-0a.elb.us-west-2.amazonaws.com.zone"].endswith(" IN A 10.0.5.9\n")


def test_a_rule_goes_before_the_zone_of_its_name_and_after_longer_ones() -> None:
    rules = {"ldaps.example.com.": ["10.0.0.5@53"], "example.com": ["10.0.0.6@53", "10.0.0.7@5300"]}
    stubs = files_of([zone()], BALANCERS, rules)[STUBS]
    assert stubs.count("stub-zone:") == 1, "of the balancer"
    assert (
        'forward-zone:\n    name: "example.com."\n    forward-addr: 10.0.0.6@53\n    forward-addr: 10.0.0.7@5300\n'
        in stubs
    )
    assert 'forward-zone:\n    name: "ldaps.example.com."\n    forward-addr: 10.0.0.5@53\n' in stubs


def test_a_zone_with_a_slash_has_a_file_like_any_other() -> None:
    reverse = FakeZone("0/25.2.0.192.in-addr.arpa.", "Z3", private_zone=True, caller_reference="y")
    files = files_of([reverse], {}, {})
    assert "0%2F25.2.0.192.in-addr.arpa.zone" in files
    assert 'name: "0/25.2.0.192.in-addr.arpa."' in files[ZONES]
    assert not [name for name in files if "/" in name]
