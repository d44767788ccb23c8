# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what the modules for directory logins share."""

from __future__ import annotations

import typing as t

MASK = "********"
# Who is asked for the bind secret: options of every module that needs it.
SECRET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "secret_id": {"type": "str"},
    # which key of the secret, not a key that is secret
    "secret_key": {"type": "str", "no_log": False},
    # the label of its version
    "secret_stage": {"type": "str", "default": "AWSCURRENT", "no_log": False},
    "password": {"type": "str", "no_log": True},
    "region": {"type": "str"},
}


class SssdError(Exception):
    """Something the operator must mend; the text says where, what and how, and never holds a secret."""
