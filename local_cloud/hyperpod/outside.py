# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service makes in the customer's account: network interfaces and log streams, in moto's backends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from local_cloud.hyperpod.draft import Note
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Node

DESCRIPTION = "SageMaker HyperPod node"


class Access(Protocol):
    """moto_access.MotoAccess."""

    def changes(self, service: str) -> AbstractContextManager[None]:
        """Hold while changing things of the service in moto's backends; they are saved at the end."""

    def role_credentials(self, account_id: str, region: str, role_arn: str, session_name: str) -> dict[str, str]:
        """AccessKeyId, SecretAccessKey, Token and Expiration of a session of a role."""


class Outside:
    """Hands of the service in the customer's account."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def attach_interfaces(self, cluster: Cluster, nodes: Iterable[Node]) -> None:
        """Make the nodes' interfaces in the customer's subnets, where they are not there yet."""
        ec2 = get_backend("ec2")[cluster.account_id][cluster.region]
        have = {_marker(eni.description) for eni in list(ec2.enis.values())}
        missing = [n for n in nodes if n.key not in have and _subnet(ec2, n.placement.subnet_id) is not None]
        if not missing:
            return
        with self._access.changes("ec2"):
            for node in missing:
                subnet = _subnet(ec2, node.placement.subnet_id)
                config = node.spec.get("OverrideVpcConfig") or cluster.settings.get("VpcConfig") or {}
                eni = ec2.create_network_interface(
                    subnet,
                    node.placement.ip_address,
                    group_ids=list(config.get("SecurityGroupIds", [])),
                    description=f"{DESCRIPTION} {cluster.cluster_id} {node.key}",
                )
                eni.status = "in-use"
                eni.requester_managed = True

    def detach_interfaces(self, cluster: Cluster, keys: Iterable[str]) -> None:
        """Remove the interfaces of these nodes."""
        wanted = set(keys)
        ec2 = get_backend("ec2")[cluster.account_id][cluster.region]
        with self._access.changes("ec2"):
            for eni_id, eni in list(ec2.enis.items()):
                if _marker(eni.description) in wanted:
                    ec2.enis.pop(eni_id, None)

    def alarms_gone_off(self, cluster: Cluster) -> dict[str, str]:
        """Instance group in an update -> name of an alarm of its AutoRollbackConfiguration that is in ALARM state."""
        found: dict[str, str] = {}
        for group in cluster.groups.values():
            if group.update is not None and group.update.status == "InProgress":
                names = [alarm["AlarmName"] for alarm in group.update.config.get("AutoRollbackConfiguration", [])]
                known = get_backend("cloudwatch")[cluster.account_id][cluster.region].alarms if names else {}
                off = [name for name in names if name in known and known[name].state_value == "ALARM"]
                if off:
                    found[group.name] = off[0]
        return found

    def write_logs(self, cluster: Cluster, notes: Iterable[Note]) -> None:
        """Put lines into the cluster's log group: markers of simulated instances, results of health checks."""
        logs = get_backend("logs")[cluster.account_id][cluster.region]
        with self._access.changes("logs"):
            if cluster.log_group not in logs.groups:
                logs.create_log_group(cluster.log_group, {})
            for note in notes:
                logs.ensure_log_stream(cluster.log_group, note.stream)
                event = {"timestamp": int(time.time() * 1000), "message": note.message}
                logs.put_log_events(cluster.log_group, note.stream, [event])


def _marker(description: Any) -> str:
    """NodeLogicalId in the description of one of our interfaces."""
    text = str(description or "")
    return text.rsplit(" ", 1)[-1] if text.startswith(DESCRIPTION) else ""


def _subnet(ec2: Any, subnet_id: str) -> Any:
    for zones in list(ec2.subnets.values()):
        if subnet_id in zones:
            return zones[subnet_id]
    return None
