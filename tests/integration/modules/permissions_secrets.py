# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that ask for each IAM action of the modules for secrets of a directory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from modules_harness import REGION
from modules_harness import ROOT_KEYS
from modules_harness import Cloud
from modules_harness import eventually
from permissions_world import World

Step = Callable[[World], dict[str, Any]]

ACCOUNTS = [{"username": name, "bind_dn": f"CN={name},DC=x"} for name in ("one", "two")]
_BEFORE = {"": [], "one": ["present"], "changing": ["present", "pending"], "gone": ["present", "absent"]}


def new_directory(cloud: Cloud, domain: str, block: str) -> str:
    """Id of a directory that is active. Without machines it knows one user, Admin."""
    ec2, ds = cloud.client("ec2"), cloud.client("ds")
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    place = {"VpcId": vpc, "SubnetIds": [subnet["Subnet"]["SubnetId"] for subnet in subnets]}
    made: str = ds.create_microsoft_ad(Name=domain, Password="Begin-With-7", VpcSettings=place)["DirectoryId"]

    def active() -> bool | None:
        (told,) = ds.describe_directories(DirectoryIds=[made])["DirectoryDescriptions"]
        return told["Stage"] == "Active" or None

    eventually(active)
    return made


@functools.cache
def directory(world: World) -> str:
    """The one of this world."""
    return new_directory(world.cloud, "secrets.example.com", "10.78")


def secret(state: str, made: str = "", **options: Any) -> Step:
    """A secret of its own: there is none, one, one that changes, or one that is scheduled for deletion."""

    def step(world: World) -> dict[str, Any]:
        name = f"permissions/{next(world.numbers)}"
        for earlier in _BEFORE[made]:
            world.module("directory_secret", {"name": name, "state": earlier, "accounts": ACCOUNTS}, ROOT_KEYS)
        return world.module("directory_secret", {"name": name, "state": state, **options})

    return step


def password(world: World) -> dict[str, Any]:
    """A password that the account does not have."""
    name = f"permissions/{next(world.numbers)}"
    world.module("directory_secret", {"name": name, "fields": {"username": "Admin"}}, ROOT_KEYS)
    return world.module("ds_user_password", {"directory_id": directory(world), "secret": name})


STEPS: dict[str, dict[str, Step]] = {
    "directory_secret": {
        "secretsmanager:DescribeSecret": secret("present"),
        "secretsmanager:GetSecretValue": secret("present", "one"),
        "secretsmanager:CreateSecret": secret("present"),
        "secretsmanager:TagResource": secret("present", "one", tags={"a": "1"}),
        "secretsmanager:PutSecretValue": secret("pending", "one", accounts=ACCOUNTS),
        "secretsmanager:UpdateSecretVersionStage": secret("current", "changing"),
        "secretsmanager:RestoreSecret": secret("present", "gone"),
        "secretsmanager:DeleteSecret": secret("absent", "one"),
    },
    "ds_user_password": {
        "ds:ResetUserPassword": password,
        "secretsmanager:DescribeSecret": password,
        "secretsmanager:GetSecretValue": password,
        "secretsmanager:TagResource": password,
    },
}
