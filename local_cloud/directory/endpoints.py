# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network load balancer of moto as settings of HAProxy, with the faults that are injected. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from local_cloud import mends_acm
from local_cloud.directory.haproxy import Check
from local_cloud.directory.haproxy import Group
from local_cloud.directory.haproxy import Listener
from local_cloud.directory.haproxy import Target
from local_cloud.directory.haproxy import server_name
from local_cloud.directory.hooks import TargetState

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping

    from local_cloud.directory.haproxy import Health

PROTOCOLS = ("TCP", "TLS")
# Security policies that take nothing below TLS 1.3 (ELB user guide, "Security policies" of Network Load Balancers).
# All others begin with TLS 1.2 here: OpenSSL of today has nothing older.
_ONLY_TLS_1_3 = "ELBSecurityPolicy-TLS13-1-3-"

INITIAL = TargetState("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
REGISTERING = TargetState("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
HEALTHY = TargetState("healthy")
UNHEALTHY = TargetState("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
UNUSED = TargetState(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)


@dataclass(frozen=True)
class Faults:
    """What is wrong with a balancer on purpose.

    Attributes:
        certificate: PEM that is shown instead of the right one: key, certificate and chain.
        unhealthy: whether the target of an address fails its checks.
        delay: seconds by which everything is late, each way.
    """

    unhealthy: Callable[[str], bool]
    certificate: str | None = None
    delay: float = 0.0


def id_of(arn: str) -> str:
    """The last part of the ARN of a load balancer or target group."""
    return arn.rpartition("/")[2]


def groups_of(listener: Any) -> list[str]:
    """ARNs of the target groups that a listener forwards to."""
    found: list[str] = []
    for action in listener.default_actions:
        if action.type == "forward":
            many = action.data.get("ForwardConfig", {}).get("TargetGroups", [])
            found += [action.data["TargetGroupArn"]] if "TargetGroupArn" in action.data else []
            found += [each["TargetGroupArn"] for each in many]
    return list(dict.fromkeys(found))


def settings_of(
    balancer: Any, target_groups: Mapping[str, Any], certificates: Mapping[str, Any], faults: Faults
) -> tuple[tuple[Listener, ...], tuple[Group, ...], dict[str, str]]:
    """Listeners, groups and PEM files of a balancer.

    Args:
        balancer: of moto.
        target_groups: of moto, by ARN.
        certificates: of moto's ACM, by ARN.
        faults: what is to be wrong.
    """
    listeners: list[Listener] = []
    groups: dict[str, Group] = {}
    files: dict[str, str] = {}
    for listener in balancer.listeners.values():
        arns = [arn for arn in groups_of(listener) if arn in target_groups]
        if listener.protocol not in PROTOCOLS or not arns:
            continue
        name = None
        if listener.protocol == "TLS":
            bundle = certificates.get(listener.certificate)
            if bundle is None:
                continue
            name = f"{id_of(listener.arn)}.pem"
            files[name] = faults.certificate or pem_of(bundle)
        least = "TLSv1.3" if (listener.ssl_policy or "").startswith(_ONLY_TLS_1_3) else "TLSv1.2"
        listeners.append(Listener(int(listener.port), id_of(arns[0]), name, least))
        groups[arns[0]] = _group(target_groups[arns[0]], faults)
    return tuple(listeners), tuple(groups.values()), files


def _group(group: Any, faults: Faults) -> Group:
    port = group.health_check_port
    check = Check(
        port=None if port in (None, "traffic-port") else int(port),
        seconds=float(group.health_check_interval_seconds),
        timeout=float(group.health_check_timeout_seconds),
        rise=int(group.healthy_threshold_count),
        fall=int(group.unhealthy_threshold_count),
    )
    targets = tuple(
        Target(target["Id"], int(target["Port"]), fails=faults.unhealthy(target["Id"]))
        for target in group.targets.values()
        if group.target_type == "ip"
    )
    return Group(id_of(group.arn), targets, check, faults.delay)


def pem_of(bundle: Any) -> str:
    """Key, certificate and chain of a certificate of ACM."""
    parts = [bundle.key, bundle.cert, mends_acm.chain_of(bundle)]
    return "".join(part.decode().strip() + "\n" for part in parts if part)


def real_state(
    group_name: str, target: Target, reports: Iterable[Mapping[tuple[str, str], Health]], before: TargetState | None
) -> TargetState:
    """What the balancers that use a group say of a target.

    Args:
        group_name: in the balancers' settings.
        target: the target.
        reports: of each balancer.
        before: what was said last; it holds while a balancer that took up new settings has not checked again.
    """
    found = [report[key] for report in reports for key in [(group_name, server_name(target))] if key in report]
    if not found:
        return REGISTERING
    if not all(health.checked for health in found):
        return before or INITIAL
    return HEALTHY if any(health.up for health in found) else UNHEALTHY
