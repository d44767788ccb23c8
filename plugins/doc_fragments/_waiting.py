# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that wait with progress. Private to this collection: it may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    """``podforge.hyperpod._waiting``."""

    # For modules that act on a cluster which exists.
    DOCUMENTATION = r"""
options:
  cluster_name:
    description: Name or ARN of the cluster.
    type: str
    required: true
    aliases: [cluster]
  wait:
    description: Wait until all is done. Also, before anything is done, until the service is not busy with the cluster.
    type: bool
    default: true
  wait_delay:
    description: Seconds between two looks.
    type: int
    default: 30
  progress:
    description:
      - Show how far it is while waiting. The variable C(hyperpod_progress=false) switches it off too.
      - Nothing is shown in tasks with C(no_log), and in asynchronous ones.
    type: bool
    default: true
  _resume:
    description: Internal. By this the action plugin has a wait done in slices. Leave it out in playbooks.
    type: dict
"""

    # For modules that make a resource, beside their own wait_timeout.
    RESOURCE = r"""
options:
  wait:
    description: Wait until all is done.
    type: bool
    default: true
  wait_delay:
    description: Seconds between two looks.
    type: int
    default: 30
  progress:
    description:
      - Show how far it is while waiting. The variable C(hyperpod_progress=false) switches it off too.
      - Nothing is shown in tasks with C(no_log), and in asynchronous ones.
    type: bool
    default: true
  _resume:
    description: Internal. By this the action plugin has a wait done in slices. Leave it out in playbooks.
    type: dict
"""
