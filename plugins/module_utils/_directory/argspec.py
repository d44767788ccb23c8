# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications."""

from __future__ import annotations

from typing import Any

from .._waiting.argspec import waiting_spec

Spec = dict[str, Any]


def directory_spec() -> Spec:
    """Argument specification of ``ds_microsoft_ad``."""
    forwarder = {
        "remote_domain_name": {"type": "str", "required": True},
        "dns_ip_addrs": {"type": "list", "elements": "str", "required": True},
    }
    return {
        "name": {"type": "str"},
        "directory_id": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "password": {"type": "str", "no_log": True},
        # The name of a secret is none, and neither is a key of its JSON.
        "password_secret": {"type": "str", "no_log": False},
        "password_secret_key": {"type": "str", "no_log": False},
        "edition": {"type": "str", "choices": ["Standard", "Enterprise"]},
        "short_name": {"type": "str"},
        "description": {"type": "str"},
        "vpc_id": {"type": "str"},
        "subnet_ids": {"type": "list", "elements": "str"},
        "conditional_forwarders": {"type": "list", "elements": "dict", "options": forwarder},
        "purge_conditional_forwarders": {"type": "bool", "default": True},
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        **waiting_spec(5400),
    }


def directory_info_spec() -> Spec:
    """Argument specification of ``ds_microsoft_ad_info``."""
    return {
        "names": {"type": "list", "elements": "str", "aliases": ["name"]},
        "directory_ids": {"type": "list", "elements": "str"},
        "vpc_id": {"type": "str"},
    }
