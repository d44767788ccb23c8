# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elastic Load Balancing where moto answers otherwise, as far as network load balancers go.

What happens to them afterwards is directory/keeper.py's. Source: Elastic Load Balancing API reference (2015-12-01) and
user guide for Network Load Balancers; texts that AWS does not publish are ours.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from typing import Any

from moto.elbv2 import models
from moto.elbv2.exceptions import DuplicateListenerError
from moto.elbv2.exceptions import DuplicateLoadBalancerName
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.ssl_policies import SSL_POLICIES

from local_cloud.directory import hooks
from local_cloud.directory.endpoints import groups_of
from local_cloud.directory.endpoints import id_of
from local_cloud.directory.records import NETWORK
from local_cloud.directory.records import note_network
from local_cloud.directory.records import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

# AWS General Reference, "Elastic Load Balancing endpoints and quotas", hosted zone ids of network load balancers.
_ZONES = {
    "us-east-1": "Z26RNL4JYFTOTI",
    "us-east-2": "ZLMOA37VPKANP",
    "us-west-1": "Z24FKFUX50B4VW",
    "us-west-2": "Z18D5FSROUN65G",
    "ap-northeast-1": "Z31USIVHYNEOWT",
    "ap-south-1": "ZVDDRBQ08TROA",
    "ap-southeast-1": "ZKVM4W9LS7TM",
    "ap-southeast-2": "ZCT6FZBF4DROD",
    "eu-central-1": "Z3F0SRJ5LGBH90",
    "eu-north-1": "Z1UDT6IFJ4EJM",
    "eu-west-1": "Z2IFOLAFXWLO4F",
    "eu-west-2": "ZD4D7Y8KGAS4G",
    "sa-east-1": "ZTK26PT1VY4CU",
}
_TLS = "TLS"


def apply() -> None:
    """Mend moto's Elastic Load Balancing."""
    backend = models.ELBv2Backend
    for name, mended in {
        "create_load_balancer": _create_load_balancer,
        "delete_load_balancer": _delete_load_balancer,
        "set_subnets": _set_subnets,
        "create_listener": _create_listener,
        "modify_listener": _modify_listener,
        "delete_listener": _delete_listener,
        "describe_target_health": _describe_target_health,
    }.items():
        setattr(backend, name, _around(getattr(backend, name), mended))
    models.FakeLoadBalancer.activate = _around(models.FakeLoadBalancer.activate, _activate)


def _around(inner: Callable[..., Any], mended: Any) -> Callable[..., Any]:
    @functools.wraps(inner)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        return mended(self, functools.partial(inner, self), *args, **kwargs)

    return wrapper


# --- load balancers -------------------------------------------------------------------------------------------------


def _create_load_balancer(backend: Any, inner: Callable[..., Any], **given: Any) -> Any:
    network = given.get("loadbalancer_type") == NETWORK
    known = next((each for each in backend.load_balancers.values() if each.name == given["name"]), None)
    if known is not None:
        if _same(known, given):
            return known
        raise DuplicateLoadBalancerName
    made = inner(**{**given, "scheme": given.get("scheme") or "internet-facing"})
    if not network:
        return made
    del backend.load_balancers[made.arn]
    before, made.arn = made.arn, made.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
    backend.load_balancers[made.arn] = made
    tags = backend.tagging_service.list_tags_for_resource(before)["Tags"]
    backend.tagging_service.delete_all_tags_for_resource(before)
    backend.tagging_service.tag_resource(made.arn, tags)
    made.dns_name = f"{made.name}-{id_of(made.arn)}.elb.{backend.region_name}.amazonaws.com"
    made.canonical_hosted_zone_id = _ZONES.get(backend.region_name, made.canonical_hosted_zone_id)
    record(made)["since"] = hooks.keeper().now()
    _fit_interfaces(backend, made)
    return made


def _same(known: Any, given: dict[str, Any]) -> bool:
    subnets = given.get("subnet_ids") or [each["SubnetId"] for each in given.get("subnet_mappings") or []]
    return (
        known.type == (given.get("loadbalancer_type") or "application")
        and known.scheme == (given.get("scheme") or "internet-facing")
        and sorted(subnet.id for subnet in known.subnets) == sorted(subnets)
        and sorted(known.security_groups or []) == sorted(given.get("security_groups") or [])
    )


def _delete_load_balancer(backend: Any, inner: Callable[..., Any], arn: str) -> None:
    balancer = backend.load_balancers.get(arn)
    if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise ELBClientError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    inner(arn)
    if balancer is not None:
        for interface in record(balancer).get("interfaces", {}).values():
            backend.ec2_backend.enis.pop(interface, None)
        _relink(backend)


def _set_subnets(backend: Any, inner: Callable[..., Any], arn: str, *args: Any, **kwargs: Any) -> Any:
    answer = inner(arn, *args, **kwargs)
    balancer = backend.load_balancers[arn]
    if balancer.type == NETWORK:
        _fit_interfaces(backend, balancer)
    return answer


def _fit_interfaces(backend: Any, balancer: Any) -> None:
    """One interface in each subnet, which has the load balancer's private address there."""
    note_network(balancer, backend.ec2_backend, balancer.vpc_id, balancer.subnets[0].id)
    kept = record(balancer).setdefault("interfaces", {})
    wanted = {subnet.id: subnet for subnet in balancer.subnets}
    for subnet_id in set(kept) - set(wanted):
        backend.ec2_backend.enis.pop(kept.pop(subnet_id), None)
    for subnet_id, subnet in wanted.items():
        if subnet_id not in kept:
            name = f"ELB net/{balancer.name}/{id_of(balancer.arn)}"
            made = backend.ec2_backend.create_network_interface(
                subnet, None, group_ids=list(balancer.security_groups or []), description=name
            )
            kept[subnet_id] = made.id


def _activate(balancer: Any, inner: Callable[..., Any]) -> None:
    """moto activates whatever is described; a network load balancer is active when its keeper says so."""
    if balancer.type != NETWORK:
        inner()


# --- listeners ------------------------------------------------------------------------------------------------------


def _create_listener(backend: Any, inner: Callable[..., Any], **given: Any) -> Any:
    balancer = backend.load_balancers.get(given["load_balancer_arn"])
    if balancer is not None:
        _check_port(balancer, given["port"])
    if given["protocol"] == _TLS:
        _check_tls(backend, given.get("certificate"), given.get("ssl_policy"))
    made = inner(**given)
    if made.protocol not in (_TLS, "HTTPS"):
        made.ssl_policy = None
    _relink(backend)
    return made


def _modify_listener(backend: Any, inner: Callable[..., Any], arn: str, *args: Any, **kwargs: Any) -> Any:
    names = ("port", "protocol", "ssl_policy", "certificates", "actions")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    listener = backend.describe_listeners(None, [arn])[0]
    port, protocol = given.get("port"), given.get("protocol")
    if port is not None:
        _check_port(backend.load_balancers[listener.load_balancer_arn], port, listener)
    if (protocol or listener.protocol) == _TLS:
        certificates = [each["CertificateArn"] for each in given.get("certificates") or []]
        policy = given.get("ssl_policy") or listener.ssl_policy or "ELBSecurityPolicy-2016-08"
        _check_tls(backend, certificates[0] if certificates else listener.certificate, policy)
        inner(arn, **{**given, "protocol": None, "certificates": None, "ssl_policy": policy})
        listener.protocol = _TLS
        if certificates:
            listener.certificate, listener.certificates = certificates[0], certificates
    else:
        inner(arn, **given)
        if listener.protocol == "TCP":
            listener.certificate, listener.certificates, listener.ssl_policy = None, [], None
    _relink(backend)
    return listener


def _delete_listener(backend: Any, inner: Callable[..., Any], *args: Any) -> Any:
    gone = inner(*args)
    _relink(backend)
    return gone


def _check_port(balancer: Any, port: Any, but: Any = None) -> None:
    if any(str(each.port) == str(port) for each in balancer.listeners.values() if each is not but):
        raise DuplicateListenerError


def _check_tls(backend: Any, certificate: str | None, policy: str | None) -> None:
    if not certificate:
        raise ELBClientError("ValidationError", "A certificate must be specified for TLS listeners")
    if not backend._certificate_exists(certificate_arn=certificate):
        raise ELBClientError("CertificateNotFound", f"Certificate '{certificate}' not found")
    if policy and policy not in SSL_POLICIES:
        raise ELBClientError("SSLPolicyNotFound", f"SSL policy '{policy}' not found")


def _relink(backend: Any) -> None:
    """moto only ever adds to the load balancers that a target group names. Rules of application ones are left to it."""
    known = backend.load_balancers
    for group in backend.target_groups.values():
        others = [arn for arn in dict.fromkeys(group.load_balancer_arns) if arn in known and known[arn].type != NETWORK]
        group.load_balancer_arns = others + [
            balancer.arn
            for balancer in known.values()
            if balancer.type == NETWORK
            and any(group.arn in groups_of(listener) for listener in balancer.listeners.values())
        ]


# --- health ---------------------------------------------------------------------------------------------------------


def _describe_target_health(
    backend: Any, inner: Callable[..., Any], target_group_arn: str, targets: Iterable[dict[str, Any]]
) -> list[Any]:
    answer: list[Any] = inner(target_group_arn, targets)
    group = backend.target_groups[target_group_arn]
    if group.target_type != "ip" or group.protocol not in ("TCP", _TLS):
        return answer
    for status in answer:
        if status.instance_id in group.targets:
            state = hooks.keeper().target_state(group, status.instance_id, int(status.port))
            status.status, status.reason, status.description = state.state, state.reason, state.description
    return answer
