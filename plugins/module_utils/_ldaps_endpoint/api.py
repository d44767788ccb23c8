# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of the API, one function each; ``client`` is of Elastic Load Balancing (elbv2) unless it says else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from .._hyperpod.common import api_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence

Answer = dict[str, Any]

# DescribeTags takes so many ARNs, docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
_TAGS_AT_ONCE = 20


@api_call("describe load balancers", missing=[])
def find_balancers(client: Any, **wanted: Any) -> list[Answer]:
    """Load balancers: all, or by ``Names`` or ``LoadBalancerArns``; none where one of them isn't there."""
    pages = client.get_paginator("describe_load_balancers").paginate(**wanted)
    balancers: list[Answer] = pages.build_full_result().get("LoadBalancers", [])
    return balancers


@api_call("read the attributes of load balancer {arn}", missing={})
def attributes(client: Any, arn: str) -> dict[str, str]:
    """Attributes of a load balancer by key."""
    answer = client.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {str(item["Key"]): str(item["Value"]) for item in answer.get("Attributes", [])}


@api_call("list the listeners of load balancer {arn}", missing=[])
def list_listeners(client: Any, arn: str) -> list[Answer]:
    """Listeners of a load balancer."""
    pages = client.get_paginator("describe_listeners").paginate(LoadBalancerArn=arn)
    listeners: list[Answer] = pages.build_full_result().get("Listeners", [])
    return listeners


@api_call("list target groups", missing=[])
def list_groups(client: Any, **wanted: Any) -> list[Answer]:
    """Target groups: all, or by ``TargetGroupArns``."""
    pages = client.get_paginator("describe_target_groups").paginate(**wanted)
    groups: list[Answer] = pages.build_full_result().get("TargetGroups", [])
    return groups


@api_call("read the health of target group {arn}", missing=[])
def target_health(client: Any, arn: str) -> list[Answer]:
    """Health of the targets of a group; the call has no pages."""
    health: list[Answer] = client.describe_target_health(TargetGroupArn=arn).get("TargetHealthDescriptions", [])
    return health


def list_tags(client: Any, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tags by ARN."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), _TAGS_AT_ONCE):
        for item in _tags_of(client, list(arns[start : start + _TAGS_AT_ONCE])):
            found[str(item["ResourceArn"])] = boto3_tag_list_to_ansible_dict(item.get("Tags", []))
    return found


@api_call("list the tags of {arns}", missing=[])
def _tags_of(client: Any, arns: list[str]) -> list[Answer]:
    tags: list[Answer] = client.describe_tags(ResourceArns=arns).get("TagDescriptions", [])
    return tags


@api_call("list TLS policies")
def list_policies(client: Any) -> dict[str, tuple[str, ...]]:
    """TLS versions by name of the policies that network load balancers can have."""
    pages = client.get_paginator("describe_ssl_policies").paginate(LoadBalancerType="network")
    policies = pages.build_full_result().get("SslPolicies", [])
    return {str(item["Name"]): tuple(item.get("SslProtocols", [])) for item in policies}


@api_call("describe VPC {vpc_id}")
def vpc_blocks(client: Any, vpc_id: str) -> list[str]:
    """Address blocks of a VPC; ``client``: of EC2."""
    pages = client.get_paginator("describe_vpcs").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
    vpcs = pages.build_full_result().get("Vpcs", [])
    return [
        str(item["CidrBlock"])
        for vpc in vpcs
        for item in [vpc, *vpc.get("CidrBlockAssociationSet", [])]
        if item.get("CidrBlock")
    ]


@api_call("list the network interfaces of load balancer {arn}")
def interface_addresses(client: Any, arn: str) -> list[str]:
    """Private addresses of a load balancer, by the description of its interfaces; ``client``: of EC2."""
    named = {"Name": "description", "Values": [f"ELB {arn.rsplit(':loadbalancer/', maxsplit=1)[-1]}"]}
    pages = client.get_paginator("describe_network_interfaces").paginate(Filters=[named])
    interfaces = pages.build_full_result().get("NetworkInterfaces", [])
    return [str(item["PrivateIpAddress"]) for item in interfaces if item.get("PrivateIpAddress")]


@api_call("describe security group {group_id}")
def security_group(client: Any, group_id: str) -> Answer | None:
    """A security group; ``client``: of EC2."""
    pages = client.get_paginator("describe_security_groups").paginate(
        Filters=[{"Name": "group-id", "Values": [group_id]}]
    )
    groups: list[Answer] = pages.build_full_result().get("SecurityGroups", [])
    return groups[0] if groups else None


@api_call("create load balancer {request[Name]}")
def create_balancer(client: Any, request: Answer) -> None:
    """CreateLoadBalancer. A second try with the same inputs finds the first one's load balancer."""
    client.create_load_balancer(**request)


@api_call("create target group {request[Name]}")
def create_group(client: Any, request: Answer) -> None:
    """CreateTargetGroup."""
    client.create_target_group(**request)


@api_call("create the listener on port {request[Port]}")
def create_listener(client: Any, request: Answer) -> None:
    """CreateListener."""
    client.create_listener(**request)


@api_call("change listener {request[ListenerArn]}")
def modify_listener(client: Any, request: Answer) -> None:
    """ModifyListener."""
    client.modify_listener(**request)


@api_call("change the attributes of load balancer {request[LoadBalancerArn]}")
def modify_attributes(client: Any, request: Answer) -> None:
    """ModifyLoadBalancerAttributes."""
    client.modify_load_balancer_attributes(**request)


@api_call("change target group {request[TargetGroupArn]}")
def modify_group(client: Any, request: Answer) -> None:
    """ModifyTargetGroup."""
    client.modify_target_group(**request)


@api_call("set the subnets of load balancer {request[LoadBalancerArn]}")
def set_subnets(client: Any, request: Answer) -> None:
    """SetSubnets."""
    client.set_subnets(**request)


@api_call("set the security groups of load balancer {request[LoadBalancerArn]}")
def set_security_groups(client: Any, request: Answer) -> None:
    """SetSecurityGroups."""
    client.set_security_groups(**request)


@api_call("register targets in {request[TargetGroupArn]}")
def register_targets(client: Any, request: Answer) -> None:
    """RegisterTargets."""
    client.register_targets(**request)


@api_call("deregister targets of {request[TargetGroupArn]}")
def deregister_targets(client: Any, request: Answer) -> None:
    """DeregisterTargets."""
    client.deregister_targets(**request)


@api_call("tag {request[ResourceArns]}")
def add_tags(client: Any, request: Answer) -> None:
    """AddTags."""
    client.add_tags(**request)


@api_call("remove tags of {request[ResourceArns]}")
def remove_tags(client: Any, request: Answer) -> None:
    """RemoveTags."""
    client.remove_tags(**request)


@api_call("delete listener {request[ListenerArn]}", missing=None)
def delete_listener(client: Any, request: Answer) -> None:
    """DeleteListener; one that is gone already is no error."""
    client.delete_listener(**request)


@api_call("delete load balancer {request[LoadBalancerArn]}", missing=None)
def delete_balancer(client: Any, request: Answer) -> None:
    """DeleteLoadBalancer; one that is gone already is no error."""
    client.delete_load_balancer(**request)


@api_call("delete target group {request[TargetGroupArn]}", missing=None)
def delete_group(client: Any, request: Answer) -> None:
    """DeleteTargetGroup; one that is gone already is no error."""
    client.delete_target_group(**request)


OPERATIONS: dict[str, Callable[[Any, Answer], None]] = {
    "AddTags": add_tags,
    "CreateListener": create_listener,
    "CreateLoadBalancer": create_balancer,
    "CreateTargetGroup": create_group,
    "DeleteListener": delete_listener,
    "DeleteLoadBalancer": delete_balancer,
    "DeleteTargetGroup": delete_group,
    "DeregisterTargets": deregister_targets,
    "ModifyListener": modify_listener,
    "ModifyLoadBalancerAttributes": modify_attributes,
    "ModifyTargetGroup": modify_group,
    "RegisterTargets": register_targets,
    "RemoveTags": remove_tags,
    "SetSecurityGroups": set_security_groups,
    "SetSubnets": set_subnets,
}
