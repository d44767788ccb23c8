# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private hosted zones and the names of load balancers as zone files of a VPC's resolver. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

ZONES = "zones.conf"
STUBS = "stubs.conf"
# Where the resolver's second program serves the zones.
_AUTHORITY = "127.0.0.1@5353"
# Seconds that answers for aliases may be kept (Route 53 developer guide, "Alias records").
_ALIAS_TTL = 60
# Records of these types are passed on as they are; the others of Route 53 mean nothing to a resolver.
_TYPES = frozenset({"A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SPF", "SRV", "TXT"})
_OWN = ("NS", "SOA")
# Their values end in a name. In Route 53 it is complete with and without a dot at its end, in a zone file with it only.
_NAMING = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})


def files_of(
    zones: Iterable[Any], balancers: Mapping[str, list[str]], rules: Mapping[str, list[str]]
) -> dict[str, str]:
    """Configuration and zone files of the resolver of a VPC.

    Args:
        zones: hosted zones of moto that are associated with the VPC.
        balancers: private addresses by DNS name of a load balancer.
        rules: addresses (``<address>@<port>``) that are asked for a domain; a rule goes before a private zone of its
            name (Route 53 developer guide, "Considerations when working with a private hosted zone").
    """
    texts = {_plain(zone.name): zone_text(zone, balancers) for zone in zones}
    for name, addresses in balancers.items():
        own = "".join(f"{name}. {_ALIAS_TTL} IN A {address}\n" for address in addresses)
        texts[name] = _head(name) + own
    files = {_file(name): text for name, text in texts.items()}
    zones_conf = "".join(f'auth-zone:\n    name: "{name}."\n    zonefile: "{_file(name)}"\n' for name in sorted(texts))
    asked = {_plain(name): addresses for name, addresses in rules.items()}
    stubs = [
        f'stub-zone:\n    name: "{name}."\n    stub-addr: {_AUTHORITY}\n' for name in sorted(texts) if name not in asked
    ]
    stubs += [
        f'forward-zone:\n    name: "{name}."\n' + "".join(f"    forward-addr: {address}\n" for address in addresses)
        for name, addresses in sorted(asked.items())
    ]
    return {ZONES: zones_conf, STUBS: "".join(stubs), **files}


def _file(name: str) -> str:
    """The name of a zone may have a slash (RFC 2317)."""
    return f"{quote(name, safe='')}.zone"


def zone_text(zone: Any, balancers: Mapping[str, list[str]]) -> str:
    """One zone in the form of RFC 1035, section 5."""
    name = _plain(zone.name)
    lines = []
    for record in zone.rrsets:
        owner = f"{_owner(record.name)}."
        if record.alias_target:
            lines += _alias(owner, record, zone, balancers)
        elif record.type in _TYPES and not (record.type in _OWN and _plain(record.name) == name):
            kind = "TXT" if record.type == "SPF" else record.type
            end = "." if record.type in _NAMING else ""
            values = [value.rstrip(".") + end if end else value for value in _values(record)]
            lines += [f"{owner} {record.ttl or 300} IN {kind} {value}\n" for value in values]
    return _head(name) + "".join(lines)


def _alias(owner: str, record: Any, zone: Any, balancers: Mapping[str, list[str]]) -> list[str]:
    """Addresses of the target: a load balancer, or another record of the zone."""
    target = _plain(record.alias_target["DNSName"]).removeprefix("dualstack.")
    if target in balancers:
        addresses = balancers[target] if record.type == "A" else []
    else:
        addresses = [
            value
            for each in zone.rrsets
            if _plain(each.name) == target and each.type == record.type and not each.alias_target
            for value in _values(each)
        ]
    return [f"{owner} {_ALIAS_TTL} IN {record.type} {address}\n" for address in addresses]


def _values(record: Any) -> list[str]:
    return [str(each["Value"] if isinstance(each, dict) else each) for each in record.records]


def _head(name: str) -> str:
    return (
        f"{name}. 900 IN SOA ns-0.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 5\n"
        f"{name}. 900 IN NS ns-0.awsdns-00.com.\n"
    )


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _owner(name: str) -> str:
    # Route 53 writes a wildcard as an octal escape (ListResourceRecordSets)
    return _plain(name).replace("\\052", "*")
