# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_devices
short_description: What nodes offer of GPUs and EFA, beside what they should
version_added: 0.1.0
description:
  - Compares what is allocatable on nodes with the numbers of their instance types.
author: podforge contributors (@podforge)
options:
  _input:
    description: Node objects.
    type: list
    elements: dict
    required: true
  resources:
    description: Which resources, V(nvidia.com/gpu) and V(vpc.amazonaws.com/efa).
    type: list
    elements: str
    required: true
  hardware:
    description: Numbers (C(gpu), C(efa)) by instance type, before those that are known.
    type: dict
    default: {}
positional: resources, hardware
"""

EXAMPLES = r"""
- name: See what is missing
  ansible.builtin.debug:
    msg: "{{ (found.resources | podforge.hyperpod.kubernetes_devices(['nvidia.com/gpu'])).problems }}"
"""

RETURN = r"""
_value:
  description:
    - C(offers), a list of C(node), C(instance_type), C(resource), C(wanted) and C(there); C(problems), what is too
      little, in words; and C(types), instance types that have it, by resource.
  type: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import devices

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence


def kubernetes_devices(
    nodes: Iterable[Mapping[str, Any]],
    resources: Sequence[str],
    hardware: Mapping[str, Mapping[str, int]] | None = None,
) -> dict[str, Any]:
    """What is there, and what is missing."""
    known = devices.hardware(hardware or {})
    found = devices.offers(nodes, known, resources)
    return {
        "offers": [asdict(offer) for offer in found],
        "problems": [text for text in map(devices.problem, found) if text],
        "types": {resource: devices.types_with(resource, known) for resource in resources},
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_devices": kubernetes_devices}
