#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ad_user
version_added: 0.1.0
short_description: Users of Active Directory, with passwords and SSH keys
description:
  - Makes, changes, disables and removes users, over LDAPS. No Windows machine is needed.
  - What is not given is left as it is.
author:
  - podforge contributors (@podforge)
options:
  users:
    description: The users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Login name (C(sAMAccountName)), unique in the domain, at most 20 characters. By this the user is found,
            wherever they are.
        type: str
        required: true
        aliases: [sam_account_name]
      state:
        description: Whether the user is to be there. The module's O(state) unless given.
        type: str
        choices: [present, absent]
      enabled:
        description: Whether the user may log on. A new user may unless it is V(false), and needs a password then.
        type: bool
      path:
        description: The unit that the user is to be in; moved there if need be. The module's O(path) unless given.
        type: str
      cn:
        description: Name in the unit. A new user has the login name unless given.
        type: str
      upn:
        description: User principal name. A new user has C(name@domain) unless given.
        type: str
      given_name:
        description: Given name; here and below, an empty text removes it.
        type: str
      surname:
        description: Surname.
        type: str
      display_name:
        description: Name to show.
        type: str
      email:
        description: Mail address.
        type: str
      description:
        description: What the account is for.
        type: str
      ssh_keys:
        description:
          - OpenSSH public keys, each a line of a C(.pub) file, as values of C(altSecurityIdentities), where sssd finds
            them. Other values of that attribute are left alone.
          - An empty list and O(purge_ssh_keys=true) remove all keys.
        type: list
        elements: str
      purge_ssh_keys:
        description: Whether to remove all other keys. The module's O(purge_ssh_keys) unless given.
        type: bool
      password:
        description:
          - Password. Set when the user is new, or each time with O(update_password=always).
          - A directory never tells a password, so that the one there is can't be compared with this one. Trying to log
            on with it would count as a wrong try of the user's.
        type: str
      generate_password:
        description:
          - Whether a password is generated. With O(password_secret) it is in Secrets Manager before the directory gets
            it. Without, nobody knows it, for those who log in by key only.
          - A secret that is there already when the user is not, is where the password is taken from. So an interrupted
            run goes on.
        type: bool
      password_secret:
        description: Name of the secret. The module's O(password_secret) unless given.
        type: str
      update_password:
        description: When the password is set. The module's O(update_password) unless given.
        type: str
        choices: [always, on_create]
      must_change_password:
        description:
          - Whether the user has to change the password at the next logon. Applies when the password is set.
          - Nodes whose sssd asks over LDAP let nobody log in by a password that has to be changed.
        type: bool
      password_never_expires:
        description: Whether the password goes on without end.
        type: bool
      account_expires:
        description:
          - When the account ends, as in V(2026-12-31) (the beginning of that day, UTC), V(2026-12-31T18:00:00+01:00) or
            V(never).
        type: str
      uid_number:
        description: Number of the user on Unix, C(uidNumber). Not needed where sssd makes it of the identifier.
        type: int
      gid_number:
        description: Number of the user's group on Unix, C(gidNumber).
        type: int
      unix_home_directory:
        description: Home on Unix, C(unixHomeDirectory).
        type: str
      login_shell:
        description: Shell on Unix, C(loginShell).
        type: str
      read_only:
        description:
          - Whether the account may only read, as that which nodes look users up with should. By itself each user of a
            directory may change some of their own attributes (phone numbers, address, certificates and more) and their
            password; this denies both in the access list of the account. Administrators can change it all the same.
          - The password never expires then, unless O(users[].password_never_expires) says else.
          - What other objects' access lists and groups grant to the account is not touched. A new account is granted
            nothing, but every user may add computers to a domain whose C(computers_per_user) is not zero, see
            M(podforge.hyperpod.ad_info). Its option C(rights), with this account as O(bind_user), tells what it may do.
        type: bool
  state:
    description: Whether the users are to be there. Secrets of those that go stay.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - Distinguished name of the unit that the users are to be in. What it has in common with the domain can be left
        out, so C(OU=Users,OU=CORP) is enough.
      - New users go where the domain puts new accounts unless given, and others stay where they are. In AWS Managed
        Microsoft AD nothing can be made there.
    type: str
  purge_ssh_keys:
    description: Whether to remove keys that aren't in the list, where there is a list.
    type: bool
    default: true
  update_password:
    description:
      - V(on_create) sets passwords of new users only. V(always) sets them each time, which is a change each time, for
        what a password is can't be seen.
    type: str
    choices: [always, on_create]
    default: on_create
  password_secret:
    description:
      - Name of the secrets in Secrets Manager that generated passwords are kept in. C({name}) in it is the user's name,
        C({domain}) that of the domain, as in V(hyperpod/{domain}/{name}).
      - The password is the whole value. A secret that is there already may also be a JSON object with the member
        C(password); it stays one.
    type: str
  password_secret_kms_key:
    description: Key that new secrets are encrypted with, instead of the account's own for Secrets Manager.
    type: str
  password_length:
    description: Length of generated passwords, 12 to 127.
    type: int
    default: 32
  directory_id:
    description:
      - Id (C(d-0123456789)) of the AWS Managed Microsoft AD. When set, passwords are set by AWS Directory Service
        instead of over LDAP.
      - A domain controller takes passwords on encrypted connections only. A load balancer that ends TLS in front of it
        connects to it in plain, so that this is the way to set passwords there.
    type: str
extends_documentation_fragment:
  - podforge.hyperpod._active_directory
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
attributes:
  action_group:
    description:
      - Use C(group/podforge.hyperpod.active_directory) in C(module_defaults) to set defaults for this module, for
        example how to reach the domain controllers, or C(group/podforge.hyperpod.hyperpod) for those of AWS.
    support: full
    membership: [podforge.hyperpod.active_directory, podforge.hyperpod.hyperpod]
  check_mode:
    support: full
    details: [What a domain controller alone can judge, such as rights and the password policy, is not known then.]
  diff_mode:
    support: full
    details: [Passwords are never shown, only that one is set.]
  idempotent:
    support: partial
    details: [With O(update_password=always) each run sets the passwords.]
notes:
  - "Required IAM actions: none without O(password_secret) and O(directory_id). C(secretsmanager:GetSecretValue) and
    C(secretsmanager:CreateSecret) with O(password_secret), and C(secretsmanager:PutSecretValue) and
    C(secretsmanager:UpdateSecretVersionStage) for users who get another password; C(ds:ResetUserPassword) with
    O(directory_id)."
  - The options of AWS, such as O(validate_certs), are for AWS only. Domain controllers are always verified.
seealso:
  - module: podforge.hyperpod.ad_group
  - module: podforge.hyperpod.ad_info
"""

EXAMPLES = r"""
- name: Make users who log in by key
  podforge.hyperpod.ad_user:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    path: OU=Users,OU=CORP
    users:
      - name: alice
        given_name: Alice
        surname: Ito
        email: alice@example.com
        generate_password: true
        ssh_keys:
          - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@laptop
      - name: bob
        enabled: false
  delegate_to: localhost

- name: Make the account that nodes look users up with; its password is in Secrets Manager
  podforge.hyperpod.ad_user:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    region: us-west-2
    directory_id: d-0123456789
    path: OU=Users,OU=CORP
    password_secret: hyperpod/{domain}/{name}
    users:
      - name: ReadOnly
        read_only: true
        generate_password: true
  delegate_to: localhost

- name: Disable who has left
  podforge.hyperpod.ad_user:
    hosts: [ldaps.corp.example.com]
    ca_path: /etc/ssl/certs/corp-ca.pem
    bind_user: Admin@corp.example.com
    bind_password: "{{ admin_password }}"
    users:
      - name: carol
        enabled: false
        ssh_keys: []
  delegate_to: localhost
"""

RETURN = r"""
users:
  description: What became of each user, in the order of O(users).
  returned: always, unless nothing was begun
  type: list
  elements: dict
  contains:
    name:
      description: Login name.
      returned: always
      type: str
      sample: alice
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
      sample: [email, ssh_keys]
    dn:
      description: The user's distinguished name.
      returned: when the user is there, or was
      type: str
      sample: CN=alice,OU=Users,OU=CORP,DC=corp,DC=example,DC=com
    secret_arn:
      description: ARN of the secret that has the password.
      returned: when the password was generated or read, and O(password_secret) is set
      type: str
    message:
      description: Why it failed, and the fix.
      returned: when it failed
      type: str
asked:
  description: How many C(connections), C(searches) and C(changes) the work took.
  returned: always, unless nothing was begun
  type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import CONNECTION_EXCLUSIVE
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.argspec import user_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.run import finish
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.users_run import run_users
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import failure_text


def main() -> None:
    """Entry point."""
    module = AnsibleAWSModule(
        argument_spec=user_spec(),
        supports_check_mode=True,
        mutually_exclusive=CONNECTION_EXCLUSIVE,
    )
    conceal = module._module.no_log_values.add
    finish(module, lambda: run_users(module, conceal, lambda error: failure_text(error, module.region)))


if __name__ == "__main__":
    main()
