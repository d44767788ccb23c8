# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubeadm_config
short_description: What kubeadm init reads
version_added: 0.1.0
description:
  - Renders the configuration of a master in the form that a version of Kubernetes reads (C(v1beta2) to C(v1beta4)).
author: podforge contributors (@podforge)
options:
  _input:
    description: Options of the master, as the role C(kubeadm_master) has them.
    type: dict
    required: true
  version:
    description: Full version of Kubernetes, such as V(v1.32.4).
    type: str
    required: true
positional: version
"""

EXAMPLES = r"""
- name: Render it
  ansible.builtin.copy:
    dest: /etc/kubernetes/podforge/kubeadm.yaml
    content: "{{ options | podforge.hyperpod.kubeadm_config('v1.32.4') }}"
    mode: "0600"
"""

RETURN = r"""
_value:
  description: Documents in JSON, which is YAML.
  type: str
"""

from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._kubernetes import KubernetesError
from ..module_utils._kubernetes import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping


def kubeadm_config(options: Mapping[str, Any], version: str) -> str:
    """The file."""
    try:
        return config.text(config.init(version, options))
    except KubernetesError as error:
        raise AnsibleFilterError(f"podforge.hyperpod.kubeadm_config: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"kubeadm_config": kubeadm_config}
