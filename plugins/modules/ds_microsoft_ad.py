#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ds_microsoft_ad
version_added: 0.1.0
short_description: Manage AWS Managed Microsoft AD directories
description:
  - Creates a directory, waits until it is active, sets its tags and conditional forwarders, and deletes it.
  - A directory of the same name, in O(vpc_id) if that is given, is the one that is meant. Where several have the name,
    O(directory_id) says which.
  - A directory that exists keeps its edition, names, description and network. What the service can't change is refused
    before anything is done, with the way around it.
  - What is under way already is joined. A directory that is being created is waited for, and one that is being deleted
    is waited for and then made again. A run that was interrupted goes on when it is started again.
  - While it waits it shows a line when something changes, and one a minute otherwise.
author:
  - podforge contributors (@podforge)
options:
  name:
    description:
      - Domain name of the directory, for example V(corp.example.com).
      - Give this, O(directory_id), or both.
    type: str
  directory_id:
    description: Id of a directory that exists, for example V(d-0123456789).
    type: str
  state:
    description:
      - V(present) - the directory exists and, with O(wait=true), is active.
      - V(absent) - the directory doesn't exist. All of its users, groups and snapshots are lost.
    type: str
    choices: [present, absent]
    default: present
  password:
    description:
      - Password of the user C(Admin) of a new directory. 8 to 64 characters, of three of these kinds - lower case
        letters, upper case letters, digits, others. The word admin may not be in it.
      - It counts only when the directory is made. The password of one that exists is left as it is, as nobody can read
        it.
    type: str
  password_secret:
    description:
      - Name or ARN of the secret in AWS Secrets Manager that holds the password. Excludes O(password).
      - It is read only when a directory is to be made.
    type: str
  password_secret_key:
    description:
      - Key of the password in the secret, which is a JSON object then.
      - Left out, it is C(password) in a JSON object, and all of the text in any other secret.
    type: str
  edition:
    description:
      - Edition, by which a directory has room for about 30,000 or 500,000 objects, and costs. It can't be changed
        later.
      - A new directory is V(Standard), when this is left out.
    type: str
    choices: [Standard, Enterprise]
  short_name:
    description: NetBIOS name, for example V(CORP). The service makes one of O(name). It can't be changed later.
    type: str
  description:
    description: Description. It can't be changed later.
    type: str
  vpc_id:
    description: VPC of the directory; that of the subnets, when left out. It can't be changed later.
    type: str
  subnet_ids:
    description:
      - Two subnets in two availability zones, one for each domain controller. Required for a directory that is new.
      - They can't be changed later.
    type: list
    elements: str
  conditional_forwarders:
    description: Domains whose names are asked for at other servers. Left out, those that there are stay.
    type: list
    elements: dict
    suboptions:
      remote_domain_name:
        description: Domain whose names are asked for elsewhere.
        type: str
        required: true
      dns_ip_addrs:
        description: Addresses of the DNS servers to ask.
        type: list
        elements: str
        required: true
  purge_conditional_forwarders:
    description: Delete conditional forwarders that are not listed, when O(conditional_forwarders) is given.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait, for all that is done together. A new directory takes 20 to 45 minutes.
    type: int
    default: 5400
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
    details: [Reads the password's secret too, when a directory would be made.]
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "Required IAM actions: C(ds:DescribeDirectories), C(ds:ListTagsForResource), C(ds:DescribeConditionalForwarders),
    C(ds:DescribeLDAPSSettings), C(ds:GetDirectoryLimits), C(ds:CreateMicrosoftAD), C(ds:AddTagsToResource),
    C(ds:RemoveTagsFromResource), C(ds:CreateConditionalForwarder), C(ds:UpdateConditionalForwarder),
    C(ds:DeleteConditionalForwarder), C(ds:DeleteDirectory), C(ec2:DescribeSubnets); C(secretsmanager:GetSecretValue)
    with O(password_secret)."
  - "Optional IAM actions, for what keeps a directory from being deleted: C(ds:DescribeTrusts),
    C(ds:DescribeSharedDirectories), C(ec2:DescribeNetworkInterfaces)."
  - The service makes and removes the directory's network interfaces and security group with the rights of who runs the
    task, so they need these EC2 actions as well. Creation takes C(CreateSecurityGroup), C(CreateNetworkInterface),
    C(CreateTags), C(AuthorizeSecurityGroupIngress), C(AuthorizeSecurityGroupEgress), C(DescribeVpcs),
    C(DescribeSecurityGroups) and C(DescribeNetworkInterfaces); deletion takes C(DeleteSecurityGroup),
    C(DeleteNetworkInterface), C(RevokeSecurityGroupIngress), C(RevokeSecurityGroupEgress) and C(DeleteTags).
seealso:
  - module: podforge.hyperpod.ds_microsoft_ad_info
  - module: podforge.hyperpod.ldaps_endpoint
  - name: AWS Managed Microsoft AD prerequisites
    description: What a directory's network has to have.
    link: https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_getting_started_prereqs.html
"""

EXAMPLES = r"""
- name: Make a directory and wait until it is active
  podforge.hyperpod.ds_microsoft_ad:
    name: corp.example.com
    short_name: CORP
    region: us-west-2
    password_secret: corp/admin
    subnet_ids: [subnet-0123456789abcdef0, subnet-0fedcba9876543210]
    tags:
      team: research
  register: made

- name: Show where its domain controllers are
  ansible.builtin.debug:
    msg: "{{ made.directory.dns_ip_addrs | join(', ') }} behind {{ made.directory.security_group_id }}"

- name: Ask the company's DNS servers for its names
  podforge.hyperpod.ds_microsoft_ad:
    name: corp.example.com
    region: us-west-2
    conditional_forwarders:
      - remote_domain_name: example.net
        dns_ip_addrs: [10.0.0.2, 10.0.0.3]

- name: Delete the directory with all that is in it
  podforge.hyperpod.ds_microsoft_ad:
    name: corp.example.com
    region: us-west-2
    state: absent
"""

RETURN = r"""
directory:
  description: The directory. Empty when there is none; in check mode as it would be, in the form of the options.
  returned: always
  type: dict
  contains:
    directory_id:
      description: Id of the directory.
      returned: always
      type: str
      sample: d-0123456789
    name:
      description: Domain name of the directory.
      returned: always
      type: str
      sample: corp.example.com
    short_name:
      description: NetBIOS name.
      returned: when the service tells it
      type: str
      sample: CORP
    edition:
      description: C(Standard) or C(Enterprise).
      returned: always
      type: str
      sample: Standard
    stage:
      description: Stage as the service names it, C(Active) when all is well.
      returned: always
      type: str
      sample: Active
    stage_reason:
      description: What the service says about the stage.
      returned: when it says something
      type: str
    dns_ip_addrs:
      description: Addresses of the domain controllers, which answer DNS and LDAP. Empty until there are some.
      returned: always
      type: list
      elements: str
      sample: [10.198.0.10, 10.198.16.10]
    access_url:
      description: URL under which AWS applications of the directory are found.
      returned: when there is one
      type: str
      sample: d-0123456789.awsapps.com
    vpc_id:
      description: VPC of the domain controllers.
      returned: always
      type: str
      sample: vpc-0123456789abcdef0
    subnet_ids:
      description: Subnets of the domain controllers.
      returned: always
      type: list
      elements: str
    availability_zones:
      description: Availability zones of the domain controllers.
      returned: always
      type: list
      elements: str
      sample: [us-west-2a, us-west-2b]
    security_group_id:
      description: Security group that the service made for the domain controllers.
      returned: always
      type: str
      sample: sg-0123456789abcdef0
    conditional_forwarders:
      description: Conditional forwarders. Empty while the directory does not run.
      returned: always
      type: list
      elements: dict
      contains:
        remote_domain_name:
          description: Domain whose names are asked for elsewhere.
          returned: always
          type: str
          sample: example.net
        dns_ip_addrs:
          description: Where they are asked for.
          returned: always
          type: list
          elements: str
    ldaps_status:
      description:
        - Whether the domain controllers themselves serve LDAPS, as the service names it.
        - M(podforge.hyperpod.ldaps_endpoint) needs no such thing.
      returned: always
      type: str
      sample: Disabled
    ldaps_status_reason:
      description: What the service says about it.
      returned: always, null when it says nothing
      type: str
    tags:
      description: Tags of the directory.
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
      sample: CreateMicrosoftAD
    reason:
      description: Why it is made.
      type: str
      sample: it does not exist yet
failure:
  description:
    - What is known about the reason - C(message), C(stage), C(stage_reason), likely C(causes) with their fixes, what
      still uses a directory that does not go (C(used_by)), and what could not be read (C(unread)).
  returned: when the directory failed, did not go, or time was up
  type: dict
error:
  description: Code and message of the service.
  returned: when the service refused a call
  type: dict
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.argspec import directory_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.run import DirectoryRun
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch


def main() -> None:
    """Entry point."""
    launch(
        directory_spec(),
        lambda module: DirectoryRun(module).run(),
        required_one_of=[["name", "directory_id"]],
        mutually_exclusive=[["password", "password_secret"]],
        required_by={"password_secret_key": ["password_secret"]},
    )


if __name__ == "__main__":
    main()
