# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fsx_filesystems
short_description: Complete file systems for the role fsx_storage
version_added: 0.1.0
description:
  - Takes the list of the role's variable and what the node's facts tell, checks both, and fills in what is left out.
  - What is given wins over what the facts tell of the same kind or path.
author: podforge contributors (@podforge)
options:
  _input:
    description: C(fsx_storage_filesystems) of the role P(podforge.hyperpod.fsx_storage#role).
    type: list
    elements: dict
    required: true
  told:
    description: C(filesystems) of the facts that M(podforge.hyperpod.hyperpod_node_facts) returns.
    type: dict
    default: {}
positional: told
"""

EXAMPLES = r"""
- name: Show the mount units
  ansible.builtin.debug:
    msg: "{{ ([{'dns_name': 'fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com', 'mount_name': 'abcdefgh'}]
      | podforge.hyperpod.fsx_filesystems).units }}"
"""

RETURN = r"""
_value:
  description: What is to be mounted, and what is wrong with the input.
  type: dict
  contains:
    filesystems:
      description: The file systems, for M(podforge.hyperpod.fsx_mounts).
      type: list
      elements: dict
    units:
      description: Mount units of those that are to be there, C(path) and C(content).
      type: list
      elements: dict
    removed:
      description: Paths of the units of those that are not to be there.
      type: list
      elements: str
    problems:
      description: What is wrong, one line each.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import complete
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.units import mount_unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

FOLDER = "/etc/systemd/system"


def fsx_filesystems(given: Any, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """File systems, their units, and problems."""
    if isinstance(given, (str, bytes)) or not all(hasattr(entry, "get") for entry in given):
        raise AnsibleFilterError("podforge.hyperpod.fsx_filesystems wants a list of mappings")
    systems, problems = complete(given, told or {})
    # what is wrong is told, and nothing of it written
    right = [] if problems else systems
    return {
        "filesystems": [system.document() for system in systems],
        "units": [
            {"path": f"{FOLDER}/{system.unit}.mount", "content": mount_unit(system)}
            for system in right
            if system.state == "mounted"
        ],
        "removed": [f"{FOLDER}/{system.unit}.mount" for system in right if system.state == "absent"],
        "problems": problems,
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"fsx_filesystems": fsx_filesystems}
