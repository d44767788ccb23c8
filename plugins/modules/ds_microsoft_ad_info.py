#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ds_microsoft_ad_info
version_added: 0.1.0
short_description: Tell about AWS Managed Microsoft AD directories
description:
  - Describes the AWS Managed Microsoft AD directories of the account in a region, with tags and conditional forwarders.
  - A name or id that no directory has is no error; it is missing in the result. Directories of other types, and those
    that other accounts share, are left out.
author:
  - podforge contributors (@podforge)
options:
  names:
    description: Only directories of these domain names.
    type: list
    elements: str
    aliases: [name]
  directory_ids:
    description: Only directories of these ids.
    type: list
    elements: str
  vpc_id:
    description: Only directories in this VPC.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_hyperpod
notes:
  - "Required IAM actions: C(ds:DescribeDirectories), C(ds:ListTagsForResource), C(ds:DescribeConditionalForwarders),
    C(ds:DescribeLDAPSSettings)."
seealso:
  - module: podforge.hyperpod.ds_microsoft_ad
"""

EXAMPLES = r"""
- name: Look at one directory
  podforge.hyperpod.ds_microsoft_ad_info:
    names: [corp.example.com]
    region: us-west-2
  register: found

- name: Show its stage
  ansible.builtin.debug:
    msg: "{{ found.directories | map(attribute='stage') | first | default('there is none') }}"

- name: Look at all directories of the region
  podforge.hyperpod.ds_microsoft_ad_info:
    region: us-west-2
"""

RETURN = r"""
directories:
  description: The directories found, by name and id.
  returned: always
  type: list
  elements: dict
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
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.argspec import directory_info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._directory.info import directories
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch


def main() -> None:
    """Entry point."""
    launch(directory_info_spec(), lambda module: {"directories": directories(module)})


if __name__ == "__main__":
    main()
