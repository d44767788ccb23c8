# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the Active Directory modules. Private to this collection: it may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    """``podforge.hyperpod._active_directory``: how to reach a domain controller."""

    DOCUMENTATION = r"""
options:
  hosts:
    description:
      - Domain controllers, or the name of a load balancer in front of them, each as C(name), C(name:port) or
        C(ldaps://name:port). The first one that can be reached is used, and another when the connection breaks.
      - C(ldap://) is refused, unless O(start_tls=true).
    type: list
    elements: str
    required: true
    aliases: [host]
  port:
    description: Port of those that name none. Unless given V(636), with O(start_tls=true) V(389).
    type: int
  start_tls:
    description: Connect in plain and switch to TLS before anything else is sent. Without it all is TLS from the start.
    type: bool
    default: false
  ca_path:
    description:
      - File (PEM) or folder with the certificates of the authorities that servers are verified with. Without this and
        O(ca_content) those that the system trusts.
      - Servers are always verified, there is no option to leave that out.
    type: path
  ca_content:
    description: The certificates themselves, PEM. Excludes O(ca_path).
    type: str
  tls_server_name:
    description:
      - Name that the certificate must have, where it isn't the one in O(hosts), for example when the way leads through
        a forwarded port.
    type: str
  bind_user:
    description:
      - Who to act as, in one of the forms C(user@domain), C(DOMAIN\user) or the distinguished name.
    type: str
    required: true
  bind_password:
    description: Password of O(bind_user).
    type: str
    required: true
  base_dn:
    description: Where to look for objects that are asked for by filter. The whole domain unless given.
    type: str
  timeout:
    description: Seconds to wait for a connection and for each answer.
    type: int
    default: 30
requirements:
  - ldap3 >= 2.9.1 where the module runs
notes:
  - Runs where ldap3 is installed and a domain controller can be reached, most often on the controller
    (C(delegate_to=localhost)).
  - Objects are listed, so that hundreds of them are one task over one connection. What fails is told of each object,
    the others are done, and the module fails at the end.
"""
