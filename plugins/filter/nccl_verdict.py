# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nccl_verdict
short_description: Whether an NCCL test has shown a network that works
version_added: 0.1.0
description:
  - Judges the output of C(nccl-tests) with C(NCCL_DEBUG=INFO), whether it has ended, results were right, the bandwidth
    is enough, and the network was EFA.
author: podforge contributors (@podforge)
options:
  _input:
    description: The output.
    type: str
    required: true
  least_bandwidth:
    description: Bus bandwidth in GB/s that is wanted on average.
    type: float
    default: 0
  efa:
    description: Whether the network has to be EFA.
    type: bool
    default: true
positional: least_bandwidth
"""

EXAMPLES = r"""
- name: Judge it
  ansible.builtin.assert:
    that: verdict.passed
    fail_msg: "{{ verdict.problems | join('; ') }}"
  vars:
    verdict: "{{ log | podforge.hyperpod.nccl_verdict(100) }}"
"""

RETURN = r"""
_value:
  description:
    - C(passed), C(bus_bandwidth) in GB/s or null, C(provider) (V(efa), V(tcp), V(unknown)), and C(problems).
  type: dict
"""

from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import devices

if TYPE_CHECKING:
    from collections.abc import Callable


def nccl_verdict(log: str, least_bandwidth: float = 0, *, efa: bool = True) -> dict[str, Any]:
    """The verdict."""
    return devices.nccl_verdict(log, float(least_bandwidth), efa=efa)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"nccl_verdict": nccl_verdict}
