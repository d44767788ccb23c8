# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: whether Lustre goes by EFA, and the proof that it does. Pure.

Lustre falls back to TCP without a word, so only LNet's counters tell. Sources: "EFA-enabled file systems" in the user
guide of FSx for Lustre (same Availability Zone), lnetctl(8).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """Messages of LNet's EFA network, of all its interfaces together."""

    interfaces: int
    sent: int
    received: int


@dataclass(frozen=True)
class Verdict:
    """C(use): Lustre is to go by EFA here; C(why) it does not."""

    use: bool
    why: str = ""


def parse_counters(text: str) -> Counters:
    """Of C(lnetctl net show -v --net efa); no interface when there is no such network."""
    interfaces = re.findall(r"^\s*-?\s*nid:\s*\S+@efa\d*\s*$", text, re.MULTILINE)
    sent, received = (
        sum(int(number) for number in re.findall(rf"^\s*{key}:\s*(\d+)", text, re.MULTILINE))
        for key in ("send_count", "recv_count")
    )
    return Counters(len(interfaces), sent, received)


def decide(devices: t.Sequence[str], counters: Counters, own_zone: str, its_zone: str) -> Verdict:
    """Whether EFA can be used, by ids of zones: names mean another zone in each account."""
    if not devices:
        return Verdict(False, "this instance has no EFA device")
    if own_zone and its_zone and own_zone != its_zone:
        return Verdict(
            False, f"the file system is in zone {its_zone}, the node in {own_zone}, and EFA ends at the zone"
        )
    if counters.interfaces == 0:
        return Verdict(False, "LNet has no network efa (lnetctl net show): the client is not set up for EFA here")
    return Verdict(True)


def proof(before: Counters, after: Counters) -> str:
    """What is wrong after data was written and read; empty when it went by EFA in both directions."""
    still = [
        word
        for word, one, other in (("sent", before.sent, after.sent), ("received", before.received, after.received))
        if other <= one
    ]
    if not still:
        return ""
    return (
        f"64 MiB were written and read, and LNet's EFA interfaces have {' and '.join(still)} nothing: Lustre goes by "
        "TCP. The file system must be EFA-enabled (EfaEnabled in aws fsx describe-file-systems), the security groups "
        "must let all traffic through in both directions between themselves, and lnetctl net show must list efa as up"
    )
