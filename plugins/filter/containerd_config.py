# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: containerd_config
short_description: The configuration of containerd for Kubernetes
version_added: 0.1.0
description:
  - Renders C(config.toml) of containerd, version 2 for containerd 1 and version 3 for containerd 2.
author: podforge contributors (@podforge)
options:
  _input:
    description: Options, as the role C(kubeadm_common) has them.
    type: dict
    required: true
  version:
    description: Version of the configuration, V(2) or V(3).
    type: int
    required: true
  own:
    description: Tables that are merged over those of the role; null leaves a key out.
    type: dict
    default: {}
positional: version, own
"""

EXAMPLES = r"""
- name: Render it
  ansible.builtin.copy:
    dest: /etc/containerd/config.toml
    content: "{{ options | podforge.hyperpod.containerd_config(2, {'debug': {'level': 'warn'}}) }}"
    mode: "0644"
"""

RETURN = r"""
_value:
  description: TOML.
  type: str
"""

from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._kubernetes import KubernetesError
from ..module_utils._kubernetes import containerd

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping


def containerd_config(options: Mapping[str, Any], version: int, own: Mapping[str, Any] | None = None) -> str:
    """The file."""
    try:
        return containerd.toml(containerd.merged(containerd.defaults(int(version), options), own or {}))
    except KubernetesError as error:
        raise AnsibleFilterError(f"podforge.hyperpod.containerd_config: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"containerd_config": containerd_config}
