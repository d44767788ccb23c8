# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moto leaves out of FSx file systems, and mounts depend on: state, mount name, VPC, network interfaces.

Members: Amazon FSx API reference, FileSystem and LustreFileSystemConfiguration. As with all of moto a file system is
there at once.
"""

from __future__ import annotations

import functools
import secrets
import string
import time
from typing import Any

from moto.ec2.models import ec2_backends
from moto.fsx import models as fsx_models
from moto.fsx.exceptions import FileSystemNotFound

_LUSTRE = "LUSTRE"
_MOUNT_NAME = string.ascii_lowercase + string.digits


def apply() -> None:
    """Mend moto's file systems; those that an earlier version saved lack it."""
    system, backend = fsx_models.FileSystem, fsx_models.FSxBackend
    create, show = backend.create_file_system, system.to_dict
    describe, delete = backend.describe_file_systems, backend.delete_file_system

    @functools.wraps(create)
    def create_file_system(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = create(self, *args, **kwargs)
        made.more = {"CreationTime": time.time(), "Lifecycle": "AVAILABLE", **_network(self, made)}
        if made.file_system_type == _LUSTRE:
            name = "".join(secrets.choice(_MOUNT_NAME) for _number in range(8))
            made.lustre_configuration = {**(made.lustre_configuration or {}), "MountName": name}
        return made

    @functools.wraps(show)
    def to_dict(self: Any) -> dict[str, Any]:
        return {**show(self), **getattr(self, "more", {})}

    @functools.wraps(describe)
    def describe_file_systems(self: Any, file_system_ids: list[str] | None = None, **kwargs: Any) -> Any:
        for wanted in file_system_ids or []:
            if wanted not in self.file_systems:
                raise FileSystemNotFound(wanted)
        return describe(self, file_system_ids=file_system_ids, **kwargs)

    @functools.wraps(delete)
    def delete_file_system(self: Any, file_system_id: str, *args: Any, **kwargs: Any) -> Any:
        gone = self.file_systems.get(file_system_id)
        answer = delete(self, file_system_id, *args, **kwargs)
        for interface in getattr(gone, "more", {}).get("NetworkInterfaceIds", []):
            ec2_backends[self.account_id][self.region_name].enis.pop(interface, None)
        return answer

    backend.create_file_system = create_file_system
    system.to_dict = to_dict
    backend.describe_file_systems = describe_file_systems
    backend.delete_file_system = delete_file_system


def _network(backend: Any, made: Any) -> dict[str, Any]:
    """An interface in each subnet; without security groups the VPC's default one."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    subnets = [ec2.get_subnet(subnet_id) for subnet_id in made.subnet_ids or []]
    groups = made.security_group_ids or [
        group.id for subnet in subnets[:1] for group in [ec2.get_default_security_group(subnet.vpc_id)] if group
    ]
    interfaces = [
        ec2.create_network_interface(
            subnet, None, group_ids=groups, description=f"Created by Amazon FSx for {made.file_system_id}"
        )
        for subnet in subnets
    ]
    network = {"NetworkInterfaceIds": [interface.id for interface in interfaces]}
    return {**network, "VpcId": subnets[0].vpc_id} if subnets else network
