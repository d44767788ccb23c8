#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ldaps_endpoint_info
version_added: 0.1.0
short_description: Tell about LDAPS endpoints in front of directories
description:
  - Describes internal network load balancers that end TLS on port 636, with the health of their targets.
  - A name that no load balancer has is no error; it is missing in the result.
author:
  - podforge contributors (@podforge)
options:
  names:
    description:
      - Names or ARNs of the load balancers, which are told also when they are not complete.
      - All complete endpoints of the region, when left out.
    type: list
    elements: str
    aliases: [name]
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_hyperpod
notes:
  - "Required IAM actions: C(elasticloadbalancing:DescribeLoadBalancers),
    C(elasticloadbalancing:DescribeLoadBalancerAttributes), C(elasticloadbalancing:DescribeListeners),
    C(elasticloadbalancing:DescribeTargetGroups), C(elasticloadbalancing:DescribeTargetHealth),
    C(elasticloadbalancing:DescribeTags), C(ec2:DescribeNetworkInterfaces)."
seealso:
  - module: podforge.hyperpod.ldaps_endpoint
"""

EXAMPLES = r"""
- name: Look at one endpoint
  podforge.hyperpod.ldaps_endpoint_info:
    names: [corp-ldaps]
    region: us-west-2
  register: found

- name: Show targets that are not healthy
  ansible.builtin.debug:
    msg: "{{ found.endpoints | map(attribute='target_health') | flatten | rejectattr('state', 'eq', 'healthy') }}"
"""

RETURN = r"""
endpoints:
  description: The endpoints found, by name.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_arn:
      description: ARN of the load balancer.
      returned: always
      type: str
      sample: arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/net/corp-ldaps/0123456789abcdef
    load_balancer_name:
      description: Its name.
      returned: always
      type: str
      sample: corp-ldaps
    dns_name:
      description: Its DNS name, the target of an alias record.
      returned: always
      type: str
      sample: corp-ldaps-0123456789abcdef.elb.us-west-2.amazonaws.com
    canonical_hosted_zone_id:
      description: Hosted zone of the DNS name, for an alias record in Route 53.
      returned: always
      type: str
      sample: Z18D5FSROUN65G
    addresses:
      description: Private addresses of its network interfaces. Empty until there are some.
      returned: always
      type: list
      elements: str
      sample: [10.198.0.20, 10.198.16.20]
    state:
      description: Its state, C(active) when all is well.
      returned: always
      type: str
      sample: active
    scheme:
      description: Always C(internal).
      returned: always
      type: str
      sample: internal
    vpc_id:
      description: Its VPC.
      returned: always
      type: str
      sample: vpc-0123456789abcdef0
    subnet_ids:
      description: Its subnets.
      returned: always
      type: list
      elements: str
    security_group_ids:
      description: Its security groups.
      returned: always
      type: list
      elements: str
    cross_zone:
      description: Whether it asks domain controllers in other zones too.
      returned: always
      type: bool
    deletion_protection:
      description: Whether it is protected from deletion.
      returned: always
      type: bool
    listener_arn:
      description: ARN of the listener on port 636.
      returned: always, null when there is none
      type: str
    certificate_arn:
      description: ARN of the certificate that clients see.
      returned: always, null when there is none
      type: str
    ssl_policy:
      description: TLS policy of the listener.
      returned: always, null when there is none
      type: str
      sample: ELBSecurityPolicy-TLS13-1-2-Res-2021-06
    plain_listener_arn:
      description: ARN of a listener on port 389.
      returned: always, null when there is none
      type: str
    target_group_arn:
      description: ARN of the target group.
      returned: always, null when there is none
      type: str
    target_group_name:
      description: Name of the target group.
      returned: always, null when there is none
      type: str
      sample: corp-ldaps
    target_health:
      description: The targets and their health, by address.
      returned: always
      type: list
      elements: dict
      contains:
        address:
          description: Address of a domain controller.
          returned: always
          type: str
          sample: 10.198.0.10
        port:
          description: Port that is asked.
          returned: always
          type: int
          sample: 389
        state:
          description: State as the service names it, C(healthy) when all is well.
          returned: always
          type: str
          sample: healthy
        reason:
          description: Code of the reason.
          returned: always, null when it is healthy
          type: str
          sample: Target.FailedHealthChecks
        description:
          description: The reason in words.
          returned: always, null when it is healthy
          type: str
    tags:
      description: Tags of the load balancer.
      returned: always
      type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.argspec import endpoint_info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.info import endpoints


def main() -> None:
    """Entry point."""
    launch(endpoint_info_spec(), lambda module: {"endpoints": endpoints(module)})


if __name__ == "__main__":
    main()
