# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists + what is wanted -> the calls to make. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from .._waiting.plans import Outline
from . import removal
from . import rules
from .find import unfit
from .states import CROSS_ZONE
from .states import LDAP_PORT
from .states import LDAPS_PORT
from .states import MARK
from .states import PROTECTION
from .states import certificate_of
from .states import groups_of
from .steps import Steps
from .waiters import HEALTHY
from .waiters import healthy

if TYPE_CHECKING:
    from .states import Current
    from .states import Desired
    from .states import Surroundings


# How the health of targets is checked: a connection to the port that they serve.
_CHECK = {"HealthCheckProtocol": "TCP", "HealthCheckPort": "traffic-port"}
# Seconds between two checks of a new target group's targets: two that fail take a domain controller out.
_INTERVAL = 10


def plan(current: Current, desired: Desired, around: Surroundings, region: str) -> Outline:
    """What to do. ``region`` is that of the load balancer."""
    name = f"endpoint {desired.name}"
    if current.problem:
        return Outline(refusal=f"{name} can't be told from other things: {current.problem}")
    if desired.state == "absent":
        return removal.plan(current, desired)
    found = rules.problems(current, desired, around, region)
    if found:
        verb = "can't be made" if current.balancer is None else "can't be changed"
        return Outline(refusal=f"{name} {verb} like this: {'; '.join(found)}")
    steps, warnings = Steps(), [text for text in [rules.weak_policy(desired, around)] if text]
    _group(steps, current, desired, around)
    _balancer(steps, current, desired)
    addresses = wanted_addresses(current, desired, around)
    _register(steps, current, addresses, around)
    _listeners(steps, current, desired)
    _tags(steps, current, desired)
    if current.misfit is not None:
        why = unfit(current.misfit, _vpc(current, desired, around))
        warnings.append(
            f"{name}: target group {current.misfit.get('TargetGroupName')} can't be that of an endpoint ({why}); it is"
            " left as it is, and nothing forwards to it any more"
        )
    done = not steps.now and not steps.later and healthy(current, addresses).done
    return Outline(
        calls=tuple(steps.now),
        later=tuple(steps.later),
        goal=None if done or steps.later else HEALTHY,
        again=bool(steps.later),
        warnings=tuple(warnings),
        before=current.options(),
        after=predicted(current, desired, around),
    )


def wanted_addresses(current: Current, desired: Desired, around: Surroundings) -> list[str]:
    """Addresses that are to be targets: those given, the directory's, or those that are there."""
    if desired.targets:
        return sorted(desired.targets)
    if around.directory is not None:
        return sorted(around.directory.get("DnsIpAddrs", []))
    return sorted(str(target["Id"]) for target in current.registered())


def _vpc(current: Current, desired: Desired, around: Surroundings) -> str | None:
    if current.balancer is not None:
        return str(current.balancer["VpcId"])
    return desired.vpc_id or next((str(subnet["VpcId"]) for subnet in around.subnets), None)


def _balancer(steps: Steps, current: Current, desired: Desired) -> None:
    if current.balancer is None:
        request: dict[str, Any] = {
            "Name": desired.name,
            "Type": "network",
            "Scheme": "internal",
            "IpAddressType": "ipv4",
            "Subnets": list(desired.subnet_ids or ()),
        }
        if desired.security_group_ids:
            request["SecurityGroups"] = list(desired.security_group_ids)
        if desired.tags:
            request["Tags"] = ansible_dict_to_boto3_tag_list(desired.tags)
        steps.add("CreateLoadBalancer", request, "there is no load balancer of this name")
    else:
        _network(steps, current, desired)
    _attributes(steps, current, desired)


def _network(steps: Steps, current: Current, desired: Desired) -> None:
    there = current.subnet_ids()
    if desired.subnet_ids is not None and sorted(desired.subnet_ids) != there:
        request = {"LoadBalancerArn": current.arn, "Subnets": list(desired.subnet_ids)}
        steps.add("SetSubnets", request, f"subnets are {_listed(there)}, wanted {_listed(desired.subnet_ids)}")
    groups = sorted((current.balancer or {}).get("SecurityGroups", []))
    if desired.security_group_ids is not None and sorted(desired.security_group_ids) != groups:
        request = {"LoadBalancerArn": current.arn, "SecurityGroups": list(desired.security_group_ids)}
        why = f"security groups are {_listed(groups)}, wanted {_listed(desired.security_group_ids)}"
        steps.add("SetSecurityGroups", request, why)


def _listed(values: Any) -> str:
    return ", ".join(sorted(values)) or "none"


def _attributes(steps: Steps, current: Current, desired: Desired) -> None:
    wanted = {CROSS_ZONE: desired.cross_zone, PROTECTION: desired.deletion_protection}
    differing = {key: value for key, value in wanted.items() if value is not None and value != current.enabled(key)}
    if differing:
        attributes = [{"Key": key, "Value": str(value).lower()} for key, value in differing.items()]
        request = {"LoadBalancerArn": current.arn, "Attributes": attributes}
        told = ", ".join(f"{key} is to be {str(value).lower()}" for key, value in differing.items())
        steps.add("ModifyLoadBalancerAttributes", request, told)


def _group(steps: Steps, current: Current, desired: Desired, around: Surroundings) -> None:
    if current.group is not None:
        if any(current.group.get(key) != value for key, value in _CHECK.items()):
            change = {"TargetGroupArn": current.group_arn, **_CHECK}
            steps.add("ModifyTargetGroup", change, "health is to be checked by TCP on the port of the targets")
        return
    marks = {**(desired.tags or {}), MARK: desired.name}
    request: dict[str, Any] = {
        "Name": desired.group_name,
        "Protocol": "TCP",
        "Port": LDAP_PORT,
        "VpcId": _vpc(current, desired, around),
        "TargetType": "ip",
        **_CHECK,
        "HealthCheckIntervalSeconds": _INTERVAL,
        "Tags": ansible_dict_to_boto3_tag_list(marks),
    }
    steps.add("CreateTargetGroup", request, "there is no target group of the endpoint")


def _register(steps: Steps, current: Current, addresses: list[str], around: Surroundings) -> None:
    group_arn = current.group_arn
    there = {(str(target["Id"]), int(target.get("Port", LDAP_PORT))): target for target in current.registered()}
    missing = [address for address in addresses if (address, LDAP_PORT) not in there]
    if missing:
        targets = [_target(address, around) for address in missing]
        request = {"TargetGroupArn": group_arn, "Targets": targets}
        steps.add("RegisterTargets", request, f"domain controllers to ask: {_listed(missing)}")
    extra = [place for place in there if place[0] not in addresses or place[1] != LDAP_PORT]
    if extra:
        gone = [dict(there[place]) for place in sorted(extra)]
        request = {"TargetGroupArn": group_arn, "Targets": gone}
        told = _listed(f"{address}:{port}" for address, port in extra)
        steps.add("DeregisterTargets", request, f"not to be asked any more: {told}")


def _target(address: str, around: Surroundings) -> dict[str, Any]:
    target: dict[str, Any] = {"Id": address, "Port": LDAP_PORT}
    if around.outside(address):
        target["AvailabilityZone"] = "all"
    return target


def _listeners(steps: Steps, current: Current, desired: Desired) -> None:
    group_arn = current.group_arn
    forward = None if group_arn is None else [{"Type": "forward", "TargetGroupArn": group_arn}]
    secure = current.listener(LDAPS_PORT)
    if secure is None:
        request = {
            "LoadBalancerArn": current.arn,
            "Protocol": "TLS",
            "Port": LDAPS_PORT,
            "SslPolicy": desired.ssl_policy,
            "Certificates": [{"CertificateArn": desired.certificate_arn}],
            "DefaultActions": forward,
        }
        if desired.tags:
            request["Tags"] = ansible_dict_to_boto3_tag_list(desired.tags)
        steps.add("CreateListener", request, f"there is no listener on port {LDAPS_PORT}")
    else:
        changes = _listener_changes(secure, desired, forward, group_arn)
        if changes:
            request = {"ListenerArn": secure["ListenerArn"], **{key: value for key, (value, _why) in changes.items()}}
            why = "; ".join(why for _value, why in changes.values())
            steps.add("ModifyListener", request, why)
    plain = current.listener(LDAP_PORT)
    if plain is not None and not desired.keep_plain_listener:
        request = {"ListenerArn": plain["ListenerArn"]}
        # Not before there is the other one.
        add = steps.add if group_arn else steps.postpone
        add("DeleteListener", request, f"port {LDAP_PORT} lets passwords through in the clear")


def _listener_changes(secure: Any, desired: Desired, forward: Any, group_arn: str | None) -> dict[str, tuple[Any, str]]:
    """What to change of the listener, and why."""
    changes: dict[str, tuple[Any, str]] = {}
    becomes_tls = secure.get("Protocol") != "TLS"
    if becomes_tls:
        changes["Protocol"] = ("TLS", f"port {LDAPS_PORT} is {secure.get('Protocol')}, wanted TLS")
    if becomes_tls or secure.get("SslPolicy") != desired.ssl_policy:
        was = secure.get("SslPolicy") or "not set"
        changes["SslPolicy"] = (desired.ssl_policy, f"the TLS policy is {was}, wanted {desired.ssl_policy}")
    wanted = desired.certificate_arn or certificate_of(secure)
    if becomes_tls or certificate_of(secure) != wanted:
        was = certificate_of(secure) or "not set"
        changes["Certificates"] = ([{"CertificateArn": wanted}], f"the certificate is {was}, wanted {wanted}")
    if groups_of(secure) != [group_arn]:
        changes["DefaultActions"] = (forward, f"port {LDAPS_PORT} does not forward to the endpoint's target group")
    return changes


def _tags(steps: Steps, current: Current, desired: Desired) -> None:
    """Tags of each part that is there already; what is made gets them at once."""
    group_arn = current.group_arn
    if group_arn and current.tags.get(group_arn, {}).get(MARK) != desired.name:
        request = {"ResourceArns": [group_arn], "Tags": [{"Key": MARK, "Value": desired.name}]}
        steps.add("AddTags", request, "the target group is to be known as the endpoint's")
    if desired.tags is None:
        return
    secure = current.listener(LDAPS_PORT) or {}
    for arn in (current.arn, group_arn, secure.get("ListenerArn")):
        if arn is None:
            continue
        there = current.visible_tags(arn)
        to_set, to_remove = compare_aws_tags(there, dict(desired.tags), desired.purge_tags)
        part = arn.split(":")[-1].split("/")[0]
        if to_remove:
            request = {"ResourceArns": [arn], "TagKeys": sorted(to_remove)}
            steps.add("RemoveTags", request, f"tags {_listed(to_remove)} of the {part} are not wanted")
        if to_set:
            request = {"ResourceArns": [arn], "Tags": ansible_dict_to_boto3_tag_list(to_set)}
            steps.add("AddTags", request, f"tags {_listed(to_set)} of the {part} differ")


def predicted(current: Current, desired: Desired, around: Surroundings) -> dict[str, Any]:
    """How the endpoint will be, in the form of the options."""
    secure = current.listener(LDAPS_PORT) or {}
    before = current.options()
    tags = dict(before.get("tags", {}))
    if desired.tags is not None:
        tags = {**({} if desired.purge_tags else tags), **desired.tags}
    group = current.group_arn or f"a new one, {desired.group_name}"
    protection = desired.deletion_protection
    return {
        "load_balancer": current.arn or f"a new one, {desired.name}",
        "target_group": group,
        "vpc_id": _vpc(current, desired, around),
        "subnet_ids": sorted(desired.subnet_ids or current.subnet_ids()),
        "security_group_ids": sorted(
            before.get("security_group_ids", []) if desired.security_group_ids is None else desired.security_group_ids
        ),
        "targets": wanted_addresses(current, desired, around),
        "listener": {
            "protocol": "TLS",
            "certificate_arn": desired.certificate_arn or certificate_of(secure),
            "ssl_policy": desired.ssl_policy,
            "target_groups": [group],
        },
        "cross_zone": desired.cross_zone,
        "deletion_protection": current.enabled(PROTECTION) if protection is None else protection,
        "plain_listener": desired.keep_plain_listener and current.listener(LDAP_PORT) is not None,
        "tags": dict(sorted(tags.items())),
    }
