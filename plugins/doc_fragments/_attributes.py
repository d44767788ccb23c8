# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of the modules. Private to this collection: it may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    """``podforge.hyperpod._attributes`` describes the attributes, the others say what a kind of module supports."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return a prediction of what would change, without changing anything.
  diff_mode:
    description: Returns what has changed, or would change in C(check_mode), when run in diff mode.
  idempotent:
    description: A second run with the same arguments reports no change, provided that nobody else changed the resource.
"""

    # Together with the standard fragment, for modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: [This module changes nothing.]
  diff_mode:
    support: N/A
    details: [This module changes nothing.]
  idempotent:
    support: full
    details: [This module changes nothing.]
"""

    # For modules that belong to the action group.
    ACTIONGROUP_HYPERPOD = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/podforge.hyperpod.hyperpod) in C(module_defaults) to set defaults for this module.
    support: full
    membership: [podforge.hyperpod.hyperpod]
"""

    # For modules that talk to Active Directory.
    ACTIONGROUP_ACTIVE_DIRECTORY = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/podforge.hyperpod.active_directory) in C(module_defaults) to set defaults for this module, for
        example how to reach the domain controllers.
    support: full
    membership: [podforge.hyperpod.active_directory]
"""
