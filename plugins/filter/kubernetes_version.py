# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_version
short_description: What follows from a version of Kubernetes
version_added: 0.1.0
description:
  - Tells the minor version, and the image that containerd starts each pod with, which must be kubeadm's.
author: podforge contributors (@podforge)
options:
  _input:
    description: Version, such as V(1.32) or V(v1.32.4).
    type: str
    required: true
  registry:
    description: Registry to take images from; empty, that of the version.
    type: str
    default: ""
positional: registry
"""

EXAMPLES = r"""
- name: Show the image
  ansible.builtin.debug:
    msg: "{{ ('1.32' | podforge.hyperpod.kubernetes_version).pause_image }}"
"""

RETURN = r"""
_value:
  description: Its C(minor), C(pause_image), C(api_version), and C(problem), which is empty when it is a version.
  type: dict
"""

from typing import TYPE_CHECKING
from typing import Any

from ..module_utils._kubernetes import KubernetesError
from ..module_utils._kubernetes import versions

if TYPE_CHECKING:
    from collections.abc import Callable


def kubernetes_version(text: Any, registry: str = "") -> dict[str, str]:
    """What follows from it."""
    try:
        version = versions.parse(str(text))
    except KubernetesError as error:
        return {"minor": "", "pause_image": "", "api_version": "", "problem": str(error)}
    return {
        "minor": f"{version[0]}.{version[1]}",
        "pause_image": versions.pause_image(version, registry),
        "api_version": versions.api_version(version),
        "problem": "",
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubernetes_version": kubernetes_version}
