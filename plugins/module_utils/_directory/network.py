# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the subnets and limits for a new directory. Pure.

https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_getting_started_prereqs.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .states import Desired
    from .states import Surroundings


def problems(desired: Desired, around: Surroundings) -> list[str]:
    """All findings, each naming option, value and fix."""
    return [*_subnets(desired, around), *_limits(around)]


def _subnets(desired: Desired, around: Surroundings) -> list[str]:
    ids = desired.subnet_ids or ()
    if len(ids) != 2:
        listed = ", ".join(ids) or "none"
        return [f"subnet_ids: a directory has exactly two subnets, in two availability zones; given: {listed}"]
    known = {subnet["SubnetId"]: subnet for subnet in around.subnets}
    missing = [name for name in ids if name not in known]
    if missing:
        return [f"subnet_ids: {', '.join(missing)} not found in this account and region"]
    found = []
    zones = {name: str(known[name]["AvailabilityZone"]) for name in ids}
    if len(set(zones.values())) < len(ids):
        told = " and ".join(f"{name} ({zone})" for name, zone in zones.items())
        found.append(f"subnet_ids: {told} are in the same availability zone: give subnets in two zones")
    vpcs = {name: str(known[name]["VpcId"]) for name in ids}
    if len(set(vpcs.values())) > 1:
        told = " and ".join(f"{name} ({vpc})" for name, vpc in vpcs.items())
        found.append(f"subnet_ids: {told} are in different VPCs: give subnets of one VPC")
    elif desired.vpc_id and desired.vpc_id not in vpcs.values():
        found.append(f"vpc_id: {desired.vpc_id}, but the subnets are in {next(iter(vpcs.values()))}")
    found += [
        f"subnet_ids: {name} has {known[name]['AvailableIpAddressCount']} free addresses: a domain controller needs one"
        for name in ids
        if int(known[name].get("AvailableIpAddressCount", 1)) < 1
    ]
    return found


def _limits(around: Surroundings) -> list[str]:
    if not around.limits.get("CloudOnlyMicrosoftADLimitReached"):
        return []
    count, limit = (around.limits.get(f"CloudOnlyMicrosoftAD{what}") for what in ("CurrentCount", "Limit"))
    text = (
        f"the account has {count} of at most {limit} AWS Managed Microsoft AD directories in this region: delete one"
        " that nobody uses (ds_microsoft_ad_info lists them), or ask Service Quotas (AWS Directory Service) for more"
    )
    return [text]
