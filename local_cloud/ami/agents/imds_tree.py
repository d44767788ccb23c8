# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths and values of the instance metadata service.

Source: Amazon EC2 User Guide, "Instance metadata categories", "Instance identity documents", "Retrieve security
credentials from instance metadata".
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def tree(document: dict[str, Any], spec: dict[str, Any], mac: str) -> dict[str, str]:
    """Full paths below /latest and what they answer.

    Args:
        document: the agent document (its ``imds`` and ``credentials`` objects are used).
        spec: facts of the node as the provider wrote them.
        mac: hardware address of the node's interface.
    """
    imds = document.get("imds", {})
    address = imds.get("local-ipv4", "")
    region = imds.get("region", "")
    hostname = f"{spec.get('hostname', '')}.{region}.compute.internal"
    interface = f"meta-data/network/interfaces/macs/{mac}"
    values = {
        "meta-data/ami-id": spec.get("image_id", ""),
        "meta-data/hostname": hostname,
        "meta-data/instance-id": imds.get("instance-id", ""),
        "meta-data/instance-life-cycle": "on-demand",
        "meta-data/instance-type": imds.get("instance-type", ""),
        "meta-data/local-hostname": hostname,
        "meta-data/local-ipv4": address,
        "meta-data/mac": mac,
        "meta-data/placement/availability-zone": imds.get("availability-zone", ""),
        "meta-data/placement/availability-zone-id": imds.get("availability-zone-id", ""),
        "meta-data/placement/region": region,
        "meta-data/services/domain": "amazonaws.com",
        "meta-data/services/partition": spec.get("partition", "aws"),
        f"{interface}/device-number": "0",
        f"{interface}/local-ipv4s": address,
        f"{interface}/mac": mac,
        f"{interface}/subnet-id": spec.get("subnet_id", ""),
        f"{interface}/subnet-ipv4-cidr-block": spec.get("subnet_cidr", ""),
        f"{interface}/vpc-id": spec.get("vpc_id", ""),
        f"{interface}/vpc-ipv4-cidr-block": spec.get("vpc_cidr", ""),
        "dynamic/instance-identity/document": json.dumps(_identity(imds, spec), indent=2, sort_keys=True),
    }
    values.update(_role(imds.get("iam-role", ""), document.get("credentials") or {}, spec))
    return values


def _identity(imds: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "accountId": spec.get("account_id"),
        "architecture": "x86_64",
        "availabilityZone": imds.get("availability-zone"),
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": spec.get("image_id"),
        "instanceId": imds.get("instance-id"),
        "instanceType": imds.get("instance-type"),
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": None,
        "privateIp": imds.get("local-ipv4"),
        "ramdiskId": None,
        "region": imds.get("region"),
        "version": "2017-09-30",
    }


def _role(role: str, credentials: dict[str, Any], spec: dict[str, Any]) -> dict[str, str]:
    if not role or not credentials:
        return {}
    updated = credentials.get("LastUpdated", "1970-01-01T00:00:00Z")
    profile = f"arn:{spec.get('partition', 'aws')}:iam::{spec.get('account_id')}:instance-profile/{role}"
    unique_id = "AIPA" + hashlib.sha256(profile.encode()).hexdigest()[:17].upper()
    info = {"Code": "Success", "LastUpdated": updated, "InstanceProfileArn": profile, "InstanceProfileId": unique_id}
    keys = {
        "Code": "Success",
        "LastUpdated": updated,
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials["AccessKeyId"],
        "SecretAccessKey": credentials["SecretAccessKey"],
        "Token": credentials["Token"],
        "Expiration": credentials["Expiration"],
    }
    return {
        "meta-data/iam/info": json.dumps(info, indent=2),
        f"meta-data/iam/security-credentials/{role}": json.dumps(keys, indent=2),
    }


def answer(values: dict[str, str], path: str) -> str | None:
    """What a GET of ``/<version>/<path>`` answers: a value, a listing of the folder, or None for 404.

    Listings name folders with a closing slash, but for the role below iam/security-credentials.
    """
    wanted = path.strip("/")
    if wanted in values:
        return values[wanted]
    prefix = f"{wanted}/" if wanted else ""
    names = set()
    for key in values:
        if key.startswith(prefix):
            head, slash, _rest = key[len(prefix) :].partition("/")
            names.add(head + slash)
    return "\n".join(sorted(names)) if names else None
