# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications."""

from __future__ import annotations

from typing import Any

from .._waiting.argspec import waiting_spec
from .states import DEFAULT_POLICY

Spec = dict[str, Any]


def endpoint_spec() -> Spec:
    """Argument specification of ``ldaps_endpoint``."""
    strings = {"type": "list", "elements": "str"}
    return {
        "name": {"type": "str", "required": True, "aliases": ["load_balancer"]},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "vpc_id": {"type": "str"},
        "subnet_ids": strings,
        "security_group_ids": strings,
        "directory_id": {"type": "str"},
        "targets": strings,
        "certificate_arn": {"type": "str"},
        "ssl_policy": {"type": "str", "default": DEFAULT_POLICY},
        "target_group_name": {"type": "str"},
        "cross_zone": {"type": "bool", "default": True},
        "deletion_protection": {"type": "bool"},
        "keep_plain_listener": {"type": "bool", "default": False},
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        "unhealthy_timeout": {"type": "int", "default": 300},
        **waiting_spec(1800),
    }


def endpoint_info_spec() -> Spec:
    """Argument specification of ``ldaps_endpoint_info``."""
    return {"names": {"type": "list", "elements": "str", "aliases": ["name"]}}
