# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications of the modules."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

_PRESENCE = ["present", "absent"]


def _texts(*names: str) -> Spec:
    return {name: {"type": "str"} for name in names}


def connection_spec() -> Spec:
    """The options that all modules share, as ``podforge.hyperpod._active_directory`` documents them."""
    return {
        "hosts": {"type": "list", "elements": "str", "required": True, "aliases": ["host"]},
        "port": {"type": "int"},
        "start_tls": {"type": "bool", "default": False},
        "ca_path": {"type": "path"},
        "ca_content": {"type": "str"},
        "tls_server_name": {"type": "str"},
        "bind_user": {"type": "str", "required": True},
        "bind_password": {"type": "str", "required": True, "no_log": True},
        "base_dn": {"type": "str"},
        "timeout": {"type": "int", "default": 30},
    }


CONNECTION_EXCLUSIVE = [("ca_path", "ca_content")]


def user_spec() -> Spec:
    """Of ad_user, without the options of AWS."""
    user = {
        "name": {"type": "str", "required": True, "aliases": ["sam_account_name"]},
        "state": {"type": "str", "choices": _PRESENCE},
        **_texts("path", "cn", "upn", "given_name", "surname", "display_name", "email", "description"),
        **_texts("unix_home_directory", "login_shell", "account_expires"),
        "enabled": {"type": "bool"},
        # public ones
        "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
        "purge_ssh_keys": {"type": "bool", "no_log": False},
        "password": {"type": "str", "no_log": True},
        "generate_password": {"type": "bool", "no_log": False},
        "password_secret": {"type": "str", "no_log": False},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "no_log": False},
        "must_change_password": {"type": "bool", "no_log": False},
        "password_never_expires": {"type": "bool", "no_log": False},
        "uid_number": {"type": "int"},
        "gid_number": {"type": "int"},
        "read_only": {"type": "bool"},
    }
    return {
        **connection_spec(),
        "users": {"type": "list", "elements": "dict", "required": True, "options": user},
        "state": {"type": "str", "choices": _PRESENCE, "default": "present"},
        "path": {"type": "str"},
        "purge_ssh_keys": {"type": "bool", "default": True, "no_log": False},
        "update_password": {
            "type": "str",
            "choices": ["always", "on_create"],
            "default": "on_create",
            "no_log": False,
        },
        "password_secret": {"type": "str", "no_log": False},
        "password_secret_kms_key": {"type": "str", "no_log": False},
        "password_length": {"type": "int", "default": 32, "no_log": False},
        "directory_id": {"type": "str"},
    }


def group_spec() -> Spec:
    """Of ad_group."""
    group = {
        "name": {"type": "str", "required": True, "aliases": ["sam_account_name"]},
        "state": {"type": "str", "choices": _PRESENCE},
        **_texts("path", "cn", "description", "display_name", "email"),
        "scope": {"type": "str", "choices": ["domain_local", "global", "universal"]},
        "category": {"type": "str", "choices": ["distribution", "security"]},
        "gid_number": {"type": "int"},
        "members": {"type": "list", "elements": "str"},
        "purge_members": {"type": "bool"},
    }
    return {
        **connection_spec(),
        "groups": {"type": "list", "elements": "dict", "required": True, "options": group},
        "state": {"type": "str", "choices": _PRESENCE, "default": "present"},
        "path": {"type": "str"},
        "purge_members": {"type": "bool", "default": True},
    }


def unit_spec() -> Spec:
    """Of ad_ou."""
    unit = {
        "path": {"type": "str", "required": True, "aliases": ["dn"]},
        "state": {"type": "str", "choices": _PRESENCE},
        "description": {"type": "str"},
        "protected": {"type": "bool"},
        "recursive": {"type": "bool"},
    }
    return {
        **connection_spec(),
        "ous": {"type": "list", "elements": "dict", "required": True, "options": unit},
        "state": {"type": "str", "choices": _PRESENCE, "default": "present"},
        "recursive": {"type": "bool", "default": False},
    }


def info_spec() -> Spec:
    """Of ad_info."""
    return {
        **connection_spec(),
        "gather": {
            "type": "list",
            "elements": "str",
            "choices": ["domain", "users", "groups", "ous"],
            "default": ["domain"],
        },
        "names": {"type": "list", "elements": "str", "aliases": ["name"]},
        "filter": {"type": "str"},
        "search_base": {"type": "str"},
        "memberships": {"type": "bool", "default": False},
        "nested": {"type": "bool", "default": False},
        "rights": {"type": "bool", "default": False},
    }
