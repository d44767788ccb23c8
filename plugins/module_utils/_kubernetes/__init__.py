# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: Kubernetes by kubeadm. What decides is pure; nodes are looked at and changed by the modules and roles."""

from __future__ import annotations


class KubernetesError(Exception):
    """Something the operator must mend; the text names the value and the fix."""
