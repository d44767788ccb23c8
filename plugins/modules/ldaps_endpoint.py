#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ldaps_endpoint
version_added: 0.1.0
short_description: Manage an LDAPS endpoint in front of a directory
description:
  - Puts an internal network load balancer in front of a directory, as one resource. It ends TLS on port 636 with a
    certificate of AWS Certificate Manager, and passes LDAP on to the domain controllers on port 389.
  - That are a load balancer, a TLS listener, and a target group with the addresses of the domain controllers, whose
    health is checked by TCP, in a new target group every 10 seconds.
  - What is there already is taken up, be it left behind by a run that was interrupted, or made by hand. The load
    balancer is found by its name or ARN, and the target group by what the listener forwards to, whatever it is called.
  - Targets follow the addresses of the directory, and certificate, TLS policy, subnets and attributes are changed in
    place, so clients are served all the time.
  - While it waits it shows a line when something changes, and one a minute otherwise.
author:
  - podforge contributors (@podforge)
options:
  name:
    description:
      - Name or ARN of the load balancer. A new one needs a name, of 1 to 32 letters, digits and inner hyphens.
    type: str
    required: true
    aliases: [load_balancer]
  state:
    description:
      - V(present) - the endpoint exists and, with O(wait=true), is active with healthy targets.
      - V(absent) - nothing of it is left. Listeners go first, then the load balancer, then the target group. A load
        balancer that has listeners on other ports as well is left alone.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description: VPC of the endpoint; that of the subnets, when left out. It can't be changed later.
    type: str
  subnet_ids:
    description:
      - Subnets of the load balancer, one in each availability zone that is to have an address of it, at best the zones
        of the directory. Required for an endpoint that is new.
    type: list
    elements: str
  security_group_ids:
    description:
      - Security groups of the load balancer. They have to let in the clients on TCP port 636.
      - A load balancer that is made without any can't get some later. Domain controllers let its subnets in on TCP port
        389.
    type: list
    elements: str
  directory_id:
    description:
      - Directory whose addresses are the targets. Excludes O(targets).
      - One of the two is required for an endpoint that is new. With neither of them the targets stay as they are.
    type: str
  targets:
    description: Addresses of the domain controllers, all that there are to be, for any other directory.
    type: list
    elements: str
  certificate_arn:
    description:
      - ARN of the certificate that clients see. Required for an endpoint that is new.
      - A certificate that is imported again under the same ARN needs no change here.
    type: str
  ssl_policy:
    description:
      - TLS policy. The default lets clients in by TLS 1.3, and by 1.2 with forward secrecy and authenticated ciphers.
      - It is set also where an endpoint has another one and this is left out.
    type: str
    default: ELBSecurityPolicy-TLS13-1-2-Res-2021-06
  target_group_name:
    description: Name of a new target group; that of the load balancer, when left out.
    type: str
  cross_zone:
    description:
      - Have every address of the load balancer ask all domain controllers, so that it answers while that of its own
        zone is away.
    type: bool
    default: true
  deletion_protection:
    description:
      - Protect the load balancer from deletion. Left out, it stays as it is.
      - With O(state=absent), V(false) ends the protection and deletes it.
    type: bool
  keep_plain_listener:
    description:
      - Leave a listener on port 389 where there is one. It lets passwords through in the clear, so it is deleted
        otherwise.
    type: bool
    default: false
  unhealthy_timeout:
    description:
      - Seconds for which a target may be unhealthy, within O(wait_timeout), before that is a failure. Health checks
        need some rounds until they see that a domain controller answers.
    type: int
    default: 300
  wait_timeout:
    description: Seconds to wait, for all that is done together. A new load balancer takes 2 to 10 minutes.
    type: int
    default: 1800
extends_documentation_fragment:
  - podforge.hyperpod._waiting.resource
  - amazon.aws.tags
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_hyperpod
attributes:
  check_mode:
    support: full
    details: [Stops after the plan. What the service alone can judge is not known then.]
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "Required IAM actions: C(elasticloadbalancing:DescribeLoadBalancers),
    C(elasticloadbalancing:DescribeLoadBalancerAttributes), C(elasticloadbalancing:DescribeListeners),
    C(elasticloadbalancing:DescribeTargetGroups), C(elasticloadbalancing:DescribeTargetHealth),
    C(elasticloadbalancing:DescribeTags), C(elasticloadbalancing:DescribeSSLPolicies),
    C(elasticloadbalancing:CreateLoadBalancer), C(elasticloadbalancing:CreateTargetGroup),
    C(elasticloadbalancing:CreateListener), C(elasticloadbalancing:ModifyListener),
    C(elasticloadbalancing:ModifyLoadBalancerAttributes), C(elasticloadbalancing:ModifyTargetGroup),
    C(elasticloadbalancing:SetSubnets), C(elasticloadbalancing:SetSecurityGroups),
    C(elasticloadbalancing:RegisterTargets), C(elasticloadbalancing:DeregisterTargets),
    C(elasticloadbalancing:AddTags), C(elasticloadbalancing:RemoveTags), C(elasticloadbalancing:DeleteListener),
    C(elasticloadbalancing:DeleteLoadBalancer), C(elasticloadbalancing:DeleteTargetGroup), C(ec2:DescribeSubnets),
    C(ec2:DescribeVpcs), C(ec2:DescribeNetworkInterfaces); C(ds:DescribeDirectories) with O(directory_id)."
  - "Optional IAM actions, for why a target is unhealthy: C(ec2:DescribeSecurityGroups)."
  - The first load balancer of an account needs C(iam:CreateServiceLinkedRole) as well, for
    C(elasticloadbalancing.amazonaws.com).
  - The target group carries the tag C(podforge:ldaps-endpoint) with the name of the load balancer. By it the group is
    found when the load balancer is gone already.
seealso:
  - module: podforge.hyperpod.ldaps_endpoint_info
  - module: podforge.hyperpod.ds_microsoft_ad
  - name: TLS listeners of network load balancers
    description: TLS policies, and what certificates can be used.
    link: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-tls-listener.html
"""

EXAMPLES = r"""
- name: Put an endpoint in front of a directory, and wait until clients can use it
  podforge.hyperpod.ldaps_endpoint:
    name: corp-ldaps
    region: us-west-2
    directory_id: d-0123456789
    subnet_ids: [subnet-0123456789abcdef0, subnet-0fedcba9876543210]
    certificate_arn: arn:aws:acm:us-west-2:111122223333:certificate/0f0e0d0c-0b0a-0908-0706-050403020100
    tags:
      team: research
  register: made

- name: Show what an alias record needs
  ansible.builtin.debug:
    msg: "{{ made.endpoint.dns_name }} in zone {{ made.endpoint.canonical_hosted_zone_id }}"

- name: Take over an endpoint that was made by hand, for domain controllers of one's own
  podforge.hyperpod.ldaps_endpoint:
    name: arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/net/by-hand/0123456789abcdef
    region: us-west-2
    targets: [10.0.0.10, 10.0.16.10]

- name: Use another certificate from now on
  podforge.hyperpod.ldaps_endpoint:
    name: corp-ldaps
    region: us-west-2
    certificate_arn: arn:aws:acm:us-west-2:111122223333:certificate/1f1e1d1c-1b1a-1918-1716-151413121110

- name: Remove the endpoint
  podforge.hyperpod.ldaps_endpoint:
    name: corp-ldaps
    region: us-west-2
    state: absent
"""

RETURN = r"""
endpoint:
  description: The endpoint. Empty when there is none; in check mode as it would be, in the form of the options.
  returned: always
  type: dict
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
calls:
  description: The calls that changed something, or would in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    operation:
      description: Name of the call in the API.
      type: str
      sample: CreateLoadBalancer
    reason:
      description: Why it is made.
      type: str
      sample: there is no load balancer of this name
failure:
  description: What is known about the reason - C(message), C(state), C(target_health), likely C(causes) with their
    fixes, and what could not be read (C(unread)).
  returned: when the load balancer failed, targets are unhealthy, or time was up
  type: dict
error:
  description: Code and message of the service.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.argspec import endpoint_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._ldaps_endpoint.run import EndpointRun


def main() -> None:
    """Entry point."""
    launch(
        endpoint_spec(),
        lambda module: EndpointRun(module).run(),
        mutually_exclusive=[["directory_id", "targets"]],
    )


if __name__ == "__main__":
    main()
