#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ad_group
version_added: 0.1.0
short_description: Groups of Active Directory
description:
  - Makes, changes and removes groups and their members, over LDAPS. No Windows machine is needed.
author:
  - podforge contributors (@podforge)
options:
  groups:
    description: The groups. Members are set when all of them are there, so that one can be a member of another.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Account name (C(sAMAccountName)), unique in the domain. By this the group is found, wherever it is.
        type: str
        required: true
        aliases: [sam_account_name]
      state:
        description: Whether it is to be there. The module's O(state) unless given.
        type: str
        choices: [present, absent]
      path:
        description: The unit that it is to be in; it is moved there if need be. The module's O(path) unless given.
        type: str
      cn:
        description: Its name in the unit. A new group has its account name unless given.
        type: str
      scope:
        description:
          - Where it can be used, and who can be a member. A new group is V(global) unless given.
          - Between V(global) and V(domain_local) the way leads over V(universal), in two steps.
        type: str
        choices: [domain_local, global, universal]
      category:
        description: What it is for. A new group is one for V(security) unless given.
        type: str
        choices: [distribution, security]
      description:
        description: What it is for; empty removes the text.
        type: str
      display_name:
        description: Name to show; empty removes it.
        type: str
      email:
        description: Mail address; empty removes it.
        type: str
      gid_number:
        description: Number of the group on Unix, C(gidNumber). Not needed where sssd makes it of the identifier.
        type: int
      members:
        description:
          - Users, groups and computers (C(name$)) that are to be members, each by account name or distinguished name,
            which can leave out what is common to the domain.
          - An empty list and O(purge_members=true) take all out. Those whose primary group it is are members without
            being listed, and stay.
        type: list
        elements: str
      purge_members:
        description: Whether to take out all other members. The module's O(purge_members) unless given.
        type: bool
  state:
    description: Whether the groups are to be there.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - Distinguished name of the unit that the groups are to be in. What it has in common with the domain can be left
        out.
      - New groups go where the domain puts new accounts unless given, and others stay where they are. In AWS Managed
        Microsoft AD nothing can be made there.
    type: str
  purge_members:
    description: Whether to take out members that aren't in the list, where there is a list.
    type: bool
    default: true
extends_documentation_fragment:
  - podforge.hyperpod._active_directory
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_active_directory
attributes:
  check_mode:
    support: full
    details:
      - What a domain controller alone can judge, such as rights, is not known then. Members that an earlier task would
        make are told as missing.
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: podforge.hyperpod.ad_ou
  - module: podforge.hyperpod.ad_user
"""

EXAMPLES = r"""
- name: Make the groups of a cluster
  podforge.hyperpod.ad_group:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    path: OU=Groups,OU=CORP
    groups:
      - name: ClusterAdmin
        members: [alice]
      - name: ClusterDev
        members: [bob, carol, Interns]
      - name: Interns
  delegate_to: localhost

- name: Let one more person in, and nobody out
  podforge.hyperpod.ad_group:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    groups:
      - name: ClusterDev
        members: [dave]
        purge_members: false
  delegate_to: localhost
"""

RETURN = r"""
groups:
  description: What became of each group, in the order of O(groups).
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    name:
      description: Account name of the group.
      returned: always
      type: str
      sample: ClusterDev
    result:
      description:
        - C(created), C(changed), C(removed); C(unchanged), C(absent); C(failed). In check mode what it would be.
      returned: always
      type: str
      sample: created
    changes:
      description: Names of what differed.
      returned: always
      type: list
      elements: str
      sample: [members]
    dn:
      description: Its distinguished name.
      returned: when it is there, or was
      type: str
      sample: CN=ClusterDev,OU=Groups,OU=CORP,DC=corp,DC=example,DC=com
    message:
      description: Why it failed, and the fix.
      returned: when it failed
      type: str
asked:
  description: How many C(connections), C(searches) and C(changes) the work took.
  returned: always, unless nothing was begun
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import CONNECTION_EXCLUSIVE
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import group_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.groups_run import run_groups
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.run import finish


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=group_spec(), supports_check_mode=True, mutually_exclusive=CONNECTION_EXCLUSIVE
    )
    finish(module, lambda: run_groups(module))


if __name__ == "__main__":
    main()
