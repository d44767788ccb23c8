# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is, and what is wanted. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import HyperPodError
from .._hyperpod.transformations import to_result

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

# https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DirectoryDescription.html
MICROSOFT_AD = "MicrosoftAD"
SHARED = "SharedMicrosoftAD"

Answer = dict[str, Any]


def domain(name: str) -> str:
    """A domain name as names are compared: letters of both cases are the same, and so is a dot at the end."""
    return name.rstrip(".").casefold()


@dataclass(frozen=True)
class Desired:
    """The wish. None leaves things alone; ``forwarders``: addresses by domain name."""

    name: str | None = None
    directory_id: str | None = None
    state: str = "present"
    edition: str | None = None
    short_name: str | None = None
    description: str | None = None
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] | None = None
    forwarders: Mapping[str, tuple[str, ...]] | None = None
    purge_forwarders: bool = True
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    has_password: bool = False

    def called(self) -> str:
        """How messages call the directory."""
        return str(self.name or self.directory_id)


def desired_of(params: Mapping[str, Any]) -> Desired:
    """The wish in a module's parameters.

    Raises:
        HyperPodError: a forwarder is named twice.
    """
    tags = params["tags"]
    return Desired(
        name=params["name"],
        directory_id=params["directory_id"],
        state=params["state"],
        edition=params["edition"],
        short_name=params["short_name"],
        description=params["description"],
        vpc_id=params["vpc_id"],
        subnet_ids=None if params["subnet_ids"] is None else tuple(dict.fromkeys(params["subnet_ids"])),
        forwarders=None if params["conditional_forwarders"] is None else _forwarders(params["conditional_forwarders"]),
        purge_forwarders=params["purge_conditional_forwarders"],
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
        has_password=bool(params["password"] or params["password_secret"]),
    )


def _forwarders(items: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, tuple[str, ...]] = {}
    for item in items:
        name = domain(item["remote_domain_name"])
        if name in wanted:
            raise HyperPodError(f"conditional_forwarders names {name} more than once")
        if not item["dns_ip_addrs"]:
            raise HyperPodError(f"conditional_forwarders[{name}].dns_ip_addrs is empty: give at least one address")
        wrong = [address for address in item["dns_ip_addrs"] if not _is_ipv4(address)]
        if wrong:
            raise HyperPodError(f"conditional_forwarders[{name}].dns_ip_addrs: '{wrong[0]}' is no IPv4 address")
        wanted[name] = tuple(item["dns_ip_addrs"])
    return wanted


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Surroundings:
    """What a new directory depends on: answers of DescribeSubnets and GetDirectoryLimits."""

    subnets: tuple[Mapping[str, Any], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Current:
    """A directory that exists.

    Attributes:
        described: as DescribeDirectories tells.
        tags: its tags.
        forwarders: as DescribeConditionalForwarders tells; None: they can't be asked for now.
        ldaps: as DescribeLDAPSSettings tells, None: as forwarders.
    """

    described: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    forwarders: tuple[Mapping[str, Any], ...] | None = None
    ldaps: Mapping[str, Any] | None = None

    @property
    def stage(self) -> str:
        """``Stage``."""
        return str(self.described["Stage"])

    def addresses_by_domain(self) -> dict[str, tuple[str, ...]]:
        """Addresses of the conditional forwarders."""
        return {
            domain(item["RemoteDomainName"]): (*item.get("DnsIpAddrs", []), *item.get("DnsIpv6Addrs", []))
            for item in self.forwarders or ()
        }

    def options(self) -> dict[str, Any]:
        """In the form of the options, for comparison and diff."""
        vpc = self.described.get("VpcSettings", {})
        return {
            "name": self.described.get("Name"),
            "edition": self.described.get("Edition"),
            "short_name": self.described.get("ShortName"),
            "description": self.described.get("Description") or None,
            "vpc_id": vpc.get("VpcId"),
            "subnet_ids": sorted(vpc.get("SubnetIds", [])),
            "stage": self.stage,
            "conditional_forwarders": forwarders_told(self.addresses_by_domain()),
            "tags": dict(sorted(self.tags.items())),
        }

    def result(self) -> dict[str, Any]:
        """As modules return it."""
        told = to_result(dict(self.described))
        vpc = told.pop("vpc_settings", {})
        return {
            **told,
            "vpc_id": vpc.get("vpc_id"),
            "subnet_ids": sorted(vpc.get("subnet_ids", [])),
            "availability_zones": sorted(vpc.get("availability_zones", [])),
            "security_group_id": vpc.get("security_group_id"),
            "dns_ip_addrs": sorted(told.get("dns_ip_addrs", [])),
            "conditional_forwarders": forwarders_told(self.addresses_by_domain()),
            "ldaps_status": (self.ldaps or {}).get("LDAPSStatus", "Disabled"),
            "ldaps_status_reason": (self.ldaps or {}).get("LDAPSStatusReason"),
            "tags": dict(sorted(self.tags.items())),
        }


def forwarders_told(addresses: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Conditional forwarders in the form of the options."""
    return [{"remote_domain_name": name, "dns_ip_addrs": sorted(addresses[name])} for name in sorted(addresses)]
