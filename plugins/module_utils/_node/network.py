# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own addresses, from the kernel's tables: no program, no name service. Private to this collection."""

from __future__ import annotations

import ipaddress
import re

_LEAF = re.compile(r"\|--\s+(\d+\.\d+\.\d+\.\d+)")
_LOCAL = re.compile(r"/32 host LOCAL")


def parse_fib_trie(text: str) -> list[str]:
    """The local IPv4 addresses in /proc/net/fib_trie, loopback left out, in numeric order."""
    found = set()
    last = ""
    for line in text.splitlines():
        leaf = _LEAF.search(line)
        if leaf:
            last = leaf.group(1)
        elif last and _LOCAL.search(line):
            found.add(last)
    return _usable(found)


def parse_if_inet6(text: str) -> list[str]:
    """The IPv6 addresses in /proc/net/if_inet6, loopback and link-local left out."""
    found = set()
    for line in text.splitlines():
        fields = line.split()
        if fields and len(fields[0]) == 32:
            found.add(str(ipaddress.IPv6Address(int(fields[0], 16))))
    return _usable(found)


def same_address(one: str, other: str) -> bool:
    """Whether two texts are the same address, however they are written."""
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return one == other


def _usable(addresses: set[str]) -> list[str]:
    parsed = [ipaddress.ip_address(address) for address in addresses]
    kept = [address for address in parsed if not (address.is_loopback or address.is_link_local)]
    return [str(address) for address in sorted(kept, key=int)]
