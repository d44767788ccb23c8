#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ad_info
version_added: 0.1.0
short_description: Tell about an Active Directory domain, its users, groups and units
description:
  - Reads facts about the domain, and users, groups and organizational units by name or filter, over LDAPS.
  - A name that nothing has is no error; it is missing in the result.
author:
  - podforge contributors (@podforge)
options:
  gather:
    description: What to tell about.
    type: list
    elements: str
    choices: [domain, users, groups, ous]
    default: [domain]
  names:
    description: Account names of users and groups, names of units. All, when not given.
    type: list
    elements: str
    aliases: [name]
  filter:
    description:
      - Only objects that fit this filter as well (RFC 4515), as in V((department=research)). Special characters in
        values are written as C(\xx).
    type: str
  search_base:
    description:
      - Only objects below this. What it has in common with the domain can be left out. O(base_dn) unless given.
    type: str
  memberships:
    description: Tell what users and groups are members of, and the members of groups. One more search in all.
    type: bool
    default: false
  nested:
    description: Count members of members as well, with O(memberships=true).
    type: bool
    default: false
  rights:
    description:
      - Tell of each object what O(bind_user) may do with it, as the domain controller computes it. So the account that
        nodes look users up with can be proven to do nothing but that.
    type: bool
    default: false
extends_documentation_fragment:
  - podforge.hyperpod._active_directory
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_active_directory
seealso:
  - module: podforge.hyperpod.ad_user
  - module: podforge.hyperpod.ad_group
  - module: podforge.hyperpod.ad_ou
"""

EXAMPLES = r"""
- name: Look at the domain
  podforge.hyperpod.ad_info:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: ReadOnly@corp.example.com
    bind_password: "{{ read_only_password }}"
  delegate_to: localhost
  register: directory

- name: Look at who is in ClusterDev, by way of other groups too
  podforge.hyperpod.ad_info:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: ReadOnly@corp.example.com
    bind_password: "{{ read_only_password }}"
    gather: [groups]
    names: [ClusterDev]
    memberships: true
    nested: true
  delegate_to: localhost

- name: See that the account that nodes use may do nothing but read
  podforge.hyperpod.ad_info:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: ReadOnly@corp.example.com
    bind_password: "{{ read_only_password }}"
    gather: [users, groups, ous]
    rights: true
  delegate_to: localhost
  register: seen
  failed_when: >-
    (seen.users + seen.groups + seen.ous) | selectattr('rights.attributes') | length > 0
"""

RETURN = r"""
domain:
  description: Facts about the domain.
  returned: when O(gather) has V(domain)
  type: dict
  contains:
    base_dn:
      description: Distinguished name of the domain.
      type: str
      sample: DC=corp,DC=example,DC=com
    dns_name:
      description: DNS name of the domain.
      type: str
      sample: corp.example.com
    netbios_name:
      description: NetBIOS name of the domain.
      type: str
      sample: CORP
    sid:
      description: Security identifier of the domain.
      type: str
    forest_base_dn:
      description: Distinguished name of the forest's root.
      type: str
    domain_level:
      description: Functional level of the domain, by the Windows Server release.
      type: str
      sample: 2012 R2
    forest_level:
      description: Functional level of the forest.
      type: str
      sample: 2012 R2
    answered_by:
      description: Domain controller that answered.
      type: str
    controllers:
      description: All domain controllers, each with C(host), C(dn) and C(operating_system).
      type: list
      elements: dict
    password_policy:
      description: >-
        C(minimum_length), C(complexity), C(history), C(maximum_age_days), C(minimum_age_days) (C(null) where there is
        none) and C(lockout_threshold). Fine-grained policies may say else for some users.
      type: dict
    computers_per_user:
      description: How many computers each user may add to the domain (C(ms-DS-MachineAccountQuota)).
      type: int
users:
  description: The users, by distinguished name.
  returned: when O(gather) has V(users)
  type: list
  elements: dict
  contains:
    name:
      description: Login name. The other keys are the options of M(podforge.hyperpod.ad_user).
      type: str
      sample: alice
    dn:
      description: Distinguished name.
      type: str
    sid:
      description: Security identifier, which sssd makes the number on Unix of.
      type: str
    guid:
      description: Identifier that never changes.
      type: str
    enabled:
      description: Whether the user may log on.
      type: bool
    locked:
      description: Whether the user was locked out. It is told until the next logon, also when the lockout has ended.
      type: bool
    password_last_set:
      description: When the password was set.
      type: str
    read_only:
      description: Whether the account can't change itself.
      returned: with O(rights=true)
      type: bool
    created:
      description: When the account was made, ISO 8601.
      type: str
    modified:
      description: When it was changed last.
      type: str
    member_of:
      description: Distinguished names of the user's groups.
      returned: with O(memberships=true)
      type: list
      elements: str
    rights:
      description: >-
        What O(bind_user) may do: the C(attributes) it may write, the classes of C(children) it may make there, and
        whether it may change the C(permissions).
      returned: with O(rights=true)
      type: dict
groups:
  description: The groups, by distinguished name.
  returned: when O(gather) has V(groups)
  type: list
  elements: dict
  contains:
    name:
      description: Account name. The other keys are options of M(podforge.hyperpod.ad_group), and keys of RV(users).
      type: str
    members:
      description: Distinguished names of the listed members. Those whose primary group it is are not listed.
      returned: with O(memberships=true)
      type: list
      elements: str
ous:
  description: The organizational units, by distinguished name.
  returned: when O(gather) has V(ous)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the unit. C(dn), C(guid), C(description), C(created), C(modified) are there too.
      type: str
    protected:
      description: Whether it is protected from accidental deletion, as far as the bind user may see that.
      type: bool
asked:
  description: How many C(connections) and C(searches) the work took.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import CONNECTION_EXCLUSIVE
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.info import info
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.run import finish


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=info_spec(), supports_check_mode=True, mutually_exclusive=CONNECTION_EXCLUSIVE)
    finish(module, lambda: {"changed": False, **info(module)})


if __name__ == "__main__":
    main()
