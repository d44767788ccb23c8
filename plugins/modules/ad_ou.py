#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ad_ou
version_added: 0.1.0
short_description: Organizational units of Active Directory
description:
  - Makes, changes and removes organizational units, over LDAPS. No Windows machine is needed.
author:
  - podforge contributors (@podforge)
options:
  ous:
    description: The units. They are made topmost first and removed innermost first, whatever their order.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Distinguished name of the unit. What it has in common with the domain can be left out, so
            C(OU=Groups,OU=CORP) is enough.
        type: str
        required: true
        aliases: [dn]
      state:
        description: Whether it is to be there. The module's O(state) unless given.
        type: str
        choices: [present, absent]
      description:
        description: What it is for; empty removes the text.
        type: str
      protected:
        description:
          - Whether it is protected from accidental deletion, as in the Windows tools, so that nobody may delete it
            until that is taken back. The unit that it is in then forbids to delete what is in it, unless an account has
            the right on the object itself.
        type: bool
      recursive:
        description: Whether to remove it with all that is in it. The module's O(recursive) unless given.
        type: bool
  state:
    description:
      - Whether the units are to be there.
      - A unit that is not empty is removed with O(recursive) only, one that is protected with C(protected=false) only.
    type: str
    choices: [present, absent]
    default: present
  recursive:
    description: Whether to remove units with all that is in them. B(All users and groups in them are lost.)
    type: bool
    default: false
extends_documentation_fragment:
  - podforge.hyperpod._active_directory
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_active_directory
attributes:
  check_mode:
    support: full
    details: [What a domain controller alone can judge, such as rights, is not known then.]
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - Below the units of AWS Managed Microsoft AD that AWS reserves, and beside the one named after the NetBIOS name,
    nothing can be made.
seealso:
  - module: podforge.hyperpod.ad_group
  - module: podforge.hyperpod.ad_user
"""

EXAMPLES = r"""
- name: Make a place for groups, and one for service accounts
  podforge.hyperpod.ad_ou:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    ous:
      - path: OU=Groups,OU=CORP
        protected: true
      - path: OU=Service,OU=CORP
        description: Accounts of programs
  delegate_to: localhost

- name: Remove a unit with all that is in it
  podforge.hyperpod.ad_ou:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    state: absent
    ous:
      - path: OU=Trial,OU=CORP
        recursive: true
  delegate_to: localhost
"""

RETURN = r"""
ous:
  description: What became of each unit, in the order of O(ous).
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    name:
      description: The unit as it was asked for.
      returned: always
      type: str
      sample: OU=Groups,OU=CORP
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
    dn:
      description: Its distinguished name.
      returned: when it is there, or was
      type: str
      sample: OU=Groups,OU=CORP,DC=corp,DC=example,DC=com
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
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import unit_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.ous_run import run_units
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.run import finish


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=unit_spec(), supports_check_mode=True, mutually_exclusive=CONNECTION_EXCLUSIVE)
    finish(module, lambda: run_units(module))


if __name__ == "__main__":
    main()
